"""NumPy: eager in chunks that stay in the cache, or compiled by Numba."""

from __future__ import annotations

import array_api_compat.numpy as xp

from .base import Backend


class NumpyBackend(Backend):
    """The NumPy backend."""

    name = "numpy"
    xp = xp
    chunk = 16_384
    """Particles at a time: seven arrays of this size and a few intermediate ones fit in a core's own cache."""
