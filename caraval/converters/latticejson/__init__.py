"""LatticeJSON, version 2 (https://github.com/nobeam/latticejson): drifts, magnets and cavities, for electrons.

Files are told from others in JSON by their content. What Cheetah calls LatticeJSON is another format, `cheetah`.
"""

from __future__ import annotations

from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl

from .reading import read, recognises
from .writing import text, write

__all__ = ["read", "recognises", "text", "write"]

FORMAT = "latticejson"


@hookimpl
def register_readers() -> tuple[Reader]:
    """LatticeJSON 2."""
    return (Reader(FORMAT, (".latticejson", ".lattice.json", ".json"), read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """LatticeJSON 2."""
    return (Writer(FORMAT, (".latticejson", ".lattice.json"), write),)
