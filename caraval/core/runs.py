"""Runs of linear maps of many settings: as chains, with as few links as there are elements with settings.

Maps that are plain numbers are multiplied once, and what stands between two elements with settings goes with the first of
them. What was recorded is kept from call to call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from .arrays import is_number, shape_of, together
from .chains import UNMOVED, Chain, Pattern, filled, numbers_of, pattern_of, step_of
from .element import Element
from .links import Evaluate, Link, Recorded, recorded
from .maps import LinearMap
from .recording import Program, Symbol, record
from .reference import Reference


class Piece(NamedTuple):
    """A link of a chain: the map of an element with settings, if there is one, and of all after it that are known.

    Attributes
    ----------
    program : Program
    numbers : tuple of float
    place : int, optional
        Of the element in the run.
    """

    program: Program
    numbers: tuple[float, ...]
    place: int | None


class Layout(NamedTuple):
    """What a chain is but for its arrays, and which elements these are taken from."""

    steps: tuple[Program, ...]
    pattern: Pattern
    codes: np.ndarray
    numbers: np.ndarray
    places: tuple[int | None, ...]


class Run:
    """A run of elements with linear maps, and what is known of these: made anew where it does not hold any more.

    Parameters
    ----------
    parts : sequence of (int, callable, tuple of str)
        Of every element its place in the line, what makes its map, and parameters that are open beside arrays.
    """

    def __init__(self, parts: Sequence[tuple[int, Evaluate, tuple[str, ...]]]) -> None:
        self.parts = tuple(parts)
        self.links: list[Link | None] = [None] * len(parts)
        self.known: list[Any] = [None] * len(parts)
        self._layout: Layout | None = None
        self._sources: tuple[list[list[int]], np.ndarray] | None = None

    def is_open(self, elements: Sequence[Element], references: Sequence[Reference]) -> bool:
        """Whether anything that maps are made of is open."""
        return any(Link(elements[i], references[i], references[i + 1], given).open_places() for i, _, given in self.parts)

    def chain(self, elements: Sequence[Element], references: Sequence[Reference]) -> Chain | None:
        """Return the chain of the run; None: nothing is open.

        Parameters
        ----------
        elements : sequence of Element
            All of the line.
        references : sequence of Reference
            At the start of the line and after every element.

        Raises
        ------
        UnrecordableError
            If some map cannot be recorded.
        """
        if self._layout is None and not self.is_open(elements, references):
            return None
        for k, (i, function, given) in enumerate(self.parts):
            old = self.links[k]
            if old is not None and old[0] is elements[i] and old[1] is references[i] and old[2] is references[i + 1]:
                continue
            link = Link(elements[i], references[i], references[i + 1], given)
            if old is None or not link.is_alike(old):
                self._layout, self.links[k] = None, None
                self.known[k] = recorded(function, link)
            self.links[k] = link
        layout = self._layout = self._layout or laid_out(self.known)
        arrays: dict[int, tuple[int, Any]] = {}
        sources = []
        for place in layout.places:
            values = self.links[place].values(self.known[place].places) if place is not None else ()  # type: ignore[union-attr]
            sources.append([arrays.setdefault(id(value), (len(arrays), value))[0] for value in values])
        if not arrays:
            return None
        if self._sources is None or self._sources[0] != sources:
            self._sources = sources, padded(sources, -1)
        return Chain(*layout[:4], self._sources[1], *_gathered([value for _, value in arrays.values()]))


def _gathered(arrays: list[Any]) -> tuple[list[Any], tuple[int, ...], Any]:
    """Return arrays, their shape and their precision together; plain numbers are as arrays without axes."""
    kinds = {np.dtype(float) if is_number(array) else array.dtype for array in arrays}
    kind = kinds.pop() if len(kinds) == 1 else array_namespace(arrays[0]).result_type(*arrays)
    return arrays, together(shape_of(array) for array in arrays), kind


def laid_out(known: Sequence[Recorded | LinearMap]) -> Layout:
    """Return the layout of a run of maps."""
    pieces = pieces_of(known)
    codes = {program: i for i, program in enumerate(dict.fromkeys(piece.program for piece in pieces))}
    pattern = pattern_of(tuple(codes))
    return Layout(
        steps=tuple(step_of(program, pattern) for program in codes),
        pattern=pattern,
        codes=np.array([codes[piece.program] for piece in pieces]),
        numbers=padded([piece.numbers for piece in pieces], 0.0),
        places=tuple(piece.place for piece in pieces),
    )


def pieces_of(known: Sequence[Recorded | LinearMap]) -> list[Piece]:
    """Return the links of a chain for a run of maps.

    The known maps all have one pattern, so that there are no more programs than there are kinds of elements with settings,
    and one for what stands before the first of them.
    """
    groups: list[tuple[int | None, list[LinearMap]]] = [(None, [])]
    for i, one in enumerate(known):
        if isinstance(one, LinearMap):
            groups[-1][1].append(one)
        else:
            groups.append((i, []))
    unmoved = LinearMap.from_entries([UNMOVED[i : i + 6] for i in range(0, 36, 6)])
    between = [numbers_of(reduce(LinearMap.then, maps, unmoved)) for _, maps in groups]
    pattern = _common(between)
    pieces = []
    for (place, maps), values in zip(groups, between, strict=True):
        numbers = tuple(value for value, same in zip(values, pattern, strict=True) if same is None)
        if place is not None:
            one = known[place]
            assert isinstance(one, Recorded)
            pieces.append(Piece(_followed(one.program, pattern), (*one.numbers, *numbers), place))
        elif maps:
            pieces.append(Piece(_plain(pattern), numbers, None))
    return pieces


def _common(maps: Iterable[Sequence[float]]) -> Pattern:
    """Return which numbers of all maps are those of the map that does nothing."""
    return tuple(
        value if all(other == value for other in others) else None for value, *others in zip(UNMOVED, *maps, strict=True)
    )


@lru_cache(maxsize=256)
def _plain(pattern: Pattern) -> Program:
    """Return the program of a map whose open numbers are given."""
    return record(lambda numbers: numbers_of(filled(pattern, numbers)), 0, sum(known is None for known in pattern))


@lru_cache(maxsize=256)
def _followed(program: Program, pattern: Pattern) -> Program:
    """Return the program of an element's map followed by a map whose open numbers are given."""
    more = sum(known is None for known in pattern)
    if not more:
        return program

    def function(values: list[Symbol]) -> list[Any]:
        own = program.arrays + program.numbers
        found = program.run(values[: program.arrays], values[program.arrays : own], values[0].__array_namespace__())
        return numbers_of(filled((None,) * 42, found).then(filled(pattern, values[own:])))

    return record(function, program.arrays, program.numbers + more)


def padded(rows: Sequence[Sequence[Any]], filling: Any) -> np.ndarray:
    """Return rows of different lengths as one array, filled up, one column at least."""
    most = max(1, *map(len, rows))
    return np.array([[*row, *[filling] * (most - len(row))] for row in rows])
