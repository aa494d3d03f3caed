"""Measure Caraval against Cheetah and Xsuite: ``make bench``, or ``python benchmarks --quick``; ``--write`` writes it down."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("JAX_ENABLE_X64", "1")

import curves
import memory
from measure import header, machine, rows, section
from rich.console import Console
from rich.table import Table

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

All cases of a table run in turn in one process, after their results were compared; times are medians, ratios are taken run by
run. `make bench` repeats it. Cheetah tracks particles by its drift_kick_drift, moments by its linear maps; Xsuite tracks
with compiled C, by bodies that solve the same Hamiltonians. Peak memory is what a run takes beyond what is there before,
in a process of its own. Xsuite's bends have one kick, of multipoles that are not there: with as many as it chooses by itself
they would take fifteen times as long. The loop written for the line, last of the first table, does the same arithmetic as
Caraval's compiled trackers and nothing else: by it they say how far they are from what the machine can do. Plain numbers of
PyTorch and JAX take Numba's loops, in their own memory; with derivatives, the programs of PyTorch and JAX run. The last column
compares with the time in which the memory moves what must be read and written at least, at the speed of a copy, measured in
between.
"""

CASES: Sequence[tuple[str, tuple[int, ...]]] = (
    ("tracking", (200_000,)),
    ("gradients", (20_000,)),
    ("small_beams", (1000,)),
    ("small_beams", (1,)),
    ("turns", (1000, 1000)),
    ("one_setting", (50,)),
    ("settings", (10_000, 0, 0)),
    ("settings", (10_000, 1, 0)),
    ("settings", (1_000_000, 0, 0)),
    ("settings", (1_000_000, 1, 0)),
    ("settings", (10_000, 0, 1)),
    ("settings", (10_000, 1, 1)),
)
"""Modules, and what their benchmarks take: the number of particles or settings, and what else there is to choose."""

LARGEST = 1_000
"""Particles and settings up to which ``--quick`` changes nothing."""

LONG_LINES = (10, 100)
"""Cells of ten elements, for the memory of gradients."""


def show(title: str, head: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    """Print a table; return it as a section of the page."""
    table = Table(*head, title=title)
    for row in found:
        table.add_row(*row)
    Console().print(table)
    return section(title, head, found)


def gradient_memory(n: int) -> str:
    """Return a table of the memory that gradients take, of lines of different length."""
    found = [(f"{10 * cells}", *(f"{peak:.0f}" for peak in memory.peaks("long_gradients", (n, cells)))) for cells in LONG_LINES]
    return show(f"Memory of a gradient by all strengths, {n} particles [MB]", ("elements", "torch", "jax"), found)


def main() -> None:
    """Measure, print tables, and write them down if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the particles and settings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", nargs="*", help="some of: tracking gradients small_beams turns one_setting settings memory curves"
    )
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    options = parser.parse_args()
    scale = 100 if options.quick else 1
    sections = []
    for module, (n, *others) in CASES:
        if options.only is None or module in options.only:
            sizes = (n if n <= LARGEST else max(LARGEST, n // scale), *others)
            benchmark = importlib.import_module(module).benchmark(*sizes)
            found = rows(benchmark, options.rounds, memory.peaks(module, sizes))
            sections.append(show(benchmark.title, header(benchmark), found))
            if options.write:  # what takes an hour may be ended before
                write(sections)
    if options.only is None or "memory" in options.only:
        sections.append(gradient_memory(1_000_000 // scale))
    if options.only is None or "curves" in options.only:
        sections += [show(*table) for table in curves.tables(scale)]
    if options.write:
        write(sections)


def write(sections: Sequence[str]) -> None:
    """Write the page of the documentation."""
    REPORT.write_text("\n".join([INTRODUCTION, machine(), "", *sections]))


if __name__ == "__main__":
    main()
