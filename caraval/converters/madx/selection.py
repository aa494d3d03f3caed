"""Which elements a selection means (MAD-X manual, "Selection Statements" and "Regular Expressions")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .definitions import Element
from .names import Names
from .vocabulary import CLASSES

if TYPE_CHECKING:
    from .interpreter import Interpreter

Criteria = dict[str, str]
"""What a selection asks for: range, class, pattern; all of them must hold."""


class Selection:
    """Which elements of a row selections mean; each is worked out once.

    Parameters
    ----------
    state : Interpreter
    names : Names
    candidates : sequence of Element, optional
        What stands in the row; None where it cannot be selected.
    """

    def __init__(self, state: Interpreter, names: Names, candidates: Sequence[Element | None]) -> None:
        self._elements = state.elements
        self._names = names
        self._candidates = candidates
        self._known: dict[tuple[tuple[str, str], ...], list[int]] = {}

    def numbers(self, selections: Iterable[Criteria]) -> list[int]:
        """Return the numbers of those that any selection means, in order."""
        different = {tuple(sorted(criteria.items())): criteria for criteria in selections}
        found: set[int] = set()
        for key, criteria in different.items():
            if key not in self._known:
                self._known[key] = self._meant(criteria)
            found.update(self._known[key])
        return sorted(found)

    def _meant(self, criteria: Criteria) -> list[int]:
        first, last = self._names.range(criteria["range"]) if "range" in criteria else (0, len(self._candidates) - 1)
        return [number for number in range(first, last + 1) if self._is_meant(self._candidates[number], criteria)]

    def _is_meant(self, element: Element | None, criteria: Criteria) -> bool:
        if element is None or ("class" in criteria and not belongs(element, criteria["class"].lower(), self._elements)):
            return False
        return "pattern" not in criteria or fits(criteria["pattern"], element.name)


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
    from_start, to_end, atoms = _understood(pattern.lower())
    states = _followed({0}, atoms)
    for character in name.lower():
        if len(atoms) in states and not to_end:
            return True
        reached = {
            n if atoms[n].repeated else n + 1 for n in states if n < len(atoms) and atoms[n].fitting.fullmatch(character)
        }
        states = _followed(reached if from_start else reached | {0}, atoms)
    return len(atoms) in states


@lru_cache(maxsize=256)
def _understood(pattern: str) -> tuple[bool, bool, list[_Atom]]:
    """Return whether a pattern begins where names begin and ends where they end, and what is between."""
    from_start, to_end = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    return from_start, to_end, _atoms(pattern[from_start : len(pattern) - to_end])


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
    for state in states:
        while state < len(atoms) and atoms[state].repeated and state + 1 not in found:
            state += 1
            found.add(state)
    return found
