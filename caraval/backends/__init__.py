"""Backends: array libraries with their compilers and derivatives. Each is imported when first used."""

from __future__ import annotations

from caraval.core.hookspecs import hookimpl


@hookimpl
def register_backends() -> dict[str, str]:
    """NumPy (compiled by Numba), PyTorch and JAX."""
    return {
        "numpy": "caraval.backends.numpy:NumpyBackend",
        "torch": "caraval.backends.torch:TorchBackend",
        "jax": "caraval.backends.jax:JaxBackend",
    }
