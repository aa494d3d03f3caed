"""Special functions of tracking: entire or smooth where the textbook form divides zero by zero.

All are elementwise and free of branches, so that values and first and second derivatives are right at zero strength,
zero angle and zero length, in both precisions.
"""

from __future__ import annotations

from math import factorial
from typing import Any


def half_versine(v: Any) -> tuple[Any, Any]:
    """Return ``(1 - cos sqrt v, sin(sqrt v) / sqrt v)`` for ``|v| <= 1`` by their series (eight terms: 2e-17)."""
    w = v * v
    versine = v * (
        (1 / 2 + w * (1 / 720 + w * (1 / 3628800 + w * (1 / 87178291200))))
        - v * (1 / 24 + w * (1 / 40320 + w * (1 / 479001600 + w * (1 / 20922789888000))))
    )
    sine = (1 + w * (1 / 120 + w * (1 / 362880 + w * (1 / 6227020800)))) - v * (
        1 / 6 + w * (1 / 5040 + w * (1 / 39916800 + w * (1 / 1307674368000)))
    )
    return versine, sine


def double_angle(versine: Any, sine: Any) -> tuple[Any, Any]:
    """Return the pair of :func:`half_versine` at four times the argument (twice the angle)."""
    return 2 * versine * (2 - versine), sine * (1 - versine)


def cos_sin(u: Any) -> tuple[Any, Any]:
    """Return ``cos sqrt u`` and ``sin(sqrt u) / sqrt u``, for negative `u` the hyperbolic functions.

    Entire functions of `u`: three doublings of the angle of the series at ``u / 64``, exact to rounding up to ``|u| = 64``.
    """
    versine, sine = half_versine(u * 0.015625)
    for _ in range(3):
        versine, sine = double_angle(versine, sine)
    return 1 - versine, sine


def cos_sin_both(u: Any) -> tuple[Any, Any, Any, Any]:
    """Return :func:`cos_sin` of `u` and of ``-u``."""
    versine, sine, other_versine, other_sine = versine_sine_both(u)
    return 1 - versine, sine, 1 - other_versine, other_sine


def versine_sine_both(u: Any) -> tuple[Any, Any, Any, Any]:
    """Return ``1 - cos sqrt u`` and ``sin(sqrt u) / sqrt u``, and both of ``-u``, as exact as :func:`cos_sin`.

    The two series share their even and odd parts.
    """
    v = u * 0.015625
    w = v * v
    even = 1 / 2 + w * (1 / 720 + w * (1 / 3628800 + w * (1 / 87178291200)))
    odd = v * (1 / 24 + w * (1 / 40320 + w * (1 / 479001600 + w * (1 / 20922789888000))))
    versine, other_versine = v * (even - odd), -v * (even + odd)
    even = 1 + w * (1 / 120 + w * (1 / 362880 + w * (1 / 6227020800)))
    odd = v * (1 / 6 + w * (1 / 5040 + w * (1 / 39916800 + w * (1 / 1307674368000))))
    sine, other_sine = even - odd, even + odd
    for _ in range(3):
        versine, sine = double_angle(versine, sine)
        other_versine, other_sine = double_angle(other_versine, other_sine)
    return versine, sine, other_versine, other_sine


C2 = tuple(1 / factorial(2 * j + 2) for j in range(8))
C3 = tuple(1 / factorial(2 * j + 3) for j in range(8))
"""Coefficients of the series of the Stumpff functions of order 2 and 3, of alternating sign."""


def stumpff(u: Any) -> tuple[Any, Any, Any, Any]:
    """Return the Stumpff functions ``c_k(u) = sum_j (-u)^j / (2 j + k)!`` for k = 0, 1, 2, 3.

    With ``a = sqrt u``: ``cos a``, ``sin a / a``, ``(1 - cos a) / a^2``, ``(a - sin a) / a^3`` (Danby, "Fundamentals of
    Celestial Mechanics", 6.9). Exact to rounding up to ``|u| = 64``.
    """
    v = u * 0.015625
    c2 = c3 = 0.0
    for j in range(7, -1, -1):
        c2 = C2[j] - v * c2
        c3 = C3[j] - v * c3
    for _ in range(3):
        c0, c1 = 1 - v * c2, 1 - v * c3
        c2, c3, v = 0.5 * c1 * c1, 0.25 * (c2 + c0 * c3), 4 * v
    return 1 - v * c2, 1 - v * c3, c2, c3


