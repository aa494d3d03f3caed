"""Motion in a uniform field that need not bend as the reference trajectory does, in a frame that turns."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND
from caraval.core.reference import Reference

from ... import drift
from ..special import arcsine_ratio, path_lag, root, stumpff


class ArcConstants(NamedTuple):
    """Of :func:`arc`.

    Length [m]; curvature of the frame [1/m]; by what angle the field bends, and by what angle beyond the frame's `a`; of that
    sine and versine, tangent and secant of its half, and ``sin(a) / a``; cosine of half the angle that the field bends on the
    reference's chord, and by how much the arc over that chord is longer than the reference's [m]; ``(m c / P0)^2``.
    """

    length: Any
    g: Any
    bent: Any
    extra: Any
    sine: Any
    versine: Any
    half_tangent: Any
    half_secant: Any
    ratio: Any
    half_cosine: Any
    bow: Any
    mass2: Any


def arc(c: ArcConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move along an arc well within a right angle, exactly (Bmad manual, "Bend Tracking").

    The chord of the particle's arc leans against that of the reference's. Arcs and chords are written in differences from the
    reference's, so that nothing is divided by field, curvature or length and no digits are lost.
    """
    px, py, pz = q.px, q.py, q.pz
    momentum = 1 + pz
    in_plane2 = momentum * momentum - py * py
    more = pz * (2 + pz) - py * py  # in_plane2 - 1
    ps = root(in_plane2 - px * px, xp)
    excess = (more - px * px) / (ps + 1)  # ps - 1
    px_out = px - px * c.versine + excess * c.sine - (c.bent * c.g * q.x + c.extra) * c.ratio
    left = in_plane2 - px_out * px_out
    ps_out = root(left, xp)
    ps_seen = ps - ps * c.versine - px * c.sine  # along the beam at the exit, where it is more than nothing
    left = xp.where(ps_seen > 0, left, -1.0)
    # slope of the chord against the reference's
    lean = (px + px_out) * (1 + c.half_tangent * (px_out - px) / (ps + ps_out)) / xp.where(left > 0, ps_seen + ps_out, 1.0)
    slope = c.half_tangent + lean
    # chords over sin(a) / g: the particle's, over its momentum in the plane, and the reference's; and their squares' difference
    stretch = c.g * q.x
    incline = 1 + slope * slope
    own = (1 + stretch) * xp.sqrt(incline / in_plane2)
    difference = stretch * (2 + stretch) * incline + lean * (slope + c.half_tangent) - c.half_secant * c.half_secant * more
    half = 0.5 * c.bent * c.ratio * own
    closing = own * c.half_cosine + c.half_secant * root(1 - half * half, xp)
    chord = c.ratio * difference / (in_plane2 * closing)  # of the arc that is the difference of the two, over the length
    half_sine = 0.5 * c.bent * chord
    detour = c.length * chord * arcsine_ratio(xp.where(left > 0, half_sine * half_sine, 0.0), xp) + c.bow
    return Coordinates(
        xp.where(left > 0, q.x + (q.x * c.sine + c.length * c.ratio) * lean, BEYOND),
        px_out,
        q.y + py * (c.length + detour),
        py,
        q.z + path_lag(pz, momentum, c.mass2, c.length, xp) - c.length * pz - momentum * detour,
        pz,
    )


def undo_arc(c: ArcConstants) -> ArcConstants:
    """Return the constants of the same arc backwards."""
    odd = ("length", "bent", "extra", "sine", "half_tangent", "bow")
    return c._replace(**{name: -getattr(c, name) for name in odd})


def arc_constants(length: Any, angle: Any, g: Any, extra: Any, reference: Reference, xp: Any) -> ArcConstants:
    """Return the constants of :func:`arc`.

    Parameters
    ----------
    length : number or array
        [m]
    angle : number or array
        By which the frame turns [rad].
    g : number or array
        Its curvature [1/m].
    extra : number or array
        By what angle the field bends beyond that [rad].
    reference : Reference
    xp : namespace
    """
    _, ratio, sagitta, _ = stumpff(angle * angle)
    half_tangent = xp.tan(angle / 2)
    half_secant = xp.sqrt(1 + half_tangent * half_tangent)
    own, design = 0.5 * (angle + extra) * ratio * half_secant, 0.5 * angle * ratio * half_secant
    return ArcConstants(
        length,
        g,
        angle + extra,
        extra,
        xp.sin(angle),
        angle * angle * sagitta,
        half_tangent,
        half_secant,
        ratio,
        root(1 - own * own, xp),
        length * ratio * half_secant * (arcsine_ratio(own * own, xp) - arcsine_ratio(design * design, xp)),
        drift.mass2(reference),
    )
