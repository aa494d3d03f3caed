"""Beam position monitors."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick, steps
from .shared.multipoles import Kicked


class Monitor(Kicked):
    """A monitor of the beam's position; it may kick."""


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks, if any, and exact drifts."""
    return {**drift_kick.methods(Monitor, steps.single)}
