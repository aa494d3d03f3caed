"""Puts elements upon those of a line (Bmad manual, "Superposition")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from . import bends, joining, slaves
from .controllers import Controller
from .course import SIGNIFICANT
from .definitions import Beamline, Branch, Element, Part, Slave
from .expansion import Member
from .patterns import Pattern
from .pieces import Whole
from .placement import Placement
from .positions import Mistake
from .selection import is_special, selected
from .track import Track
from .vocabulary import BENDS, CONTROLLERS

if TYPE_CHECKING:
    from .state import State

BEGINNING = "beginning"
"""Name of where a branch begins."""

TINY = SIGNIFICANT / 10
"""By how much something may reach beyond the ends of a branch before it goes on at the other [m]."""


class Layout:
    """The elements of a branch in their places, while others are put upon them.

    Parameters
    ----------
    state : State
    number : int
        Of the branch.
    line : Beamline
    members : sequence of Member
        What stands in the line.
    separate : bool
        Whether elements that occur more than once are copied, so that each can be changed by itself.
    """

    def __init__(self, state: State, number: int, line: Beamline, members: Sequence[Member], *, separate: bool) -> None:
        self._state = state
        self._number = number
        self._line = line
        self._separate = separate
        self._members = [member._replace(element=self._own(member.element)) for member in members]
        self._turned: dict[int, Element] = {}
        self._by_name: dict[str, list[Whole]] = {}

    def _own(self, element: Element) -> Element:
        return element.copy(element.name) if self._separate else element

    @cached_property
    def track(self) -> Track:
        """Where everything lies, with the beginning of the branch as the first."""
        begin = Element(BEGINNING, "beginning_ele", self._line.place, reversed=self._members[0].element.reversed)
        wholes = [Whole(member.element, _length(member.element), member.is_reflected) for member in self._members]
        return Track([Whole(begin, 0.0), *wholes])

    @cached_property
    def has_passes(self) -> bool:
        """Whether something stands in a multipass line."""
        return any(member.element.place_in_line is not None for member in self._members)

    def superimpose(self, wanted: list[Placement]) -> None:
        """Put elements upon others.

        What comes to lie in a multipass line is placed there in every pass, and `wanted` says so for the branches to come.

        Raises
        ------
        LatticeError
            If something cannot be put where it should be.
        """
        self._by_name.clear()
        for whole in self.track.wholes if wanted else ():
            self._by_name.setdefault(whole.element.name, []).append(whole)
        for i, placement in enumerate(wanted):
            references = self._references(placement)
            if self.has_passes and len(references) == 1 and references[0].element.place_in_line is None:
                wanted[i] = placement = self._in_passes(placement, references[0])
                references = self._references(placement)
            for reference in references:
                self._superimpose(placement, reference)

    def _in_passes(self, placement: Placement, reference: Whole) -> Placement:
        """Return a placement by what is there, if that stands in a multipass line; else the placement itself."""
        length = _length(placement.element)
        end = placement.end(length, reference.span, reflected=reference.is_reflected)
        start, end = self._wrapped(placement, end - length, end)
        first, last = reference.span
        if first - TINY < start < last + TINY:
            return placement
        there = [piece for piece in self.track.pieces if piece.start - SIGNIFICANT < start < piece.end + SIGNIFICANT]
        below = there[-1].wholes[0] if there else reference
        if below.element.place_in_line is None:
            return placement
        same = f"{below.element.name}", below.element.place_in_line
        return replace(placement, passes=same, offset=end - below.span[1], origin=1.0, reference_origin=1.0)

    def called(self, keywords: Sequence[str]) -> list[Whole]:
        """Return what lies there of some classes."""
        if "track" not in self.__dict__ and all(member.element.keyword not in keywords for member in self._members):
            return []
        return [whole for whole in self.track.standing() if whole.element.keyword in keywords]

    def settle(self) -> None:
        """Take the elements as those of an expanded lattice: what is gone is no reference for others."""
        if "track" in self.__dict__:
            self.track.settle()

    def start_at(self, element: Element, *, with_end: bool) -> None:
        """Begin the branch with one of its elements (Bmad manual, "Start_Branch_At Statement")."""
        whole = next(whole for whole in self.track.wholes if whole.element is element)
        self.track.start_at(whole, with_end=with_end)

    def remove(self, gone: Sequence[Element]) -> None:
        """Take elements away, with the places that they had for themselves."""
        chosen = {id(element) for element in gone}
        self.track.remove({whole for whole in self.track.wholes if id(whole.element) in chosen})

    def keep(self, stays: Sequence[bool]) -> None:
        """Take away what does not stay of the :meth:`elements`."""
        pieces = [piece for piece in self.track.pieces[1:] if piece.keyword != "null_ele"]
        self.track.take([piece for piece, keep in zip(pieces, stays, strict=True) if not keep])

    def combine(self) -> None:
        """Make one element of those of the same name that follow each other (:mod:`~caraval.converters.bmad.joining`)."""
        self.track.combine(joining.joined)

    def elements(self) -> list[Element]:
        """Return the elements in a row, without those that are none."""
        if "track" in self.__dict__:
            self.track.number_parts()
            self.track.fit(_length)
            return slaves.elements(self.track)
        return [member.element for member in self._members if member.element.keyword != "null_ele"]

    # ---------------------------------------------------------------- upon what

    def _references(self, placement: Placement) -> list[Whole]:
        """Return upon what an element is placed; nothing, where that is in another branch, or in none."""
        if placement.passes is not None:
            return [w for w in self.track.standing() if (w.element.name, w.element.place_in_line) == placement.passes]
        if not placement.reference:
            return [self.track.pieces[0].wholes[0]] if self._number == 0 else []
        placement = self._behind(placement)
        try:
            if is_special(placement.reference):
                return self._selected(placement)
            pattern = Pattern(placement.reference, placement.place.position, self._state.vocabulary)
        except Mistake as mistake:
            raise placement.place.error(mistake.message) from None
        if pattern.branch not in ("", self._line.name, str(self._number)):
            return []
        track = self.track
        found = self._called(pattern)
        if not found:
            self._check(pattern, placement)
        if pattern.number:
            if found and found[0].element.keyword == "drift":
                raise placement.place.error(f"nothing can be placed by one of several drifts, {pattern.text!r}: drifts vanish")
            found = sorted((whole for whole in found if whole.pieces), key=track.number)[pattern.number - 1 : pattern.number]
        lords = {whole for whole in found if whole.is_lord or not whole.pieces}
        in_order = sorted((whole for whole in found if whole not in lords), key=track.number)
        return in_order + [whole for whole in track.lords if whole in lords] if lords else in_order

    def _called(self, pattern: Pattern) -> list[Whole]:
        """Return what a pattern means; drifts are named by their parts only where such a name is asked for."""
        if pattern.is_plain and "#" not in pattern.name:
            return [whole for whole in self._by_name.get(pattern.name, ()) if whole in self.track.wholes]
        self.track.number_parts()
        return [whole for whole in self.track.wholes if pattern.fits(whole.element)]

    def _selected(self, placement: Placement) -> list[Whole]:
        """Return upon what an element is placed by a list or a range, in which only whole elements count."""
        copies = {id(whole): whole.element.copy(whole.element.name) for whole in self.track.wholes if whole.pieces}
        standing: list[Element] = []
        for piece in self.track.pieces[1:]:
            parts = tuple(Part(copies[id(whole)], 0.0, 0.0) for whole in piece.wholes)
            is_whole = piece.wholes[0].pieces == [piece] and piece.wholes == [piece.wholes[0]]
            standing.append(parts[0].element if is_whole else Slave("", piece.keyword, self._line.place, parts=parts))
        branches = [Branch("", self._line.place, [])] * self._number + [Branch(self._line.name, self._line.place, standing)]
        found = selected(placement.reference, placement.place.position, self._state.vocabulary, branches)
        chosen = {id(element) for element in found}
        return [whole for whole in self.track.wholes if id(copies.get(id(whole))) in chosen]

    def _behind(self, placement: Placement) -> Placement:
        """Return a placement by a controller as one by the only element that it controls."""
        lord = self._state.elements.get(placement.reference)
        if not isinstance(lord, Controller):
            return placement
        names = {controlled.names for controlled in lord.controlled}
        if len(names) > 1:
            raise placement.place.error(
                f"{placement.element.label}: {lord.label} controls {len(names)} elements; only one can be a reference"
            )
        return replace(placement, reference=names.pop())

    def _check(self, pattern: Pattern, placement: Placement) -> None:
        """Check that an element that is not in the branch may be in another: that it is defined."""
        known = self._state.elements
        if pattern.is_plain and pattern.name not in (*known, BEGINNING, "end"):
            names = {whole.element.name for whole in self.track.wholes}
            if "." in pattern.name or "#" in pattern.name:  # of a tagged element, or of a part of one, in another branch
                return
            raise placement.place.error(f"no element {pattern.name!r} is defined{suggest(pattern.name, [*known, *names])}")

    # ---------------------------------------------------------------- where

    def _superimpose(self, placement: Placement, reference: Whole) -> None:
        element, place, track = placement.element, placement.place, self.track
        if element.keyword == "drift":
            raise place.error(f"{element.label}: drifts cannot be superimposed; a pipe can")
        if element.keyword in CONTROLLERS:
            raise place.error(f"{element.label}: what controls others cannot be superimposed")
        length = _length(element)
        if length < 0 or (length > 0 and length >= track.length):
            raise place.error(f"{element.label}: {length:g} m long, it cannot be superimposed on {track.length:g} m")
        new = Whole(self._own(self._oriented(element, reference.element)), length)
        self._by_name.setdefault(new.element.name, []).append(new)
        end = placement.end(length, reference.span, reflected=reference.is_reflected)
        start, end = self._wrapped(placement, end - length, end)
        near = self._near(placement, reference, length)
        if length == 0:
            track.insert(new, end, near, place)
        elif not placement.is_jumbo:
            track.lay(new, start, end, near, place)
        elif start < end:
            track.lay_in_one(new, start, end, near, place)
        else:
            raise place.error(f"{element.label}: create_jumbo_slave around the ends of a branch is not understood")

    def _oriented(self, element: Element, reference: Element) -> Element:
        """Return an element that goes the way of its reference, and stands in the same multipass line."""
        if element.reversed != reference.reversed:
            element = self._turned.setdefault(id(element), element.turned())
        if reference.place_in_line is None:
            return element
        return replace(element.copy(element.name), place_in_line=reference.place_in_line)

    def _wrapped(self, placement: Placement, start: float, end: float) -> tuple[float, float]:
        """Return where an element begins and ends, once it is taken around the ends of the branch."""
        if not placement.wraps:
            return start, end
        length = self.track.length
        if end > length + TINY or end < -TINY:
            shift = -length if end > length else length
            start, end = start + shift, end + shift
        if start < -TINY:
            start += length
        if min(start, end) < -SIGNIFICANT or max(start, end) > length + SIGNIFICANT:
            raise placement.place.error(f"{placement.element.label} would end at {end:g} m, and the line is {length:g} m long")
        return start, end

    def _near(self, placement: Placement, reference: Whole, length: float) -> int:
        """Return the number of the piece from which the place is looked for, where several have the same position."""
        number = self.track.number(reference)
        if number <= 0 or reference.length or length or placement.offset:
            return number
        if placement.reference_origin == 0.5:
            return -1
        return number - 1 if placement.reference_origin == 0 else number


def _length(element: Element) -> float:
    """Return the length of an element [m]."""
    if element.keyword in BENDS:
        return bends.shape(element, dict(element.settings)).length
    return element.settings["l"].number("l") if "l" in element.settings else 0.0
