"""Work shared among the cores of a computer by threads that stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""That this process may use: batch systems often lend it fewer than the machine has."""


@cache
def helpers() -> ThreadPoolExecutor:
    """Return the threads that help the one that calls."""
    return ThreadPoolExecutor(max(1, CORES - 1), thread_name_prefix="caraval")


if hasattr(os, "register_at_fork"):  # threads do not follow into a process that is forked off
    os.register_at_fork(after_in_child=helpers.cache_clear)


PIECES = 4
"""For each core: one that is held up then leaves the others more to do."""


def shared(n: int, work: Callable[[int, int], object], worth: int) -> None:
    """Do ``work(low, high)`` for all of 0 to `n`, on as many cores as there is work for.

    Parameters
    ----------
    n : int
    work : callable
        Of a range; it lets go of the interpreter, and shares nothing itself.
    worth : int
        How many make it worth while to wake another thread.
    """
    cores = max(1, min(CORES, n // worth))
    parts = 1 if cores == 1 else min(PIECES * cores, n // worth)
    pieces = iter(list(pairwise([n * part // parts for part in range(parts + 1)])))

    def share() -> None:
        for low, high in pieces:
            work(low, high)

    others = [helpers().submit(share) for _ in range(cores - 1)]
    share()
    for other in others:
        if not other.cancel():  # else it has not begun
            other.result()
