"""Bends: any two of a bend's measures say the others (PALS, "BendP")."""

from __future__ import annotations

from math import asin, inf, isinf, sin
from typing import Any, NamedTuple

from caraval.core.reference import Reference

from .definitions import Definition

STRENGTHS = ("g_ref", "Bn0_ref", "radius_ref")
LENGTHS = ("length", "L_chord", "L_rectangle")


class Geometry(NamedTuple):
    """Length of the arc [m], curvature [1/m], angle [rad]; and a field [T] whose curvature is not known yet."""

    length: float
    g: float
    angle: float
    field: float = 0.0


def geometry(bend: Definition, reference: Reference | None) -> Geometry:
    """Return the measures of a bend.

    Parameters
    ----------
    bend : Definition
    reference : Reference, optional
        At its entrance, without which a field says no curvature.

    Raises
    ------
    LatticeError
        If they contradict each other.
    """
    group = bend.group("BendP")
    given: dict[str, Any] = {}
    for name in (*STRENGTHS, *LENGTHS, "angle_ref"):
        value = bend.parameters.get("length") if name == "length" else group.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise bend.place.error(f"{bend.label}: {name} must be a number, not {value!r}")
            given[name] = float(value)
    strength, length = (_one(bend, given, names) for names in (STRENGTHS, LENGTHS))
    angle = given.get("angle_ref")
    if strength and length and angle is not None and strength[1] not in (0.0, inf):
        raise bend.place.error(f"{bend.label}: of {strength[0]}, {length[0]} and angle_ref only two can be given")
    g = field = 0.0
    if strength:
        kind, value = strength
        if kind == "radius_ref":
            g = 0.0 if isinf(value) else 1 / value if value else 0.0
        elif kind == "g_ref":
            g = value
        elif reference is None:
            field = value
        else:
            g = value / float(reference.rigidity)
    if angle is None:
        return _from_strength(bend, g, field, length)
    if length is None:
        return Geometry(angle / g if g else 0.0, g, angle if g else 0.0)
    arc = _arc(bend, length, angle)
    return Geometry(arc, angle / arc if arc else 0.0, angle if arc else 0.0)


def _one(bend: Definition, given: dict[str, float], names: tuple[str, ...]) -> tuple[str, float] | None:
    found = [(name, given[name]) for name in names if name in given]
    if len(found) > 1:
        raise bend.place.error(f"{bend.label}: only one of {', '.join(names)} can be given")
    return found[0] if found else None


def _from_strength(bend: Definition, g: float, field: float, length: tuple[str, float] | None) -> Geometry:
    kind, value = length or ("length", 0.0)
    if kind == "length":
        return Geometry(value, g, g * value, field)
    if field:
        raise bend.place.error(f"{bend.label}: Bn0_ref with {kind} needs a reference momentum")
    straight = g * value / 2 if kind == "L_chord" else g * value
    if abs(straight) > 1:
        raise bend.place.error(f"{bend.label}: {kind} is longer than its circle is wide")
    angle = 2 * asin(straight) if kind == "L_chord" else asin(straight)
    return Geometry(angle / g if g else value, g, angle)


def _arc(bend: Definition, length: tuple[str, float], angle: float) -> float:
    kind, value = length
    if kind == "length" or angle == 0:
        return value
    straight = 2 * sin(angle / 2) if kind == "L_chord" else sin(angle)
    if straight == 0:
        raise bend.place.error(f"{bend.label}: {kind} says nothing of a bend by {angle} rad")
    return value * angle / straight


def faces(bend: Definition, angle: float) -> tuple[float, float]:
    """Return the angles of the faces against a sector's [rad]."""
    group = bend.group("BendP")
    kind = group.get("ref_geometry") or "ARC"
    shares = {"ARC": (0.5, 0.5), "CHORD": (0.5, 0.5), "ENTRANCE_COORDS": (0.0, 1.0), "EXIT_COORDS": (1.0, 0.0)}
    if kind not in shares:
        raise bend.place.error(f"{bend.label}: ref_geometry is {', '.join(shares)}, not {kind!r}")
    found = []
    for end, share in zip("12", shares[kind], strict=True):
        sector, rectangular = group.get(f"e{end}"), group.get(f"e{end}_rect")
        if sector is not None and rectangular is not None and abs(sector - rectangular - share * angle) > 1e-12:
            raise bend.place.error(f"{bend.label}: e{end} and e{end}_rect contradict each other")
        if sector is None:
            sector = 0.0 if rectangular is None and kind == "ARC" else (rectangular or 0.0) + share * angle
        found.append(float(sector))
    return found[0], found[1]
