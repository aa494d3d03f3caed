"""A linac to try things on: ``linac.bmad``, from an injector through a bunch compressor to an undulator line.

::

    from caraval import demo

    lattice = demo.lattice()
    out = lattice.track(demo.beam(lattice, 100_000))
"""

from __future__ import annotations

from pathlib import Path

from caraval.core.beam import ParticleBeam
from caraval.core.lattice import Lattice
from caraval.io import load

FILE = Path(__file__).with_name("linac.bmad")
"""The linac, a Bmad lattice."""

PLACES = ("l1_end", "linearized", "slit", "compressed", "l2_end", "dogleg_end", "und_start")
"""Elements of the linac after which the beam is worth a look."""

PARTICLES = 100_000


def lattice() -> Lattice:
    """Return the linac."""
    return load(FILE)


def beam(
    lattice: Lattice, particles: int = PARTICLES, *, backend: str = "numpy", dtype: str = "float64", seed: int = 1
) -> ParticleBeam:
    """Return a bunch of 250 pC from an injector, matched to the linac.

    Parameters
    ----------
    lattice : Lattice
        The linac, which says its Twiss parameters at the beginning.
    particles : int
        Number of macro-particles.
    backend, dtype, seed
        As in :meth:`ParticleBeam.gaussian`.
    """
    start, twiss = lattice.reference, lattice.beginning
    assert start is not None
    return ParticleBeam.from_twiss(
        particles,
        beta_x=twiss["beta_a"],
        alpha_x=twiss["alpha_a"],
        beta_y=twiss["beta_b"],
        alpha_y=twiss["alpha_b"],
        normalized_emittance_x=1e-6,
        normalized_emittance_y=1e-6,
        sigma_z=0.5e-3,
        sigma_pz=1e-4,
        species=start.species,
        p0c=start.p0c,
        charge=250e-12,
        seed=seed,
        backend=backend,
        dtype=dtype,
    )
