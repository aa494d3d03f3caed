"""NumPy: eager in chunks that stay in the cache, or compiled by Numba."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import array_api_compat.numpy as xp

from caraval.core.coordinates import Coordinates
from caraval.core.rows import Row

from .base import Backend

WORTH_COMPILING = 100_000_000
"""Particles times steps from which compiling, which takes seconds, pays at once."""


class NumpyBackend(Backend):
    """The NumPy backend."""

    name = "numpy"
    xp = xp
    chunk = 16_384
    """Particles at a time: seven arrays of this size and a few intermediate ones fit in a core's own cache."""

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int = 1) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`; what is much is compiled, where there is a compiler."""
        if q.x.size * len(rows) >= WORTH_COMPILING and has_compiler():
            return self.compiled().run(rows, q, lost, first)
        return super().run(rows, q, lost, first)

    def compiled(self) -> Backend:
        """Return the backend that runs loops compiled by Numba; without Numba this one, and a warning."""
        if not has_compiler():
            warnings.warn("Numba is not installed: this runs uncompiled; pip install 'caraval[numba]'", stacklevel=3)
            return self
        from .numba import NumbaBackend

        return NumbaBackend()

    def each(self, function: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
        """Return what a function makes of things, on several cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(function, things))


def has_compiler() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None
