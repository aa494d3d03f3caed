"""Plain numbers and arrays side by side: which namespace computes with them, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_namespace

from . import scalar
from .errors import BackendError

Array = Any
"""An array of any backend. (The array API standard has no common base class.)"""


def is_number(value: Any) -> bool:
    """Whether `value` is a plain number, as opposed to an array."""
    return type(value) is float or (isinstance(value, (int, float)) and not isinstance(value, bool))


def is_zero(value: Any) -> bool:
    """Whether `value` is known to be zero for good: a plain zero, or absent.

    An array is never known to be zero, whatever it holds: it may be batched, traced or differentiated.
    """
    return value is None or (is_number(value) and value == 0)


def library(array: Any) -> str:
    """Name of the package that an array's type comes from: ``"numpy"``, ``"torch"``, ``"jax"``, ..."""
    package: str = type(array).__module__.partition(".")[0]
    return "jax" if package == "jaxlib" else package


_PLAIN = frozenset({float, int, type(None)})
"""Types of most parameters, which are asked for in every call."""


def arrays(values: Iterable[Any]) -> list[Array]:
    """Those of `values` that are arrays."""
    # most are plain floats, and this is asked of all parameters in every call
    return [value for value in values if type(value) is not float and value is not None and not is_number(value)]


def as_index(array: Any, xp: Any) -> Array:
    """Return an array of whole numbers in the library's own type: without double precision JAX has no int64."""
    return xp.astype(array, xp.asarray(0).dtype)


class Mixed:
    """A namespace that also takes plain numbers, with which the array libraries differ in what they allow.

    A function of plain numbers alone is computed by :mod:`caraval.core.scalar` and stays a plain number.
    """

    def __init__(self, xp: Any) -> None:
        self.arrays = xp
        self.is_numpy = is_numpy_namespace(xp)

    def __getattr__(self, name: str) -> Any:
        of_arrays = getattr(self.arrays, name)
        of_numbers = getattr(scalar, name, None)
        if of_numbers is None or not callable(of_numbers):
            attribute = of_arrays
        else:
            attribute = self._choose(name, of_numbers, of_arrays)
        setattr(self, name, attribute)
        return attribute

    def _choose(self, name: str, of_numbers: Callable[..., Any], of_arrays: Callable[..., Any]) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            if all(isinstance(argument, (int, float, bool)) for argument in arguments):
                return of_numbers(*arguments)
            if name == "where" and isinstance(arguments[0], bool):
                return of_numbers(*arguments)
            return of_arrays(*self._as_arrays(arguments))

        return function

    def _as_arrays(self, values: tuple[Any, ...]) -> list[Array]:
        """Return plain numbers among `values` as arrays beside the others, of their precision; NumPy itself gives them that."""
        if self.is_numpy and any(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in values):
            return list(values)
        found = arrays(value for value in values if not isinstance(value, bool))
        like = next((array for array in found if self.arrays.isdtype(array.dtype, "real floating")), None)
        if like is None:  # only conditions: numbers keep their precision, which PyTorch would halve
            return [self.arrays.asarray(np.float64(value)) if is_number(value) else value for value in values]
        make = self.arrays.asarray
        return [make(value, dtype=like.dtype, device=device(like)) if is_number(value) else value for value in values]


@cache
def mixed(xp: Any) -> Mixed:
    """Return the one :class:`Mixed` namespace over `xp`."""
    return Mixed(xp)


def namespace(*values: Any) -> Any:
    """Return the namespace that computes with `values`: plain numbers, arrays of one backend, or both.

    Raises
    ------
    BackendError
        If arrays of different backends come together.
    """
    if _PLAIN.issuperset(map(type, values)):
        return scalar
    found = arrays(values)
    if not found:
        return scalar
    libraries = {library(array) for array in found}
    if len(libraries) > 1:
        raise BackendError(
            f"arrays of different backends come together: {', '.join(sorted(libraries))}; "
            "bring lattice and beam to one with .to(backend=...)"
        )
    return mixed(array_namespace(found[0]))


def expand(value: Any) -> Any:
    """Give an array of settings a trailing axis of one, for the particles; plain numbers need none."""
    if is_number(value) or value is None or value.ndim == 0:
        return value
    return value[..., None]


def shape_of(value: Any) -> tuple[int, ...]:
    """Shape of a number or an array."""
    return () if is_number(value) else tuple(value.shape)


def together(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape of arrays broadcast together: mostly they have one, beside those without axes."""
    different = set(shapes) - {()}
    return next(iter(different), ()) if len(different) < 2 else np.broadcast_shapes(*different)


def stack(values: Iterable[Any], xp: Any = None, axis: int = -1) -> Array:
    """Stack numbers and arrays, broadcast together, along a new axis; NumPy where all are plain numbers."""
    values = list(values)
    found = arrays(values)
    if not found:
        return np.stack([np.asarray(value, dtype=float) for value in values], axis=axis)
    xp = array_namespace(found[0])
    like = found[0]
    shape = np.broadcast_shapes(*(shape_of(value) for value in values))
    dtype = xp.result_type(*found)
    place = device(like)
    full = [
        xp.full(shape, float(value), dtype=dtype, device=place)
        if is_number(value)
        else xp.broadcast_to(xp.astype(value, dtype), shape)
        for value in values
    ]
    return xp.stack(full, axis=axis)


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same, arrays value by value, also inside of lists and mappings."""
    if a is b:
        return True
    if hasattr(a, "shape") or hasattr(b, "shape"):
        if getattr(a, "shape", None) != getattr(b, "shape", None) or library(a) != library(b):
            return False
        try:
            return bool(array_namespace(a).all(a == b))
        except Exception:  # a traced array has no truth: it is the same only as itself
            return False
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
