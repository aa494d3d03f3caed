"""Puts the elements of a sequence in a row, with drifts between them (MAD-X manual, "Sequences")."""

from __future__ import annotations

import re
from math import sin
from typing import TYPE_CHECKING, NamedTuple

from caraval.core.errors import suggest

from .definitions import Doubt, Element, Member, Quantity, Sequence

if TYPE_CHECKING:
    from .interpreter import Interpreter

TOLERANCE = 1e-6
"""Gaps and overlaps that are shorter are none [m] (MAD-X manual, "Sequences")."""

DEEPEST = 30
"""How deep sequences may stand in one another."""

MOST = 1_000_000
"""How many elements a sequence may have."""

THIN = (
    "marker",
    "multipole",
    "dipedge",
    "sixmarker",
    "changeref",
    "srotation",
    "xrotation",
    "yrotation",
    "translation",
    "nllens",
)
"""Classes whose elements have no length, whatever is said."""

_NAMED = re.compile(r"([^\[]+)\[(\d+)\]")


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
        element = _element(state, member)
        length = _length(state, element)
        gap = middle - length / 2 - end
        if gap < -TOLERANCE:
            before = found[-1].element.name if found else "the beginning"
            raise member.place.error(f"{element.name!r} and {before!r} overlap by {-gap:.6g} m in sequence {sequence.name!r}")
        if gap > TOLERANCE:
            drift = Element(f"drift_{drifts}", "drift", "drift", member.place, {})
            found.append(Placed(drift, None, gap))
            drifts += 1
        found.append(Placed(element, member, length))
        end = middle + length / 2
    return found


def placed(state: Interpreter, sequence: Sequence, whole: bool = False) -> list[tuple[Member, float]]:
    """Return the elements of a sequence and of those in it, and where their middles are [m].

    Parameters
    ----------
    whole : bool
        With the markers at the ends of the sequence itself, too, and of what follows it.
    """
    found: list[tuple[Member, float]] = []
    _collect(state, sequence, 0.0, found, [], whole)
    return found


def _collect(
    state: Interpreter, sequence: Sequence, start: float, found: list[tuple[Member, float]], above: list[str], ends: bool
) -> None:
    if sequence.name in above or len(above) > DEEPEST:
        raise sequence.place.error(f"sequence {sequence.name!r} stands in itself: {' -> '.join([*above, sequence.name])}")
    above = [*above, sequence.name]
    length, _ = state.number(sequence.length)
    if ends:
        found.append((_end_marker(state, sequence, "start"), start))
    row = list(zip(sequence.members, middles(state, sequence), strict=True))
    if sequence.edited:
        row.sort(key=lambda pair: pair[1])
    for member, middle in row:
        inner = state.sequences.get(member.name) if member.own is None else None
        if inner is None:
            found.append((member, start + middle))
        else:
            _collect(state, inner, start + middle - state.number(inner.length)[0] / 2, found, above, ends=True)
        if len(found) > MOST:
            raise sequence.place.error(f"there are more than {MOST} elements")
    if ends:
        found.append((_end_marker(state, sequence, "end"), start + length))
    if sequence.following and ends and len(above) == 1:
        following = state.sequences.get(sequence.following)
        if following is None:
            raise sequence.place.error(
                f"there is no sequence {sequence.following!r} to follow{suggest(sequence.following, state.sequences)}"
            )
        _collect(state, following, start + length, found, above, ends=True)


def _end_marker(state: Interpreter, sequence: Sequence, which: str) -> Member:
    marker = Element(f"{sequence.name}${which}", "marker", "marker", sequence.place, {})
    return Member(marker.name, Quantity(0.0), sequence.place, own=marker)


# -------------------------------------------------------------------- positions


def middles(state: Interpreter, sequence: Sequence) -> list[float]:
    """Return where the middles of the members are, from the beginning of the sequence [m].

    Raises
    ------
    LatticeError
        If one is placed from another that is not there, or in the end from itself.
    """
    first: dict[str, int] = {}
    for number, member in enumerate(sequence.members):
        first.setdefault(member.name, number)
    found: dict[int, float] = {}
    for number in range(len(sequence.members)):
        chain: dict[int, None] = {}
        at: int | None = number
        while at is not None and at not in found:
            if at in chain:
                raise sequence.members[at].place.error(f"{sequence.members[at].name!r} is placed from itself")
            chain[at] = None
            at = _origin(sequence, sequence.members[at], first)
        for member_number in reversed(chain):
            member = sequence.members[member_number]
            origin = _origin(sequence, member, first)
            if origin is not None:
                base = found[origin]
            else:
                base = state.number(sequence.length)[0] if member.origin == f"{sequence.name}$end" else 0.0
            found[member_number] = base + _offset(state, member)
    return [found[number] for number in range(len(sequence.members))]


