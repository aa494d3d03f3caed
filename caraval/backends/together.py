"""Rows of one variant as one row of arrays: what libraries without a compiler run for all elements at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from caraval.core.affine import taken
from caraval.core.arrays import arrays, is_number, namespace, shape_of, stack
from caraval.core.coordinates import Coordinates
from caraval.core.expansion import expanded, seeded
from caraval.core.jet import jet_namespace, lifted
from caraval.core.rows import Row, Variant, mapped, unflatten

from .base import Backend, moved


class Group(NamedTuple):
    """The rows of a variant: where they are among all, and their constants, numbers or arrays ``(rows, ...)``."""

    variant: Variant
    places: np.ndarray
    constants: Any


class Together:
    """Rows in groups of one variant.

    Orbits are arrays ``(rows, 6, ...)``: one before each row, with settings last.

    Parameters
    ----------
    rows : sequence of Row
        Without particles' axes.
    backend : Backend
        Of their arrays.
    """

    def __init__(self, rows: Sequence[Row], backend: Backend) -> None:
        self.backend = backend
        unique = {id(row): row for row in rows}
        found = arrays(v for row in unique.values() if not row.is_plain for v in row.values)
        self.like = found[0] if found else None
        self.shape = np.broadcast_shapes(*map(shape_of, found))
        """Of the rows' settings."""
        places: dict[Variant, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row.variant, []).append(place)
        self.groups = [Group(v, np.array(p), self._constants(v, [rows[i] for i in p])) for v, p in places.items()]
        self.order = np.argsort(np.concatenate([group.places for group in self.groups]))

    def asarray(self, values: Any) -> Any:
        """Return values of NumPy as an array beside the rows'; an array as it is."""
        if not isinstance(values, np.ndarray):
            return values
        if self.like is None:
            return self.backend.asarray(values)
        return self.backend.beside(values, self.like)

    def _constants(self, variant: Variant, rows: Sequence[Row]) -> Any:
        columns = zip(*(row.values for row in rows), strict=True)
        return unflatten(variant.layout, iter([self._column(column) for column in columns]))

    def _column(self, values: Sequence[Any]) -> Any:
        """Return a constant of all rows: a number, if it is the same one, else an array ``(rows, ...)``."""
        if all(map(is_number, values)):
            if all(value == values[0] for value in values):
                return values[0]
            return self.asarray(np.array(values, dtype=float))
        return stack(values, axis=0)

    def stacked(self, orbit: Sequence[Any]) -> Any:
        """Return six numbers or arrays of settings as an orbit ``(6, ...)`` beside the rows'."""
        found = self.asarray(stack(orbit, axis=0))
        xp, shape = array_namespace(found), np.broadcast_shapes(self.shape, found.shape[1:])
        return xp.broadcast_to(_level(found, len(shape)), (6, *shape))

    def joined(self, orbits: Sequence[Sequence[Any]]) -> Any:
        """Return orbits one after the other as one array ``(n, 6, ...)``."""
        if all(is_number(value) for orbit in orbits for value in orbit):
            return np.array(orbits, dtype=float)
        found = [self.stacked(orbit) for orbit in orbits]
        shape = np.broadcast_shapes(*map(shape_of, found))
        xp = array_namespace(found[0])
        return xp.stack([xp.broadcast_to(orbit, shape) for orbit in found])

    def moved(self, orbits: Any) -> Any:
        """Return the orbits after the rows."""
        found = []
        for variant, places, constants in self.groups:
            before = taken(orbits, places)
            q = Coordinates(*(before[:, i, ...] for i in range(6)))
            after = moved(variant, namespace(before))(beside(constants, before), q)
            found.append(_filled(list(after), before.shape[:1] + before.shape[2:]))
        return self._in_order(found)

    def expanded(self, orbits: Any) -> tuple[Any, Any]:
        """Return the matrices ``(rows, 6, 6, ...)`` of the rows about the orbits, and the orbits after them."""
        matrices, ends = [], []
        for variant, places, constants in self.groups:
            before = taken(orbits, places)
            q = seeded(tuple(before[:, i, ...] for i in range(6)))
            after, entries = expanded(moved(variant, jet_namespace(namespace(before)))(lifted(beside(constants, before)), q))
            shape = before.shape[:1] + before.shape[2:]
            rows = _filled([value for row in entries for value in row], shape, like=before)
            matrices.append(array_namespace(rows).reshape(rows, (shape[0], 6, 6, *shape[1:])))
            ends.append(_filled(list(after), shape))
        return self._in_order(matrices), self._in_order(ends)

    def _in_order(self, found: Sequence[Any]) -> Any:
        return taken(array_namespace(found[0]).concat(found), self.order)


def beside(constants: Any, orbits: Any) -> Any:
    """Return constants of rows with as many axes as the coordinates of orbits have."""
    return mapped(constants, lambda value: value if is_number(value) else _level(value, orbits.ndim - 2))


def _level(array: Any, axes: int) -> Any:
    """Return an array ``(n, ...)`` with so many axes of settings."""
    missing = axes + 1 - array.ndim
    return array if missing <= 0 else array_namespace(array).reshape(array, (array.shape[0], *missing * (1,), *array.shape[1:]))


def _filled(values: Sequence[Any], shape: tuple[int, ...], like: Any = None) -> Any:
    """Return numbers and arrays of a shape as one array, with them as its second axis."""
    if like is not None and not arrays(values):
        values = [values[0] + 0.0 * like[:, 0, ...], *values[1:]]
    found = stack(values, axis=-1)
    xp = array_namespace(found)
    return xp.permute_dims(xp.broadcast_to(found, (*shape, len(values))), (0, len(shape), *range(1, len(shape))))
