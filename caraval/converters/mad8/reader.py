"""Reads MAD-8 lattice files."""

from __future__ import annotations

from pathlib import Path

from caraval.converters.madx import reader
from caraval.converters.madx.building import built
from caraval.converters.madx.definitions import Element
from caraval.converters.madx.interpreter import Interpreter
from caraval.converters.madx.source import Place, Source
from caraval.converters.madx.syntax import Given
from caraval.converters.madx.vocabulary import has
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from .translation import translated

CONSTANTS = ("pi", "twopi", "degrad", "raddeg", "e", "emass", "pmass", "clight")
"""Names that cannot be given another value (MAD 8.13 manual, "Constants")."""


class Mad8(Interpreter):
    """Carries out what statements of MAD-8 say in MAD-X's words; fewer of these are constants."""

    def __init__(self, losses: Losses) -> None:
        super().__init__(losses)
        self.constants = {*CONSTANTS}

    def give(self, element: Element, given: Given, source: Source) -> None:
        """Set an attribute of an element; labels that nothing here has are for other programs."""
        if isinstance(given.value, (str, bool)) and not has(element.keyword, given.name):
            self.losses.note(element.name, given.name, given.value, place=source.place(given.offset))
        else:
            super().give(element, given, source)

    def source(self, name: str, text: str) -> Source:
        """Return the source of a file of that text."""
        return translated(name, text)


def read(path: str | Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Lattice:
    """Read a lattice file.

    Parameters, errors : see :func:`caraval.converters.madx.reader.read`.
    """
    path = Path(path)
    state = Mad8(losses or Losses())
    state.read(path, str(path))
    return built(state, reader.chosen(state, line, branch, Place(str(path), 1, 1))).lattice
