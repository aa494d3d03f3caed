"""Edges of a bend, in all the models that Bmad has.

`side` is +1 where particles enter the field and -1 where they leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND
from caraval.core.maps import LinearMap
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from ..fringes import Chain, at_ends, multipole_edge
from ..special import quotient, root
from .wedge import WedgeConstants, undo_wedge, wedge, wedge_constants

if TYPE_CHECKING:
    from ...sbend import SBend


class SecondOrderEdge(NamedTuple):
    """Coefficients of the second-order edge.

    Curvature `g` of the field, ``t = tan e``, ``u = g t``, ``a = g t^2``, ``b = g / cos^2 e``, ``k = k1 t``, and the
    fringe integral ``f = 2 fint hgap b g (1 + sin^2 e) / cos e``.
    """

    g: Any
    t: Any
    u: Any
    a: Any
    b: Any
    k: Any
    f: Any


def entering(c: SecondOrderEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Enter a dipole, to second order (Bmad manual, "Second Order Dipole Fringe")."""
    x, px, y, py = q.x, q.px, q.y, q.py
    i = 1 / (1 + q.pz)
    total = c.f * y * y + x * x * x * (4 * c.k - c.u * c.a) / 6 + 0.5 * x * y * y * (c.u * c.b - 4 * c.k)
    return Coordinates(
        x + 0.5 * i * (c.b * y * y - c.a * x * x),
        px + c.u * x
        + i * (0.5 * c.u * c.g * (1 + 2 * c.t * c.t) * y * y + c.a * (x * px - y * py) + c.k * (x * x - y * y)),
        y + i * c.a * x * y,
        py - c.u * y + i * (c.f * y - c.a * x * py - (c.g + c.a) * px * y - 2 * c.k * x * y),
        q.z + 0.5 * i * i * (total + c.a * (x * x * px - 2 * x * y * py) - c.b * px * y * y),
        q.pz,
    )  # fmt: skip


