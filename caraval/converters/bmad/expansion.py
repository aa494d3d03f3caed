"""From beamlines to elements in a row (Bmad manual, "Beam Lines and Replacement Lists")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, repeat
from typing import NamedTuple

from caraval.core.errors import suggest

from .definitions import Beamline, Element
from .positions import Place
from .syntax import Item

LONGEST = 500_000
"""How many members a line may have, those of its parts included."""


NESTED = 100
"""How many slices of lines may be nested."""

DEEPEST = 1000
"""How deep lines may stand in one another."""

_EDGE = re.compile(r"(?P<name>.+?)(?:##(?P<number>[1-9]\d{0,6}))?")


@dataclass
class Passage:
    """A multipass line that is gone through, and how many elements have come that are its own."""

    reflected: bool
    count: int = 0


class Member(NamedTuple):
    """An element in its place.

    Attributes
    ----------
    element : Element
    is_reflected : bool
        Whether the line in which it stands is gone through from its end.
    name : str
        Its name without tags.
    passage : Passage, optional
        Of a multipass line: through which it is gone.
    order : int
        Its number there.
    """

    element: Element
    is_reflected: bool
    name: str
    passage: Passage | None = None
    order: int = 0


@dataclass
class Frame:
    """A line, or a part of one, that is being gone through; `opens` is the line's name in the frame that it begins with."""

    items: Iterator[Item | Member]
    line: Beamline
    reflected: bool
    reversed: bool
    tag: str
    arguments: Mapping[str, str]
    passage: Passage | None = None
    opens: str = ""


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
        self._tagged: dict[tuple[str, int], Element] = {}
        self._turned: dict[int, Element] = {}
        self._open: dict[str, None] = {}

    def members(self, line: Beamline) -> list[Member]:
        """Return the elements of a line, in order; those with tags are copies with their names.

        Those of multipass lines are copies that know their places there.

        Raises
        ------
        LatticeError
            If the line has no elements, contains itself, or contains something unknown.
        """
        self._line, self._count, self._depth = line, 0, 0
        start = Item(line.place.position, line.name)
        found = self._gone_through([Frame(iter([start]), Beamline("", line.place, ()), False, False, "", {})], 0)
        if all(member.element.keyword == "null_ele" for member in found):
            raise line.place.error(f"line {line.name!r} has no elements; a line needs at least one")
        return [_placed(member) for member in found]

    def _gone_through(self, stack: list[Frame], bottom: int) -> list[Member]:
        """Return the elements of the frames of a stack, down to its bottom; those below say only where these are."""
        found: list[Member] = []
        while len(stack) > bottom:
            item = next(stack[-1].items, None)
            if item is None:
                self._open.pop(stack.pop().opens, None)
                continue
            self._count += 1
            if self._count > LONGEST:
                raise self._line.place.error(f"line {self._line.name!r} has more than {LONGEST} members")
            passage = stack[-1].passage
            member = self._once_more(item, stack[-1]) if isinstance(item, Member) else self._enter(item, stack)
            if member is not None and member.passage is None and passage is not None:
                member = member._replace(passage=passage, order=passage.count)
                passage.count += 1
            if member is not None:
                found.append(member)
        return found

    def _enter(self, item: Item, stack: list[Frame]) -> Member | None:
        """Return the element that an item is; of everything else, put the parts on the stack."""
        frame = stack[-1]
        place = Place(frame.line.place.file, *item.position)
        if item.count != 1:
            parts: Iterator[Item | Member] = repeat(replace(item, count=1), item.count)
            stack.append(replace(frame, items=parts, opens=""))
            return None
        turned = frame.reversed != item.reversed
        reflected = frame.reflected != (item.reflected or item.reversed)
        if item.slice:
            part = self._sliced(item, place, stack)
            stack.append(replace(frame, items=_in_order(part, reflected), reflected=reflected, reversed=turned, opens=""))
            return None
        if item.members is not None:
            parts = _in_order(item.members, reflected)
            stack.append(replace(frame, items=parts, reflected=reflected, reversed=turned, opens=""))
            return None
        name = frame.arguments.get(item.name, item.name)
        tag = ".".join(filter(None, (frame.tag, item.tag)))
        line = self._lines.get(name)
        if line is None or line.is_list:
            if item.arguments is not None:
                raise place.error(f"{name!r} is no line, so it takes no arguments")
            element = self._element(name, place) if line is None else self._replacement(line)
            return self._member(element, element.name, tag, reflected, turned)
        self._check(line, place)
        arguments = _bound(line, item.arguments or (), frame.arguments, place)
        passage = frame.passage
        if line.option == "multipass":
            passage = Passage(reflected)
        stack.append(Frame(_in_order(line.items, reflected), line, reflected, turned, tag, arguments, passage, line.name))
        self._open[line.name] = None
        return None

    def _once_more(self, member: Member, frame: Frame) -> Member:
        """Return a member of a slice of a line, as it is where the slice stands."""
        reflected = frame.reflected != member.is_reflected
        again = self._member(member.element, member.name, frame.tag, reflected, frame.reversed)
        return again._replace(passage=member.passage, order=member.order)

    def _member(self, element: Element, name: str, tag: str, reflected: bool, turned: bool) -> Member:
        if tag:
            element = self._tagged.setdefault((tag, id(element)), element.copy(f"{tag}.{element.name}"))
        if turned:
            element = self._turned.setdefault(id(element), element.turned())
        return Member(element, reflected, name)

    def _element(self, name: str, place: Place) -> Element:
        if name not in self._elements:
            near = suggest(name, [*self._elements, *self._lines])
            raise place.error(f"no element or line {name!r} is defined{near}")
        return self._elements[name]

    def _replacement(self, listed: Beamline) -> Element:
        """Return the next element of a replacement list, which starts again at its end."""
        if listed.name not in self._replacements:
            self._replacements[listed.name] = cycle(_members(listed, self._lines))
        item = next(self._replacements[listed.name])
        return self._element(item.name, Place(listed.place.file, *item.position))

    def _sliced(self, item: Item, place: Place, stack: list[Frame]) -> list[Member]:
        """Return the members of a slice of a line, which is gone through first (Bmad manual, "Line Slices")."""
        if self._depth >= NESTED:
            raise place.error(f"slices of lines are nested more than {NESTED} deep")
        edges = item.slice.split(":")
        if len(edges) != 2:
            raise place.error(f"a slice of a line is written line[first:last], not {item.name}[{item.slice}]")
        name = stack[-1].arguments.get(item.name, item.name)
        if name not in self._lines or self._lines[name].is_list:
            raise place.error(f"no line {name!r} is defined{suggest(name, self._lines)}; only lines have slices")
        whole = replace(item, name=name, slice="", reflected=False, reversed=False)
        self._depth += 1
        found = self._gone_through([*stack, Frame(iter([whole]), stack[-1].line, False, False, "", {})], len(stack))
        self._depth -= 1
        first, last = (_edge(edge.strip(), found, place) for edge in edges)
        first, last = 0 if first is None else first, len(found) - 1 if last is None else last
        if first > last:
            raise place.error(f"in line {name!r}, {edges[0]!r} comes after {edges[1]!r}")
        return found[first : last + 1]

    def _check(self, line: Beamline, place: Place) -> None:
        if line.option not in ("", "multipass"):
            raise place.error(f"line {line.name!r} is a {line.option!r} line; what can be said there is multipass")
        if line.name in self._open:
            inside = list(self._open)
            path = " in ".join(repr(name) for name in reversed([*inside[inside.index(line.name) :], line.name]))
            raise place.error(f"a line cannot contain itself: {path}")
        if len(self._open) >= DEEPEST:
            raise place.error(f"lines stand in one another more than {DEEPEST} deep")


def _placed(member: Member) -> Member:
    """Return a member whose element, if it is one of a multipass line, knows its place there."""
    passage, element = member.passage, member.element
    if passage is None:
        return member
    number = passage.count - 1 - member.order if passage.reflected else member.order
    return member._replace(element=replace(element, settings=dict(element.settings), place_in_line=number))


def _in_order(items: Sequence[Item | Member], reflected: bool) -> Iterator[Item | Member]:
    return reversed(items) if reflected else iter(items)


def _edge(edge: str, members: list[Member], place: Place) -> int | None:
    """Return the number of the member with which a slice begins or ends; None: that is not said."""
    if not edge:
        return None
    found = _EDGE.fullmatch(edge)
    name, number = (edge, 1) if found is None else (found["name"], int(found["number"] or 1))
    fitting = [i for i, member in enumerate(members) if member.name == name]
    if len(fitting) < number:
        near = suggest(name, {member.name for member in members}) if not fitting else f"; there are {len(fitting)}"
        raise place.error(f"the line has no element {edge!r}{near}")
    return fitting[number - 1]


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
