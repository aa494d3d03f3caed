"""Which elements a name before ``[attribute]`` means (Bmad manual, "Matching to Lattice Element Names")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from caraval.core.names import matches

from .definitions import Branch, Element
from .positions import Mistake, Position
from .vocabulary import Vocabulary

_PARTS = re.compile(
    r"(?:(?P<branch>[^>:]+)>>)?(?:(?P<keyword>[^:]+)::)?(?P<name>(?:[^:#]|#(?!#))+)(?:##(?P<number>[1-9]\d{0,8}))?"
)

STRINGS = ("type", "alias", "descrip")
"""Attributes by which elements can be selected, too."""


class Pattern:
    """A name, perhaps with wildcards, a class, a branch, and the number of the occurrence.

    Raises
    ------
    Mistake
        If it is none of these.
    """

    def __init__(self, text: str, position: Position, vocabulary: Vocabulary) -> None:
        found = _PARTS.fullmatch(text)
        if found is None or found["name"].isdigit():
            raise Mistake(
                f"{text!r} selects no elements; 'name', 'na*', 'class::name', 'name##2' and 'branch>>name' would", position
            )
        self.text = text
        self.position = position
        self.name = found["name"].strip("\"'")
        self.branch = found["branch"] or ""
        self.number = int(found["number"] or 0)
        self.keyword = found["keyword"] or ""
        if self.keyword and self.keyword not in STRINGS and "*" not in self.keyword:
            keyword = vocabulary.keyword(self.keyword)
            if keyword is None:
                raise Mistake(f"unknown element class {self.keyword!r}", position)
            self.keyword = keyword
        self.has_wildcards = "*" in self.name or "%" in self.name
        self.is_plain = not (self.has_wildcards or self.keyword or self.number or self.branch)

    def fits(self, element: Element) -> bool:
        """Whether the pattern means an element, its occurrence and branch aside."""
        if self.keyword in STRINGS:
            setting = element.settings.get(self.keyword)
            return setting is not None and matches(self.name, str(setting.value))
        of_class = not self.keyword or matches(self.keyword, element.keyword)
        return of_class and (matches(self.name, element.name) if self.has_wildcards else self.name == element.name)

    def among(self, elements: Iterable[Element]) -> list[Element]:
        """Return the elements that the pattern means."""
        return [element for element in elements if self.fits(element)]

    def within(self, branches: Sequence[Branch]) -> list[Element]:
        """Return the elements of an expanded lattice that the pattern means."""
        return [element for number, branch in enumerate(branches) for element in self.in_branch(number, branch)]

    def in_branch(self, number: int, branch: Branch) -> list[Element]:
        """Return the elements of the branch of that number that the pattern means."""
        if self.branch not in ("", branch.name, str(number)):
            return []
        is_named = not self.has_wildcards and self.keyword not in STRINGS
        fitting = self.among(branch.called(self.name) if is_named else branch.everything())
        return fitting[self.number - 1 : self.number] if self.number else fitting
