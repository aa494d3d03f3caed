"""Chains: runs of linear maps of many settings, as programs that backends compile.

The map of every element is recorded with its parameters open (see :mod:`caraval.core.recording`), and so is its product with
the map of all before, of which only those entries are kept that are not plain zeros or ones for good. Elements that differ in
nothing but numbers share a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from .arrays import same, shape_of
from .element import Element
from .errors import CaravalError
from .maps import IDENTITY, LinearMap
from .recording import Constant, Program, Symbol, Term, UnrecordableError, generalised, record
from .reference import Reference

Pattern = tuple[float | None, ...]
"""Of the 42 numbers of a map those that are plain zeros or ones; None: all others."""

UNMOVED: tuple[float, ...] = (*IDENTITY.ravel().tolist(), *(0.0,) * 6)
"""The numbers of the map that does nothing."""

Evaluate = Callable[[Element, Reference, Reference], LinearMap]

Place = tuple[int, str]
"""Where a value is in a link: in which part, and under what name."""


class Link(NamedTuple):
    """An element in a run: what makes its map, and what of.

    Attributes
    ----------
    function : callable
        ``(element, reference before, reference after) -> map``, of numbers and symbols too.
    element : Element
    before, after : Reference
    """

    function: Evaluate
    element: Element
    before: Reference
    after: Reference

    def is_open(self) -> bool:
        """Whether there are arrays among what the map is made of."""
        return any(hasattr(value, "shape") for part in self[1:] for value in part.__dict__.values())

    def values(self, places: Sequence[Place]) -> list[Any]:
        """Return the values at places."""
        return [self[part].__dict__[name] for part, name in places]


class Recorded(NamedTuple):
    """An element's map as a program with 42 outputs.

    Attributes
    ----------
    link : Link
        What was recorded.
    program : Program
    numbers : tuple of float
    places : tuple of Place
        Where in the link the program's arrays are.
    """

    link: Link
    program: Program
    numbers: tuple[float, ...]
    places: tuple[Place, ...]

    def holds_for(self, link: Link) -> bool:
        """Whether the same was recorded: all is the same, but for the values in arrays."""
        return all(
            mine is other or (type(mine) is type(other) and _all_alike(mine.__dict__, other.__dict__))
            for mine, other in zip(self.link[1:], link[1:], strict=True)
        )


def _all_alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether all values are the same; arrays are, whatever they hold."""
    return all(mine is other or _alike(mine, other) for mine, other in zip(a.values(), b.values(), strict=True))


def _alike(a: Any, b: Any) -> bool:
    if hasattr(a, "shape") or hasattr(b, "shape"):
        return hasattr(a, "shape") and hasattr(b, "shape")
    return same(a, b)


