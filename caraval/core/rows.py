"""Rows: steps with their numbers filled in, and constants as flat lists for compilers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from . import maps
from .arrays import is_number
from .maps import LinearMap, Map, SecondOrderMap

Undo = Callable[[Any], Any] | int | None


class Variant:
    """What a compiler makes one program of: chains of routines that differ only in their constants.

    Two of the same parts are one object, so that they are found quickly.
    """

    tracks: tuple[Callable[..., Any], ...]
    check: Callable[..., Any] | None
    layout: tuple[Any, ...]
    size: int
    """How many constants a row has."""

    def __init__(
        self, tracks: tuple[Callable[..., Any], ...], check: Callable[..., Any] | None, layout: tuple[Any, ...]
    ) -> None:
        self.tracks, self.check, self.layout = tracks, check, layout
        self.size = _size(layout)


variant_of = lru_cache(maxsize=4096)(Variant)
"""Return the one variant of these parts."""


class Row(NamedTuple):
    """A step with its numbers filled in.

    Attributes
    ----------
    variant : Variant
    constants : tuple
        Of each routine, then of the check, then what `undos` need besides.
    undos : tuple
        Of each routine, the function from its constants to those with which it undoes itself, or where among `constants`
        those are; None: it cannot.
    place : int
        Where a particle that fails the check is lost: ``2 element`` is the element's entrance, ``2 element + 1`` its exit.
    values : tuple
        The constants as a flat list.
    is_plain : bool
        Whether they are plain numbers alone.
    dissipates : tuple of int
        Which of the routines take energy away for good.
    """

    variant: Variant
    constants: tuple[Any, ...]
    undos: tuple[Undo, ...]
    place: int
    values: tuple[Any, ...]
    is_plain: bool
    dissipates: tuple[int, ...] = ()

    def mapped(self, function: Callable[[Any], Any]) -> Row:
        """Return the row with a function of every constant in its place."""
        constants = mapped(self.constants, function)
        values = tuple(flatten(constants))
        return self._replace(constants=constants, values=values, is_plain=all(map(is_number, values)))


def row_of(
    tracks: tuple[Callable[..., Any], ...],
    check: Callable[..., Any] | None,
    constants: tuple[Any, ...],
    undos: tuple[Undo, ...],
    place: int = 0,
) -> Row:
    """Return the row of these routines with these constants."""
    values = tuple(flatten(constants))
    return Row(variant_of(tracks, check, layout(constants)), constants, undos, place, values, all(map(is_number, values)))


def map_row(m: Map, particles: bool = True) -> Row:
    """Return the row with which particles, or a single orbit, go through a map."""
    track, constants_of = maps.THROUGH[LinearMap if isinstance(m, LinearMap) else SecondOrderMap]
    constants = (constants_of(m, particles),)
    return row_of((track,), None, constants, (None,))


def layout(constants: Any) -> Any:
    """Return the nesting of constants: None for a number or an array, else its class and the nesting of its parts."""
    if not isinstance(constants, tuple):
        return None
    cls = type(constants) if hasattr(constants, "_fields") else tuple
    return (cls, *[layout(part) if isinstance(part, tuple) else None for part in constants])


def mapped(constants: Any, function: Callable[[Any], Any]) -> Any:
    """Return constants with a function of every number and array in its place."""
    if not isinstance(constants, tuple):
        return function(constants)
    parts = [mapped(part, function) for part in constants]
    return type(constants)(*parts) if hasattr(constants, "_fields") else tuple(parts)


def flatten(constants: Any) -> list[Any]:
    """Return the numbers and arrays in constants, in order."""
    if not isinstance(constants, tuple):
        return [constants]
    values: list[Any] = []
    for part in constants:
        if isinstance(part, tuple):
            values += flatten(part)
        else:
            values.append(part)
    return values


def unflatten(nesting: Any, values: Any) -> Any:
    """Put constants together again from an iterator over their numbers."""
    if nesting is None:
        return next(values)
    cls, *parts = nesting
    built = [unflatten(part, values) for part in parts]
    return tuple(built) if cls is tuple else cls(*built)


def _size(nesting: Any) -> int:
    return 1 if nesting is None else sum(_size(part) for part in nesting[1:])


NOTHING = row_of((), None, (), ())
"""A step that does nothing."""
