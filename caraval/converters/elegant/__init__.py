"""Lattice and command files of elegant (M. Borland, ANL/APS LS-287; "User's Manual for elegant").

``source`` cuts a file into statements, ``syntax`` takes them apart, ``interpreter`` carries them out; ``rpn`` works out
expressions, ``expansion`` puts the elements of a line in a row; ``namelists`` and ``commands`` read command files;
``conversion`` makes Caraval's elements, family by family. ``writing`` and ``saying`` go the other way.

What elegant tracks by matrices is tracked by Bmad's closed forms (``bmad_standard``). What it tracks by a symplectic integrator
(KQUAD, KSEXT, KOCT, CSBEND, ...) is tracked by ours, in as many steps of the same order. Types and parameters that are not
understood are in the lattice's ``losses``. Names are elegant's, in capitals unless they are in quotes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from caraval.core.formats import BeamReader, BeamWriter, Beside, Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from . import beams

BEAMS = (".sdds", ".bun")
"""Suffixes of beams."""

_MARKS = re.compile(
    r"""^\s*&\s*run_setup\b  # a command file
    |^%.*\bsto\b  # a calculation
    |=\s*"[^"\n]*\s[-+*/]\s*"  # an expression that ends in an operator
    |:\s*"?(?:kquad|ksext|koct|csbend|csrcsbend|csrdrift|lscdrift|edrift|rfca|rfcw|rfdf|watch|malign|charge|maxamp|trwake
      |lrwake|ematrix|sreffects)"?\s*(?:,|$)  # types that others have not
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_OTHERS = re.compile(r"\A\s*[{<]|\]\s*:?=|:=|;[ \t]*$", re.MULTILINE)  # JSON, XML; attributes and statements of others


def recognises(head: str) -> bool | None:
    """Whether the beginning of a file is elegant's: it has marks of its language, and none of those that are like it.

    With assignments of MAD's it is not.
    """
    text = re.sub(r"!.*", "", head)
    if ":=" in text:
        return False
    return (_MARKS.search(text) is not None and _OTHERS.search(text) is None) or None


def read(path: Path, line: str | None = None, branch: str | int | None = None, losses: Any = None) -> Any:
    """Read a lattice or command file; see :func:`caraval.converters.elegant.reader.read`."""
    from . import reader  # the lists of types are read when they are needed

    return reader.read(path, line=line, branch=branch, losses=losses)


def write(lattice: Lattice, path: Path, *, losses: Losses | None = None, beside: Beside | None = None) -> None:
    """Write a lattice file; see :func:`caraval.converters.elegant.writing.write`."""
    from . import writing

    writing.write(lattice, path, losses=losses, beside=beside)


@hookimpl
def register_readers() -> list[Reader]:
    """The reader of elegant's files."""
    return [Reader("elegant", (".lte", ".ele", ".lat"), read, recognises)]


@hookimpl
def register_writers() -> list[Writer]:
    """The writer of elegant's lattice files, with command files beside them."""
    return [Writer("elegant", (".lte",), write)]


@hookimpl
def register_beam_readers() -> list[BeamReader]:
    """Elegant's beams."""
    return [BeamReader("sdds", BEAMS, beams.read, beams.recognises)]


@hookimpl
def register_beam_writers() -> list[BeamWriter]:
    """Elegant's beams."""
    return [BeamWriter("sdds", BEAMS, beams.write)]
