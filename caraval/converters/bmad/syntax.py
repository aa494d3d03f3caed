"""What a lattice file says, statement by statement, before anything is worked out."""

from __future__ import annotations

from typing import NamedTuple

from .expressions import Node
from .positions import Position


class Given(NamedTuple):
    """An attribute, perhaps with a value; or a value without a name, such as the terms of a map."""

    position: Position
    name: str
    value: Node | None


class Item(NamedTuple):
    """A member of a beamline: the name of an element or a line, or a part of a line in parentheses."""

    position: Position
    name: str = ""
    count: int = 1
    reflected: bool = False
    reversed: bool = False
    tag: str = ""
    arguments: tuple[str, ...] | None = None
    members: tuple[Item, ...] | None = None
    slice: str = ""


class Definition(NamedTuple):
    """``name: class, attribute = value, ...``"""

    position: Position
    name: str
    keyword: str
    attributes: tuple[Given, ...]


class Control(NamedTuple):
    """``name: overlay = {...}, ...``"""

    position: Position
    name: str
    keyword: str
    controlled: Node
    attributes: tuple[Given, ...]


class Line(NamedTuple):
    """``name(arguments): line[multipass] = (...)``"""

    position: Position
    name: str
    arguments: tuple[str, ...] | None
    option: str
    items: tuple[Item, ...]


class ReplacementList(NamedTuple):
    """``name: list = (...)``"""

    position: Position
    name: str
    items: tuple[Item, ...]


class Assignment(NamedTuple):
    """``name = expression``; with ``redef:`` before it, again."""

    position: Position
    name: str
    value: Node
    again: bool = False


class Setting(NamedTuple):
    """``element[attribute] = value``"""

    position: Position
    target: str
    attribute: str
    value: Node


class Command(NamedTuple):
    """``word, attribute = value, ...``"""

    position: Position
    word: str
    attributes: tuple[Given, ...]


class Words(NamedTuple):
    """A command that takes the rest of its line as text."""

    position: Position
    word: str
    text: str


Statement = Definition | Control | Line | ReplacementList | Assignment | Setting | Command | Words
