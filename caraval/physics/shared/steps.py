"""Into how many steps Bmad divides an element (Bmad manual, "Integration Methods"; PTC's re-splitting rule)."""

from __future__ import annotations

from math import factorial, floor, hypot
from typing import Any

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import is_number
from caraval.core.methods import BmadStandard, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.registry import backend_of
from caraval.core.routine import UnknownValueError

DEFAULT_STEP = 0.2
"""Length of a step [m] where Bmad has no better rule (``bmad_com[default_ds_step]``)."""

TOLERANCE = 1e-8
"""Error that the rule allows a step, ``eps`` of its formulas."""

REFERENCE_RADIUS = 0.01
"""Radius [m] at which a sextupole's gradient counts, where the element gives none."""


def nearest(value: float) -> int:
    """Round to the nearest whole number, halves upwards."""
    return floor(value + 0.5)


def number(value: Any) -> float:
    """Return a setting as one plain number: of a batch, its value of largest magnitude.

    Raises
    ------
    UnknownValueError
        If a trace hides it.
    """
    if value is None:
        return 0.0
    if is_number(value):
        return float(value)
    values = backend_of(value).value(value) if hasattr(value, "shape") else None
    if values is None:
        raise UnknownValueError
    flat = np.ravel(values)
    return float(flat[np.argmax(np.abs(flat))])


def given(method: TrackingMethod, length: Any) -> int | None:
    """Return the number of steps that the method's options say, if they do."""
    if not isinstance(method, BmadStandard):
        return getattr(method, "num_steps", None)
    if method.ds_step is not None:
        return max(1, nearest(abs(number(length)) / method.ds_step))
    return method.num_steps


def by_length(method: TrackingMethod, length: Any, step: float = DEFAULT_STEP) -> int:
    """Return the number of steps of a kind with steps of a fixed length."""
    return given(method, length) or max(1, nearest(abs(number(length)) / step))


def by_strength(length: Any, curvature: float, gradient: float, *, highest_order: int = 4) -> int:
    """Return the number of steps of the kinds for which PTC's rule weighs curvature and gradient.

    Parameters
    ----------
    length : number or array
        [m]
    curvature : float
        [1/m]
    gradient : float
        Integrated [1/m].
    highest_order : 4 or 6
        Of the integrators that the rule may choose.
    """
    least = max(1, int(gradient))
    bend = abs(curvature) * abs(number(length))
    second = max(least, (1 / (12 * TOLERANCE)) ** (1 / 2) * bend)
    fourth = max(least, (0.17 / TOLERANCE) ** (1 / 4) * bend)
    sixth = max(least, (0.017 / TOLERANCE) ** (1 / 6) * bend)
    chosen = second
    if 3 * fourth < second:
        chosen = fourth
    if highest_order == 6 and 7 * sixth < 3 * fourth and 7 * sixth < second:
        chosen = sixth
    return max(1, nearest(chosen))


def magnitude(order: int, a: Any, b: Any) -> float:
    """Return the full strength ``n! sqrt(a_n^2 + b_n^2)`` of an integrated multipole."""
    return factorial(order) * hypot(number(a), number(b))


def normalised(element: Any, reference: Reference | None) -> Any:
    """Return an element with normalised strengths, from plain numbers.

    Raises
    ------
    UnknownValueError
        If it is given by fields, and the momentum is not known.
    """
    if reference is not None and is_number(reference.p0c):
        return element.at(reference, scalar)
    if any(getattr(element, field, None) is not None for field in element.fields.values()):
        raise UnknownValueError
    return element


def plain(element: Any) -> Any:
    """Return an element with plain numbers for its parameters: of batches, those of largest magnitude.

    Raises
    ------
    UnknownValueError
        If a trace hides one.
    """
    return element.replace(**{name: None if v is None else number(v) for name, v in element.parameters.items()})


def fixed(element: Any, length: float) -> int:
    """Return Bmad's number of steps of its default length."""
    return max(1, nearest(abs(length) / DEFAULT_STEP))


def single(element: Any, length: float) -> int:
    """Return one step, Bmad's number for kinds that are drifts."""
    return 1
