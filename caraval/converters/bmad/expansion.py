"""From beamlines to elements in a row (Bmad manual, "Beam Lines and Replacement Lists")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle, repeat

from caraval.core.errors import suggest

from .definitions import Beamline, Element
from .positions import Place
from .syntax import Item

LONGEST = 2_000_000
"""How many members a line may have, those of its parts included."""


@dataclass
class Passage:
    """A multipass line that is gone through, and where the elements have come that are its own."""

    reflected: bool
    members: list[int] = field(default_factory=list)


@dataclass
class Frame:
    """A line, or a part of one, that is being gone through."""

    items: Iterator[Item]
    line: Beamline
    reflected: bool
    reversed: bool
    tag: str
    arguments: Mapping[str, str]
    passage: Passage | None = None


class Expansion:
    """Goes through lines and everything in them; replacement lists go on from line to line.

    Parameters
    ----------
    elements, lines : mapping
        What the file has defined.
    """

    def __init__(self, elements: Mapping[str, Element], lines: Mapping[str, Beamline]) -> None:
        self._elements = elements
        self._lines = lines
        self._replacements: dict[str, Iterator[Item]] = {}
        self._tagged: dict[tuple[str, str], Element] = {}
        self._turned: dict[int, Element] = {}
        self._passages: list[Passage] = []

    def elements(self, line: Beamline) -> list[Element]:
        """Return the elements of a line, in order; those with tags are copies with their names.

        Those of multipass lines are copies that know their places there.

        Raises
        ------
        LatticeError
            If the line has no elements, contains itself, or contains something unknown.
        """
        found: list[Element] = []
        start = Item(line.place.position, line.name)
        stack = [Frame(iter([start]), Beamline("", line.place, ()), False, False, "", {})]
        members = 0
        self._passages.clear()
        while stack:
            item = next(stack[-1].items, None)
            if item is None:
                stack.pop()
                continue
            members += 1
            if members > LONGEST:
                raise line.place.error(f"line {line.name!r} has more than {LONGEST} members")
            passage = stack[-1].passage
            element = self._enter(item, stack)
            if element is not None and element.keyword != "null_ele":
                if passage is not None:
                    passage.members.append(len(found))
                found.append(element)
        if not found:
            raise line.place.error(f"line {line.name!r} has no elements; a line needs at least one")
        for passage in self._passages:
            for number, i in enumerate(reversed(passage.members) if passage.reflected else passage.members):
                found[i] = replace(found[i], settings=dict(found[i].settings), place_in_line=number)
        return found

    def _enter(self, item: Item, stack: list[Frame]) -> Element | None:
        """Return the element that an item is; of everything else, put the parts on the stack."""
        frame = stack[-1]
        place = Place(frame.line.place.file, *item.position)
        if item.slice:
            raise place.error(f"slices of lines ({item.name}[{item.slice}]) are not understood yet")
        if item.count != 1:
            parts: Iterator[Item] = repeat(replace(item, count=1), item.count)
            stack.append(replace(frame, items=parts))
            return None
        turned = frame.reversed != item.reversed
        reflected = frame.reflected != (item.reflected or item.reversed)
        if item.members is not None:
            parts = _in_order(item.members, reflected)
            stack.append(replace(frame, items=parts, reflected=reflected, reversed=turned))
            return None
        name = frame.arguments.get(item.name, item.name)
        tag = ".".join(filter(None, (frame.tag, item.tag)))
        line = self._lines.get(name)
        if line is None or line.is_list:
            if item.arguments is not None:
                raise place.error(f"{name!r} is no line, so it takes no arguments")
            element = self._element(name, place, tag) if line is None else self._replacement(line, tag)
            return self._turned.setdefault(id(element), element.turned()) if turned else element
        self._check(line, place, stack)
        arguments = _bound(line, item.arguments or (), frame.arguments, place)
        passage = frame.passage
        if line.option == "multipass":
            passage = Passage(reflected)
            self._passages.append(passage)
        stack.append(Frame(_in_order(line.items, reflected), line, reflected, turned, tag, arguments, passage))
        return None

    def _element(self, name: str, place: Place, tag: str) -> Element:
        if name not in self._elements:
            near = suggest(name, [*self._elements, *self._lines])
            raise place.error(f"no element or line {name!r} is defined{near}")
        element = self._elements[name]
        if not tag:
            return element
        return self._tagged.setdefault((tag, name), element.copy(f"{tag}.{name}"))

    def _replacement(self, listed: Beamline, tag: str) -> Element:
        """Return the next element of a replacement list, which starts again at its end."""
        if listed.name not in self._replacements:
            self._replacements[listed.name] = cycle(_members(listed, self._lines))
        item = next(self._replacements[listed.name])
        return self._element(item.name, Place(listed.place.file, *item.position), tag)

    def _check(self, line: Beamline, place: Place, stack: list[Frame]) -> None:
        if line.option not in ("", "multipass"):
            raise place.error(f"line {line.name!r} is a {line.option!r} line; what can be said there is multipass")
        inside = list(dict.fromkeys(frame.line.name for frame in stack))
        if line.name in inside:
            path = " in ".join(repr(name) for name in reversed([*inside[inside.index(line.name) :], line.name]))
            raise place.error(f"a line cannot contain itself: {path}")


def _in_order(items: tuple[Item, ...], reflected: bool) -> Iterator[Item]:
    return reversed(items) if reflected else iter(items)


def _bound(line: Beamline, given: tuple[str, ...], outer: Mapping[str, str], place: Place) -> dict[str, str]:
    """Return what the arguments of a line stand for."""
    wanted = line.arguments or ()
    if len(wanted) != len(given):
        raise place.error(f"line {line.name!r} takes {len(wanted)} arguments ({', '.join(wanted) or 'none'}), not {len(given)}")
    return {name: outer.get(actual, actual) for name, actual in zip(wanted, given, strict=True)}


def _members(listed: Beamline, lines: Mapping[str, Beamline]) -> list[Item]:
    """Return the members of a replacement list, which are elements."""
    members = []
    for item in listed.items:
        place = Place(listed.place.file, *item.position)
        if item.members is not None or item.name in lines or item.reversed or item.reflected or item.slice:
            raise place.error(f"the members of a list are elements; in list {listed.name!r} this is none")
        if item.count * len(listed.items) > LONGEST:
            raise place.error(f"list {listed.name!r} has more than {LONGEST} members")
        members += [item] * item.count
    if not members:
        raise listed.place.error(f"list {listed.name!r} has no members; a list needs at least one")
    return members
