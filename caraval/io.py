"""Loading and saving lattices and beams, whatever the format."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .core.beam import ParticleBeam
from .core.errors import InputError, LatticeError, PluginError, UnknownNameError, suggest
from .core.formats import BeamReader, BeamWriter, Beside, Reader, Writer
from .core.lattice import Lattice
from .core.losses import Loss, Losses, OnUnsupported
from .core.registered import Entry
from .core.registry import registry

OFFERED = ("losses", "beside", "line", "branch")
"""Arguments of readers and writers that are no options."""

LOOK_AT = 4096
"""Characters of a file that are shown to readers to recognise their format."""


def load(
    path: str | Path,
    *,
    format: str | None = None,
    line: str | None = None,
    branch: str | int | None = None,
    on_unsupported: OnUnsupported = "error",
    **options: Any,
) -> Lattice:
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
    on_unsupported : "error", "warn" or "drift"
        What becomes of things that change the tracking and that Caraval has not: an error; or the element does without, with
        a warning each, or with none. Whatever was not carried is in ``lattice.losses``.
    **options
        For the reader, such as `modules` of Caraval's own files: ``{"nn": module}`` for networks that a file can only describe.

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
    _check_options(reader.read, options, reader.format)
    missing = [name for name in ("line", "branch") if name not in _taken(reader.read, line=line, branch=branch)]
    if missing and not _takes_all(reader.read):
        raise PluginError(
            f"the reader of format {reader.format!r} takes no {' and no '.join(missing)}; write it as "
            "read(path, line=None, branch=None), and refuse what is not in the file"
        )
    losses = Losses(on_unsupported)
    lattice = reader.read(path, line=line, branch=branch, **options, **_taken(reader.read, losses=losses))
    if not isinstance(lattice, Lattice):
        raise LatticeError(f"the reader of format {reader.format!r} returned no lattice", file=str(path))
    return lattice.replace(losses=losses.found) if losses.found else lattice


def save(
    lattice: Lattice,
    path: str | Path,
    *,
    format: str | None = None,
    on_unsupported: OnUnsupported = "error",
    **options: Any,
) -> tuple[Loss, ...]:
    """Write a lattice file, whole or not at all.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    format : str, optional
        Left out: told from the suffix.
    on_unsupported : "error", "warn" or "drift"
        What becomes of things that change the tracking and that the format has not, see :func:`load`.
    **options
        For the writer.

    Returns
    -------
    tuple of Loss
        What the format could not carry.
    """
    path = Path(path)
    losses = Losses(on_unsupported)
    writer: Writer = _by_suffix(registry().writers, path, format, "write lattices")
    _check_options(writer.write, options, writer.format)
    beside = Beside(path)
    known = _taken(writer.write, losses=losses, beside=beside)
    _whole(path, lambda scratch: writer.write(lattice, scratch, **options, **known), beside)
    return tuple(losses.found)


def load_beam(
    path: str | Path,
    *,
    format: str | None = None,
    backend: str = "numpy",
    dtype: str = "float64",
    device: Any = None,
    **options: Any,
) -> ParticleBeam:
    """Read a beam file.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        Left out: told from the suffix, and from the content where that leaves a doubt.
    backend, dtype, device
        Where the particles live.
    **options
        For the reader, such as `p0c`.
    """
    path, target = _existing(path), registry().backend(backend)
    target.dtype(dtype)  # what does not exist is refused before anything is read
    target.device(device)
    reader: BeamReader = _by_suffix(registry().beam_readers, path, format, "read beams")
    _check_options(reader.read, options, reader.format)
    beam = reader.read(path, **options)
    if not isinstance(beam, ParticleBeam):
        raise InputError(f"{path}: the reader of format {reader.format!r} returned no beam")
    return beam.to(backend, dtype=dtype, device=device)


def save_beam(
    beam: ParticleBeam,
    path: str | Path,
    *,
    format: str | None = None,
    on_unsupported: OnUnsupported = "error",
    **options: Any,
) -> tuple[Loss, ...]:
    """Write a beam file, whole or not at all.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    format : str, optional
        Left out: told from the suffix.
    on_unsupported : "error", "warn" or "drift"
        What becomes of things that make it another beam and that the format has not (particles of another species, charges
        that differ), see :func:`load`.
    **options
        For the writer.

    Returns
    -------
    tuple of Loss
        What the format could not carry: lost particles and the reference, too, where it has no place for them.
    """
    path = Path(path)
    losses = Losses(on_unsupported)
    writer: BeamWriter = _by_suffix(registry().beam_writers, path, format, "write beams")
    _check_options(writer.write, options, writer.format)
    _whole(path, lambda scratch: writer.write(beam, scratch, **options, **_taken(writer.write, losses=losses)))
    return tuple(losses.found)


def _taken(function: Callable[..., Any], **offered: Any) -> dict[str, Any]:
    """Return those of the offered arguments that a function takes: a format that loses nothing need not know of losses."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in offered.items() if name in known}


