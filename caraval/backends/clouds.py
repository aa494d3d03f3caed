"""Clouds in cells: particles on a grid of one or more dimensions, and what a grid knows where particles are.

Every particle is a cloud as wide as a cell: linear weights for the nodes around it (Birdsall and Fuss, J. Comput. Phys. 3,
494, 1969). Places are in units of cells, counted from the first node; a particle outside of the grid neither gives nor gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from array_api_compat import device

CHUNK = 32_768
"""Particles at a time, so that the corners of their cells stay in the cache; a grid of the usual size does, too."""


def deposit(backend: Any, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
    """Share amounts among the nodes of a grid.

    Parameters
    ----------
    places : sequence of array (..., n)
        One per dimension.
    amounts : array (..., n)
    shape : tuple of int
        Nodes in each dimension.

    Returns
    -------
    array (..., *shape)
    """
    xp, leading = backend.xp, tuple(amounts.shape[:-1])
    total = xp.zeros((prod(leading) * prod(shape),), dtype=amounts.dtype, device=device(amounts))
    for part in _parts(amounts, backend):
        for index, weight in _corners([place[..., part] for place in places], shape, xp):
            share = xp.reshape(weight * amounts[..., part], (-1,))
            total = backend.scatter_add(total, xp.reshape(index, (-1,)), share)
    return xp.reshape(total, (*leading, *shape))


def interpolate(backend: Any, fields: Sequence[Any], places: Sequence[Any]) -> list[Any]:
    """Return fields between the nodes of a grid.

    Parameters
    ----------
    fields : sequence of array (..., *shape)
    places : sequence of array (..., n)
        One per dimension.

    Returns
    -------
    list of array (..., n)
    """
    xp, shape = backend.xp, tuple(fields[0].shape[-len(places) :])
    flat = [xp.reshape(field, (-1,)) for field in fields]
    pieces: list[list[Any]] = [[] for _ in fields]
    for part in _parts(places[0], backend):
        found: list[Any] = [0.0] * len(fields)
        for index, weight in _corners([place[..., part] for place in places], shape, xp):
            where = xp.reshape(index, (-1,))
            found = [f + weight * xp.reshape(xp.take(a, where), index.shape) for f, a in zip(found, flat, strict=True)]
        for piece, value in zip(pieces, found, strict=True):
            piece.append(value)
    return [piece[0] if len(piece) == 1 else xp.concat(piece, axis=-1) for piece in pieces]


def _parts(a: Any, backend: Any) -> list[slice]:
    """Return parts of the particles whose arrays fit into the cache."""
    n = a.shape[-1]
    some = CHUNK if backend.in_parts else n
    return [slice(start, min(start + some, n)) for start in range(0, n, some)]


def _corners(places: Sequence[Any], shape: tuple[int, ...], xp: Any) -> Iterator[tuple[Any, Any]]:
    """Yield, of each corner of the particles' cells, the node's index in the flattened grids and its share."""
    inside, low, shares = True, 0, []
    for place, nodes in zip(places, shape, strict=True):
        inside = (place >= 0) & (place <= nodes - 1) & inside
        node = xp.clip(xp.floor(place), 0, nodes - 2)
        share = place - node
        shares.append((1 - share, share))
        low = low * nodes + xp.astype(node, xp.int64)
    leading = tuple(places[0].shape[:-1])
    if leading:  # each setting has a grid of its own
        first = xp.arange(prod(leading), dtype=xp.int64, device=device(places[0])) * prod(shape)
        low = low + xp.reshape(first, (*leading, 1))
    corners = [(xp.where(inside, share, xp.zeros_like(share)), side) for side, share in enumerate(shares[0])]
    for nodes, (lower, upper) in zip(shape[1:], shares[1:], strict=True):
        both = ((lower, 0), (upper, 1))
        corners = [(weight * share, offset * nodes + side) for weight, offset in corners for share, side in both]
    for weight, offset in corners:
        yield low + offset, weight
