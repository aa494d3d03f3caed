"""What horizontal and vertical correctors share."""

from __future__ import annotations

from typing import Any, ClassVar

from caraval.core.schema import Parameter

from . import steps
from .electric import ElectricMagnet
from .multipoles import integrated


class Corrector(ElectricMagnet):
    """A corrector with one kick, whose axis tilts with it (Bmad manual, "Kickers: Hkicker and Vkicker").

    Attributes
    ----------
    kick : Parameter
        Integrated kick of the whole element.
    bl_kick : Parameter, optional
        The same as an integrated field [T m], instead.
    """

    kick: Parameter = 0.0
    bl_kick: Parameter | None = None
    hkick: ClassVar[float] = 0.0  # type: ignore[misc]
    vkick: ClassVar[float] = 0.0  # type: ignore[misc]
    bl_hkick: ClassVar[None] = None  # type: ignore[misc]
    bl_vkick: ClassVar[None] = None  # type: ignore[misc]
    r0_elec: ClassVar[float] = 0.0  # type: ignore[misc]

    extensive = ("kick", "bl_kick")
    odd = ("kick", "bl_kick")
    main = ("kick", 0)
    fields = {"kick": "bl_kick"}  # noqa: RUF012

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the kick, and the dipole's order."""
        return self.kick, 0

    def skew_and_normal(self) -> tuple[Any, Any]:
        """Return the kick as integrated skew and normal dipole."""
        raise NotImplementedError

    def strengths(self, xp: Any) -> dict[int, tuple[Any, Any]]:
        """Return all integrated multipoles, the kick among them."""
        found = integrated(self, xp)
        (a, b), (skew, normal) = found.get(0, (0.0, 0.0)), self.skew_and_normal()
        return {**found, 0: (a + skew, b + normal)}


def rule(corrector: Corrector, length: float) -> int:
    """Return Bmad's number of steps."""
    return steps.by_strength(length, corrector.kick / length, 0.0, highest_order=6)
