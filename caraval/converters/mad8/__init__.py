"""MAD-8 lattice files (MAD 8.13 user's reference manual, CERN/SL/90-13).

The language is the parent of MAD-X's: ``translation`` writes its statements as MAD-X has them, whose reader does the rest.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from caraval.core.formats import Reader
from caraval.core.hookspecs import hookimpl
from caraval.core.losses import Losses

_MARKS = re.compile(r"^\s*[\w.']+\s*:=|^\s*(?:assign|archive|subroutine)\b\s*,", re.IGNORECASE | re.MULTILINE)
_OTHERS = re.compile(r"\A\s*[{<#]|;[ \t]*$|^\s*[\w*:.#]+\[[\w.]+\]\s*:?=|^%|^\s*&\s*\w", re.MULTILINE)
"""JSON, XML; MAD-X; Bmad; elegant."""


def recognises(head: str) -> bool | None:
    """Whether the beginning of a file is MAD-8's: it has marks of that language, and statements end with the line.

    That it is not MAD-8's cannot be told.
    """
    text = re.sub(r"(?:!|//).*", "", head)
    return (_MARKS.search(text) is not None and _OTHERS.search(text) is None) or None


def read(path: Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Any:
    """Read a lattice file; see :func:`caraval.converters.madx.reader.read`."""
    from . import reader  # the language is loaded when it is needed

    return reader.read(path, line=line, branch=branch, losses=losses)


@hookimpl
def register_readers() -> list[Reader]:
    """The reader of MAD-8's lattice files."""
    return [Reader("mad8", (".mad8", ".xsif", ".mad"), read, recognises)]
