"""Attributes once a lattice is expanded: of several that say the same, one is kept, and the others follow from it.

A bend has its arc length and its curvature, and counts its faces as an `sbend` does; a cavity has its voltage.
"""

from __future__ import annotations

from . import bends, components, start
from .components import component
from .definitions import Element, Setting
from .expressions import Value
from .positions import Place
from .vocabulary import BENDS, CAVITIES, DEPENDENT

PER_LENGTH = {"gradient": "voltage", "gradient_err": "voltage_err"}
"""What is another attribute over the length."""

OF_BENDS = ("l", "l_arc", "g", "rho", "angle")
"""The shape of a bend can be changed by these."""


def read(element: Element, name: str) -> Value | None:
    """Return an attribute, which may follow from others; None: it is not set."""
    at = component(element, name)
    if at is not None:
        return components.read(element, at)
    if _depends(element, name):
        _settle(element)
        if name == "l_arc":
            name = "l"
        elif name in ("angle", "rho"):
            length, g = _number(element, "l"), _number(element, "g")
            return length * g if name == "angle" else 1 / g if g else 0.0
        elif name in PER_LENGTH:
            length = _number(element, "l")
            return _number(element, PER_LENGTH[name]) / length if length else 0.0
    return element.settings[name].value if name in element.settings else None


def write(element: Element, name: str, value: float, place: Place) -> None:
    """Set an attribute, from which others may follow.

    Raises
    ------
    LatticeError
        If it follows from others itself.
    """
    at = component(element, name)
    if at is not None:
        components.write(element, at, value, place)
        return
    if _depends(element, name):
        _settle(element)
        if element.keyword in BENDS and name not in (*OF_BENDS, "e1", "e2"):
            raise place.error(f"{element.label}: {name} follows from other attributes; change l, g or angle")
        name, value = _kept(element, name, value, place)
    start.put(element.settings, name, Setting(value, place))


def _depends(element: Element, name: str) -> bool:
    """Whether an attribute is one of several that say the same, or is about to mean something else."""
    return name in DEPENDENT.get(element.keyword, ()) or (element.keyword == "rbend" and name in ("e1", "e2"))


def _kept(element: Element, name: str, value: float, place: Place) -> tuple[str, float]:
    """Return the attribute that is kept, and its value."""
    if name == "l_arc":
        return "l", value
    if name in PER_LENGTH:
        return PER_LENGTH[name], value * _number(element, "l")
    if name not in ("angle", "rho"):
        return name, value
    over = _number(element, "l") if name == "angle" else value
    if over == 0:
        raise place.error(f"{element.label}: {name} cannot be {value:g} in a bend {_number(element, 'l'):g} m long")
    return "g", (value / over if name == "angle" else 1 / value)


def _number(element: Element, name: str) -> float:
    return element.settings[name].number(name) if name in element.settings else 0.0


def _settle(element: Element) -> None:
    """Keep one attribute of those that say the same."""
    settings = element.settings
    if element.keyword in CAVITIES:
        for name in [name for name in PER_LENGTH if name in settings]:
            place = settings[name].place
            settings.setdefault(PER_LENGTH[name], Setting(_number(element, name) * _number(element, "l"), place))
            del settings[name]
    elif "b_field" not in settings and (element.keyword == "rbend" or set(settings) & (DEPENDENT["sbend"] - {"l", "g"})):
        place = max((settings[name].place for name in DEPENDENT["sbend"] if name in settings), default=element.place)
        shape = bends.shape(element, settings)
        faces = {"e1": shape.e1 + _number(element, "e1"), "e2": shape.e2 + _number(element, "e2")}
        kept = {"l": shape.length, "g": shape.g, **faces}
        settings.update({name: Setting(value, place) for name, value in kept.items()})
        element.keyword = "sbend"
