"""Places with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.routine import Composite, Step

from . import drift


class Marker(Element):
    """A place in the line where nothing happens."""


def nothing(element: Element, method: Any, number: int) -> Sequence[Step]:
    """Return no steps, or a drift if somebody gave the marker a length."""
    return () if is_zero(element.length) else drift.switched_off(element)


def linear(element: Element, reference_in: Any, reference_out: Any, xp: Any) -> Any:
    """Return the matrix of a drift, mostly of length zero."""
    return drift.linear(element, reference_in, reference_out, xp)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The same nothing whatever the method."""
    return {
        (Marker, "bmad_standard"): Composite(nothing),
        (Marker, "kick_drift_kick"): Composite(nothing),
        (Marker, "runge_kutta"): Composite(nothing),
        (Marker, "linear"): linear,
    }
