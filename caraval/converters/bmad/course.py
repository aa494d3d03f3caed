"""The pieces of a branch in order: where they are, and how they are cut (Bmad manual, "Superposition")."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import attrgetter

from .definitions import Element
from .pieces import Piece, Whole, alone, number_parts
from .positions import Place

SIGNIFICANT = 1e-10
"""Lengths below this are none [m] (Bmad's ``significant_length``)."""

RUNT = 5 * SIGNIFICANT
"""Nothing is cut as close to its end as this [m]."""

UNCUTTABLE = ("custom", "match", "taylor")
"""Classes whose elements Bmad does not cut."""


class Course:
    """The pieces of a branch, in order.

    Attributes
    ----------
    pieces : list of Piece
        The first is where the branch begins.
    wholes : dict of Whole
        Everything that ever lay there, in order.
    lords : list of Whole
        What no longer lies there in one piece by itself, in the order in which it came to be so.
    """

    def __init__(self, wholes: Iterable[Whole]) -> None:
        self.pieces: list[Piece] = []
        self.wholes = dict.fromkeys(wholes)
        self.lords: list[Whole] = []
        self._to_number: dict[Whole, None] = {}
        self._in_hand: Whole | None = None
        self._goes_on = all(whole.length >= 0 for whole in self.wholes)
        position = 0.0
        for whole in self.wholes:
            self.pieces.append(alone(whole, position, position + whole.length))
            position += whole.length

    @property
    def length(self) -> float:
        """Where the branch ends [m]."""
        return self.pieces[-1].end

    def number(self, whole: Whole) -> int:
        """Return the number of the piece with which something begins; -1: it is gone."""
        return self._index(whole.pieces[0]) if whole.pieces else -1

    def _index(self, piece: Piece) -> int:
        if self._goes_on:
            first = bisect_left(self.pieces, piece.start, key=attrgetter("start"))
            for number in range(first, len(self.pieces)):
                if self.pieces[number] is piece:
                    return number
                if self.pieces[number].start > piece.start:
                    break
        return self.pieces.index(piece)

    def standing(self) -> list[Whole]:
        """Return what lies there, in the order in which it begins."""
        return list(dict.fromkeys(whole for piece in self.pieces[1:] for whole in piece.wholes))

    # ---------------------------------------------------------------- places

    def _boundary(self, position: float, near: int, from_end: bool, place: Place) -> tuple[int, bool]:
        """Return the number of the piece after which a position is, cutting one if need be; and whether one was cut."""
        begin = near if near >= 0 else len(self.pieces) - 1 if from_end else 0
        for number in self._from(begin, position):
            piece = self.pieces[number]
            if abs(piece.end - position) < RUNT:
                return number, False
            if piece.start <= position - RUNT and position + RUNT <= piece.end:
                self._cut(piece, number, position, place)
                return number, True
        raise place.error(f"{position:g} m is not in the line, which is {self.length:g} m long")

    def _from(self, begin: int, position: float) -> range:
        """Return the numbers of the pieces at which to look for a position, from one on towards it."""
        size = len(self.pieces)
        if self.pieces[begin].end < position + RUNT:
            first = bisect_right(self.pieces, position - RUNT, lo=begin, key=attrgetter("end")) if self._goes_on else begin
            return range(first, size)
        last = bisect_left(self.pieces, position + RUNT, hi=begin + 1, key=attrgetter("end")) if self._goes_on else begin
        return range(min(begin, last), -1, -1)

    # ---------------------------------------------------------------- changes

    def _cut(self, piece: Piece, number: int, position: float, place: Place) -> None:
        """Cut a piece, of that number, in two."""
        if piece.keyword in UNCUTTABLE:
            raise place.error(f"{piece.wholes[0].element.label} lies there, and elements of its class cannot be cut")
        if piece.is_drift:
            self.pieces[number : number + 1] = self._cut_drift(piece, position)
            return
        self._rule(piece)
        before = Piece([*piece.wholes], piece.start, position, piece.keyword)
        piece.start = position
        self.pieces.insert(number, before)
        for whole in piece.wholes:
            whole.pieces.insert(whole.pieces.index(piece), before)

    def _cut_drift(self, piece: Piece, position: float) -> list[Piece]:
        """Return the two parts of a drift, or of a part of one."""
        (whole,) = piece.wholes
        origin = whole.origin or whole
        ends = ((piece.start, position), (position, piece.end))
        parts = [Whole(whole.element, end - start, whole.is_reflected, origin=origin) for start, end in ends]
        self._in_hand = origin
        number = self._leave(whole)
        origin.parts[number:number] = parts
        self.wholes.update(dict.fromkeys(parts))
        return [alone(part, *span) for part, span in zip(parts, ends, strict=True)]

    def _leave(self, whole: Whole) -> int:
        """Take a drift away that something is put upon, or a part of one; return which part of the drift it was."""
        start, _ = whole.span
        whole.pieces.clear()
        if whole.origin is None:
            whole.start = start
            self.lords.append(whole)
            return 0
        if whole.origin in self._to_number and whole.origin is not self._in_hand:
            self._number_parts(whole.origin)
        del self.wholes[whole]
        number = whole.origin.parts.index(whole)
        del whole.origin.parts[number]
        return number

    def _rule(self, piece: Piece) -> None:
        """Enter an element that lay by itself among those that do not."""
        if len(piece.wholes) == 1 and not piece.wholes[0].is_lord:
            self._enter(piece.wholes[0])

    def _enter(self, whole: Whole) -> None:
        """Make an element one that is known by its parts; it stands for no others of its name any more."""
        whole.element = whole.element.copy(whole.element.name)
        whole.is_lord = True
        self.lords.append(whole)

    def _touch(self, pieces: Iterable[Piece]) -> None:
        """Say that parts of drifts are to be numbered anew; those that are taken away before that keep their numbers in use."""
        origins = (piece.wholes[0].origin for piece in pieces if piece.is_drift)
        self._to_number.update(dict.fromkeys(origin for origin in origins if origin is not None))
        self._in_hand = None

    def _number_parts(self, origin: Whole) -> None:
        number_parts(origin)
        del self._to_number[origin]

    def number_parts(self) -> None:
        """Number the parts of drifts as they lie there."""
        for origin in [*self._to_number]:
            self._number_parts(origin)

    def _lengthen(self, length: float, number: int, place: Place) -> None:
        """Put an empty drift before the piece of that number, which moves on."""
        position = self.pieces[number - 1].end
        for piece in self.pieces[number:]:
            piece.start += length
            piece.end += length
        for whole in self.lords:
            whole.start += length * (number == 1)
        empty = Whole(Element("", "drift", place), length)
        self.wholes[empty] = None
        self.pieces.insert(number, alone(empty, position, position + length))
