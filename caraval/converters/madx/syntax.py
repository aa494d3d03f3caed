"""What a file says, statement by statement, before anything is worked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .expressions import Node
from .source import Source
from .tokens import Tokens


@dataclass(slots=True)
class Given:
    """An attribute and its value: an expression or a list of them, text, or a flag.

    Attributes
    ----------
    deferred : bool
        Whether the value is worked out whenever it is needed (``:=``), rather than once.
    """

    offset: int
    name: str
    value: Node | list[Node] | str | bool
    deferred: bool = False


@dataclass(slots=True)
class Item:
    """A member of a beam line: a name, or a part of a line in parentheses."""

    offset: int
    name: str = ""
    count: int = 1
    reflected: bool = False
    arguments: tuple[Item, ...] | None = None
    members: tuple[Item, ...] | None = None


@dataclass(slots=True)
class Statement:
    """A statement, and where it begins."""

    source: Source
    offset: int


@dataclass(slots=True)
class Assignment(Statement):
    """A variable: ``name = expression`` or ``name := expression``."""

    name: str
    value: Node
    deferred: bool
    truncated: bool = False
    constant: bool = False


@dataclass(slots=True)
class Setting(Statement):
    """An attribute of something that is there: ``owner->attribute = value``."""

    owner: str
    given: Given


@dataclass(slots=True)
class Definition(Statement):
    """Something with a name: ``name: class, attribute = value, ...``; the tokens begin with what follows the class."""

    name: str
    keyword: str
    rest: Tokens


@dataclass(slots=True)
class Command(Statement):
    """Something to be done: ``word, attribute = value, ...``; the tokens begin with what follows the word."""

    word: str
    rest: Tokens


@dataclass(slots=True)
class Ignored(Statement):
    """A command that defines nothing; what it says is not looked at."""

    word: str


@dataclass(slots=True)
class Line(Statement):
    """A beam line: ``name(arguments): line = (...)``."""

    name: str
    arguments: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(slots=True)
class Macro(Statement):
    """Text to be filled in and carried out: ``name(arguments): macro = {...}``."""

    name: str
    arguments: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Block(Statement):
    """Statements in braces that are carried out on a condition; they are between two offsets."""

    kind: Literal["if", "elseif", "else", "while"]
    condition: Node | None
    start: int
    end: int
