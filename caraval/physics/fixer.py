"""Places where orbit and optics are known."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .marker import Marker

_OPTICS = ("beta_{}", "alpha_{}", "phi_{}", "dbeta_dpz_{}", "dalpha_dpz_{}")
_DISPERSION = ("eta_{}", "etap_{}", "deta_dpz_{}", "detap_dpz_{}")

STORED = tuple(
    f"{name}_stored"
    for name in (
        *("x", "px", "y", "py", "z", "pz", "spin_x", "spin_y", "spin_z"),
        *(name.format(mode) for mode in "ab" for name in _OPTICS),
        *(name.format(plane) for plane in "xy" for name in _DISPERSION),
        *(f"cmat_{i}{j}" for i in "12" for j in "12"),
    )
)
"""Names of what a fixer stores."""

_Stored: Any = type(
    "_Stored",
    (Marker,),
    {"__module__": __name__, "__annotations__": dict.fromkeys(STORED, Parameter), **dict.fromkeys(STORED, 0.0)},
)


class Fixer(_Stored):  # type: ignore[misc]
    """A place where orbit and Twiss parameters are known (Bmad manual, "Fixer"); to the beam a marker.

    Attributes
    ----------
    x_stored, ..., beta_a_stored, ..., eta_x_stored, ..., cmat_11_stored, ... : Parameter
        What is known there; see :data:`STORED`.
    mode_flip_stored : bool
        Whether the normal modes are exchanged.
    is_on : bool
        Whether Bmad takes these for what its optics start from. Nothing here does.
    """

    mode_flip_stored: bool = False
    is_on: bool = False

    feels_misalignment = False


@hookimpl
def register_elements() -> list[type[Element]]:
    """One kind; it is tracked as a marker."""
    return [Fixer]
