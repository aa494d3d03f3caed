"""The line that everything is measured on, for Caraval and for Cheetah."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import caraval as cv

P0C = 1e8

PARTICLE = 2 * 7 * 8
"""Bytes read and written of a particle: six coordinates, and whether it is lost."""

ENERGY = cv.Reference("electron", P0C).energy


@dataclass(frozen=True)
class Cell:
    """Misalignment of a cell's quadrupoles: offsets [m] and tilt [rad]; zero in every second cell."""

    x: float
    y: float
    tilt: float


def cells(number: int) -> list[Cell]:
    """Return the misalignments of `number` cells of ten elements."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(number, 3)) * [1e-4, 1e-4, 1e-2]
    return [Cell(*(map(float, v) if i % 2 == 0 else (0.0, 0.0, 0.0))) for i, v in enumerate(values)]


def caraval_line(number: int = 10) -> cv.Lattice:
    """Return a line of `number` cells: misaligned quadrupoles, bends with linear edges, drifts, apertures."""
    line: list[cv.Element] = []
    for cell in cells(number):
        place = {"x_offset": cell.x, "y_offset": cell.y, "tilt": cell.tilt}
        bend = cv.SBend(length=0.5, angle=0.05, e1=0.02, e2=0.03, fringe_type="linear_edge", hgap=0.02, fint=0.5)
        line += [
            cv.Quadrupole(name="qf", length=0.2, k1=3.0, **place),
            cv.Drift(length=0.4),
            cv.Quadrupole(name="qs", length=0.1, k1=0.5, **place),
            bend,
            cv.Drift(length=0.3),
            cv.Quadrupole(name="qd", length=0.2, k1=-3.0, **place),
            cv.Drift(length=0.1),
            cv.Quadrupole(name="qt", length=0.1, k1=-0.5, **place),
            bend,
            cv.Drift(length=0.3, x_limit=1e-2, y_limit=1e-2),
        ]
    return cv.Lattice(line, reference=cv.Reference("electron", P0C))


def named_line(number: int = 10) -> cv.Lattice:
    """Return the same line with a name for every element."""
    line = caraval_line(number)
    return cv.Lattice([e.replace(name=f"e{i}") for i, e in enumerate(line.elements)], reference=line.reference)


def strengths(lattice: cv.Lattice) -> dict[str, float]:
    """Return the strengths of all quadrupoles, one by one."""
    return {f"{e.name}.k1": e.k1 for e in lattice.elements if e.kind == "Quadrupole"}


def cheetah_line(number: int = 10):
    """Return the same line for Cheetah, tracked by its drift_kick_drift; an aperture is an element there."""
    import cheetah
    import torch

    def t(*values: float) -> torch.Tensor:
        return torch.tensor(values[0] if len(values) == 1 else values, dtype=torch.float64)

    how = {"tracking_method": "drift_kick_drift", "dtype": torch.float64}
    line = []
    for cell in cells(number):
        place = {"misalignment": t(cell.x, cell.y), "tilt": t(cell.tilt)}

        def quadrupole(length: float, k1: float, place: dict = place) -> cheetah.Element:
            return cheetah.Quadrupole(t(length), k1=t(k1), **place, **how)

        def bend() -> cheetah.Element:
            edges = {"dipole_e1": t(0.02), "dipole_e2": t(0.03), "gap": t(0.04), "fringe_integral": t(0.5)}
            return cheetah.Dipole(t(0.5), angle=t(0.05), fringe_integral_exit=t(0.5), gap_exit=t(0.04), **edges, **how)

        def drift(length: float) -> cheetah.Element:
            return cheetah.Drift(t(length), **how)

        line += [quadrupole(0.2, 3.0), drift(0.4), quadrupole(0.1, 0.5), bend(), drift(0.3)]
        line += [quadrupole(0.2, -3.0), drift(0.1), quadrupole(0.1, -0.5), bend(), drift(0.3)]
        line += [cheetah.Aperture(x_max=t(1e-2), y_max=t(1e-2), shape="rectangular", dtype=torch.float64)]
    return cheetah.Segment(line)


def beam(n: int, backend: str = "numpy", dtype: str = "float64", scale: float = 1.0) -> cv.ParticleBeam:
    """Return `n` particles, a few per cent of which will hit an aperture, unless the beam is scaled down."""
    sigmas = {"sigma_x": 1.5e-3, "sigma_px": 1e-4, "sigma_y": 1e-3, "sigma_py": 1e-4, "sigma_z": 1e-4, "sigma_pz": 1e-3}
    sigmas = {name: scale * sigma for name, sigma in sigmas.items()}
    return cv.ParticleBeam.gaussian(n, p0c=P0C, **sigmas, seed=1, backend=backend, dtype=dtype)


def cheetah_beam(incoming: cv.ParticleBeam):
    """Return the same particles for Cheetah: tau = -z / beta, delta = (E - E0) / p0c."""
    import cheetah
    import torch

    energy = incoming.energy
    beta = (1 + incoming.pz) * P0C / energy
    columns = [*incoming.coordinates[:4], -incoming.z / beta, (energy - ENERGY) / P0C, np.ones_like(incoming.x)]
    particles = torch.tensor(np.stack(columns, axis=-1))
    return cheetah.ParticleBeam(particles, energy=torch.tensor(ENERGY, dtype=torch.float64), dtype=torch.float64)


def from_cheetah(out) -> np.ndarray:
    """Return Cheetah's coordinates as Caraval's, ``(6, n)``."""
    x, px, y, py, tau, delta, _ = out.particles.detach().numpy().T
    energy = ENERGY + delta * P0C
    mass = cv.Reference("electron", P0C).species.mass
    momentum = np.sqrt(energy**2 - mass**2)
    return np.stack([x, px, y, py, -tau * momentum / energy, momentum / P0C - 1])
