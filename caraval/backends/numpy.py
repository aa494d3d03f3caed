"""NumPy: eager in chunks that stay in the cache, or compiled by Numba."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import scipy.fft

from caraval.core.coordinates import Coordinates
from caraval.core.errors import warn
from caraval.core.rows import Row

from .base import Backend
from .clouds import Clouds
from .threads import CORES

WORTH_COMPILING = 100_000_000
"""Particles times steps from which compiling, which takes seconds, pays at once."""

WORTH_LOOPS = 10_000
"""Particles from which on clouds are shared and read in compiled loops, which the first time of all take seconds to compile."""

A_CALL = 1_000
"""Particles that take as long as calling a step, uncompiled."""

WORTH_THREADS = 500_000
"""Numbers in an array from which on a transform is quicker on all cores than on one."""


def _workers(array: Any) -> int:
    return CORES if array.size >= WORTH_THREADS else 1


def _on_all_cores(name: str) -> Callable[..., Any]:
    transform = getattr(scipy.fft, name)
    return lambda array, **options: transform(array, workers=_workers(array), **options)


FFT = SimpleNamespace(**{name: _on_all_cores(name) for name in ("fft", "ifft", "rfft", "irfft")})


class NumpyBackend(Backend):
    """The NumPy backend."""

    name = "numpy"
    xp = xp
    chunk = 16_384
    """Particles at a time: seven arrays of this size and a few intermediate ones fit in a core's own cache."""
    lanes = 2**17
    """With several settings more of them: every part of the settings has its numbers filled in anew."""

    @property
    def fft(self) -> Any:
        """SciPy's transforms, large ones on all cores."""
        return FFT

    def cosine_transform(self, array: Any, axes: Sequence[int]) -> Any:
        """Return a cosine transform, see :meth:`Backend.cosine_transform`."""
        return scipy.fft.dctn(array, type=1, axes=axes, workers=_workers(array))

    def scatter_add(self, total: Any, index: Any, values: Any) -> Any:
        """Return an array with sums added, see :meth:`Backend.scatter_add`."""
        total += np.bincount(index, values, total.size)
        return total

    def clouds(self, places: Sequence[Any]) -> Clouds:
        """Return what shares and reads clouds; of many particles in compiled loops, where there is a compiler."""
        if places[0].size < WORTH_LOOPS or not has_compiler():
            return Clouds(self)
        from .compiled_clouds import CompiledClouds

        return CompiledClouds(self)

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int = 1) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`; what is much is compiled, where there is a compiler."""
        if q.x.size * len(rows) >= WORTH_COMPILING and has_compiler():
            return self.compiled().run(rows, q, lost, first)
        return super().run(rows, q, lost, first)

    def for_turns(self, particles: int, steps: int) -> Backend:
        """Return the compiled backend for what is much, see :meth:`Backend.for_turns`."""
        return self.compiled() if (particles + A_CALL) * steps >= WORTH_COMPILING and has_compiler() else self

    def compiled(self) -> Backend:
        """Return the backend that runs loops compiled by Numba; without Numba this one, and a warning."""
        if not has_compiler():
            warn("Numba is not installed: this runs uncompiled; pip install 'caraval[numba]'")
            return self
        from .numba import NumbaBackend

        return NumbaBackend()

    def elementwise(self, function: Callable[..., Sequence[Any]], *arrays: Any) -> Sequence[Any]:
        """Return the arrays that a function makes of others, see :meth:`Backend.elementwise`; in parts that caches hold."""
        n = arrays[0].shape[-1]
        if n <= self.chunk or any(a.shape[-1] != n for a in arrays):
            return function(*arrays)
        slices = (slice(start, start + self.chunk) for start in range(0, n, self.chunk))
        parts = [function(*(a[..., part] for a in arrays)) for part in slices]
        return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]

    def each(self, function: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
        """Return what a function makes of things, on several cores."""
        with ThreadPoolExecutor(CORES) as pool:
            return list(pool.map(function, things))


def has_compiler() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None
