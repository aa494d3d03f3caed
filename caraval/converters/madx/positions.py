"""Where the members of sequences are (MAD-X manual, "Sequences")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from .definitions import Member, Sequence
from .lengths import length_of
from .names import Names

if TYPE_CHECKING:
    from .interpreter import Interpreter

DEEPEST = 30
"""How deep sequences may stand in one another."""


class Positions:
    """The middles of members, each worked out once; for as long as nothing changes.

    Parameters
    ----------
    state : Interpreter
    """

    def __init__(self, state: Interpreter) -> None:
        self._state = state
        self._names: dict[int, Names] = {}
        self._found: dict[int, dict[int, float]] = {}
        self._open: list[str] = []

    def names(self, sequence: Sequence) -> Names:
        """Return the names of the members of a sequence."""
        known = self._names.get(id(sequence))
        if known is None:
            known = self._names[id(sequence)] = Names(sequence.name, (member.name for member in sequence.members))
        return known

    def middles(self, sequence: Sequence) -> list[float]:
        """Return where the middles of the members are, from the beginning of the sequence [m].

        Raises
        ------
        LatticeError
            If one is placed from another that is not there, or in the end from itself.
        """
        return [self.middle(sequence, number) for number in range(len(sequence.members))]

    def middle(self, sequence: Sequence, number: int) -> float:
        """Return where the middle of the member of that number is [m].

        Raises
        ------
        LatticeError
            If it is placed from another that is not there, or in the end from itself.
        """
        found = self._found.setdefault(id(sequence), {})
        if number not in found:
            for member in reversed(self._chain(sequence, number, found)):
                found[member] = self._base(sequence, sequence.members[member], found) + self._offset(sequence.members[member])
        return found[number]

    def _chain(self, sequence: Sequence, number: int, found: dict[int, float]) -> dict[int, None]:
        """Return the numbers of a member and of those that it is placed from, as far as their places are not known."""
        chain: dict[int, None] = {}
        at: int | None = number
        while at is not None and at not in found:
            member = sequence.members[at]
            if at in chain:
                raise member.place.error(f"{member.name!r} is placed from itself")
            chain[at] = None
            at = self._origin(sequence, member)
        return chain

    def _base(self, sequence: Sequence, member: Member, found: dict[int, float]) -> float:
        origin = self._origin(sequence, member)
        if origin is not None:
            return found[origin]
        return self._state.number(sequence.length)[0] if member.origin == f"{sequence.name}$end" else 0.0

    def _origin(self, sequence: Sequence, member: Member) -> int | None:
        """Return the number of the member from which another is placed; None: from an end of the sequence."""
        name = member.origin
        if not name or name in (f"{sequence.name}$start", f"{sequence.name}$end"):
            return None
        found = self.names(sequence).number(name)
        if found is None:
            near = suggest(name, {other.name for other in sequence.members})
            raise member.place.error(
                f"{member.name!r} is placed from {name!r}, which is not in sequence {sequence.name!r}{near}"
            )
        return found

    def _offset(self, member: Member) -> float:
        """Return the distance of a member's middle from where it is placed from."""
        state = self._state
        at, doubts = state.number(member.at)
        state.report(member.name, "at", doubts, member.place)
        inner = state.sequences.get(member.name) if member.own is None else None
        if inner is None or not inner.refpos:
            return at + member.half * length_of(state, member) if member.half else at
        number = self.names(inner).number(inner.refpos)
        if number is None:
            near = suggest(inner.refpos, {m.name for m in inner.members})
            raise inner.place.error(f"there is no {inner.refpos!r} in sequence {inner.name!r} to be its refpos{near}")
        if inner.name in self._open or len(self._open) > DEEPEST:
            raise inner.place.error(f"the refpos of {inner.name!r} leads to itself, or more than {DEEPEST} deep")
        self._open.append(inner.name)
        middle = self.middle(inner, number)
        self._open.pop()
        return at + length_of(state, member) / 2 - middle
