"""Which elements a name means (PALS, "Element Name Matching")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from .tree import Place

LONGEST = 200
"""Of a pattern: what it matches is looked for in every element."""

ENDLESS = re.compile(r"\([^()]*[*+}][^()]*\)[*+{]|\\[1-9]")
"""Patterns that repeat repetitions, which can take for ever."""


class Named(Protocol):
    """What can be meant."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines that it is in, and of its branch."""


def matched(pattern: str, elements: Sequence[Named], place: Place) -> list[int]:
    """Return the places of the elements that a pattern means.

    Raises
    ------
    LatticeError
        If the pattern makes no sense.
    """
    found: set[int] | None = None
    for part in pattern.split("&"):
        one = {i for item in part.split(",") for i in _range(item.strip(), elements, place)}
        found = one if found is None else found & one
    return sorted(found or ())


def _range(pattern: str, elements: Sequence[Named], place: Place) -> list[int]:
    first, colon, last = pattern.replace("::", "\0").partition(":")
    if not colon:
        return _single(pattern, elements, place)
    ends = [_single(end.replace("\0", "::"), elements, place) for end in (first, last)]
    if not ends[0] or not ends[1]:
        return []
    start, stop = ends[0][0], ends[1][-1]
    everything = range(len(elements))
    return list(everything[start : stop + 1] if start <= stop else (*everything[start:], *everything[: stop + 1]))


def _single(pattern: str, elements: Sequence[Named], place: Place) -> list[int]:
    *qualifiers, name = re.split(r">{2,3}", pattern)
    kind, colons, rest = name.partition("::")
    name, kind = (rest, kind) if colons else (name, "")
    name, hash_, number = name.partition("#")
    lines = [compiled(qualifier, place) for qualifier in qualifiers[-1:]]
    inside = [i for i, e in enumerate(elements) if all(any(line.fullmatch(of) for of in e.lines) for line in lines)]
    if name.isdigit() and qualifiers:
        return inside[int(name) - 1 : int(name)] if int(name) else []
    is_name = compiled(name, place)
    found = [i for i in inside if is_name.fullmatch(elements[i].name) and kind in ("", elements[i].kind)]
    if not hash_:
        return found
    if not number.isdigit() or number == "0":
        raise place.error(f"{pattern!r}: after # stands a number from 1 on, not {number!r}")
    return found[int(number) - 1 : int(number)]


def compiled(pattern: str, place: Place) -> re.Pattern[str]:
    """Return a name, or a regular expression, ready to compare."""
    if re.fullmatch(r"[\w!\\-]+", pattern):
        return re.compile(re.escape(pattern))
    if len(pattern) > LONGEST or ENDLESS.search(pattern):
        raise place.error(f"{pattern[:LONGEST]!r} is too long or too involved a pattern")
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise place.error(f"{pattern!r} is no pattern: {error}") from None
