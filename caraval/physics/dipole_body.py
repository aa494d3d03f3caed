"""Bodies of a bend: motion in a dipole field, with or without a gradient, in a frame that turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from . import drift
from .special import arcsine_ratio, paraxial_lag, path_lag, quotient, root, stumpff

if TYPE_CHECKING:
    from .sbend import SBend


class SectorConstants(NamedTuple):
    """Length [m], curvature [1/m], sine and cosine of the angle, ``sine / g``, ``(1 - cosine) / g`` [m], ``(m c / P0)^2``."""

    length: Any
    g: Any
    sine: Any
    cosine: Any
    straight: Any
    sagitta: Any
    mass2: Any


def sector(c: SectorConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Bend in a field that follows the design curvature, exactly (Forest, "Beam Dynamics", 12.2).

    Written in differences from the reference trajectory, so that nothing is divided by the curvature.
    """
    px, py, pz = q.px, q.py, q.pz
    momentum = 1 + pz
    in_plane2 = momentum * momentum - py * py
    ps = root(in_plane2 - px * px, xp)
    excess = (pz * (2 + pz) - px * px - py * py) / (ps + 1)  # ps - 1
    turned = px * c.sagitta - (excess - c.g * q.x) * c.straight  # (px - px_out) / g
    px_out = px - c.g * turned
    left = in_plane2 - px_out * px_out
    gained = turned * (px + px_out) / (root(left, xp) + ps)  # (ps_out - ps) / g
    x = q.x * c.cosine + gained + excess * c.sagitta + px * c.straight
    sine = (px * gained + turned * ps) / in_plane2
    detour = sine * arcsine_ratio((c.g * sine) * (c.g * sine), xp)  # path over in-plane momentum, minus the length
    return Coordinates(
        xp.where(left > 0, x, BEYOND),
        px_out,
        q.y + py * (c.length + detour),
        py,
        q.z + path_lag(pz, momentum, c.mass2, c.length, xp) - c.length * pz - momentum * detour,
        pz,
    )


class BendConstants(NamedTuple):
    """As :class:`SectorConstants`, for a `field` [1/m] that need not follow the design curvature.

    `divisor` is the field, or one where there is none; `direction` is -1 for a body run backwards.
    """

    length: Any
    field: Any
    sine: Any
    cosine: Any
    straight: Any
    sagitta: Any
    mass2: Any
    divisor: Any
    direction: Any


