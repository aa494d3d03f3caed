"""Single numbers in the tables of an element: ``kicker[frequencies(2)%amp]`` (Bmad manual, "Nonstandard Parameter Syntax")."""

from __future__ import annotations

import re
from typing import NamedTuple

from .definitions import Element, Setting
from .expressions import Structure
from .positions import Place
from .rows import rows, with_component

COLUMNS = {"frequencies": ("freq", "amp", "phi"), "amp_vs_time": ("time", "amp")}
"""What the columns of tables are called."""

_NAME = re.compile(r"(\w+)\((\d{1,6})\)%(\w+)")


class Component(NamedTuple):
    """A table, and the row and the column of a number in it, both from zero."""

    table: str
    row: int
    column: int


def component(element: Element, name: str) -> Component | None:
    """Return the number in a table that a name means; None: it means none, or there is no such number."""
    found = _NAME.fullmatch(name)
    if found is None or found[3] not in COLUMNS.get(found[1], ()):
        return None
    table = element.settings.get(found[1])
    there = len(rows(table.value)) if table is not None and isinstance(table.value, Structure) else 0
    row = int(found[2]) - 1
    return Component(found[1], row, COLUMNS[found[1]].index(found[3])) if 0 <= row < there else None


def read(element: Element, at: Component) -> float:
    """Return a number in a table."""
    return rows(Structure(element.settings[at.table].value))[at.row][at.column]


def write(element: Element, at: Component, value: float, place: Place) -> None:
    """Set a number in a table."""
    table = Structure(element.settings[at.table].value)
    element.settings[at.table] = Setting(with_component(table, at.row, at.column, value), place)
