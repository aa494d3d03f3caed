"""Thick multipoles."""

from __future__ import annotations

from typing import Any, ClassVar

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick, steps
from .shared.electric import ElectricMagnet


class ThickMultipole(ElectricMagnet):
    """A magnet with nothing but multipoles, which are integrated over its length (Bmad manual, "Thick_Multipole")."""

    r0_mag: ClassVar[float] = 0.0  # type: ignore[misc]
    r0_elec: ClassVar[float] = 0.0  # type: ignore[misc]
    scale_multipoles: ClassVar[bool] = False  # type: ignore[misc]


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(ThickMultipole, steps.fixed)}
