"""What a particle and an element cost, with more and more of either, and what a setting costs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import lines
import settings
from measure import Case, timed
from tracking import BACKENDS, ready

ROUNDS = 3


def cost(case: Case, work: float) -> float:
    """Return the nanoseconds for a unit of work."""
    return statistics.median(timed(case.run) for _ in range(ROUNDS)) / work * 1e9


def tracking(backend: str, n: int, cells: int) -> float:
    """Return the nanoseconds for a particle and an element, compiled."""
    tracker = lines.caraval_line(cells).compile(backend=backend, parameters=["qf.k1"])
    incoming = lines.beam(n, backend)
    case = Case("", lambda: ready(tracker(incoming, {"qf.k1": 3.0})), list)
    case.run()
    return cost(case, n * 10 * cells)


def moments(backend: str, n: int) -> float:
    """Return the nanoseconds for a setting of 25 quadrupoles, compiled."""
    return cost(settings.caraval(backend, n, 0.0, gradient=False), n)


def table(of: Callable[[str, int], float], sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """Return for every size the cost on all backends."""
    return [(f"{size}", *(f"{of(backend, size):.3g}" for backend in BACKENDS)) for size in sizes]


def tables(scale: int) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Return title, header and rows of every curve, all sizes divided by `scale`."""
    n = 100_000 // scale
    return [
        (
            "Cost against particles: ns per particle and element, 100 elements, compiled",
            ("particles", *BACKENDS),
            table(lambda backend, n: tracking(backend, n, 10), [10**k // scale for k in range(3, 7)]),
        ),
        (
            f"Cost against elements: ns per particle and element, {n} particles, compiled",
            ("cells of ten elements", *BACKENDS),
            table(lambda backend, cells: tracking(backend, n, cells), sorted({1, 10, 100 // scale})),
        ),
        (
            "Cost against settings: ns per setting, moments through 50 elements, compiled",
            ("settings", *BACKENDS),
            table(moments, [10**k // scale for k in range(3, 7)]),
        ),
    ]
