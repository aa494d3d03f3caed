"""Fringe fields: what happens to a particle at the edges of a magnet.

Every edge is a routine of zero length. `side` is +1 where particles enter the field and -1 where they leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.reference import Reference
from caraval.core.routine import Routine

Chain = tuple[Routine, ...]


def at_ends(element: Any, entrance: Chain, exit: Chain) -> tuple[Chain, Chain]:
    """Return the chains for those ends where the element has its fringes."""
    ends = element.fringe_at
    return (
        entrance if ends in ("entrance_end", "both_ends") else (),
        exit if ends in ("exit_end", "both_ends") else (),
    )


# -------------------------------------------------------------------- hard edge of a multipole


class HardEdge(NamedTuple):
    """Signed normal and skew strengths by order, from zero on: ``-side (b_n + i a_n) / (4 (n + 2))``."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]


def hard_edge(c: HardEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the hard edge of a multipole (Forest and Milutinovic, NIM A 269, 474; Bmad manual, "Quadrupole Fringe").

    A point transformation of x and y, and its transposed inverse for the momenta: symplectic.
    """
    dx, dpx, dy, dpy, dz = hard_edge_changes(c, q)
    return Coordinates(q.x + dx, q.px + dpx, q.y + dy, q.py + dpy, q.z + dz, q.pz)


def hard_edge_changes(c: HardEdge, q: Coordinates) -> tuple[Any, Any, Any, Any, Any]:
    """Return by how much :func:`hard_edge` changes the first five coordinates."""
    x, y = q.x, q.y
    inverse = 1 / (1 + q.pz)
    real, imaginary = 1.0, 0.0 * x  # (x + i y)^n
    fx = fy = fxx = fxy = fyx = fyy = 0.0 * x
    for n in range(1, len(c.b)):
        real, imaginary = x * real - y * imaginary, x * imaginary + y * real
        higher_real, higher_imaginary = x * real - y * imaginary, x * imaginary + y * real
        nu = (n + 3) / (n + 1)
        b, a = c.b[n] * inverse, c.a[n] * inverse
        # u = c_n (x + i y)^(n+1), v = (n + 1) c_n (x + i y)^n
        u_real, u_imaginary = b * higher_real - a * higher_imaginary, b * higher_imaginary + a * higher_real
        v_real, v_imaginary = (n + 1) * (b * real - a * imaginary), (n + 1) * (b * imaginary + a * real)
        fx = fx + u_real * x + nu * u_imaginary * y
        fy = fy + u_real * y - nu * u_imaginary * x
        fxx = fxx + v_real * x + nu * v_imaginary * y + u_real
        fxy = fxy - v_imaginary * x + nu * v_real * y + nu * u_imaginary
        fyx = fyx + v_real * y - nu * v_imaginary * x - nu * u_imaginary
        fyy = fyy - v_imaginary * y - nu * v_real * x + u_real
    determinant = (1 - fxx) * (1 - fyy) - fxy * fyx
    dpx = (((1 - fyy) * fxx + fxy * fyx) * q.px + fyx * q.py) / determinant
    dpy = (fxy * q.px + ((1 - fxx) * fyy + fxy * fyx) * q.py) / determinant
    return -fx, dpx, -fy, dpy, ((q.px + dpx) * fx + (q.py + dpy) * fy) * inverse


def multipole_edge(order: int, strength: Callable[[Any], Any], side: int) -> Routine:
    """Return the hard edge of a normal multipole of that order; `strength` says its strength from the element."""

    def prepare(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> HardEdge:
        b = -side * strength(element) / (4 * (order + 2))
        return HardEdge((0.0,) * order + (b,), (0.0,) * (order + 1))

    return Routine(track=hard_edge, prepare=prepare)


# -------------------------------------------------------------------- soft edge of a quadrupole


class SoftEdge(NamedTuple):
    """Fringe integrals times gradient, signed: ``f1 = +-k1 fq1``, ``f2 = k1 fq2``."""

    f1: Any
    f2: Any


def soft_edge(c: SoftEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the soft edge of a quadrupole, to first order in its integrals (Bmad manual, "Quadrupole Soft Edge Fringe")."""
    inverse = 1 / (1 + q.pz)
    f1, f2 = c.f1 * inverse, c.f2 * inverse
    grow = xp.exp(f1)
    slope_x, slope_y = q.px * inverse, q.py * inverse
    z = (
        q.z
        - (f1 * q.x + f2 * (1 + f1 / 2) * slope_x / grow) * slope_x
        + (f1 * q.y + f2 * (1 - f1 / 2) * slope_y * grow) * slope_y
    )
    return Coordinates(grow * q.x + f2 * slope_x, q.px / grow, q.y / grow - f2 * slope_y, grow * q.py, z, q.pz)


def quadrupole_soft_edge(side: int) -> Routine:
    """Return the soft edge of a quadrupole."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> SoftEdge:
        return SoftEdge(side * element.k1 * element.fq1, element.k1 * element.fq2)

    return Routine(track=soft_edge, prepare=prepare)


def quadrupole(element: Any) -> tuple[Chain, Chain]:
    """Return the edges of a quadrupole: hard then soft on entering, soft then hard on leaving."""

    def k1(e: Any) -> Any:
        return e.k1

    hard = element.fringe_type in ("full", "hard_edge_only")
    soft = element.fringe_type in ("full", "soft_edge_only")
    entrance = (multipole_edge(1, k1, +1),) * hard + (quadrupole_soft_edge(+1),) * soft
    exit = (quadrupole_soft_edge(-1),) * soft + (multipole_edge(1, k1, -1),) * hard
    return at_ends(element, entrance, exit)
