from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import caraval as cv
from caraval.core.errors import InputError, LatticeError, UnknownNameError
from caraval.core.formats import BeamReader, BeamWriter, Reader, Writer

LINE = cv.Lattice([cv.Drift(name="d", length=1.0)], name="line")


def beam() -> cv.ParticleBeam:
    return cv.ParticleBeam(x=[0.0, 1e-3], p0c=1e8)


def reads(name: str) -> Any:
    """A read function whose lattice says who read it."""
    return lambda path, *, line=None, branch=None: cv.Lattice([cv.Drift()], name=f"{name} {path.name} {line} {branch}")


def read_beam(path: Path, *, p0c: float = 1e8, nothing: bool = False) -> cv.ParticleBeam | None:
    """One particle, or nothing at all."""
    return None if nothing else cv.ParticleBeam(x=[1e-3], p0c=p0c)


@pytest.fixture
def formats(plugin: Any) -> None:
    """Formats to tell apart: two share a suffix and have signs, one has a sign and no suffix, one has only a suffix."""
    plugin(
        "formats",
        register_readers=lambda: [
            Reader("apple", (".fruit", ".apl"), reads("apple"), lambda head: "APPLE" in head),
            Reader("pear", (".fruit",), reads("pear"), lambda head: "PEAR" in head),
            Reader("stone", (), reads("stone"), lambda head: head.startswith("STONE")),
            Reader("plain", (".plain",), reads("plain")),
        ],
        register_writers=lambda: [
            Writer("plain", (".plain",), lambda lattice, path, **how: path.write_text(f"{lattice.name} {how}"))
        ],
        register_beam_readers=lambda: [BeamReader("bunch", (".bunch", ".b.gz"), read_beam)],
        register_beam_writers=lambda: [
            BeamWriter("bunch", (".bunch", ".b.gz"), lambda beam, path, **how: path.write_text(str(how)))
        ],
    )


def put(path: Path, content: str | bytes = "") -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# -------------------------------------------------------------------- which format


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.plain", "", "plain"),
        ("a.PLAIN", "APPLE", "plain"),
        ("a.apl", "an APPLE", "apple"),
        ("a.fruit", "an APPLE", "apple"),
        ("a.fruit", "a PEAR", "pear"),
        ("a.txt", "STONE", "stone"),
        ("a", "STONE", "stone"),
        ("a.fruit", b"\xff\xfe APPLE", "apple"),
        ("a.b.plain", "", "plain"),
    ],
)
def test_formats_are_told_by_suffix_and_content(formats, tmp_path, name, content, format):
    assert cv.load(put(tmp_path / name, content)).name == f"{format} {name} None None"


def test_a_format_that_is_said_needs_no_suffix(formats, tmp_path):
    path = put(tmp_path / "a.txt", "PEAR")
    assert cv.load(path, format="apple", line="ring", branch=1).name == "apple a.txt ring 1"
    assert cv.load(str(path), format="plain").name == "plain a.txt None None"


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.fruit", "an APPLE, a PEAR", "one of apple, pear"),
        ("a.fruit", "a plum", "one of apple, pear"),
        ("a.fruit", 5000 * " " + "APPLE", "one of apple, pear"),
        ("a.txt", "nothing", "plain"),
        ("a.txt", "", "plain"),
    ],
)
def test_what_cannot_be_told_must_be_said(formats, tmp_path, name, content, named):
    path = put(tmp_path / name, content)
    with pytest.raises(UnknownNameError, match=named) as caught:
        cv.load(path)
    assert str(path) in str(caught.value)
    assert "format=" in str(caught.value)


def test_formats_that_nobody_reads_or_writes(formats, tmp_path):
    path = put(tmp_path / "a.plain")
    with pytest.raises(UnknownNameError, match=r"read lattices of format 'aple'; did you mean 'apple'\?"):
        cv.load(path, format="aple")
    with pytest.raises(UnknownNameError, match=r"write lattices of format 'plane'; did you mean 'plain'\?"):
        cv.save(LINE, path, format="plane")
    with pytest.raises(UnknownNameError, match=r"read beams of format 'punch'; did you mean 'bunch'\?"):
        cv.load_beam(path, format="punch")
    with pytest.raises(UnknownNameError, match=r"write beams of format 'punch'; did you mean 'bunch'\?"):
        cv.save_beam(beam(), path, format="punch")
    assert path.read_text() == ""


