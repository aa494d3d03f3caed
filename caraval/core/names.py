"""Names of elements in a line: patterns, occurrences, kinds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from .errors import UnknownNameError, suggest


@lru_cache(maxsize=1024)
def _matcher(pattern: str) -> re.Pattern[str]:
    first, *rest = ("".join("." if c in "%?" else re.escape(c) for c in part) for part in pattern.split("*"))
    if not rest:
        return re.compile(first, re.IGNORECASE)
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)  # the first that fits will do, so nothing is tried twice
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.IGNORECASE)


def is_pattern(name: str) -> bool:
    """Whether a name stands for several: it has a wildcard (``*`` any letters, ``%`` or ``?`` any one)."""
    return any(c in name for c in "*%?")


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern; upper and lower case are the same."""
    return _matcher(pattern).fullmatch(name) is not None


def select(pattern: str, names: Sequence[str], kinds: Sequence[str]) -> list[int]:
    """Return the places of the elements that a pattern means.

    ``"q1"`` means every element of that name, ``"q1##2"`` the second of them, ``"qf*"`` all that match,
    ``"Quadrupole::q*"`` all of that kind that match.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    kind, _, rest = pattern.rpartition("::")
    name, _, occurrence = rest.partition("##")
    exact = [i for i, n in enumerate(names) if n == name and _is_kind(kind, kinds[i])]
    found = exact or [i for i, n in enumerate(names) if matches(name, n) and _is_kind(kind, kinds[i])]
    if not found:
        raise UnknownNameError(f"no element {pattern!r} in the lattice{suggest(name, set(names))}")
    if not occurrence:
        return found
    if not occurrence.isdigit() or not 1 <= int(occurrence) <= len(found):
        raise UnknownNameError(f"no element {pattern!r}: {name!r} occurs {len(found)} times, so ##1 to ##{len(found)} exist")
    return [found[int(occurrence) - 1]]


def _is_kind(pattern: str, kind: str) -> bool:
    return not pattern or matches(pattern, kind)


def parameter_of(key: str) -> tuple[str, str]:
    """Split ``"q1##2.k1"`` into the element's name and the parameter's.

    Raises
    ------
    UnknownNameError
        If it names no parameter.
    """
    element, dot, parameter = key.rpartition(".")
    if not dot or not element or not parameter:
        raise UnknownNameError(f'{key!r} names no parameter; write "element.parameter", such as "q1.k1"')
    return element, parameter
