"""Which elements a selection means (MAD-X manual, "Selection Statements" and "Regular Expressions")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .definitions import Element
from .vocabulary import CLASSES


class _Atom(NamedTuple):
    """One character of a pattern: which fit, and whether it may come any number of times, or never."""

    fitting: re.Pattern[str]
    repeated: bool


_ATOM = re.compile(r"\\(?P<plain>.)|(?P<set>\[\^?\]?[^\]]*\])|(?P<any>\.)|(?P<char>[^*])", re.DOTALL)


def belongs(element: Element, to: str, elements: Mapping[str, Element]) -> bool:
    """Return whether an element is of a class, or was defined from the element of that name."""
    seen = set()
    while element.name not in seen:
        if to in (element.name, element.parent, element.keyword):
            return True
        seen.add(element.name)
        if element.parent in CLASSES or element.parent not in elements:
            return False
        element = elements[element.parent]
    return False


def fits(pattern: str, name: str) -> bool:
    """Return whether a name has a part that a pattern describes: in time that does not explode."""
    pattern = pattern.lower()
    from_start, to_end = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    atoms = _atoms(pattern[from_start : len(pattern) - to_end])
    states = _followed({0}, atoms)
    for character in name.lower():
        if len(atoms) in states and not to_end:
            return True
        reached = {
            n if atoms[n].repeated else n + 1 for n in states if n < len(atoms) and atoms[n].fitting.fullmatch(character)
        }
        states = _followed(reached if from_start else reached | {0}, atoms)
    return len(atoms) in states


def _atoms(pattern: str) -> list[_Atom]:
    atoms, start = [], 0
    while start < len(pattern):
        found = _ATOM.match(pattern, start)
        if found is None:
            start += 1
            continue
        start = found.end()
        repeated = pattern.startswith("*", start)
        start += repeated
        atoms.append(_Atom(_fitting(found), repeated))
    return atoms


def _fitting(found: re.Match[str]) -> re.Pattern[str]:
    if found["any"]:
        return re.compile(".", re.DOTALL)
    if found["set"]:
        inside = re.sub(r"([\\\[\]&~|])", r"\\\1", found["set"][1:-1].removeprefix("^"))
        try:
            return re.compile(f"[{'^' * found['set'].startswith('[^')}{inside}]")
        except re.error:
            return re.compile(r"(?!)")
    return re.compile(re.escape(found["plain"] or found["char"]))


def _followed(states: set[int], atoms: list[_Atom]) -> set[int]:
    """Add the states that come after characters which may be absent."""
    found = set(states)
    for state in sorted(states):
        while state < len(atoms) and atoms[state].repeated:
            state += 1
            found.add(state)
    return found
