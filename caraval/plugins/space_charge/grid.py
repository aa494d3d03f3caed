"""The grid that follows the bunch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from array_api_compat import array_namespace

import caraval as cv

from .options import Extent, Grid

FLATTEST = 1e-8
"""Of the largest spacing: where a bunch has no size in some direction, cells still have one."""

SMALLEST = 1e-15
"""Spacing [m] of a bunch that has no size at all."""

INSTEAD = 1.0
"""Spacing [m] that it has instead: particles at one place do not push each other, and in such cells neither does rounding."""

MARGIN = 2
"""Nodes without charge on every side: as many as the difference needs that the field is made of."""


class Box(NamedTuple):
    """A grid of nodes.

    Attributes
    ----------
    origin, spacing : tuple of array (..., 1)
        Where the first node is and how far apart nodes are [m], in each dimension.
    """

    origin: tuple[Any, ...]
    spacing: tuple[Any, ...]

    def cells(self, places: Sequence[Any]) -> tuple[Any, ...]:
        """Return places in units of cells, counted from the first node."""
        return tuple((place - o) / h for place, o, h in zip(places, self.origin, self.spacing, strict=True))

    def inside(self, cells: Sequence[Any], grid: Grid) -> Any:
        """Whether particles are within the nodes that may have a charge."""
        (x, y, z), (nx, ny, nz) = cells, (MARGIN + n - 1 for n in grid)
        return (x >= MARGIN) & (x <= nx) & (y >= MARGIN) & (y <= ny) & (z >= MARGIN) & (z <= nz)


def around(places: Sequence[Any], beam: cv.ParticleBeam, grid: Grid, extent: Extent, backend: Any) -> Box:
    """Return the grid around the living, or around some standard deviations of them.

    There is a margin of nodes without charge, so that the field inside is made of central differences alone: what particles
    do to each other then adds up to nothing, in every direction.
    """
    xp = array_namespace(places[0])
    if extent is None and backend.all_true(beam.alive):
        edges = backend.derived(_edges, _edge_slopes)(*places)
        return _between(edges[: len(places)], edges[len(places) :], grid, xp)
    total = xp.sum(beam.charge, axis=-1, keepdims=True)
    weight = beam.charge / xp.where(total > 0, total, xp.ones_like(total))
    centres = [xp.sum(weight * place, axis=-1, keepdims=True) for place in places]
    if extent is None:
        living = [xp.where(beam.alive, place, centre) for place, centre in zip(places, centres, strict=True)]
        edges = backend.derived(_edges, _edge_slopes)(*living)
        low, high = edges[: len(places)], edges[len(places) :]
    else:
        variances = [xp.sum(weight * (p - c) ** 2, axis=-1, keepdims=True) for p, c in zip(places, centres, strict=True)]
        halves = [sigmas * _root(variance, xp) for sigmas, variance in zip(extent, variances, strict=True)]
        low = [centre - half for centre, half in zip(centres, halves, strict=True)]
        high = [centre + half for centre, half in zip(centres, halves, strict=True)]
    return _between(low, high, grid, xp)


def _between(low: Sequence[Any], high: Sequence[Any], grid: Grid, xp: Any) -> Box:
    """Return the grid from some places to others, and its margin."""
    spacing = [(b - a) / (nodes - 1) for a, b, nodes in zip(low, high, grid, strict=True)]
    largest = xp.maximum(xp.maximum(spacing[0], spacing[1]), spacing[2])
    least = xp.where(largest < SMALLEST, xp.full_like(largest, INSTEAD), FLATTEST * largest)
    spacing = [xp.maximum(h, least) for h in spacing]
    return Box(tuple(a - MARGIN * h for a, h in zip(low, spacing, strict=True)), tuple(spacing))


def _edges(backend: Any, *places: Any) -> list[Any]:
    """Return the smallest and then the largest places in each dimension."""
    xp = backend.xp
    return [extreme(place, axis=-1, keepdims=True) for extreme in (xp.min, xp.max) for place in places]


def _edge_slopes(backend: Any, places: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
    """Return derivatives by places from those by :func:`_edges`: those of the outermost, who share if they are several."""
    xp, edges = backend.xp, _edges(backend, *places)

    def at(place: Any, edge: Any, slope: Any) -> Any:
        there = xp.astype(place == edge, place.dtype)
        return there * (slope / xp.sum(there, axis=-1, keepdims=True))

    n = len(places)
    lower, upper = (list(map(at, places, edges[part], slopes[part])) for part in (slice(0, n), slice(n, None)))
    return [a + b for a, b in zip(lower, upper, strict=True)]


def _root(variance: Any, xp: Any) -> Any:
    """Return the square root, with a slope of zero at zero."""
    positive = variance > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, variance, xp.ones_like(variance))), xp.zeros_like(variance))
