"""The text of field maps: braces, parentheses, numbers and words, nested; some have hundreds of thousands of numbers."""

from __future__ import annotations

import re
from typing import Any

from .positions import Place

DEEPEST = 20
"""How deep a map may be nested."""

_TOKEN = re.compile(r"![^\n]*|[{}()=,|:]|[^\s{}()=,|:!&]+|[\s&]+")

Tree = Any
"""A number, a word, a tuple of what stands in parentheses, or a list of what stands in braces, in which members with a name are
pairs ``(name, value)``."""


def tree(text: str, place: Place) -> Tree:
    """Return what a text in braces says.

    Raises
    ------
    LatticeError
        If it is not nested as it should be.
    """
    tokens = [token for token in _TOKEN.findall(text) if not token[0].isspace() and token[0] not in "!&"]
    found, end = _value(tokens, 0, place, 0)
    if end != len(tokens):
        raise place.error(f"{''.join(tokens[end : end + 3])!r} after the end of a field map makes no sense")
    return found


def _value(tokens: list[str], at: int, place: Place, level: int) -> tuple[Tree, int]:
    if level > DEEPEST:
        raise place.error(f"a field map is nested more than {DEEPEST} deep")
    token = tokens[at] if at < len(tokens) else ""
    if token not in ("{", "("):
        return _leaf(token, place), at + 1
    closing, parts = ("}" if token == "{" else ")"), []
    at += 1
    while at < len(tokens) and tokens[at] != closing:
        part, at = _member(tokens, at, place, level)
        parts.append(part)
        if at < len(tokens) and tokens[at] == ",":
            at += 1
    if at == len(tokens):
        raise place.error(f"a {closing!r} is missing in a field map")
    return (parts if closing == "}" else tuple(parts)), at + 1


def _member(tokens: list[str], at: int, place: Place, level: int) -> tuple[Any, int]:
    """Return a value, or the pair of a name and its value; a name may have an index, ``pt(1, 2)``."""
    value, after = _value(tokens, at, place, level + 1)
    index = None
    if isinstance(value, str) and after < len(tokens) and tokens[after] == "(":
        index, after = _value(tokens, after, place, level + 1)
    if after < len(tokens) and tokens[after] == ":":  # a row of a table: the numbers that follow, which nothing sets off
        end = next((i for i in range(after + 1, len(tokens)) if tokens[i] in "{}(),=|:"), len(tokens))
        return (value, tuple(_leaf(token, place) for token in tokens[after + 1 : end])), end
    if after < len(tokens) and tokens[after] == "=":
        given, after = _value(tokens, after + 1, place, level + 1)
        return (value if index is None else (value, index), given), after
    return value, after


def _leaf(token: str, place: Place) -> float | str:
    if not token or token in "})=,|:":
        raise place.error(f"{token!r} in a field map makes no sense" if token else "a field map ends too early")
    try:
        return float(token.lower().replace("d", "e")) if token[0] in "+-.0123456789" else token
    except ValueError:
        raise place.error(f"{token!r} in a field map is no number") from None


def numbers(found: Tree, place: Place) -> tuple[Any, ...]:
    """Return the members of a list or a vector, which have no names.

    Raises
    ------
    LatticeError
    """
    if not isinstance(found, (list, tuple)) or any(isinstance(part, (list, tuple)) for part in found):
        raise place.error(f"numbers are needed in a field map, not {str(found)[:40]}")
    return tuple(found)
