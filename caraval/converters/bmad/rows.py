"""Tables in braces: ``{(1e6, 0.5), (2e6, 0.25)}``."""

from __future__ import annotations

from .expressions import Scope, Structure, number
from .parser import parse
from .positions import Mistake, Position
from .syntax import Assignment


def worked_out(table: Structure, position: Position, scope: Scope) -> Structure:
    """Return a table with the values of the expressions in it.

    Raises
    ------
    Mistake
        If it is no table, or a value cannot be worked out.
    """
    text = "".join(table.split("\n")).strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise Mistake(f"a table of numbers, {{(1, 2), ...}}, is needed here, not {text!r}", position)
    rows = []
    for row in _parts(text[1:-1]):
        row = row.strip()
        if not (row.startswith("(") and row.endswith(")")):
            raise Mistake(f"a row of numbers in parentheses is needed here, not {row!r}", position)
        rows.append(", ".join(repr(_value(part, position, scope)) for part in _parts(row[1:-1])))
    return Structure("{" + ", ".join(f"({row})" for row in rows) + "}")


def rows(table: Structure) -> tuple[tuple[float, ...], ...]:
    """Return the rows of a table that :func:`worked_out` made."""
    return tuple(tuple(float(part) for part in row.strip(" ()").split(",")) for row in _parts(table[1:-1]))


def _parts(text: str) -> list[str]:
    """Return what stands between the commas outside of parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def _value(text: str, position: Position, scope: Scope) -> float:
    try:
        statement = parse(f"value = {text.strip()}\n")[0]
    except Mistake:
        raise Mistake(f"{text.strip()!r} is no number", position) from None
    if not isinstance(statement, Assignment):
        raise Mistake(f"{text.strip()!r} is no number", position)
    try:
        return number(statement.value, scope)
    except Mistake as mistake:
        raise Mistake(mistake.message, position) from None
