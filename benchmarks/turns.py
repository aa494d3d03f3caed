"""Particles round a ring many times, against Xsuite."""

from __future__ import annotations

from functools import partial
from typing import Any

import lines
import xsuite
from measure import Benchmark, Case, timed
from tracking import BACKENDS, coordinates, ready

CELLS = 70
"""Of the line, which is stable."""

SCALE = 0.3
"""Of the bunch, so that nothing is lost: neither code shall have less to do than the other."""

SAME = 1e-8
"""Of the largest value; a thousand turns round."""


def compiled(backend: str, n: int, turns: int) -> Case:
    """Return ``lattice.compile`` on a backend."""
    tracker = lines.caraval_line(CELLS).compile(backend=backend)
    incoming = lines.beam(n, backend, scale=SCALE)

    def run() -> Any:
        return ready(tracker(incoming, turns=turns))

    return Case(f"Caraval, {backend}, compiled", run, coordinates(slice(None)), timed(run))


def benchmark(n: int, turns: int) -> Benchmark:
    """Return all of these for `n` particles."""
    cases = [partial(xsuite.turns, n, turns, CELLS, SCALE)]
    cases += [partial(compiled, backend, n, turns) for backend in BACKENDS]
    title = f"{turns} turns of {n} particles round a ring of {10 * CELLS} elements, float64"
    work = n * turns * 10 * CELLS
    return Benchmark(title, "particle and element", work, cases, SAME, n * turns * lines.PARTICLE, against="Xsuite")
