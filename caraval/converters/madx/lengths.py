"""How long elements are, and what else of them can be a number."""

from __future__ import annotations

from math import sin
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from .definitions import Doubt, Element, Member, Quantity

if TYPE_CHECKING:
    from .interpreter import Interpreter

THIN = (
    "marker",
    "multipole",
    "multipole8",
    "dipedge",
    "sixmarker",
    "changeref",
    "srotation",
    "xrotation",
    "yrotation",
    "translation",
    "nllens",
)
"""Classes whose elements have no length, whatever is said."""


def length_of(state: Interpreter, member: Member) -> float:
    """Return how long an element or a sequence in another is."""
    inner = state.sequences.get(member.name) if member.own is None else None
    return length(state, element_of(state, member)) if inner is None else state.number(inner.length)[0]


def element_of(state: Interpreter, member: Member) -> Element:
    """Return the element that a member is.

    Raises
    ------
    LatticeError
        If there is none of that name.
    """
    if member.own is not None:
        return member.own
    element = state.elements.get(member.name)
    if element is None:
        raise member.place.error(f"there is no element {member.name!r}{suggest(member.name, state.elements)}")
    return element


def length(state: Interpreter, element: Element) -> float:
    """Return how long an element is; bends along their arc.

    Raises
    ------
    LatticeError
        If it is negative.
    """
    if element.keyword in THIN:
        return 0.0
    found, doubts = value_of(state, element, "l")
    state.report(element.name, "l", doubts, element.place)
    if element.keyword == "rbend" and state.rbarc:
        angle, _ = value_of(state, element, "angle")
        if angle != 0 and sin(angle / 2) != 0:
            found *= angle / (2 * sin(angle / 2))
    if found < 0:
        raise element.place.error(f"{element.label} has the negative length {found} m")
    return found


def value_of(state: Interpreter, element: Element, name: str) -> tuple[float, tuple[Doubt, ...]]:
    """Return the value of an attribute that is a number; zero, if it is not set."""
    setting = element.settings.get(name)
    if setting is None:
        return 0.0, ()
    if isinstance(setting.value, Quantity):
        return state.number(setting.value)
    return float(setting.value) if isinstance(setting.value, bool) else 0.0, ()
