"""Linear and second-order maps: what they are, how linear ones compose, and how particles go through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from .arrays import arrays, stack
from .coordinates import Coordinates

IDENTITY = np.eye(6)
"""The 6 x 6 unit matrix."""


class LinearMap(NamedTuple):
    """``q -> matrix @ q + offset``.

    Attributes
    ----------
    matrix : array (..., 6, 6)
    offset : array (..., 6)
    """

    matrix: Any
    offset: Any

    @classmethod
    def from_entries(cls, entries: Sequence[Sequence[Any]], offset: Sequence[Any] | None = None) -> LinearMap:
        """Return the map of 6 x 6 numbers or batches of settings (and 6 of the offset)."""
        return cls(_matrix(entries), stack([0.0] * 6 if offset is None else offset))

    @classmethod
    def from_blocks(
        cls,
        x: Sequence[Sequence[Any]] = ((1.0, 0.0), (0.0, 1.0)),
        y: Sequence[Sequence[Any]] = ((1.0, 0.0), (0.0, 1.0)),
        z: Sequence[Sequence[Any]] = ((1.0, 0.0), (0.0, 1.0)),
        dispersion: Sequence[Any] = (0.0, 0.0, 0.0, 0.0),
        offset: Sequence[Any] | None = None,
        xp: Any = None,
    ) -> LinearMap:
        """Return an uncoupled map from its 2 x 2 blocks.

        Parameters
        ----------
        x, y, z : 2 x 2 numbers or batches of settings
            Blocks of the three planes.
        dispersion : four numbers
            The last column of ``x, px, y, py``. The fifth row follows from the symplectic condition.
        offset : six numbers, optional
        xp : namespace, optional
            Not needed; taken because map functions have it at hand.
        """
        (a, b), (c, d) = x
        (e, f), (g, h) = y
        d1, d2, d3, d4 = dispersion
        row5 = [c * d1 - a * d2, d * d1 - b * d2, g * d3 - e * d4, h * d3 - f * d4]
        return cls.from_entries(
            [
                [a, b, 0.0, 0.0, 0.0, d1],
                [c, d, 0.0, 0.0, 0.0, d2],
                [0.0, 0.0, e, f, 0.0, d3],
                [0.0, 0.0, g, h, 0.0, d4],
                [*row5, z[0][0], z[0][1]],
                [0.0, 0.0, 0.0, 0.0, z[1][0], z[1][1]],
            ],
            offset,
        )

    def then(self, other: LinearMap) -> LinearMap:
        """Return the map of this one followed by another."""
        first, second = together(self, other)
        return LinearMap(second.matrix @ first.matrix, apply(second, first.offset))


class SecondOrderMap(NamedTuple):
    """``q_i -> offset_i + matrix_ij q_j + quadratic_ijk q_j q_k``.

    Attributes
    ----------
    matrix : array (..., 6, 6)
    offset : array (..., 6)
    quadratic : array (..., 6, 6, 6)
        Symmetric in its last two indices: half the second derivative.
    """

    matrix: Any
    offset: Any
    quadratic: Any

    @classmethod
    def from_entries(
        cls,
        offset: Sequence[Any] | None,
        entries: Sequence[Sequence[Any]],
        quadratic: Sequence[Sequence[Sequence[Any]]],
    ) -> SecondOrderMap:
        """Return the map of 6, 6 x 6 and 6 x 6 x 6 numbers or batches of settings."""
        linear = LinearMap.from_entries(entries, offset)
        rows = _matrix([[entry for row in plane for entry in row] for plane in quadratic])
        return cls(*linear, array_namespace(rows).reshape(rows, (*rows.shape[:-1], 6, 6)))

    @property
    def linear(self) -> LinearMap:
        """The map without its quadratic part."""
        return LinearMap(self.matrix, self.offset)

    def jacobian(self, vector: Any) -> Any:
        """Return the derivative of the map at a vector ``(..., 6)``: ``matrix + 2 quadratic . vector``."""
        return self.matrix + 2 * (self.quadratic @ vector[..., None, :, None])[..., 0]


Map = LinearMap | SecondOrderMap


def _matrix(entries: Sequence[Sequence[Any]]) -> Any:
    """Stack rows of numbers, or of batches of settings."""
    return stack([stack(row) for row in _alike(entries)], axis=-2)


def _alike(entries: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Broadcast entries so that every row stacks to one shape and one library."""
    found = arrays(entry for row in entries for entry in row)
    if not found:
        return [list(row) for row in entries]
    xp = array_namespace(found[0])
    shape = np.broadcast_shapes(*(array.shape for array in found))
    zero = xp.zeros(shape, dtype=xp.result_type(*found), device=device(found[0]))
    return [[entry + zero for entry in row] for row in entries]


def together(*maps: LinearMap) -> list[LinearMap]:
    """Bring maps of plain numbers (NumPy) to the library of those that hold other arrays."""
    foreign = [part for m in maps for part in m if not isinstance(part, np.ndarray)]
    if not foreign:
        return list(maps)
    xp = array_namespace(foreign[0])
    kind = {"dtype": foreign[0].dtype, "device": device(foreign[0])}
    return [LinearMap(*(xp.asarray(p, **kind) if isinstance(p, np.ndarray) else p for p in m)) for m in maps]


