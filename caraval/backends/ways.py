"""Maps of all elements at once, on libraries without a compiler.

An orbit is followed by its values alone, row after row. About it all rows of a variant are expanded together, and an orbit
with derivatives comes of it by Newton's method for all places at once: its changes obey linear equations
(multiple shooting; Gander, "50 years of time parallel time integration", 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from caraval.core.affine import chained, folded, taken
from caraval.core.arrays import is_number, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.errors import InputError
from caraval.core.loss import ORBIT_LOST
from caraval.core.registry import registry
from caraval.core.rows import Row

from .base import Backend
from .together import Together

ORDER = 2
"""Up to this order derivatives of orbits are exact: every repetition adds one."""

NEAR = 1e-12
"""An orbit this near to another [m, rad] is had from it by one step of Newton's method to all digits."""


class Path(NamedTuple):
    """Values along an orbit: before every row and at the end ``(rows + 1, 6, ...)``, and the matrices of the rows."""

    orbits: Any
    matrices: Any


class Way:
    """Stretches of rows, ready to be passed by orbits; see :class:`caraval.backends.jax_maps.Way`.

    Parameters
    ----------
    rows : sequence of Row
        Without particles' axes.
    lengths : sequence of int
        How many of them each stretch has: a map is wanted of each.
    backend : Backend
        Of the rows' arrays.
    """

    def __init__(self, rows: Sequence[Row], lengths: Sequence[int], backend: Backend) -> None:
        self.rows, self.lengths, self.backend = rows, lengths, backend
        self.is_numpy = backend.name == "numpy"
        self._path: Path | None = None
        self._maps: tuple[tuple[Any, ...], Any] = ((), None)

    @cached_property
    def together(self) -> Together:
        """The rows by variants."""
        return Together(self.rows, self.backend)

    @cached_property
    def values(self) -> Way:
        """The same without derivatives: in NumPy, where values are known."""
        if self.is_numpy:
            return self
        unique = {id(row): row for row in self.rows}
        known = {key: row if row.is_plain else row.mapped(self._value) for key, row in unique.items()}
        if not all(is_known(value) for row in known.values() for value in row.values):
            return self.hidden
        return Way([known[id(row)] for row in self.rows], self.lengths, registry().backend("numpy"))

    @cached_property
    def hidden(self) -> Way:
        """The same without derivatives, in its own library."""
        unique = {id(row): row if row.is_plain else row.mapped(self.backend.detached) for row in self.rows}
        way = Way([unique[id(row)] for row in self.rows], self.lengths, self.backend)
        way.values = way.hidden = way
        return way

    def _of_values(self, start: Sequence[Any]) -> tuple[Way, list[Any]]:
        """Return the way without derivatives, and an orbit without them for it."""
        known = [self._value(v) for v in start]
        return (self.values if all(map(is_known, known)) else self.hidden), known

    def _value(self, number: Any) -> Any:
        """Return the value of an array; the array itself, without derivatives, where it is hidden."""
        if is_known(number):
            return number
        value = self.backend.shown(number)
        if value is None:
            return self.backend.detached(number)
        return float(value) if value.ndim == 0 else np.asarray(value, dtype=float)

    # ---------------------------------------------------------------- orbits

    def path(self, start: Sequence[Any], near: float = 0.0) -> Path:
        """Return the path of an orbit without derivatives; the last one that was asked for, if it is as near as that.

        Raises
        ------
        InputError
            If the orbit leaves the region where tracking has values.
        """
        way, start = self._of_values(start)
        if way is not self:
            return way.path(start, near)
        begin = self.together.stacked(start)
        if self._path is None or not self._apart(self._path.orbits[0], begin) <= near:
            with np.errstate(all="ignore"):  # of machines among many that lose it
                orbits = self.together.joined(followed(self.rows, start))
                self._path = Path(orbits, self.together.expanded(orbits[:-1])[0])
        return self._path

    def _apart(self, one: Any, other: Any) -> float:
        return self._size(one - other) if one.shape == other.shape else np.inf

    def _size(self, array: Any) -> float:
        """Return the largest number in an array, in all lanes."""
        known = self.backend.value(array)
        return np.inf if known is None else float(np.max(np.abs(known)))

    def orbits(self, start: Sequence[Any], path: Path | None = None) -> Any:
        """Return an orbit, with its derivatives, before every row and at the end: ``(rows + 1, 6, ...)``.

        Parameters
        ----------
        start : six numbers
        path : Path, optional
            A near one that is known.
        """
        if self.is_numpy:
            return (path or self.path(start)).orbits
        found, matrices = map(self.together.asarray, path or self.path(start, NEAR))
        first = self.together.stacked(start)
        for _ in range(ORDER):
            off = self.together.moved(found[:-1]) - found[1:]
            found = found + chained(matrices, off, first - found[0])
        return found

    def maps(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrices ``(stretches, 6, 6, ...)`` about an orbit, and where it is after each ``(stretches, 6, ...)``."""
        known, found = self._maps
        if len(known) != len(start) or any(a is not b for a, b in zip(known, start, strict=True)):
            found = self._expanded(start)
            self._maps = tuple(start), found
        return found  # type: ignore[no-any-return]

    def _expanded(self, start: Sequence[Any]) -> tuple[Any, Any]:
        if self.is_numpy:
            orbits, matrices = self.path(start)
        else:
            orbits = self.orbits(start)
            matrices, _ = self.together.expanded(orbits[:-1])
        return folded(matrices, self.lengths), taken(orbits, np.cumsum(self.lengths))

    def turn(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrix ``(6, 6, ...)`` of all together, and where the orbit ends."""
        matrices, orbits = self.maps(start)
        return folded(matrices, [matrices.shape[0]])[0], orbits[-1]

    # ---------------------------------------------------------------- closed orbits

    def closed(self, start: Sequence[Any], dimensions: int, steps: int, small: float, settled: float) -> tuple[Any, Any]:
        """Return the orbit that Newton's method comes to, without derivatives, and how large its last step was.

        Parameters
        ----------
        start : six numbers
        dimensions : int
            How many of the coordinates come back to what they were.
        steps : int
            So many at most.
        small, settled : float
            A step below the first is the last, or below the other and no smaller than the one before.

        Raises
        ------
        InputError
            If the orbit is lost on the way there.
        """
        way, start = self._of_values(start)
        orbit, size = way.together.stacked(start), np.inf
        for _ in range(steps):
            path = way.path(unstacked(orbit))
            step = newton(path.matrices, path.orbits[-1] - path.orbits[0], dimensions)
            orbit, before, size = path.orbits[0] + step, size, way._size(step)
            if size < small or (size >= before and size < settled):
                break
        return orbit, size

    def improved(self, start: Sequence[Any], dimensions: int) -> Any:
        """Return a closed orbit ``(6, ...)`` with its derivatives, from one that has none."""
        path = Path(*map(self.together.asarray, self.path(start)))
        found = self.together.stacked(start)
        for _ in range(ORDER):
            off = self.orbits(unstacked(found), path)[-1] - found
            found = found + newton(path.matrices, off, dimensions)
        return found


def is_known(value: Any) -> bool:
    """Whether a value is a number or an array of NumPy."""
    return is_number(value) or isinstance(value, np.ndarray)


def unstacked(orbit: Any) -> tuple[Any, ...]:
    """Return six numbers or arrays of an orbit ``(6, ...)``."""
    return (
        tuple(orbit.tolist()) if isinstance(orbit, np.ndarray) and orbit.ndim == 1 else tuple(orbit[i, ...] for i in range(6))
    )


def followed(rows: Sequence[Row], start: Sequence[Any]) -> list[Coordinates]:
    """Return the coordinates of an orbit before every row, and at the end.

    Raises
    ------
    InputError
        If the orbit leaves the region where tracking has values.
    """
    unique = {id(row): row for row in rows}
    xp = namespace(*start, *(v for row in unique.values() if not row.is_plain for v in row.values))
    q = Coordinates(*start)
    found = [q]
    try:
        for row in rows:
            for track, constants in zip(row.variant.tracks, row.constants, strict=False):
                q = track(constants, q, xp)
            found.append(q)
    except (ArithmeticError, ValueError) as error:
        raise InputError(ORBIT_LOST) from error
    if all(map(is_number, q)) and not all(map(isfinite, q)):
        raise InputError(ORBIT_LOST)
    return found


def newton(matrices: Any, off: Any, dimensions: int) -> Any:
    """Return the step of Newton's method ``(6, ...)`` for what an orbit is off after maps ``(n, 6, 6, ...)``."""
    xp = array_namespace(off)
    turn = folded(matrices, [matrices.shape[0]])[0, :dimensions, :dimensions, ...]
    turn = xp.permute_dims(turn, (*range(2, turn.ndim), 0, 1))
    right = xp.permute_dims(off[:dimensions, ...], (*range(1, off.ndim), 0))[..., None]
    unit = xp.eye(dimensions, dtype=turn.dtype, device=device(turn))
    found = xp.linalg.solve(unit - turn, right)[..., 0]
    found = xp.permute_dims(found, (found.ndim - 1, *range(found.ndim - 1)))
    return xp.concat([found, xp.zeros((6 - dimensions, *found.shape[1:]), dtype=found.dtype, device=device(found))])
