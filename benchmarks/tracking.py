"""Particles through a line: eager and compiled on three backends, against Cheetah's drift_kick_drift and Xsuite.

Last comes a loop that is written for this line alone: what the machine can do at most with the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import limit
import lines
import numpy as np
import torch
import xsuite
from measure import Benchmark, Case, timed

BACKENDS = ("numpy", "torch", "jax")


def ready(out: Any) -> Any:
    """Wait for results that are computed in the background."""
    if hasattr(out.x, "block_until_ready"):
        out.x.block_until_ready()
    return out


def coordinates(alive: np.ndarray) -> Callable[[Any], np.ndarray]:
    """Return what takes the coordinates of the living out of a beam of Caraval's, ``(6, n)``."""
    return lambda out: np.array([np.asarray(a)[alive] for a in out.coordinates])


def eager(backend: str, n: int, values: Callable[[Any], np.ndarray]) -> Case:
    """Return ``lattice.track`` on a backend."""
    line, incoming = lines.caraval_line(), lines.beam(n, backend)
    return Case(f"Caraval, {backend}, eager", lambda: ready(line.track(incoming)), values)


def compiled(backend: str, n: int, values: Callable[[Any], np.ndarray]) -> Case:
    """Return ``lattice.compile`` on a backend."""
    tracker = lines.caraval_line().compile(backend=backend, parameters=["qf.k1"])
    incoming = lines.beam(n, backend)

    def run() -> Any:
        return ready(tracker(incoming, {"qf.k1": 3.0}))

    return Case(f"Caraval, {backend}, compiled", run, values, timed(run))


def cheetah(n: int, alive: np.ndarray) -> Case:
    """Return Cheetah's tracking."""
    line, incoming = lines.cheetah_line(), lines.cheetah_beam(lines.beam(n))

    def run() -> Any:
        with torch.no_grad():
            return line.track(incoming)

    return Case("Cheetah", run, lambda out: lines.from_cheetah(out)[:, alive])


def benchmark(n: int) -> Benchmark:
    """Return all of these for `n` particles."""
    line = lines.caraval_line()
    alive = line.track(lines.beam(n)).alive
    values = coordinates(alive)
    cases = [partial(cheetah, n, alive), partial(xsuite.tracking, n, alive)]
    cases += [partial(eager, backend, n, values) for backend in BACKENDS]
    cases += [partial(compiled, backend, n, values) for backend in BACKENDS]
    cases += [partial(limit.tracking, n, values)]
    title = f"{n} particles through 100 elements (misaligned quadrupoles, bends with edges, drifts, ten apertures), float64"
    return Benchmark(title, "particle and element", n * len(line), cases, 1e-9, n * lines.PARTICLE)
