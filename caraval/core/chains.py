"""Chains: runs of linear maps of many settings, as programs that backends compile.

The map of every element with settings is recorded with these open (see :mod:`caraval.core.links`), and so is its product with
the map of all before, of which only those entries are kept that are not plain zeros or ones for good. Elements that differ in
nothing but numbers share a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from .maps import IDENTITY, LinearMap
from .recording import Constant, Program, Symbol, Term, record

Pattern = tuple[float | None, ...]
"""Of the 42 numbers of a map those that are plain zeros or ones; None: all others."""

UNMOVED: tuple[float, ...] = (*IDENTITY.ravel().tolist(), *(0.0,) * 6)
"""The numbers of the map that does nothing."""


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
    shape : tuple of int
        Of all settings.
    dtype
        The precision of all arrays together.
    """

    steps: tuple[Program, ...]
    pattern: Pattern
    codes: np.ndarray
    numbers: np.ndarray
    sources: np.ndarray
    arrays: list[Any]
    shape: tuple[int, ...]
    dtype: Any

    @property
    def start(self) -> list[float]:
        """The open numbers of the map that does nothing."""
        return [value for value, known in zip(UNMOVED, self.pattern, strict=True) if known is None]

    @property
    def lines(self) -> list[Any]:
        """The arrays, each of all settings in a row."""
        return in_rows(self.arrays, self.shape, self.dtype)

    def map_of(self, found: Iterable[Any]) -> LinearMap:
        """Return the map whose open numbers, of all settings in a row, were found."""
        shape, reshape = self.shape, array_namespace(self.arrays[0]).reshape
        return filled(self.pattern, [value if shape == value.shape else reshape(value, shape) for value in found])


class Composed(LinearMap):
    """The map of a chain of many settings: composed when it is asked for, which moments do not need.

    Parameters
    ----------
    chain : Chain
    run : callable
        ``(chain, lines) -> open numbers`` of the map.
    """

    chain: Chain
    run: Callable[[Chain, Sequence[Any]], Iterable[Any]]
    is_static = False
    is_batch = True

    def __init__(self, chain: Chain, run: Callable[[Chain, Sequence[Any]], Iterable[Any]]) -> None:
        self.__dict__.update(chain=chain, run=run)

    @cached_property
    def found(self) -> LinearMap:
        """The map, entry by entry."""
        return self.chain.map_of(self.run(self.chain, self.chain.lines))

    entries = property(lambda self: self.found.entries)
    shift = property(lambda self: self.found.shift)


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
