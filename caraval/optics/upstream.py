"""Matches that take from upstream what is there: optics carried from the beginning of a line (Bmad manual, "Match")."""

from __future__ import annotations

from typing import Any

import numpy as np

from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.registry import backend_of
from caraval.physics.match import COUPLINGS, DISPERSIONS, Match
from caraval.physics.shared.upstream import ETA_Z, has_beginning

from .along import Optics, arrived
from .line import Line
from .twiss import begun


def resolved(lattice: Lattice) -> Lattice:
    """Return the lattice with its matches as they are now: later changes upstream do not reach them (Bmad: ``recalc = F``).

    Otherwise a match that depends on what is upstream gets its Twiss parameters anew whenever the lattice is tracked. They are
    carried from the beginning as :func:`caraval.optics.twiss` does it, about the orbit, with arrays of settings and with
    gradients.

    Parameters
    ----------
    lattice : Lattice
        With a reference, and with ``beta_a``, ``alpha_a``, ``eta_x``, ... in `beginning`.

    Raises
    ------
    InputError
        If the lattice is closed, so that its Twiss parameters depend on the match, or says nothing of its beginning; or if
        settings in an array have different modes flipped, or a trace hides whether they have.
    """
    planner = lattice.planner
    return lattice.replace(elements=planner.local()) if planner.asking else lattice


def from_upstream(match: Match, before: Lattice) -> Element:
    """Return what a match is behind a line."""
    if match.turns_nothing():
        return match.replace(matrix="identity")
    if before.geometry == "closed":
        raise InputError(
            f"{match.label}: in a closed lattice {match.matrix} depends on the optics that it changes; "
            "give beta_a0, beta_b0, ... and recalc=False"
        )
    if not has_beginning(before):
        raise InputError(
            f"{match.label}: {match.matrix} needs the Twiss parameters upstream; say those at the start, "
            "lattice.replace(beginning={'beta_a': 10.0, 'beta_b': 10.0}), or give beta_a0, beta_b0, ... and recalc=False"
        )
    here = _taken(match, arriving(before))
    ends = "01" if match.matrix == "phase_trombone" else "0"
    return match.with_values({"matrix": "standard", **{f"{name}{end}": value for name, value in here.items() for end in ends}})


def arriving(lattice: Lattice, count: int | None = None) -> Optics:
    """Return the optics after some elements, or after all: periodic ones of rings, else of what the lattice says of its start.

    Raises
    ------
    CaravalError
        If there are none.
    """
    line = Line(lattice)
    return arrived(line, begun(line, None), len(lattice) if count is None else count)


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


def _one(match: Match, flips: Any) -> Any:
    """Return whether modes are flipped, of one setting or of all of them; of one that a trace hides, as it is."""
    known = np.asarray(flips) if isinstance(flips, (bool, np.bool_)) else backend_of(flips).shown(flips)
    if known is None:
        if flips.ndim == 0:
            return flips
        raise InputError(
            f"{match.label}: a trace hides whether the modes upstream are flipped; resolve the lattice outside of it, or "
            "give beta_a0, beta_b0, ... and recalc=False"
        )
    if known.all() != known.any():
        raise InputError(f"{match.label}: the modes upstream are flipped in some of the settings; resolve those by themselves")
    return bool(known.any())
