"""Links: elements in a run of linear maps, and what is known or recorded of the map of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import is_not
from typing import Any, NamedTuple

from .arrays import is_number, same
from .chains import numbers_of
from .element import Element
from .errors import CaravalError
from .maps import LinearMap
from .recording import Program, Symbol, UnrecordableError, generalised, record
from .reference import Reference

Evaluate = Callable[[Element, Reference, Reference], LinearMap]
"""``(element, reference before, reference after) -> map``, of numbers, arrays and symbols."""

Place = tuple[int, str]
"""Where a value is in a link: in which part, and under what name."""


class Link(NamedTuple):
    """What the map of an element in a run is made of.

    Attributes
    ----------
    element : Element
    before, after : Reference
    given : tuple of str
        Parameters of the element that are open, whether they are arrays or plain numbers.
    """

    element: Element
    before: Reference
    after: Reference
    given: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        """Element and references."""
        return self[:3]

    def open_places(self) -> list[Place]:
        """Return where there are arrays, and what else is open."""
        values = ((k, name, value) for k, part in enumerate(self.parts) for name, value in part.__dict__.items())
        return [(k, name) for k, name, value in values if hasattr(value, "shape") or (k == 0 and name in self.given)]

    def values(self, places: Sequence[Place]) -> list[Any]:
        """Return the values at places."""
        return [self[part].__dict__[name] for part, name in places]

    def with_values(self, places: Sequence[Place], values: Sequence[Any]) -> Link:
        """Return the link with other values at places."""
        given: tuple[dict[str, Any], ...] = ({}, {}, {})
        for (part, name), value in zip(places, values, strict=True):
            given[part][name] = value
        return Link(*(part.with_values(new) for part, new in zip(self.parts, given, strict=True)))

    def is_alike(self, other: Link) -> bool:
        """Whether all is the same as in another with the same open, but for the values of what is open."""
        return all(a is b or _parts_alike(a, b, self.given) for a, b in zip(self.parts, other.parts, strict=True))


def _parts_alike(a: Any, b: Any, given: tuple[str, ...]) -> bool:
    if type(a) is not type(b):
        return False
    mine, others = a.__dict__, b.__dict__
    different = compress(mine, map(is_not, mine.values(), others.values()))  # most are the same objects
    return all(_alike(mine[name], others[name], name in given) for name in different)


def _alike(a: Any, b: Any, is_given: bool) -> bool:
    if is_given and is_number(a) and is_number(b):
        return True
    if hasattr(a, "shape") or hasattr(b, "shape"):
        return hasattr(a, "shape") and hasattr(b, "shape")
    return same(a, b)


class Recorded(NamedTuple):
    """The map of a link with arrays: a program with 42 outputs.

    Attributes
    ----------
    program : Program
    numbers : tuple of float
    places : tuple of Place
        Where in the link the program's arrays are.
    """

    program: Program
    numbers: tuple[float, ...]
    places: tuple[Place, ...]


def recorded(function: Evaluate, link: Link) -> Recorded | LinearMap:
    """Return the map of a link as it is where it is made of plain numbers, and recorded where there are arrays.

    Raises
    ------
    UnrecordableError
        If its function is no composition of elementary operations, or fails.
    """
    places = link.open_places()

    def outputs(symbols: list[Symbol]) -> list[Any]:
        return numbers_of(function(*link.with_values(places, symbols).parts))

    try:
        if places:
            program, numbers = generalised(record(outputs, len(places)))
        else:
            known = function(*link.parts)
    except (
        TypeError,
        AttributeError,
        ArithmeticError,
        ValueError,
        CaravalError,
    ) as error:  # run on arrays, it may do, or say why
        raise UnrecordableError(f"the map of {link.element.label}: {error}") from error
    if not places:
        if not known.is_static:
            raise UnrecordableError(f"the map of {link.element.label} has arrays that are no parameters")
        return known
    terms = {term for operation in program.operations for term in operation.terms} | set(program.outputs)
    used = [i for i in range(len(places)) if i in terms]
    return Recorded(_restricted(program, used), numbers, tuple(places[i] for i in used))


def _restricted(program: Program, used: Sequence[int]) -> Program:
    """Return a program without the arrays that it does not use."""

    def function(values: list[Symbol]) -> list[Any]:
        arrays: list[Any] = [None] * program.arrays
        for place, value in zip(used, values, strict=False):
            arrays[place] = value
        return program.run(arrays, values[len(used) :], values[0].__array_namespace__() if values else None)

    return record(function, len(used), program.numbers)