def _takes_all(function: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def _check_options(function: Callable[..., Any], options: Mapping[str, Any], format: str) -> None:
    if _takes_all(function):
        return
    known = inspect.signature(function).parameters
    taken = [name for name, p in known.items() if p.kind is p.KEYWORD_ONLY and name not in OFFERED]
    for name in options:
        if name not in taken:
            raise UnknownNameError(
                f"format {format!r} has no option {name!r}{suggest(name, taken)}; it has {', '.join(taken) or 'none'}"
            )


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
    with path.open("rb") as file:
        head = file.read(LOOK_AT).decode("utf-8", "replace")
    every = [entry.value for entry in readers.values()]
    fitting = _with_suffix(every, path)
    said = {r.format: None if r.recognises is None else r.recognises(head) for r in every}
    sure = [r for r in fitting if said[r.format]] or [r for r in fitting if said[r.format] is None]
    if not sure:  # what a file says tells more than how it is called
        others = [r for r in every if said[r.format]]
        sure = others if not fitting or len(others) == 1 else fitting
    return _one(path, sure, [r.format for r in sure or fitting or every])


def _by_suffix(table: Mapping[str, Entry[Any]], path: Path, format: str | None, what: str) -> Any:
    if format is not None:
        return _named(table, format, what)
    every = [entry.value for entry in table.values()]
    fitting = _with_suffix(every, path)
    if not fitting:  # names of distributions often end in a place or a number
        fitting = [f for f in every if isinstance(f, BeamReader) and f.recognises is not None and f.recognises(path)]
    if not fitting:
        known = ", ".join(f"{format} ({' '.join(e.value.suffixes)})" for format, e in table.items())
        raise UnknownNameError(f"no plugin can {what} with a name like {path.name!r}; there are {known or 'none'}")
    recognised = [f for f in fitting if isinstance(f, BeamReader) and f.recognises is not None and f.recognises(path)]
    found = recognised or fitting
    return _one(path, found, [f.format for f in found])


def _with_suffix(formats: Sequence[Any], path: Path) -> list[Any]:
    """Return the formats whose suffix the name has; the longest suffix (``.cheetah.json``) wins."""
    name = path.name.lower()
    lengths = [max((len(suffix) for suffix in f.suffixes if name.endswith(suffix)), default=0) for f in formats]
    longest = max(lengths, default=0)
    return [f for f, length in zip(formats, lengths, strict=True) if length == longest > 0]


def _one(path: Path, found: Sequence[Any], possible: Sequence[str]) -> Any:
    if len(found) == 1:
        return found[0]
    raise UnknownNameError(f"cannot tell the format of {path}; say format=... (one of {', '.join(possible)})")


def _named(table: Mapping[str, Entry[Any]], format: str, what: str) -> Any:
    if format not in table:
        raise UnknownNameError(
            f"no plugin can {what} of format {format!r}{suggest(format, table)}; there are {', '.join(table)}"
        )
    return table[format].value


def _whole(path: Path, write: Callable[[Path], Any], beside: Beside | None = None) -> None:
    """Write beside the target and move it there once it is complete, with whatever files belong to it."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise InputError(f"no folder {path.parent} to write {path.name} into")
    scratch = path.with_name(f".{path.name}.part{path.suffix}")
    files = {scratch: path}
    try:
        write(scratch)
        for target, text in beside.files() if beside is not None else ():
            part = target.with_name(f".{target.name}.part{target.suffix}")
            files[part] = target
            part.write_bytes(text if isinstance(text, bytes) else text.encode())
        for part, target in files.items():
            part.replace(target)
    finally:
        for part in files:
            part.unlink(missing_ok=True)


__all__ = ["load", "load_beam", "save", "save_beam"]
