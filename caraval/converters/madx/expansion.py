"""Puts the elements of a sequence in a row, with drifts between them (MAD-X manual, "Sequences")."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from caraval.core.errors import suggest

from .definitions import Element, Member, Quantity, Sequence
from .lengths import element_of, length
from .positions import DEEPEST, Positions

if TYPE_CHECKING:
    from .interpreter import Interpreter

TOLERANCE = 1e-6
"""Gaps and overlaps that are shorter are none [m] (MAD-X manual, "Sequences")."""

MOST = 500_000
"""How many elements a sequence may have."""


class Placed(NamedTuple):
    """An element of a sequence: `member` is where it was said to be, None for a drift in a gap."""

    element: Element
    member: Member | None
    length: float


def expand(state: Interpreter, sequence: Sequence) -> list[Placed]:
    """Return the elements of a sequence with its markers at the ends, and drifts in its gaps.

    Raises
    ------
    LatticeError
        If elements overlap, or there are none of some name.
    """
    found: list[Placed] = []
    end, drifts = 0.0, 0
    for member, middle in placed(state, sequence, whole=True):
        element = element_of(state, member)
        long = length(state, element)
        gap = middle - long / 2 - end
        if gap < -TOLERANCE:
            before = found[-1].element.name if found else "the beginning"
            raise member.place.error(f"{element.name!r} and {before!r} overlap by {-gap:.6g} m in sequence {sequence.name!r}")
        if gap > TOLERANCE:
            drift = Element(f"drift_{drifts}", "drift", "drift", member.place, {})
            found.append(Placed(drift, None, gap))
            drifts += 1
        found.append(Placed(element, member, long))
        end = middle + long / 2
    return found


def placed(state: Interpreter, sequence: Sequence, whole: bool = False) -> list[tuple[Member, float]]:
    """Return the elements of a sequence and of those in it, and where their middles are [m].

    Parameters
    ----------
    whole : bool
        With the markers at the ends of the sequence itself, too, and of what follows it.
    """
    collection = _Collection(state)
    collection.add(sequence, 0.0, [], whole)
    return collection.found


class _Collection:
    """Goes through sequences that stand in one another."""

    def __init__(self, state: Interpreter) -> None:
        self.found: list[tuple[Member, float]] = []
        self._state = state
        self._positions = Positions(state)
        self._ends: dict[str, Member] = {}

    def add(self, sequence: Sequence, start: float, above: list[str], ends: bool) -> None:
        """Add what stands in a sequence that begins somewhere [m]; `above` are those that it stands in."""
        state = self._state
        if sequence.name in above or len(above) > DEEPEST:
            raise sequence.place.error(f"sequence {sequence.name!r} stands in itself: {' -> '.join([*above, sequence.name])}")
        above = [*above, sequence.name]
        extent, _ = state.number(sequence.length)
        if ends:
            self.found.append((self._end(sequence, "start"), start))
        row = list(zip(sequence.members, self._positions.middles(sequence), strict=True))
        if sequence.edited:
            row.sort(key=lambda pair: pair[1])
        for member, middle in row:
            inner = state.sequences.get(member.name) if member.own is None else None
            if inner is None:
                self.found.append((member, start + middle))
            else:
                self.add(inner, start + middle - state.number(inner.length)[0] / 2, above, ends=True)
            if len(self.found) > MOST:
                raise sequence.place.error(f"there are more than {MOST} elements")
        if ends:
            self.found.append((self._end(sequence, "end"), start + extent))
        if sequence.following and ends and len(above) == 1:
            following = state.sequences.get(sequence.following)
            if following is None:
                near = suggest(sequence.following, state.sequences)
                raise sequence.place.error(f"there is no sequence {sequence.following!r} to follow{near}")
            self.add(following, start + extent, above, ends=True)

    def _end(self, sequence: Sequence, which: str) -> Member:
        """Return the marker at an end of a sequence."""
        name = f"{sequence.name}${which}"
        if name not in self._ends:
            marker = Element(name, "marker", "marker", sequence.place, {})
            self._ends[name] = Member(name, Quantity(0.0), sequence.place, own=marker)
        return self._ends[name]
