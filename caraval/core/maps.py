"""Linear maps: what they are, how they compose, and how particles go through them."""

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
        matrix = stack([stack(row) for row in _alike(entries)], axis=-2)
        if offset is None:
            offset = [0.0] * 6
        return cls(matrix, stack(offset))

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


def apply(m: LinearMap, vector: Any) -> Any:
    """Return ``matrix @ vector + offset`` for a vector ``(..., 6)``."""
    return (m.matrix @ vector[..., None])[..., 0] + m.offset


Entries = NamedTuple("Entries", [(f"r{i}{j}", Any) for i in range(6) for j in range(6)] + [(f"o{i}", Any) for i in range(6)])  # type: ignore[misc]


def entries(m: LinearMap, particles: bool = True) -> Any:
    """Return the constants of :func:`track` for a map: its 42 numbers, or arrays of settings with an axis for particles."""
    values = [m.matrix[..., i, j] for i in range(6) for j in range(6)] + [m.offset[..., i] for i in range(6)]
    if isinstance(m.matrix, np.ndarray) and m.matrix.ndim == 2 and m.offset.ndim == 1:
        return Entries(*(float(value) for value in values))
    if particles:
        values = [value[..., None] if value.ndim else value for value in values]
    return Entries(*values)


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
