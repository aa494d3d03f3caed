"""Particles for checks, the backends that they go through, and when two beams are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from caraval.core.arrays import library
from caraval.core.beam import ParticleBeam
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError
from caraval.core.reference import Reference
from caraval.core.registry import register_plugin, registry, unregister_plugin

from .checks import CheckFailedError

SPREAD = (4e-3, 3e-3, 4e-3, 3e-3, 1e-2, 2e-2)
"""How far coordinates go to either side: a few mm and mrad, 1 cm along the bunch, 2 percent of momentum."""

SCALE = 1e-3
"""Least scale that a coordinate is compared on: smaller ones are the difference of two of this size."""

EAGER = 1e-13
"""How far backends may be apart: several hundred roundings, in units of the largest value of each coordinate."""

COMPILED = 1e-11
"""The same where a compiler put operations in another order."""

STRICT = "array_api_strict"


def particles(n: int = 40, seed: int = 7, scale: float = 1.0) -> np.ndarray:
    """Return coordinates ``(6, n)`` within :data:`SPREAD` times `scale`, the axis itself among them."""
    rng = np.random.default_rng(seed)
    q = rng.uniform(-1, 1, (6, n)) * np.array(SPREAD)[:, None] * scale
    q[:, 0] = 0.0
    return q


def beam_of(q: np.ndarray, reference: Reference, backend: str = "numpy", dtype: str = "float64") -> ParticleBeam:
    """Return a beam of given coordinates ``(6, ..., n)`` on a backend."""
    return ParticleBeam(*q, reference=reference).to(backend, dtype=dtype)


def values(coordinates: Coordinates) -> np.ndarray:
    """Return coordinates of any backend as one array ``(6, ..., n)`` of NumPy."""
    backend = registry().backend
    arrays = [backend(library(a)).to_numpy(a) for a in coordinates]
    return np.stack(np.broadcast_arrays(*arrays))


def installed() -> list[str]:
    """Return the names of the backends whose libraries are there."""
    found = []
    for name in registry().backends:
        try:
            registry().backend(name)
        except BackendError:
            continue
        found.append(name)
    return found


@contextmanager
def strict_backend() -> Iterator[None]:
    """Make the backend ``"array_api_strict"`` known for a while, where its library is installed."""
    if STRICT in registry().backends or find_spec(STRICT) is None:
        yield
        return
    from . import strict

    register_plugin(strict, STRICT)
    try:
        yield
    finally:
        unregister_plugin(STRICT)


def assert_same(out: ParticleBeam, truth: ParticleBeam, tolerance: float, advice: str, *, lost: bool = True) -> None:
    """Compare a beam with what NumPy made of it.

    Parameters
    ----------
    out, truth : ParticleBeam
    tolerance : float
        Of each coordinate, in units of its largest value.
    advice : str
        What to do about a difference.
    lost : bool
        Whether lost particles count as well: what blows up before it is lost amplifies rounding without bound.

    Raises
    ------
    CheckFailedError
    """
    alive, right = (np.broadcast_to(np.asarray(b.alive), out.x.shape) for b in (out, truth))
    if not np.array_equal(alive, right):
        raise CheckFailedError(f"{(alive != right).sum()} of {right.size} particles are lost here and not there; {advice}")
    if not np.array_equal(np.asarray(out.lost_s), np.broadcast_to(truth.lost_s, out.x.shape)):
        raise CheckFailedError(f"particles are lost at other places; {advice}")
    compare(values(out.coordinates), values(truth.coordinates), tolerance, advice, slice(None) if lost else right)
    for name in ("p0c", "s", "t"):
        here, there = np.asarray(getattr(out.reference, name)), np.asarray(getattr(truth.reference, name))
        if not np.allclose(here, there, rtol=EAGER, atol=0):
            raise CheckFailedError(f"the reference has {name} = {here} instead of {there}; {advice}")


def compare(found: np.ndarray, truth: np.ndarray, tolerance: float, advice: str, which: Any = slice(None)) -> float:
    """Compare coordinates ``(6, ..., n)``, and return the largest difference in units of the largest value of each."""
    found, truth = found[:, which], truth[:, which]
    flat = tuple(range(1, truth.ndim))
    scale = np.maximum(np.abs(truth).max(axis=flat, initial=0.0), SCALE)
    errors = np.abs(found - truth).max(axis=flat, initial=0.0) / scale
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    if not errors[worst] <= tolerance:
        name = Coordinates._fields[worst]
        raise CheckFailedError(
            f"{name} differs by {errors[worst]:.1e} of its largest value, more than {tolerance:.1e}; {advice}"
        )
    return float(errors[worst])
