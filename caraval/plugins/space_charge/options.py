"""What can be said about the grid."""

from __future__ import annotations

from typing import Any

import caraval as cv

Grid = tuple[int, int, int]
Extent = tuple[float, float, float] | None

LEAST = 4
"""Nodes in a dimension."""


def checked(grid: Any, extent: Any, where: str) -> tuple[Grid, Extent]:
    """Return numbers of nodes and half sizes in standard deviations, each in x, y and z.

    Raises
    ------
    InputError
        If they cannot be used.
    """
    nodes = tuple(grid) if isinstance(grid, (tuple, list)) else ()
    if len(nodes) != 3 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= LEAST for n in nodes):
        raise cv.InputError(
            f"{where}: grid must be three numbers of nodes, of {LEAST} or more, such as (32, 32, 32), not {grid!r}"
        )
    if extent is None:
        return nodes, None
    sizes = (extent,) * 3 if cv.is_number(extent) else tuple(extent) if isinstance(extent, (tuple, list)) else ()
    if len(sizes) != 3 or not all(cv.is_number(size) and 0 < size < float("inf") for size in sizes):
        raise cv.InputError(
            f"{where}: extent must be a positive number of standard deviations, or three, or None for all particles, "
            f"not {extent!r}"
        )
    return nodes, sizes
