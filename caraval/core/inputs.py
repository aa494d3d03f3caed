"""What users give for a beam, brought to arrays of one shape, library and precision, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from .arrays import is_number, library, shape_of
from .coordinates import Coordinates
from .errors import BackendError, InputError
from .registry import backend_of


def coordinates_from(given: dict[str, Any]) -> Coordinates:
    """Return the coordinates as arrays of one shape, library and precision; what is left out is zero."""
    arrays = {name: _as_array(name, value) for name, value in given.items() if value is not None}
    if not arrays:
        raise InputError("a beam needs at least one coordinate; give x=, px=, y=, py=, z= or pz= with one value per particle")
    libraries = {library(array) for array in arrays.values()}
    if len(libraries) > 1:
        raise BackendError(f"coordinates of different backends: {', '.join(f'{n} is {library(a)}' for n, a in arrays.items())}")
    backend = backend_of(next(iter(arrays.values())))
    shapes = {name: shape_of(array) for name, array in arrays.items()}
    try:
        shape = np.broadcast_shapes(*shapes.values())
    except ValueError:
        raise InputError(
            f"coordinates must have one shape (..., n): {', '.join(f'{n} {s}' for n, s in shapes.items())}"
        ) from None
    sizes = {s[-1] for s in shapes.values() if s}
    if not shape or len(sizes - {1}) > 1 or (1 in sizes and len(sizes) > 1):
        raise InputError(f"coordinates must have one shape (..., n): {', '.join(f'{n} {s}' for n, s in shapes.items())}")
    if shape[-1] == 0:
        raise InputError("a beam needs at least one particle")
    first = next(iter(arrays.values()))
    xp = array_namespace(first)
    dtype = xp.result_type(*(a for a in arrays.values()))
    if not xp.isdtype(dtype, "real floating"):
        dtype = backend.dtype("float64")
    if str(dtype).rpartition(".")[2] not in ("float64", "float32"):
        raise InputError(f"coordinates must be float64 or float32, not {dtype}")
    zero = xp.zeros(shape, dtype=dtype, device=device(first))
    full = {name: xp.broadcast_to(xp.astype(array, dtype), shape) for name, array in arrays.items()}
    return Coordinates(*(full.get(name, zero) for name in Coordinates._fields))


def _as_array(name: str, value: Any) -> Any:
    if is_number(value) or isinstance(value, (list, tuple)):
        try:
            return np.atleast_1d(np.asarray(value, dtype=float))
        except (TypeError, ValueError):
            raise InputError(f"{name} must hold numbers, not {value!r}") from None
    if not hasattr(value, "shape"):
        raise InputError(f"{name} must be an array (..., n), not {type(value).__name__}")
    return value


def field(name: str, value: Any, like: Any, dtype: Any) -> Any:
    """Return a number, a list or an array as an array beside the coordinates, of their shape.

    Raises
    ------
    InputError
        If the shapes do not fit.
    BackendError
        If it is an array of another library.
    """
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if hasattr(value, "shape") and library(value) not in (library(like), "numpy"):
        raise BackendError(f"{name} is a {library(value)} array and the coordinates are on {library(like)}")
    array = backend_of(like).asarray(value, dtype=dtype, device=device(like))
    last = list(zip(array.shape[::-1], like.shape[::-1], strict=False))
    fits = len(array.shape) <= len(like.shape) and all(size in (1, wanted) for size, wanted in last)
    if not fits:
        raise InputError(f"{name} has shape {tuple(array.shape)}, the coordinates {tuple(like.shape)}")
    return array_namespace(array).broadcast_to(array, like.shape)
