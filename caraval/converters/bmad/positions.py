"""Where in which file something stands."""

from __future__ import annotations

from typing import NamedTuple

from caraval.core.errors import LatticeError


class Position(NamedTuple):
    """Line and column in a file, both from one."""

    line: int
    column: int


class Place(NamedTuple):
    """A position in a named file."""

    file: str
    line: int
    column: int

    @property
    def position(self) -> Position:
        """Line and column."""
        return Position(self.line, self.column)

    def error(self, message: str) -> LatticeError:
        """Return the error that says what is wrong here."""
        return LatticeError(message, file=self.file, line=self.line, column=self.column)


class Mistake(Exception):  # noqa: N818 - never leaves this package
    """Something wrong at a position; whoever knows the file makes a :class:`LatticeError` of it."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
