"""Scans on their way to a file: finished chunks lie in a folder beside it, so that nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import numpy as np

from caraval.core.errors import InputError

from .identity import identity
from .outputs import QUANTITIES
from .settings import Columns
from .tables import format_of

if TYPE_CHECKING:
    from .scans import Scan

RECORD = "scan.json"
"""In the folder: what the scan is, and how it is divided."""

NAMES = "names"
"""In the file of a chunk: names of the columns, which are called 0, 1, ..."""


def check_target(path: Path) -> None:
    """Check that a table can be written there.

    Raises
    ------
    InputError
        If there is no such folder, or no such format.
    BackendError
        If what writes it is not installed.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise InputError(f"no folder {path.parent} to write {path.name} into")
    format_of(path, writing=True).library()


def finished(scan: Scan, path: Path) -> bool:
    """Whether a file holds this scan, whole.

    Raises
    ------
    InputError
        If it holds another.
    """
    if not path.exists() or Parts(path).folder.exists():
        return False
    _compare(format_of(path).identity(path), identity(scan), str(path))
    return True


class Parts:
    """The finished chunks of a scan that will be a file.

    Parameters
    ----------
    path : Path
        Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.with_name(f".{path.name}.parts")

    def begin(self, scan: Scan, *, resume: bool) -> None:
        """Make the folder, or go on with the one that is there.

        Raises
        ------
        InputError
            If there is one and it may not be gone on with, or it is of another scan.
        """
        own, size = identity(scan), scan.chunks[0].size
        record = self.folder / RECORD
        if not any(self.folder.glob("*.npz")):
            self.folder.mkdir(exist_ok=True)
            _whole(record, json.dumps({"identity": own, "size": size}).encode())
            return
        if not resume:
            raise InputError(f"an interrupted scan lies in {self.folder}; resume it, or remove that folder to begin anew")
        found = json.loads(record.read_text())
        _compare(found["identity"], own, str(self.folder))
        if found["size"] != size:
            raise InputError(
                f"the interrupted scan in {self.folder} takes {found['size']} settings at a time, not {size}; "
                f"resume it with chunks of {found['size']}"
            )

    def done(self, count: int) -> set[int]:
        """Return the numbers of the chunks that are finished, of so many."""
        return {number for number in range(count) if self._part(number).exists()}

    def keep(self, number: int, columns: Columns) -> None:
        """Keep the outputs of a chunk."""
        part = self._part(number)
        scratch = part.with_suffix(".scratch")
        arrays: dict[str, Any] = {NAMES: np.array(list(columns)), **{str(i): c for i, c in enumerate(columns.values())}}
        with scratch.open("wb") as file:
            np.savez(file, **arrays)
        scratch.replace(part)

    def finish(self, scan: Scan) -> None:
        """Write the file, whole or not at all, and remove the folder."""
        scratch = self.folder / f"whole{self.path.suffix}"
        format_of(self.path, writing=True).write(scratch, self._tables(scan), self._units(scan), identity(scan))
        scratch.replace(self.path)
        rmtree(self.folder)

    def _units(self, scan: Scan) -> dict[str, str]:
        """Return the units of the columns; what a function made of a beam has none that is known."""
        if callable(scan.work.outputs):
            return {}
        return {column: QUANTITIES[column.rpartition(".")[2]].unit for column in self._load(0)}

    def _tables(self, scan: Scan) -> Iterator[Columns]:
        for number, chunk in enumerate(scan.chunks):
            yield {**chunk.settings, **self._load(number)}

    def _load(self, number: int) -> Columns:
        with np.load(self._part(number), allow_pickle=False) as file:
            return {str(name): file[str(i)] for i, name in enumerate(file[NAMES])}

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _compare(found: Mapping[str, Any], own: Mapping[str, str], where: str) -> None:
    """Check that two scans are one.

    Raises
    ------
    InputError
        If not; says what differs.
    """
    other = [what for what, digest in own.items() if found.get(what) != digest]
    if other:
        raise InputError(
            f"{where} is of another scan, which differs in {', '.join(other)}; give all as it was, or write to another file"
        )


def _whole(path: Path, content: bytes) -> None:
    scratch = path.with_suffix(".scratch")
    scratch.write_bytes(content)
    scratch.replace(path)
