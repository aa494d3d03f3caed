"""Apertures (PALS, "ApertureP")."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attributes import Attributes

OF_APERTURES = (
    *(f"{axis}_{name}" for axis in "xy" for name in ("min", "max", "center", "width")),
    "shape", "location", "vertices", "material", "thickness", "aperture_shifts_with_body", "aperture_active",
)  # fmt: skip
"""What the standard says of apertures."""


def aperture(a: Attributes) -> dict[str, Any]:
    """Return limits: beyond them a particle is lost."""
    group = a.definition.group("ApertureP")
    a.passing(*(f"ApertureP.{name}" for name in OF_APERTURES))
    if not group:
        return {}
    for name in ("material", "thickness"):
        if group.get(name):
            a.note(f"ApertureP.{name}", group[name], "a particle outside is lost at once")
    shape = a.choice("ApertureP.shape", "ELLIPTICAL", "RECTANGULAR", "VERTICES", "CUSTOM_SHAPE")
    if shape in ("VERTICES", "CUSTOM_SHAPE"):
        a.physics("ApertureP.shape", shape, "no aperture")
        return {}
    limits: dict[str, Any] = {}
    for axis in "xy":
        low, high = _sides(a, axis)
        for side, limit in ((1, low), (2, high)):
            if abs(limit) != inf:
                limits[f"{axis}{side}_limit"] = -limit if side == 1 else limit
    if 0.0 in limits.values():
        a.physics("ApertureP", group, "open where the limit is on the axis")
    if shape == "ELLIPTICAL":
        if len(limits) < 4:
            a.note("ApertureP", group, "no aperture: an ellipse needs four limits")
            return {}
        if limits["x1_limit"] != limits["x2_limit"] or limits["y1_limit"] != limits["y2_limit"]:
            a.physics("ApertureP", group, "an ellipse of four quarters about the axis")
    return {**limits, **_where(a, shape)}


def _sides(a: Attributes, axis: str) -> tuple[float, float]:
    """Return where an aperture ends on its two sides, infinity where it does not."""
    given = {name: a.value(f"ApertureP.{axis}_{name}") for name in ("min", "max", "width")}
    low, high = (a.number(f"ApertureP.{axis}_{name}", side * inf) for name, side in (("min", -1), ("max", 1)))
    if given["width"] is None:
        return low, high
    if given["min"] is not None or given["max"] is not None:
        raise a.definition.place.error(
            f"{a.definition.label}: of an aperture either {axis}_min and {axis}_max, or {axis}_center and "
            f"{axis}_width can be given"
        )
    center, half = a.number(f"ApertureP.{axis}_center"), a.number(f"ApertureP.{axis}_width") / 2
    return center - half, center + half


def _where(a: Attributes, shape: str) -> dict[str, Any]:
    at = {"ENTRANCE_END": "entrance_end", "CENTER": "exit_end", "EXIT_END": "exit_end", "BOTH_ENDS": "both_ends"}
    at |= {"NOWHERE": "no_aperture", "EVERYWHERE": "continuous"}
    location = a.choice("ApertureP.location", *at)
    if location == "CENTER" and a.length:
        a.physics("ApertureP.location", location, "at the exit")
    if not a.flag("ApertureP.aperture_active", True):
        location = "NOWHERE"
    found = {"aperture_type": shape.lower(), "aperture_at": at[location]}
    return {**found, "offset_moves_aperture": a.flag("ApertureP.aperture_shifts_with_body", False)}
