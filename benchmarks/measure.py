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
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

PACKAGES = ("caraval", "numpy", "numba", "torch", "jax", "cheetah-accelerator", "xtrack")

COPIED = 2**25
"""Numbers (256 MB) that the memory's bandwidth is measured with: many more than caches hold."""


def nothing() -> None:
    """Prepare nothing."""


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
    before : callable
        What must be done before each run, and is not timed.
    """

    name: str
    run: Callable[[], Any]
    values: Callable[[Any], np.ndarray]
    first: float = 0.0
    share: float = 1.0
    before: Callable[[], None] = nothing


class Benchmark(NamedTuple):
    """Cases that do the same, the first of them another code's, which the others are measured by.

    Attributes
    ----------
    title : str
    unit : str
        What the work consists of, for the table's header.
    work : int
        How many of these.
    cases : list of callables
        Make the cases, and compile what they need.
    same : float
        Largest difference, relative to the largest value, between results that count as equal.
    traffic : float
        Bytes that the whole work must read and write at least.
    against : str
        The other code.
    """

    title: str
    unit: str
    work: int
    cases: list[Callable[[], Case]]
    same: float
    traffic: float
    against: str = "Cheetah"


def timed(run: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def found_by(case: Case) -> np.ndarray:
    """Return what a case computes."""
    case.before()
    return case.values(case.run())


def check(cases: Sequence[Case], same: float) -> None:
    """Compare what all cases return, relative to the largest value.

    Raises
    ------
    SystemExit
        If they differ.
    """
    truth = cases[0]
    expected = found_by(truth)
    for case in cases[1:]:
        worst = np.abs(found_by(case) - expected).max() / np.abs(expected).max()
        if not worst < same:
            sys.exit(f"{case.name} differs from {truth.name} by {worst:.1e} of the largest value: nothing is measured")


def rows(benchmark: Benchmark, rounds: int, peaks: Sequence[float]) -> list[tuple[str, ...]]:
    """Measure; return of every case what :func:`header` names.

    Parameters
    ----------
    benchmark : Benchmark
    rounds : int
    peaks : sequence of float
        Megabytes that each case takes at most.
    """
    cases = [make() for make in benchmark.cases]
    check(cases, benchmark.same)
    seconds: list[list[float]] = [[] for _ in cases]
    limits = []
    for _ in range(rounds):
        limits.append(benchmark.traffic / bandwidth())
        for case, times in zip(cases, seconds, strict=True):
            case.before()
            times.append(timed(case.run) / case.share)
    out = []
    for case, times, peak in zip(cases, seconds, peaks, strict=True):
        ratio = statistics.median(base / t for base, t in zip(seconds[0], times, strict=True))
        distance = statistics.median(t / limit for t, limit in zip(times, limits, strict=True))
        cost = statistics.median(times) / benchmark.work * 1e9
        first = f"{case.first:.1f}" if case.first else ""
        out.append((case.name, f"{cost:.4g}", f"{ratio:.1f}", first, f"{peak:.0f}", f"{distance:.3g}"))
    return out


def bandwidth() -> float:
    """Return the bytes that are read or written in a second, copying an array on all cores."""
    cores = os.cpu_count() or 1
    source, target = np.ones(COPIED), np.ones(COPIED)
    parts = [slice(COPIED * i // cores, COPIED * (i + 1) // cores) for i in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        took = timed(lambda: list(pool.map(lambda part: np.copyto(target[part], source[part]), parts)))
    return 2 * source.nbytes / took


def header(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the names of the columns."""
    return (
        "",
        f"ns per {benchmark.unit}",
        f"times as fast as {benchmark.against}",
        "first call [s]",
        "peak memory [MB]",
        "times what memory takes",
    )


def section(title: str, header: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    """Return a section of the documentation's page."""
    table = [header, ("---", *["---:"] * (len(header) - 1)), *found]
    return "\n".join([f"## {title}", "", *("| " + " | ".join(row) + " |" for row in table), ""])


def machine() -> str:
    """Return when, on what, and with which versions this runs."""
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
    python = platform.python_version()
    copies = f"memory copied at {bandwidth() / 1e9:.1f} GB/s"
    return f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, {copies}, Python {python}, {versions}."
