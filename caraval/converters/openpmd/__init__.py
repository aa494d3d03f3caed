"""Beam files of the openPMD standard with its BeamPhysics extension (HDF5), by way of openpmd-beamphysics.

Such a file holds positions [m], momenta [eV/c] and times [s] of particles of one species. Caraval writes

- a bunch at one plane: ``position/z`` is zero, ``sPosition`` is `s` for the living and the place of the loss for the lost,
- ``timeOffset`` = t_ref and ``time`` = t - t_ref = -z / (beta c), so that a late bunch loses no digits,
- ``totalMomentumOffset`` = p0c and ``totalMomentum`` = pz p0c, for the same reason (Bmad writes and reads these, too),
- ``particleStatus`` 1 for the living and 2 for the lost, ``weight`` the charge of each macro-particle,

and, where other readers ignore them, the attributes ``caraval...``: `p0c`, `s` and `t` to the last bit, and the species with
its mass and charge. See :func:`read` for what becomes of files that other codes wrote.

Sources: the openPMD standard 2.0.0, its extensions BeamPhysics and SpeciesType.
"""

from __future__ import annotations

from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.hookspecs import hookimpl

from .files import recognises
from .reading import read
from .writing import write

__all__ = ["read", "recognises", "write"]

FORMAT = "openpmd"
SUFFIXES = (".h5", ".hdf5")


@hookimpl
def register_beam_readers() -> tuple[BeamReader]:
    """OpenPMD's files."""
    return (BeamReader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_beam_writers() -> tuple[BeamWriter]:
    """OpenPMD's files."""
    return (BeamWriter(FORMAT, SUFFIXES, write),)
