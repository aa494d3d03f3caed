"""What a lattice file has defined: elements and beamlines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .positions import Place
from .syntax import Given, Item
from .vocabulary import ElementType

Value = float | str


class Setting(NamedTuple):
    """A value, and where it was given."""

    value: Value
    place: Place


@dataclass
class Element:
    """An element as the file has it.

    Attributes
    ----------
    name : str
    type : ElementType
    place : Place
    settings : dict
        What is given, by the proper names of the parameters.
    given : list of Given
        The same as it stands there, for elements that are made from this one.
    group : str
    """

    name: str
    type: ElementType
    place: Place
    settings: dict[str, Setting] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    group: str = ""

    @property
    def label(self) -> str:
        """Type and name, for messages."""
        return f"{self.type.name} {self.name!r}"

    def number(self, name: str) -> float:
        """Return the value of a number, or its default."""
        if name not in self.settings:
            return self.type.parameter(name).default
        value = self.settings[name].value
        assert not isinstance(value, str)
        return value

    def text(self, name: str) -> str:
        """Return the value of a text; empty, where it is not given."""
        return str(self.settings[name].value) if name in self.settings else ""


@dataclass
class Beamline:
    """A line as the file has it, and how many elements it has."""

    name: str
    place: Place
    items: tuple[Item, ...]
    count: int


class Member(NamedTuple):
    """An element in its place, perhaps turned round."""

    element: Element
    is_reversed: bool