def _origin(sequence: Sequence, member: Member, first: dict[str, int]) -> int | None:
    """Return the number of the member from which another is placed; None: from an end of the sequence."""
    name = member.origin
    if not name or name in (f"{sequence.name}$start", f"{sequence.name}$end"):
        return None
    found = first.get(name)
    if found is None and "[" in name:
        found = occurrence(sequence, name)
    if found is None:
        near = suggest(name, first)
        raise member.place.error(f"{member.name!r} is placed from {name!r}, which is not in sequence {sequence.name!r}{near}")
    return found


def _offset(state: Interpreter, member: Member) -> float:
    """Return the distance of a member's middle from where it is placed from."""
    at, doubts = state.number(member.at)
    state.report(member.name, "at", doubts, member.place)
    inner = state.sequences.get(member.name) if member.own is None else None
    if inner is None or not inner.refpos:
        return at + member.half * length_of(state, member) if member.half else at
    number = occurrence(inner, inner.refpos)
    if number is None:
        near = suggest(inner.refpos, {m.name for m in inner.members})
        raise inner.place.error(f"there is no {inner.refpos!r} in sequence {inner.name!r} to be its refpos{near}")
    return at + length_of(state, member) / 2 - middles(state, inner)[number]


def occurrence(sequence: Sequence, name: str) -> int | None:
    """Return the number of the member of a name, or of that occurrence of it: ``qf[2]``."""
    return _number([member.name for member in sequence.members], name.strip())


def _number(names: list[str], name: str) -> int | None:
    named = _NAMED.fullmatch(name)
    wanted, count = (named[1], int(named[2])) if named else (name, 1)
    numbers = (number for number, other in enumerate(names) if other == wanted)
    return next((number for seen, number in enumerate(numbers, 1) if seen == count), None)


def range_of(sequence: Sequence, text: str) -> tuple[int, int]:
    """Return the numbers of the first and the last member of a range: ``qf[2]/#e``; an empty range: (1, 0)."""
    return numbered([member.name for member in sequence.members], sequence.name, text)


def numbered(names: list[str], sequence: str, text: str) -> tuple[int, int]:
    """Return the numbers of the first and the last name of a range in a row."""
    first, slash, last = text.lower().partition("/")
    start, end = (_end_of_range(names, sequence, name.strip()) for name in (first, last if slash else first))
    return (1, 0) if start is None or end is None else (start, end)


def _end_of_range(names: list[str], sequence: str, name: str) -> int | None:
    if name in ("#s", f"{sequence}$start"):
        return 0
    if name in ("#e", f"{sequence}$end"):
        return len(names) - 1
    return _number(names, name)


# -------------------------------------------------------------------- elements


def length_of(state: Interpreter, member: Member) -> float:
    """Return how long an element or a sequence in another is."""
    inner = state.sequences.get(member.name) if member.own is None else None
    return _length(state, _element(state, member)) if inner is None else state.number(inner.length)[0]


def _element(state: Interpreter, member: Member) -> Element:
    if member.own is not None:
        return member.own
    element = state.elements.get(member.name)
    if element is None:
        raise member.place.error(f"there is no element {member.name!r}{suggest(member.name, state.elements)}")
    return element


def _length(state: Interpreter, element: Element) -> float:
    """Return how long an element is; bends along their arc.

    Raises
    ------
    LatticeError
        If it is negative.
    """
    if element.keyword in THIN:
        return 0.0
    length, doubts = value_of(state, element, "l")
    state.report(element.name, "l", doubts, element.place)
    if element.keyword == "rbend" and state.rbarc:
        angle, _ = value_of(state, element, "angle")
        if angle != 0 and sin(angle / 2) != 0:
            length *= angle / (2 * sin(angle / 2))
    if length < 0:
        raise element.place.error(f"{element.label} has the negative length {length} m")
    return length


def value_of(state: Interpreter, element: Element, name: str) -> tuple[float, tuple[Doubt, ...]]:
    """Return the value of an attribute that is a number; zero, if it is not set."""
    setting = element.settings.get(name)
    if setting is None:
        return 0.0, ()
    if isinstance(setting.value, Quantity):
        return state.number(setting.value)
    return float(setting.value) if isinstance(setting.value, bool) else 0.0, ()
