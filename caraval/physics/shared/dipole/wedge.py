"""Wedges of field or of empty space between two planes through one line: what turns the frame at the face of a bend."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND

from ..special import arcsine_ratio, root


class WedgeConstants(NamedTuple):
    """Of :func:`wedge`.

    Curvature of the field [1/m]; sine and cosine of the angle between the planes; horizontal and forward momentum of the
    reference, over its own, before and after.
    """

    field: Any
    sine: Any
    cosine: Any
    px_before: Any
    ps_before: Any
    px_after: Any
    ps_after: Any


def wedge(c: WedgeConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Cross a wedge, exactly (Forest, "Beam Dynamics", 10.3 and 12.2).

    Before and after it, ``px`` counts from the reference's: at a face the reference runs aslant, and small differences from
    a large slope would lose digits.
    """
    px, py, pz = c.px_before + q.px, q.py, q.pz
    momentum = 1 + pz
    in_plane2 = momentum * momentum - py * py
    ps = root(in_plane2 - px * px, xp)
    excess = (pz * (2 + pz) - py * py - q.px * (c.px_before + px)) / (ps + c.ps_before)
    reach = q.x * c.sine
    turned = q.px * c.cosine + excess * c.sine - c.field * reach
    px_out = c.px_after + turned
    left = in_plane2 - px_out * px_out
    ps_out = root(left, xp)
    slope = (px * c.cosine + ps * c.sine + px_out) / (ps * c.cosine - px * c.sine + ps_out)
    chord = reach * xp.sqrt((1 + slope * slope) / in_plane2)
    half = 0.5 * c.field * chord
    path = chord * arcsine_ratio(xp.where(left > 0, half * half, 0.0), xp)
    x = q.x * c.cosine + reach * slope
    return Coordinates(xp.where(left > 0, x, BEYOND), turned, q.y + py * path, py, q.z - momentum * path, pz)


def undo_wedge(c: WedgeConstants) -> WedgeConstants:
    """Return the constants of the same wedge backwards."""
    return WedgeConstants(c.field, -c.sine, c.cosine, c.px_after, c.ps_after, c.px_before, c.ps_before)


def wedge_constants(angle: Any, field: Any, before: Any, xp: Any) -> WedgeConstants:
    """Return the constants of :func:`wedge`.

    Parameters
    ----------
    angle : number or array
        Between the planes [rad].
    field : number or array
        Its curvature [1/m].
    before : number or array
        Angle [rad] at which the reference comes in.
    xp : namespace
    """
    after = before + angle
    return WedgeConstants(field, xp.sin(angle), xp.cos(angle), xp.sin(before), xp.cos(before), xp.sin(after), xp.cos(after))
