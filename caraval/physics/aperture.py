"""Apertures: where particles are lost on purpose (Bmad manual, "Aperture Limits")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import OUTSIDE, margin
from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step

from . import misalignment
from .shared.collimator import Collimator

UNLIMITED = 1000.0
"""Half width [m] that stands for no limit."""

LIMITS = ("x1_limit", "x2_limit", "y1_limit", "y2_limit")


class Opening(NamedTuple):
    """Where coordinates are seen from (two rows of a rotation and a shift), and the limits there [m]."""

    r00: Any
    r01: Any
    t0: Any
    r10: Any
    r11: Any
    t1: Any
    x1: Any
    x2: Any
    y1: Any
    y2: Any


class Ellipse(NamedTuple):
    """Centre [m] and inverse half widths [1/m]."""

    x: Any
    y: Any
    per_x: Any
    per_y: Any


def _between(low: Any, value: Any, high: Any, further: Any, xp: Any) -> Any:
    """Return the number of a `further` test, see :func:`caraval.core.loss.margin`, if a value is between limits."""
    return xp.where(value >= low, xp.where(value <= high, further, OUTSIDE), OUTSIDE)


def rectangle(c: Opening, q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside a rectangle that moves with the element; on the edge counts as inside."""
    x = c.r00 * q.x + c.r01 * q.y + c.t0
    y = c.r10 * q.x + c.r11 * q.y + c.t1
    return _between(-c.x1, x, c.x2, _between(-c.y1, y, c.y2, margin(q, xp), xp), xp) >= 0


def fixed_rectangle(c: tuple[Any, Any, Any, Any], q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside a rectangle about the nominal axis."""
    return _between(-c[0], q.x, c[1], _between(-c[2], q.y, c[3], margin(q, xp), xp), xp) >= 0


def ellipse(c: Opening, q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside an ellipse that moves with the element."""
    x = c.r00 * q.x + c.r01 * q.y + c.t0
    y = c.r10 * q.x + c.r11 * q.y + c.t1
    u = (2 * x + c.x1 - c.x2) / (c.x1 + c.x2)
    v = (2 * y + c.y1 - c.y2) / (c.y1 + c.y2)
    return xp.where(u * u + v * v < 1, margin(q, xp), OUTSIDE) >= 0


def fixed_ellipse(c: Ellipse, q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside an ellipse about the nominal axis."""
    u = (q.x - c.x) * c.per_x
    v = (q.y - c.y) * c.per_y
    return xp.where(u * u + v * v < 1, margin(q, xp), OUTSIDE) >= 0


def _limits(element: Element, xp: Any) -> list[Any]:
    """Return the four limits; none is a limit far away."""
    out = []
    for name in LIMITS:
        limit = getattr(element, name)
        out.append(UNLIMITED if is_zero(limit) else xp.where(limit == 0, UNLIMITED, limit))
    return out


def _prepare_fixed_rectangle(element: Element, before: Reference, after: Reference, xp: Any) -> tuple[Any, ...]:
    return tuple(_limits(element, xp))


def _prepare_fixed_ellipse(element: Element, before: Reference, after: Reference, xp: Any) -> Ellipse:
    x1, x2, y1, y2 = _limits(element, xp)
    return Ellipse((x2 - x1) / 2, (y2 - y1) / 2, 2 / (x1 + x2), 2 / (y1 + y2))


def _prepare_opening(element: Element, before: Reference, after: Reference, xp: Any, *, entrance: bool) -> Opening:
    """See the place of a particle from the element as it stands; only collimators turn their opening with their tilt."""
    turns = element.aperture_follows_tilt or "tilt" not in element.parameters
    seen = element if turns else element.with_values({"tilt": 0.0})
    r, t = misalignment.body_position(seen, entrance, xp)
    return Opening(r[0][0], r[0][1], t[0], r[1][0], r[1][1], t[1], *_limits(element, xp))


def checks(element: Element, *, entrance: bool) -> list[Routine]:
    """Return the tests at an end of the element."""
    end = "entrance_end" if entrance else "exit_end"
    if element.aperture_at not in (end, "both_ends", "continuous"):
        return []
    windows = element.windows() if isinstance(element, Collimator) else None
    return [test for test in (windows, _opening(element, entrance=entrance)) if test is not None]


def _opening(element: Element, *, entrance: bool) -> Routine | None:
    """Return the test of the opening; None if there is no limit."""
    if all(is_zero(getattr(element, name)) for name in LIMITS):
        return None
    elliptical = element.aperture_type == "elliptical"
    for one, other in (LIMITS[:2], LIMITS[2:]) if elliptical else ():
        if is_zero(getattr(element, one)) != is_zero(getattr(element, other)):
            raise InputError(f"{element.label}: an elliptical aperture needs both {one} and {other}, or neither")
    if element.offset_moves_aperture and misalignment.frame(element) is not None:
        return Routine(track=ellipse if elliptical else rectangle, prepare=partial(_prepare_opening, entrance=entrance))
    if elliptical:
        return Routine(track=fixed_ellipse, prepare=_prepare_fixed_ellipse)
    return Routine(track=fixed_rectangle, prepare=_prepare_fixed_rectangle)


def wrap(element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    """Put the tests of an element's aperture at its ends."""
    entering = [Step(check=test, at_entrance=True) for test in checks(element, entrance=True)]
    leaving = [Step(check=test) for test in checks(element, entrance=False)]
    if not (entering or leaving):
        return steps
    out = list(steps)
    if out and leaving:
        out[-1] = out[-1]._replace(check=leaving.pop(0).check)
    return [*entering, *out, *leaving]


@hookimpl
def plan_steps() -> list[Any]:
    """Wrap every element's steps, misalignment included."""
    return [wrap]
