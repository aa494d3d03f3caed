"""Attributes that follow a variable through given points (Bmad manual, "Group, Overlay, and Ramper Element Syntax")."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from caraval.physics.shared.waveform import akima

INTERPOLATIONS = ("cubic", "linear")
"""How to go from point to point: by Akima's cubics, which is the default, or by straight lines."""


def interpolated(x: Sequence[float], y: Sequence[float], at: float, *, cubic: bool) -> float:
    """Return the value between points, or beyond them; cubics go on as far as the end intervals are long.

    Raises
    ------
    ValueError
        If the points make no sense, or are too far away.
    """
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} values in x_knot and {len(y)} in the knots of the attribute")
    if len(x) < 2 or any(after <= before for before, after in pairwise(x)):
        raise ValueError("x_knot must have two values at least, and they must ascend")
    if cubic and not 2 * x[0] - x[1] <= at <= 2 * x[-1] - x[-2]:
        raise ValueError(f"{at:g} is further beyond the knots, {x[0]:g} to {x[-1]:g}, than their end intervals are long")
    chords = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(len(x) - 1)]
    i = min(max(bisect_right(x, at) - 1, 0), len(chords) - 1)
    u = at - x[i]
    if not cubic:
        return y[i] + chords[i] * u
    slopes, step = akima(chords), x[i + 1] - x[i]
    square = (3 * chords[i] - 2 * slopes[i] - slopes[i + 1]) / step
    cube = (slopes[i] + slopes[i + 1] - 2 * chords[i]) / step**2
    return y[i] + u * (slopes[i] + u * (square + u * cube))
