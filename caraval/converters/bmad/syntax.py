"""What a lattice file says, statement by statement, before anything is worked out."""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Node
from .positions import Position


@dataclass(frozen=True, slots=True)
class Given:
    """An attribute, perhaps with a value; or a value without a name, such as the terms of a map."""

    position: Position
    name: str
    value: Node | None


@dataclass(frozen=True, slots=True)
class Item:
    """A member of a beamline: the name of an element or a line, or a part of a line in parentheses."""

    position: Position
    name: str = ""
    count: int = 1
    reflected: bool = False
    reversed: bool = False
    tag: str = ""
    slice: str = ""
    arguments: tuple[str, ...] | None = None
    members: tuple[Item, ...] | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and where it begins."""

    position: Position


@dataclass(frozen=True, slots=True)
class Definition(Statement):
    """An element: ``name: class, attribute = value, ...``."""

    name: str
    keyword: str
    attributes: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Control(Definition):
    """An element that controls others: ``name: overlay = {...}, ...``; its first attribute says what."""


@dataclass(frozen=True, slots=True)
class Line(Statement):
    """A beamline: ``name(arguments): line[option] = (...)``."""

    name: str
    items: tuple[Item, ...]
    arguments: tuple[str, ...] | None
    option: str


@dataclass(frozen=True, slots=True)
class ReplacementList(Statement):
    """A replacement list: ``name: list = (...)``."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Assignment(Statement):
    """A constant: ``name = expression``; with ``redef:`` before it, again."""

    name: str
    value: Node
    again: bool = False


@dataclass(frozen=True, slots=True)
class Setting(Statement):
    """An attribute of elements that are there: ``target[attribute] = value``."""

    target: str
    given: Given


@dataclass(frozen=True, slots=True)
class Command(Statement):
    """Something to be done: ``word, attribute = value, ...``."""

    word: str
    attributes: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Words(Statement):
    """A command that takes the rest of its line as text."""

    word: str
    text: str
