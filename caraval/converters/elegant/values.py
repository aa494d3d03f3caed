"""The values of parameters: numbers, expressions in quotes, texts."""

from __future__ import annotations

import math
import re

from caraval.core.errors import suggest
from caraval.core.losses import Losses

from . import syntax
from .definitions import Element, Setting, Value
from .rpn import NUMBER, Calculator
from .syntax import Given

WHOLE = re.compile(r"[-+]?\d++", re.ASCII)


def settle(element: Element, calculator: Calculator, losses: Losses) -> None:
    """Work out what is given of an element.

    Raises
    ------
    LatticeError
        If there is no such parameter, or the value makes no sense.
    """
    for given in element.given:
        if given.name == "GROUP":
            element.group = text(given.value)
            continue
        name = element.type.meaning(given.name)
        if name is None:
            near = suggest(given.name, (*element.type.parameters, *element.type.same))
            raise given.place.error(f"{element.label} has no parameter {given.name!r}{near}")
        element.settings[name] = Setting(_value(element, name, given, calculator, losses), given.at)


def _value(element: Element, name: str, given: Given, calculator: Calculator, losses: Losses) -> Value:
    sort = element.type.parameter(name).sort
    if sort == "texts":
        return text(given.value)
    if given.value[0] not in "0123456789.-+":
        expression = syntax.unquoted(given.value) if given.value.startswith('"') else given.value.upper()
        value = calculator.value(expression, given.at)
        return float(math.trunc(value)) if sort == "integers" else value
    found = (WHOLE if sort == "integers" else NUMBER).match(given.value)
    if found is None:
        raise given.at.error(f"{element.label}: {given.name} must be a number, not {given.value!r}")
    value = float(found[0])
    if not math.isfinite(value):
        raise given.at.error(f"{element.label}: {given.name} is too large")
    rest = given.value[found.end() :].rstrip(";")
    if rest and not (sort == "integers" and re.fullmatch(r"\.0*", rest)):
        losses.note(element.name, name, given.value, f"read as {value:g}, as elegant does", place=given.at)
    return value


def text(value: str) -> str:
    """Return a text without its quotes; what is not in quotes is in capitals."""
    return syntax.plain(value)


def make_sector(element: Element) -> None:
    """Give a rectangular bend the length of its arc, and face angles from the radial direction."""
    angle = element.number("ANGLE")
    for name in ("E1", "E2"):
        element.settings[name] = Setting(element.number(name) + angle / 2, element.place)
    if abs(angle) > 1e-14:  # elegant's limit
        arc = element.number("L") * (angle / 2) / math.sin(angle / 2)
        element.settings["L"] = Setting(arc, element.place)
