"""Classes that array libraries may take apart into arrays and put together again (pytrees).

The core knows no array library. It keeps the list of such classes; a backend that has pytrees subscribes and registers
each of them, those that plugins define later included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from .arrays import same


class Tree(Protocol):
    """What a class in the list provides."""

    def tree_flatten(self) -> tuple[Sequence[Any], Any]:
        """Return the numbers and arrays of this object, and the hashable rest."""

    @classmethod
    def tree_unflatten(cls, rest: Any, children: Sequence[Any]) -> Any:
        """Put an object together again; `children` may be anything, so nothing is checked."""


T = TypeVar("T", bound=type)
_classes: list[type] = []
_subscribers: list[Callable[[type], None]] = []


def tree(cls: T) -> T:
    """Add a class to the list (a decorator)."""
    _classes.append(cls)
    for subscriber in _subscribers:
        subscriber(cls)
    return cls


def subscribe(subscriber: Callable[[type], None]) -> None:
    """Call `subscriber` with every class in the list, now and later."""
    _subscribers.append(subscriber)
    for cls in _classes:
        subscriber(cls)


class Fixed:
    """The part of an object that is no array: hashable, equal where its values are equal.

    What is `aside` is carried along and makes no difference.
    """

    __slots__ = ("aside", "values")

    def __init__(self, aside: Any = None, **values: Any) -> None:
        self.aside = aside
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and self.values.keys() == other.values.keys() and same(self.values, other.values)

    def __hash__(self) -> int:
        return hash(tuple(self.values))

    def __repr__(self) -> str:
        return f"Fixed({self.values})"