def leaving(c: SecondOrderEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Leave a dipole, to second order (Bmad manual, "Second Order Dipole Fringe")."""
    x, px, y, py = q.x, q.px, q.y, q.py
    i = 1 / (1 + q.pz)
    total = c.f * y * y + x * x * x * (4 * c.k - c.u * c.a) / 6 + 0.5 * x * y * y * (c.u * c.b - 4 * c.k)
    return Coordinates(
        x + 0.5 * i * (c.a * x * x - c.b * y * y),
        px + c.u * x + i * (c.a * (y * py - x * px) + c.k * (x * x - y * y) - 0.5 * c.u * c.a * (x * x + y * y)),
        y - i * c.a * x * y,
        py - c.u * y + i * (c.f * y + c.a * x * py + (c.g + c.a) * px * y + (c.u * c.b - 2 * c.k) * x * y),
        q.z + 0.5 * i * i * (total - c.a * (x * x * px - 2 * x * y * py) + c.b * px * y * y),
        q.pz,
    )


class LinearEdge(NamedTuple):
    """Focusing in x, and defocusing in y."""

    x: Any
    y: Any


def linear_edge(c: LinearEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the edge of a dipole, to first order (Bmad manual, "Linear Dipole Hard Edge Fringe")."""
    return q._replace(px=q.px + c.x * q.x, py=q.py - c.y * q.y)


class SoftEdge(NamedTuple):
    """Coefficients of the soft edge of a dipole."""

    c1: Any
    c2: Any
    c3: Any


def soft_edge(c: SoftEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the soft edge of a dipole (Bmad manual, "Soft Edge Dipole Fringe"; its shift of x is proportional to pz)."""
    i = 1 / (1 + q.pz)
    c1, c2, c3 = c.c1 * i, c.c2 * i, c.c3 * i
    y2 = q.y * q.y
    return q._replace(
        x=q.x + c1 * q.pz,
        py=q.py + (c2 - c3 * y2) * q.y,
        z=q.z + i * (c1 * q.px + (0.5 * c2 - 0.25 * c3 * y2) * y2),
    )


class ExactEdge(NamedTuple):
    """Signed curvature of the field [1/m], ``2 fint hgap`` times it, and the reference's ``px``, from which ``px`` counts."""

    b: Any
    gap: Any
    px: Any


def _bend_of_field(gap: Any, u: Any, v: Any, v2: Any, ratio: Any, shrink: Any, steep: Any, du: Any, dv: Any, ds: Any) -> Any:
    """Return the derivative of the angle in :func:`exact_edge`, from those of the slopes and of the forward momentum."""
    return (du - 2 * ratio * v * dv) * shrink - gap * (2 * u * ((1 + v2) * du + u * v * dv) + steep * ds)


def exact_edge(c: ExactEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the fringe field of a dipole at right angles (Forest, "Beam Dynamics", 13.2; Bmad manual, "Exact Dipole Fringe").

    Horizontal focusing comes from the wedges on both sides, see :mod:`caraval.physics.sbend`.
    """
    momentum = 1 + q.pz
    px = c.px + q.px
    ps = root(momentum * momentum - px * px - q.py * q.py, xp)
    i = 1 / ps
    u, v = px * i, q.py * i
    v2 = 1 + v * v
    ratio = u / v2
    steep = 1 + u * u * (1 + v2)
    tangent = xp.tan(xp.atan(ratio) - c.gap * steep * ps)
    strength = c.b * (1 + tangent * tangent)
    shrink = 1 / (v2 * (1 + ratio * ratio))
    p = momentum * i
    # ps times the derivatives of the slopes u, v and of ps: by px, by py, and by the momentum
    slope_x = strength * _bend_of_field(c.gap, u, v, v2, ratio, shrink * i, steep, 1 + u * u, u * v, -u)
    slope_y = strength * _bend_of_field(c.gap, u, v, v2, ratio, shrink * i, steep, u * v, v2, -v)
    slope_p = strength * _bend_of_field(c.gap, u, v, v2, ratio, shrink * i, steep, -u * p, -v * p, p)
    radicand = 1 - 2 * q.y * slope_y
    y = 2 * q.y / (1 + root(radicand, xp))
    return Coordinates(
        xp.where(radicand >= 0, q.x + 0.5 * slope_x * y * y, BEYOND),
        q.px,
        y,
        q.py - c.b * tangent * y,
        q.z + 0.5 * slope_p * y * y,
        q.pz,
    )


# -------------------------------------------------------------------- of an element


def _second_order_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> SecondOrderEdge:
        e, fint, hgap = face(bend, side)
        if bend.fringe_type != "basic_bend":
            fint = 0.0
        strength = bend.g + bend.dg
        t, cosine = xp.tan(e), xp.cos(e)
        b = strength / (cosine * cosine)
        f = 2 * fint * hgap * b * strength * (1 + xp.sin(e) ** 2) / cosine
        return SecondOrderEdge(strength, t, strength * t, strength * t * t, b, bend.k1 * t, f)

    return Routine(track=entering if side > 0 else leaving, prepare=prepare)


def _linear_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearEdge:
        e, fint, hgap = face(bend, side)
        strength = bend.g + bend.dg
        bent = 2 * fint * hgap * strength * (1 + xp.sin(e) ** 2) / xp.cos(e)
        return LinearEdge(strength * xp.tan(e), strength * xp.tan(e - bent))

    return Routine(track=linear_edge, prepare=prepare, undo=_undo_linear_edge)


def _undo_linear_edge(c: LinearEdge) -> LinearEdge:
    return LinearEdge(-c.x, -c.y)


def _soft_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> SoftEdge:
        _, fint, hgap = face(bend, side)
        extent = 12 * fint * hgap
        strength = side * (bend.g + bend.dg)
        octupole = quotient(2 * strength * strength, 3 * extent, xp)
        return SoftEdge(extent * extent * strength / 24, extent * strength * strength / 6, octupole)

    return Routine(track=soft_edge, prepare=prepare)


def _exact_edge(side: int) -> Chain:
    """Return rotation to the face, fringe, and wedge back to the sector; in the opposite order on leaving."""

    def field(bend: SBend) -> Any:
        strength = bend.g + bend.dg
        return -strength if bend.met_backwards else strength  # Bmad has the edge of the bend that is not reversed

    def turn(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> WedgeConstants:
        e = face(bend, side)[0]
        return wedge_constants(e, 0.0, 0.0 if side > 0 else -e, xp)

    def back(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> WedgeConstants:
        e = face(bend, side)[0]
        return wedge_constants(-e, field(bend), e if side > 0 else 0.0, xp)

    def fringe(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> ExactEdge:
        e, fint, hgap = face(bend, side)
        strength = side * field(bend)
        gap = 0.0 if bend.fringe_type == "hard_edge_only" else 2 * strength * fint * hgap
        return ExactEdge(strength, gap, side * xp.sin(e))

    chain = (
        Routine(track=wedge, prepare=turn, undo=undo_wedge),
        Routine(track=exact_edge, prepare=fringe),
        Routine(track=wedge, prepare=back, undo=undo_wedge),
    )
    return chain if side > 0 else chain[::-1]


def face(bend: SBend, side: int) -> tuple[Any, Any, Any]:
    """Return face angle, field integral and half gap at the entrance (+1) or the exit (-1)."""
    if side > 0:
        return bend.e1, bend.fint, bend.hgap
    fintx = bend.fint if bend.fintx is None else bend.fintx
    return bend.e2, fintx, bend.hgap if bend.hgapx is None else bend.hgapx


def _gradient_edge(bend: SBend, side: int) -> Chain:
    """Return the hard edge of the gradient, if there may be one."""
    none = is_zero(bend.k1) and is_zero(bend.b1_gradient)
    return () if none else (multipole_edge(1, lambda e: e.k1, side),)


def _full(bend: SBend, side: int) -> Chain:
    outer, inner = _gradient_edge(bend, side), _exact_edge(side)
    return (*outer, *inner) if side > 0 else (*inner, *outer)


def _soft(bend: SBend, side: int) -> Chain:
    _, fint, hgap = face(bend, side)
    return () if is_zero(fint) or is_zero(hgap) else (_soft_edge(side),)


def _sad_full(bend: SBend, side: int) -> Chain:
    outer, inner = _soft(bend, side), (_second_order_edge(side),)
    return (*outer, *inner) if side > 0 else (*inner, *outer)


Model = Callable[["SBend", int], Chain]
"""Makes the routines of the edge on a side."""

MODELS: dict[str, Model] = {
    "none": lambda bend, side: (),
    "basic_bend": lambda bend, side: (_second_order_edge(side),),
    "hard_edge_only": lambda bend, side: (_second_order_edge(side),),
    "soft_edge_only": _soft,
    "sad_full": _sad_full,
    "linear_edge": lambda bend, side: (_linear_edge(side),),
    "full": _full,
}
"""What Bmad puts at an edge (Bmad manual, "Fringe Fields")."""


def edges(bend: SBend, models: Mapping[str, Model] = MODELS) -> tuple[Chain, Chain]:
    """Return the edges at those ends where the bend has them."""
    model = models[bend.fringe_type]
    return at_ends(bend, model(bend, +1), model(bend, -1))


def edge_matrix(bend: SBend, side: int, xp: Any) -> LinearMap | None:
    """Return the first derivative of an edge on the axis; None if there is none."""
    if bend.fringe_type == "none":
        return None
    e, fint, hgap = face(bend, side)
    t, sine, cosine = xp.tan(e), xp.sin(e), xp.cos(e)
    bent = 2 * fint * hgap * bend.g * (1 + sine * sine) / cosine
    if bend.fringe_type == "linear_edge":
        vertical = xp.tan(e - bent)
    else:
        vertical = t if bend.fringe_type == "hard_edge_only" else t - bent / (cosine * cosine)
    return LinearMap.from_blocks(x=[[1.0, 0.0], [bend.g * t, 1.0]], y=[[1.0, 0.0], [-bend.g * vertical, 1.0]])
