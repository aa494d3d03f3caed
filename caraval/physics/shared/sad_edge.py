"""Edges of a multipole with components of all orders, as SAD has them (Bmad manual, "Fringe Fields"); a thin one has none."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from ..misalignment import Shift, enter_shift, leave_shift
from .dipole.edge import SoftEdge, soft_edge
from .fringes import Chain, HardEdge, at_ends, hard_edge
from .special import cos_sin, quotient, root

# -------------------------------------------------------------------- soft edge of a quadrupole


class QuadrupoleSoftEdge(NamedTuple):
    """Fringe integrals times normal and skew gradient, the first of them signed [1, m]."""

    normal1: Any
    skew1: Any
    normal2: Any
    skew2: Any


def quadrupole_soft_edge(c: QuadrupoleSoftEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the soft edge of a quadrupole at any angle (Bmad manual, "Quadrupole Soft Edge Fringe Map").

    :func:`caraval.physics.shared.fringes.soft_edge` in axes that do not turn with the field, by even and odd functions of the
    strength: smooth where it is zero.
    """
    i = 1 / (1 + q.pz)
    n1, s1, n2, s2 = c.normal1 * i, c.skew1 * i, c.normal2 * i, c.skew2 * i
    f2 = n1 * n1 + s1 * s1
    cosine, sine = cos_sin(-f2)  # cosh f, sinh f / f
    x, px, y, py = q.x, q.px, q.y, q.py
    vx, vy = px * i, py * i
    normal, skew = vx * vx - vy * vy, -2 * vx * vy
    even, odd = cosine - 0.5 * f2 * sine, sine - 0.5 * cosine
    z = (
        q.z
        - n1 * (x * vx - y * vy)
        + s1 * (x * vy + y * vx)
        - even * (n2 * normal + s2 * skew)
        + odd * (n1 * n2 + s1 * s2) * (vx * vx + vy * vy)
    )
    return Coordinates(
        cosine * x + sine * (n1 * x - s1 * y) + n2 * vx - s2 * vy,
        cosine * px - sine * (n1 * px - s1 * py),
        cosine * y - sine * (n1 * y + s1 * x) - n2 * vy - s2 * vx,
        cosine * py + sine * (n1 * py + s1 * px),
        z,
        q.pz,
    )


