"""The transverse field of a long Gaussian bunch (Bassetti and Erskine, CERN-ISR-TH/80-06; Bmad manual, "BeamBeam Tracking").

All are without dimension: near the axis the field is ``-4 pi (x / sigma_x, y / sigma_y)``.
"""

from __future__ import annotations

from math import pi
from typing import Any, NamedTuple

from .faddeeva import faddeeva

ROUND = 0.999, 1.001
"""Ratios of the sizes between which Bmad takes the bunch for round."""

NEAR, FAR = 1e-4, 30.0
"""Values of the Gaussian's exponent up to which and from which on Bmad has approximations for a round bunch."""


class Shape(NamedTuple):
    """Of a cross-section: sizes [m]; whether it is taller than wide, and whether round (0 or 1); what follows from the sizes.

    `ratio` is the smaller over the larger size r, `spread` is ``D = 1 / sqrt(2 - 2 r^2)``, `long` and `short` are D over the
    larger and the smaller size [1/m].
    """

    x: Any
    y: Any
    tall: Any
    round: Any
    ratio: Any
    spread: Any
    long: Any
    short: Any


def shape(x: Any, y: Any, xp: Any) -> Shape:
    """Return the shape for two sizes [m]."""
    zero = 0.0 * (x + y)
    round_ = xp.where((y > ROUND[0] * x) & (y < ROUND[1] * x), zero + 1, zero)
    larger, smaller = xp.maximum(x + zero, y + zero), xp.minimum(x + zero, y + zero)
    ratio = smaller / larger * (1 - 0.1 * round_)  # of a round one the elliptical form is not used, but has to be finite
    spread = 1 / xp.sqrt(2 - 2 * ratio * ratio)
    return Shape(x, y, xp.where(y > x, zero + 1, zero), round_, ratio, spread, spread / larger, spread / smaller)


def field(c: Shape, x: Any, y: Any, xp: Any) -> tuple[Any, Any]:
    """Return the field at a point [m]."""
    x1, y1 = (1 - c.tall) * x + c.tall * y, (1 - c.tall) * y + c.tall * x  # along the longer and the shorter axis
    # not by abs, whose derivative at zero is zero to PyTorch and JAX
    side_x = xp.where(x1 < 0, -1.0 + 0.0 * x1, 1.0 + 0.0 * x1)
    side_y = xp.where(y1 < 0, -1.0 + 0.0 * y1, 1.0 + 0.0 * y1)
    u, v = side_x * x1 * c.long, side_y * y1 * c.short
    r = c.ratio
    real, imaginary = faddeeva(u, r * v, xp)
    inner_real, inner_imaginary = faddeeva(r * u, v, xp)
    fall = xp.exp(-(1 - r * r) * (u * u + v * v))
    factor = -4 * pi**1.5 * c.spread * (1 + r)
    fx = factor * side_x * (imaginary - fall * inner_imaginary)
    fy = factor * side_y * (real - fall * inner_real)
    fx, fy = (1 - c.tall) * fx + c.tall * fy, (1 - c.tall) * fy + c.tall * fx
    central = -4 * pi * decline(exponent(c, x, y), xp)
    return (
        (1 - c.round) * fx + c.round * central * x / c.x,
        (1 - c.round) * fy + c.round * central * y / c.y,
    )


def slopes(c: Shape, x: Any, y: Any, fx: Any, fy: Any, xp: Any) -> tuple[Any, Any]:
    """Return ``d fx / d x`` and ``d fy / d y`` [1/m] (Hirata, Moshammer and Ruggiero, Part. Accel. 40, 205)."""
    a = exponent(c, x, y)
    density = xp.exp(-a)
    work, whole = x * fx + y * fy, 4 * pi * (c.x + c.y)
    # of a round one this form is not used, but has to be finite
    difference = (1 - c.round) * (c.x * c.x - c.y * c.y) + c.round * c.x * c.x
    along_x = -(work + whole * (1 - density * c.y / c.x)) / difference
    along_y = (work + whole * (1 - density * c.x / c.y)) / difference
    g, g1 = decline(a, xp), decline_slope(a, xp)
    central_x = -4 * pi * (g + g1 * (x / c.x) * (x / c.x)) / c.x
    central_y = -4 * pi * (g + g1 * (y / c.y) * (y / c.y)) / c.y
    return (
        (1 - c.round) * along_x + c.round * central_x,
        (1 - c.round) * along_y + c.round * central_y,
    )


def exponent(c: Shape, x: Any, y: Any) -> Any:
    """Return how many e-foldings the density has fallen from the centre."""
    u, v = x / c.x, y / c.y
    return 0.5 * (u * u + v * v)


def decline(a: Any, xp: Any) -> Any:
    """Return ``(1 - exp(-a)) / a``, near zero and far out as Bmad approximates it."""
    half = 0.5 * xp.minimum(xp.maximum(a, 0.0 * a + NEAR), 0.0 * a + FAR)
    within = xp.exp(-half) * xp.sinh(half) / half
    return xp.where(a < NEAR, 1 - 0.5 * a, xp.where(a > FAR, 1 / xp.maximum(a, 0.0 * a + FAR), within))


def decline_slope(a: Any, xp: Any) -> Any:
    """Return the derivative of ``(1 - exp(-a)) / a``."""
    small = a < 0.01
    at = xp.where(small, 0.0 * a + 1, a)
    series = -1 / 2 + a * (1 / 3 + a * (-1 / 8 + a * (1 / 30 - a / 144)))  # leaves 1e-11 / 840
    return xp.where(small, series, (xp.exp(-at) * (1 + at) - 1) / (at * at))