class Chain(NamedTuple):
    """A run of maps ready to be composed.

    Attributes
    ----------
    steps : tuple of Program
        Each takes the open numbers of the map so far, then an element's arrays, and returns the open numbers after it.
    pattern : tuple
        Which numbers of the map are open.
    codes : array (links,)
        Which step each link is.
    numbers : array (links, most)
        Those of each link.
    sources : array (links, most)
        Which of the arrays each link takes; -1: none.
    arrays : list
        All arrays.
    """

    steps: tuple[Program, ...]
    pattern: Pattern
    codes: np.ndarray
    numbers: np.ndarray
    sources: np.ndarray
    arrays: list[Any]

    @property
    def start(self) -> list[float]:
        """The open numbers of the map that does nothing."""
        return [value for value, known in zip(UNMOVED, self.pattern, strict=True) if known is None]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all settings."""
        return np.broadcast_shapes(*set(map(shape_of, self.arrays)))

    @property
    def lines(self) -> list[Any]:
        """The arrays, each of all settings in a row."""
        return in_rows(self.arrays, self.shape, array_namespace(*self.arrays).result_type(*self.arrays))

    def map_of(self, found: Iterable[Any]) -> LinearMap:
        """Return the map whose open numbers, of all settings in a row, were found."""
        shape, reshape = self.shape, array_namespace(*self.arrays).reshape
        return filled(self.pattern, [value if shape == value.shape else reshape(value, shape) for value in found])


def filled(pattern: Pattern, found: Sequence[Any]) -> LinearMap:
    """Return the map of a pattern and its open numbers."""
    values = iter(found)
    every = [next(values) if known is None else known for known in pattern]
    return LinearMap.from_entries([every[i : i + 6] for i in range(0, 36, 6)], every[36:])


def in_rows(values: Iterable[Any], shape: tuple[int, ...], dtype: Any) -> list[Any]:
    """Return arrays of settings as those of all settings in a row."""
    rows = []
    for value in values:
        if value.dtype != dtype or len(shape) != 1 or value.shape != shape:
            xp = array_namespace(value)
            value = xp.reshape(xp.broadcast_to(xp.astype(value, dtype), shape), (-1,))
        rows.append(value)
    return rows


def numbers_of(m: LinearMap) -> list[Any]:
    """Return the 42 numbers of a map, or arrays of settings."""
    return [value for row in (*m.entries, m.shift) for value in row]


def recorded(link: Link) -> Recorded:
    """Record the map of a link.

    Raises
    ------
    UnrecordableError
        If its function is no composition of elementary operations.
    """
    places = [(k, name) for k in (1, 2, 3) for name, value in link[k].__dict__.items() if hasattr(value, "shape")]

    def function(symbols: list[Symbol]) -> list[Any]:
        given: dict[int, dict[str, Any]] = {1: {}, 2: {}, 3: {}}
        for (part, name), symbol in zip(places, symbols, strict=True):
            given[part][name] = symbol
        before, after = link.before.with_values(given[2]), link.after.with_values(given[3])
        return numbers_of(link.function(link.element.with_values(given[1]), before, after))

    try:
        program, numbers = generalised(record(function, len(places)))
    except (
        TypeError,
        AttributeError,
        ArithmeticError,
        ValueError,
        CaravalError,
    ) as error:  # run on arrays, it may do, or say why
        raise UnrecordableError(f"the map of {link.element.label}: {error}") from error
    terms = {term for operation in program.operations for term in operation.terms} | set(program.outputs)
    used = [i for i in range(len(places)) if i in terms]
    return Recorded(link, _restricted(program, used), numbers, tuple(places[i] for i in used))


def _restricted(program: Program, used: Sequence[int]) -> Program:
    """Return a program without the arrays that it does not use."""

    def function(values: list[Symbol]) -> list[Any]:
        arrays: list[Any] = [None] * program.arrays
        for place, value in zip(used, values, strict=False):
            arrays[place] = value
        return program.run(arrays, values[len(used) :], values[0].__array_namespace__() if values else None)

    return record(function, len(used), program.numbers)


@lru_cache(maxsize=256)
def pattern_of(programs: tuple[Program, ...]) -> Pattern:
    """Return which numbers of a map are open after a run of these elements in whatever order."""
    pattern: Pattern = UNMOVED
    while True:
        before = pattern
        for program in programs:
            outputs = _product(program, pattern).outputs
            pattern = tuple(
                known if known is not None and _is_plain(after, known) else None
                for known, after in zip(pattern, outputs, strict=True)
            )
        if pattern == before:
            return pattern


def _is_plain(term: Term, value: float) -> bool:
    return isinstance(term, Constant) and term.value == value


@lru_cache(maxsize=1024)
def step_of(program: Program, pattern: Pattern) -> Program:
    """Return the program that goes on from the open numbers of a map to those after an element."""
    product = _product(program, pattern)
    return product._replace(outputs=tuple(t for t, known in zip(product.outputs, pattern, strict=True) if known is None))


def _product(program: Program, pattern: Pattern) -> Program:
    """Return the program with the 42 numbers of a map of some pattern followed by an element's."""
    size = sum(known is None for known in pattern)

    def function(values: list[Symbol]) -> list[Any]:
        arrays, numbers = values[size : size + program.arrays], values[size + program.arrays :]
        found = program.run(arrays, numbers, values[0].__array_namespace__() if values else None)
        element = filled((None,) * 42, found)
        return numbers_of(filled(pattern, values[:size]).then(element))

    return record(function, size + program.arrays, program.numbers)


class Layout(NamedTuple):
    """What a chain is but for its arrays."""

    steps: tuple[Program, ...]
    pattern: Pattern
    codes: np.ndarray
    numbers: np.ndarray


class Run:
    """A run of maps, and what was recorded of them: kept from call to call, and made anew where it does not hold."""

    def __init__(self) -> None:
        self.recorded: dict[int, Recorded] = {}
        self._layout: Layout | None = None

    def chain(self, links: Sequence[Link]) -> Chain:
        """Return the chain of the run with the arrays of these links.

        Raises
        ------
        UnrecordableError
            If some map cannot be recorded.
        """
        for i, link in enumerate(links):
            if i not in self.recorded or not self.recorded[i].holds_for(link):
                self.recorded[i] = recorded(link)
                self._layout = None
        found = [self.recorded[i] for i in range(len(links))]
        layout = self._layout = self._layout or _layout(found)
        arrays: dict[int, tuple[int, Any]] = {}
        sources = []
        for link, one in zip(links, found, strict=True):
            values = link.values(one.places)
            sources.append([arrays.setdefault(id(value), (len(arrays), value))[0] for value in values])
        return Chain(*layout, sources=padded(sources, -1), arrays=[value for _, value in arrays.values()])


def _layout(found: Sequence[Recorded]) -> Layout:
    codes = {program: i for i, program in enumerate(dict.fromkeys(one.program for one in found))}
    pattern = pattern_of(tuple(codes))
    return Layout(
        steps=tuple(step_of(program, pattern) for program in codes),
        pattern=pattern,
        codes=np.array([codes[one.program] for one in found]),
        numbers=padded([one.numbers for one in found], 0.0),
    )


def padded(rows: Sequence[Sequence[Any]], filling: Any) -> np.ndarray:
    """Return rows of different lengths as one array, filled up, one column at least."""
    most = max(1, *map(len, rows))
    return np.array([[*row, *[filling] * (most - len(row))] for row in rows])
