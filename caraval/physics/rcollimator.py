"""Rectangular collimators."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick, steps
from .shared.collimator import Collimator


class RCollimator(Collimator):
    """A rectangular collimator: its opening moves and turns with it (Bmad manual, "Collimators")."""


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks, if any, and exact drifts."""
    return {**drift_kick.methods(RCollimator, steps.single)}
