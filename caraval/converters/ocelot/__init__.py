"""Lattices of Ocelot (S. Tomin et al., https://www.ocelot-collab.com): its objects, and its Python files.

``source`` reads Python files without executing them, as far as ``language`` goes; ``files`` finds the line in them, and writes
such files; ``objects`` takes live lattices apart and makes them; ``reading`` says what Ocelot's elements are here, ``writing``
and ``kinds`` what ours are there; ``beams`` has particle arrays.

::

    lattice = cv.load("injector.py")                          # the last MagneticLattice, or `cell`; line="..." for another
    cv.save(lattice, "injector.py")
    lattice = cv.converters.ocelot.from_ocelot(magnetic_lattice)
    magnetic_lattice = cv.converters.ocelot.to_ocelot(lattice)

``TransferMap``, ``SecondTM`` and ``KickTM`` are ``linear``, ``second_order`` and ``kick_drift_kick``. ``bmad_standard`` becomes
``SecondTM``. Energies are electrons', in GeV: those of a file are in its ``Twiss`` parameters, as ``E``.
"""

from __future__ import annotations

from caraval.core.formats import BeamReader, BeamWriter, Reader, Writer
from caraval.core.hookspecs import hookimpl

from . import beams
from .files import read, recognises, write
from .objects import from_ocelot, to_ocelot

__all__ = ["from_ocelot", "read", "recognises", "to_ocelot", "write"]

FORMAT = "ocelot"
SUFFIXES = (".py",)


@hookimpl
def register_readers() -> tuple[Reader]:
    """Ocelot's files."""
    return (Reader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """Ocelot's files."""
    return (Writer(FORMAT, SUFFIXES, write),)


@hookimpl
def register_beam_readers() -> tuple[BeamReader]:
    """Ocelot's particle arrays."""
    return (BeamReader(FORMAT, (".npz",), beams.read, beams.recognises),)


@hookimpl
def register_beam_writers() -> tuple[BeamWriter]:
    """Ocelot's particle arrays."""
    return (BeamWriter(FORMAT, (".npz",), beams.write),)
