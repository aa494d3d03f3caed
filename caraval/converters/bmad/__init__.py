"""Bmad lattice files (Bmad manual, https://www.classe.cornell.edu/bmad).

``parser`` makes statements of the text, by the grammar in ``grammar.lark``; ``interpreter`` carries them out;
``expansion`` puts the elements of a line in a row; ``superposition`` puts others upon them, on a ``track`` that is cut into
pieces, of which ``slaves`` makes elements again; ``elements`` makes Caraval's elements of Bmad's, and ``overlaps`` of slaves.
``writing`` and ``attributes`` go the other way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from caraval.core.formats import BeamReader, BeamWriter, Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from . import beams

SUFFIXES = (".bmad", ".lat", ".bmd")

BEAMS = (".beam", ".beam0")
"""Suffixes of beams."""

_MARK = re.compile(
    r"^\s*(?:[\w*%:.#\\]+\s*\[[^\]\n]+\]\s*:?="  # element[attribute] = value
    r"|[a-z][\w.#\\]*\s*(?:\([^)\n]*\))?\s*:\s*[a-z]\w*\s*[,=\[&]"  # name: class, ... or name: line = ...
    r"|[a-z]\w*\s*:?=\s*[-+(.\w]"  # name = value
    r"|(?:use|call|beam|title)\s*,|(?:no_digested|title|print|parser_debug|redef)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_OTHERS = re.compile(r"\A\s*[{<#]|^\s*(?:%|&\w)", re.MULTILINE)  # JSON, XML; formulas and namelists of others
_ENDED = re.compile(r";[ \t]*$", re.MULTILINE)


def recognises(head: str) -> bool | None:
    """Whether the beginning of a file may be Bmad's: it has statements of the language, and few that end in a semicolon.

    That it is not Bmad's cannot be told: much of the language is that of others.
    """
    text = re.sub(r"!.*", "", head)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return "!" in head
    few = len(_ENDED.findall(text)) * 5 < len(lines)
    return (few and _MARK.search(text) is not None and _OTHERS.search(text) is None) or None


def read(path: Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Any:
    """Read a lattice file; see :func:`caraval.converters.bmad.reader.read`."""
    from . import reader  # the parser is built when it is needed

    return reader.read(path, line=line, branch=branch, losses=losses)


def write(lattice: Lattice, path: Path, *, losses: Losses | None = None) -> None:
    """Write a lattice file; see :func:`caraval.converters.bmad.writing.write`."""
    from . import writing

    writing.write(lattice, path, losses=losses)


@hookimpl
def register_readers() -> list[Reader]:
    """The reader of Bmad's lattice files."""
    return [Reader("bmad", SUFFIXES, read, recognises)]


@hookimpl
def register_writers() -> list[Writer]:
    """The writer of Bmad's lattice files."""
    return [Writer("bmad", (".bmad", ".bmd"), write)]


@hookimpl
def register_beam_readers() -> list[BeamReader]:
    """Bmad's beams in ASCII; those in HDF5 are openPMD's."""
    return [BeamReader("bmad", BEAMS, beams.read, beams.recognises)]


@hookimpl
def register_beam_writers() -> list[BeamWriter]:
    """Bmad's beams in ASCII."""
    return [BeamWriter("bmad", BEAMS, beams.write)]
