"""What a scan keeps of each beam: quantities by name, with their units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations_with_replacement, product
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number, library
from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError, UnknownNameError, suggest
from caraval.core.moments import MomentBeam, moments_from
from caraval.core.registry import backend_of, registry
from caraval.core.tracking import Beam

from .settings import Columns


class Quantity(NamedTuple):
    """A number that a beam has.

    Attributes
    ----------
    unit : str
    read : callable
        From a beam's moments.
    """

    unit: str
    read: Callable[[MomentBeam], Any]


_UNITS = {"x": "m", "px": "1", "y": "m", "py": "1", "z": "m", "pz": "1"}
_AREAS = {"x": "m rad", "y": "m rad", "z": "m"}
_TWISS = {"beta": "m", "alpha": "1", "gamma": "1/m", "eta": "m", "etap": "1"}


def _quantities() -> Iterator[tuple[str, Quantity]]:
    yield "transmission", Quantity("1", lambda _: 1.0)  # apertures do not act on moments
    yield "charge", Quantity("C", attrgetter("charge"))
    for name, unit in {"s": "m", "t": "s", "p0c": "eV", "energy": "eV"}.items():
        yield name, Quantity(unit, attrgetter(f"reference.{name}"))
    for i, (name, unit) in enumerate(_UNITS.items()):
        yield f"mean_{name}", Quantity(unit, methodcaller("mean_of", i))
        yield f"sigma_{name}", Quantity(unit, methodcaller("sigma", name))
    for (i, a), (j, b) in combinations_with_replacement(enumerate(_UNITS), 2):
        unit = ("1", "m", "m^2")[[_UNITS[a], _UNITS[b]].count("m")]
        yield f"covariance_{a}_{b}", Quantity(unit, methodcaller("covariance_of", i, j))
    for plane, unit in _AREAS.items():
        yield f"emittance_{plane}", Quantity(unit, methodcaller("emittance", plane))
        yield f"normalized_emittance_{plane}", Quantity(unit, methodcaller("normalized_emittance", plane))
    for plane, (name, unit) in product("xy", _TWISS.items()):
        yield f"{name}_{plane}", Quantity(unit, partial(_twiss, plane, name))


def _twiss(plane: str, name: str, moments: MomentBeam) -> Any:
    return getattr(moments.twiss_anyhow(plane), name)


QUANTITIES = dict(_quantities())
"""All that a scan can keep, by name. Moments are those of the living; ``energy`` is the reference particle's."""

DEFAULT = (
    "transmission", "mean_x", "mean_y", "sigma_x", "sigma_y", "sigma_z", "sigma_pz",
    "normalized_emittance_x", "normalized_emittance_y",
)  # fmt: skip
"""What is kept where nobody says what."""


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of quantities, checked.

    Raises
    ------
    UnknownNameError
        If there is no such quantity.
    InputError
        If there are none.
    """
    if isinstance(names, str):
        names = [names]
    for name in names:
        if name not in QUANTITIES:
            raise UnknownNameError(
                f"no output {name!r}{suggest(name, QUANTITIES)}; there are {', '.join(QUANTITIES)}, or give a function"
            )
    if not names:
        raise InputError(f"a scan needs outputs, such as {', '.join(DEFAULT)}")
    return tuple(names)


def values(names: Sequence[str], beam: Beam) -> dict[str, Any]:
    """Return quantities of a beam as NumPy arrays; moments and Twiss parameters that there are none of are NaN."""
    moments, transmission = (beam, 1.0) if isinstance(beam, MomentBeam) else (_moments(beam), beam.transmission)
    read = {name: transmission if name == "transmission" else QUANTITIES[name].read(moments) for name in names}
    return {name: on_numpy(value) for name, value in read.items()}


def on_numpy(value: Any) -> Any:
    """Return a number or an array of any backend in NumPy."""
    return np.asarray(value) if is_number(value) or library(value) == "numpy" else backend_of(value).to_numpy(value)


def _moments(beam: ParticleBeam) -> MomentBeam:
    """Return the moments of the living, NaN for settings that lose all."""
    charge = beam.total_charge
    if on_numpy(charge).any():
        return moments_from(*beam.mean_and_covariance(), beam.reference, charge)
    numpy = registry().backend("numpy")
    shape = tuple(charge.shape)
    return moments_from(
        numpy.asarray(np.full((*shape, 6), np.nan)), numpy.asarray(np.full((*shape, 6, 6), np.nan)), beam.reference, charge
    )


def columns(names: Sequence[str], out: dict[str, Any], history: dict[str, list[dict[str, Any]]]) -> Columns:
    """Return the columns of what was read at the end, and at places: ``sigma_x``, ``bpm1.sigma_x``, ``bpm2##2.sigma_x``."""
    found = {name: out[name] for name in names}
    for place, looks in history.items():
        for number, look in enumerate(looks, 1):
            label = f"{place}##{number}" if len(looks) > 1 else place
            found.update({f"{label}.{name}": look[name] for name in names})
    return found
