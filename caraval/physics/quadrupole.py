"""Quadrupoles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element, End
from caraval.core.hookspecs import hookimpl
from caraval.core.maps import LinearMap
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .shared import beyond_paraxial, electric, fringes, steps
from .shared.electric import ElectricMagnet
from .shared.fields import magnet_field, runge_kutta
from .shared.integrator import around, body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import integrated, kicks, orders, present
from .shared.special import cos_sin_both, paraxial_lag, quotient, versine_sine_both


class Quadrupole(ElectricMagnet):
    """A quadrupole magnet (Bmad manual, "Quadrupole").

    Attributes
    ----------
    k1 : Parameter
        Normalised gradient [1/m^2]; positive focuses in x.
    b1_gradient : Parameter, optional
        Gradient [T/m], instead.
    fringe_type, fringe_at
        Edges: the nonlinear hard edge, and the linear effect of a soft one.
    fq1, fq2 : Parameter
        Soft-edge integrals [m^2, m^3].
    """

    k1: Parameter = 0.0
    b1_gradient: Parameter | None = None
    fringe_type: Literal["none", "full", "hard_edge_only", "soft_edge_only"] = "none"
    fringe_at: End = "both_ends"
    fq1: Parameter = 0.0
    fq2: Parameter = 0.0

    odd = (*ElectricMagnet.odd, "k1", "b1_gradient")
    main = ("k1", 1)
    fields = {**ElectricMagnet.fields, "k1": "b1_gradient"}  # noqa: RUF012

    def is_plain(self) -> bool:
        """Whether there are neither multipoles nor edges."""
        return super().is_plain() and self.fringe_type == "none"


class QuadrupoleConstants(NamedTuple):
    """Length [m], gradient [1/m^2], and ``(m c / P0)^2``."""

    length: Any
    k1: Any
    mass2: Any


def body(c: QuadrupoleConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve the paraxial Hamiltonian exactly (Bmad manual, "Quadrupole Tracking").

    What changes is added to what was there: cosines near one would lose the same digits in each of many slices.
    """
    length = c.length
    momentum = 1 + q.pz
    inverse = 1 / momentum
    k = c.k1 * inverse
    versine_x, sx, versine_y, sy = versine_sine_both(k * (length * length))
    sx = sx * length
    sy = sy * length
    u, v = q.px * inverse, q.py * inverse
    dx = sx * u - versine_x * q.x
    dy = sy * v - versine_y * q.y
    du = -(k * sx * q.x + versine_x * u)
    dv = k * sy * q.y - versine_y * v
    # u^2 + k x^2 is conserved, and twice u^2 is more than that by the derivative of x u
    path = length * (u * u + v * v + k * (q.x * q.x - q.y * q.y)) + (dx * (u + du) + q.x * du) + (dy * (v + dv) + q.y * dv)
    return Coordinates(
        q.x + dx,
        q.px + momentum * du,
        q.y + dy,
        q.py + momentum * dv,
        q.z - 0.25 * path + paraxial_lag(q.pz, momentum, c.mass2, length, xp),
        q.pz,
    )


def gradient(quadrupole: Quadrupole, xp: Any) -> Any:
    """Return the normalised gradient [1/m^2], with what a multipole error adds."""
    if is_zero(quadrupole.b1) or not quadrupole.multipoles_on:
        return quadrupole.k1
    if quadrupole.scale_multipoles:  # relative to the main strength, whatever the length
        return quadrupole.k1 * (1 + quadrupole.b1)
    return quadrupole.k1 + quotient(integrated(quadrupole, xp)[1][1], quadrupole.length, xp)


def part(share: float) -> Routine:
    """Return the body of a share of the length."""

    def prepare(quadrupole: Quadrupole, reference_in: Reference, reference_out: Reference, xp: Any) -> QuadrupoleConstants:
        return QuadrupoleConstants(quadrupole.length * share, gradient(quadrupole, xp), drift.mass2(reference_in))

    return Routine(track=body, prepare=prepare, undo=drift.undo_length)


def errors(quadrupole: Quadrupole, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the multipoles that kick: all but the normal quadrupole, which is in the body."""
    found = quadrupole.strengths(xp)
    return {**found, 1: (found[1][0], 0.0)}


def kicking(quadrupole: Quadrupole) -> list[int]:
    """Return the orders of the multipoles that kick."""
    skew = quadrupole.multipoles_on and not is_zero(quadrupole.a1)
    return [n for n in orders(quadrupole) if n != 1 or skew]


def count(quadrupole: Quadrupole, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps; in its rule a quadrupole's gradient weighs fifty-fold."""
    given = steps.given(method, quadrupole.length)
    if given or is_zero(quadrupole.length):
        return given or 1
    plain = electric.normalised(steps.plain(steps.normalised(quadrupole, reference)), reference)
    found = plain.strengths(scalar)
    dipole, gradient = (steps.magnitude(n, *found.get(n, (0.0, 0.0))) for n in (0, 1))
    electric_curvature, electric_gradient = electric.step_terms(plain)
    curvature = dipole / plain.length + electric_curvature
    return steps.by_strength(plain.length, curvature, 50 * (gradient + plain.length * curvature**2) + electric_gradient)


def stepped(quadrupole: Quadrupole) -> bool:
    """Whether anything kicks, so that the number of steps matters."""
    return bool(kicking(quadrupole) or electric.orders(quadrupole))


def bmad_standard(quadrupole: Quadrupole, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: edge, half kick, slices of body with kicks between, half kick, edge."""
    if not quadrupole.is_on:
        return drift.switched_off(quadrupole)
    kick = kicks(errors, kicking(quadrupole))
    entrance, exit = fringes.quadrupole(quadrupole)
    if is_zero(quadrupole.length):  # Bmad leaves the closing half kick out
        return (Step((*entrance, kick(0.5), *exit)),) if kick else ()
    ends = electric.with_edges(quadrupole, (entrance, exit))
    return kick_body_kick(part, electric.with_electric(kick, quadrupole), number, *ends)


def kick_drift_kick(quadrupole: Quadrupole, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Exact drifts and kicks of all multipoles, or the paraxial body and kicks of all else."""
    if not quadrupole.is_on:
        return drift.switched_off(quadrupole)
    electric.refuse(quadrupole, method.name)
    edges = fringes.quadrupole(quadrupole)
    there = present(quadrupole)
    if method.split == "matrix" and 1 in there and not is_zero(quadrupole.length):
        others = around(kicks(errors, kicking(quadrupole)), beyond_paraxial.part)
        return body_kick_body(part, others, number, method.order, *edges)
    return body_kick_body(drift.part, kicks(Quadrupole.strengths, there), number, method.order, *edges)


def linear(quadrupole: Quadrupole, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearMap:
    """Return the matrix of a plain quadrupole."""
    k1, length = quadrupole.k1, quadrupole.length
    cx, sx, cy, sy = cos_sin_both(k1 * length * length)
    gamma2 = 1 + 1 / drift.mass2(reference_in)
    return LinearMap.from_blocks(
        x=[[cx, sx * length], [-k1 * sx * length, cx]],
        y=[[cy, sy * length], [k1 * sy * length, cy]],
        z=[[1.0, length / gamma2], [0.0, 1.0]],
    )


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's paraxial body, the symplectic splitting, and the matrix."""
    return {
        (Quadrupole, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (Quadrupole, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (Quadrupole, "runge_kutta"): runge_kutta.method(magnet_field.of, fringes.quadrupole),
        (Quadrupole, "linear"): linear,
    }
