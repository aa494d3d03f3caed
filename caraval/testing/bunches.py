"""The checks of readers and writers of beam files."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError
from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.losses import Loss
from caraval.core.registry import registry
from caraval.io import load_beam, save_beam

from .beams import beam_of, compare, particles, values
from .checks import Check, CheckFailedError, Result, require
from .elements import REFERENCE
from .readers import suffix_of

CHANGES = 40
"""How many changed files a reader is shown of each sound one."""

DIGITS = 1e-9
"""How far coordinates that come back may be off, of the largest of each: formats of text have ten digits or more."""

CHARGE = 1e-10
"""Of the bunch that writers are tried out with [C]."""

REFUSE = "raise LatticeError(message, file=..., line=...) or InputError for all that a file may say wrongly"


def beam_reader_checks(reader: BeamReader | str, files: Sequence[Path | str | bytes], **options: Any) -> list[Check]:
    """Return the checks of a reader of beams, each of which can be called.

    Parameters
    ----------
    reader : BeamReader or str
        Or the name of its format.
    files : sequence of Path, str or bytes
        Sound files: paths, or contents.
    **options
        For the reader, such as `p0c`.

    Raises
    ------
    CheckFailedError
        If no reader of that format is registered.
    """
    format = reader if isinstance(reader, str) else reader.format
    if format not in registry().beam_readers:
        raise CheckFailedError(
            f"no reader of beams of format {format!r} is registered; return it from the hook register_beam_readers, and see "
            "that the plugin is there (`caraval plugins`)"
        )
    return list(_of_reader(registry().beam_readers[format].value, files, options))


def check_beam_reader(reader: BeamReader | str, files: Sequence[Path | str | bytes], **options: Any) -> list[Result]:
    """Run all checks of a reader of beams, see :func:`beam_reader_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(beam_reader_checks(reader, files, **options))


def beam_writer_checks(writer: BeamWriter | str, beams: Sequence[ParticleBeam] = (), **options: Any) -> list[Check]:
    """Return the checks of a writer of beams.

    Parameters
    ----------
    writer : BeamWriter or str
        Or the name of its format.
    beams : sequence of ParticleBeam
        Left out: electrons, protons, and electrons some of which are lost.
    **options
        For the reader of the format, such as `p0c`.
    """
    format = writer if isinstance(writer, str) else writer.format
    if format not in registry().beam_writers:
        raise CheckFailedError(
            f"no writer of beams of format {format!r} is registered; return it from the hook register_beam_writers, and see "
            "that the plugin is there (`caraval plugins`)"
        )
    advice = "a writer writes what it says, and reports what it cannot with `losses.note` and `losses.physics`"
    return [
        Check(f"writer {format}", f"comes back[{name}]", comes_back, (format, beam, options), advice)
        for name, beam in (enumerate(beams) if beams else examples().items())
    ]


def check_beam_writer(writer: BeamWriter | str, beams: Sequence[ParticleBeam] = (), **options: Any) -> list[Result]:
    """Run all checks of a writer of beams, see :func:`beam_writer_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(beam_writer_checks(writer, beams, **options))


def examples() -> dict[str, ParticleBeam]:
    """Return beams that writers are tried out with."""
    beam = beam_of(particles(20), REFERENCE).replace(charge=np.full(20, CHARGE / 20))
    protons = ParticleBeam(*particles(20), p0c=1e9, species="proton", charge=CHARGE)
    return {"electrons": beam, "protons": protons, "some lost": beam.replace(alive=np.arange(20) % 4 != 0)}


# -------------------------------------------------------------------- readers


def _of_reader(reader: BeamReader, files: Sequence[Path | str | bytes], options: dict[str, Any]) -> Iterator[Check]:
    def check(what: str, function: Callable[..., str | None], *arguments: object, advice: str) -> Check:
        return Check(f"reader {reader.format}", what, function, (reader, *arguments, options), advice)

    yield check("refuses what is empty", refuses_empty, advice=REFUSE)
    for number, file in enumerate(files):
        content = file.read_bytes() if isinstance(file, Path) else file.encode() if isinstance(file, str) else file
        name = file.name if isinstance(file, Path) else str(number)
        yield check(f"reads[{name}]", reads, content, advice="a sound file must be read")
        yield check(f"survives changes[{name}]", survives_changes, content, advice=REFUSE)


def refuses_empty(reader: BeamReader, options: dict[str, Any]) -> None:
    """A file without anything in it is an error that names the file."""
    error = _complaint(reader, b"", options)
    if error is None:
        raise CheckFailedError(f"an empty file is read; {REFUSE}")
    if not isinstance(error, CaravalError):
        raise CheckFailedError(f"an empty file raises {type(error).__name__}: {error}; {REFUSE}")
    if _name(reader) not in str(error):
        raise CheckFailedError(f"the error does not say which file it is about: {error}")


