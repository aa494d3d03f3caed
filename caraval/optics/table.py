"""Tables: columns of one value per place along a line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from caraval.core.arrays import is_number, stack
from caraval.core.errors import UnknownNameError, suggest
from caraval.core.registry import backend_of


class Table(Mapping[str, Any]):
    """Columns by name, ``table["beta_a"]`` or ``table.beta_a``: arrays ``(..., n)`` of one value per place.

    Columns of a lattice of plain numbers are NumPy arrays; else they are arrays of the lattice's library, and can be
    differentiated there. ``name`` is always a NumPy array of text.

    Parameters
    ----------
    columns : mapping of str to array
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> Any:
        """Return a column.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        if name not in self._columns:
            raise UnknownNameError(f"the table has no column {name!r}{suggest(name, self._columns)}")
        return self._columns[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._columns:
            raise AttributeError(f"the table has no column {name!r}{suggest(name, list(self.__dict__.get('_columns', ())))}")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """Return how many columns there are; :attr:`rows` is how many places."""
        return len(self._columns)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    @property
    def rows(self) -> int:
        """How many places there are."""
        return len(self._columns["name"])

    def at(self, place: int | str) -> dict[str, Any]:
        """Return the values at a place, by its number or by an element's name (its first occurrence).

        Raises
        ------
        UnknownNameError
            If no element has that name.
        """
        if isinstance(place, str):
            found = np.flatnonzero(self._columns["name"] == place)
            if not found.size:
                raise UnknownNameError(f"the table has no place {place!r}{suggest(place, list(self._columns['name']))}")
            place = int(found[0])
        return {name: column[place] if len(column.shape) == 1 else column[..., place] for name, column in self._columns.items()}

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return the columns as NumPy arrays."""
        return {
            name: column if isinstance(column, np.ndarray) else backend_of(column).to_numpy(column)
            for name, column in self._columns.items()
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the columns to a file, one line per place, numbers with all their digits."""
        columns = self.to_numpy()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))

    def __repr__(self) -> str:
        return f"Table of {self.rows} places: {', '.join(self)}"


def column(values: list[Any]) -> Any:
    """Return values along the line as an array with the line as its last axis."""
    if all(isinstance(value, (bool, np.bool_, str)) for value in values):
        return np.array(values)
    if any(isinstance(value, (bool, np.bool_)) for value in values):
        return _masks(values)
    if all(is_number(value) for value in values):
        return np.array(values, dtype=float)
    return stack(values)


def _masks(values: list[Any]) -> Any:
    """Return plain truths beside arrays of them as one array."""
    known = [value for value in values if not isinstance(value, (bool, np.bool_))]
    xp, place = array_namespace(*known), device(known[0])
    shape = np.broadcast_shapes(*(tuple(value.shape) for value in known))
    plain = {truth: xp.full(shape, truth, dtype=xp.bool, device=place) for truth in (True, False)}
    full = [plain[bool(v)] if isinstance(v, (bool, np.bool_)) else xp.broadcast_to(v, shape) for v in values]
    return xp.stack(full, axis=-1)
