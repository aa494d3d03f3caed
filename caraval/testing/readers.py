"""The checks of readers of lattice files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from caraval.core.errors import CaravalError, LatticeError
from caraval.core.formats import Reader
from caraval.core.lattice import Lattice
from caraval.core.reference import Reference, as_species
from caraval.core.registry import registry
from caraval.io import LOOK_AT, load, save

from .beams import beam_of, particles, values
from .checks import Check, CheckFailedError, Result, require

REFERENCE = Reference(as_species("electron"), 1e8)
"""Where beams start in lattices that do not say it."""

SCALE = 0.01
"""How far particles go in whole lines, in units of a few mm and mrad."""

CHANGES = 60
"""How many changed files a reader is shown of each sound one."""

SIGNS = ("", "(", ")", "{", "}", "[", "]", '"', "'", ",", ";", "=", "\n", "0", "-1", "1e999", "nan", "\0", "é", "x")
"""What comes in the place of some characters of a file."""

FOREIGN = ("", "\n", "{}", "[1, 2]", "\0\0\x01", "This is a letter.\n", "<?xml version='1.0'?>\n")
"""Texts that are nobody's lattice."""


def reader_checks(reader: Reader | str, files: Sequence[str | Path]) -> list[Check]:
    """Return the checks of a reader, each of which can be called.

    Parameters
    ----------
    reader : Reader or str
        Or the name of its format.
    files : sequence of str or Path
        Sound files: paths, or texts.

    Raises
    ------
    UnknownNameError
        If no reader of that format is registered.
    """
    return list(_of_reader(_registered(reader), files))


