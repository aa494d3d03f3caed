"""Which elements stand on which girder (Bmad manual, "Girder")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from .definitions import Branch, Element
from .expansion import Expansion
from .patterns import Pattern
from .positions import Mistake, Place, Position

if TYPE_CHECKING:
    from .girders import Girder
    from .state import State

_RANGE = re.compile(r"((?:[^:]|::)+):(?!:)((?:[^:]|::)+)")

PASSED_OVER = ("drift", "marker")
"""Classes whose elements may stand between those that a girder lists."""


class Support(NamedTuple):
    """A girder, the section of the branch that it stands under, and the elements there that it carries."""

    girder: Girder
    first: int
    last: int
    indices: tuple[int, ...]


class _Wanted(NamedTuple):
    """A member of a girder's list: what fits, whether it may be several in a row, and whether it is a girder."""

    fits: Callable[[Element], bool]
    is_several: bool = False
    girder: str = ""


def supported(state: State, branch: Branch, girders: Sequence[Girder]) -> list[Support]:
    """Return what girders support in a branch, in the order of the file; one stands under each section that fits its list.

    Raises
    ------
    LatticeError
        If something is on two girders, or a list makes no sense.
    """
    found: list[Support] = []
    bodies = [_body(element) for element in branch.elements]
    for girder in girders:
        try:
            wanted = [member for entry in girder.listed for member in _wanted(state, girder, bodies, *entry)]
        except Mistake as mistake:
            raise Place(girder.place.file, *mistake.position).error(mistake.message) from None
        inner = {member.girder for member in wanted}
        taken = {i for support in found if support.girder.name not in inner for i in support.indices}
        for support in _sections(girder, wanted, bodies, found):
            if taken & set(support.indices):
                name = branch.elements[min(taken & set(support.indices))].name
                raise girder.place.error(f"{girder.label}: {name!r} is on another girder already; it can be on one")
            found.append(support)
    return found


def _body(element: Element) -> Element | None:
    """Return what stands there: of an element that is passed several times, the lord where it is passed first."""
    lord = element.lord
    if lord is None:
        return element
    return lord if lord.passes[0] is element else None


def _wanted(state: State, girder: Girder, bodies: Sequence[Element | None], position: Position, text: str) -> Iterator[_Wanted]:
    ends = _RANGE.fullmatch(text)
    if ends is not None:
        yield from _range(state, bodies, *(Pattern(end, position, state.vocabulary) for end in ends.groups()))
    elif text in state.lines:
        for member in Expansion(state.elements, state.lines).members(state.lines[text]):
            if member.element.keyword not in ("drift", "null_ele"):
                yield _Wanted(Pattern(member.element.name, position, state.vocabulary).fits)
    elif text in state.elements and state.elements[text].keyword == girder.keyword:
        yield _Wanted(lambda element: False, girder=text)
    else:
        pattern = Pattern(text, position, state.vocabulary)
        if pattern.is_plain and text not in state.elements:
            raise state.no_element(text, position)
        yield _Wanted(pattern.fits, is_several=pattern.has_wildcards)


def _range(state: State, bodies: Sequence[Element | None], first: Pattern, last: Pattern) -> Iterator[_Wanted]:
    """Return everything but drifts from one element to another."""
    start = next((i for i, body in enumerate(bodies) if body is not None and first.fits(body)), None)
    if start is None:
        return
    end = next((i for i in range(start, len(bodies)) if _fits(last, bodies[i])), None)
    if end is None:
        raise Mistake(f"there is no {last.text!r} after {first.text!r}", last.position)
    for body in bodies[start : end + 1]:
        if body is not None and body.keyword != "drift":
            yield _Wanted(partial(is_, body))


def _fits(pattern: Pattern, body: Element | None) -> bool:
    return body is not None and pattern.fits(body)


def _sections(
    girder: Girder, wanted: Sequence[_Wanted], bodies: Sequence[Element | None], found: Sequence[Support]
) -> Iterator[Support]:
    """Go through the sections of a branch that fit a girder's list."""
    start = 0
    while start < len(bodies):
        section = _section(girder, wanted, bodies, found, start)
        if section is not None:
            yield section
        start = start + 1 if section is None else section.last + 1


def _section(
    girder: Girder, wanted: Sequence[_Wanted], bodies: Sequence[Element | None], found: Sequence[Support], start: int
) -> Support | None:
    indices: list[int] = []
    here, last = start, start
    for member in wanted:
        taken = _taken(member, bodies, found, here, skips=here > start)
        if taken is None:
            return None
        indices += taken[0]
        last, here = taken[1], taken[1] + 1
    return Support(girder, start, last, tuple(indices)) if indices else None


def _taken(
    member: _Wanted, bodies: Sequence[Element | None], found: Sequence[Support], here: int, *, skips: bool
) -> tuple[list[int], int] | None:
    """Return the elements that are carried for a member of the list, and the last that belongs to it; None: it does not fit."""
    indices: list[int] = []
    last = None
    while here < len(bodies):
        body = bodies[here]
        inner = next((s for s in found if member.girder and s.girder.name == member.girder and s.first == here), None)
        if inner is not None:
            return list(inner.indices), inner.last
        if body is not None and member.fits(body):
            indices += [here] if body.keyword != "drift" else []
            last = here
            if not member.is_several:
                break
        elif not (skips or last is not None) or body is None or body.keyword not in PASSED_OVER:
            break
        here += 1
    return None if last is None else (indices, last)
