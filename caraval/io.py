"""Loading and saving lattices and beams, whatever the format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .core.beam import ParticleBeam
from .core.errors import InputError, LatticeError, UnknownNameError, suggest
from .core.formats import BeamReader, BeamWriter, Reader, Writer
from .core.lattice import Lattice
from .core.registry import Entry, registry

LOOK_AT = 4096
"""Characters of a file that are shown to readers to recognise their format."""


def load(path: str | Path, *, format: str | None = None, line: str | None = None, branch: str | int | None = None) -> Lattice:
    """Read a lattice file.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        Left out: told from suffix and content.
    line : str, optional
        Beamline to take, where the file has several; left out: the one that the file says to use.
    branch : str or int, optional
        Branch to take, by name or number; left out: the first.

    Raises
    ------
    FileNotFoundError
    LatticeError
        If the file makes no sense, with file, line and column.
    UnknownNameError
        If no reader knows the format.
    """
    path = _existing(path)
    reader = _reader(path, format)
    lattice = reader.read(path, line=line, branch=branch)
    if not isinstance(lattice, Lattice):
        raise LatticeError(f"the reader of format {reader.format!r} returned no lattice", file=str(path))
    return lattice


def save(lattice: Lattice, path: str | Path, *, format: str | None = None, **options: Any) -> None:
    """Write a lattice file, whole or not at all.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    format : str, optional
        Left out: told from the suffix.
    **options
        For the writer.
    """
    path = Path(path)
    writer: Writer = _by_suffix(registry().writers, path, format, "write lattices")
    _whole(path, lambda scratch: writer.write(lattice, scratch, **options))


def load_beam(path: str | Path, *, format: str | None = None, **options: Any) -> ParticleBeam:
    """Read a beam file.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        Left out: told from the suffix.
    **options
        For the reader, such as `p0c`, `backend` and `dtype`.
    """
    path = _existing(path)
    reader: BeamReader = _by_suffix(registry().beam_readers, path, format, "read beams")
    beam: ParticleBeam = reader.read(path, **options)
    return beam


def save_beam(beam: ParticleBeam, path: str | Path, *, format: str | None = None, **options: Any) -> None:
    """Write a beam file, whole or not at all.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    format : str, optional
        Left out: told from the suffix.
    **options
        For the writer.
    """
    path = Path(path)
    writer: BeamWriter = _by_suffix(registry().beam_writers, path, format, "write beams")
    _whole(path, lambda scratch: writer.write(beam, scratch, **options))


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise FileNotFoundError(f"no file {path}{suggest(path.name, siblings)}")
    return path


def _reader(path: Path, format: str | None) -> Reader:
    readers = registry().readers
    if format is not None:
        return _named(readers, format, "read lattices")  # type: ignore[no-any-return]
    head = path.read_bytes()[:LOOK_AT].decode("utf-8", "replace")
    suffix = path.suffix.lower()
    fitting = [e.value for e in readers.values() if suffix in e.value.suffixes]
    sure = [reader for reader in fitting if reader.recognises is None or reader.recognises(head)]
    if not fitting:
        sure = [e.value for e in readers.values() if e.value.recognises is not None and e.value.recognises(head)]
    if len(sure) == 1 or (sure and not fitting):
        return sure[0]
    names = ", ".join(reader.format for reader in sure or fitting) or ", ".join(readers)
    raise UnknownNameError(f"cannot tell the format of {path}; say format=... (one of {names})")


def _by_suffix(table: Mapping[str, Entry[Any]], path: Path, format: str | None, what: str) -> Any:
    if format is not None:
        return _named(table, format, what)
    name = path.name.lower()
    fitting = [e.value for e in table.values() if any(name.endswith(suffix) for suffix in e.value.suffixes)]
    if not fitting:
        known = ", ".join(f"{format} ({' '.join(e.value.suffixes)})" for format, e in table.items())
        raise UnknownNameError(f"no plugin can {what} with a name like {path.name!r}; there are {known or 'none'}")
    return fitting[0]


def _named(table: Mapping[str, Entry[Any]], format: str, what: str) -> Any:
    if format not in table:
        raise UnknownNameError(
            f"no plugin can {what} of format {format!r}{suggest(format, table)}; there are {', '.join(table)}"
        )
    return table[format].value


def _whole(path: Path, write: Any) -> None:
    """Write beside the target and move it there once it is complete."""
    if not path.parent.is_dir():
        raise InputError(f"no folder {path.parent} to write {path.name} into")
    scratch = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        write(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


__all__ = ["load", "load_beam", "save", "save_beam"]