def check_reader(reader: Reader | str, files: Sequence[str | Path]) -> list[Result]:
    """Run all checks of a reader, see :func:`reader_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(reader_checks(reader, files))


def _registered(reader: Reader | str) -> Reader:
    format = reader if isinstance(reader, str) else reader.format
    known = registry().readers
    if format not in known:
        raise CheckFailedError(
            f"no reader of format {format!r} is registered; return it from the hook register_readers, and see that the plugin "
            "is there (`caraval plugins`)"
        )
    return known[format].value


def _of_reader(reader: Reader, files: Sequence[str | Path]) -> Iterator[Check]:
    def check(what: str, function: Callable[..., str | None], *arguments: object, advice: str) -> Check:
        return Check(f"reader {reader.format}", what, function, (reader, *arguments), advice)

    yield check("suffixes", has_suffixes, advice='suffixes are like ".lens": with a dot, in lower case')
    yield check("claims nothing foreign", claims_nothing_foreign, advice="`recognises` takes any text, and returns a bool")
    yield check("refuses what is empty", refuses_empty, advice="raise LatticeError(message, file=..., line=...)")
    for number, file in enumerate(files):
        text = file.read_text(encoding="utf-8") if isinstance(file, Path) else file
        name = file.name if isinstance(file, Path) else str(number)
        yield check(f"reads[{name}]", reads, text, advice="a sound file must be read")
        yield check(f"is found by its content[{name}]", is_found, text, advice="see `suffixes` and `recognises`")
        yield check(f"tracks[{name}]", tracks, text, advice="elements must have settings that can be tracked")
        yield check(f"is kept in files[{name}]", is_kept, text, advice="elements, names and metadata must be plain data")
        yield check(f"knows its lines[{name}]", knows_lines, text, advice="`line` and `branch` say what to take of a file")
        yield check(f"survives changes[{name}]", survives_changes, text, advice="only LatticeError may leave a reader")


def has_suffixes(reader: Reader) -> None:
    """Suffixes have a dot and are in lower case, or the reader recognises its files."""
    wrong = [suffix for suffix in reader.suffixes if not suffix.startswith(".") or suffix != suffix.lower()]
    if wrong or not (reader.suffixes or reader.recognises):
        raise CheckFailedError(f"{wrong or 'no suffixes and no `recognises`'}; suffixes are like '.lens', in lower case")


def claims_nothing_foreign(reader: Reader) -> str | None:
    """Texts of another kind are not recognised."""
    if reader.recognises is None:
        return "goes by its suffixes alone"
    for text in FOREIGN:
        if reader.recognises(text):
            raise CheckFailedError(f"{text!r} is taken for a file of the format; look for a word that stands in all of them")
    return None


def refuses_empty(reader: Reader) -> None:
    """A file without anything in it is a LatticeError that names the file."""
    with tempfile.TemporaryDirectory() as folder:
        error = _complaint(reader, Path(folder), "")
        if error is None:
            raise CheckFailedError("an empty file is read; raise LatticeError, for a lattice needs an element")
        if "empty" not in str(error) and _name(reader) not in str(error):
            raise CheckFailedError(f"the error does not say which file it is about: {error}")


def reads(reader: Reader, text: str) -> str:
    """A sound file is read, and twice the same."""
    first, second = _read(reader, text), _read(reader, text)
    if first != second:
        raise CheckFailedError("the file is another lattice when it is read again; keep nothing from one file to the next")
    return f"{len(first)} elements"


def is_found(reader: Reader, text: str) -> None:
    """The format is told from suffix and content."""
    with tempfile.TemporaryDirectory() as folder:
        if load(_written(reader, Path(folder), text), on_unsupported="drift") != _read(reader, text):
            raise CheckFailedError("another reader takes the file; give it a suffix of its own, or `recognises`")
    if reader.recognises is not None and reader.recognises(text[:LOOK_AT]) is False:
        raise CheckFailedError(f"`recognises` is False of the first {LOOK_AT} characters of a sound file")


def tracks(reader: Reader, text: str) -> str:
    """A few particles go through."""
    lattice = _read(reader, text)
    reference = lattice.reference or REFERENCE
    out = lattice.track(beam_of(particles(10, scale=SCALE), reference))
    if not np.isfinite(values(out.coordinates)[:, out.alive]).all():
        raise CheckFailedError("coordinates are not finite; see the units of settings: m, rad, 1/m^2, V, Hz, phases in turns")
    return f"{out.alive.sum()} of 10 particles come through"


def is_kept(reader: Reader, text: str) -> None:
    """The lattice is the same after Caraval's own format."""
    lattice = _read(reader, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lattice.json"
        save(lattice, path)
        if load(path) != lattice:
            raise CheckFailedError("the lattice is another after JSON; metadata must be text, numbers, lists and mappings")


def knows_lines(reader: Reader, text: str) -> None:
    """A line or a branch that is not in the file is an error."""
    with tempfile.TemporaryDirectory() as folder:
        path = _written(reader, Path(folder), text)
        for what in ("line", "branch"):
            try:
                load(path, format=reader.format, on_unsupported="drift", **{what: "no_such_line"})  # type: ignore[arg-type]
            except CaravalError:
                continue
            raise CheckFailedError(
                f"{what}='no_such_line' is ignored; raise UnknownNameError or LatticeError for what is not there"
            )


def survives_changes(reader: Reader, text: str) -> str:
    """Files with mistakes are read or refused; nothing else comes out of a reader."""
    draw, refused = Random(7), 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(CHANGES):
            start = draw.randrange(len(text) + 1)
            changed = text[:start] + draw.choice(SIGNS) + text[start + draw.randrange(8) :]
            if draw.random() < 0.2:
                changed = changed[:start]
            try:
                refused += _complaint(reader, Path(folder), changed) is not None
            except CaravalError as error:
                raise CheckFailedError(
                    f"{_shown(changed, start)} raises {type(error).__name__}, not LatticeError: {error}"
                ) from error
            except Exception as error:
                raise CheckFailedError(
                    f"{_shown(changed, start)} raises {type(error).__name__}: {error}; "
                    "raise LatticeError(message, file=..., line=...) for all that a file may say wrongly"
                ) from error
    return f"{refused} of {CHANGES} refused"


def suffix_of(format: Any) -> str:
    """Return a suffix for files of a format."""
    return format.suffixes[0] if format.suffixes else ".lattice"


def _name(reader: Reader) -> str:
    return f"lattice{suffix_of(reader)}"


def _written(reader: Reader, folder: Path, text: str) -> Path:
    path = folder / _name(reader)
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def _read(reader: Reader, text: str) -> Lattice:
    with tempfile.TemporaryDirectory() as folder:
        return load(_written(reader, Path(folder), text), format=reader.format, on_unsupported="drift")


def _complaint(reader: Reader, folder: Path, text: str) -> LatticeError | None:
    try:
        load(_written(reader, folder, text), format=reader.format, on_unsupported="drift")
    except LatticeError as error:
        return error
    return None


def _shown(text: str, place: int) -> str:
    return f"{text[max(place - 20, 0) : place + 20]!r} in a file"