def apply(m: Map, vector: Any) -> Any:
    """Return the image of a vector ``(..., 6)``."""
    image = (m.matrix @ vector[..., None])[..., 0] + m.offset
    if isinstance(m, SecondOrderMap):
        image = image + contracted(m.quadratic, vector[..., :, None] * vector[..., None, :])
    return image


def contracted(quadratic: Any, products: Any) -> Any:
    """Return ``quadratic_ijk products_jk``, of arrays ``(..., 6, 6, 6)`` and ``(..., 6, 6)``."""
    xp = array_namespace(quadratic, products)
    return xp.sum(xp.sum(quadratic * products[..., None, :, :], axis=-1), axis=-1)


Entries = NamedTuple("Entries", [(f"r{i}{j}", Any) for i in range(6) for j in range(6)] + [(f"o{i}", Any) for i in range(6)])  # type: ignore[misc]


def entries(m: LinearMap, particles: bool = True) -> Any:
    """Return the constants of :func:`track` for a map: its 42 numbers, or arrays of settings with an axis for particles."""
    return Entries(*_unstacked(m.matrix, 2, particles), *_unstacked(m.offset, 1, particles))


def _unstacked(part: Any, dimensions: int, particles: bool) -> list[Any]:
    """Return the entries of a part of a map one by one: plain numbers where they are known."""
    if is_known(part, dimensions):
        return part.ravel().tolist()
    axes = part.ndim - dimensions
    values = [part[(..., *place)] for place in np.ndindex(*part.shape[axes:])]
    return [value[..., None] for value in values] if particles and axes else values


def is_known(part: Any, dimensions: int) -> bool:
    """Whether a part of a map is plain numbers, without axes for settings."""
    return isinstance(part, np.ndarray) and part.ndim == dimensions


def is_static(m: Map) -> bool:
    """Whether a map is plain numbers."""
    return all(is_known(part, dimensions) for part, dimensions in zip(m, (2, 1, 3), strict=False))


def track(c: Any, q: Any, xp: Any) -> Any:
    """Move particles through a linear map."""
    x, px, y, py, z, pz = q
    return Coordinates(
        c.r00 * x + c.r01 * px + c.r02 * y + c.r03 * py + c.r04 * z + c.r05 * pz + c.o0,
        c.r10 * x + c.r11 * px + c.r12 * y + c.r13 * py + c.r14 * z + c.r15 * pz + c.o1,
        c.r20 * x + c.r21 * px + c.r22 * y + c.r23 * py + c.r24 * z + c.r25 * pz + c.o2,
        c.r30 * x + c.r31 * px + c.r32 * y + c.r33 * py + c.r34 * z + c.r35 * pz + c.o3,
        c.r40 * x + c.r41 * px + c.r42 * y + c.r43 * py + c.r44 * z + c.r45 * pz + c.o4,
        c.r50 * x + c.r51 * px + c.r52 * y + c.r53 * py + c.r54 * z + c.r55 * pz + c.o5,
    )


class QuadraticEntries(NamedTuple):
    """Constants of :func:`track_quadratic`: the linear part, and for each coordinate the coefficients of the 21 products."""

    linear: Any
    quadratic: tuple[tuple[Any, ...], ...]


PAIRS = tuple((j, k) for j in range(6) for k in range(j, 6))
"""The products ``q_j q_k`` in the order of their coefficients."""


def quadratic_entries(m: SecondOrderMap, particles: bool = True) -> QuadraticEntries:
    """Return the constants of :func:`track_quadratic` for a map, see :func:`entries`."""
    every = _unstacked(m.quadratic, 3, particles)
    rows = (every[36 * i : 36 * i + 36] for i in range(6))
    pairs = tuple(tuple(row[6 * j + k] * (1 if j == k else 2) for j, k in PAIRS) for row in rows)
    return QuadraticEntries(entries(m.linear, particles), pairs)


def track_quadratic(c: QuadraticEntries, q: Any, xp: Any) -> Any:
    """Move particles through a second-order map."""
    x, px, y, py, z, pz = track(c.linear, q, xp)
    return Coordinates(
        x + quadratic_form(c.quadratic[0], q),
        px + quadratic_form(c.quadratic[1], q),
        y + quadratic_form(c.quadratic[2], q),
        py + quadratic_form(c.quadratic[3], q),
        z + quadratic_form(c.quadratic[4], q),
        pz + quadratic_form(c.quadratic[5], q),
    )


def quadratic_form(t: Any, q: Any) -> Any:
    """Return a sum of the products of two coordinates."""
    x, px, y, py, z, pz = q
    return (
        x * (t[0] * x + t[1] * px + t[2] * y + t[3] * py + t[4] * z + t[5] * pz)
        + px * (t[6] * px + t[7] * y + t[8] * py + t[9] * z + t[10] * pz)
        + y * (t[11] * y + t[12] * py + t[13] * z + t[14] * pz)
        + py * (t[15] * py + t[16] * z + t[17] * pz)
        + z * (t[18] * z + t[19] * pz)
        + t[20] * pz * pz
    )


THROUGH: dict[type[Map], tuple[Any, Any]] = {
    LinearMap: (track, entries),
    SecondOrderMap: (track_quadratic, quadratic_entries),
}
"""How particles go through each kind of map: the routine, and what makes its constants."""
