"""Tables in braces: ``{(1e6, 0.5), (2e6, 0.25)}``."""

from __future__ import annotations

from .braces import expression, parts
from .expressions import Scope, Structure, number
from .positions import Mistake, Position


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
    lines = []
    for row in parts(text[1:-1]):
        row = row.strip()
        if not (row.startswith("(") and row.endswith(")")):
            raise Mistake(f"a row of numbers in parentheses is needed here, not {row!r}", position)
        lines.append(", ".join(repr(_value(part, position, scope)) for part in parts(row[1:-1])))
    return Structure("{" + ", ".join(f"({row})" for row in lines) + "}")


def rows(table: Structure) -> tuple[tuple[float, ...], ...]:
    """Return the rows of a table that :func:`worked_out` made."""
    return tuple(tuple(float(part) for part in row.strip(" ()").split(",")) for row in parts(table[1:-1]))


def with_component(table: Structure, row: int, column: int, value: float) -> Structure:
    """Return a table that :func:`worked_out` made with another number in one place; rows and columns count from zero."""
    changed = [list(numbers) for numbers in rows(table)]
    changed[row][column] = value
    return Structure("{" + ", ".join(f"({', '.join(map(repr, numbers))})" for numbers in changed) + "}")


def _value(text: str, position: Position, scope: Scope) -> float:
    try:
        return number(expression(text, position), scope)
    except Mistake as mistake:
        raise Mistake(mistake.message, position) from None
