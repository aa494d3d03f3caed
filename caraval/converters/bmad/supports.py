"""Which elements stand on which girder (Bmad manual, "Girder")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from .definitions import Branch, Element, Slave, body
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
    """A member of a girder's list: what fits, its name if it has one, whether it may be several in a row; or a girder."""

    fits: Callable[[Element], bool]
    name: str = ""
    is_several: bool = False
    girder: str = ""


def supported(state: State, branch: Branch, girders: Sequence[Girder]) -> list[Support]:
    """Return what girders support in a branch, in the order of the file; one stands under each section that fits its list.

    Raises
    ------
    LatticeError
        If something is on two girders, or a list makes no sense.
    """
    ground = _Ground(branch)
    for girder in girders:
        try:
            wanted = [member for entry in girder.listed for member in _wanted(state, girder, ground.bodies, *entry)]
        except Mistake as mistake:
            raise Place(girder.place.file, *mistake.position).error(mistake.message) from None
        ground.put(girder, wanted)
    return list(ground.supports.values())


class _Ground:
    """A branch, and the girders that stand there so far."""

    def __init__(self, branch: Branch) -> None:
        self.bodies = _bodies(branch.elements)
        self.supports: dict[tuple[str, int], Support] = {}
        self._places: dict[str, list[int]] = {}
        for i, there in enumerate(self.bodies):
            if there is not None:
                self._places.setdefault(there.name, []).append(i)
        self._carried_by: dict[int, str] = {}

    def put(self, girder: Girder, wanted: Sequence[_Wanted]) -> None:
        """Put a girder under each section that fits its list.

        Raises
        ------
        LatticeError
            If something is on another girder already.
        """
        inner = {"", *(member.girder for member in wanted)}
        after = 0
        for start in self._starts(wanted):
            section = self._section(girder, wanted, start) if start >= after else None
            if section is None:
                continue
            for i in section.indices:
                if self._carried_by.get(i, "") not in inner:
                    name = getattr(self.bodies[i], "name", "")
                    raise girder.place.error(f"{girder.label}: {name!r} is on another girder already; it can be on one")
                self._carried_by[i] = girder.name
            self.supports[girder.name, start] = section
            after = section.last + 1

    def _starts(self, wanted: Sequence[_Wanted]) -> Sequence[int]:
        """Return where a section may begin."""
        if not wanted:
            return ()
        if wanted[0].girder:
            return sorted(first for name, first in self.supports if name == wanted[0].girder)
        return self._places.get(wanted[0].name, ()) if wanted[0].name else range(len(self.bodies))

    def _section(self, girder: Girder, wanted: Sequence[_Wanted], start: int) -> Support | None:
        indices: list[int] = []
        here, last = start, start
        for member in wanted:
            taken = self._taken(member, here, skips=here > start)
            if taken is None:
                return None
            indices += taken[0]
            last, here = taken[1], taken[1] + 1
        return Support(girder, start, last, tuple(indices)) if indices else None

    def _taken(self, member: _Wanted, here: int, *, skips: bool) -> tuple[Sequence[int], int] | None:
        """Return what is carried for a member of the list, and the last that belongs to it; None: it does not fit."""
        indices: list[int] = []
        last = None
        for i in range(here, len(self.bodies)):
            body, inner = self.bodies[i], self.supports.get((member.girder, i))
            if inner is not None:
                return inner.indices, inner.last
            if body is not None and member.fits(body):
                indices += [i] if body.keyword != "drift" else []
                last = i
                if not member.is_several:
                    break
            elif not (skips or last is not None) or body is None or body.keyword not in PASSED_OVER:
                break
        return None if last is None else (indices, last)


def _bodies(elements: Sequence[Element]) -> list[Element | None]:
    """Return what stands where; of what is cut, it is the first part, and the others are like markers."""
    seen: set[int] = set()
    bodies: list[Element | None] = []
    for element in elements:
        whole = body(element)
        is_begun = isinstance(element, Slave) and id(whole) in seen
        seen.add(id(whole))
        bodies.append(Element("", "marker", element.place) if is_begun else _body(whole))
    return bodies


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
                yield _Wanted(Pattern(member.element.name, position, state.vocabulary).fits, member.element.name)
    elif text in state.elements and state.elements[text].keyword == girder.keyword:
        yield _Wanted(lambda element: False, girder=text)
    else:
        pattern = Pattern(text, position, state.vocabulary)
        if pattern.is_plain and text not in state.elements:
            raise state.no_element(text, position)
        yield _Wanted(pattern.fits, pattern.name if pattern.is_plain else "", is_several=pattern.has_wildcards)


def _range(state: State, bodies: Sequence[Element | None], first: Pattern, last: Pattern) -> Iterator[_Wanted]:
    """Return everything but drifts from one element to another."""
    start = next((i for i, body in enumerate(bodies) if body is not None and first.fits(body)), None)
    if start is None:
        return
    end = next((i for i in range(start, len(bodies)) if _fits(last, bodies[i])), None)
    if end is None:
        raise Mistake(f"there is no {last.text!r} after {first.text!r}", last.position)
    for there in bodies[start : end + 1]:
        if there is not None and there.keyword != "drift":
            yield _Wanted(partial(is_, there), there.name)


def _fits(pattern: Pattern, body: Element | None) -> bool:
    return body is not None and pattern.fits(body)
