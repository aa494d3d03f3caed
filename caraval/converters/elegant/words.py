"""Words by what they mean here, from the lists in ``words.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_LISTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))

INERT = frozenset(_LISTS["inert"].split())
RADIATION = frozenset(_LISTS["radiation"].split())
EXPANSIONS = frozenset(_LISTS["expansions"].split())
"""Parameters that do not change the tracking; those of radiation, which is left out; and those of series for what is exact."""

DIAGNOSTICS = tuple(_LISTS["diagnostics"].split())
"""Types that the beam does not feel."""


@cache
def of_type(name: str) -> frozenset[str]:
    """Return the parameters that do not change the tracking in elements of a type."""
    return frozenset(_LISTS["types"].get(name, "").split())


def of_commands(name: str) -> frozenset[str]:
    """Return a list about commands: ``"changes"``, ``"inert"`` or ``"alter"``."""
    return frozenset(_LISTS["commands"][name].split())