def test_names_that_no_writer_knows(formats, tmp_path):
    with pytest.raises(UnknownNameError, match=r"write lattices with a name like 'a\.xyz'; there are .*plain \(\.plain\)"):
        cv.save(LINE, tmp_path / "a.xyz")
    with pytest.raises(UnknownNameError, match=r"write beams with a name like 'a\.xyz'; there are .*bunch \(\.bunch \.b\.gz\)"):
        cv.save_beam(beam(), tmp_path / "a.xyz")
    with pytest.raises(UnknownNameError, match=r"read beams with a name like 'a\.xyz'"):
        cv.load_beam(put(tmp_path / "a.xyz"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.xyz"]


def test_suffixes_may_have_several_parts_and_options_are_passed_on(formats, tmp_path):
    path = put(tmp_path / "a.B.gz")
    assert cv.load_beam(path, p0c=1e6).p0c == 1e6
    cv.save_beam(beam(), path, level=3)
    assert path.read_text() == "{'level': 3}"
    cv.save(LINE, tmp_path / "a.plain", digits=12)
    assert (tmp_path / "a.plain").read_text() == "line {'digits': 12}"
    cv.save(LINE, tmp_path / "a.txt", format="plain")
    assert (tmp_path / "a.txt").read_text() == "line {}"


def test_beams_come_to_where_they_are_wanted_whatever_the_reader(formats, tmp_path, backend):
    path = put(tmp_path / "a.bunch")
    out = cv.load_beam(path, backend=backend, dtype="float32")
    assert out.backend == backend
    assert str(out.x.dtype).endswith("float32")
    with pytest.raises(cv.BackendError, match="unknown backend 'torhc'; did you mean 'torch'"):
        cv.load_beam(path, backend="torhc")
    with pytest.raises(cv.InputError, match="dtype must be float64 or float32"):
        cv.load_beam(path, dtype="float16")


def test_a_reader_that_returns_no_beam(formats, tmp_path):
    with pytest.raises(cv.InputError, match=r"a\.bunch: the reader of format 'bunch' returned no beam"):
        cv.load_beam(put(tmp_path / "a.bunch"), nothing=True)


def test_caravals_own_formats_are_known_by_their_suffixes(tmp_path):
    pytest.importorskip("beamphysics")
    cv.save(LINE, tmp_path / "line.json")
    assert cv.load(tmp_path / "line.json") == LINE
    cv.save(LINE, tmp_path / "line.lattice", format="json")
    assert cv.load(tmp_path / "line.lattice") == LINE  # by its header
    for name in ("beam.h5", "beam.hdf5", "beam.openpmd.h5", "BEAM.H5"):
        cv.save_beam(beam(), tmp_path / name)
        assert len(cv.load_beam(tmp_path / name)) == 2


# -------------------------------------------------------------------- files that are not there


@pytest.mark.parametrize("load", [cv.load, cv.load_beam])
def test_missing_files_and_folders(tmp_path, load):
    put(tmp_path / "linac.bmad")
    with pytest.raises(FileNotFoundError, match=r"no file .*linca\.bmad; did you mean 'linac\.bmad'\?"):
        load(tmp_path / "linca.bmad")
    with pytest.raises(FileNotFoundError, match=r"no file .*something$"):
        load(tmp_path / "something")
    with pytest.raises(FileNotFoundError, match="no file"):
        load(str(tmp_path / "nowhere" / "linac.bmad"))
    with pytest.raises(InputError, match="is a folder, not a file"):
        load(tmp_path)


def test_a_reader_that_returns_no_lattice_is_named(plugin, tmp_path):
    plugin("lazy", register_readers=lambda: [Reader("lazy", (".lazy",), lambda path, **how: None)])
    with pytest.raises(LatticeError, match=r"a\.lazy: the reader of format 'lazy' returned no lattice"):
        cv.load(put(tmp_path / "a.lazy"))


# -------------------------------------------------------------------- whole or not at all


class BreakdownError(Exception):
    pass


@pytest.fixture
def broken(plugin: Any) -> None:
    """Writers that stop half way, or before anything was written."""

    def half(content: Any, path: Path) -> None:
        path.write_text("half of it")
        raise BreakdownError

    def none(content: Any, path: Path) -> None:
        raise BreakdownError

    plugin(
        "broken",
        register_writers=lambda: [Writer("half", (".half",), half), Writer("none", (".none",), none)],
        register_beam_writers=lambda: [BeamWriter("half", (".half",), half), BeamWriter("none", (".none",), none)],
    )


@pytest.mark.parametrize(("save", "content"), [(cv.save, LINE), (cv.save_beam, beam())], ids=["lattice", "beam"])
@pytest.mark.parametrize("suffix", [".half", ".none"])
def test_a_writer_that_fails_leaves_nothing_and_keeps_the_old_file(broken, tmp_path, save, content, suffix):
    path = tmp_path / f"file{suffix}"
    with pytest.raises(BreakdownError):
        save(content, path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    with pytest.raises(BreakdownError):
        save(content, str(path))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {path.name: "old"}


def test_a_file_is_replaced_whole_and_nothing_else_is_left(formats, tmp_path):
    path = put(tmp_path / "a.plain", 1000 * "old")
    cv.save(LINE, path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.plain": "line {}"}


def test_the_writer_sees_another_name_in_the_same_folder_with_the_same_suffix(plugin, tmp_path):
    seen: list[Path] = []

    def write(lattice: Any, path: Path) -> None:
        seen.append(path)
        path.write_text("new")
        assert (tmp_path / "a.some").read_text() == "old"

    plugin("some", register_writers=lambda: [Writer("some", (".some",), write)])
    put(tmp_path / "a.some", "old")
    cv.save(LINE, tmp_path / "a.some")
    assert (tmp_path / "a.some").read_text() == "new"
    assert (seen[0].parent, seen[0].suffix) == (tmp_path, ".some")
    assert seen[0].name != "a.some"


def test_there_must_be_a_folder_to_write_into(formats, tmp_path):
    with pytest.raises(InputError, match=r"no folder .*nowhere to write a\.plain into"):
        cv.save(LINE, tmp_path / "nowhere" / "a.plain")
    with pytest.raises(InputError, match=r"no folder .*nowhere to write a\.bunch into"):
        cv.save_beam(beam(), tmp_path / "nowhere" / "a.bunch")
    assert list(tmp_path.iterdir()) == []


def test_a_lattice_is_not_written_over_its_folder(formats, tmp_path):
    (tmp_path / "a.plain").mkdir()
    with pytest.raises(cv.InputError, match=r"a\.plain is a folder"):
        cv.save(LINE, tmp_path / "a.plain")
    assert [file.name for file in tmp_path.iterdir()] == ["a.plain"]
