"""Linear and second-order maps: what they are, how linear ones compose, and how particles go through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from .arrays import expand, is_number, shape_of, stack
from .coordinates import Coordinates

IDENTITY = np.eye(6)
"""The 6 x 6 unit matrix."""


class LinearMap:
    """``q -> matrix @ q + offset``.

    It is kept as it was made: as arrays, or entry by entry, numbers beside arrays of settings. Entries that are plain zeros
    or ones are then left out of all products.

    Attributes
    ----------
    matrix : array (..., 6, 6)
    offset : array (..., 6)
    """

    def __init__(self, matrix: Any, offset: Any) -> None:
        self.__dict__.update(matrix=matrix, offset=offset)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.matrix, self.offset))

    def __repr__(self) -> str:
        return f"LinearMap(matrix={self.matrix!r}, offset={self.offset!r})"

    @cached_property
    def matrix(self) -> Any:
        """The matrix as an array."""
        return stack_entries(self.entries)

    @cached_property
    def offset(self) -> Any:
        """The offset as an array."""
        return stack(self.shift)

    @cached_property
    def entries(self) -> Entries:
        """The matrix row by row: plain numbers, or arrays of settings."""
        return entries_of(self.matrix)

    @cached_property
    def shift(self) -> tuple[Any, ...]:
        """The offset number by number, or array of settings by array."""
        return marked(_unstacked(self.offset, 1))

    @cached_property
    def is_static(self) -> bool:
        """Whether there are plain numbers alone."""
        if "entries" in self.__dict__:
            return all(map(is_number, (*(v for row in self.entries for v in row), *self.shift)))
        return is_known(self.matrix, 2) and is_known(self.offset, 1)

    @property
    def is_batch(self) -> bool:
        """Whether there are arrays with axes for settings."""
        if "entries" in self.__dict__:
            return any(shape_of(v) for row in (*self.entries, self.shift) for v in row)
        return self.matrix.ndim > 2 or self.offset.ndim > 1

    @classmethod
    def from_entries(cls, entries: Sequence[Sequence[Any]], offset: Sequence[Any] | None = None) -> LinearMap:
        """Return the map of 6 x 6 numbers or batches of settings (and 6 of the offset)."""
        new = object.__new__(cls)
        new.__dict__.update(entries=tuple(map(marked, entries)), shift=marked(offset or (ZERO,) * 6))
        return new

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
        if self.is_static and other.is_static:
            return LinearMap(other.matrix @ self.matrix, other.matrix @ self.offset + other.offset)
        columns = tuple(zip(*self.entries, strict=True))
        entries = [[product(row, column) for column in columns] for row in other.entries]
        return LinearMap.from_entries(entries, image(other, self.shift))


Entries = tuple[tuple[Any, ...], ...]


def entries_of(matrix: Any) -> Entries:
    """Return a matrix ``(..., 6, 6)`` entry by entry."""
    values = _unstacked(matrix, 2)
    return tuple(marked(values[i : i + 6]) for i in range(0, 36, 6))


ZERO, ONE = 0.0, 1.0


def marked(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return numbers and arrays with every plain zero and one as the same two objects: they are met often."""
    return tuple(v if not isinstance(v, float) else ZERO if v == 0 else ONE if v == 1 else v for v in values)


