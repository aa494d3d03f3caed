"""Clouds in cells by loops that Numba compiles: one pass over the particles, on all cores.

Grids of three dimensions, which take the time; of fewer dimensions what arrays do is quick enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from .clouds import Clouds
from .threads import CORES

DIMENSIONS = 3

PIECE = 16_384
"""Particles that make it worth while to start another thread."""

compiled: Any = numba.njit(nogil=True, error_model="numpy", cache=True)
inlined: Any = numba.njit(forceinline=True, error_model="numpy", cache=True)


class CompiledClouds(Clouds):
    """Sharing and reading by compiled loops."""

    def deposit(self, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
        """Share amounts among nodes, see :func:`caraval.backends.clouds.deposit`."""
        if len(places) != DIMENSIONS:
            return super().deposit(places, amounts, shape)
        leading = amounts.shape[:-1]
        total = np.zeros((*leading, *shape), dtype=amounts.dtype)
        for setting in np.ndindex(leading):
            where = [place[setting] for place in places]

            def share(part: slice, where: list[Any] = where, given: Any = amounts[setting]) -> np.ndarray:
                grid = np.zeros(shape)
                _share(*(place[part] for place in where), given[part], grid)
                return grid

            total[setting] = sum(_in_threads(share, amounts.shape[-1]))
        return total

    def interpolate(self, fields: Sequence[Any], places: Sequence[Any]) -> list[Any]:
        """Return fields between nodes, see :func:`caraval.backends.clouds.interpolate`."""
        if len(places) != DIMENSIONS:
            return super().interpolate(fields, places)
        return self._of_particles(_read, fields, places, (), len(fields))

    def slopes(self, fields: Sequence[Any], places: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
        """Return derivatives by places, see :meth:`caraval.backends.clouds.Clouds.slopes`."""
        if len(places) != DIMENSIONS:
            return super().slopes(fields, places, weights)
        return self._of_particles(_slopes, fields, places, weights, DIMENSIONS)

    def _of_particles(
        self, loop: Callable[..., None], fields: Sequence[Any], places: Sequence[Any], weights: Sequence[Any], number: int
    ) -> list[Any]:
        out = [np.empty_like(places[0]) for _ in range(number)]
        for setting in np.ndindex(places[0].shape[:-1]):
            grids = tuple(np.ascontiguousarray(field[setting]) for field in fields)

            def run(part: slice, setting: Any = setting, grids: Any = grids) -> None:
                where, factors, found = ([a[setting][part] for a in arrays] for arrays in (places, weights, out))
                loop(*where, grids, *([tuple(factors)] if weights else []), tuple(found))

            _in_threads(run, places[0].shape[-1])
        return out


def _in_threads(function: Callable[[slice], Any], n: int) -> list[Any]:
    """Return what a function makes of parts of the particles, one for each core."""
    pieces = max(1, min(CORES, n // PIECE))
    edges = np.linspace(0, n, pieces + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(edges)]
    if pieces == 1:
        return [function(parts[0])]
    with ThreadPoolExecutor(pieces) as pool:
        return list(pool.map(function, parts))


@inlined
def _cell(place, nodes):  # type: ignore[no-untyped-def]
    """Return the node before a place, and how far behind it the place is."""
    node = min(int(place), nodes - 2)
    return node, place - node


@inlined
def _inside(x, y, z, shape):  # type: ignore[no-untyped-def]
    """Whether a place is on the grid; no number is not."""
    return 0 <= x <= shape[0] - 1 and 0 <= y <= shape[1] - 1 and 0 <= z <= shape[2] - 1


@compiled
def _share(x, y, z, amounts, total):  # type: ignore[no-untyped-def]
    for n in range(x.size):
        if not _inside(x[n], y[n], z[n], total.shape):
            continue
        i, u = _cell(x[n], total.shape[0])
        j, v = _cell(y[n], total.shape[1])
        k, w = _cell(z[n], total.shape[2])
        lower, upper = amounts[n] * (1 - u), amounts[n] * u
        total[i, j, k] += lower * (1 - v) * (1 - w)
        total[i, j, k + 1] += lower * (1 - v) * w
        total[i, j + 1, k] += lower * v * (1 - w)
        total[i, j + 1, k + 1] += lower * v * w
        total[i + 1, j, k] += upper * (1 - v) * (1 - w)
        total[i + 1, j, k + 1] += upper * (1 - v) * w
        total[i + 1, j + 1, k] += upper * v * (1 - w)
        total[i + 1, j + 1, k + 1] += upper * v * w


@inlined
def _edges(field, i, j, k, w):  # type: ignore[no-untyped-def]
    """Return a field at four edges of a cell, between nodes along the last dimension."""
    return (
        field[i, j, k] * (1 - w) + field[i, j, k + 1] * w,
        field[i, j + 1, k] * (1 - w) + field[i, j + 1, k + 1] * w,
        field[i + 1, j, k] * (1 - w) + field[i + 1, j, k + 1] * w,
        field[i + 1, j + 1, k] * (1 - w) + field[i + 1, j + 1, k + 1] * w,
    )


@compiled
def _read(x, y, z, fields, out):  # type: ignore[no-untyped-def]
    shape = fields[0].shape
    for n in range(x.size):
        if not _inside(x[n], y[n], z[n], shape):
            for f in range(len(fields)):
                out[f][n] = 0.0
            continue
        i, u = _cell(x[n], shape[0])
        j, v = _cell(y[n], shape[1])
        k, w = _cell(z[n], shape[2])
        for f in range(len(fields)):
            a, b, c, d = _edges(fields[f], i, j, k, w)
            out[f][n] = (a * (1 - v) + b * v) * (1 - u) + (c * (1 - v) + d * v) * u


@compiled
def _slopes(x, y, z, fields, weights, out):  # type: ignore[no-untyped-def]
    shape = fields[0].shape
    for n in range(x.size):
        by_x = by_y = by_z = 0.0
        if _inside(x[n], y[n], z[n], shape):
            i, u = _cell(x[n], shape[0])
            j, v = _cell(y[n], shape[1])
            k, w = _cell(z[n], shape[2])
            for f in range(len(fields)):
                field, weight = fields[f], weights[f][n]
                a, b, c, d = field[i, j, k], field[i, j + 1, k], field[i + 1, j, k], field[i + 1, j + 1, k]
                along_a, along_b = field[i, j, k + 1] - a, field[i, j + 1, k + 1] - b
                along_c, along_d = field[i + 1, j, k + 1] - c, field[i + 1, j + 1, k + 1] - d
                by_z += weight * ((along_a * (1 - v) + along_b * v) * (1 - u) + (along_c * (1 - v) + along_d * v) * u)
                a, b, c, d = a + w * along_a, b + w * along_b, c + w * along_c, d + w * along_d
                by_x += weight * ((c - a) * (1 - v) + (d - b) * v)
                by_y += weight * ((b - a) * (1 - u) + (d - c) * u)
        out[0][n], out[1][n], out[2][n] = by_x, by_y, by_z