def arcsine_ratio(w: Any, xp: Any) -> Any:
    """Return ``asin(sqrt w) / sqrt w`` for ``-1 < w <= 0.99``: how much longer an arc is than its chord.

    The half-angle formula ``asin a = 2 asin(a / sqrt(2 + 2 sqrt(1 - a^2)))``, twice, then the series, whose argument is then
    at most 0.13; its first 12 terms leave 1e-13 there and 1e-17 up to ``w = 0.5``.
    """
    shorter = 1.0
    for _ in range(2):
        r = 1 / (1 + root(1 - w, xp))
        shorter, w = shorter * r, 0.5 * w * r
    return 2 * xp.sqrt(shorter) * (1 + w * (1 / 6 + w * (3 / 40 + w * (15 / 336 + w * (105 / 3456 + w * (945 / 42240
        + w * (10395 / 599040 + w * (135135 / 9676800 + w * (2027025 / 175472640 + w * (34459425 / 3530096640
        + w * (654729075 / 78033715200 + w * (13749310575 / 1880240947200))))))))))))  # fmt: skip


ARCTANGENT = tuple(1 / (2 * j + 1) for j in range(14))
"""Coefficients of the series of the inverse tangent, of alternating sign."""


def arctangent_ratio(w: Any, xp: Any) -> Any:
    """Return ``atan(sqrt w) / sqrt w`` for ``0 <= w < 1``: how much longer an arc is than what the tangent says.

    The half-angle formula ``atan t = 2 atan(t / (1 + sqrt(1 + t^2)))``, then the series, whose argument is then at most 0.17;
    its 14 terms leave 1e-12 there, 1e-13 for ``w = 0.8`` and 3e-18 up to ``w = 1 / 3``.
    """
    r = 1 / (1 + xp.sqrt(1 + w))
    v = w * r * r
    series = 0.0
    for j in range(13, -1, -1):
        series = ARCTANGENT[j] - v * series
    return 2 * r * series


def path_lag(pz: Any, momentum: Any, mass2: Any, length: Any, xp: Any) -> Any:
    """Return ``length (beta / beta0 - 1)``, what a particle of another speed gains on the reference in z.

    Multiplied by ``1 + beta0 / beta``, so that no nearly equal numbers are subtracted.

    Parameters
    ----------
    pz, momentum : array
        ``(P - P0) / P0`` and ``P / P0``.
    mass2 : number or array
        ``(m c / P0)^2``.
    """
    energy2 = momentum * momentum + mass2
    return length * mass2 * pz * (2 + pz) / (energy2 + momentum * xp.sqrt(energy2 * (1 + mass2)))


SERIES_BELOW = 3e-7
"""Value of ``m c^2 / E0 (beta0 pz)^2`` below which Bmad takes the series in :func:`paraxial_lag`."""


def paraxial_lag(pz: Any, momentum: Any, mass2: Any, length: Any, xp: Any) -> Any:
    """Return :func:`path_lag` as Bmad has it in paraxial bodies: for small momentum deviations a series cut after pz^3.

    What is cut matters: up to 2e-13 of the length (Bmad manual, "Low Energy Correction").
    """
    beta2 = 1 / (1 + mass2)
    mass_energy2 = mass2 * beta2  # (m c^2 / E0)^2
    series = mass_energy2 * pz * (1 + beta2 * pz * (-1.5 + pz * (2 * beta2 - 0.5 * mass_energy2)))
    small = mass_energy2 * beta2 * beta2 * pz * pz * pz * pz < SERIES_BELOW * SERIES_BELOW
    return xp.where(small, length * series, path_lag(pz, momentum, mass2, length, xp))


def root(value: Any, xp: Any) -> Any:
    """Return the square root, and one where there is none: such a particle is lost, but its derivatives stay finite."""
    return xp.sqrt(xp.where(value > 0, value, 1.0))


def quotient(a: Any, b: Any, xp: Any) -> Any:
    """Return ``a / b``, and zero where `b` is zero, with finite derivatives."""
    nonzero = b != 0
    return xp.where(nonzero, a / xp.where(nonzero, b, 1.0), 0.0 * a)
