"""Where the elements of a branch lie while others are put upon them (Bmad manual, "Superposition")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from . import settled
from .definitions import Element, Setting
from .positions import Place
from .sharing import FIELD, is_misaligned, keyword

SIGNIFICANT = 1e-10
"""Lengths below this are none [m] (Bmad's ``significant_length``)."""

RUNT = 5 * SIGNIFICANT
"""Nothing is cut as close to its end as this [m]."""

UNCUTTABLE = ("custom", "match", "taylor")
"""Classes whose elements Bmad does not cut."""

END = "end"
"""Name of the marker at the end of a branch."""


@dataclass(eq=False, slots=True)
class Whole:
    """An element as the file means it, whether or not it still lies there in one piece.

    Attributes
    ----------
    element : Element
    length : float
        [m]
    is_reflected : bool
        Whether it stands in a line that is gone through from its end: what is placed by it is placed in the mirror, too.
    start : float
        Where it began [m], if it is gone.
    pieces : list of Piece
        In order, from its entrance to its exit; of what is gone, none.
    origin : Whole, optional
        Of a part of a drift: the drift.
    parts : list of Whole
        Of a drift that was cut: what is left of it, in order.
    """

    element: Element
    length: float
    is_reflected: bool = False
    start: float = 0.0
    pieces: list[Piece] = field(default_factory=list)
    origin: Whole | None = None
    parts: list[Whole] = field(default_factory=list)

    @property
    def span(self) -> tuple[float, float]:
        """Where it begins and ends [m]."""
        if self.pieces:
            return self.pieces[0].start, self.pieces[-1].end
        return self.start, self.start + self.length


@dataclass(eq=False, slots=True)
class Piece:
    """What particles go through in one go: a whole element, or a part of one or of several that lie upon each other."""

    wholes: list[Whole]
    start: float
    end: float
    keyword: str

    @property
    def is_drift(self) -> bool:
        """Whether there is nothing but a drift."""
        return self.keyword == "drift"

    @property
    def is_empty(self) -> bool:
        """Whether it has no length."""
        return self.start == self.end


class Track:
    """The pieces of a branch, in order.

    Attributes
    ----------
    pieces : list of Piece
        The first is where the branch begins.
    wholes : list of Whole
        Everything that ever lay there.
    lords : list of Whole
        What no longer lies there in one piece by itself, in the order in which it came to be so.
    """

    def __init__(self, wholes: Iterable[Whole]) -> None:
        self.pieces: list[Piece] = []
        self.wholes = list(wholes)
        self.lords: list[Whole] = []
        position = 0.0
        for whole in self.wholes:
            self.pieces.append(_alone(whole, position, position + whole.length))
            position += whole.length

    @property
    def length(self) -> float:
        """Where the branch ends [m]."""
        return self.pieces[-1].end

    def number(self, whole: Whole) -> int:
        """Return the number of the piece with which something begins; -1: it is gone."""
        return self.pieces.index(whole.pieces[0]) if whole.pieces else -1

    def start_at(self, whole: Whole, *, with_end: bool) -> None:
        """Begin the branch with an element; what comes before it is put at the end.

        Parameters
        ----------
        whole : Whole
        with_end : bool
            Whether a marker at the end moves, too, rather than stay there.
        """
        begin, *others = self.pieces
        kept = [] if with_end or not _is_end(others[-1]) else [others.pop()]
        number = self.number(whole) - 1
        self.pieces, position = [begin], 0.0
        for piece in (*others[number:], *others[:number], *kept):
            piece.start, piece.end = position, position + piece.end - piece.start
            position = piece.end
            self.pieces.append(piece)

    def standing(self) -> list[Whole]:
        """Return what lies there, in the order in which it begins."""
        return list(dict.fromkeys(whole for piece in self.pieces[1:] for whole in piece.wholes))

    def fit(self, lengths: Callable[[Element], float]) -> None:
        """Make pieces as long as what lies there has become ("Changing Element Lengths when there is Superposition").

        The last piece of each changes, and with it all others that lie there.
        """
        for whole in self.lords:
            longer = lengths(whole.element) - whole.length if whole.pieces else 0.0
            if longer == 0:
                continue
            last = whole.pieces[-1]
            for other in last.wholes:
                other.length += longer
                if other is not whole:
                    settled.write(other.element, "l", lengths(other.element) + longer, other.element.place)
            last.end += longer
            for piece in self.pieces[self.pieces.index(last) + 1 :]:
                piece.start += longer
                piece.end += longer

    def settle(self) -> None:
        """Forget what is gone, by which nothing is placed any more."""
        self.wholes = [whole for whole in self.wholes if whole.pieces]
        self.lords = [whole for whole in self.lords if whole.pieces]

    # ---------------------------------------------------------------- putting something there

    def insert(self, new: Whole, position: float, near: int, place: Place) -> None:
        """Put an element without length somewhere.

        Parameters
        ----------
        new : Whole
        position : float
            [m]
        near : int
            Number of the piece from which the place is looked for, so that it is the nearest of several; -1: from the end.
        place : Place
            To blame.

        Raises
        ------
        LatticeError
            If what is there cannot be cut.
        """
        before, _ = self._boundary(position, near, True, place)
        self.wholes.append(new)
        self.pieces.insert(before + 1, _alone(new, position, position))
        _number_parts(self.pieces[before])

    def lay(self, new: Whole, start: float, end: float, near: int, place: Place) -> None:
        """Put an element with a length upon what is there.

        Parameters
        ----------
        new : Whole
        start, end : float
            Where it begins and ends [m]. If it ends before it begins, it goes on where the branch begins; what is beyond the
            ends of the branch makes it longer.
        near : int
            As in :meth:`insert`.
        place : Place
            To blame.

        Raises
        ------
        LatticeError
            If what is there cannot be cut, or share its place.
        """
        wraps = end < start
        last = is_last_cut = 0
        if wraps:
            last, is_last_cut = self._boundary(end, near, False, place)
        elif start < -SIGNIFICANT:
            self._lengthen(-start, 1, place)
            start, end = 0.0, end - start
        first, is_first_cut = self._boundary(start, near, True, place)
        if not wraps:
            last, is_last_cut = self._reach(end, near, place)
        before, region, after = self._between(first, last)
        self.wholes.append(new)
        if not wraps and all(piece.is_drift for piece in region):
            self._replace(region, new)
            touched = [before] * is_first_cut + [after] * is_last_cut
        else:
            self._share(region, new, place)
            touched = [before, after]
        for piece in touched:
            _number_parts(piece)

    def lay_in_one(self, new: Whole, start: float, end: float, near: int, place: Place) -> None:
        """Put an element upon others and make one piece of all that overlap ("Jumbo Super_Slaves").

        Elements without length stay between pieces.

        Parameters and errors are those of :meth:`lay`.
        """
        first = self._edge(start, near, True, place)
        last = self._edge(end, near, False, place)
        before, region, after = self._between(*self._with_all_of(first, last))
        self.wholes.append(new)
        if all(piece.is_drift for piece in region):
            self._replace(region, new)
        else:
            self._share(region, new, place, FIELD)
            self._merge(region)
        for piece in (before, after):
            _number_parts(piece)

    # ---------------------------------------------------------------- places

    def _boundary(self, position: float, near: int, from_end: bool, place: Place) -> tuple[int, bool]:
        """Return the number of the piece after which a position is, cutting one if need be; and whether one was cut."""
        begin = near if near >= 0 else len(self.pieces) - 1 if from_end else 0
        forwards = self.pieces[begin].end < position + RUNT
        numbers = range(begin, len(self.pieces)) if forwards else range(begin, -1, -1)
        for number in numbers:
            piece = self.pieces[number]
            if abs(piece.end - position) < RUNT:
                return number, False
            if piece.end > position if forwards else piece.start < position:
                self._cut(piece, position, place)
                return number, True
        raise place.error(f"{position:g} m is not in the line, which is {self.length:g} m long")

    def _reach(self, end: float, near: int, place: Place) -> tuple[int, bool]:
        """Return what :meth:`_boundary` does for an exit; make the branch longer if it is beyond."""
        number = len(self.pieces) - _is_end(self.pieces[-1])
        beyond = end - self.pieces[number - 1].end
        if beyond <= SIGNIFICANT:
            return self._boundary(end, near, False, place)
        self._lengthen(beyond, number, place)
        return number, False

    def _edge(self, position: float, near: int, is_entrance: bool, place: Place) -> int:
        """Return the number of the piece after which a position is, or of the next outwards; only drifts are cut."""
        reach = position + SIGNIFICANT if is_entrance else position - SIGNIFICANT
        number = next((i for i, piece in enumerate(self.pieces) if piece.end > reach), len(self.pieces) - 1)
        if self.pieces[number].is_drift:
            return self._boundary(position, near, is_entrance, place)[0]
        return number - is_entrance

    def _with_all_of(self, first: int, last: int) -> tuple[int, int]:
        """Return numbers before and at the end of a region, as far as the elements reach that lie in it."""
        while True:
            starts = [self.pieces.index(whole.pieces[0]) - 1 for whole in self.pieces[first + 1].wholes]
            ends = [self.pieces.index(whole.pieces[-1]) for whole in self.pieces[last].wholes]
            if min(starts) >= first and max(ends) <= last:
                return first, last
            first, last = min(first, *starts), max(last, *ends)

    def _between(self, first: int, last: int) -> tuple[Piece, list[Piece], Piece]:
        """Return the pieces from after one number to another, and those around; elements that are none are taken away."""
        number = len(self.pieces)
        while self.pieces[(first + 1) % number].is_empty:
            first = (first + 1) % number
        while self.pieces[last].is_empty:
            last = (last - 1) % number
        count = (last - first - 1) % number + 1
        region = [self.pieces[(first + 1 + i) % number] for i in range(count)]
        around = self.pieces[first], self.pieces[(last + 1) % number]
        for piece in region:
            if piece.keyword == "null_ele":
                self._forget(piece)
        return around[0], [piece for piece in region if piece.keyword != "null_ele"], around[1]

    # ---------------------------------------------------------------- changes

    def _cut(self, piece: Piece, position: float, place: Place) -> None:
        """Cut a piece in two."""
        if piece.keyword in UNCUTTABLE:
            raise place.error(f"{piece.wholes[0].element.label} lies there, and elements of its class cannot be cut")
        number = self.pieces.index(piece)
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
        number = self._leave(whole)
        origin.parts[number:number] = parts
        self.wholes += parts
        return [_alone(part, *span) for part, span in zip(parts, ends, strict=True)]

    def _leave(self, whole: Whole) -> int:
        """Take a drift away that something is put upon, or a part of one; return which part of the drift it was."""
        start, _ = whole.span
        whole.pieces.clear()
        if whole.origin is None:
            whole.start = start
            self.lords.append(whole)
            return 0
        self.wholes.remove(whole)
        number = whole.origin.parts.index(whole)
        del whole.origin.parts[number]
        return number

    def _forget(self, piece: Piece) -> None:
        """Take an element away that is none; others may still be placed by it."""
        (whole,) = piece.wholes
        whole.start = piece.start
        whole.pieces.clear()
        self.pieces.remove(piece)
        self.lords.append(whole)

    def _rule(self, piece: Piece) -> None:
        """Enter an element that lay by itself among those that do not."""
        if len(piece.wholes) == 1 and piece.wholes[0] not in self.lords:
            self._enter(piece.wholes[0])

    def _enter(self, whole: Whole) -> None:
        """Make an element one that is known by its parts; it stands for no others of its name any more."""
        whole.element = whole.element.copy(whole.element.name)
        self.lords.append(whole)

    def _replace(self, region: list[Piece], new: Whole) -> None:
        """Put an element in the place of drifts."""
        number = self.pieces.index(region[0])
        self.pieces[number : number + len(region)] = [_alone(new, region[0].start, region[-1].end)]
        for piece in region:
            self._leave(piece.wholes[0])

    def _share(self, region: list[Piece], new: Whole, place: Place, shared: str | None = None) -> None:
        """Put an element upon others, which share their place with it."""
        self._enter(new)
        for piece in region:
            if piece.is_empty or piece.keyword == "converter":
                continue
            misaligned = any(is_misaligned(whole.element) for whole in (*piece.wholes, new))
            found = keyword(piece.keyword, new.element.keyword, misaligned=misaligned)
            if found is None:
                below = " and ".join(whole.element.label for whole in piece.wholes)
                raise place.error(f"{new.element.label} cannot be put upon {below}; elements of these classes do not overlap")
            if piece.is_drift:
                self._leave(piece.wholes.pop())
            else:
                self._rule(piece)
            piece.keyword = shared or found
            piece.wholes.append(new)
            new.pieces.append(piece)

    def _merge(self, region: list[Piece]) -> None:
        """Make one piece of all that are not separated by an element without length."""
        head: Piece | None = None
        for piece in region:
            if piece.is_empty or head is None:
                head = None if piece.is_empty else piece
                continue
            head.end = piece.end
            self.pieces.remove(piece)
            for whole in piece.wholes:
                if whole in head.wholes:
                    whole.pieces.remove(piece)
                else:
                    whole.pieces[whole.pieces.index(piece)] = head
                    head.wholes.append(whole)

    def _lengthen(self, length: float, number: int, place: Place) -> None:
        """Put an empty drift before the piece of that number, which moves on."""
        position = self.pieces[number - 1].end
        for piece in self.pieces[number:]:
            piece.start += length
            piece.end += length
        for whole in self.lords:
            whole.start += length * (number == 1)
        empty = Whole(Element("", "drift", place), length)
        self.wholes.append(empty)
        self.pieces.insert(number, _alone(empty, position, position + length))


def _is_end(piece: Piece) -> bool:
    """Whether a piece is the marker at the end."""
    return piece.keyword == "marker" and piece.wholes[0].element.name == END


def _alone(whole: Whole, start: float, end: float) -> Piece:
    """Return a piece for an element by itself."""
    whole.pieces = [Piece([whole], start, end, whole.element.keyword)]
    return whole.pieces[0]


def _number_parts(piece: Piece) -> None:
    """Give the parts of a drift their names, if a piece is one: the drift's, and a number in the order along it."""
    origin = piece.wholes[0].origin if piece.is_drift else None
    if origin is None:
        return
    name = origin.element.name
    parts = reversed(origin.parts) if origin.element.reversed else origin.parts
    for number, part in enumerate(parts, 1):
        part.element = part.element.copy(f"{name}#{number}")
        part.element.settings["l"] = Setting(part.length, origin.element.place)
