"""Tables in files: settings from CSV, Parquet and HDF5, results to Parquet and HDF5."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from caraval.core.errors import InputError, suggest
from caraval.core.libraries import needed

from .settings import Column, Columns

ROWS = 65_536
"""Rows that are written at a time: small chunks are put together."""

IDENTITY = "caraval_scan"
"""Name of the attribute that says which scan a file is."""


def read_table(path: str | Path) -> Columns:
    """Read columns of numbers.

    Parameters
    ----------
    path : str or Path
        ``.csv`` with names in the first line, ``.parquet``, or ``.h5`` with a dataset per column.

    Raises
    ------
    FileNotFoundError
    InputError
        If something in it is no number; says where.
    BackendError
        If what reads it is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return format_of(path).read(path)


class Format(ABC):
    """A kind of file that holds a table."""

    suffixes: ClassVar[tuple[str, ...]]
    writes: ClassVar[bool] = True

    @abstractmethod
    def library(self) -> Any:
        """Return the module that knows the format.

        Raises
        ------
        BackendError
            If it is not installed.
        """

    @abstractmethod
    def read(self, path: Path) -> Columns:
        """Return the columns."""

    def write(self, path: Path, tables: Iterable[Columns], units: Mapping[str, str], identity: Mapping[str, str]) -> None:
        """Write tables one below the other, with units of their columns."""
        raise NotImplementedError

    def identity(self, path: Path) -> dict[str, str]:
        """Return which scan a file is; empty, if it does not say."""
        raise NotImplementedError


class Csv(Format):
    """Text, a line per row."""

    suffixes = (".csv",)
    writes = False

    def library(self) -> Any:
        """Return ``csv``."""
        return csv

    def read(self, path: Path) -> Columns:
        """Return the columns."""
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = self.library().reader(file)
            names = [name.strip() for name in next(lines, [])]
            if not names or len(set(names)) < len(names):
                raise InputError(
                    f"{path}:1: the first line must name the columns, each once, not {', '.join(names) or 'nothing'}"
                )
            rows = [_numbers(row, names, f"{path}:{lines.line_num}") for row in lines if row]
        return dict(zip(names, np.array(rows, dtype=float).reshape(-1, len(names)).T.copy(), strict=True))


class Parquet(Format):
    """Parquet, by pyarrow."""

    suffixes = (".parquet", ".pq")

    def library(self) -> Any:
        """Return ``pyarrow.parquet``."""
        return needed("pyarrow.parquet", "Parquet files need pyarrow", "caraval[scan]")

    def read(self, path: Path) -> Columns:
        """Return the columns."""
        try:
            table = self.library().read_table(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
        return {name: _as_column(path, name, table[name].to_numpy()) for name in table.column_names}

    def write(self, path: Path, tables: Iterable[Columns], units: Mapping[str, str], identity: Mapping[str, str]) -> None:
        """Write tables one below the other."""
        parquet, arrow = self.library(), import_module("pyarrow")
        writer = None
        try:
            for table in _together(tables):
                batch = arrow.table({name: _flat(name, column) for name, column in table.items()})
                if writer is None:
                    described = [f.with_metadata({"unit": units[f.name]}) if f.name in units else f for f in batch.schema]
                    schema = arrow.schema(described, metadata={IDENTITY: json.dumps(identity)})
                    writer = parquet.ParquetWriter(path, schema)
                writer.write_table(batch.cast(schema))
        finally:
            if writer is not None:
                writer.close()

    def identity(self, path: Path) -> dict[str, str]:
        """Return which scan a file is."""
        metadata = self.library().read_schema(path).metadata or {}
        return json.loads(metadata.get(IDENTITY.encode(), b"{}"))  # type: ignore[no-any-return]


class Hdf5(Format):
    """HDF5, by h5py: a dataset for each column, its unit as an attribute."""

    suffixes = (".h5", ".hdf5")

    def library(self) -> Any:
        """Return ``h5py``."""
        return needed("h5py", "HDF5 files need h5py", "caraval[scan]")

    def read(self, path: Path) -> Columns:
        """Return the columns."""
        h5py = self.library()
        found: Columns = {}
        try:
            with h5py.File(path, "r", track_order=True) as file:
                for name, item in file.items():
                    if not isinstance(item, h5py.Dataset):
                        raise InputError(f"{path}: {name} is a group; a table has a dataset for each column at its root")
                    found[name] = _as_column(path, name, item[()])
        except OSError as error:
            raise InputError(f"{path} cannot be read as HDF5: {error}") from error
        return found

    def write(self, path: Path, tables: Iterable[Columns], units: Mapping[str, str], identity: Mapping[str, str]) -> None:
        """Write tables one below the other."""
        with self.library().File(path, "w", track_order=True) as file:
            file.attrs[IDENTITY] = json.dumps(identity)
            for table in _together(tables):
                for name, column in table.items():
                    if name not in file:
                        column = _flat(name, column)
                        file.create_dataset(name, data=column, maxshape=(None,), chunks=True)
                        if name in units:
                            file[name].attrs["unit"] = units[name]
                    else:
                        held = len(file[name])
                        file[name].resize(held + len(column), axis=0)
                        file[name][held:] = column

    def identity(self, path: Path) -> dict[str, str]:
        """Return which scan a file is."""
        with self.library().File(path, "r") as file:
            return json.loads(file.attrs.get(IDENTITY, "{}"))  # type: ignore[no-any-return]


FORMATS = (Csv(), Parquet(), Hdf5())


def format_of(path: Path, *, writing: bool = False) -> Format:
    """Return the format that a file's name says.

    Raises
    ------
    InputError
        If it says none.
    """
    possible = [f for f in FORMATS if f.writes or not writing]
    for f in possible:
        if path.name.lower().endswith(f.suffixes):
            return f
    known = [suffix for f in possible for suffix in f.suffixes]
    what = "written to" if writing else "read from"
    raise InputError(f"no table can be {what} {path.name}{suggest(path.suffix, known)}; known are {' '.join(known)}")


def _numbers(row: list[str], names: list[str], place: str) -> list[float]:
    if len(row) != len(names):
        raise InputError(f"{place}: {len(row)} values, but there are {len(names)} columns")
    found = []
    for name, text in zip(names, row, strict=True):
        try:
            found.append(float(text))
        except ValueError:
            raise InputError(f"{place}: {name} must be a number, not {text!r}") from None
    return found


def _as_column(path: Path, name: str, values: Any) -> Column:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise InputError(f"{path}: column {name} must hold numbers, one per row, not {values.dtype} of shape {values.shape}")
    return values.astype(float)


def _flat(name: str, column: Column) -> Column:
    if column.ndim != 1:
        raise InputError(f"output {name!r} has {column.shape[1:]} values per setting; a file takes one")
    return column


def _together(tables: Iterable[Columns]) -> Iterator[Columns]:
    """Yield tables of at least :data:`ROWS` rows each, but for the last."""
    held: list[Columns] = []
    rows = 0
    for table in tables:
        held.append(table)
        rows += len(next(iter(table.values())))
        if rows >= ROWS:
            yield _below(held)
            held, rows = [], 0
    if held:
        yield _below(held)


def _below(tables: list[Columns]) -> Columns:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
