"""Element types and their parameters, from the lists in ``elements.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Sort = Literal["numbers", "integers", "texts"]

COMMANDS = ("LINE", "USE", "TITLE", "RETURN", "RENAME")


class Parameter(NamedTuple):
    """A parameter: what it takes, and its value where it is not given."""

    sort: Sort
    default: float


@dataclass(frozen=True)
class ElementType:
    """A type of elements.

    Attributes
    ----------
    name : str
    parameters : mapping
    same : mapping
        Other names of parameters.
    indexed : pattern, optional
        Names of numbers with an index.
    """

    name: str
    parameters: dict[str, Parameter]
    same: dict[str, str]
    indexed: re.Pattern[str] | None

    def meaning(self, word: str) -> str | None:
        """Return the parameter that a word means, with or without its underscores; None: there is none."""
        word = self.same.get(word, word)
        if word in self.parameters or (self.indexed and self.indexed.fullmatch(word)):
            return word
        bare = word.replace("_", "")
        found = next((name for name in (*self.parameters, *self.same) if name.replace("_", "") == bare), None)
        return None if found is None else self.same.get(found, found)

    def parameter(self, name: str) -> Parameter:
        """Return a parameter by its proper name."""
        return self.parameters.get(name, Parameter("numbers", 0.0))


@cache
def types() -> dict[str, ElementType]:
    """Return all types by name."""
    tables = tomllib.loads(Path(__file__).with_name("elements.toml").read_text(encoding="utf-8"))
    return {name: _type(name, table) for name, table in tables.items()}


def _type(name: str, table: dict[str, str]) -> ElementType:
    parameters: dict[str, Parameter] = {}
    sorts: tuple[Sort, ...] = ("numbers", "integers", "texts")
    for sort in sorts:
        for word in table.get(sort, "").split():
            parameter, _, default = word.partition("=")
            parameters[parameter] = Parameter(sort, float(default or 0))
    same = dict(pair.split("=") for pair in table.get("same", "").split())
    patterns = [re.escape(word).replace(r"\#", "[0-9]") for word in table.get("indexed", "").split()]
    return ElementType(name, parameters, same, re.compile("|".join(patterns)) if patterns else None)


def fitting(word: str, names: list[str]) -> list[str]:
    """Return the types and commands that a word may mean: it begins as their names, or they as the word."""
    if word in names:
        return [word]
    return [name for name in names if word and (name.startswith(word) or word.startswith(name))]
