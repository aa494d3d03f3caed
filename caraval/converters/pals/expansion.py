"""Branches out of lines (PALS, "Branch Expansion")."""

from __future__ import annotations

from dataclasses import dataclass, replace

from caraval.core.errors import suggest

from .definitions import Definition, Document, Item, Line
from .facility import Facility
from .placement import Block, filled
from .tree import Place

MEMBERS = 1_000_000
"""So many elements at most a branch may have."""

DEEPEST = 100
"""So deep at most lines may be inside each other."""


@dataclass(slots=True)
class Placed:
    """An element of a branch.

    Attributes
    ----------
    definition : Definition
    lines : tuple of str
        The lines that it is in, and the branch, from the inside.
    direction : 1 or -1
    multipass : tuple
        The multipass line, which pass through it, and which element of it; empty: none.
    part : tuple of float, optional
        Where a slice of it starts and ends [m].
    """

    definition: Definition
    lines: tuple[str, ...]
    direction: int = 1
    multipass: tuple[str, int, int] | None = None
    part: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """Name of the element."""
        return self.definition.name

    @property
    def kind(self) -> str:
        """Kind of the element."""
        return self.definition.kind


class Expansion:
    """Makes branches of lines."""

    def __init__(self, document: Document, facility: Facility) -> None:
        self.document, self.facility = document, facility
        self._passes: dict[str, int] = {}
        self._count = 0

    def branch(self, name: str, line: str, place: Place) -> list[Placed]:
        """Return the elements of a branch that is made from a line."""
        found = self.document.lines.get(line)
        if found is None:
            raise place.error(f"there is no line {line!r}{suggest(line, self.document.lines)}")
        elements = self._line(found, ())
        first = elements[:1]
        rest = [e for e in elements[1:] if e.kind not in ("BeginningEle", "Placeholder")]
        for element in (*first, *rest):
            element.lines = (*element.lines, name)
        return [*first, *rest]

    def _line(self, line: Line, inside: tuple[str, ...]) -> list[Placed]:
        if line.name in inside:
            raise line.place.error(f"the line {line.name!r} is inside itself: {' > '.join((*inside, line.name))}")
        if len(inside) == DEEPEST:
            raise line.place.error(f"lines are more than {DEEPEST} deep inside each other")
        blocks = [Block(item, self._item(item, line, inside)) for item in line.items]
        elements = filled(blocks, line, self)
        for element in elements:
            element.lines = (*element.lines, line.name)
        if line.is_multipass:
            number = self._passes[line.name] = self._passes.get(line.name, 0) + 1
            for i, element in enumerate(elements):
                element.multipass = element.multipass or (line.name, number, i + 1)
        return elements

    def _item(self, item: Item, line: Line, inside: tuple[str, ...]) -> list[Placed]:
        found: list[Placed] = []
        for _ in range(abs(item.repeat)):
            self._count += 1
            if self._count > MEMBERS:
                raise item.place.error(f"there are more than {MEMBERS} elements")
            once = self._once(item, line, inside)
            found += once[::-1] if item.repeat < 0 else once
        if item.direction < 0:
            found = [replace(element, direction=-element.direction) for element in reversed(found)]
        return found

    def _once(self, item: Item, line: Line, inside: tuple[str, ...]) -> list[Placed]:
        of = item.of or item.name
        if item.own is None and of in self.document.lines and of not in self.document.elements:
            return self._line(self.document.lines[of], (*inside, line.name))
        return [Placed(self.definition(item, line.name), ())]

    def definition(self, item: Item, line: str) -> Definition:
        """Return the element that an item means."""
        if item.own is None and item.changes is not None:
            base = None if item.of else self._known(item)
            item.own = self.facility.definition(item.name, item.changes, (line,), base)
        return item.own or self._known(item)

    def _known(self, item: Item) -> Definition:
        found = self.document.elements.get(item.name)
        if found is None:
            known = [*self.document.elements, *self.document.lines]
            raise item.place.error(f"there is no element and no line {item.name!r}{suggest(item.name, known)}")
        return found
