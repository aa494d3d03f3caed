"""Measure Caraval against Cheetah: ``make bench``, or ``python benchmarks --quick``; ``--write`` writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("JAX_ENABLE_X64", "1")

import gradients
import settings
import small_beams
import tracking
from measure import header, machine, rows, section
from rich.console import Console
from rich.table import Table

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

All cases of a table run in turn in one process, after their results were compared; times are medians, ratios are taken run by
run. `make bench` repeats it. Cheetah tracks particles by its drift_kick_drift, moments by its linear maps.
"""


def main() -> None:
    """Measure, print tables, and write them down if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the particles and settings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    sections = []
    for make, n in (
        (tracking.benchmark, 200_000 // scale),
        (gradients.benchmark, 20_000 // scale),
        (small_beams.benchmark, 1000),
        (small_beams.benchmark, 1),
        (settings.benchmark, 100_000 // scale),
    ):
        benchmark = make(n)
        found = rows(benchmark, options.rounds)
        table = Table(*header(benchmark), title=benchmark.title)
        for row in found:
            table.add_row(*row)
        Console().print(table)
        sections.append(section(benchmark, found))
    if options.write:
        REPORT.write_text("\n".join([INTRODUCTION, machine(), "", *sections]))


if __name__ == "__main__":
    main()
