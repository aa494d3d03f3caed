"""Caraval, eager and compiled on three backends, against Cheetah's drift_kick_drift: one line, one beam, one run.

Results are checked equal before any time counts. What is compared runs in turn, so that a machine that slows down slows
everything down; times are medians, and ratios are what to quote.

Run with ``make bench``, or ``python benchmarks/tracking.py --particles 200000 --write``.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_ENABLE_X64", "1")

import lines
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

SAME = 1e-11
"""Largest difference [m, 1] between results that count as equal; Cheetah and Caraval order their operations differently."""

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


class Case(NamedTuple):
    """A way to track: what to time, its coordinates as ``(6, n)``, and the seconds that compiling took."""

    name: str
    run: Callable[[], Any]
    coordinates: Callable[[Any], np.ndarray]
    compiling: float


def ready(out: Any) -> Any:
    """Wait for results that are computed in the background."""
    if hasattr(out.x, "block_until_ready"):
        out.x.block_until_ready()
    return out


def values(out: Any) -> np.ndarray:
    """Return a Caraval beam's coordinates in NumPy."""
    return np.array([np.asarray(a) for a in out.coordinates])


def eager(backend: str, n: int) -> Case:
    """Return ``lattice.track`` on a backend."""
    line, incoming = lines.caraval_line(), lines.beam(n, backend)
    return Case(f"Caraval, {backend}, eager", lambda: ready(line.track(incoming)), values, 0.0)


def compiled(backend: str, n: int) -> Case:
    """Return ``lattice.compile`` on a backend, with a new strength in every call."""
    tracker = lines.caraval_line().compile(backend=backend, parameters=["qf.k1"])
    incoming = lines.beam(n, backend)
    strengths = iter(3.0 + 1e-6 * k for k in range(1_000_000))
    start = time.perf_counter()
    ready(tracker(incoming, {"qf.k1": next(strengths)}))
    compiling = time.perf_counter() - start
    # what is compared with the others has their strengths
    check = values(ready(tracker(incoming, {"qf.k1": 3.0})))

    def run() -> Any:
        return ready(tracker(incoming, {"qf.k1": next(strengths)}))

    return Case(f"Caraval, {backend}, compiled", run, lambda out: check, compiling)


def cheetah(n: int) -> Case:
    """Return Cheetah's tracking."""
    line, incoming = lines.cheetah_line(), lines.cheetah_beam(lines.beam(n))

    def run() -> Any:
        with torch.no_grad():
            return line.track(incoming)

    return Case("Cheetah drift_kick_drift", run, lines.from_cheetah, 0.0)


def check(cases: list[Case], alive: np.ndarray) -> None:
    """Compare what all cases return, for the particles that live.

    Raises
    ------
    SystemExit
        If they differ.
    """
    truth = cases[0].coordinates(cases[0].run())
    for case in cases[1:]:
        worst = np.abs(case.coordinates(case.run()) - truth)[:, alive].max()
        if not worst < SAME:
            sys.exit(f"{case.name} differs from {cases[0].name} by {worst:.1e}: nothing is measured")


def measure(cases: list[Case], rounds: int) -> dict[str, list[float]]:
    """Time the cases in turn."""
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            start = time.perf_counter()
            case.run()
            seconds[case.name].append(time.perf_counter() - start)
    return seconds


def rows(cases: list[Case], seconds: dict[str, list[float]], work: int) -> list[tuple[str, str, str, str]]:
    """Return name, ns per particle and element, ratio to Cheetah pair by pair, and seconds of compilation."""
    base = seconds[cases[0].name]
    out = []
    for case in cases:
        times = seconds[case.name]
        ratio = statistics.median(b / t for b, t in zip(base, times, strict=True))
        cost = statistics.median(times) / work * 1e9
        out.append((case.name, f"{cost:.2f}", f"{ratio:.1f}", f"{case.compiling:.1f}" if case.compiling else ""))
    return out


HEADER = ("", "ns per particle and element", "times as fast as Cheetah", "first call [s]")


def main() -> None:
    """Measure, print a table, and write it down if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--particles", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    options = parser.parse_args()
    n = options.particles
    line = lines.caraval_line()
    alive = line.track(lines.beam(n)).alive
    cases = [cheetah(n)]
    cases += [eager(backend, n) for backend in ("numpy", "torch", "jax")]
    cases += [compiled(backend, n) for backend in ("numpy", "torch", "jax")]
    check(cases, alive)
    found = rows(cases, measure(cases, options.rounds), n * len(line))
    table = Table(*HEADER, title=f"{len(line)} elements, {n} particles, float64, {os.cpu_count()} cores")
    for row in found:
        table.add_row(*row)
    Console().print(table)
    if options.write:
        REPORT.write_text(report(found, n, len(line)))


def report(found: list[tuple[str, str, str, str]], n: int, elements: int) -> str:
    """Return the page of the documentation."""
    packages = ("caraval", "numpy", "numba", "torch", "jax", "cheetah-accelerator")
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    lines_ = [
        "# Benchmarks",
        "",
        f"{elements} elements (misaligned quadrupoles, bends with edges, drifts, ten apertures), {n} particles, float64. All",
        "cases run in turn in one process, after their results were compared; times are medians. `make bench` repeats it.",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores,",
        f"Python {platform.python_version()}, {versions}.",
        "",
        "| " + " | ".join(HEADER) + " |",
        "|---|---:|---:|---:|",
        *("| " + " | ".join(row) + " |" for row in found),
        "",
    ]
    return "\n".join(lines_)


if __name__ == "__main__":
    main()
