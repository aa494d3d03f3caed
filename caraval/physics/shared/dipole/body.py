"""Bodies of a bend: motion in a dipole field, with or without a gradient, in a frame that turns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from ... import drift
from ..multipoles import integrated
from ..special import arctangent_ratio, paraxial_lag, path_lag, quotient, root, stumpff
from .arc import ArcConstants, arc, arc_constants, undo_arc

if TYPE_CHECKING:
    from ...sbend import SBend


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
    half = turned / (root(left, xp) + ps)  # tangent of half the angle, over g
    x = q.x * c.cosine + half * (px + px_out) + excess * c.sagitta + px * c.straight
    detour = 2 * half * arctangent_ratio((c.g * half) * (c.g * half), xp)  # path over in-plane momentum, minus the length
    return Coordinates(
        xp.where(left > 0, x, BEYOND),
        px_out,
        q.y + py * (c.length + detour),
        py,
        q.z + path_lag(pz, momentum, c.mass2, c.length, xp) - c.length * pz - momentum * detour,
        pz,
    )


class CombinedConstants(NamedTuple):
    """Length [m], design curvature and what the field has beyond it [1/m], gradient [1/m^2], ``(m c / P0)^2``."""

    length: Any
    g: Any
    extra: Any
    k1: Any
    mass2: Any


def combined(c: CombinedConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve the paraxial Hamiltonian of a bend with a gradient (Bmad manual, "Bend Tracking", combined function).

    Bmad's closed form about the dispersive orbit, expanded so that nothing is divided by the focusing strength.
    """
    length = c.length
    momentum = 1 + q.pz
    i = 1 / momentum
    focusing = c.k1 + c.g * (c.g + c.extra)
    push = c.g * q.pz - c.extra
    cx, sx, versine, lag = stumpff(focusing * i * (length * length))
    sx, versine, lag = sx * length, versine * (length * length), lag * (length * length * length)
    cy, sy, _, _ = stumpff(-c.k1 * i * (length * length))
    sy = sy * length
    u, v = q.px * i, q.py * i
    bow = (versine * length + cx * lag) * i  # (length - cx sx) / focusing
    centre = focusing * q.x - push  # focusing times the distance from the dispersive orbit
    x = q.x + sx * u - versine * i * centre
    px = q.px - focusing * i * versine * q.px - sx * centre
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


def combined_backwards(c: CombinedConstants, q: Coordinates, xp: Any) -> Coordinates:
    """As :func:`combined`, for a bend that was reversed: Bmad's path along the dispersive orbit has the opposite sign there.

    That is a defect of Bmad's, and ill-conditioned where the focusing strength is small.
    """
    out = combined(c, q, xp)
    dispersive = (c.g * q.pz - c.extra) / (c.k1 + c.g * (c.g + c.extra))
    return out._replace(z=out.z + 2 * c.g * c.length * dispersive)


class EitherConstants(NamedTuple):
    """Those of both bodies, and of the paraxial one without gradient; `weak` is one where the gradient is negligible."""

    exact: ArcConstants
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
    exact = arc(c.exact, q, xp)
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


def sector_part(share: float) -> Routine:
    """Return the body in the design field, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> SectorConstants:
        length, angle = bend.length * share, bend.angle * share
        _, straight, sagitta, _ = stumpff(angle * angle)
        return SectorConstants(
            length,
            bend.g,
            xp.sin(angle),
            xp.cos(angle),
            length * straight,
            length * angle * sagitta,
            drift.mass2(reference_in),
        )

    return Routine(track=sector, prepare=prepare, undo=_undo_sector)


def _undo_sector(c: SectorConstants) -> SectorConstants:
    return c._replace(length=-c.length, sine=-c.sine, straight=-c.straight)


def arc_part(share: float) -> Routine:
    """Return the body in a field that may differ from the design, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> ArcConstants:
        return arc_constants(bend.length * share, bend.angle * share, bend.g, extra_angle(bend, xp) * share, reference_in, xp)

    return Routine(track=arc, prepare=prepare, undo=undo_arc)


def free_part(share: float) -> Routine:
    """Return a share of the length without any field, along the curve of the design."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> ArcConstants:
        return arc_constants(bend.length * share, bend.angle * share, bend.g, -bend.angle * share, reference_in, xp)

    return Routine(track=arc, prepare=prepare, undo=undo_arc)


def _combined_constants(bend: SBend, share: float, reference: Reference, xp: Any) -> CombinedConstants:
    return CombinedConstants(bend.length * share, bend.g, extra(bend, xp), gradient(bend, xp), drift.mass2(reference))


def combined_part(share: float) -> Routine:
    """Return the paraxial body with gradient, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> CombinedConstants:
        return _combined_constants(bend, share, reference_in, xp)

    return Routine(track=combined, prepare=prepare, undo=drift.undo_length)


def backwards_part(share: float) -> Routine:
    """Return the paraxial body with gradient of a reversed bend, of a share of the length."""
    return replace(combined_part(share), track=combined_backwards)


def either_part(share: float) -> Routine:
    """Return the body for a gradient that is not known beforehand, of a share of the length."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> EitherConstants:
        paraxial = _combined_constants(bend, share, reference_in, xp)
        beyond = extra_angle(bend, xp) * share
        exact = arc_constants(bend.length * share, bend.angle * share, bend.g, beyond, reference_in, xp)
        weak = xp.where(xp.abs(paraxial.k1 * bend.length) < WEAK, 1.0, 0.0)
        return EitherConstants(exact, paraxial, paraxial._replace(k1=0.0), weak)

    return Routine(track=either, prepare=prepare)


def dipole(bend: SBend, xp: Any) -> Any:
    """Return the curvature of the field on the axis [1/m]: the design's, and what errors and kicks add."""
    return bend.g + extra(bend, xp)


def extra(bend: SBend, xp: Any) -> Any:
    """Return what errors and kicks add to the curvature of the field on the axis [1/m]."""
    found = integrated(bend, xp)
    return bend.dg + quotient(found[0][1], bend.length, xp) if 0 in found else bend.dg


def extra_angle(bend: SBend, xp: Any) -> Any:
    """Return by what angle errors and kicks bend beyond the design [rad], whatever the length."""
    found = integrated(bend, xp)
    return bend.dg * bend.length + found[0][1] if 0 in found else bend.dg * bend.length


def has_gradient(bend: SBend) -> bool:
    """Whether there is a normal gradient, or may be."""
    error = bend.multipoles_on and not is_zero(bend.b1)
    return error or not (is_zero(bend.k1) and is_zero(bend.b1_gradient))


def gradient(bend: SBend, xp: Any) -> Any:
    """Return the normal gradient on the axis [1/m^2], with what a multipole adds."""
    found = integrated(bend, xp)
    return bend.k1 + quotient(found[1][1], bend.length, xp) if 1 in found else bend.k1
