"""The words of the language, from the lists in ``words.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_LISTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def words(*path: str) -> tuple[str, ...]:
    """Return the list of words at a path of keys."""
    found: Any = _LISTS
    for key in path:
        found = found[key]
    return tuple(found.split())


def keys(*path: str) -> tuple[str, ...]:
    """Return the keys of the lists at a path of keys."""
    found: Any = _LISTS
    for key in path:
        found = found[key]
    return tuple(found)
