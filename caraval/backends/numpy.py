"""NumPy: eager in chunks that stay in the cache, or compiled by Numba."""

from __future__ import annotations

import array_api_compat.numpy as xp

from caraval.core.errors import BackendError

from .base import Backend


class NumpyBackend(Backend):
    """The NumPy backend."""

    name = "numpy"
    xp = xp
    chunk = 16_384
    """Particles at a time: seven arrays of this size and a few intermediate ones fit in a core's own cache."""

    def compiled(self) -> Backend:
        """Return the backend that runs loops compiled by Numba.

        Raises
        ------
        BackendError
            If Numba is not installed.
        """
        try:
            from .numba import NumbaBackend
        except ImportError as error:
            raise BackendError(f"compiling for NumPy needs Numba ({error}); try: pip install 'caraval[numba]'") from error
        return NumbaBackend()
