"""What a lattice file says, statement by statement, before anything is worked out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from caraval.core.errors import LatticeError

from .expressions import Expression
from .positions import Position

Value = "Expression | Text | Structure | InlineCall | None"


class Text(NamedTuple):
    """Text between quotes, or of an attribute that takes text without them."""

    position: Position
    text: str


class Word(NamedTuple):
    """A value that is no expression: ``1_dim``, ``.true.``."""

    position: Position
    text: str


class Structure(NamedTuple):
    """A list in braces, as it stands in the file."""

    position: Position
    text: str


class InlineCall(NamedTuple):
    """``call::file``: a value, or attributes, from another file."""

    position: Position
    path: str
