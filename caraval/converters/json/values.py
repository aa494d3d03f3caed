"""Numbers, arrays and any other data: as JSON has them, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, library
from caraval.core.errors import CaravalError, LatticeError
from caraval.core.registry import backend_of, registry

from .source import Node, shortly
from .vocabulary import ARRAY, DEEPEST, DTYPES, MAPPING, TAGS, TUPLE

# -------------------------------------------------------------------- to JSON


def plain_setting(where: str, value: Any) -> Any:
    """Return a parameter as JSON has it: NumPy's arrays as lists."""
    written = plain(where, value)
    listed = written.get(ARRAY) if isinstance(written, dict) else None
    usual = isinstance(listed, list) and written == {ARRAY: listed, "dtype": "float64", "backend": "numpy"}
    return listed if usual else written


def plain(where: str, value: Any, level: int = 0) -> Any:
    """Return any data as JSON has it."""
    if level > DEEPEST:
        raise LatticeError(f"{where[:80]}... is nested more than {DEEPEST} deep, in lists and objects of JSON")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not isfinite(value):
            raise LatticeError(f"{where} must be finite, not {value}")
        return float(value)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) in (list, tuple):
        if type(value) is tuple:
            return {TUPLE: plain(where, list(value), level + 1)}
        return [plain(where, item, level + 1) for item in value]
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value) and not TAGS & value.keys():
            return {key: plain(f"{where}: {key}", item, level + 1) for key, item in value.items()}
        return {MAPPING: [[plain(where, part, level + 3) for part in pair] for pair in value.items()]}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _plain_array(where, value)
    raise LatticeError(
        f"{where}: a {type(value).__name__} cannot be written; only numbers, texts, arrays, lists and mappings can"
    )


def _plain_array(where: str, array: Any) -> dict[str, Any]:
    values = backend_of(array).value(array)
    if values is None:
        raise LatticeError(f"{where} cannot be written: a trace hides its values")
    dtype = values.dtype.name
    if dtype not in DTYPES:
        raise LatticeError(f"{where} cannot be written: an array of {dtype} is none of {', '.join(DTYPES)}")
    if not np.isfinite(values).all():
        raise LatticeError(f"{where} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")
    shape = {} if values.size else {"shape": list(values.shape)}
    return {ARRAY: values.tolist(), **shape, "dtype": dtype, "backend": library(array)}


# -------------------------------------------------------------------- from JSON


def setting(node: Node, name: str) -> Any:
    """Return a number or an array."""
    value = node.value
    if isinstance(value, dict) and ARRAY in value:
        return _array(node)
    if isinstance(value, list):
        return _values(node, value, "float64")
    if value is None:
        return None
    if not is_number(value):
        raise node.error(f"{name} must be a number or an array, not {shortly(value)}")
    try:
        return float(value)
    except OverflowError:
        raise node.error(f"{name} must be finite, not {shortly(value)}") from None


def data(node: Node) -> Any:
    """Return any data."""
    if isinstance(node.value, list):
        return [data(item) for item in node.items()]
    if not isinstance(node.value, dict):
        return node.value
    if ARRAY in node.value:
        return _array(node)
    tag = next((tag for tag in (TUPLE, MAPPING) if tag in node.value), None)
    if tag is None:
        return {key: data(child) for key, child in node.members()}
    node.only((tag,), tag)
    node[tag].expected(list, f"{tag} is a list")
    items = [data(item) for item in node[tag].items()]
    if tag == TUPLE:
        return tuple(items)
    try:
        return dict(map(_pair, items))
    except TypeError:
        raise node.error(f"{MAPPING} is a list of pairs [key, value], whose keys may be keys") from None


def _pair(item: Any) -> Any:
    if not (isinstance(item, list) and len(item) == 2):
        raise TypeError
    return item


def _array(node: Node) -> Any:
    """Return an array of the library and precision that it had."""
    node.only((ARRAY, "shape", "dtype", "backend"), "an array")
    dtype = node.value.get("dtype", "float64")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise node["dtype"].error(f"dtype must be one of {', '.join(DTYPES)}, not {shortly(dtype)}")
    backend = node["backend"].expected(str, "a backend is a name") if "backend" in node.value else "numpy"
    values = _values(node[ARRAY], node.value[ARRAY], dtype)
    with node.blamed((CaravalError, TypeError, ValueError)):
        values = values.reshape(node.value.get("shape", values.shape))
        if backend == "numpy":
            return values
        target = registry().backend(backend)
        return target.asarray(values, dtype=target.dtype(dtype) if values.dtype.kind == "f" else None)


def _values(node: Node, value: Any, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return numbers in nested lists as an array of NumPy."""
    if any(type(leaf) not in DTYPES[dtype] for leaf in _leaves(value)):
        raise node.error(f"an array of {dtype} must hold nothing else")
    try:
        with np.errstate(over="ignore"):
            values = np.array(value, dtype=dtype)
    except (ValueError, OverflowError) as error:
        raise node.error(f"this is no array of {dtype}: {error}") from None
    if not np.isfinite(values).all():
        raise node.error(f"there are values that {dtype} cannot hold")
    return values


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
