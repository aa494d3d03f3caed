"""How much memory a case takes at most: each in a process of its own, which has compiled everything before. For Linux."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FEW = 20
"""Particles or settings to compile with."""

PROCESS = Path("/proc/self")


def peaks(module: str, sizes: Sequence[int]) -> list[float]:
    """Return the megabytes that each case of a benchmark takes beyond what it starts with.

    Parameters
    ----------
    module : str
        Has a function ``benchmark(*sizes)``.
    sizes : sequence of int
        The first is how many particles, or settings.
    """
    return [peak(module, sizes, case) for case in range(len(_benchmark(module, sizes).cases))]


def peak(module: str, sizes: Sequence[int], case: int) -> float:
    """Return the megabytes that one case takes.

    Raises
    ------
    CalledProcessError
        If it fails.
    """
    command = [sys.executable, __file__, module, str(case), *map(str, sizes)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(found.stdout.split()[-1])


def _benchmark(module: str, sizes: Sequence[int]):
    return importlib.import_module(module).benchmark(*sizes)


def _resident(which: str) -> float:
    """Return the megabytes of this process in memory, now (VmRSS) or at most (VmHWM)."""
    line = next(line for line in (PROCESS / "status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) * 1024 / 1e6


def main(module: str, case: str, *sizes: str) -> None:
    """Run a case with few of its particles, then with all, and print what that took."""
    n, *others = map(int, sizes)
    for number in (min(n, FEW), n):
        one = _benchmark(module, (number, *others)).cases[int(case)]()
        one.before()
        (PROCESS / "clear_refs").write_text("5")  # from here on the most counts anew
        before = _resident("VmRSS")
        one.run()
    print(_resident("VmHWM") - before)


if __name__ == "__main__":
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    main(*sys.argv[1:])