def reads(reader: BeamReader, content: bytes, options: dict[str, Any]) -> str:
    """A sound file is read, twice the same, as particles that have coordinates."""
    first, second = (_read(reader, content, options) for _ in range(2))
    if not np.array_equal(values(first.coordinates), values(second.coordinates)):
        raise CheckFailedError("the file is another beam when it is read again; keep nothing from one file to the next")
    if not np.isfinite(values(first.coordinates)[:, first.alive]).all():
        raise CheckFailedError("coordinates are not finite; what is no number in a file is an error, with its line")
    return f"{len(first)} particles, {int(first.alive.sum())} alive"


def survives_changes(reader: BeamReader, content: bytes, options: dict[str, Any]) -> str:
    """Files with mistakes are read or refused; nothing else comes out of a reader."""
    draw, refused = Random(7), 0
    for _ in range(CHANGES):
        start = draw.randrange(len(content) + 1)
        inserted = bytes(draw.randrange(256) for _ in range(draw.randrange(4)))
        changed = content[:start] + inserted + content[start + draw.randrange(8) :]
        if draw.random() < 0.2:
            changed = changed[:start]
        error = _complaint(reader, changed, options)
        if not (error is None or isinstance(error, CaravalError)):
            raise CheckFailedError(
                f"{changed[max(start - 20, 0) : start + 20]!r} in a file raises {type(error).__name__}: {error}; {REFUSE}"
            ) from error
        refused += error is not None
    return f"{refused} of {CHANGES} refused"


def _name(reader: BeamReader) -> str:
    return f"bunch{suffix_of(reader)}"


def _read(reader: BeamReader, content: bytes, options: dict[str, Any]) -> ParticleBeam:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _name(reader)
        path.write_bytes(content)
        return load_beam(path, format=reader.format, **options)


def _complaint(reader: BeamReader, content: bytes, options: dict[str, Any]) -> Exception | None:
    try:
        _read(reader, content, options)
    except Exception as error:
        return error
    return None


# -------------------------------------------------------------------- writers


def comes_back(format: str, beam: ParticleBeam, options: dict[str, Any]) -> str:
    """What is read back is the beam that was written, unless the writer says what is lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"bunch{suffix_of(registry().beam_writers[format].value)}"
        losses = save_beam(beam, path, format=format, on_unsupported="drift")
        if format not in registry().beam_readers:
            return "there is no reader to compare with"
        back = load_beam(path, format=format, **{**_reference(format, beam, losses), **options})
    if any(loss.is_physics for loss in losses):
        return f"{len(losses)} losses told"
    if back.species != beam.species:
        raise CheckFailedError(f"{beam.species.name} come back as {back.species.name}; write them, or tell `losses.physics`")
    told = {loss.attribute for loss in losses}
    alive = np.asarray(beam.alive)
    if len(back) != len(beam) and len(back) != alive.sum():
        raise CheckFailedError(
            f"{len(beam)} particles come back as {len(back)}; the lost may stay away, if `losses.note` says so"
        )
    if len(back) != len(beam) and not losses:
        raise CheckFailedError("lost particles are left out without a word; report them with `losses.note`")
    kept = np.ones(len(beam), bool) if len(back) == len(beam) else alive
    if not told & {"alive", "lost"} and not np.array_equal(np.asarray(back.alive), alive[kept]):
        raise CheckFailedError("other particles are alive than were; write it, or report it with `losses.note`")
    total, found = (float(np.sum(np.asarray(b.charge)[np.asarray(b.alive)])) for b in (beam, back))
    if not abs(found - total) <= DIGITS * abs(total) and "charge" not in told:
        raise CheckFailedError(f"a charge of {total} C comes back as {found} C; write it, or report it with `losses.note`")
    return _same_particles(back, beam, alive[kept], kept)


def _reference(format: str, beam: ParticleBeam, losses: Sequence[Loss]) -> dict[str, float]:
    """Return what a reader must be told where the writer said that there is no place for the reference."""
    known = inspect.signature(registry().beam_readers[format].value.read).parameters
    if not any("p0c" in (loss.element, loss.attribute) or loss.element == "reference" for loss in losses):
        return {}
    return {name: float(getattr(beam, name)) for name in ("p0c", "s", "t") if name in known}


def _same_particles(back: ParticleBeam, beam: ParticleBeam, which: np.ndarray, kept: np.ndarray) -> str:
    """Compare momenta and places at the reference of the beam that was written, which may have come back as another."""
    advice = "write numbers with all their digits, and see signs and units: m, eV, and z = -beta c (t - t_ref)"
    if abs(back.p0c / beam.p0c - 1) > DIGITS:
        return f"the reference has p0c = {back.p0c}"
    found, truth = values(back.coordinates), values(beam.coordinates)[:, kept]
    return f"within {compare(found, truth, DIGITS, advice, which):.1e}"


__all__ = ["beam_reader_checks", "beam_writer_checks", "check_beam_reader", "check_beam_writer"]
