"""Elements that are a drift with kicks: one scheme for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.methods import BmadStandard, KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step

from .. import drift, quadrupole
from . import beyond_paraxial, electric, steps
from .fields import magnet_field, runge_kutta
from .fringes import Chain
from .integrator import around, body_kick_body, kick_body_kick, number_of_steps, quadrature
from .multipoles import Kicked, kicks, present
from .special import quotient

Count = Callable[[Any, float], int]


def no_edges(element: Any) -> tuple[Chain, Chain]:
    """Return that there is nothing at the ends."""
    return (), ()


def focusing_part(share: float) -> Routine:
    """Return the paraxial body with the normal quadrupole among the multipoles, of a share of the length."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> quadrupole.QuadrupoleConstants:
        k1 = quotient(element.strengths(xp)[1][1], element.length, xp)
        return quadrupole.QuadrupoleConstants(element.length * share, k1, drift.mass2(reference_in))

    return Routine(track=quadrupole.body, prepare=prepare, undo=drift.undo_length)


def methods(
    kind: type[Kicked], rule: Count, edges: Callable[[Any], tuple[Chain, Chain]] = no_edges, *, kicker: bool = False
) -> dict[tuple[type[Element], str], Composite]:
    """Return the particle methods of a kind whose body is a drift.

    Parameters
    ----------
    kind : type
    rule : callable
        ``(element, length) -> number of steps`` where the method's options say none; all its numbers are plain.
    edges : callable
        ``element -> (routines at the entrance, routines at the exit)``.
    kicker : bool
        Whether `split="matrix"` is PTC's (:func:`caraval.physics.shared.integrator.quadrature`).
    """

    def count(element: Any, method: TrackingMethod, reference: Reference | None) -> int:
        given = steps.given(method, element.length)
        if given or not steps.number(element.length):
            return given or 1
        plain = electric.normalised(steps.plain(steps.normalised(element, reference)), reference)
        return rule(plain, plain.length)

    def stepped(element: Any) -> bool:
        return bool(present(element) or electric.orders(element))

    def bmad_standard(element: Any, method: TrackingMethod, number: int) -> Sequence[Step]:
        """Kicks, half of one at each end, and exact drifts (Bmad manual, "Drift-Kick Tracking")."""
        if not element.is_on:
            return drift.switched_off(element)
        kick = electric.with_electric(kicks(kind.strengths, present(element)), element)
        ends = electric.with_edges(element, edges(element))
        return kick_body_kick(drift.part, kick, number, *ends, thin=is_zero(element.length))

    def kick_drift_kick(element: Any, method: KickDriftKick, number: int) -> Sequence[Step]:
        """Exact drifts, half of one at each end, and kicks; the matrix split has a quadrupole in the body."""
        if not element.is_on:
            return drift.switched_off(element)
        electric.refuse(element, method.name)
        there = present(element)
        kick = kicks(kind.strengths, there)
        if is_zero(element.length):
            return kick_body_kick(drift.part, kick, 1, *edges(element), thin=True)
        if method.split == "matrix" and kicker:
            return quadrature(drift.part, kick, number, method.order)
        if method.split == "matrix" and 1 in there:
            others = [n for n in there if n != 1 or not is_zero(element.a1)]
            rest = around(kicks(quadrupole.errors, others), beyond_paraxial.part)
            return body_kick_body(focusing_part, rest, number, method.order, *edges(element))
        return body_kick_body(drift.part, kick, number, method.order, *edges(element))

    return {
        (kind, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (kind, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (kind, "runge_kutta"): runge_kutta.method(
            magnet_field.of, edges, thin=lambda element: bmad_standard(element, BmadStandard(), 1)
        ),
    }
