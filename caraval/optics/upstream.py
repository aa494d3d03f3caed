"""Matches that take from upstream what is there: optics carried from the beginning of a line (Bmad manual, "Match")."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.registry import backend_of
from caraval.physics.marker import Marker
from caraval.physics.match import COUPLINGS, DISPERSIONS, Match
from caraval.physics.shared.upstream import ETA_Z, at_beginning

from .along import Optics, passed
from .line import Line
from .twiss import begun


def resolved(lattice: Lattice) -> Lattice:
    """Return the lattice with matches that have their Twiss parameters, which are carried from its beginning to theirs.

    They are carried as :func:`caraval.optics.twiss` does it, about the orbit, with arrays of settings and with gradients. Then
    they are fixed: later changes upstream do not reach them (in Bmad: ``recalc = F``).

    Parameters
    ----------
    lattice : Lattice
        With a reference, and with ``beta_a``, ``alpha_a``, ``eta_x``, ... in `beginning`.

    Raises
    ------
    InputError
        If the lattice is closed, so that its Twiss parameters depend on the match; or if settings in an array have different
        modes flipped, or a trace hides whether they have.
    """
    elements = list(lattice.elements)
    for place, element in enumerate(elements):
        if isinstance(element, Match) and element.asks_upstream():
            elements[place] = _resolved(element, elements[:place], lattice)
    if all(new is old for new, old in zip(elements, lattice.elements, strict=True)):
        return lattice
    return _with(lattice, elements)


def _resolved(match: Match, upstream: Sequence[Element], lattice: Lattice) -> Element:
    if match.matrix == "phase_trombone" and is_zero(match.dphi_a) and is_zero(match.dphi_b):
        return match.replace(matrix="identity")
    if lattice.geometry == "closed":
        raise InputError(
            f"{match.label}: in a closed lattice {match.matrix} depends on the optics that it changes; "
            "give beta_a0, beta_b0, ... and recalc=False"
        )
    start = at_beginning(lattice)
    if is_zero(start["beta_a"]) or is_zero(start["beta_b"]):  # Bmad has nothing to match from, then
        return match.replace(matrix="identity")
    here = _taken(match, arriving(_with(lattice, upstream or [Marker()])))
    ends = "01" if match.matrix == "phase_trombone" else "0"
    return match.replace(matrix="standard", **{f"{name}{end}": value for name, value in here.items() for end in ends})


def arriving(lattice: Lattice, count: int | None = None) -> Optics:
    """Return the optics after some elements, or after all: periodic ones of rings, else of what the lattice says of its start.

    Raises
    ------
    CaravalError
        If there are none.
    """
    line = Line(lattice)
    return next(islice(passed(line, begun(line, None)), len(lattice) if count is None else count, None))


def named(optics: Optics) -> dict[str, Any]:
    """Return optics by the names that they have at the beginning of a lattice, where `etap_x` is of the momenta."""
    modes = optics.modes._asdict()
    found = {name: modes[name] for name in ("beta_a", "alpha_a", "beta_b", "alpha_b", *COUPLINGS, "mode_flip")}
    dispersion = zip((*DISPERSIONS, ETA_Z), optics.dispersion, strict=True)
    return found | {name: value for name, value in dispersion if value is not None}


def _taken(match: Match, optics: Optics) -> dict[str, Any]:
    """Return optics by their names in a match, where `etap_x` is of the slope, about its own orbit at the entrance."""
    found = named(optics)
    momentum = 1 + match.pz0
    for plane in "xy":
        steepness = getattr(match, f"p{plane}0") / momentum
        found[f"etap_{plane}"] = (found[f"etap_{plane}"] - steepness) / momentum
    found.pop(ETA_Z, None)  # a match leaves it as it is
    return {**found, "mode_flip": _one(match, found["mode_flip"])}


def _one(match: Match, flips: Any) -> bool:
    """Return whether modes are flipped, of one setting or of all of them."""
    known = np.asarray(flips) if isinstance(flips, (bool, np.bool_)) else backend_of(flips).shown(flips)
    if known is None:
        raise InputError(
            f"{match.label}: a trace hides whether the modes upstream are flipped; resolve the lattice outside of it, or "
            "give beta_a0, beta_b0, ... and recalc=False"
        )
    if known.all() != known.any():
        raise InputError(f"{match.label}: the modes upstream are flipped in some of the settings; resolve those by themselves")
    return bool(known.any())


def _with(lattice: Lattice, elements: Sequence[Element]) -> Lattice:
    """Return a lattice that begins as another does."""
    kept = {name: getattr(lattice, name) for name in ("reference", "geometry", "name", "beginning", "metadata")}
    return Lattice(elements, **kept)
