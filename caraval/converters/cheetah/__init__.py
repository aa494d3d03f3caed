"""Lattices of Cheetah (version 0.8, and files since 0.6): its LatticeJSON, and live ``cheetah.Segment`` objects.

``files`` reads and writes JSON, ``segments`` takes objects apart and makes them;
``reading`` says what Cheetah's elements are here, ``writing`` and ``kinds`` what ours are there.

::

    lattice = cv.load("ares.json")                            # told from other JSON by its version, "cheetah-..."
    cv.save(lattice, "ares.cheetah.json")
    lattice = cv.converters.cheetah.from_cheetah(segment)     # tensors stay tensors: batches, derivatives
    segment = cv.converters.cheetah.to_cheetah(lattice)

Cheetah's methods ``linear``, ``second_order`` and ``drift_kick_drift`` are ``linear``, ``second_order`` and
``bmad_standard``. What it has no words for (names that repeat, other tracking methods) is under ``"caraval"`` in the metadata
of its elements. A lattice of Cheetah says nothing of particles or energy: those are the beam's. Coordinates of beams differ:
``tau = c (t - t_ref) = -z / beta``, and ``delta = (E - E_ref) / p0c``.
"""

from __future__ import annotations

from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl

from .files import read, recognises, write
from .segments import from_cheetah, to_cheetah

__all__ = ["from_cheetah", "read", "recognises", "to_cheetah", "write"]

FORMAT = "cheetah"


@hookimpl
def register_readers() -> tuple[Reader]:
    """Cheetah's LatticeJSON."""
    return (Reader(FORMAT, (".cheetah.json", ".json"), read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """Cheetah's LatticeJSON."""
    return (Writer(FORMAT, (".cheetah.json",), write),)
