"""Text with places in it, and its comments taken out."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from caraval.core.errors import LatticeError

_TO_CLEAN = re.compile(
    r"""(?P<text>"[^"\n]*"|'[^'\n]*')|(?P<comment>!.*|//.*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z))""",
)
"""Text in quotes, in which nothing is a comment, and comments (MAD-X manual, "Comments")."""


class Place(NamedTuple):
    """A position in a named file; line and column from one."""

    file: str
    line: int
    column: int

    def error(self, message: str) -> LatticeError:
        """Return the error that says what is wrong here."""
        return LatticeError(message, file=self.file, line=self.line, column=self.column)


class Mistake(Exception):  # noqa: N818 - never leaves this package
    """Something wrong at an offset of a source; whoever knows the source makes a :class:`LatticeError` of it."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(eq=False)
class Source:
    """A file, or the text of a macro.

    Attributes
    ----------
    name : str
        How the file is called in messages.
    text : str
        Without comments, which are blanks, so that offsets are those of the file.
    caller : Place, optional
        Where the macro was called: what is wrong in it is wrong there.
    about : str
        What messages begin with.
    """

    name: str
    text: str
    caller: Place | None = None
    about: str = ""
    _lines: list[int] = field(default_factory=list, repr=False)

    @classmethod
    def of_file(cls, name: str, text: str) -> Source:
        """Return the source of a file as it stands on disk."""
        return cls(name, _TO_CLEAN.sub(_blanked, text))

    def place(self, offset: int) -> Place:
        """Return file, line and column of an offset."""
        if self.caller is not None:
            return self.caller
        if not self._lines:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, offset)
        return Place(self.name, line, offset - self._lines[line - 1] + 1)

    def error(self, mistake: Mistake) -> LatticeError:
        """Return the error that says what is wrong, and where."""
        return self.place(mistake.offset).error(self.about + mistake.message)


def _blanked(match: re.Match[str]) -> str:
    if match["comment"] is None:
        return match[0]
    return re.sub(r"[^\n]", " ", match[0])
