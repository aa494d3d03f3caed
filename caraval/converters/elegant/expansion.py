"""From beamlines to elements in a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from typing import NamedTuple

from .definitions import Beamline, Element, Member
from .syntax import Item

LONGEST = 500_000
"""How many elements a line may have."""


class Part(NamedTuple):
    """Members that are being gone through."""

    items: Iterator[Item]
    is_reversed: bool


def count(items: tuple[Item, ...], elements: Mapping[str, Element], lines: Mapping[str, Beamline]) -> int:
    """Return how many elements members are that are all defined."""
    total = 0
    for item in items:
        if item.members is not None:
            inside = count(item.members, elements, lines)
        else:
            inside = 1 if item.name in elements else lines[item.name].count
        total += item.count * inside
    return total


def present(items: tuple[Item, ...], lines: Mapping[str, Beamline]) -> tuple[Item, ...]:
    """Return members without those in which there are no elements, however often."""
    found = []
    for item in items:
        if item.members is not None:
            item = replace(item, members=present(item.members, lines))
        is_empty = not item.members if item.members is not None else item.name in lines and lines[item.name].count == 0
        if item.count and not is_empty:
            found.append(item)
    return tuple(found)


def expanded(line: Beamline, elements: Mapping[str, Element], lines: Mapping[str, Beamline]) -> list[Member]:
    """Return the elements of a line, in order.

    Raises
    ------
    LatticeError
        If there are none, or too many.
    """
    if not 0 < line.count <= LONGEST:
        raise line.place.error(
            f"line {line.name!r} has {line.count} elements" if line.count else f"line {line.name!r} has no elements"
        )
    found: list[Member] = []
    stack = [Part(iter(line.items), False)]
    while stack:
        part = stack[-1]
        item = next(part.items, None)
        if item is None:
            stack.pop()
            continue
        turned = part.is_reversed != item.reversed
        if item.members is None and item.name in elements:
            found += [Member(elements[item.name], turned)] * item.count
        elif item.count != 1:
            once = Item(item.place, item.name, 1, item.reversed, item.members)
            stack.append(Part(repeat(once, item.count), part.is_reversed))
        else:
            inside = lines[item.name].items if item.members is None else item.members
            stack.append(Part(iter(inside[::-1] if turned else inside), turned))
    return found
