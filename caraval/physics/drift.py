"""Empty space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.maps import LinearMap
from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step

from .shared.special import path_lag, root


class Drift(Element):
    """Field-free space. Where it stands does not matter."""

    feels_misalignment = False


class DriftConstants(NamedTuple):
    """Length [m], and ``(m c / P0)^2``."""

    length: Any
    mass2: Any


def mass2(reference: Reference) -> Any:
    """Return ``(m c / P0)^2`` of the reference."""
    return (reference.species.mass / reference.p0c) ** 2


def drift(c: DriftConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Drift exactly (Bmad manual, "Drift Tracking"), without differences of nearly equal numbers."""
    momentum = 1 + q.pz
    transverse2 = q.px * q.px + q.py * q.py
    left = momentum * momentum - transverse2
    forward = root(left, xp)
    path = c.length / forward
    detour = transverse2 * path / (momentum + forward)
    z = q.z + path_lag(q.pz, momentum, c.mass2, c.length, xp) - detour
    x = xp.where(left > 0, q.x + q.px * path, BEYOND)
    return Coordinates(x, q.px, q.y + q.py * path, q.py, z, q.pz)


def undo_length(c: Any) -> Any:
    """Return the constants of the same body backwards, for bodies whose flow is the same all along."""
    return c._replace(length=-c.length)


def part(share: float) -> Routine:
    """Return the drift through a share of an element's length."""

    def prepare(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> DriftConstants:
        return DriftConstants(element.length * share, mass2(reference_in))

    return Routine(track=drift, prepare=prepare, undo=undo_length)


WHOLE = part(1.0)
"""The drift through an element's whole length."""


def switched_off(element: Element) -> Sequence[Step]:
    """Return the steps of an element that is off: a drift."""
    return (Step((WHOLE,)),)


def linear(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearMap:
    """Return the drift's matrix."""
    gamma2 = 1 + 1 / mass2(reference_in)
    block = [[1.0, element.length], [0.0, 1.0]]
    return LinearMap.from_blocks(x=block, y=block, z=[[1.0, element.length / gamma2], [0.0, 1.0]])


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """An exact drift whatever the method."""
    return {
        (Drift, "bmad_standard"): WHOLE,
        (Drift, "kick_drift_kick"): WHOLE,
        (Drift, "runge_kutta"): WHOLE,
        (Drift, "linear"): linear,
    }
