"""Makes a sequence of a beam line (MAD-X manual, "Reflection and Repetition", "Replaceable Arguments")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from caraval.core.errors import suggest

from . import expansion
from .definitions import Line, Member, Quantity, Sequence
from .lengths import length_of
from .source import Place, Source
from .syntax import Item

if TYPE_CHECKING:
    from .interpreter import Interpreter

DEEPEST = 60
"""How deep lines may lead to one another."""


class _Given(NamedTuple):
    """An item where it stands: in which source and lines, and what the arguments mean there."""

    item: Item
    source: Source
    lines: tuple[str, ...]
    arguments: Mapping[str, _Given]  # type: ignore[misc]


def unrolled(state: Interpreter, line: Line) -> Sequence:
    """Return the sequence of the elements of a line, one behind the other.

    Raises
    ------
    LatticeError
        If a line contains itself, or there is none of some name.
    """
    members: list[Member] = []
    end = 0.0
    for name, place in _Unrolling(state, line).names():
        member = Member(name, Quantity(end), place, half=0.5)
        members.append(member)
        end += length_of(state, member)
    return Sequence(line.name, line.place, Quantity(end), "entry", members=members)


class _Unrolling:
    """Goes through a line and those in it."""

    def __init__(self, state: Interpreter, line: Line) -> None:
        self._state = state
        self._line = line
        self._seen = 0

    def names(self) -> Iterator[tuple[str, Place]]:
        """Yield the names of elements and sequences, and where they stand."""
        return self._of_line(self._line, (), {}, False, 0)

    def _of_line(
        self, line: Line, above: tuple[str, ...], arguments: Mapping[str, _Given], reflected: bool, level: int
    ) -> Iterator[tuple[str, Place]]:
        lines = (*above, line.name)
        if line.name in above:
            raise line.place.error(f"line {line.name!r} contains itself: {' -> '.join(lines)}")
        for item in reversed(line.items) if reflected else line.items:
            yield from self._of_item(_Given(item, line.source, lines, arguments), reflected, level + 1)

    def _of_item(self, given: _Given, reflected: bool, level: int) -> Iterator[tuple[str, Place]]:
        state, item, place = self._state, given.item, given.source.place(given.item.offset)
        if level > DEEPEST:
            raise place.error(f"lines lead more than {DEEPEST} deep to one another")
        reflected ^= item.reflected
        for _ in range(item.count):
            self._seen += 1
            if self._seen > expansion.MOST:
                raise self._line.place.error(f"line {self._line.name!r} has more than {expansion.MOST} members")
            if item.members is not None:
                for inner in reversed(item.members) if reflected else item.members:
                    yield from self._of_item(given._replace(item=inner), reflected, level + 1)
            elif item.name in given.arguments:
                yield from self._of_item(given.arguments[item.name], reflected, level + 1)
            elif item.name in state.lines:
                line = state.lines[item.name]
                actual = item.arguments or ()
                if len(actual) != len(line.arguments):
                    raise place.error(f"line {line.name!r} takes {len(line.arguments)} arguments, not {len(actual)}")
                filled = [given._replace(item=argument) for argument in actual]
                bound = dict(zip(line.arguments, filled, strict=True))
                yield from self._of_line(line, given.lines, bound, reflected, level + 1)
            elif item.name in state.elements or item.name in state.sequences:
                yield item.name, place
            else:
                near = suggest(item.name, [*state.elements, *state.lines])
                raise place.error(f"there is no element or line {item.name!r}{near}")
