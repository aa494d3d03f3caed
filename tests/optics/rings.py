"""Rings for tests: thin and thick FODO cells, with bends and sextupoles, and with coupling."""

from __future__ import annotations

import numpy as np

import caraval as cv

REFERENCE = cv.Reference("electron", p0c=1e9)
FOCAL, HALF = 5.0, 1.5
"""Focal length of the thin lenses, and half the length of their cell [m]."""


def thin_cell() -> cv.Lattice:
    """A FODO cell of thin lenses, from the middle of the focusing one."""
    half, drift = cv.ABMultipole(name="h", b1=0.5 / FOCAL), cv.Drift(name="d", length=HALF)
    lens = cv.ABMultipole(name="l", b1=-1 / FOCAL)
    return cv.Lattice([half, drift, lens, drift, half], reference=REFERENCE, geometry="closed")


def cell(**more: float) -> list[cv.Element]:
    """A FODO cell with bends and sextupoles."""
    bend = cv.SBend(name="b", length=1.0, angle=np.pi / 8)
    return [
        cv.Quadrupole(name="qf", length=0.3, k1=1.1, **more), cv.Drift(name="d", length=0.2),
        cv.Sextupole(name="sf", length=0.1, k2=4.0), bend, cv.Drift(name="d", length=0.3),
        cv.Quadrupole(name="qd", length=0.3, k1=-1.1), cv.Sextupole(name="sd", length=0.1, k2=-6.0), bend,
    ]  # fmt: skip


def ring(cells: int = 8, *, rf: bool = False) -> cv.Lattice:
    """A ring of cells."""
    cavity = [cv.RFCavity(name="rf", length=0.4, rf_frequency=1e8, voltage=2e5, phi0=0.5)] if rf else []
    return cv.Lattice([*cells * cell(), *cavity], reference=REFERENCE, geometry="closed")


def coupled() -> cv.Lattice:
    """One cell with a skew quadrupole, closed, and an orbit off the axis."""
    skew = cv.Quadrupole(name="qs", length=0.2, k1=0.2, tilt=np.pi / 4)
    return cv.Lattice([*cell(), skew, cv.Kicker(name="c", hkick=2e-4, vkick=1e-4)], reference=REFERENCE, geometry="closed")
