"""Settings that a command file changes: ``&alter_elements`` (User's Manual for elegant, "alter_elements")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from caraval.core.errors import LatticeError, suggest
from caraval.core.losses import Losses

from .definitions import Element, Setting, Value
from .namelists import Namelist
from .rpn import Calculator
from .words import of_commands

UNDERSTOOD = of_commands("alter")
"""What the command may be given."""


def alter(elements: dict[str, Element], command: Namelist, calculator: Calculator, losses: Losses) -> None:
    """Change settings of the elements of a line.

    Parameters
    ----------
    elements : dict
        By name.

    Raises
    ------
    LatticeError
        If there is no such parameter.
    """
    others = [name for name in command.values if name not in UNDERSTOOD and command.values[name] not in ("", "0")]
    if others:
        losses.physics("alter_elements", others[0], command.values[others[0]], place=command.place)
        return
    try:
        item = command.text("item").upper()
        change = _change(command, calculator)
    except LatticeError as error:
        losses.physics("alter_elements", "value", command.values.get("value", ""), f"left out ({error})", place=command.place)
        return
    for element in _meant(elements.values(), command):
        name = element.type.meaning(item)
        if name is None:
            if not command.number("allow_missing_parameters", calculator):
                raise command.place.error(f"{element.label} has no parameter {item!r}{suggest(item, element.type.parameters)}")
            continue
        value = _value(element, name, command, change)
        settings = {**element.settings, name: Setting(value, command.place)}
        elements[element.name] = replace(element, settings=settings)


def _meant(elements: Iterable[Element], command: Namelist) -> list[Element]:
    name, type, exclude = (command.text(key).upper() for key in ("name", "type", "exclude"))
    return [
        element
        for element in elements
        if (not name or fnmatchcase(element.name.upper(), name))
        and (not type or fnmatchcase(element.type.name, type))
        and not (exclude and fnmatchcase(element.name.upper(), exclude))
    ]


def _change(command: Namelist, calculator: Calculator) -> Callable[[float], float]:
    """Return what becomes of a number."""
    given = command.number("value", calculator)
    if command.number("multiplicative", calculator):
        return lambda value: value * given
    if command.number("differential", calculator):
        return lambda value: value + given
    return lambda value: given


def _value(element: Element, name: str, command: Namelist, change: Callable[[float], float]) -> Value:
    sort = element.type.parameter(name).sort
    if sort == "texts":
        return command.text("string_value")
    value = change(element.number(name))
    return float(int(value)) if sort == "integers" else value
