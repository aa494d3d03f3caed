"""The body with a solenoid field and a gradient together: paraxial, in canonical momenta, solved in closed form.

The motion is ``x'' = sigma y' - k x``, ``y'' = -sigma x' + k y``, and its matrix A obeys ``A^4 = k^2 - sigma^2 A^2`` (Cayley
and Hamilton). So ``exp(A l) = c0 + c1 A + c2 A^2 + c3 A^3`` with entire functions of
``sigma^2 l^2`` and ``k^2 l^4``, which are computed in the ring of polynomials in ``t = (A l / 16)^2``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates

from .special import C2, C3, paraxial_lag


class SolenoidGradientConstants(NamedTuple):
    """Length [m], half the normalised solenoid field [1/m], gradient [1/m^2], and ``(m c / P0)^2``."""

    length: Any
    half: Any
    k1: Any
    mass2: Any


def times_t(p0: Any, p1: Any, d0: Any, d1: Any, s: Any, w: Any) -> tuple[Any, Any, Any, Any]:
    """Return ``t (p0 + p1 t)`` and its derivative with respect to w, in the ring in which ``t^2 = w - s t``."""
    return w * p1, p0 - s * p1, w * d1 + p1, d0 - s * d1


def product(
    a0: Any, a1: Any, da0: Any, da1: Any, b0: Any, b1: Any, db0: Any, db1: Any, s: Any, w: Any
) -> tuple[Any, Any, Any, Any]:
    """Return ``(a0 + a1 t) (b0 + b1 t)`` and its derivative with respect to w, in the same ring."""
    high, d_high = a1 * b1, da1 * b1 + a1 * db1
    return (
        a0 * b0 + w * high,
        a0 * b1 + a1 * b0 - s * high,
        da0 * b0 + a0 * db0 + w * d_high + high,
        da0 * b1 + a0 * db1 + da1 * b0 + a1 * db0 - s * d_high,
    )


def hyperbolic(s: Any, w: Any) -> tuple[Any, ...]:
    """Return ``cosh a - 1`` and ``sinh a / a`` for ``a = 16 sqrt t``, where ``t^2 = w - s t``.

    Each as its coefficients of 1 and of t, and the derivatives of these with respect to w. By the series at ``a / 16`` and four
    doublings, exact to rounding while a is below 16.
    """
    v0, v1, dv0, dv1 = C2[7], 0.0 * s, 0.0 * s, 0.0 * s
    r0, r1, dr0, dr1 = C3[7], 0.0 * s, 0.0 * s, 0.0 * s
    for j in range(6, -1, -1):
        v0, v1, dv0, dv1 = times_t(v0, v1, dv0, dv1, s, w)
        r0, r1, dr0, dr1 = times_t(r0, r1, dr0, dr1, s, w)
        v0, r0 = v0 + C2[j], r0 + C3[j]
    v0, v1, dv0, dv1 = times_t(v0, v1, dv0, dv1, s, w)
    r0, r1, dr0, dr1 = times_t(r0, r1, dr0, dr1, s, w)
    r0 = r0 + 1
    for _ in range(4):
        r0, r1, dr0, dr1 = product(r0, r1, dr0, dr1, v0 + 1, v1, dv0, dv1, s, w)
        v0, v1, dv0, dv1 = product(2 * v0, 2 * v1, 2 * dv0, 2 * dv1, v0 + 2, v1, dv0, dv1, s, w)
    return v0, v1, dv0, dv1, r0, r1, dr0, dr1


def solenoid_gradient(c: SolenoidGradientConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve ``H = [(px + K y)^2 + (py - K x)^2] / (2 P) + k1 (x^2 - y^2) / 2`` exactly (Bmad manual, "Sol_Quad Tracking").

    The lag in z is the integral of the kinetic part. That of the potential part follows from the derivative of the map
    with respect to the gradient, and their sum is the length times H.
    """
    length = c.length
    momentum = 1 + q.pz
    inverse = 1 / momentum
    turn = c.half * inverse
    k = c.k1 * inverse
    sigma = 2 * turn
    scale2 = 0.00390625 * (length * length)
    kl2 = k * scale2
    v0, v1, dv0, dv1, r0, r1, dr0, dr1 = hyperbolic(sigma * sigma * scale2, kl2 * kl2)
    c0, c1 = 1 + v0, length * r0
    c2, c3 = scale2 * v1, length * scale2 * r1
    e0, e1 = c0 - sigma * sigma * c2, c1 - sigma * sigma * c3
    x, y = q.x, q.y
    u, v = q.px * inverse + turn * y, q.py * inverse - turn * x  # kinetic slopes

    fx, fy, gx, gy = c0 - k * c2, c0 + k * c2, e1 - k * c3, e1 + k * c3
    hx, hy = e0 - k * c2, e0 + k * c2
    x1 = fx * x + gx * u + sigma * (k * c3 * y + c2 * v)
    u1 = hx * u - k * gx * x + sigma * (k * c2 * y + e1 * v)
    y1 = fy * y + gy * v + sigma * (k * c3 * x - c2 * u)
    v1_ = hy * v + k * gy * y + sigma * (k * c2 * x - e1 * u)

    # derivatives with respect to k
    by_k = 2 * kl2 * scale2
    d0, d1, d2, d3 = by_k * dv0, by_k * length * dr0, by_k * scale2 * dv1, by_k * length * scale2 * dr1
    de0, de1 = d0 - sigma * sigma * d2, d1 - sigma * sigma * d3
    kc2, kc3 = c2 + k * d2, c3 + k * d3
    dgx, dgy = de1 - kc3, de1 + kc3
    dx = (d0 - kc2) * x + dgx * u + sigma * (kc3 * y + d2 * v)
    du = (de0 - kc2) * u - (gx + k * dgx) * x + sigma * (kc2 * y + de1 * v)
    dy = (d0 + kc2) * y + dgy * v + sigma * (kc3 * x - d2 * u)
    dv = (de0 + kc2) * v + (gy + k * dgy) * y + sigma * (kc2 * x - de1 * u)
    area = x1 * du - u1 * dx + y1 * dv - v1_ * dy + sigma * (y1 * dx - x1 * dy)
    path = 0.5 * (length * (u * u + v * v) + k * (length * (x * x - y * y) + area))
    return Coordinates(
        x1,
        momentum * u1 - c.half * y1,
        y1,
        momentum * v1_ + c.half * x1,
        q.z - path + paraxial_lag(q.pz, momentum, c.mass2, length, xp),
        q.pz,
    )
