"""What stands in braces: lists whose members are set off by commas."""

from __future__ import annotations

from .expressions import Literal, Node
from .parser import parse
from .positions import Mistake, Position
from .syntax import Assignment


def parts(text: str) -> list[str]:
    """Return what stands between the commas outside of parentheses, brackets and braces."""
    return [part for part in _divided(text) if part.strip()]


def members(node: Node | None, position: Position) -> list[tuple[Position, str]]:
    """Return the members of a list in braces, and where each begins.

    Raises
    ------
    Mistake
        If it is no such list.
    """
    text = node.text if isinstance(node, Literal) else ""
    if node is None or not (text.startswith("{") and text.endswith("}")):
        raise Mistake("a list in braces, {..., ...}, is needed here", position if node is None else node.position)
    found, here = [], _after(node.position, text[0])
    for part in _divided(text[1:-1]):
        member = part.strip(" \t\f\n&")
        if member:
            found.append((_after(here, part[: part.index(member)]), member))
        here = _after(here, f"{part},")
    return found


def expression(text: str, position: Position) -> Node:
    """Return the expression that a part of a list is.

    Raises
    ------
    Mistake
        If it is none.
    """
    flat = " ".join(text.replace("&", " ").split())
    try:
        statement, *others = parse(f"value = {flat}\n")
    except Mistake as mistake:
        raise Mistake(f"{flat!r} is no number: {mistake.message}", position) from None
    if others or not isinstance(statement, Assignment):
        raise Mistake(f"{flat!r} is no number", position)
    return statement.value


def _divided(text: str) -> list[str]:
    found, start, depth = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            found.append(text[start:i])
            start = i + 1
    return [*found, text[start:]]


def _after(position: Position, text: str) -> Position:
    """Return the position after a text that begins at a position."""
    lines, last = text.count("\n"), len(text) - text.rfind("\n")
    return Position(position.line + lines, last if lines else position.column + len(text))
