"""How names, values and statements are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from caraval.core.arrays import is_number

WIDTH = 110
"""Of a line of the file [characters]."""


def name(text: str) -> str:
    """Return a name as MAD-X can have it: letters, digits, dots and underscores."""
    clean = re.sub(r"[^a-z0-9_.]", "_", text.lower())
    return clean if re.match(r"[a-z]", clean) else f"x{clean}"


def value(what: Any) -> str | None:
    """Return a value as the file has it; None: it cannot have it."""
    if isinstance(what, bool):
        return "true" if what else "false"
    if is_number(what):
        return repr(what)
    if isinstance(what, (list, tuple)) and all(map(is_number, what)):
        return "{" + ", ".join(map(repr, what)) + "}"
    if not isinstance(what, str) or "\n" in what:
        return None
    quote = next((quote for quote in "\"'" if quote not in what), None)
    return None if quote is None else f"{quote}{what}{quote}"


def statement(head: str, values: Mapping[str, Any]) -> str:
    """Return a statement with its attributes, without the semicolon."""
    return ",\n    ".join(rows((head, *(f"{name} = {value(what)}" for name, what in values.items()))))


def line(name: str, members: Iterable[str]) -> str:
    """Return the definition of a line."""
    return f"{name}: line = (\n    " + ",\n    ".join(rows(members)) + ")"


def rows(parts: Iterable[str]) -> Iterator[str]:
    """Put parts together in rows, with commas between them."""
    row = ""
    for part in parts:
        if row and len(row) + len(part) + 2 > WIDTH:
            yield row
            row = part
        else:
            row = f"{row}, {part}" if row else part
    yield row
