"""Where the elements of a branch lie while others are put upon them (Bmad manual, "Superposition")."""

from __future__ import annotations

from collections.abc import Callable, Collection

from . import settled
from .course import SIGNIFICANT, Course
from .definitions import Element
from .pieces import Piece, Whole, alone, is_end
from .positions import Place
from .sharing import FIELD, is_misaligned, keyword


class Track(Course):
    """The pieces of a branch, with what is put upon them."""

    def start_at(self, whole: Whole, *, with_end: bool) -> None:
        """Begin the branch with an element; what comes before it is put at the end.

        Parameters
        ----------
        whole : Whole
        with_end : bool
            Whether a marker at the end moves, too, rather than stay there.
        """
        begin, *others = self.pieces
        kept = [] if with_end or not is_end(others[-1]) else [others.pop()]
        number = self.number(whole) - 1
        self.pieces, position = [begin], 0.0
        for piece in (*others[number:], *others[:number], *kept):
            piece.start, piece.end = position, position + piece.end - piece.start
            position = piece.end
            self.pieces.append(piece)

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
            for piece in self.pieces[self._index(last) + 1 :]:
                piece.start += longer
                piece.end += longer

    def settle(self) -> None:
        """Forget what is gone, by which nothing is placed any more."""
        self.number_parts()
        self.wholes = dict.fromkeys(whole for whole in self.wholes if whole.pieces)
        self.lords = [whole for whole in self.lords if whole.pieces]

    # ---------------------------------------------------------------- taking something away

    def take(self, gone: Collection[Piece]) -> None:
        """Take pieces away; what comes behind them moves up. Elements stay of which there are other pieces."""
        unwanted = {id(piece) for piece in gone}
        self.pieces, position = [piece for piece in self.pieces if id(piece) not in unwanted], 0.0
        for piece in self.pieces:
            piece.start, piece.end = position, position + piece.end - piece.start
            position = piece.end
        standing = {whole for piece in self.pieces for whole in piece.wholes}
        for whole in [whole for whole in self.wholes if whole not in standing]:
            whole.pieces.clear()
        self.settle()

    def remove(self, gone: Collection[Whole]) -> None:
        """Take elements away, with the places that they had for themselves."""
        for piece in self.pieces:
            rest = [whole for whole in piece.wholes if whole not in gone]
            if rest and len(rest) < len(piece.wholes):
                piece.wholes = rest
                piece.keyword = rest[0].element.keyword if len(rest) == 1 else piece.keyword
        self.take([piece for piece in self.pieces if all(whole in gone for whole in piece.wholes)])

    def combine(self, joined: Callable[[Element, Element], Element | None]) -> None:
        """Make one of elements that follow each other, where that can be done; markers between them are taken away.

        Parameters
        ----------
        joined : callable
            What one element and the next are together; None: they stay two.
        """
        gone: list[Piece] = []
        last, between = self.pieces[0], list[Piece]()
        for piece in self.pieces[1:]:
            if piece.keyword == "marker" and not is_end(piece):
                between.append(piece)
                continue
            alone = len(piece.wholes) == len(last.wholes) == 1 and not (piece.wholes[0].is_lord or last.wholes[0].is_lord)
            made = joined(last.wholes[0].element, piece.wholes[0].element) if alone else None
            if made is None:
                last = piece
            else:
                gone += [*between, piece]
                last.end += piece.end - piece.start
                last.wholes[0].element, last.wholes[0].length = made, last.end - last.start
            between = []
        self.take(gone)

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
        self.wholes[new] = None
        self.pieces.insert(before + 1, alone(new, position, position))
        self._touch([self.pieces[before]])

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
        self.wholes[new] = None
        if not wraps and all(piece.is_drift for piece in region):
            self._replace(region, new)
            touched = [before] * is_first_cut + [after] * is_last_cut
        else:
            self._share(region, new, place)
            touched = [before, after]
        self._touch(touched)

    def lay_in_one(self, new: Whole, start: float, end: float, near: int, place: Place) -> None:
        """Put an element upon others and make one piece of all that overlap ("Jumbo Super_Slaves").

        Elements without length stay between pieces.

        Parameters and errors are those of :meth:`lay`.
        """
        first = self._edge(start, near, True, place)
        last = self._edge(end, near, False, place)
        before, region, after = self._between(*self._with_all_of(first, last))
        self.wholes[new] = None
        if all(piece.is_drift for piece in region):
            self._replace(region, new)
        else:
            self._share(region, new, place, FIELD)
            self._merge(region)
        self._touch((before, after))

    # ---------------------------------------------------------------- places

    def _reach(self, end: float, near: int, place: Place) -> tuple[int, bool]:
        """Return what :meth:`_boundary` does for an exit; make the branch longer if it is beyond."""
        number = len(self.pieces) - is_end(self.pieces[-1])
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
            starts = [self._index(whole.pieces[0]) - 1 for whole in self.pieces[first + 1].wholes]
            ends = [self._index(whole.pieces[-1]) for whole in self.pieces[last].wholes]
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

    def _forget(self, piece: Piece) -> None:
        """Take an element away that is none; others may still be placed by it."""
        (whole,) = piece.wholes
        whole.start = piece.start
        whole.pieces.clear()
        self.pieces.remove(piece)
        self.lords.append(whole)

    def _replace(self, region: list[Piece], new: Whole) -> None:
        """Put an element in the place of drifts."""
        number = self._index(region[0])
        self.pieces[number : number + len(region)] = [alone(new, region[0].start, region[-1].end)]
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