def uniform(c: BendConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move in a uniform field while the frame turns by an angle about a centre of its own (Bmad manual, "Bend Tracking").

    The chord of the particle's arc runs from ``(x, 0)``, seen in the turned frame, by `reach` forward and `across` sideways.
    With length zero this is a wedge of field, and without field a rotation of the frame.
    """
    px, py = q.px, q.py
    momentum = 1 + q.pz
    in_plane2 = momentum * momentum - py * py
    ps = root(in_plane2 - px * px, xp)
    reach = q.x * c.sine + c.straight
    px_seen = px * c.cosine + ps * c.sine
    ps_seen = ps * c.cosine - px * c.sine
    px_out = px_seen - c.field * reach
    left = in_plane2 - px_out * px_out
    ps_out = root(left, xp)
    ahead = ps_seen > 0  # else the frame turned by more than a right angle, and there must be a field
    slope = xp.where(ahead, px_seen + px_out, 0.0 * px) / xp.where(ahead, ps_seen + ps_out, 1.0)
    across = xp.where(ahead, reach * slope, (ps_out - ps_seen) / c.divisor)
    chord = xp.where(ahead, reach * xp.sqrt(1 + slope * slope), xp.sqrt(xp.where(ahead, 1.0, reach * reach + across * across)))
    half_sine2 = c.field * c.field * chord * chord / (4 * in_plane2)
    path = chord * arcsine_ratio(xp.where(left > 0, half_sine2, 0.0), xp) / root(in_plane2, xp)
    return Coordinates(
        xp.where(left > 0, q.x * c.cosine - c.sagitta + across, BEYOND),
        px_out,
        q.y + py * path,
        py,
        q.z + path_lag(q.pz, momentum, c.mass2, c.length, xp) + (c.length - momentum * path),
        q.pz,
    )


class CombinedConstants(NamedTuple):
    """Length [m], design curvature and field [1/m], gradient [1/m^2], ``(m c / P0)^2``."""

    length: Any
    g: Any
    field: Any
    k1: Any
    mass2: Any


def combined(c: CombinedConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve the paraxial Hamiltonian of a bend with a gradient (Bmad manual, "Bend Tracking", combined function).

    Bmad's closed form about the dispersive orbit, expanded so that nothing is divided by the focusing strength.
    """
    length = c.length
    momentum = 1 + q.pz
    i = 1 / momentum
    focusing = c.k1 + c.g * c.field
    push = c.g * momentum - c.field
    cx, sx, versine, lag = stumpff(focusing * i * (length * length))
    sx, versine, lag = sx * length, versine * (length * length), lag * (length * length * length)
    cy, sy, _, _ = stumpff(-c.k1 * i * (length * length))
    sy = sy * length
    u, v = q.px * i, q.py * i
    bow = (versine * length + cx * lag) * i  # (length - cx sx) / focusing
    centre = focusing * q.x - push  # focusing times the distance from the dispersive orbit
    x = cx * q.x + sx * u + push * versine * i
    px = cx * q.px - sx * centre
    z = (
        q.z
        - c.g * (sx * q.x + versine * u + push * lag * i)
        - 0.25 * i * bow * centre * centre
        + 0.5 * i * sx * sx * centre * u
        - 0.25 * (length + cx * sx) * u * u
        + 0.25 * c.k1 * i * (length - cy * sy) * q.y * q.y
        - 0.5 * c.k1 * i * sy * sy * q.y * v
        - 0.25 * (length + cy * sy) * v * v
        + paraxial_lag(q.pz, momentum, c.mass2, length, xp)
    )
    return Coordinates(x, px, cy * q.y + sy * v, cy * q.py + c.k1 * sy * q.y, z, q.pz)


class EitherConstants(NamedTuple):
    """Those of both bodies, and of the paraxial one without gradient; `weak` is one where the gradient is negligible."""

    uniform: BendConstants
    combined: CombinedConstants
    flat: CombinedConstants
    weak: Any


WEAK = 1e-10
"""Integrated gradient [1/m] below which Bmad takes the exact body and kicks."""


def either(c: EitherConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Bend with a gradient whose value is not known beforehand: paraxial, but exact where there is none, as Bmad is.

    The difference of the two at zero gradient is added there, so that derivatives by the gradient are right, too.
    """
    out = combined(c.combined, q, xp)
    exact = uniform(c.uniform, q, xp)
    paraxial = combined(c.flat, q, xp)
    weak = q.pz * 0.0 + c.weak > 0
    return Coordinates(
        xp.where(weak, out.x + (exact.x - paraxial.x), out.x),
        xp.where(weak, out.px + (exact.px - paraxial.px), out.px),
        xp.where(weak, out.y + (exact.y - paraxial.y), out.y),
        xp.where(weak, out.py + (exact.py - paraxial.py), out.py),
        xp.where(weak, out.z + (exact.z - paraxial.z), out.z),
        q.pz,
    )


# -------------------------------------------------------------------- a share of an element


def uniform_constants(length: Any, angle: Any, strength: Any, reference: Reference, xp: Any) -> BendConstants:
    """Return the constants of :func:`uniform` for a length, an angle of the frame and a field."""
    _, straight, sagitta, _ = stumpff(angle * angle)
    return BendConstants(
        length,
        strength,
        xp.sin(angle),
        xp.cos(angle),
        length * straight,
        length * angle * sagitta,
        drift.mass2(reference),
        divisor=xp.where(strength == 0, 1.0, strength),
        direction=1.0,
    )


def sector_part(share: float) -> Routine:
    """Return the body in the design field, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> SectorConstants:
        c = uniform_constants(bend.length * share, bend.angle * share, bend.g, reference_in, xp)
        return SectorConstants(*c[: len(SectorConstants._fields)])

    return Routine(track=sector, prepare=prepare, undo=undo_turn)


def uniform_part(share: float) -> Routine:
    """Return the body in a field that may differ from the design, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return uniform_constants(bend.length * share, bend.angle * share, dipole(bend, xp), reference_in, xp)

    return Routine(track=uniform, prepare=prepare, undo=undo_turn)


def undo_turn(c: Any) -> Any:
    """Return the constants of the same turn backwards."""
    back = c._replace(length=-c.length, sine=-c.sine, straight=-c.straight)
    return back._replace(direction=-c.direction) if isinstance(c, BendConstants) else back


def _combined_constants(bend: SBend, share: float, reference: Reference, xp: Any) -> CombinedConstants:
    found = bend.strengths(xp)
    k1 = quotient(found[1][1], bend.length, xp) if 1 in found else 0.0
    return CombinedConstants(bend.length * share, bend.g, dipole(bend, xp), k1, drift.mass2(reference))


def combined_part(share: float) -> Routine:
    """Return the paraxial body with gradient, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> CombinedConstants:
        return _combined_constants(bend, share, reference_in, xp)

    return Routine(track=combined, prepare=prepare, undo=drift.undo_length)


def either_part(share: float) -> Routine:
    """Return the body for a gradient that is not known beforehand, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> EitherConstants:
        paraxial = _combined_constants(bend, share, reference_in, xp)
        exact = uniform_constants(bend.length * share, bend.angle * share, dipole(bend, xp), reference_in, xp)
        weak = xp.where(xp.abs(paraxial.k1 * bend.length) < WEAK, 1.0, 0.0)
        return EitherConstants(exact, paraxial, paraxial._replace(k1=0.0), weak)

    return Routine(track=either, prepare=prepare)


def dipole(bend: SBend, xp: Any) -> Any:
    """Return the curvature of the field on the axis [1/m]: the design's, and what errors and kicks add."""
    found = bend.strengths(xp)
    if 0 not in found:
        return bend.g
    return bend.g + quotient(found[0][1], bend.length, xp)


def switched_off() -> Routine:
    """Return the body of a bend without field, along its curved reference."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return uniform_constants(bend.length, bend.angle, 0.0, reference_in, xp)

    return Routine(track=uniform, prepare=prepare, undo=undo_turn)
