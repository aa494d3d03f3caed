"""One beam of moments with new strengths in every call: what a call costs."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import torch
from measure import Benchmark, Case, timed
from settings import caraval_line, cheetah_line, ready
from small_beams import STRENGTHS
from tracking import BACKENDS


def strengths(cells: int) -> np.ndarray:
    """Return the strengths of all quadrupoles."""
    return 2 * np.random.default_rng(0).standard_normal(cells)


def caraval(backend: str, cells: int) -> Case:
    """Return a compiled tracker."""
    lattice, incoming = caraval_line(cells, backend)
    names = [f"q{i}.k1" for i in range(cells)]
    tracker = lattice.compile(backend=backend, parameters=names)
    given = cycle([dict(zip(names, (factor * strengths(cells)).tolist(), strict=True)) for factor in STRENGTHS])

    def run() -> Any:
        tracker(incoming, next(given))
        return ready(tracker(incoming, next(given)).covariance)

    return Case(f"Caraval, {backend}, compiled", run, lambda out: np.asarray(out)[:4, :4], timed(run))


def cheetah(cells: int) -> Case:
    """Return Cheetah with new strengths."""
    segment, incoming = cheetah_line(strengths(cells))
    given = cycle([torch.tensor(factor * strengths(cells)) for factor in STRENGTHS])

    def run() -> Any:
        with torch.no_grad():
            for _ in STRENGTHS:
                for quadrupole, k1 in zip(segment.elements[::2], next(given), strict=True):
                    quadrupole.k1 = k1
                out = segment.track(incoming)
        return out.cov

    return Case("Cheetah", run, lambda out: out.numpy()[:4, :4])


def benchmark(cells: int) -> Benchmark:
    """Return these for a line of `cells`."""
    cases = [partial(cheetah, cells), *(partial(caraval, backend, cells) for backend in BACKENDS)]
    title = f"Moments through {2 * cells} elements, new strengths of {cells} quadrupoles in every call"
    return Benchmark(title, "call", len(STRENGTHS), cases, 1e-6, 8 * len(STRENGTHS) * (cells + 42))
