"""Moments through 50 elements for many settings at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
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


CHEETAH_TAKES = 100_000
"""Settings for Cheetah, where time is measured; so many are compared."""

CHEETAH_KEEPS = 10_000
"""The same for its gradients: it keeps 60 kB of each."""

COUPLED = 0.1
"""Tilt of the quadrupoles [rad] where the planes are to be coupled."""


def caraval_line(cells: int, backend: str, tilt: float = 0.0) -> tuple[cv.Lattice, cv.MomentBeam]:
    """Return cells of a quadrupole and a drift, tracked linearly, and the moments that come in."""
    line: list[cv.Element] = []
    for i in range(cells):
        line += [cv.Quadrupole(name=f"q{i}", length=0.1, tilt=tilt), cv.Drift(length=0.4)]
    lattice = cv.Lattice(line, reference=cv.Reference("electron", lines.P0C)).with_tracking("linear")
    covariance = np.diag([sigma**2 for sigma in SIZES.values()])
    return lattice, cv.MomentBeam(np.zeros(6), covariance, reference=lattice.reference).to(backend)


def cheetah_line(given: Sequence[Any], tilt: float = 0.0) -> tuple[Any, Any]:
    """Return the same for Cheetah, with these strengths."""
    import cheetah

    def t(value: Any) -> torch.Tensor:
        return torch.as_tensor(value, dtype=torch.float64)

    quadrupoles = [cheetah.Quadrupole(t(0.1), k1=t(k1), tilt=t(tilt), dtype=torch.float64) for k1 in given]
    drift = cheetah.Drift(t(0.4), dtype=torch.float64)
    names = {"sigma_z": "sigma_tau", "sigma_pz": "sigma_p"}
    sizes = {names.get(name, name): t(sigma) for name, sigma in SIZES.items()}
    incoming = cheetah.ParameterBeam.from_parameters(**sizes, energy=t(lines.ENERGY), dtype=torch.float64)
    return cheetah.Segment([element for quadrupole in quadrupoles for element in (quadrupole, drift)]), incoming


def caraval(backend: str, n: int, tilt: float, *, gradient: bool) -> Case:
    """Return a compiled tracker over linear elements: the covariance, or the derivatives of the horizontal size."""
    lattice, incoming = caraval_line(CELLS, backend, tilt)
    array = registry().backend(backend).asarray
    settings = {f"q{i}.k1": array(k1) for i, k1 in enumerate(strengths(n))}
    tracker = lattice.compile(backend=backend, parameters=list(settings))
    differentiated = tracker.value_and_grad(lambda out: out.sigma_x.sum())

    def run() -> Any:
        if gradient:
            return [ready(slope) for slope in differentiated(incoming, settings)[1].values()]
        return ready(tracker(incoming, settings).covariance)

    name = f"Caraval, {backend}, compiled"
    return Case(name, run, slopes if gradient else lambda out: np.asarray(out)[:CHEETAH_TAKES, :4, :4], timed(run))


def ready(array: Any) -> Any:
    """Wait for an array that is computed in the background."""
    return array.block_until_ready() if hasattr(array, "block_until_ready") else array


def slopes(found: Any) -> np.ndarray:
    """Return derivatives by all strengths, of those settings that are compared."""
    return np.array([np.asarray(slope)[:CHEETAH_KEEPS] for slope in found])


def cheetah(n: int, tilt: float, *, gradient: bool) -> Case:
    """Return Cheetah's ParameterBeam, for some of the settings if there are many."""
    some = min(n, CHEETAH_KEEPS if gradient else CHEETAH_TAKES)
    given = [torch.tensor(k1[:some]) for k1 in strengths(n)]
    segment, incoming = cheetah_line(given, tilt)

    def forward() -> Any:
        with torch.no_grad():
            return segment.track(incoming).cov

    def backward() -> Any:
        opened = [k1.detach().requires_grad_() for k1 in given]
        for quadrupole, k1 in zip(segment.elements[::2], opened, strict=True):
            quadrupole.k1 = k1
        return torch.autograd.grad(segment.track(incoming).sigma_x.sum(), opened)

    if gradient:
        return Case("Cheetah", backward, slopes, share=some / n)
    return Case("Cheetah", forward, lambda out: out.numpy()[:, :4, :4], share=some / n)


def benchmark(n: int, coupled: int = 0, gradient: int = 0) -> Benchmark:
    """Return these for `n` settings, with planes coupled or not, forwards or with derivatives by all strengths."""
    how = {"tilt": COUPLED * coupled, "gradient": bool(gradient)}
    cases = [partial(cheetah, n, **how), *(partial(caraval, b, n, **how) for b in BACKENDS if b != "numpy" or not gradient)]
    planes, what = ("tilted " if coupled else ""), ("derivatives of a size by all strengths, " if gradient else "")
    title = f"Moments through {2 * CELLS} elements, {what}{n} settings of {CELLS} {planes}quadrupoles"
    numbers = 2 * CELLS if gradient else CELLS + 42
    return Benchmark(title, "setting", n, cases, 1e-6, 8 * numbers * n)
