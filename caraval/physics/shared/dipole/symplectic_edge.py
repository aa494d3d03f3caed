"""Edges of a bend for the symplectic integrator: exact ones, as PTC has them, in place of those of second order.

The field at the edge is the whole dipole's, kicks and errors included. Names mean what they mean in Bmad. As Bmad drives PTC,
that has "basic_bend" for "linear_edge" (and for "none", with faces not turned), and "full" for "hard_edge_only".
`side` is +1 where particles enter the field and -1 where they leave it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from ..fringes import Chain, HardEdge, hard_edge_changes
from ..special import quotient
from .body import dipole, gradient, has_gradient
from .edge import MODELS, ExactEdge, Model, exact_edge, face
from .wedge import WedgeConstants, undo_wedge, wedge, wedge_constants

if TYPE_CHECKING:
    from ...sbend import SBend


class OctupoleEdge(NamedTuple):
    """Strength of the kick ``-octupole y^3 / P`` [1/m^3]."""

    octupole: Any


def octupole_edge(c: OctupoleEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Kick as a fringe field of finite extent does in third order (Hwang and Lee, PRAB 18, 122401; SAD; PTC)."""
    i = 1 / (1 + q.pz)
    y2 = q.y * q.y
    return q._replace(py=q.py - c.octupole * i * y2 * q.y, z=q.z - 0.25 * c.octupole * i * i * y2 * y2)


class AslantEdge(NamedTuple):
    """Constants of a multipole's hard edge, and the reference's ``px``, from which ``px`` counts."""

    edge: HardEdge
    px: Any


def aslant_edge(c: AslantEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross the hard edge of a multipole where the reference runs aslant."""
    dx, dpx, dy, dpy, dz = hard_edge_changes(c.edge, q._replace(px=c.px + q.px))
    return Coordinates(q.x + dx, q.px + dpx, q.y + dy, q.py + dpy, q.z + dz, q.pz)


class GradientWedge(NamedTuple):
    """Coefficients of ``x^2`` and ``y^2`` in the horizontal kick [1/m^2]."""

    x: Any
    y: Any


def gradient_wedge(c: GradientWedge, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the gradient in the wedge between a face and the sector's."""
    return q._replace(px=q.px + c.x * q.x * q.x - c.y * q.y * q.y, py=q.py - 2 * c.y * q.x * q.y)


WEDGE = (1.0, 1.0)
"""Coefficients of the gradient's wedge over ``k1 e``, as in MAD-8 and PTC."""

WEDGE_WITH_HARD_EDGE = (1.25, 0.75)
"""The same beside the gradient's hard edge, as in PTC."""


def symplectic_edge(bend: SBend, side: int, *, soft: bool = True, hard_gradient: bool = False) -> Chain:
    """Return PTC's edge: rotation to the face, fringe of the dipole and of the gradient, and the wedge back to the sector.

    Without `soft` the fringe of the dipole is hard.
    """

    def turn(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> WedgeConstants:
        e = face(bend, side)[0]
        return wedge_constants(e, 0.0, 0.0 if side > 0 else -e, xp)

    def fringe(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> ExactEdge:
        e, fint, hgap = face(bend, side)
        strength = side * dipole(bend, xp)
        return ExactEdge(strength, 2 * strength * fint * hgap if soft else 0.0, side * xp.sin(e))

    def extent(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> OctupoleEdge:
        _, fint, hgap = face(bend, side)
        strength = dipole(bend, xp)
        return OctupoleEdge(quotient(strength * strength, 18 * fint * hgap, xp))

    def hard_edge_of_gradient(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> AslantEdge:
        edge = HardEdge((0.0, -side * gradient(bend, xp) / 12), (0.0, 0.0))
        return AslantEdge(edge, side * xp.sin(face(bend, side)[0]))

    def wedge_of_gradient(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> GradientWedge:
        k1e = gradient(bend, xp) * face(bend, side)[0]
        x, y = WEDGE_WITH_HARD_EDGE if hard_gradient else WEDGE
        return GradientWedge(x * k1e, y * k1e)

    def back(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> WedgeConstants:
        e = face(bend, side)[0]
        return wedge_constants(-e, dipole(bend, xp), e if side > 0 else 0.0, xp)

    e, fint, hgap = face(bend, side)
    outside: Chain = ()
    fringes: Chain = (Routine(track=exact_edge, prepare=fringe),)
    inside: Chain = ()
    if soft and not (is_zero(fint) or is_zero(hgap)):
        fringes = (*fringes, Routine(track=octupole_edge, prepare=extent, undo=_undo_kick))
    if has_gradient(bend) and hard_gradient:
        inside = (Routine(track=aslant_edge, prepare=hard_edge_of_gradient),)
    if not is_zero(e):
        outside = (Routine(track=wedge, prepare=turn, undo=undo_wedge),)
        if has_gradient(bend):
            inside = (*inside, Routine(track=gradient_wedge, prepare=wedge_of_gradient, undo=_undo_kick))
        inside = (*inside, Routine(track=wedge, prepare=back, undo=undo_wedge))
    return (*outside, *fringes, *inside) if side > 0 else (*inside[::-1], *fringes, *outside)


def _undo_kick(c: Any) -> Any:
    return type(c)(*(-v for v in c))


SYMPLECTIC_MODELS: dict[str, Model] = {
    **MODELS,
    "basic_bend": symplectic_edge,
    "hard_edge_only": lambda bend, side: symplectic_edge(bend, side, soft=False),
    "sad_full": symplectic_edge,
    "full": lambda bend, side: symplectic_edge(bend, side, hard_gradient=True),
}
"""The same with exact edges in place of those of second order, which are not symplectic."""
