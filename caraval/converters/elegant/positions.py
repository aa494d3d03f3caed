"""Where in which file something stands."""

from __future__ import annotations

from typing import NamedTuple

from caraval.core.errors import LatticeError


class Place(NamedTuple):
    """A position in a named file; line and column from one."""

    file: str
    line: int
    column: int

    def error(self, message: str) -> LatticeError:
        """Return the error that says what is wrong here."""
        return LatticeError(message, file=self.file, line=self.line, column=self.column)
