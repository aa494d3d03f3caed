"""The shape of bends, of which the file gives a part and the rest follows (Bmad manual, "Bends: Rbend and Sbend")."""

from __future__ import annotations

from collections.abc import Mapping
from math import asin, isclose, sin
from typing import Any, NamedTuple

from caraval.core.element import Element as CaravalElement
from caraval.physics.sbend import SBend

from .definitions import Element, Settings
from .vocabulary import BEND_SHAPE

EXIT_SHARE = {"none": 0.5, "center": 0.5, "entrance_end": 1.0, "exit_end": 0.0}
"""What part of the angle a rectangular bend's exit face has, by its fiducial point."""

AGREES = 1e-6
"""How far, relatively, a length may be from that which angle and curvature give."""


class Shape(NamedTuple):
    """Arc length [m], angle [rad], curvature [1/m], and what is added to the face angles `e1` and `e2` [rad]."""

    length: float
    angle: float
    g: float
    e1: float
    e2: float


class Contradiction(Exception):  # noqa: N818 - never leaves this module
    """What does not fit together."""


def shape(element: Element, settings: Settings) -> Shape:
    """Return the shape of a bend.

    Parameters
    ----------
    element : Element
    settings : mapping
        Its attributes; those of the shape are taken out.

    Raises
    ------
    LatticeError
        If they contradict each other.
    """
    taken = {name: settings.pop(name) for name in sorted(BEND_SHAPE) if name in settings}
    place = max((setting.place for setting in taken.values()), default=element.place)
    fiducial = taken.pop("fiducial_pt").word("fiducial_pt") if "fiducial_pt" in taken else "none"
    values = {name: setting.number(name) for name, setting in taken.items()}
    given = {name: value for name, value in values.items() if value != 0}  # to Bmad, zero is not given
    try:
        if fiducial not in EXIT_SHARE:
            raise Contradiction(f"fiducial_pt must be one of {', '.join(EXIT_SHARE)}, not {fiducial!r}")
        length, angle = _rectangle(given, fiducial) if "l_rectangle" in given else _arc(element.keyword, given)
        if length == 0 and angle:
            raise Contradiction("a bend needs a length")
    except Contradiction as contradiction:
        raise place.error(f"{element.label}: {contradiction}") from None
    share = EXIT_SHARE[fiducial]
    faces = ((1 - share) * angle, share * angle) if element.keyword == "rbend" else (0.0, 0.0)
    return Shape(length, angle, angle / length if length else _curvature(given), *faces)


def _arc(keyword: str, given: Mapping[str, float]) -> tuple[float, float]:
    """Return length and angle from any two of length, angle and curvature."""
    g, angle = _curvature(given), given.get("angle", 0.0)
    lengths = {name: given[name] for name in ("l", "l_arc", "l_chord") if name in given}
    allowed = ("l", "l_arc") if keyword == "rbend" else ("l",)
    if len(lengths) > 1 or not set(lengths) <= set(allowed):
        raise Contradiction(f"its length is given by {' or '.join(allowed)}, not by {' and '.join(lengths)}")
    is_chord = keyword == "rbend" and "l" in lengths
    length = sum(lengths.values())
    if g and angle:
        implied = 2 * sin(angle / 2) / g if is_chord else angle / g
        if length and not isclose(length, implied, rel_tol=AGREES):
            raise Contradiction(f"angle and curvature say that l is {implied}, not {length}; give two of the three")
        return angle / g, angle
    if g and is_chord:
        if abs(g * length) > 2:
            raise Contradiction(f"a chord of {length} m does not fit into a circle of radius {abs(1 / g)} m")
        angle = 2 * asin(g * length / 2)
    elif g:
        angle = g * length
    return (length * angle / (2 * sin(angle / 2)) if is_chord and angle else length), angle


def _rectangle(given: Mapping[str, float], fiducial: str) -> tuple[float, float]:
    """Return length and angle from the length along a straight line.

    With a fiducial point at an end the line touches the arc there. Otherwise it is the chord, by the manual; Bmad makes the
    bend half as long as that, and leaves the angle.
    """
    reach, g, angle = given["l_rectangle"], _curvature(given), given.get("angle", 0.0)
    if set(given) & {"l", "l_arc", "l_chord"} or (g and angle):
        raise Contradiction("l_rectangle needs the angle or the curvature, and nothing else")
    at_end = fiducial in ("entrance_end", "exit_end")
    share = 1.0 if at_end else 0.5  # of the angle, between the line and the radius to one of its ends
    if g:
        if abs(g * share * reach) > 1:
            raise Contradiction(f"l_rectangle of {reach} m does not fit into a radius of {abs(1 / g)} m")
        angle = asin(g * share * reach) / share
    length = reach * share * angle / sin(share * angle) if angle else reach
    return (length if at_end else length / 2), angle


def _curvature(given: Mapping[str, float]) -> float:
    if "rho" in given and "g" in given and not isclose(given["g"] * given["rho"], 1, rel_tol=AGREES):
        raise Contradiction("g and rho are not the same curvature; give one")
    return 1 / given["rho"] if "rho" in given else given.get("g", 0.0)


def without_inner_faces(piece: SBend) -> CaravalElement:
    """Return a slice of a bend with faces only where it has fringes, as Bmad has them."""
    values: dict[str, Any] = {}
    if piece.fringe_at not in ("entrance_end", "both_ends"):
        fintx = piece.fint if piece.fintx is None else piece.fintx
        hgapx = piece.hgap if piece.hgapx is None else piece.hgapx
        values |= {"e1": 0.0, "fint": 0.0, "hgap": 0.0, "fintx": fintx, "hgapx": hgapx}
    if piece.fringe_at not in ("exit_end", "both_ends"):
        values |= {"e2": 0.0, "fintx": 0.0, "hgapx": 0.0}
    return piece.replace(**values)
