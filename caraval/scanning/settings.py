"""Settings: columns of values, one row per setting of the lattice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, shape_of
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.names import parameter_of
from caraval.core.registry import backend_of

Column = np.ndarray[Any, np.dtype[Any]]
Columns = dict[str, Column]


def grid(ranges: Mapping[str, Any]) -> Columns:
    """Return the settings of all combinations of values.

    Parameters
    ----------
    ranges : mapping
        Of parameters to their values: ``{"q1.k1": np.linspace(1, 2, 100), "q2.k1": [-1, -2]}``.

    Returns
    -------
    dict of arrays
        A column per parameter, a row per combination; the last parameter changes fastest.
    """
    axes = [np.atleast_1d(_values(name, value)) for name, value in ranges.items()]
    return {name: mesh.ravel() for name, mesh in zip(ranges, np.meshgrid(*axes, indexing="ij"), strict=True)}


def checked(lattice: Lattice, settings: Mapping[str, Any]) -> Columns:
    """Return columns of settings as arrays of one length, which suit a lattice.

    Raises
    ------
    UnknownNameError
        If the lattice has no such element, or that no such parameter.
    InputError
        If there are no settings, columns differ in length, or values are no finite numbers.
    """
    if not settings:
        raise InputError('there is nothing to scan; give settings, such as {"q1.k1": np.linspace(1, 2, 100)}')
    columns = {}
    for name, values in settings.items():
        element, parameter = parameter_of(name)
        for place in lattice.select(element):
            lattice.elements[place].with_open(parameter, 0.0)
        columns[name] = _values(name, values)
        if columns[name].ndim != 1:
            raise InputError(f"{name} must be a column of values, not an array of shape {columns[name].shape}; see cv.grid")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InputError(f"the columns differ in length: {said}; for all combinations of values there is cv.grid")
    if not all(lengths.values()):
        raise InputError(f"there is nothing to scan: {', '.join(lengths)} have no values")
    for name, column in columns.items():
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            raise InputError(f"{name} must be finite, and is {column[wrong[0]]} in setting {wrong[0]}")
    return columns


def check_single(lattice: Lattice, names: Columns) -> None:
    """Check that a lattice is no batch, but for what is scanned.

    Raises
    ------
    InputError
        If it is.
    """
    scanned = {
        (place, parameter) for element, parameter in map(parameter_of, names) for place in lattice.select(element)
    }  # fmt: skip
    for place, element in enumerate(lattice):
        for name, value in element.parameters.items():
            if value is not None and shape_of(value) != () and (place, name) not in scanned:
                raise InputError(
                    f"{element.label}: {name} is a batch of shape {shape_of(value)}; a scan is of one lattice, and what is to "
                    "vary is a column of its settings"
                )


def _values(name: str, values: Any) -> Column:
    """Return numbers, or an array of any backend, as a NumPy array."""
    if hasattr(values, "shape") and not isinstance(values, (np.ndarray, np.generic)) and not is_number(values):
        values = backend_of(values).to_numpy(values)
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers, not {values!r}") from None
