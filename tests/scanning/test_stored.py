"""Scans in files: whole or not at all, and what is finished is not done again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import BackendError, InputError
from caraval.scanning import Scan, read_table
from caraval.scanning import tables as module

SETTINGS = {"q1.k1": np.linspace(1.0, 2.0, 10), "q2.k1": np.linspace(-2.0, -1.0, 10)}
SUFFIXES = [".parquet", ".h5"]


@pytest.fixture
def lattice() -> cv.Lattice:
    return cv.Lattice(
        [cv.Quadrupole(name="q1", length=0.2), cv.Drift(name="d1", length=0.5), cv.Quadrupole(name="q2", length=0.2)]
    )


@pytest.fixture
def beam(make_beam) -> cv.MomentBeam:
    return make_beam().to_moments()


@pytest.fixture(params=SUFFIXES)
def path(request, tmp_path) -> Path:
    pytest.importorskip("pyarrow" if request.param == ".parquet" else "h5py")
    return tmp_path / f"result{request.param}"


def assert_same(table, expected):
    assert list(table) == list(expected)
    for name, column in expected.items():
        np.testing.assert_array_equal(table[name], column, err_msg=name)


class Interrupted(KeyboardInterrupt):
    """Stands for the user's Ctrl-C, or a crash."""


def interrupted_after(count):
    """Return a `map` that is interrupted after so many chunks."""

    def until(function, chunks):
        for number, chunk in enumerate(chunks):
            if number == count:
                raise Interrupted
            yield function(chunk)

    return until


def counting(counted):
    """Return a `map` that remembers what it was given."""

    def remember(function, chunks):
        for chunk in chunks:
            counted.append(chunk.start)
            yield function(chunk)

    return remember


def test_files_hold_the_table(lattice, beam, path):
    expected = cv.scan(lattice, beam, SETTINGS)
    assert Scan(lattice, beam, SETTINGS, chunk=3).write(path) == 10
    assert_same(read_table(path), expected)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("count", [1, 3])
def test_interrupted_and_resumed_is_whole(lattice, beam, path, count):
    expected = cv.scan(lattice, beam, SETTINGS)
    scan = Scan(lattice, beam, SETTINGS, chunk=3)
    with pytest.raises(Interrupted):
        scan.write(path, map=interrupted_after(count))
    assert not path.exists()
    counted, told = [], []
    again = Scan(lattice, beam, SETTINGS, chunk=3)
    tracked = again.write(path, resume=True, map=counting(counted), progress=lambda *so_far: told.append(so_far))
    assert counted == [0, 3, 6, 9][count:]
    assert tracked == 10 - 3 * count
    assert told[0] == (3 * count, 10)
    assert told[-1] == (10, 10)
    assert_same(read_table(path), expected)
    assert list(path.parent.iterdir()) == [path]


def test_complete_files_are_left_alone(lattice, beam, path):
    Scan(lattice, beam, SETTINGS).write(path)
    before = path.read_bytes()
    assert Scan(lattice, beam, SETTINGS).write(path, resume=True, map=interrupted_after(0)) == 0
    assert path.read_bytes() == before


def test_resuming_nothing_is_beginning(lattice, beam, path):
    assert Scan(lattice, beam, SETTINGS).write(path, resume=True) == 10


def test_without_resume_files_are_written_anew(lattice, beam, path):
    Scan(lattice, beam, SETTINGS).write(path)
    other = {"q1.k1": np.array([1.0, 2.0])}
    Scan(lattice, beam, other).write(path)
    assert len(read_table(path)["q1.k1"]) == 2


def test_what_is_finished_is_not_thrown_away(lattice, beam, path):
    with pytest.raises(Interrupted):
        Scan(lattice, beam, SETTINGS, chunk=3).write(path, map=interrupted_after(1))
    with pytest.raises(InputError, match=r"an interrupted scan lies in .*\.parts; resume it, or remove"):
        Scan(lattice, beam, SETTINGS, chunk=3).write(path)


def test_interrupted_before_anything_is_finished(lattice, beam, path):
    with pytest.raises(Interrupted):
        Scan(lattice, beam, SETTINGS, chunk=3).write(path, map=interrupted_after(0))
    other = {"q1.k1": np.array([1.0, 2.0])}
    assert Scan(lattice, beam, other).write(path) == 2


def moved(beam):
    """Return a beam that is a nanometre away."""
    return cv.MomentBeam(beam.mean + 1e-9, beam.covariance, reference=beam.reference, charge=beam.charge)


