"""Moments through 50 elements for many settings at once."""

from __future__ import annotations

from typing import Any

import lines
import numpy as np
import torch
from measure import Benchmark, Case, timed
from tracking import BACKENDS

import caraval as cv
from caraval.core.registry import registry

CELLS = 25
"""Of a quadrupole and a drift each."""

SIZES = {"sigma_x": 1e-4, "sigma_px": 1e-5, "sigma_y": 1e-4, "sigma_py": 1e-5, "sigma_z": 1e-4, "sigma_pz": 1e-3}


def strengths(n: int) -> np.ndarray:
    """Return `n` settings of all quadrupoles ``(cells, n)``."""
    return 2 * np.random.default_rng(0).standard_normal((CELLS, n))


def caraval(backend: str, n: int) -> Case:
    """Return a compiled tracker over linear elements."""
    line: list[cv.Element] = []
    for i in range(CELLS):
        line += [cv.Quadrupole(name=f"q{i}", length=0.1), cv.Drift(length=0.4)]
    lattice = cv.Lattice(line, reference=cv.Reference("electron", lines.P0C)).with_tracking("linear")
    covariance = np.diag([sigma**2 for sigma in SIZES.values()])
    incoming = cv.MomentBeam(np.zeros(6), covariance, reference=lattice.reference).to(backend)
    array = registry().backend(backend).asarray
    settings = {f"q{i}.k1": array(k1) for i, k1 in enumerate(strengths(n))}
    tracker = lattice.compile(backend=backend, parameters=list(settings))

    def run() -> Any:
        covariance = tracker(incoming, settings).covariance
        return covariance.block_until_ready() if hasattr(covariance, "block_until_ready") else covariance

    return Case(f"Caraval, {backend}, compiled", run, lambda out: np.asarray(out)[:, :4, :4], timed(run))


def cheetah(n: int) -> Case:
    """Return Cheetah's ParameterBeam."""
    import cheetah

    def t(value: Any) -> torch.Tensor:
        return torch.as_tensor(value, dtype=torch.float64)

    line = []
    for k1 in strengths(n):
        line += [cheetah.Quadrupole(t(0.1), k1=t(k1), dtype=torch.float64), cheetah.Drift(t(0.4), dtype=torch.float64)]
    segment = cheetah.Segment(line)
    names = {"sigma_z": "sigma_tau", "sigma_pz": "sigma_p"}
    sizes = {names.get(name, name): t(sigma) for name, sigma in SIZES.items()}
    incoming = cheetah.ParameterBeam.from_parameters(**sizes, energy=t(lines.ENERGY), dtype=torch.float64)

    def run() -> Any:
        with torch.no_grad():
            return segment.track(incoming).cov

    return Case("Cheetah", run, lambda out: out.numpy()[:, :4, :4])


def benchmark(n: int) -> Benchmark:
    """Return these for `n` settings."""
    cases = [cheetah(n), *(caraval(backend, n) for backend in BACKENDS)]
    return Benchmark(f"Moments through {2 * CELLS} elements, {n} settings of {CELLS} quadrupoles", "setting", n, cases, 1e-6)
