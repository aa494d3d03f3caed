"""The Faddeeva function ``w(z) = exp(-z^2) erfc(-i z)``, elementwise and from plain arithmetic, as every backend has it."""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import Any

TERMS = 12
"""Nodes of the quadrature; 12 leave 8e-16 (absolute) and 1e-15 (relative) in the upper half plane."""

STEP = sqrt(pi / TERMS)
"""Distance between them, which makes what is cut off as small as what is between them."""

POLE = pi / STEP
"""Imaginary part of `z` from which on the quadrature needs no correction."""

BETWEEN = tuple(exp(-((STEP * (k + 0.5)) ** 2)) for k in range(TERMS))
"""Weights of the nodes ``(k + 1/2) STEP``."""

AT = (0.5, *(exp(-((STEP * k) ** 2)) for k in range(1, TERMS)))
"""Weights of the nodes ``k STEP``; the one at zero counts half, because the others stand for two."""


def faddeeva(x: Any, y: Any, xp: Any) -> tuple[Any, Any]:
    """Return real and imaginary part of ``w(x + i y)`` for ``y >= 0``.

    The integral ``w(z) = (i z / pi) int exp(-t^2) / (z^2 - t^2) dt`` by the trapezoidal or the midpoint rule, whichever has
    its nodes further from `x`, and the residue of the pole at ``t = z`` (Al Azah and Chandler-Wilde, SIAM J. Numer. Anal. 59,
    2346). Nothing is divided by a small number, so derivatives through this formula are as good as values.
    """
    turn = (2 * POLE) * x
    cosine, sine = xp.cos(turn), xp.sin(turn)
    midpoint = xp.where(cosine < 0, 0.0 * x, 0.0 * x + 1)
    sign = 2 * midpoint - 1
    square, four_y2 = x * x + y * y, 4 * y * y
    real = imaginary = 0.0 * x
    for k in range(TERMS):
        t2 = STEP * (k + 0.5 * midpoint)
        t2 = t2 * t2
        off = square - t2
        share = (AT[k] + midpoint * (BETWEEN[k] - AT[k])) / (off * off + t2 * four_y2)
        real = real + share * (square + t2)
        imaginary = imaginary + share * off
    # The residue 2 exp(-z^2) / (1 + s exp(-2 pi i z / h)), s = +-1, with the growing exponential divided out.
    near = xp.minimum(y, POLE + 0.0 * y)
    shrink = xp.exp(-2 * POLE * near)
    a, b = shrink + sign * cosine, -sign * sine
    residue = xp.where(y < POLE, 2 * xp.exp(near * (near - 2 * POLE) - x * x) / (a * a + b * b), 0.0 * x)
    c, s = xp.cos(2 * x * near), -xp.sin(2 * x * near)
    factor = 2 * STEP / pi
    return factor * y * real + residue * (c * a + s * b), factor * x * imaginary + residue * (s * a - c * b)
