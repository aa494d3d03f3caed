"""How names, values and statements are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from caraval.core.arrays import is_number

from .functions import CONSTANTS

WIDTH = 110
"""Of a line of the file [characters]; Bmad's limit is far beyond."""

_WORD = re.compile(r"[A-Za-z]\w*")

_STRINGS = re.compile(r"type|alias|descrip|custom_attribute\d+|machine|lattice")
"""Attributes and parameters whose values are strings; those of others are words where they can be."""


def name(text: str) -> str:
    """Return a name as Bmad can have it: letters, digits, underscores, dots, backslashes and number signs."""
    clean = re.sub(r"[^a-z0-9_.\\#]", "_", text.lower()).replace("##", "#_")
    return clean if re.match(r"[a-z]", clean) else f"x{clean}"


def value(attribute: str, what: Any) -> str | None:
    """Return a value as the file has it; None: it cannot have it."""
    if isinstance(what, bool):
        return "T" if what else "F"
    if is_number(what):
        return repr(what)
    if isinstance(what, tuple) and all(isinstance(row, (tuple, list)) for row in what):
        return "{" + ", ".join("(" + ", ".join(map(repr, row)) + ")" for row in what) + "}"
    if not isinstance(what, str):
        return None
    if attribute == "particle" or (what.startswith("{") and what.endswith("}")):
        return what
    if _WORD.fullmatch(what) and what.lower() not in CONSTANTS and not _STRINGS.fullmatch(attribute):
        return what
    quote = next((quote for quote in "\"'" if quote not in what and "\n" not in what), None)
    return None if quote is None else f"{quote}{what}{quote}"


def statement(head: str, parts: Iterable[str]) -> str:
    """Return a statement, whose parts follow a comma; it may take several lines."""
    return ",\n    ".join(_rows((head, *parts)))


def group(head: str, members: Iterable[str]) -> str:
    """Return ``head (member, member)``."""
    return f"{head} (\n    " + ",\n    ".join(_rows(members)) + ")"


def settings(what: str, values: Mapping[str, str]) -> Iterator[str]:
    """Return the statements that set parameters."""
    return (f"{what}[{name}] = {value}" for name, value in values.items())


def _rows(parts: Iterable[str]) -> Iterator[str]:
    row = ""
    for part in parts:
        if row and len(row) + len(part) + 2 > WIDTH:
            yield row
            row = part
        else:
            row = f"{row}, {part}" if row else part
    yield row
