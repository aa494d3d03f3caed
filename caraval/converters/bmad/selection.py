"""Lists and ranges of elements of an expanded lattice (Bmad manual, "Matching to Lattice Element Names").

``q1:q5``, ``sbend::q1:q5``, ``2>>45:51``, ``q1##3+2``, and lists of such items, from left to right: ``b*, ~b1* & quad::*``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from caraval.core.errors import suggest

from .definitions import Branch, Element, bodies
from .patterns import Pattern
from .positions import Mistake, Position
from .vocabulary import Vocabulary

_SPECIAL = re.compile(r"[\s,&~+-]|(?<!:):(?!:)|(?:^|>>|::)\d+$")
_ITEM = re.compile(
    r"(?P<not>~?)(?:(?P<branch>[^>:]+)>>)?(?:(?P<class>[^>:]+)::)?(?:(?P<inner>[^>:]+)>>)?(?P<first>[^:]+)(?::(?P<last>[^:]+))?"
)
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_TOKEN = re.compile(rf"&|(?:{_QUOTED.pattern}|[^\s,&])+")
_ONE = re.compile(r"(?P<name>(?:[^#+-]|#(?!#))+)(?P<number>##[1-9]\d{0,8})?(?P<offset>[+-]\d{1,8})?")


def is_special(text: str) -> bool:
    """Whether text is more than a name, with wildcards, a class, a branch, and the number of the occurrence."""
    return _SPECIAL.search(_QUOTED.sub("", text)) is not None


def selected(text: str, position: Position, vocabulary: Vocabulary, branches: Sequence[Branch]) -> list[Element]:
    """Return the elements that a list means, slaves among them.

    Raises
    ------
    Mistake
        If it means nothing.
    """
    found: dict[int, Element] = {}
    intersects = False
    for token in _TOKEN.findall(text):
        if token == "&":
            intersects = True
            continue
        item = _ITEM.fullmatch(token)
        if item is None:
            raise Mistake(f"{token!r} selects no elements; 'q1:q5', 'sbend::q1:q5', 'q1##2+1' and '2>>45:51' would", position)
        these = {id(element): element for element in _Item(item, position, vocabulary).among(branches)}
        if item["not"]:
            found = {key: element for key, element in found.items() if key not in these}
        elif intersects:
            found = {key: element for key, element in found.items() if key in these}
        else:
            found.update(these)
        intersects = False
    return list(found.values())


@dataclass
class _Item:
    """One item of a list."""

    item: re.Match[str]
    position: Position
    vocabulary: Vocabulary

    def among(self, branches: Sequence[Branch]) -> list[Element]:
        """Return the elements that the item means."""
        first, last = self.item["first"], self.item["last"]
        said = self.item["branch"] or self.item["inner"] or ("0" if first.isdigit() else "")
        found: list[Element] = []
        for number, branch in enumerate(branches):
            if said in ("", branch.name, str(number)):
                found += self._one(first, number, branch) if last is None else self._range(first, last, number, branch)
        return found

    def _one(self, text: str, number: int, branch: Branch) -> list[Element]:
        one = self._parts(text)
        if one["name"].isdigit() or one["offset"]:
            places = self._places(text, number, branch, self.item["class"])
            if 0 in places:
                raise Mistake("where a branch begins, 'beginning[...]' or the line's parameters say", self.position)
            return [branch.elements[place - 1] for place in places]
        return self._called(one, number, branch, self.item["class"])

    def _range(self, first: str, last: str, number: int, branch: Branch) -> list[Element]:
        """Return the elements from one to another, around the end of the branch if need be."""
        begin, end = self._places(first, number, branch), self._places(last, number, branch, is_end=True)
        if not begin and not end and not self.item["branch"]:
            return []
        for name, found in ((first, begin), (last, end)):
            if len(found) != 1:
                near = "" if found else suggest(name, {element.name for element in branch.everything()})
                raise Mistake(f"{name!r} means {len(found)} elements; a range goes from one to another{near}", self.position)
        size = len(branch.elements) + 1
        places = [(begin[0] + i) % size for i in range((end[0] - begin[0]) % size + 1)]
        elements = [branch.elements[place - 1] for place in places if place > 0]
        word = self.item["class"]
        return Pattern(f"{word}::*", self.position, self.vocabulary).among(elements) if word else elements

    def _places(self, text: str, number: int, branch: Branch, word: str | None = None, *, is_end: bool = False) -> list[int]:
        """Return where in a branch the elements lie that a name means, counted from its beginning, which is zero."""
        one = self._parts(text)
        offset, size = int(one["offset"] or 0), len(branch.elements) + 1
        if one["name"].isdigit():
            place = int(one["name"])
            if place >= size:
                raise Mistake(f"there is no element {place}; branch {branch.name!r} has {size - 1}", self.position)
            return [(place + offset) % size]
        ends = [_ends(element, branch) for element in self._called(one, number, branch, word)]
        at_last = offset > 0 or (is_end and offset == 0)
        return [((last if at_last else first) + offset) % size for first, last in ends]

    def _called(self, one: re.Match[str], number: int, branch: Branch, word: str | None) -> list[Element]:
        name = f"{word}::{one['name']}" if word else one["name"]
        return Pattern(name + (one["number"] or ""), self.position, self.vocabulary).in_branch(number, branch)

    def _parts(self, text: str) -> re.Match[str]:
        one = _ONE.fullmatch(text)
        if one is None:
            raise Mistake(f"{text!r} is no name of an element, nor the number of one", self.position)
        return one


def _ends(element: Element, branch: Branch) -> tuple[int, int]:
    """Return where the first and the last part of an element lie."""
    places = [place for place, other in enumerate(branch.elements, 1) if any(part is element for part in bodies(other))]
    return places[0], places[-1]
