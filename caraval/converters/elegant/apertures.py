"""Collimators, scrapers, and limits that hold along the line."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element

from .attributes import Attributes
from .setting import Opening, Surroundings

DIRECTIONS = {0: "+X", 1: "+Y", 2: "-X", 3: "-Y"}
"""What the numbers of scrapers mean."""

AXES = {"X": "x", "H": "x", "Y": "y", "V": "y"}

FAR = 1.0
"""Half width [m] of an opening of which only one edge is anywhere near the beam."""


def collimator(a: Attributes, here: Surroundings) -> Element:
    """RCOL, ECOL: an opening at both ends; what is not positive does not limit."""
    x, y = max(0.0, a.number("X_MAX")), max(0.0, a.number("Y_MAX"))
    limits = {"x1_limit": x, "x2_limit": x, "y1_limit": y, "y2_limit": y}
    is_round = a.element.type.name == "ECOL" and x > 0 and y > 0
    _check_shape(a, is_round)
    side = a.text("OPEN_SIDE")
    if side and not is_round:
        limits[_edge(side, a)] = 0.0
    elif side:
        a.physics("OPEN_SIDE", side)
    values: dict[str, Any] = {"x_offset": a.number("DX"), "y_offset": a.number("DY"), "aperture_at": "both_ends"}
    shape = "elliptical" if is_round else "rectangular"
    return a.make("ECollimator" if is_round else "RCollimator", **limits, **values, aperture_type=shape)


def scraper(a: Attributes, here: Surroundings) -> Element:
    """SCRAPER: one edge, or one on either side."""
    if a.number("XO") or a.number("Z"):
        a.physics("XO" if a.number("XO") else "Z", "matter", "what hits it is lost")
    position, number = a.number("POSITION"), a.integer("DIRECTION")
    word = a.text("INSERT_FROM") or DIRECTIONS.get(number, "")
    axis = AXES.get(word[-1:].upper(), "")
    offset = a.number("DX" if axis == "x" else "DY") if axis else 0.0
    a.passing("DX", "DY")
    if not axis:
        return a.make("Drift" if a.number("L") else "Marker")
    if word[0] not in "+-":
        if position <= 0:
            return a.drift("SCRAPER that is closed")
        both = {f"{axis}1_limit": position, f"{axis}2_limit": position, f"{axis}_offset": offset}
        return a.make("RCollimator", **both, aperture_at="both_ends")
    edge, beyond = _edge(word, a), (position + offset) * (1 if word[0] == "+" else -1)
    if beyond > 0:
        return a.make("RCollimator", **{edge: beyond}, aperture_at="both_ends")
    shift = (beyond - FAR) * (1 if word[0] == "+" else -1)
    return a.make("RCollimator", **{edge: FAR, f"{axis}_offset": shift}, aperture_at="both_ends")


def limits(a: Attributes, here: Surroundings) -> Element:
    """MAXAMP: limits here, and on all that follows."""
    is_round = bool(a.integer("ELLIPTICAL"))
    _check_shape(a, is_round)
    if a.text("OPEN_SIDE"):
        a.physics("OPEN_SIDE", a.text("OPEN_SIDE"))
    here.opening = Opening(a.number("X_MAX"), a.number("Y_MAX"), is_round)
    return a.make("Marker")


def limited(element: Element, opening: Opening) -> Element:
    """Return an element with the limits that hold where it stands, unless it has its own."""
    x, y = max(0.0, opening.x), max(0.0, opening.y)
    own: Any = element
    if not (x or y) or own.x1_limit or own.x2_limit or own.y1_limit or own.y2_limit or element.length == 0:
        return element
    is_round = opening.elliptical and x > 0 and y > 0
    return element.replace(x_limit=x, y_limit=y, aperture_type="elliptical" if is_round else "rectangular")


def _check_shape(a: Attributes, is_round: bool) -> None:
    exponents = (a.integer("EXPONENT") or 2, a.integer("YEXPONENT") or 2)
    if is_round and exponents != (2, 2):
        a.physics("EXPONENT", exponents[0], "an ellipse")


def _edge(side: str, a: Attributes) -> str:
    """Return the limit on a side, such as ``"+x"``."""
    axis = AXES.get(side[1:].upper(), "")
    if len(side) != 2 or side[0] not in "+-" or not axis:
        raise a.element.place.error(f"{a.element.label}: {side!r} is no side; +x, -x, +y, -y are")
    return f"{axis}{2 if side[0] == '+' else 1}_limit"
