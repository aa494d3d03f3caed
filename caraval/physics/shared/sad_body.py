"""The body with a solenoid field, a gradient and a skew gradient: paraxial, in canonical momenta, solved in closed form.

With ``zeta = x + i y`` the motion is ``zeta'' = -i sigma zeta' - kappa conj(zeta)``, ``kappa = k1 - i a1``. Turning the axes
gives ``kappa`` a phase, so what is known without skew gradient (:mod:`.solenoid_gradient`) holds as it stands,
linear in ``kappa`` and with ``|kappa|^2`` in the coefficients: smooth where both gradients are zero. The coefficients take the
length from it, so that what is integrated over the length is not divided by it: a thin one is a kick.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates

from .solenoid_gradient import hyperbolic
from .special import paraxial_lag


class SkewBodyConstants(NamedTuple):
    """Length [m], half the solenoid field [1/m], normal and skew gradient integrated over it [1/m], and ``(m c / P0)^2``."""

    length: Any
    half: Any
    normal: Any
    skew: Any
    mass2: Any


def skew_body(c: SkewBodyConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve ``H = [(px + K y)^2 + (py - K x)^2] / (2 P) + k1 (x^2 - y^2) / 2 - a1 x y`` (Bmad manual, "Sol_Quad Tracking").

    The lag in z is the integral of the kinetic part. That of the potential part follows from the derivative of the map with
    respect to the strength of both gradients, and their sum is the length times H.
    """
    length = c.length
    momentum = 1 + q.pz
    inverse = 1 / momentum
    turn = c.half * inverse
    k, m = c.normal * inverse, c.skew * inverse
    kk = k * k + m * m
    sigma = 2 * turn
    sigma2 = sigma * sigma
    part = 0.00390625 * length  # 1 / 16^2, as :func:`hyperbolic` wants it
    scale2 = part * length
    v0, v1, dv0, dv1, r0, r1, dr0, dr1 = hyperbolic(sigma2 * scale2, kk * part * part)
    c2, c3 = part * v1, scale2 * r1  # over the length, as all that kappa is multiplied with
    c0, e0, e1 = 1 + v0, 1 + v0 - sigma2 * length * c2, r0 - sigma2 * c3
    x, y = q.x, q.y
    u, v = q.px * inverse + turn * y, q.py * inverse - turn * x

    # what kappa is multiplied with: conjugates, with i sigma c conj(zeta) beside
    ax, ay = c2 * x + c3 * u - sigma * c3 * y, -c2 * y - c3 * v - sigma * c3 * x
    bx, by = c2 * u + e1 * x - sigma * c2 * y, -c2 * v - e1 * y - sigma * c2 * x
    x1 = c0 * x + length * (e1 * u + sigma * c2 * v) - (k * ax + m * ay)
    y1 = c0 * y + length * (e1 * v - sigma * c2 * u) - (k * ay - m * ax)
    u1 = e0 * u + sigma * length * e1 * v + kk * part * r1 * x - (k * bx + m * by)
    v1_ = e0 * v - sigma * length * e1 * u + kk * part * r1 * y - (k * by - m * bx)

    # derivatives with respect to the logarithm of kappa's magnitude
    by_k = 2 * kk * part * part
    d0, d2, d3 = by_k * dv0, by_k * part * dv1, by_k * scale2 * dr1
    de0, de1 = d0 - sigma2 * length * d2, by_k * dr0 - sigma2 * d3
    k2, k3, ke1 = c2 + d2, c3 + d3, e1 + de1
    both = kk * part * (r1 + (r1 + by_k * dr1))
    ax, ay = k2 * x + k3 * u - sigma * k3 * y, -k2 * y - k3 * v - sigma * k3 * x
    bx, by = k2 * u + ke1 * x - sigma * k2 * y, -k2 * v - ke1 * y - sigma * k2 * x
    dx = d0 * x + length * (de1 * u + sigma * d2 * v) - (k * ax + m * ay)
    dy = d0 * y + length * (de1 * v - sigma * d2 * u) - (k * ay - m * ax)
    du = de0 * u + sigma * length * de1 * v + both * x - (k * bx + m * by)
    dv = de0 * v - sigma * length * de1 * u + both * y - (k * by - m * bx)
    area = x1 * du - u1 * dx + y1 * dv - v1_ * dy + sigma * (y1 * dx - x1 * dy)
    path = 0.5 * (length * (u * u + v * v) + k * (x * x - y * y) - 2 * m * x * y + area)
    return Coordinates(
        x1,
        momentum * u1 - c.half * y1,
        y1,
        momentum * v1_ + c.half * x1,
        q.z - path + paraxial_lag(q.pz, momentum, c.mass2, length, xp),
        q.pz,
    )


def undo_skew_body(c: SkewBodyConstants) -> SkewBodyConstants:
    """Return the constants of the same body backwards."""
    return c._replace(length=-c.length, normal=-c.normal, skew=-c.skew)
