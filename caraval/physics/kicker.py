"""Correctors that kick in both planes."""

from __future__ import annotations

from math import hypot
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick, steps
from .shared.electric import ElectricMagnet


class Kicker(ElectricMagnet):
    """A corrector with `hkick` and `vkick`, whose axes tilt with it (Bmad manual, "Kicker")."""

    def kick_axes(self, xp: Any) -> tuple[Any, Any]:
        """Return that kicks are along the element's own axes."""
        return 1.0, 0.0

    def is_main_odd(self) -> bool:
        """Whether multipoles are relative to one kick, not to the magnitude of both."""
        return is_zero(self.hkick) or is_zero(self.vkick)

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the kick, and the dipole's order; a single kick keeps its sign."""
        if is_zero(self.vkick):
            return self.hkick, 0
        if is_zero(self.hkick):
            return self.vkick, 0
        return xp.sqrt(self.hkick**2 + self.vkick**2), 0


def rule(kicker: Kicker, length: float) -> int:
    """Return Bmad's number of steps."""
    return steps.by_strength(length, hypot(kicker.hkick, kicker.vkick) / length, 0.0, highest_order=6)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(Kicker, rule, kicker=True)}
