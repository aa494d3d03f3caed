"""MAD-X lattice files (MAD-X user's guide, https://madx.web.cern.ch).

``statements`` and ``formulas`` make statements of the text (by hand, as a large ring has half a million words);
``interpreter`` carries them out; ``expansion`` puts the elements of a sequence in a row; ``elements`` makes Caraval's elements
of MAD-X's. ``writing`` and ``saying`` go the other way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

_STATEMENT = re.compile(
    r"^\s*(?:[a-z_$][\w.$]*\s*(?:\([^)\n]*\))?\s*:(?!:)|[\w.$]+\s*(?:->\s*[\w.]+\s*)?:?=|"
    r"(?:option|beam|use|call|title|call|real|const|if|while|twiss|return)\b)[^;]*;",
    re.IGNORECASE | re.MULTILINE,
)
_OTHERS = re.compile(r"\A\s*[{<#]|^\s*[\w*:.#]+\[[\w.]+\]\s*:?=|^\s*&\w", re.MULTILINE)  # JSON, XML; Bmad; namelists


def recognises(head: str) -> bool | None:
    """Whether the beginning of a file may be MAD-X's: its statements end in semicolons; without any it is not."""
    text = re.sub(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)|(?:!|//)[^\n]*", "", head)
    lines = [line for line in text.splitlines() if line.strip()]
    ended = sum(line.rstrip().endswith(";") for line in lines)
    if lines and ";" not in text:
        return False
    return (5 * ended >= len(lines) > 0 and _STATEMENT.search(text) is not None and _OTHERS.search(text) is None) or None


def read(path: Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Any:
    """Read a lattice file; see :func:`caraval.converters.madx.reader.read`."""
    from . import reader  # the language is loaded when it is needed

    return reader.read(path, line=line, branch=branch, losses=losses)


def write(lattice: Lattice, path: Path, *, losses: Losses | None = None) -> None:
    """Write a lattice file; see :func:`caraval.converters.madx.writing.write`."""
    from . import writing

    writing.write(lattice, path, losses=losses)


@hookimpl
def register_readers() -> list[Reader]:
    """The reader of MAD-X's lattice files."""
    return [Reader("madx", (".madx", ".mad", ".seq", ".mask"), read, recognises)]


@hookimpl
def register_writers() -> list[Writer]:
    """The writer of MAD-X's lattice files."""
    return [Writer("madx", (".madx", ".mad", ".seq"), write)]
