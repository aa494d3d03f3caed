"""Vertical correctors."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick
from .shared.corrector import Corrector, rule


class VKicker(Corrector):
    """A corrector that kicks vertically."""

    def skew_and_normal(self) -> tuple[Any, Any]:
        """Return the kick as integrated skew and normal dipole."""
        return self.kick, 0.0


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(VKicker, rule, kicker=True)}
