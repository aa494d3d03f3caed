"""Clouds in cells: particles on a grid of one or more dimensions, and what a grid knows where particles are.

Every particle is a cloud as wide as a cell: linear weights for the nodes around it (Birdsall and Fuss, J. Comput. Phys. 3,
494, 1969). Places are in units of cells, counted from the first node; a particle outside of the grid neither gives nor gets.

Sharing and reading are each other's transposes, so that both have derivatives that are again a sharing or a reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from array_api_compat import device

from caraval.core.arrays import as_index

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

    def shared(backend: Any, amounts: Any, *places: Any) -> tuple[Any]:
        return (backend.clouds(places).deposit(places, amounts, shape),)

    def pulled(backend: Any, given: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
        amounts, *places = given
        clouds = backend.clouds(places)
        return [*clouds.interpolate(slopes, places), *clouds.slopes(slopes, places, [amounts])]

    return backend.derived(shared, pulled)(amounts, *places)[0]


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
    number, shape = len(fields), tuple(fields[0].shape[-len(places) :])

    def read(backend: Any, *given: Any) -> list[Any]:
        fields, places = given[:number], given[number:]
        return backend.clouds(places).interpolate(fields, places)  # type: ignore[no-any-return]

    def pulled(backend: Any, given: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
        fields, places = given[:number], given[number:]
        clouds = backend.clouds(places)
        return [*(clouds.deposit(places, slope, shape) for slope in slopes), *clouds.slopes(fields, places, slopes)]

    return list(backend.derived(read, pulled)(*fields, *places))


class Clouds:
    """Sharing and reading by operations on arrays, for every library."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def deposit(self, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
        """Share amounts among nodes, see :func:`deposit`."""
        xp, leading = self.backend.xp, tuple(amounts.shape[:-1])
        total = xp.zeros((prod(leading) * prod(shape),), dtype=amounts.dtype, device=device(amounts))
        for part in self._parts(amounts):
            total = self.added(total, [place[..., part] for place in places], amounts[..., part], shape)
        return xp.reshape(total, (*leading, *shape))

    def added(self, total: Any, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
        """Return flattened grids to which amounts are added; they themselves may be changed."""
        xp = self.backend.xp
        for index, weight in _corners(places, shape, xp):
            total = self.backend.scatter_add(total, xp.reshape(index, (-1,)), xp.reshape(weight * amounts, (-1,)))
        return total

    def interpolate(self, fields: Sequence[Any], places: Sequence[Any]) -> list[Any]:
        """Return fields between nodes, see :func:`interpolate`."""
        xp, shape = self.backend.xp, tuple(fields[0].shape[-len(places) :])
        flat = [xp.reshape(field, (-1,)) for field in fields]
        pieces: list[list[Any]] = []
        for part in self._parts(places[0]):
            found: list[Any] = [0.0] * len(fields)
            for index, weight in _corners([place[..., part] for place in places], shape, xp):
                found = [f + weight * _taken(a, index, xp) for f, a in zip(found, flat, strict=True)]
            pieces.append(found)
        return self._joined(pieces)

    def slopes(self, fields: Sequence[Any], places: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
        """Return the derivatives by places in each dimension of the sum of fields there times weights.

        Parameters
        ----------
        fields : sequence of array (..., *shape)
        places : sequence of array (..., n)
        weights : sequence of array (..., n)
            One per field.

        Returns
        -------
        list of array (..., n)
            One per dimension.
        """
        xp, shape = self.backend.xp, tuple(fields[0].shape[-len(places) :])
        flat = [xp.reshape(field, (-1,)) for field in fields]
        pieces: list[list[Any]] = []
        for part in self._parts(places[0]):
            some = [place[..., part] for place in places]
            found: list[Any] = [0.0] * len(places)
            for corner in zip(*(_corners(some, shape, xp, axis) for axis in range(len(places))), strict=True):
                index = corner[0][0]
                value = sum(weight[..., part] * _taken(a, index, xp) for weight, a in zip(weights, flat, strict=True))
                found = [f + slope * value for f, (_, slope) in zip(found, corner, strict=True)]
            pieces.append(found)
        return self._joined(pieces)

    def _parts(self, a: Any) -> list[slice]:
        """Return parts of the particles whose arrays fit into the cache."""
        n = a.shape[-1]
        some = CHUNK if self.backend.in_parts else n
        return [slice(start, min(start + some, n)) for start in range(0, n, some)]

    def _joined(self, pieces: list[list[Any]]) -> list[Any]:
        return pieces[0] if len(pieces) == 1 else [self.backend.xp.concat(part, axis=-1) for part in zip(*pieces, strict=True)]


def _taken(flat: Any, index: Any, xp: Any) -> Any:
    return xp.reshape(xp.take(flat, xp.reshape(index, (-1,))), index.shape)


def _corners(places: Sequence[Any], shape: tuple[int, ...], xp: Any, along: int | None = None) -> Iterator[tuple[Any, Any]]:
    """Yield, of each corner of the particles' cells, the node's index in the flattened grids and its share.

    With `along`, the derivative of the share by the place in that dimension.
    """
    inside, low, shares = True, 0, []
    for axis, (place, nodes) in enumerate(zip(places, shape, strict=True)):
        inside = (place >= 0) & (place <= nodes - 1) & inside
        node = xp.clip(xp.floor(place), 0, nodes - 2)
        share = place - node
        one = xp.ones_like(share)
        shares.append((-one, one) if axis == along else (1 - share, share))
        low = low * nodes + as_index(node, xp)
    leading = tuple(places[0].shape[:-1])
    if leading:  # each setting has a grid of its own
        first = xp.arange(prod(leading), device=device(places[0])) * prod(shape)
        low = low + xp.reshape(first, (*leading, 1))
    corners = [(xp.where(inside, share, xp.zeros_like(share)), side) for side, share in enumerate(shares[0])]
    for nodes, (lower, upper) in zip(shape[1:], shares[1:], strict=True):
        both = ((lower, 0), (upper, 1))
        corners = [(weight * share, offset * nodes + side) for weight, offset in corners for share, side in both]
    for weight, offset in corners:
        yield low + offset, weight