def product(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """Return the sum of the products of numbers or arrays that are marked; nothing is multiplied by a zero or a one."""
    total: Any = ZERO
    for x, y in zip(a, b, strict=True):
        if x is ZERO or y is ZERO:
            continue
        term = y if x is ONE else x if y is ONE else x * y
        total = term if total is ZERO else total + term
    return total


def plus(a: Any, b: Any) -> Any:
    """Return the sum of two numbers or arrays, the second of which is marked."""
    return a if b is ZERO else a + b


def congruent(matrix: Entries, symmetric: Entries) -> list[list[Any]]:
    """Return ``matrix symmetric matrix^T`` entry by entry, of which one half is computed; all are marked."""
    half = [[product(row, column) for column in symmetric] for row in matrix]
    lower = [[product(half[i], matrix[j]) for j in range(i + 1)] for i in range(6)]
    return [[lower[max(i, j)][min(i, j)] for j in range(6)] for i in range(6)]


def image(m: LinearMap, vector: Sequence[Any]) -> list[Any]:
    """Return the image of a vector number by number."""
    return [plus(product(row, vector), more) for row, more in zip(m.entries, m.shift, strict=True)]


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
        rows = stack_entries([[entry for row in plane for entry in row] for plane in quadratic])
        return cls(linear.matrix, linear.offset, array_namespace(rows).reshape(rows, (*rows.shape[:-1], 6, 6)))

    @property
    def linear(self) -> LinearMap:
        """The map without its quadratic part."""
        return LinearMap(self.matrix, self.offset)

    def jacobian(self, vector: Any) -> Any:
        """Return the derivative of the map at a vector ``(..., 6)``: ``matrix + 2 quadratic . vector``."""
        return self.matrix + 2 * (self.quadratic @ vector[..., None, :, None])[..., 0]


Map = LinearMap | SecondOrderMap


def stack_entries(entries: Sequence[Sequence[Any]]) -> Any:
    """Stack rows of numbers, or of batches of settings."""
    rows = stack([value for row in entries for value in row])
    return array_namespace(rows).reshape(rows, (*rows.shape[:-1], len(entries), -1))


def apply(m: Map, vector: Any) -> Any:
    """Return the image of a vector ``(..., 6)``."""
    found = (m.matrix @ vector[..., None])[..., 0] + m.offset
    if isinstance(m, SecondOrderMap):
        found = found + contracted(m.quadratic, vector[..., :, None] * vector[..., None, :])
    return found


def contracted(quadratic: Any, products: Any) -> Any:
    """Return ``quadratic_ijk products_jk``, of arrays ``(..., 6, 6, 6)`` and ``(..., 6, 6)``."""
    xp = array_namespace(quadratic, products)
    return xp.sum(xp.sum(quadratic * products[..., None, :, :], axis=-1), axis=-1)


MapConstants = NamedTuple(  # type: ignore[misc]
    "MapConstants", [(f"r{i}{j}", Any) for i in range(6) for j in range(6)] + [(f"o{i}", Any) for i in range(6)]
)


def constants(m: LinearMap, particles: bool = True) -> Any:
    """Return the constants of :func:`track` for a map: its 42 numbers, or arrays of settings with an axis for particles."""
    return MapConstants(*_expanded((*(v for row in m.entries for v in row), *m.shift), particles))


def _expanded(values: Iterable[Any], particles: bool) -> Iterable[Any]:
    return map(expand, values) if particles else values


def _unstacked(part: Any, dimensions: int) -> list[Any]:
    """Return the entries of a part of a map one by one: plain numbers where they are known."""
    if is_known(part, dimensions):
        return part.ravel().tolist()  # type: ignore[no-any-return]
    axes = part.ndim - dimensions
    return [part[(..., *place)] for place in np.ndindex(*part.shape[axes:])]


def is_known(part: Any, dimensions: int) -> bool:
    """Whether a part of a map is plain numbers, without axes for settings."""
    return isinstance(part, np.ndarray) and part.ndim == dimensions


def is_static(m: Map) -> bool:
    """Whether a map is plain numbers."""
    return (
        m.is_static
        if isinstance(m, LinearMap)
        else all(is_known(part, dimensions) for part, dimensions in zip(m, (2, 1, 3), strict=False))
    )


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
    every = list(_expanded(_unstacked(m.quadratic, 3), particles))
    rows = (every[36 * i : 36 * i + 36] for i in range(6))
    pairs = tuple(tuple(row[6 * j + k] * (1 if j == k else 2) for j, k in PAIRS) for row in rows)
    return QuadraticEntries(constants(m.linear, particles), pairs)


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
    LinearMap: (track, constants),
    SecondOrderMap: (track_quadratic, quadratic_entries),
}
"""How particles go through each kind of map: the routine, and what makes its constants."""
