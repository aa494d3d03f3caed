"""The checks of writers of lattice files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from caraval.core.formats import Writer
from caraval.core.lattice import Lattice
from caraval.core.registry import registry
from caraval.io import load, save

from .beams import EAGER, beam_of, compare, particles, values
from .checks import Check, CheckFailedError, Result, require
from .readers import REFERENCE, SCALE, suffix_of


def writer_checks(writer: Writer | str, lattices: Sequence[Lattice]) -> list[Check]:
    """Return the checks of a writer whose format has a reader, too.

    Parameters
    ----------
    writer : Writer or str
        Or the name of its format.
    lattices : sequence of Lattice
        Lattices to write.
    """
    format = writer if isinstance(writer, str) else writer.format
    advice = "a writer writes what it says, and reports what it cannot with `losses.note` and `losses.physics`"
    return [
        Check(f"writer {format}", f"{function.__name__.replace('_', ' ')}[{number}]", function, (format, lattice), advice)
        for number, lattice in enumerate(lattices)
        for function in (comes_back, writes_the_same)
    ]


def check_writer(writer: Writer | str, lattices: Sequence[Lattice]) -> list[Result]:
    """Run all checks of a writer, see :func:`writer_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(writer_checks(writer, lattices))


def comes_back(format: str, lattice: Lattice) -> str:
    """What is read back is tracked the same, unless the writer says what is lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"lattice{suffix_of(registry().writers[format].value)}"
        losses = save(lattice, path, format=format, on_unsupported="drift")
        if format not in registry().readers:
            return "there is no reader to compare with"
        back = load(path, format=format, on_unsupported="drift")
    if any(loss.is_physics or loss.attribute == "tracking_method" for loss in losses):
        return f"{len(losses)} losses told"
    reference = lattice.reference or REFERENCE
    beam = beam_of(particles(20, scale=SCALE), reference)
    truth, out = lattice.track(beam), back.track(beam, reference="beam")
    advice = "write numbers with all their digits, and report what the format cannot say with `losses.physics`"
    worst = compare(values(out.coordinates), values(truth.coordinates), 10 * EAGER, advice, truth.alive)
    return f"within {worst:.1e}"


def writes_the_same(format: str, lattice: Lattice) -> None:
    """Two files of one lattice are the same."""
    with tempfile.TemporaryDirectory() as folder:
        texts = []
        for _ in range(2):
            path = Path(folder) / f"lattice{suffix_of(registry().writers[format].value)}"
            save(lattice, path, format=format, on_unsupported="drift")
            texts.append(path.read_bytes())
    if texts[0] != texts[1]:
        raise CheckFailedError("two files of one lattice differ; write nothing that changes, such as the time")
