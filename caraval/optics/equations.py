"""A few linear equations, of numbers of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from caraval.core.jet import Jet
from caraval.core.maps import product, stack_entries


def solved(matrix: Sequence[Sequence[Any]], right: Sequence[Any], backend: Any) -> list[Any]:
    """Return the solution of a few linear equations: plain numbers, or arrays of settings."""
    a, b = stack_entries(matrix), stack_entries([[value] for value in right])
    if isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
        a, b = (backend.asarray(part) for part in (a, b))
    if isinstance(a, np.ndarray):
        x = np.linalg.solve(a, b)[..., 0]
        return x.tolist() if x.ndim == 1 else [x[..., i] for i in range(len(right))]
    x = array_namespace(a).linalg.solve(a, b)[..., 0]
    return [x[..., i] for i in range(len(right))]


def solved_jets(matrix: Sequence[Sequence[Any]], right: Sequence[Any], backend: Any) -> list[Any]:
    """Return the solution of linear equations; of jets by the derivative ``A x' = b' - A' x``."""
    jets = [value for row in (*matrix, right) for value in row if isinstance(value, Jet)]
    if not jets:
        return solved(matrix, right, backend)
    values = [[value_of(v) for v in row] for row in matrix]
    found = solved(values, [value_of(v) for v in right], backend)
    rest = [slope_of(b) - product([slope_of(a) for a in row], found) for row, b in zip(matrix, right, strict=True)]
    slopes = solved(values, rest, backend)
    return [jet(value, slope) for value, slope in zip(found, slopes, strict=True)]


def jet(value: Any, slope: Any) -> Jet:
    """Return a number with its derivative by pz."""
    return Jet(value, (slope, *[None] * 5))


def value_of(number: Any) -> Any:
    """Return a number, or the value of a jet."""
    return number.value if isinstance(number, Jet) else number


def slope_of(number: Any) -> Any:
    """Return the derivative by pz that a jet carries."""
    slope = number.slopes[0] if isinstance(number, Jet) else None
    return 0.0 if slope is None else slope
