"""A kick of space charge as an element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import caraval as cv

from .kick import kick_of
from .options import checked


class SpaceChargeKick(cv.Element):
    """What space charge does along a length, at one place.

    Attributes
    ----------
    effect_length : Parameter
        How far the bunch is pushed [m]; the element itself has no length.
    grid : tuple of int
        Nodes in x, y and z.
    extent : float, tuple of float, or None
        Half the size of the grid, in standard deviations of the bunch; particles outside neither push nor are pushed. None:
        all particles are inside.
    """

    effect_length: cv.Parameter = 0.0
    grid: tuple = (32, 32, 32)  # type: ignore[type-arg]
    extent: float | int | tuple | list | None = None  # type: ignore[type-arg]

    def validate(self) -> None:
        """Check the grid."""
        checked(self.grid, self.extent, self.label)


def _length(element: SpaceChargeKick, reference_in: cv.Reference, reference_out: cv.Reference, xp: Any) -> tuple[Any]:
    return (element.effect_length,)


def steps(element: SpaceChargeKick, method: Any, number: int) -> Sequence[cv.Step]:
    """Return the kick."""
    if not element.is_on:
        return ()
    return (cv.Step(collective=kick_of(_length, *checked(element.grid, element.extent, element.label))),)
