"""Lost particles: the test for plain nonsense, and how losses are counted.

While a beam is tracked, a particle carries the number of the stage that it was lost in, counted from one; zero if it could
not even start, infinity while it lives, and -1 if it came in lost. So whoever goes back through the stages knows who was there.
"""

from __future__ import annotations

from typing import Any

from .routine import Routine

ALIVE = float("inf")
LOST_BEFORE = -1.0

MAXIMUM_ORBIT = 1000.0
"""A particle further than this [m] from the axis is lost (Bmad manual, ``bmad_com[max_aperture_limit]``)."""

ORBIT_LOST = "the orbit is lost: it leaves the region where tracking has values"
"""What is said of an orbit that grows beyond what numbers can be."""

OUTSIDE = -1.0
"""The number of a test that is not passed; any negative one will do."""

BEYOND = 2 * MAXIMUM_ORBIT
"""Where a routine puts a particle [m] that never comes out of a field, as Bmad does."""


def sane(q: Any, xp: Any) -> Any:
    """Whether particles can go on: near enough to the axis, moving forward, and a number at all."""
    return margin(q, xp) >= 0


def margin(q: Any, xp: Any) -> Any:
    """Return a number that is not negative if particles can go on.

    Tests that hold together are written as such numbers: compilers of loops do badly with truth values.
    """
    momentum = 1 + q.pz
    forward = momentum * xp.abs(momentum) - (q.px * q.px + q.py * q.py)
    return within(q.x, MAXIMUM_ORBIT, within(q.y, MAXIMUM_ORBIT, forward, xp), xp)


def within(distance: Any, limit: Any, further: Any, xp: Any) -> Any:
    """Return the number of a `further` test if particles are not more than `limit` away."""
    return xp.where(xp.abs(distance) <= limit, further, OUTSIDE)


def _no_constants(element: Any, reference_in: Any, reference_out: Any, xp: Any) -> tuple[()]:
    return ()


def _guard(c: Any, q: Any, xp: Any) -> Any:
    return sane(q, xp)


GUARD = Routine(track=_guard, prepare=_no_constants)
"""The test at the end of every element that has no other."""
