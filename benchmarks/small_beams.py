"""Small beams with new strengths in every call: what a call costs besides the work."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import Any

import lines
import numpy as np
import torch
from measure import Benchmark, Case, timed
from tracking import BACKENDS, ready

STRENGTHS = (1.0, 1.0 + 1e-6)
"""Taken in turn, with the signs that they have."""


def caraval(backend: str, n: int) -> Case:
    """Return a compiled tracker."""
    lattice = lines.named_line()
    tracker = lattice.compile(backend=backend, parameters=list(lines.strengths(lattice)))
    incoming = lines.beam(n, backend, scale=0.3)
    given = cycle([{k: v * f for k, v in lines.strengths(lattice).items()} for f in STRENGTHS])

    def run() -> Any:
        tracker(incoming, next(given))
        return ready(tracker(incoming, next(given)))

    return Case(f"Caraval, {backend}, compiled", run, lambda o: np.array([np.asarray(a) for a in o.coordinates]), timed(run))


def cheetah(n: int) -> Case:
    """Return Cheetah with new strengths."""
    import cheetah

    line, incoming = lines.cheetah_line(), lines.cheetah_beam(lines.beam(n, scale=0.3))
    quadrupoles = [element for element in line.elements if isinstance(element, cheetah.Quadrupole)]
    given = cycle([[q.k1 * f for q in quadrupoles] for f in STRENGTHS])

    def run() -> Any:
        with torch.no_grad():
            for _ in STRENGTHS:
                for quadrupole, k1 in zip(quadrupoles, next(given), strict=True):
                    quadrupole.k1 = k1
                out = line.track(incoming)
        return out

    return Case("Cheetah", run, lines.from_cheetah)


def benchmark(n: int) -> Benchmark:
    """Return these for `n` particles."""
    cases = [partial(cheetah, n), *(partial(caraval, backend, n) for backend in BACKENDS)]
    title = f"{n} particles through 100 elements, new strengths of 40 quadrupoles in every call"
    return Benchmark(title, "call", len(STRENGTHS), cases, 1e-9, len(STRENGTHS) * n * lines.PARTICLE)
