"""What the exact motion has beyond the paraxial one: the rest that kicks where the linear body is solved exactly.

The exact kinetic energy ``P - sqrt(P^2 - u^2)`` and the paraxial ``u^2 / (2 P)`` are functions of the same transverse
momentum u, which neither changes. So they commute, and the flow of their difference is a drift (in a solenoid's field: a
helix) by what the exact path is longer: ``1 / p_s - 1 / P``.
"""

from __future__ import annotations

from typing import Any

from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from .. import drift
from ..solenoid import SolenoidConstants, helix
from .special import paraxial_lag, path_lag, root


def _longer(length: Any, momentum: Any, transverse2: Any, xp: Any) -> tuple[Any, Any]:
    """Return ``length (1 / p_s - 1 / P)``, and by how much the way is longer than the paraxial one."""
    forward = root(momentum * momentum - transverse2, xp)
    both = momentum + forward
    path = length * transverse2 / (forward * momentum * both)
    return path, path * transverse2 * (forward + 2 * momentum) / (2 * momentum * both)


def _excess(length: Any, mass2: Any, pz: Any, transverse2: Any, xp: Any) -> tuple[Any, Any]:
    """Return ``length (1 / p_s - 1 / P)``, and how much further z moves than in a paraxial body (:func:`paraxial_lag`)."""
    momentum = 1 + pz
    path, detour = _longer(length, momentum, transverse2, xp)
    return path, path_lag(pz, momentum, mass2, length, xp) - paraxial_lag(pz, momentum, mass2, length, xp) - detour


def straight(c: drift.DriftConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Drift by what an exact drift is more than a paraxial one."""
    path, lag = _excess(c.length, c.mass2, q.pz, q.px * q.px + q.py * q.py, xp)
    return q._replace(x=q.x + q.px * path, y=q.y + q.py * path, z=q.z + lag)


def on_the_way(c: drift.DriftConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Drift as :func:`straight`, where what a particle of another speed gains is counted elsewhere."""
    path, detour = _longer(c.length, 1 + q.pz, q.px * q.px + q.py * q.py, xp)
    return q._replace(x=q.x + q.px * path, y=q.y + q.py * path, z=q.z - detour)


def helical(c: SolenoidConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Go along a helix by what an exact one is more than a paraxial one."""
    ux, uy = q.px + c.half * q.y, q.py - c.half * q.x
    path, lag = _excess(c.length, c.mass2, q.pz, ux * ux + uy * uy, xp)
    return helix(q, c.half, path, lag)


def part(share: float, track: Any = straight) -> Routine:
    """Return the rest of a share of an element's drift."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> drift.DriftConstants:
        return drift.DriftConstants(element.length * share, drift.mass2(reference_in))

    return Routine(track=track, prepare=prepare, undo=drift.undo_length)


def solenoid_part(share: float) -> Routine:
    """Return the rest of a share of a solenoid's helix."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidConstants:
        return SolenoidConstants(element.length * share, element.ks / 2, drift.mass2(reference_in))

    return Routine(track=helical, prepare=prepare, undo=drift.undo_length)
