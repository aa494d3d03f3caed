"""How names, values and statements are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from caraval.core.arrays import is_number

WIDTH = 110
"""Of a line of the file [characters]."""


def name(text: str) -> str:
    """Return a name as elegant can have it in quotes, where letters stay as they are."""
    return re.sub(r'["\\\t\r\n&#]', "_", text)


def quoted(text: str) -> str:
    """Return a name or a text in quotes."""
    return f'"{text}"'


def value(what: Any) -> str | None:
    """Return a value as the file has it; None: it cannot have it."""
    if is_number(what):
        return repr(int(what)) if isinstance(what, int) or (what == int(what) and abs(what) < 1e9) else repr(what)
    if isinstance(what, str) and not re.search(r'["\\\n]', what):
        return quoted(what)
    return None


def statement(head: str, values: Mapping[str, Any]) -> str:
    """Return a statement with its parameters; it may take several lines."""
    return _joined((head, *(f"{name}={value(what)}" for name, what in values.items())))


def line(name: str, members: Iterable[str]) -> str:
    """Return the definition of a line."""
    return f"{quoted(name)}: LINE=(&\n    {_joined(map(quoted, members))})"


def namelist(command: str, values: Mapping[str, Any]) -> str:
    """Return a command of a command file."""
    return "\n".join((f"&{command}", *(f"    {name} = {value(what)}," for name, what in values.items()), "&end"))


def _joined(parts: Iterable[str]) -> str:
    return ",&\n    ".join(_rows(parts))


def _rows(parts: Iterable[str]) -> Iterator[str]:
    row = ""
    for part in parts:
        if row and len(row) + len(part) + 2 > WIDTH:
            yield row
            row = part
        else:
            row = f"{row}, {part}" if row else part
    yield row
