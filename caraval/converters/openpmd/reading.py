"""Reads beams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError, InputError
from caraval.core.reference import C_LIGHT, Reference, Species, as_species
from caraval.core.registry import registry

from .bunch import Array, Bunch
from .files import library, opened, particles
from .own import Own, read_own
from .records import read_bunch, read_species

TRUSTED = 1e-9
"""A total momentum that is relatively further than this from that of the components does not belong to them."""


class Plane(NamedTuple):
    """Where particles meet a plane: its `z` [m], their `x` and `y` [m] there, and how much later [s] than in the file."""

    z: float
    x: Array
    y: Array
    delay: Array


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    iteration: str | int | None = None,
    backend: str = "numpy",
    dtype: str = "float64",
    device: Any = None,
) -> ParticleBeam:
    """Read a bunch.

    Particles that are not at one plane (a bunch at one time, from a code that integrates in time) fly freely to the mean
    ``z`` of the living. Means are weighted by charge.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's (``totalMomentumOffset``, where all the living have the same), else the
        mean total momentum of the living.
    species : Species or str, optional
        Left out: the file's. In a file of several species it says which.
    s : float, optional
        Place in the line [m]. Left out: the file's (mean ``sPosition`` of the living), else the plane's ``z``.
    t : float, optional
        Time of the reference particle [s]. Left out: the file's (``timeOffset``, where all the living have the same and are
        at one plane), else the mean time of the living.
    iteration : str or int, optional
        Which, in a file of several iterations (Bmad: of several bunches).
    backend, dtype, device
        Where the particles live.

    Returns
    -------
    ParticleBeam
        Particles with a ``particleStatus`` other than 1 are not alive; they stay where they are, and `lost_s` is their
        ``sPosition``, else how far their ``z`` is from the plane's. Where none is alive (a bunch that waits at a cathode) all
        count in the means, and ``beam.replace(alive=True)`` wakes them up. Charges are positive, whatever their sign in the
        file.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If openpmd-beamphysics is not installed.
    """
    path = Path(path)
    readers = library("readers")
    with _named(path):
        given = Own(p0c=_number("p0c", p0c), s=_number("s", s), t=_number("t", t))
        with opened(path) as file:
            group = particles(file, iteration, species)
            own = read_own(group)
            found = as_species(species) if species is not None else own.species or read_species(group)
            bunch = read_bunch(readers, group)
        return _beam(bunch, found, given, own, backend, dtype, device)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except CaravalError as error:
        raise type(error)(f"{path}: {error}") from error


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{name} must be a finite number, not {value!r}")
    return number


def _beam(bunch: Bunch, species: Species, given: Own, own: Own, backend: str, dtype: str, device: Any) -> ParticleBeam:
    """Return the beam; what was given comes before what the file says."""
    plane = _plane(bunch, species)
    stated = own.p0c if own.p0c is not None else bunch.common(bunch.p0c)
    p0c = given.p0c if given.p0c is not None else stated or bunch.mean(bunch.momentum())
    if not 0 < p0c < float("inf"):
        raise InputError(f"the reference momentum p0c must be positive, not {p0c!r} eV; give p0c=...")
    excess = _excess(bunch, p0c, stated)
    momentum = p0c + excess
    beta = momentum / np.hypot(momentum, species.mass)
    lag, t = _lag(bunch, plane, given.t if given.t is not None else own.t)
    s, lost_s = _places(bunch, plane, given.s if given.s is not None else own.s)

    target = registry().backend(backend)
    arrays = (plane.x, bunch.px / p0c, plane.y, bunch.py / p0c, -beta * C_LIGHT * lag, excess / p0c, bunch.charge, lost_s)
    *q, charge, lost_s = (target.asarray(np.array(a), dtype=target.dtype(dtype), device=device) for a in arrays)
    alive = target.asarray(bunch.alive, device=device)
    return ParticleBeam(*q, reference=Reference(species, p0c, s, t), charge=charge, alive=alive, lost_s=lost_s)


def _plane(bunch: Bunch, species: Species) -> Plane:
    """Let particles fly freely to one plane, if they are not at one; the lost stay where they are."""
    counted = bunch.counted()
    still = np.zeros_like(bunch.z)
    if np.ptp(bunch.z[counted]) == 0:
        return Plane(float(bunch.z[counted][0]), bunch.x, bunch.y, still)
    z = bunch.mean(bunch.z)
    backward = np.count_nonzero(counted & (bunch.pz <= 0))
    if backward:
        raise InputError(
            f"the particles are at different z, and {backward} of them do not move forward, so they never meet at one plane"
        )
    way = np.divide(z - bunch.z, bunch.pz, out=still, where=counted)
    delay = way * np.hypot(bunch.momentum(), species.mass) / C_LIGHT
    return Plane(z, bunch.x + way * bunch.px, bunch.y + way * bunch.py, delay)


def _excess(bunch: Bunch, p0c: float, stated: float | None) -> Array:
    """Return how much each total momentum exceeds `p0c`, without the difference of two near numbers."""
    total = bunch.momentum()
    plain: Array = (bunch.px**2 + bunch.py**2 + (bunch.pz - p0c) * (bunch.pz + p0c)) / (total + p0c)
    if bunch.excess is None or stated is None:
        return plain
    exact = bunch.excess + (stated - p0c)
    belongs = (np.abs(exact - plain) <= TRUSTED * (total + p0c)) | ~bunch.alive
    return exact if belongs.all() else plain


def _lag(bunch: Bunch, plane: Plane, t: float | None) -> tuple[Array, float]:
    """Return how much later than the reference particle each one is [s], and the time of that [s]."""
    offset = np.zeros_like(bunch.time) if bunch.time_offset is None else bunch.time_offset
    if t is None and not plane.delay.any():  # else it would be the time of the reference particle at another plane
        t = bunch.common(bunch.time_offset)
    if t is not None:
        return (offset - t) + bunch.time + plane.delay, t
    first = np.argmax(bunch.counted())
    later = (offset - offset[first]) + (bunch.time - bunch.time[first]) + plane.delay
    mean = bunch.mean(later)
    return later - mean, float(offset[first] + bunch.time[first] + mean)


def _places(bunch: Bunch, plane: Plane, s: float | None) -> tuple[float, Array]:
    """Return where the bunch is in the line, and where each particle was lost [m]."""
    if s is None:
        s = bunch.common(bunch.s)
    if s is None:
        s = plane.z if bunch.s is None else bunch.mean(bunch.s)
    lost = s + (bunch.z - plane.z) if bunch.s is None else bunch.s
    return s, np.where(bunch.alive, np.inf, lost)