CHANGES = {
    "settings": lambda lattice, beam: Scan(lattice, beam, {**SETTINGS, "q1.k1": SETTINGS["q1.k1"] + 1e-15}, chunk=3),
    "names": lambda lattice, beam: Scan(lattice, beam, {"q2.k1": SETTINGS["q1.k1"], "q1.k1": SETTINGS["q2.k1"]}, chunk=3),
    "lattice": lambda lattice, beam: Scan(lattice.replace({"d1.length": 0.6}), beam, SETTINGS, chunk=3),
    "method": lambda lattice, beam: Scan(lattice.with_tracking("linear"), beam, SETTINGS, chunk=3),
    "options": lambda lattice, beam: Scan(lattice.with_tracking(cv.BmadStandard(num_steps=2)), beam, SETTINGS, chunk=3),
    "beam": lambda lattice, beam: Scan(lattice, moved(beam), SETTINGS, chunk=3),
    "outputs": lambda lattice, beam: Scan(lattice, beam, SETTINGS, ["sigma_x"], chunk=3),
    "places": lambda lattice, beam: Scan(lattice, beam, SETTINGS, observe="d1", chunk=3),
    "precision": lambda lattice, beam: Scan(lattice, beam.to(dtype="float32"), SETTINGS, chunk=3),
}
SAID = {
    "names": "settings",
    "method": "lattice",
    "options": "lattice",
    "precision": "beam, backend or precision",
    "places": "places observed",
}


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("what", CHANGES)
def test_other_scans_are_refused(lattice, beam, tmp_path, what, complete):
    pytest.importorskip("h5py")
    path = tmp_path / "result.h5"
    scan = Scan(lattice, beam, SETTINGS, chunk=3)
    if complete:
        scan.write(path)
    else:
        with pytest.raises(Interrupted):
            scan.write(path, map=interrupted_after(2))
    with pytest.raises(InputError, match=f"is of another scan, which differs in {SAID.get(what, what)};"):
        CHANGES[what](lattice, beam).write(path, resume=True)


def test_chunks_must_stay_as_they_were(lattice, beam, path):
    with pytest.raises(Interrupted):
        Scan(lattice, beam, SETTINGS, chunk=3).write(path, map=interrupted_after(2))
    with pytest.raises(InputError, match="takes 3 settings at a time, not 5; resume it with chunks of 3"):
        Scan(lattice, beam, SETTINGS, chunk=5).write(path, resume=True)


def test_a_failure_while_writing_leaves_the_old_file(lattice, beam, path, monkeypatch):
    Scan(lattice, beam, {"q1.k1": [1.0]}).write(path)
    before = path.read_bytes()

    def fail(tables):
        yield next(iter(tables))
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(module, "_together", fail)
        with pytest.raises(Interrupted):
            Scan(lattice, beam, SETTINGS).write(path)
    assert path.read_bytes() == before
    assert Scan(lattice, beam, SETTINGS).write(path, resume=True, map=interrupted_after(0)) == 0  # all chunks are there
    assert len(read_table(path)["q1.k1"]) == 10


def test_units_are_in_the_file(lattice, beam, path):
    Scan(lattice, beam, SETTINGS, ["sigma_x", "gamma_y"], observe="d1").write(path)
    expected = {"sigma_x": "m", "gamma_y": "1/m", "d1.sigma_x": "m", "d1.gamma_y": "1/m"}
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path) as file:
            assert {name: item.attrs["unit"] for name, item in file.items() if "unit" in item.attrs} == expected
    else:
        from pyarrow import parquet

        schema = parquet.read_schema(path)
        assert {f.name: f.metadata[b"unit"].decode() for f in schema if f.metadata} == expected


def test_small_chunks_are_written_together(lattice, beam, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(module, "ROWS", 4)
    path = tmp_path / "result.parquet"
    Scan(lattice, beam, SETTINGS, chunk=1).write(path)
    metadata = parquet.ParquetFile(path).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [4, 4, 2]


def test_a_file_takes_one_number_per_setting(lattice, beam, path):
    scan = Scan(lattice, beam, SETTINGS, lambda out: {"mean": out.mean})
    with pytest.raises(InputError, match="'mean' has \\(6,\\) values per setting"):
        scan.write(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("result.parqet", r"no table can be written to result.parqet; did you mean '.parquet'"),
        ("result.csv", "known are .parquet .pq .h5 .hdf5"),
        ("nowhere/result.h5", "no folder"),
        (".", "is a folder"),
    ],
)  # fmt: skip
def test_targets_that_are_none(lattice, beam, tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        Scan(lattice, beam, SETTINGS).write(tmp_path / name)


@pytest.mark.parametrize(("library", "suffix"), [("pyarrow.parquet", ".parquet"), ("h5py", ".h5")])
def test_missing_libraries_are_named_before_the_work(lattice, beam, tmp_path, monkeypatch, library, suffix):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BackendError, match=r"caraval\[scan\]"):
        Scan(lattice, beam, SETTINGS).write(tmp_path / f"result{suffix}", map=interrupted_after(0))
