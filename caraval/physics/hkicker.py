"""Horizontal correctors."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick
from .shared.corrector import Corrector, rule


class HKicker(Corrector):
    """A corrector that kicks horizontally."""

    def skew_and_normal(self) -> tuple[Any, Any]:
        """Return the kick as integrated skew and normal dipole."""
        return 0.0, -self.kick


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(HKicker, rule, kicker=True)}
