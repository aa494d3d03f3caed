"""From coordinates or moments to the numbers of order one that networks work with, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

import caraval as cv

ROWS, COLUMNS = np.triu_indices(6)
"""Of the upper triangle of a covariance, row by row."""


class Scaling(NamedTuple):
    """Centre and scale of six coordinates."""

    centre: tuple[float, ...]
    scale: tuple[float, ...]

    @staticmethod
    def check(where: str, values: Any) -> None:
        """Check that values are six numbers, none of the scales zero.

        Raises
        ------
        InputError
        """
        if values is None:
            return
        fits = len(values) == 6 and all(isinstance(v, (int, float)) and abs(v) < float("inf") for v in values)
        if not fits or (where.endswith("scale") and 0 in values):
            raise cv.InputError(f"{where} must be six numbers, of x, px, y, py, z and pz, not {values!r}")

    def of(self, moments: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return centre and scale of all numbers: of six coordinates, or of 27 moments."""
        centre, scale = np.asarray(self.centre, dtype=float), np.asarray(self.scale, dtype=float)
        if not moments:
            return centre, scale
        return np.concatenate((centre, np.zeros(len(ROWS)))), np.concatenate((scale, scale[ROWS] * scale[COLUMNS]))


def like(values: np.ndarray, other: Any) -> Any:
    """Return values beside an array: of its library, precision and place."""
    return array_namespace(other).asarray(values, dtype=other.dtype, device=device(other))


def beside(values: Any, more: Sequence[Any]) -> Any:
    """Return values (..., m) with more, numbers or arrays (...), after them in the last axis."""
    if not more:
        return values
    xp = array_namespace(values)
    columns = [like(np.asarray(v), values) if isinstance(v, (int, float)) else xp.astype(v, values.dtype) for v in more]
    shape = np.broadcast_shapes(values.shape[:-1], *(column.shape for column in columns))
    whole = [xp.broadcast_to(column, shape)[..., None] for column in columns]
    return xp.concat([xp.broadcast_to(values, (*shape, values.shape[-1])), *whole], axis=-1)


def flattened(beam: cv.MomentBeam) -> Any:
    """Return the 27 different moments (..., 27)."""
    xp = array_namespace(beam.mean)
    upper = xp.stack([beam.covariance[..., i, j] for i, j in zip(ROWS, COLUMNS, strict=True)], axis=-1)
    return xp.concat((beam.mean, upper), axis=-1)


def unflattened(values: Any) -> tuple[Any, Any]:
    """Return mean (..., 6) and covariance (..., 6, 6) of 27 moments."""
    xp = array_namespace(values)
    places = {(int(i), int(j)): 6 + k for k, (i, j) in enumerate(zip(ROWS, COLUMNS, strict=True))}
    rows = [[values[..., places[min(i, j), max(i, j)]] for j in range(6)] for i in range(6)]
    return values[..., :6], xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
