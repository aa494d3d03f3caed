"""Elements that are a drift with kicks: one scheme for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Step

from . import drift, steps
from .fringes import Chain
from .integrator import body_kick_body, kick_body_kick
from .multipoles import Kicked, kicks, present

Count = Callable[[Any, float], int]


def no_edges(element: Any) -> tuple[Chain, Chain]:
    """Return that there is nothing at the ends."""
    return (), ()


def methods(
    kind: type[Kicked], rule: Count, edges: Callable[[Any], tuple[Chain, Chain]] = no_edges
) -> dict[tuple[type[Element], str], Composite]:
    """Return the particle methods of a kind whose body is a drift.

    Parameters
    ----------
    kind : type
    rule : callable
        ``(element, length) -> number of steps`` where the method's options say none; all its numbers are plain.
    edges : callable
        ``element -> (routines at the entrance, routines at the exit)``.
    """

    def count(element: Any, method: TrackingMethod, reference: Reference | None) -> int:
        given = steps.given(method, element.length)
        if given or is_zero(element.length):
            return given or 1
        plain = steps.plain(steps.normalised(element, reference))
        return rule(plain, plain.length)

    def bmad_standard(element: Any, method: TrackingMethod, number: int) -> Sequence[Step]:
        """Kicks, half of one at each end, and exact drifts (Bmad manual, "Drift-Kick Tracking")."""
        if not element.is_on:
            return drift.switched_off(element)
        kick = kicks(kind.strengths, present(element))
        return kick_body_kick(drift.part, kick, number, *edges(element), thin=is_zero(element.length))

    def kick_drift_kick(element: Any, method: KickDriftKick, number: int) -> Sequence[Step]:
        """Exact drifts, half of one at each end, and kicks."""
        if not element.is_on:
            return drift.switched_off(element)
        kick = kicks(kind.strengths, present(element))
        if is_zero(element.length):
            return kick_body_kick(drift.part, kick, 1, *edges(element), thin=True)
        return body_kick_body(drift.part, kick, number, method.order, *edges(element))

    return {
        (kind, "bmad_standard"): Composite(bmad_standard, count, lambda element: bool(present(element))),
        (kind, "kick_drift_kick"): Composite(kick_drift_kick, lambda element, method, reference: method.num_steps),
    }
