"""Trees of arrays in the file beside: safetensors, which is numbers and names and nothing that could be executed."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from caraval.converters.files import raw
from caraval.core.arrays import library
from caraval.core.errors import CaravalError, LatticeError, suggest
from caraval.core.libraries import needed
from caraval.core.registry import backend_of, registry

from .source import Node, shortly
from .vocabulary import DTYPES, TENSOR, TENSORS

SAFETENSORS = ("files with tensors need safetensors", "caraval[neural]")


class Tensors:
    """Collects arrays under names of their own; the same values are there once.

    Attributes
    ----------
    arrays : dict
        By name.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def plain(self, where: str, array: Any) -> dict[str, str]:
        """Take an array, and return what stands for it in JSON.

        Raises
        ------
        LatticeError
            If its values are hidden, not finite, or of no type that files have.
        """
        backend = backend_of(array)
        values = backend.value(array)
        if values is None:
            raise LatticeError(f"{where} cannot be written: a trace hides its values")
        if values.dtype.name not in DTYPES:
            raise LatticeError(f"{where} cannot be written: an array of {values.dtype} is none of {', '.join(DTYPES)}")
        if not np.isfinite(values).all():
            raise LatticeError(f"{where} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")
        values = np.asarray(values, order="C")
        known = self._known.setdefault((values.dtype.name, values.shape, sha256(values.tobytes()).digest()), self._free(where))
        self.arrays[known] = values
        return {TENSOR: known, "backend": library(array)}

    def _free(self, where: str) -> str:
        """Return a name that is not taken."""
        number, name = 1, where
        while name in self.arrays:
            number, name = number + 1, f"{where} ({number + 1})"
        return name

    def packed(self) -> bytes:
        """Return the content of the file.

        Raises
        ------
        BackendError
            If safetensors is not installed.
        """
        return needed("safetensors.numpy", *SAFETENSORS).save(self.arrays)


def unpacked(node: Node) -> dict[str, np.ndarray]:
    """Return the arrays in the file that a node names, which is in the folder of the lattice's.

    Raises
    ------
    LatticeError
        If it is none, or not there.
    """
    name = node.expected(str, "the file of tensors is a name")
    if Path(name).name != name or not name.endswith(TENSORS):
        raise node.error(f"tensors are in a file of the same folder, whose name ends with {TENSORS}, not {shortly(name)}")
    library = needed("safetensors.numpy", *SAFETENSORS)
    path = Path(node.source.file).with_name(name)
    with node.blamed():
        content = raw(path, str(path))
    try:
        found: dict[str, np.ndarray] = library.load(content)
    except Exception as error:  # the library's own error has no base class that says so
        raise LatticeError(f"this is no file of tensors: {error}", file=str(path)) from None
    return found


def array(node: Node, tensors: Mapping[str, np.ndarray]) -> Any:
    """Return the array that a node stands for, of the library that it had.

    Raises
    ------
    LatticeError
        If there is none, or its values cannot be used.
    """
    node.expected(dict, f'an array is an object, {{"{TENSOR}": ...}}')
    node.only((TENSOR, "backend"), "an array")
    if TENSOR not in node.value:
        raise node.error(f"an array says where it is, by {TENSOR!r}")
    name = node[TENSOR].expected(str, "a tensor has a name")
    if name not in tensors:
        raise node[TENSOR].error(f"there is no tensor {shortly(name)}{suggest(name, tensors)}")
    values = tensors[name]
    if values.dtype.name not in DTYPES or not np.isfinite(values).all():
        raise node[TENSOR].error(f"the tensor {shortly(name)} must hold finite numbers of {', '.join(DTYPES)}")
    backend = node["backend"].expected(str, "a backend is a name") if "backend" in node.value else "numpy"
    if backend == "numpy":
        return values
    with node.blamed((CaravalError,)):
        target = registry().backend(backend)
        return target.asarray(values, dtype=target.dtype(values.dtype.name) if values.dtype.kind == "f" else None)
