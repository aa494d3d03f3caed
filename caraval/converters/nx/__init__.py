"""NX tables: where things stand in the CAD model of ARES at DESY, as values separated by commas.

A table says of each thing its name, its class, its place and its direction on the beam. It says no strengths, and no lengths
but those of bends, which are where the direction changes, and are sectors here. So everything else is a marker, or a monitor,
in the middle of the thing; :func:`read` may be told the lengths of classes. Things that the beam of the main line does not
come by are other branches, by the names of their sections. Tables are known by their first line, whatever the file's name.
"""

from __future__ import annotations

from caraval.core.formats import Reader
from caraval.core.hookspecs import hookimpl

from .reading import read, recognises

__all__ = ["read", "recognises"]

FORMAT = "nx"


@hookimpl
def register_readers() -> tuple[Reader]:
    """NX tables."""
    return (Reader(FORMAT, (".nx.csv", ".nx.txt"), read, recognises),)
