"""What matches take from upstream: Twiss parameters that are carried along the line (Bmad manual, "Match", "Normal Modes")."""

from __future__ import annotations

from typing import Any

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.maps import LinearMap

from ..match import COUPLINGS, DISPERSIONS, Match
from .modes import columns_of, dispersed, modes_of, multiplied

TWISS = ("beta_a", "alpha_a", "beta_b", "alpha_b", *DISPERSIONS, *COUPLINGS)
"""What a match may take, by its names there but for the ends."""

OTHERWISE = {"etap_x": "deta_x_ds", "etap_y": "deta_y_ds"} | {name: f"cmat_{name[1:3]}" for name in COUPLINGS}
"""Other names at the beginning of a lattice; where the orbit is the axis, the derivatives are the same."""


def resolved(lattice: Lattice) -> Lattice:
    """Return the lattice with matches that have their Twiss parameters, which are carried from its beginning to theirs.

    They are then fixed: later changes upstream do not reach them (in Bmad: ``recalc = F``).

    Parameters
    ----------
    lattice : Lattice
        With a reference, with ``beta_a``, ``alpha_a``, ``eta_x``, ... in `beginning`, and plain numbers for settings.

    Raises
    ------
    InputError
        If the lattice is closed, so that its Twiss parameters depend on the match; or if modes exchange on the way.
    """
    elements = list(lattice.elements)
    for place, element in enumerate(elements):
        if isinstance(element, Match) and element.asks_upstream():
            elements[place] = _resolved(element, elements[:place], lattice)
    if all(new is old for new, old in zip(elements, lattice.elements, strict=True)):
        return lattice
    kept = {name: getattr(lattice, name) for name in ("reference", "geometry", "name", "beginning", "metadata")}
    return Lattice(elements, **kept)


def _resolved(match: Match, upstream: list[Element], lattice: Lattice) -> Element:
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
    here = carried(start, Lattice(upstream, reference=lattice.reference).transfer_map()) if upstream else start
    ends = "01" if match.matrix == "phase_trombone" else "0"
    return match.replace(matrix="standard", **{f"{name}{end}": value for name, value in here.items() for end in ends})


def at_beginning(lattice: Lattice) -> dict[str, Any]:
    """Return the Twiss parameters at the beginning of a lattice, by their names in a match."""
    said = lattice.beginning
    start = {name: said.get(name, said.get(OTHERWISE.get(name, name), 0.0)) for name in TWISS}
    return {**start, "mode_flip": bool(said.get("mode_flip", False))}


def carried(start: dict[str, Any], through: LinearMap) -> dict[str, Any]:
    """Return the Twiss parameters after a map.

    Modes exchange their names only where there is no other way. `etap_x` and `etap_y` are those of the momenta, which a match
    with no orbit of its own means as well.
    """
    matrix = through.matrix.tolist()
    columns = multiplied([row[:4] for row in matrix[:4]], columns_of(start, scalar))
    modes, _ = modes_of(columns, start["mode_flip"], scalar)
    dispersion = dispersed(matrix, [*(start[name] for name in DISPERSIONS), 0.0])
    found = {name: value for name, value in modes._asdict().items() if name != "gamma_c"}
    return found | dict(zip(DISPERSIONS, dispersion, strict=False))


def normal_modes(twiss: dict[str, Any]) -> Any:
    """Return the matrix ``(4, 4)`` from normalised coordinates of the modes to those of the laboratory."""
    return np.array(columns_of(twiss, scalar))
