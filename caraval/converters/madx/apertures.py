"""Apertures (MAD-X manual, "Aperture definition"), which MAD-X checks at the entrance of an element, where it is asked to."""

from __future__ import annotations

from math import hypot, inf, nextafter
from typing import Any, Literal, NamedTuple

from caraval.converters.shared.openings import Opening

from .values import Values

WIDEST = 999.0
"""Half width [m] of what is wide open; whatever is beyond is no opening."""

Shape = Literal["rectangular", "elliptical"]


class Limits(NamedTuple):
    """Half width and half height of an opening [m], and its shape; nothing is open if one of them is zero."""

    x: float
    y: float
    shape: Shape


def limits(v: Values) -> dict[str, Any]:
    """Return the aperture of an element as fields of Caraval's."""
    kind, sizes = v.text("apertype") or "circle", v.numbers("aperture")
    offset = v.numbers("aper_offset")
    v.numbers("aper_tol"), v.number("aper_tilt")
    if any(value > 0 for value in v.numbers("aper_vx")) and v.numbers("aper_vy"):
        v.note("aper_vx", "a polygon", "no polygon")
    found = _limits(v, kind, [abs(size) for size in sizes])
    if found is None or not (0 < found.x <= WIDEST and 0 < found.y <= WIDEST):
        return {}
    values = {"x1_limit": found.x, "x2_limit": found.x, "y1_limit": found.y, "y2_limit": found.y}
    if any(offset):
        dx, dy = (*offset, 0.0)[:2]
        if abs(dx) == found.x or abs(dy) == found.y:  # a limit of zero is none
            v.note("aper_offset", offset, "the aperture in the middle")
        else:
            moved = {"x1_limit": -dx, "x2_limit": dx, "y1_limit": -dy, "y2_limit": dy}
            values = {name: value + moved[name] for name, value in values.items()}
    return {**values, "aperture_type": found.shape, "aperture_at": "entrance_end"}


def said(opening: Opening) -> dict[str, Any]:
    """Return the attributes that say an opening at the entrance."""
    centre = [opening.x_centre, opening.y_centre]
    half = [min(size, WIDEST) for size in (opening.x, opening.y)]
    half = [nextafter(size, inf) if size == abs(at) else size for size, at in zip(half, centre, strict=True)]  # no edge at zero
    values: dict[str, Any] = {"apertype": "ellipse" if opening.is_round else "rectangle", "aperture": half}
    return {**values, "aper_offset": centre} if any(centre) else values


def _limits(v: Values, kind: str, sizes: list[float]) -> Limits | None:
    """Return the opening; of two shapes on top of one another, the one that is within the other, else the rectangle."""
    if not any(sizes):
        return None
    if kind == "circle":
        return Limits(sizes[0], sizes[0], "elliptical")
    a, b = (*sizes, *sizes)[:2]
    if kind == "ellipse":
        return Limits(a, b, "elliptical")
    if kind == "rectangle":
        return Limits(a, b, "rectangular")
    if kind in ("rectcircle", "lhcscreen", "rectellipse") and len(sizes) >= 3:
        x, y = (*sizes[2:], sizes[2])[:2]
        if x <= a and y <= b:
            return Limits(x, y, "elliptical")
        if not (x and y) or hypot(a / x, b / y) <= 1:
            return Limits(a, b, "rectangular")
        v.note("aperture", f"{kind} {sizes}", "the rectangle alone")
        return Limits(min(a, x), min(b, y), "rectangular")
    if kind == "racetrack" and len(sizes) >= 4:
        if sizes[2:4] == [a, b]:
            return Limits(a, b, "elliptical")
        if any(sizes[2:4]):
            v.note("aperture", f"{kind} {sizes}", "the rectangle around it")
        return Limits(a, b, "rectangular")
    v.note("apertype", f"{kind} {sizes}", "the rectangle around it" if kind == "octagon" else "no aperture")
    return Limits(a, b, "rectangular") if kind == "octagon" else None
