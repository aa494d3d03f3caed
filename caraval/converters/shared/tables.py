"""Tables of numbers in text."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.errors import InputError

from .bunch import Array

LOOK_AT = 4096
"""Bytes of a file by which a format is recognised."""


def head(path: Path) -> str:
    """Return the beginning of a file as text; empty, if it is none."""
    try:
        with path.open("rb") as file:
            start = file.read(LOOK_AT)
    except OSError:
        return ""
    return "" if b"\0" in start else start.decode("utf-8", "replace")


def table(lines: Iterable[str], columns: int | None, first: int = 1) -> Array:
    """Return rows of numbers.

    Parameters
    ----------
    lines : iterable of str
    columns : int, optional
        How many there must be; left out: as many as there are, in all rows the same.
    first : int
        Number of the first line in the file.

    Raises
    ------
    InputError
        If there are none, or something is no number, with its line.
    """
    text = "\n".join(line.replace("D", "E").replace("d", "e") for line in lines)  # Fortran's doubles
    try:
        found: Array = np.loadtxt(StringIO(text), ndmin=2, comments=None) if text.strip() else np.empty((0, columns or 0))
    except ValueError as error:
        raise InputError(_blamed(text, columns, first) or str(error)) from None
    if found.size == 0:
        raise InputError("there are no particles in this file")
    if columns is not None and found.shape[1] != columns:
        raise InputError(f"{columns} columns are expected, not {found.shape[1]}")
    if not np.isfinite(found).all():
        row = int(np.argwhere(~np.isfinite(found))[0][0])
        raise InputError(f"row {row + 1} of the table has a value that is not finite")
    return found


def _blamed(text: str, columns: int | None, first: int) -> str:
    """Return what is wrong with the first line that is wrong."""
    expected = columns
    for number, line in enumerate(text.split("\n"), first):
        words = line.split()
        expected = expected or len(words) or None
        for word in words:
            try:
                float(word)
            except ValueError:
                return f"line {number}: {word!r} is no number"
        if words and len(words) != expected:
            return f"line {number}: {expected} columns are expected, not {len(words)}"
    return ""


def written(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as text, to the last digit."""
    return "".join(" ".join(f"{value!r:>24}" for value in row) + "\n" for row in rows)
