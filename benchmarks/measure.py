"""How anything is measured: checked equal first, then in turn, and as ratios.

What is compared runs in turn in one process, so that a machine that slows down slows everything down; times are medians, and
ratios, taken pair by pair, are what to quote.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

PACKAGES = ("caraval", "numpy", "numba", "torch", "jax", "cheetah-accelerator")


class Case(NamedTuple):
    """A way to do something.

    Attributes
    ----------
    name : str
    run : callable
        What to time.
    values : callable
        What `run` returned, as an array to compare.
    first : float
        Seconds that the first call took, with all that was compiled.
    share : float
        Part of the work that this case does, where it would take too long or too much memory to do all.
    """

    name: str
    run: Callable[[], Any]
    values: Callable[[Any], np.ndarray]
    first: float = 0.0
    share: float = 1.0


class Benchmark(NamedTuple):
    """Cases that do the same, the first of them what the others are measured by.

    Attributes
    ----------
    title : str
    unit : str
        What the work consists of, for the table's header.
    work : int
        How many of these.
    cases : list of Case
    same : float
        Largest difference, relative to the largest value, between results that count as equal.
    """

    title: str
    unit: str
    work: int
    cases: list[Case]
    same: float


def timed(run: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def check(benchmark: Benchmark) -> None:
    """Compare what all cases return.

    Raises
    ------
    SystemExit
        If they differ.
    """
    truth = benchmark.cases[0]
    expected = truth.values(truth.run())
    for case in benchmark.cases[1:]:
        worst = np.abs(case.values(case.run()) - expected).max() / np.abs(expected).max()
        if not worst < benchmark.same:
            sys.exit(f"{case.name} differs from {truth.name} by {worst:.1e} of the largest value: nothing is measured")


def rows(benchmark: Benchmark, rounds: int) -> list[tuple[str, ...]]:
    """Measure; return of every case its name, nanoseconds for a unit of work, ratio to the first, seconds of its first call."""
    check(benchmark)
    seconds: list[list[float]] = [[] for _ in benchmark.cases]
    for _ in range(rounds):
        for case, times in zip(benchmark.cases, seconds, strict=True):
            times.append(timed(case.run) / case.share)
    out = []
    for case, times in zip(benchmark.cases, seconds, strict=True):
        ratio = statistics.median(base / t for base, t in zip(seconds[0], times, strict=True))
        cost = statistics.median(times) / benchmark.work * 1e9
        out.append((case.name, f"{cost:.4g}", f"{ratio:.1f}", f"{case.first:.1f}" if case.first else ""))
    return out


def header(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the names of the columns."""
    return ("", f"ns per {benchmark.unit}", f"times as fast as {benchmark.cases[0].name}", "first call [s]")


def section(benchmark: Benchmark, found: Sequence[tuple[str, ...]]) -> str:
    """Return a section of the documentation's page."""
    table = [header(benchmark), ("---", "---:", "---:", "---:"), *found]
    return "\n".join([f"## {benchmark.title}", "", *("| " + " | ".join(row) + " |" for row in table), ""])


def machine() -> str:
    """Return when, on what, and with which versions this runs."""
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
    python = platform.python_version()
    return f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {python}, {versions}."
