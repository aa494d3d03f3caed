"""Apertures as openings without length before and behind an element, for formats that have them in collimators alone."""

from __future__ import annotations

from typing import NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.physics.aperture import LIMITS, UNLIMITED
from caraval.physics.ecollimator import ECollimator
from caraval.physics.rcollimator import RCollimator

OF_OPENINGS = (*LIMITS, "aperture_type", "aperture_at", "offset_moves_aperture")
"""WeighedFields that say an opening."""

SMALLEST = 1e-300
"""A limit [m] that is none in effect; zero would mean that there is no limit."""

TURNED = ("x_pitch", "y_pitch", "tilt", "z_offset", "roll")


class Opening(NamedTuple):
    """Half widths [m], the centre [m], and whether it is an ellipse."""

    x: float
    y: float
    x_centre: float
    y_centre: float
    is_round: bool


def has_opening(element: Element) -> bool:
    """Whether an element has an aperture anywhere."""
    return element.aperture_at != "no_aperture" and not all(is_zero(getattr(element, name)) for name in LIMITS)


def without(element: Element) -> Element:
    """Return an element without its aperture."""
    defaults = element.schema().defaults
    return element.with_values({name: defaults[name] for name in OF_OPENINGS})


def check(element: Element, losses: Losses) -> None:
    """Report an opening that lets nothing through, or is none.

    Raises
    ------
    LatticeError
        If that may not be lost.
    """
    name = element.name or element.label
    for one, other in (LIMITS[:2], LIMITS[2:]):
        first, second = getattr(element, one), getattr(element, other)
        if first and second and first + second <= 0:
            losses.physics(name, one, first, "open: it lets nothing through")
        elif element.aperture_type == "elliptical" and bool(first) != bool(second):
            losses.physics(name, one if first else other, first or second, "an ellipse with one edge far away")


def opening(element: Element, losses: Losses, *, moves: bool) -> Opening:
    """Return the opening of an element; a side that does not limit is far away.

    Parameters
    ----------
    element : Element
    losses : Losses
    moves : bool
        Whether it is seen from the element as it stands, rather than from the axis.

    Raises
    ------
    LatticeError
        If it is turned as the other one is not, and that may not be lost.
    """
    x, y = _shift(element, losses, moves=moves)
    x1, x2, y1, y2 = (getattr(element, name) or UNLIMITED for name in LIMITS)
    is_round = element.aperture_type == "elliptical"
    return Opening((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2 + x, (y2 - y1) / 2 + y, is_round)


def _shift(element: Element, losses: Losses, *, moves: bool) -> tuple[float, float]:
    """Return by how much an opening is shifted that is seen from another place [m]."""
    differs = (element.offset_moves_aperture and element.feels_misalignment) - moves
    if differs:
        turned = [name for name in TURNED if not is_zero(getattr(element, name, 0.0))]
        if any(name != "tilt" or element.aperture_follows_tilt for name in turned):
            losses.physics(element.name, "offset_moves_aperture", element.offset_moves_aperture, "moved and not turned")
    return differs * getattr(element, "x_offset", 0.0), differs * getattr(element, "y_offset", 0.0)


def thin(element: Element, name: str, losses: Losses) -> Element:
    """Return the opening of an element as a collimator without length."""
    is_round = element.aperture_type == "elliptical"
    x, y = _shift(element, losses, moves=False)
    limits = {n: getattr(element, n) for n in LIMITS}
    shifts = {"x1_limit": -x, "x2_limit": x, "y1_limit": -y, "y2_limit": y}
    values = {name: limit + shifts[name] or SMALLEST for name, limit in limits.items() if limit}
    kind: type[Element] = ECollimator if is_round else RCollimator
    return kind(name=name, aperture_at="both_ends").replace(aperture_type=element.aperture_type, **values)


def around(element: Element, losses: Losses) -> tuple[list[Element], Element, list[Element]]:
    """Return an element without its aperture, and what stands before and behind it instead."""
    if not has_opening(element):
        return [], without(element), []
    name = element.name or element.label
    where = element.aperture_at
    check(element, losses)
    losses.note(name, "aperture_at", where, "collimators without length")
    before = [thin(element, f"{element.name}_in", losses)] if where in ("entrance_end", "both_ends", "continuous") else []
    behind = [thin(element, f"{element.name}_out", losses)] if where in ("exit_end", "both_ends", "continuous") else []
    return before, without(element), behind
