"""Reads beams."""

from __future__ import annotations

from pathlib import Path

from caraval.converters.shared.beams import beam_of, given, named
from caraval.core.beam import ParticleBeam
from caraval.core.reference import Species, as_species

from .files import library, opened, particles
from .own import read_own
from .records import read_bunch, read_species


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    iteration: str | int | None = None,
) -> ParticleBeam:
    """Read a bunch.

    Particles that are not at one plane (a bunch at one time, from a code that integrates in time) fly freely to the mean
    ``z`` of the living. Means are weighted by charge.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's (``totalMomentumOffset``, where all the living have the same), else the
        mean total momentum of the living.
    species : Species or str, optional
        Left out: the file's. In a file of several species it says which.
    s : float, optional
        Place in the line [m]. Left out: the file's (mean ``sPosition`` of the living), else the plane's ``z``.
    t : float, optional
        Time of the reference particle [s]. Left out: the file's (``timeOffset``, where all the living have the same and are
        at one plane), else the mean time of the living.
    iteration : str or int, optional
        Which, in a file of several iterations (Bmad: of several bunches).

    Returns
    -------
    ParticleBeam
        Particles with a ``particleStatus`` other than 1 are not alive; they stay where they are, and `lost_s` is their
        ``sPosition``, else how far their ``z`` is from the plane's. Where none is alive (a bunch that waits at a cathode) all
        count in the means, and ``beam.replace(alive=True)`` wakes them up. Charges are positive, whatever their sign in the
        file.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If openpmd-beamphysics is not installed.
    """
    path = Path(path)
    readers = library("readers")
    with named(path):
        asked = given(p0c, s, t)
        with opened(path) as file:
            group = particles(file, iteration, species)
            own = read_own(group)
            found = as_species(species) if species is not None else own.species or read_species(group)
            bunch = read_bunch(readers, group)
        return beam_of(bunch, found, asked, own)
