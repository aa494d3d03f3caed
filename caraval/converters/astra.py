"""ASTRA's particle distributions (K. Floettmann, "ASTRA User's Manual", "Definition of the initial particle distribution").

Ten columns: ``x, y, z`` [m], ``px, py, pz`` [eV/c], clock [ns], macro charge [nC], particle index, status flag. The first row
is the reference particle; ``z``, ``pz`` and the clock of the others are relative to it. All particles are at one time, that of
the reference particle, but for those at the cathode, which start when their clock says, and the lost.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.hookspecs import hookimpl
from caraval.core.losses import Losses
from caraval.core.reference import C_LIGHT, Species, as_species

from .shared.beams import Said, beam_of, bunch_of, given, named
from .shared.bunch import Array, Bunch
from .shared.tables import head, table, written

COLUMNS = 10
NANO = 1e-9

SPECIES = {1: "electron", 2: "positron", 3: "proton"}
"""Particles by their index; 4 are hydrogen ions of any sort, 5 to 14 the user's own."""

STANDARD, LOST = 5, -15
"""Status of a particle that is tracked, and of one that an aperture stopped."""

AVERAGE = -99
"""Status of a reference that is an average, for the reference particle is lost."""

AT_CATHODE = (-6, -1)
"""Range of the status of particles that have not started."""

PASSIVE = (0, 1, -5, -6)
"""Status of particles that have no weight."""


def recognises(path: Path) -> bool:
    """Whether a file is a table of ten columns, of which the last two are whole numbers."""
    lines = head(path).splitlines()[:2]
    try:
        rows = [[float(word) for word in line.split()] for line in lines]
    except ValueError:
        return False
    return bool(rows) and all(len(row) == COLUMNS and row[8] in range(1, 15) and row[9] == int(row[9]) for row in rows)


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
) -> ParticleBeam:
    """Read a distribution.

    Particles at one time fly freely to the plane of the reference particle. Particles that have not started from the cathode
    are alive: they are at its plane when their clock says. The reference particle counts as one if it has a charge. Passive
    particles have no charge here, for they have no weight in ASTRA; those with other negative status are lost.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: that of the reference particle, or the mean where it has none.
    species : Species or str, optional
        Left out: by the particle index, which says electrons, positrons and protons.
    s, t : float, optional
        Place in the line [m] and time [s] of the reference particle. Left out: its ``z`` and its clock.

    Raises
    ------
    InputError
        If the file cannot be read, and why; if particles are of several species.
    """
    path = Path(path)
    with named(path):
        rows = table(path.read_text(encoding="ascii", errors="replace").splitlines(), COLUMNS)
        bunch, own = _bunch(rows)
        found = as_species(species) if species is not None else _species(rows[:, 8])
        return beam_of(bunch, found, given(p0c, s, t), own, z=own.s)


def _bunch(rows: Array) -> tuple[Bunch, Said]:
    reference, *_ = rows
    particles = rows.copy()
    particles[0, [2, 5, 6]] = 0.0
    if reference[7] == 0 or reference[9] == AVERAGE:
        particles = particles[1:]
    if not len(particles):
        raise InputError("there are no particles besides the reference particle")
    status = particles[:, 9].astype(int)
    waiting = (status >= AT_CATHODE[0]) & (status <= AT_CATHODE[1])
    bunch = Bunch(
        x=particles[:, 0],
        y=particles[:, 1],
        z=particles[:, 2] + reference[2],
        px=particles[:, 3],
        py=particles[:, 4],
        pz=particles[:, 5] + reference[5],
        time=np.where(status < 0, particles[:, 6] * NANO, 0.0),
        time_offset=np.full(len(particles), reference[6] * NANO),
        excess=None,
        p0c=None,
        s=None,
        charge=np.where(np.isin(status, PASSIVE), 0.0, np.abs(particles[:, 7]) * NANO),
        alive=(status >= 0) | waiting,
    )
    momentum = float(np.sqrt(np.sum(reference[3:6] ** 2)))
    return bunch, Said(p0c=momentum or None, s=float(reference[2]), t=float(reference[6]) * NANO)


def _species(indices: Array) -> Species:
    found = sorted({int(index) for index in indices})
    if len(found) > 1:
        raise InputError(f"there are particles of several species (indices {', '.join(map(str, found))})")
    if found[0] not in SPECIES:
        raise InputError(f"the particle index {found[0]} does not say which particles these are; give species=...")
    return as_species(SPECIES[found[0]])


def write(beam: ParticleBeam, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a distribution: all particles at the time of the reference particle, to which they fly freely.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    losses : Losses, optional
        Collects what ASTRA cannot say: species other than electrons, positrons and protons, and where particles were lost.

    Raises
    ------
    InputError
        If the beam is a batch.
    LatticeError
        If the species cannot be said, and may not be lost.
    """
    losses = losses or Losses()
    bunch, reference = bunch_of(beam, "an ASTRA file")
    species = reference.species
    index = next((i for i, name in SPECIES.items() if as_species(name) == species), 0)
    if not index:
        losses.physics("beam", "species", species.name, "particles of index 5, whose mass and charge the user says")
    lost = int(np.count_nonzero(~bunch.alive))
    if lost:
        losses.note("beam", "lost_s", f"of {lost} lost particles", "lost, at the bunch")
    energy = np.hypot(bunch.momentum(), species.mass)
    way = np.where(bunch.alive, -bunch.time * C_LIGHT / energy, 0.0)  # times momentum: how far each flies until then
    sign = -1.0 if species.charge < 0 else 1.0
    columns = (
        bunch.x + way * bunch.px,
        bunch.y + way * bunch.py,
        way * bunch.pz,
        bunch.px,
        bunch.py,
        _longitudinal(bunch, reference.p0c),
        np.where(bunch.alive, 0.0, bunch.time / NANO),
        sign * bunch.charge / NANO,
    )
    first = [0.0, 0.0, reference.s, 0.0, 0.0, reference.p0c, reference.t / NANO, 0.0, index or 5, STANDARD]
    flags = ([index or 5, STANDARD if alive else LOST] for alive in bunch.alive)
    rows = ([*row, *flag] for row, flag in zip(np.stack(columns, axis=1).tolist(), flags, strict=True))
    Path(path).write_text(written([first, *rows]), encoding="ascii")


def _longitudinal(bunch: Bunch, p0c: float) -> Array:
    """Return ``pz - p0c`` without the difference of two near numbers."""
    assert bunch.excess is not None
    across = bunch.px**2 + bunch.py**2
    relative: Array = bunch.excess - across / (bunch.momentum() + np.abs(bunch.pz))
    return np.where(bunch.pz > 0, relative, bunch.pz - p0c)


@hookimpl
def register_beam_readers() -> tuple[BeamReader]:
    """ASTRA's distributions."""
    return (BeamReader("astra", (".astra", ".ini", ".part", ".particles"), read, recognises),)


@hookimpl
def register_beam_writers() -> tuple[BeamWriter]:
    """ASTRA's distributions."""
    return (BeamWriter("astra", (".astra", ".ini"), write),)
