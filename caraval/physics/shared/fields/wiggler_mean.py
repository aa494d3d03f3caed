"""The mean motion through a wiggler, which Bmad's own tracking follows (Bmad manual, "Periodic Type Wigglers")."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from ... import drift
from ..special import cos_sin, paraxial_lag, path_lag, quotient


def detour(wiggler: Any, xp: Any) -> Any:
    """Return by how much the path of the reference particle is longer than the wiggler [m]."""
    slope = wiggler.g_max * wiggler.reduced_period(xp)
    return wiggler.length * slope * slope * (0.5 if wiggler.is_helical() else 0.25)


class FocusConstants(NamedTuple):
    """Length [m], mean defocusing strengths [1/m^2], and ``(m c / P0)^2``."""

    length: Any
    kx: Any
    ky: Any
    mass2: Any


def focus(c: FocusConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move along the mean trajectory (Bmad manual, "Periodic Type Wigglers"; k > 0 defocuses)."""
    length = c.length
    momentum = 1 + q.pz
    inverse = 1 / momentum
    kx, ky = c.kx * inverse * inverse, c.ky * inverse * inverse
    cx, sx = wide_cos_sin(-kx * (length * length), xp)
    cy, sy = wide_cos_sin(-ky * (length * length), xp)
    sx = sx * length
    sy = sy * length
    u, v = q.px * inverse, q.py * inverse
    bx, by = sx * cx, sy * cy
    path = 0.25 * (
        kx * (length - bx) * q.x * q.x - (length + bx) * u * u + ky * (length - by) * q.y * q.y - (length + by) * v * v
    ) - 0.5 * (kx * sx * sx * q.x * u + ky * sy * sy * q.y * v)
    return Coordinates(
        cx * q.x + sx * u,
        cx * q.px + kx * momentum * sx * q.x,
        cy * q.y + sy * v,
        cy * q.py + ky * momentum * sy * q.y,
        q.z + path + paraxial_lag(q.pz, momentum, c.mass2, length, xp),
        q.pz,
    )


WIDE = 60.0
"""Argument from which on trigonometric functions take over from the series in :func:`wide_cos_sin`."""


def wide_cos_sin(u: Any, xp: Any) -> tuple[Any, Any]:
    """Return ``cos sqrt u`` and ``sin(sqrt u) / sqrt u`` for any argument: slow particles oscillate often."""
    near = xp.where(u > WIDE, 0.0, xp.where(u < -WIDE, 0.0, u))
    cosine, ratio = cos_sin(near)
    a = xp.sqrt(xp.where(u > WIDE, u, WIDE))
    b = xp.sqrt(xp.where(u < -WIDE, -u, WIDE))
    cosine = xp.where(u > WIDE, xp.cos(a), xp.where(u < -WIDE, xp.cosh(b), cosine))
    ratio = xp.where(u > WIDE, xp.sin(a) / a, xp.where(u < -WIDE, xp.sinh(b) / b, ratio))
    return cosine, ratio


class OctupoleConstants(NamedTuple):
    """Strengths of the cubic kicks [1/m^3]."""

    x: Any
    y: Any


def octupole(c: OctupoleConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by what of the mean focusing grows with the third power of the amplitude."""
    inverse = 1 / (1 + q.pz)
    return q._replace(px=q.px + c.x * inverse * (q.x * q.x * q.x), py=q.py + c.y * inverse * (q.y * q.y * q.y))


class DetourConstants(NamedTuple):
    """Length of the detour of the reference [m], and ``(m c / P0)^2``."""

    length: Any
    mass2: Any


def lag(c: DetourConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Oscillate less than the reference with more momentum: ``detour (beta / beta0 - (1 + pz)^-2)``."""
    momentum = 1 + q.pz
    shorter = c.length * q.pz * (2 + q.pz) / (momentum * momentum)
    return q._replace(z=q.z + path_lag(q.pz, momentum, c.mass2, c.length, xp) + shorter)


def part(share: float) -> Routine:
    """Return the mean motion through a share of the length."""

    def prepare(wiggler: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> FocusConstants:
        mean = wiggler.g_max * wiggler.g_max / 2
        if wiggler.is_helical():
            kx, ky = -mean, -mean
        else:
            across2 = (wiggler.kx * wiggler.reduced_period(xp)) ** 2
            kx, ky = mean * across2, -mean * (1 + across2)
        return FocusConstants(wiggler.length * share, kx, ky, drift.mass2(reference_in))

    return Routine(track=focus, prepare=prepare, undo=drift.undo_length)


def cubic(share: float) -> Routine:
    """Return the cubic kicks of a share of the length."""

    def prepare(wiggler: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> OctupoleConstants:
        period = wiggler.reduced_period(xp)
        wave2 = quotient(1.0, period * period, xp)
        strength = -wiggler.g_max * wiggler.g_max / 6 * wave2 * wiggler.length * share
        if wiggler.is_helical():
            return OctupoleConstants(strength, strength)
        return OctupoleConstants(0.0, strength * (1 + (wiggler.kx * period) ** 2))

    return Routine(track=octupole, prepare=prepare, undo=_undo_octupole)


def _undo_octupole(c: OctupoleConstants) -> OctupoleConstants:
    return OctupoleConstants(-c.x, -c.y)


def _prepare_lag(wiggler: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> DetourConstants:
    return DetourConstants(detour(wiggler, xp), drift.mass2(reference_in))


LAG = Routine(track=lag, prepare=_prepare_lag, undo=drift.undo_length)