def _soft_edge(side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> QuadrupoleSoftEdge:
        a, b = element.strengths(xp)[1]
        normal, skew = quotient(b, element.length, xp), quotient(a, element.length, xp)
        first, second = side * element.fq1, element.fq2
        return QuadrupoleSoftEdge(normal * first, skew * first, normal * second, skew * second)

    return Routine(track=quadrupole_soft_edge, prepare=prepare, undo=_negated)


# -------------------------------------------------------------------- edges of a dipole


class DipoleHardEdge(NamedTuple):
    """The axes of the field, and its signed curvature [1/m]."""

    axes: Shift
    g: Any


class DipoleSoftEdge(NamedTuple):
    """The axes of the field, and the coefficients of the edge."""

    axes: Shift
    edge: SoftEdge


def dipole_hard_edge(c: DipoleHardEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the hard edge of a dipole at right angles (Bmad manual, "Sad_Mult Dipole Hard Edge Fringe Map").

    Of a generating function of y, px and the momentum alone, which stay: symplectic.
    """
    q = enter_shift(c.axes, q, xp)
    momentum = 1 + q.pz
    y2 = q.y * q.y
    less = y2 * c.g * c.g / 12
    i = 1 / root(momentum * momentum - q.px * q.px, xp)
    lens = 0.5 * c.g * y2 * (1 - less) * i * i * i * momentum
    q = q._replace(x=q.x + lens * momentum, py=q.py - c.g * q.px * q.y * (1 - 2 * less) * i, z=q.z - lens * q.px)
    return leave_shift(c.axes, q, xp)


def dipole_soft_edge(c: DipoleSoftEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the soft edge of a dipole (Bmad manual, "SAD Dipole Soft Edge Fringe Map")."""
    return leave_shift(c.axes, soft_edge(c.edge, enter_shift(c.axes, q, xp), xp), xp)


def _hard_edge_of_dipole(side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> DipoleHardEdge:
        axes, g = dipole(element, xp)
        return DipoleHardEdge(axes, side * g)

    return Routine(track=dipole_hard_edge, prepare=prepare, undo=_undo_hard_edge)


def _undo_hard_edge(c: DipoleHardEdge) -> DipoleHardEdge:
    return c._replace(g=-c.g)


def _soft_edge_of_dipole(side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> DipoleSoftEdge:
        axes, g = dipole(element, xp)
        g, extent = side * g, element.fb1 if side > 0 else element.fb2
        octupole = quotient(2 * g * g, 3 * extent, xp)
        return DipoleSoftEdge(axes, SoftEdge(extent * extent * g / 24, extent * g * g / 6, octupole))

    return Routine(track=dipole_soft_edge, prepare=prepare, undo=_undo_soft_edge)


def _undo_soft_edge(c: DipoleSoftEdge) -> DipoleSoftEdge:
    return c._replace(edge=_negated(c.edge))


def dipole(element: Any, xp: Any) -> tuple[Shift, Any]:
    """Return the axes in which the dipole component bends horizontally, and its curvature [1/m].

    A dipole with one component alone keeps its axes, and its sign, so that nothing happens where it goes through zero.
    """
    a, b = element.strengths(xp)[0]
    if is_zero(element.a0):
        return Shift(1.0, 0.0, 0.0, 0.0), quotient(b, element.length, xp)
    if is_zero(element.b0):
        return Shift(0.0, -1.0, 0.0, 0.0), quotient(a, element.length, xp)
    square = a * a + b * b
    there = square > 0
    strength = xp.sqrt(xp.where(there, square, 1.0 + 0.0 * square))
    axes = Shift(xp.where(there, b / strength, 1.0 + 0.0 * square), -a / strength, 0.0, 0.0)
    return axes, quotient(xp.where(there, strength, 0.0 * square), element.length, xp)


# -------------------------------------------------------------------- all of them


def _hard_edge(size: int, side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> HardEdge:
        found = element.strengths(xp)
        pairs = [found.get(n, (0.0, 0.0)) if n > 0 else (0.0, 0.0) for n in range(size)]
        per_length = quotient(1.0, element.length, xp)
        factors = [-side / (4 * (n + 2)) * per_length for n in range(size)]
        a, b = (tuple(f * s for f, s in zip(factors, part, strict=True)) for part in zip(*pairs, strict=True))
        return HardEdge(b, a)

    return Routine(track=hard_edge, prepare=prepare)


def edges(element: Any, orders: list[int], highest: int) -> tuple[Chain, Chain]:
    """Return the edges: on entering, hard and soft ones of multipoles and then of the dipole; on leaving, the other way.

    Parameters
    ----------
    element : SadMult
    orders : list of int
        Of its multipoles.
    highest : int
        Up to which they have hard edges.
    """
    multipoles = [n for n in orders if 0 < n <= highest]
    hard = element.fringe_type in ("full", "hard_edge_only")
    soft = element.fringe_type in ("full", "soft_edge_only")

    def chain(side: int) -> Chain:
        extent = element.fb1 if side > 0 else element.fb2
        found: list[Routine] = []
        if hard and multipoles:
            found.append(_hard_edge(max(multipoles) + 1, side))
        if soft and 1 in orders and not (is_zero(element.fq1) and is_zero(element.fq2)):
            found.append(_soft_edge(side))
        if hard and 0 in orders:
            found.append(_hard_edge_of_dipole(side))
        if soft and 0 in orders and not is_zero(extent):
            found.append(_soft_edge_of_dipole(side))
        return tuple(found[::side])

    return at_ends(element, chain(+1), chain(-1))


def _negated(c: Any) -> Any:
    return type(c)(*(-v for v in c))
