"""Tables that files make of their own variables, or read (MAD-X manual, "Table Handling Statements")."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from caraval.converters.files import contents

from .definitions import Quantity
from .names import Names
from .source import Mistake, Place
from .statements import given_of, text_of
from .syntax import Command, Given

if TYPE_CHECKING:
    from .interpreter import Interpreter

RESULTS = frozenset(("twiss", "summ", "survey", "ptc_twiss", "ptc_twiss_summary", "track", "tracksumm"))
"""Tables that commands of MAD-X write anew, so that what a file put there does not last."""


@dataclass(eq=False, slots=True)
class Table:
    """Rows of values by column, and the names of the rows."""

    columns: list[str]
    rows: list[dict[str, Quantity]] = field(default_factory=list)
    names: Names = field(default_factory=lambda: Names("", ()))

    def value(self, first: str, second: str) -> Quantity | None:
        """Return the value in a column and a row by its number from 1, or in a row by its name and a column."""
        if _ROW.fullmatch(second):
            column, number = first, int(second) - 1
        else:
            named = self.names.number(first)
            column, number = second, -1 if named is None else named
        return self.rows[number].get(column) if 0 <= number < len(self.rows) else None


def run(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Carry a command of tables out; a table that is not understood has no values from then on."""
    interpreter.say(command.word, "command", place, "of use in expressions alone")
    try:
        given = given_of(command, "table", "column", "file")
    except Mistake:
        given = {}
    name = text_of(given, "table")
    before, found = interpreter.tables.pop(name, None), None
    if command.word in ("readtable", "readmytable"):
        name, found = _read(interpreter, given, name, place)
    elif command.word == "create":
        found = _create(given)
    elif command.word == "fill":
        found = _fill(interpreter, given, before)
    if found is not None and name not in RESULTS:
        interpreter.tables[name] = found
    interpreter.changed()


def tfs(text: str, name: str) -> tuple[str, Table]:
    """Return the table of a TFS file (MAD-X manual, "TFS File Format"), and its name: the one given, or the one that it has."""
    table, names = Table([]), []
    for line in text.splitlines():
        mark, parts = line[:1], _parts(line)
        if mark == "@" and parts[1:2] == ["NAME"] and not name:
            name = parts[-1].lower()
        elif mark == "*":
            table.columns = [part.lower() for part in parts[1:]]
        elif mark not in ("@", "$", "#", "") and parts:
            row = dict(zip(table.columns, parts, strict=False))
            names.append(row.get("name", "").lower())
            numbers = {column: float(part) for column, part in row.items() if _NUMBER.fullmatch(part)}
            table.rows.append({column: Quantity(number) for column, number in numbers.items() if isfinite(number)})
    table.names = Names("", names)
    return name, table


def _create(given: dict[str, Given]) -> Table:
    listed = _COLUMN.findall(text_of(given, "column"))
    return Table([*listed, *(name for name in given if name not in ("table", "column"))])


def _fill(interpreter: Interpreter, given: dict[str, Given], table: Table | None) -> Table | None:
    """Add a row of the values that variables have now; rows that are counted are not done."""
    if table is None or set(given) != {"table"}:
        return None
    known = {column: interpreter.variables[column] for column in table.columns if column in interpreter.variables}
    table.rows.append({column: Quantity(*interpreter.number(quantity)) for column, quantity in known.items()})
    return table


def _read(interpreter: Interpreter, given: dict[str, Given], name: str, place: Place) -> tuple[str, Table | None]:
    file = given["file"].value if "file" in given else None
    path = interpreter.beside(file) if isinstance(file, str) and file else None
    if path is None:
        return name, None
    text = contents(path, str(path))
    interpreter.step(place, text.count("\n"))
    return tfs(text, name)


_ROW = re.compile(r"\d{1,9}")
_COLUMN = re.compile(r"[\w.]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


def _parts(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # quotes that are not closed
        return line.split()
