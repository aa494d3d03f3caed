"""Numba's way with recorded functions of many settings: runs of maps, moments through them, and their derivatives.

The loops are those of :mod:`caraval.backends.numba_loops`; here they meet their arrays, and the cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caraval.core.chains import Chain
from caraval.core.maps import LinearMap
from caraval.core.recording import Program
from caraval.core.transport import ending

from .numba_loops import backwards, forwards, single
from .threads import shared

WORTH_A_THREAD = 32_768
"""Settings times links that make it worth while to wake another thread: some 40 us."""


def run(chain: Chain, lines: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return the open numbers ``(size, n)`` of a chain's map, for arrays ``(n,)``."""
    lines, kind, n = _together(lines)
    out = np.empty((len(chain.start), n), dtype=kind)
    work = forwards(chain.steps, len(out), None, str(kind))
    arguments = *_described(chain, lines, kind), out
    shared(n, lambda low, high: work(*arguments, low, high), _worth(chain))
    return out


def merged(chain: Chain) -> LinearMap:
    """Return the map of a chain whose arrays are plain numbers."""
    found = run(chain, np.array(chain.arrays, dtype=float)[:, None])
    values = np.array([np.nan if known is None else known for known in chain.pattern])
    values[np.isnan(values)] = found[:, 0]
    return LinearMap(values[:36].reshape(6, 6), values[36:])


def moments(chain: Chain, lines: Sequence[np.ndarray], before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean ``(n, 6)`` and covariance ``(n, 36)`` after a chain's map, for arrays ``(n,)``.

    Parameters
    ----------
    before : array (42,)
        Mean and covariance that come in, the same for all settings.
    """
    lines, kind, n = _together(lines)
    mean, covariance = np.empty((n, 6), dtype=kind), np.empty((n, 36), dtype=kind)
    work = forwards(chain.steps, len(chain.start), ending(chain.pattern), str(kind))
    arguments = *_described(chain, lines, kind), before.astype(kind, copy=False), mean, covariance
    shared(n, lambda low, high: work(*arguments, low, high), _worth(chain))
    return mean, covariance


def pull(chain: Chain, lines: Sequence[np.ndarray], slopes: np.ndarray) -> np.ndarray:
    """Return the derivatives ``(k, n)`` by the arrays, given those by the open numbers ``(size, n)``."""
    lines, kind, n = _together(lines)
    out = np.zeros((len(lines), n), dtype=kind)
    work = backwards(chain.steps, len(chain.start), None, str(kind))
    arguments = *_described(chain, lines, kind), slopes, out
    shared(n, lambda low, high: work(*arguments, low, high), _worth(chain))
    return out


def pull_moments(
    chain: Chain, lines: Sequence[np.ndarray], before: np.ndarray, by_mean: np.ndarray, by_covariance: np.ndarray
) -> np.ndarray:
    """Return the derivatives ``(k, n)`` by the arrays, given those by what :func:`moments` returns."""
    lines, kind, n = _together(lines)
    out = np.zeros((len(lines), n), dtype=kind)
    work = backwards(chain.steps, len(chain.start), ending(chain.pattern), str(kind))
    arguments = *_described(chain, lines, kind), before.astype(kind, copy=False), by_mean, by_covariance, out
    shared(n, lambda low, high: work(*arguments, low, high), _worth(chain))
    return out


def evaluate(program: Program, lines: Sequence[np.ndarray], numbers: np.ndarray, *, interleaved: bool = True) -> np.ndarray:
    """Return what a program makes of arrays ``(n,)``: `interleaved`, ``(n, outputs)``, or one after the other."""
    lines, kind, n = _together(lines)
    shape = (n, len(program.outputs)) if interleaved else (len(program.outputs), n)
    out = np.empty(shape, dtype=kind)
    work = single(program, interleaved, str(kind))
    arguments = numbers.astype(kind), _addresses(lines), out
    shared(n, lambda low, high: work(*arguments, low, high), WORTH_A_THREAD)
    return out


def _together(lines: Sequence[np.ndarray] | np.ndarray) -> tuple[list[np.ndarray], Any, int]:
    """Return arrays as loops take them, their precision and their length."""
    lines = list(map(np.ascontiguousarray, lines))
    kind, n = lines[0].dtype, lines[0].size
    return lines, kind, n


def _described(chain: Chain, lines: Sequence[np.ndarray], kind: Any) -> tuple[np.ndarray, ...]:
    """Return what loops take of a chain, and its arrays."""
    return (
        chain.codes,
        chain.numbers.astype(kind, copy=False),
        chain.sources,
        _addresses(lines),
        np.array(chain.start, dtype=kind),
    )


def _addresses(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Return where arrays lie: so programs take any number of them."""
    return np.array([line.__array_interface__["data"][0] for line in lines], dtype=np.uint64)


def _worth(chain: Chain) -> int:
    return max(1, WORTH_A_THREAD // len(chain.codes))
