"""From the text of a file to statements in one piece: comments cut off, continued lines joined.

elegant reads lines. One that begins with ``!`` is a comment, and so is the rest of a line after a ``!`` outside of quotes. A
line that ends in ``&`` goes on with the next (User's Manual for elegant, "Accelerator and Element Description").
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from caraval.converters.files import contents

from .positions import Place


@dataclass(frozen=True, slots=True)
class Text:
    """Text that may have been put together of several lines.

    Attributes
    ----------
    text : str
    file : str
        Where it is from.
    starts, lines : tuple of int
        Where in the text its pieces begin, and the lines that they were.
    """

    text: str
    file: str
    starts: tuple[int, ...]
    lines: tuple[int, ...]

    def place(self, offset: int = 0) -> Place:
        """Return where a character of the text stands in the file."""
        piece = bisect_right(self.starts, offset) - 1
        return Place(self.file, self.lines[piece], offset - self.starts[piece] + 1)


class Source:
    """The lines of a file, of which statements are taken one after the other.

    Parameters
    ----------
    path : Path
    shown : str
        How the file is called in messages.

    Raises
    ------
    LatticeError
        If it cannot be read.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self.file = shown
        self._lines = contents(path, shown).split("\n")
        self._next = 0

    @property
    def place(self) -> Place:
        """Where the next line begins."""
        return Place(self.file, self._next + 1, 1)

    def line(self) -> str | None:
        """Take the next line as it is; None: there is none."""
        if self._next == len(self._lines):
            return None
        self._next += 1
        return self._lines[self._next - 1]

    def statements(self) -> Iterator[Text]:
        """Take one statement after the other."""
        while self._next < len(self._lines):
            statement = self._statement()
            if statement.text.strip():
                yield statement

    def _statement(self) -> Text:
        pieces: list[str] = []
        starts: list[int] = []
        lines: list[int] = []
        length, goes_on = 0, True
        while goes_on and (line := self.line()) is not None:
            if line.startswith("!"):
                goes_on = bool(pieces)
                continue
            piece = without_comment(line).rstrip()
            goes_on = piece.endswith("&")
            piece = piece[:-1] if goes_on else piece
            pieces.append(piece)
            starts.append(length)
            lines.append(self._next)
            length += len(piece)
        return Text("".join(pieces), self.file, tuple(starts), tuple(lines))


def without_comment(line: str) -> str:
    """Return a line up to the first ``!`` that is not in quotes."""
    if "!" not in line:
        return line
    end, quoted = 0, False
    for part in line.split('"'):
        if not quoted and "!" in part:
            return line[: end + part.index("!")]
        end += len(part) + 1
        quoted = not quoted
    return line
