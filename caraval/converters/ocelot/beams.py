"""Ocelot's particle arrays in NumPy's files (``.npz``), as its ``save_particle_array`` writes them.

``rparticles`` has six rows: ``x`` [m], ``px / p0``, ``y`` [m], ``py / p0``, ``tau = c (t - t_ref)`` [m] and
``(E - E0) / (p0 c)``; ``q_array`` are the charges [C], ``E`` is the reference's total energy [GeV] and ``s`` its place [m].
Particles are electrons.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from caraval.converters.shared.beams import Said, beam_of, bunch_of, given, living, named
from caraval.converters.shared.bunch import Array, Bunch
from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError, InputError
from caraval.core.losses import Losses
from caraval.core.reference import C_LIGHT, Reference, as_species

GIGA = 1e9
PARTICLES, CHARGES = "rparticles", "q_array"


def recognises(path: Path) -> bool:
    """Whether a file holds the arrays of one of Ocelot's."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{PARTICLES}.npy", f"{CHARGES}.npy", "E.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    s: float | None = None,
    t: float | None = None,
) -> ParticleBeam:
    """Read a particle array.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's.
    s : float, optional
        Place in the line [m]. Left out: the file's.
    t : float, optional
        Time of the reference particle [s]. Left out: zero, for Ocelot does not know it.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    """
    path = Path(path)
    with named(path):
        asked = given(p0c, s, t)
        rows, charges, energy, place = _contents(path)
        reference = Reference.from_energy("electron", energy * GIGA, place, asked.t or 0.0)
        bunch = _bunch(rows, charges, reference)
        own = Said(reference.p0c, place, reference.t)
        return beam_of(bunch, reference.species, asked, own)


def _contents(path: Path) -> tuple[Array, Array, float, float]:
    try:
        with np.load(path, allow_pickle=False) as file:
            rows, charges = (np.asarray(file[name], dtype=float) for name in (PARTICLES, CHARGES))
            energy, place = (float(file[name]) if name in file else 0.0 for name in ("E", "s"))
    except CaravalError:
        raise
    except Exception as error:  # whatever a malformed file makes of the library
        raise InputError(f"this is no particle array of Ocelot's ({type(error).__name__}: {error})") from error
    if rows.ndim != 2 or rows.shape[0] != 6 or rows.shape[1] == 0:
        raise InputError(f"{PARTICLES} must have six rows with particles, not the shape {rows.shape}")
    if charges.shape != rows.shape[1:]:
        raise InputError(f"{CHARGES} has the shape {charges.shape}, and there are {rows.shape[1]} particles")
    if not (np.isfinite(rows).all() and np.isfinite(charges).all() and np.isfinite([energy, place]).all()):
        raise InputError("there are values that are not finite")
    return rows, charges, energy, place


def _bunch(rows: Array, charges: Array, reference: Reference) -> Bunch:
    x, px, y, py, tau, p = rows
    p0c, mass, count = reference.p0c, reference.species.mass, len(x)
    gain = p * p0c
    energy = reference.energy + gain
    if (energy <= mass).any():
        raise InputError(f"{np.count_nonzero(energy <= mass)} particles have an energy that is not above their rest energy")
    # P - P0 = (E^2 - E0^2) / (P + P0), without the difference of two near numbers
    momentum = np.sqrt((energy - mass) * (energy + mass))
    excess = gain * (energy + reference.energy) / (momentum + p0c)
    across = p0c * p0c * (px * px + py * py)
    if (across > momentum * momentum).any():
        raise InputError("there are particles whose transverse momentum is above their total one")
    return Bunch(
        x=x,
        y=y,
        z=np.full(count, reference.s),
        px=p0c * px,
        py=p0c * py,
        pz=np.sqrt(momentum * momentum - across),
        time=tau / C_LIGHT,
        time_offset=np.full(count, reference.t),
        excess=excess,
        p0c=np.full(count, p0c),
        s=np.full(count, reference.s),
        charge=np.abs(charges),
        alive=np.ones(count, dtype=bool),
    )


def write(beam: ParticleBeam, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write the living particles.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    losses : Losses, optional
        Collects what Ocelot cannot say: the lost, the time of the reference, and species other than electrons.

    Raises
    ------
    InputError
        If the beam is a batch, or no particle is alive.
    LatticeError
        If the particles are no electrons, and that may not be lost.
    """
    losses = losses or Losses()
    bunch, reference = bunch_of(beam, "a particle array of Ocelot's")
    bunch = living(bunch, losses)
    species = reference.species
    if species != as_species("electron"):
        losses.physics("beam", "species", species.name, "electrons of the same momenta")
        reference = replace(reference, species=as_species("electron"))
    if reference.t:
        losses.note("reference", "t", reference.t, "zero")
    assert bunch.excess is not None
    p0c, mass = reference.p0c, reference.species.mass
    momentum = p0c + bunch.excess
    # E - E0 = (P^2 - P0^2) / (E + E0)
    gain = bunch.excess * (momentum + p0c) / (np.hypot(momentum, mass) + reference.energy)
    rows = np.stack([bunch.x, bunch.px / p0c, bunch.y, bunch.py / p0c, C_LIGHT * bunch.time, gain / p0c])
    arrays = {PARTICLES: rows, CHARGES: bunch.charge, "E": reference.energy / GIGA, "s": reference.s}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)
