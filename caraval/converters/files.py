"""Files as parsers take them: those that are there, and not more of them than a lattice can be."""

from __future__ import annotations

from pathlib import Path

from caraval.core.errors import LatticeError

LARGEST = 100_000_000
"""How many bytes a lattice file may have."""


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def raw(path: Path, shown: str) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    path : Path
    shown : str
        How the file is called in messages.

    Raises
    ------
    LatticeError
        If it is no file, or a huge one.
    """
    if not is_file(path):
        raise LatticeError("this is no file", file=shown)
    if path.stat().st_size > LARGEST:
        raise LatticeError(f"the file has more than {LARGEST} bytes", file=shown)
    return path.read_bytes()


def contents(path: Path, shown: str) -> str:
    """Return the text of a file, with one sign for the ends of lines.

    Raises
    ------
    LatticeError
        If it is no file, or a huge one.
    """
    text = raw(path, shown).decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
