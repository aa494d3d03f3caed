"""The kit for beam files: sound formats pass, mistakes are found and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.testing import CheckFailedError, beam_reader_checks, beam_writer_checks, results

FILE = "100000000.0\n1e-3 0 0 1e-4 0 1e-3\n-2e-3 1e-4 5e-4 0 1e-2 0\n"
"""The reference momentum, and the coordinates of each particle."""


def read(path: Path) -> cv.ParticleBeam:
    lines = path.read_text(errors="replace").splitlines()
    try:
        p0c, rows = float(lines[0]), np.array([[float(word) for word in line.split()] for line in lines[1:]])
        return cv.ParticleBeam(*rows.T[:6], p0c=p0c, charge=1e-10)
    except (ValueError, IndexError, TypeError, OverflowError, cv.CaravalError) as error:
        raise cv.InputError(f"{path}: this is no table of particles ({error})") from error


def careless(path: Path) -> cv.ParticleBeam:
    p0c, *rows = path.read_text(errors="replace").splitlines()
    return cv.ParticleBeam(*np.array([[float(word) for word in row.split()] for row in rows]).T, p0c=float(p0c))


def write(beam: cv.ParticleBeam, path: Path, *, losses: cv.Losses) -> None:
    if beam.species.name != "electron":
        losses.physics("beam", "species", beam.species.name)
    losses.note("beam", "charge", beam.total_charge)
    if not beam.alive.all():
        losses.note("beam", "alive", "the lost")
    rows = np.array(beam.coordinates).T[np.asarray(beam.alive)]
    path.write_text(f"{beam.p0c!r}\n" + "".join(" ".join(map(repr, row.tolist())) + "\n" for row in rows))


def rounded(beam: cv.ParticleBeam, path: Path, *, losses: cv.Losses) -> None:
    losses.note("beam", "charge", beam.total_charge)
    path.write_text(
        f"{beam.p0c!r}\n" + "".join(" ".join(f"{v:.4e}" for v in row) + "\n" for row in np.array(beam.coordinates).T)
    )


def silent(beam: cv.ParticleBeam, path: Path) -> None:
    rows = np.array(beam.coordinates).T
    path.write_text(f"{beam.p0c!r}\n" + "".join(" ".join(map(repr, row.tolist())) + "\n" for row in rows))


@pytest.fixture
def tables(plugin: Any) -> Any:
    """Return what registers a format."""

    def register(reader: Any = read, writer: Any = write) -> None:
        plugin(
            "bunches",
            register_beam_readers=lambda: [cv.BeamReader("bunches", (".bunch",), reader)],
            register_beam_writers=lambda: [cv.BeamWriter("bunches", (".bunch",), writer)],
        )

    return register


def first_failure(checks: list[Any], name: str) -> str:
    (check,) = [c for c in checks if c.name.startswith(name)]
    with pytest.raises(CheckFailedError) as caught:
        check()
    return str(caught.value)


def test_a_sound_format_passes_everything(tables):
    tables()
    found = list(results([*beam_reader_checks("bunches", [FILE]), *beam_writer_checks("bunches")]))
    assert [result.failure for result in found if result.failure] == []
    assert {r.check.name for r in found} >= {
        "reads[0]",
        "survives changes[0]",
        "comes back[electrons]",
        "comes back[some lost]",
    }


@pytest.mark.parametrize(
    ("check", "advice"), [("refuses what is empty", "raise LatticeError"), ("survives changes", "raise LatticeError")]
)
def test_a_readers_mistake_is_found_and_explained(check, advice, tables):
    tables(reader=careless)
    assert advice in first_failure(beam_reader_checks("bunches", [FILE]), check)


@pytest.mark.parametrize(
    ("writer", "check", "advice"),
    [
        (rounded, "comes back[electrons]", "write numbers with all their digits"),
        (silent, "comes back[protons]", "come back as electron"),
        (silent, "comes back[some lost]", "other particles are alive than were"),
    ],
)
def test_a_writers_mistake_is_found_and_explained(writer, check, advice, tables):
    tables(writer=writer)
    assert advice in first_failure(beam_writer_checks("bunches"), check)


@pytest.mark.parametrize("checks", [lambda: beam_reader_checks("none", []), lambda: beam_writer_checks("none")])
def test_a_format_that_is_not_registered(checks):
    with pytest.raises(CheckFailedError, match="return it from the hook register_beam_"):
        checks()


@pytest.mark.parametrize(("format", "needed"), [("bmad", "numpy"), ("openpmd", "h5py"), ("sdds", "pysdds"), ("astra", "numpy")])
def test_caravals_own_pass(format, needed, tmp_path):
    pytest.importorskip(needed)
    beam = cv.ParticleBeam.gaussian(10, p0c=1e8, sigma_x=1e-3, sigma_py=1e-4, charge=1e-10, seed=1)
    path = tmp_path / "bunch"
    cv.save_beam(beam, path, format=format)
    found = list(results([*beam_reader_checks(format, [path]), *beam_writer_checks(format)]))
    assert [result.failure for result in found if result.failure] == []
