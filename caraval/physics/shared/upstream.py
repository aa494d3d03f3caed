"""What a lattice says about the optics at its beginning, by the names of a match (Bmad manual, "Match", "Normal Modes")."""

from __future__ import annotations

from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.lattice import Lattice

from ..match import COUPLINGS, DISPERSIONS

TWISS = ("beta_a", "alpha_a", "beta_b", "alpha_b", *DISPERSIONS, *COUPLINGS)
"""What a match may take, by its names there but for the ends."""

ETA_Z = "eta_z"
"""The dispersion of z, which cavities turn into one of pz."""

OTHERWISE = {"etap_x": "deta_x_ds", "etap_y": "deta_y_ds"} | {name: f"cmat_{name[1:3]}" for name in COUPLINGS}
"""Other names at the beginning of a lattice; where the orbit is the axis, the derivatives are the same."""


def at_beginning(lattice: Lattice) -> dict[str, Any]:
    """Return the Twiss parameters at the beginning of a lattice, by their names in a match."""
    said = lattice.beginning
    start = {name: said.get(name, said.get(OTHERWISE.get(name, name), 0.0)) for name in (*TWISS, ETA_Z)}
    return {**start, "mode_flip": bool(said.get("mode_flip", False))}


def has_beginning(lattice: Lattice) -> bool:
    """Whether a lattice says its Twiss parameters at the beginning."""
    start = at_beginning(lattice)
    return not (is_zero(start["beta_a"]) or is_zero(start["beta_b"]))
