"""Elliptical collimators."""

from __future__ import annotations

from typing import Any, Literal

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .shared import drift_kick, steps
from .shared.collimator import Collimator


class ECollimator(Collimator):
    """An elliptical collimator: its opening moves and turns with it (Bmad manual, "Collimators").

    Of two windows in px and py, or in z and pz, the corners are cut off: they are ellipses.
    """

    aperture_type: Literal["rectangular", "elliptical"] = "elliptical"

    elliptic_windows = True


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks, if any, and exact drifts."""
    return {**drift_kick.methods(ECollimator, steps.single)}
