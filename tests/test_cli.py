"""The command line as a person or a script uses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import caraval as cv
from caraval import demo
from caraval.cli import app, beams, options, report, tables
from caraval.core import discovery
from caraval.core import registry as registering
from caraval.scanning import DEFAULT, Work, read_table

ROOT = str(Path(cv.__file__).parents[1])

FODO = """\
no_digested
parameter[particle] = electron
parameter[geometry] = open
beginning[p0c] = 100e6
beginning[beta_a] = 8
beginning[alpha_a] = 0.5
beginning[beta_b] = 3
qf: quadrupole, l = 0.2, k1 = 1.4
qd: quadrupole, l = 0.2, k1 = -1.4
d: drift, l = 0.6
s1: sextupole, l = 0.1, k2 = 2
bpm: monitor
cell: line = (qf, d, bpm, qd, d, s1)
fodo: line = (3*cell)
other: line = (d, d)
use, fodo
"""


@pytest.fixture
def fodo(tmp_path: Path) -> Path:
    path = tmp_path / "fodo.bmad"
    path.write_text(FODO)
    return path


@pytest.fixture
def caraval() -> Callable[..., Any]:
    """Run a command; `code` is the exit code that it must have."""

    def run(*arguments: Any, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        return result

    return run


def flat(text: str) -> str:
    """Text without line breaks and frames, which depend on the window."""
    return re.sub(r"[\s│]+", " ", text)


def row(output: str, name: str) -> list[float]:
    """Numbers in the row of a table that begins with a name."""
    found = [line.split() for line in output.splitlines() if line.split()[:1] == [name]]
    assert len(found) == 1, output
    return [float(text) for text in found[0][1:]]


def one_line(result: Any) -> str:
    """The error of a command: one line on the standard error stream."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


# -------------------------------------------------------------------- tracking


def test_table(caraval: Any, fodo: Path) -> None:
    result = caraval("track", fodo, "--particles", "500", "--observe", "bpm##2,qd##1", "--observe", "bpm##3")
    output = result.stdout
    assert "fodo, 19 elements, 5.1 m, electron, 100 MeV" in output
    assert (
        "500 electrons matched to the beginning of the lattice: beta 8 m, 3 m; alpha 0.5, 0; normalized emittance 1 µm"
        in output
    )
    lattice = cv.load(fodo)
    beam = cv.ParticleBeam.from_twiss(
        500, beta_x=8, alpha_x=0.5, beta_y=3, normalized_emittance_x=1e-6, normalized_emittance_y=1e-6,
        sigma_z=1e-4, sigma_pz=1e-4, p0c=1e8, seed=1,
    )  # fmt: skip
    out, history = lattice.track(beam, observe=["bpm"])
    for name, expected in (("start", beam), ("bpm##2", history["bpm"][1]), ("end", out)):
        s, sigma_x, sigma_y, emittance_x, emittance_y, *_, transmission = row(output, name)
        assert s == pytest.approx(float(expected.s), abs=1e-3)
        assert sigma_x == pytest.approx(expected.sigma_x * 1e6, rel=1e-3)
        assert sigma_y == pytest.approx(expected.sigma_y * 1e6, rel=1e-3)
        assert emittance_x == pytest.approx(expected.normalized_emittance_x * 1e6, rel=1e-3)
        assert emittance_y == pytest.approx(expected.normalized_emittance_y * 1e6, rel=1e-3)
        assert transmission == 100
    places = [line.split()[0] for line in output.splitlines() if line.startswith(("start", "bpm", "qd", "end"))]
    assert places == ["start", "qd##1", "bpm##2", "bpm##3", "end"]
    assert "tracked 500 particles through 19 elements" in output
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_backends(caraval: Any, fodo: Path, name: str, dtype: str) -> None:
    pytest.importorskip(name)
    expected = row(caraval("track", fodo, "--particles", "100").stdout, "end")
    output = caraval("track", fodo, "--particles", "100", "--backend", name, "--dtype", dtype, "--device", "cpu").stdout
    assert row(output, "end") == pytest.approx(expected, rel=1e-3)
    assert f"on {name} ({dtype})" in output


def test_compiled(caraval: Any, fodo: Path) -> None:
    pytest.importorskip("numba")
    expected = row(caraval("track", fodo, "--particles", "100").stdout, "end")
    output = caraval("track", fodo, "--particles", "100", "--compile", "--observe", "qd##1").stdout
    assert row(output, "end") == expected
    assert "compilation included" in output


def test_all_places(caraval: Any, fodo: Path) -> None:
    output = caraval("track", fodo, "--particles", "10", "--observe", "all").stdout
    assert "qf##3" in output
    assert "s1##2" in output


def test_turns(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    ring = ("track", fodo, "--particles", "100", "--turns", "40")
    output = caraval(*ring).stdout
    places = [line.split()[:2] for line in output.splitlines() if line.startswith(("start", "turn "))]
    assert places == [["start", places[0][1]], *(["turn", str(turn)] for turn in range(4, 41, 4))]
    assert "tracked 100 particles through 19 elements, 40 turns, in " in output
    output = caraval(*ring, "--observe", "bpm##2", "--observe-turns", "20", "--plot", tmp_path / "t.svg").stdout
    assert [line.split(" ")[:3] for line in output.splitlines() if "turn " in line] == [
        ["bpm##2,", "turn", "20"],
        ["bpm##2,", "turn", "40"],
    ]
    assert (tmp_path / "t.svg").exists()


def test_losses_in_turns_are_told(caraval: Any, tmp_path: Path) -> None:
    lattice = cv.Lattice([cv.Drift(name="d", length=1.0, x_limit=1e-3)], reference=cv.Reference("electron", p0c=1e8))
    cv.save(lattice, tmp_path / "d.json")
    output = caraval("track", tmp_path / "d.json", "--sigma", "px=1e-4", "--particles", "100", "--turns", "9").stdout
    assert re.search(r"^lost \d+ of 100 particles in turns [3-9] to 9: ", output, re.MULTILINE)


def test_lines_and_branches(caraval: Any, fodo: Path) -> None:
    assert "other, 3 elements, 1.2 m" in caraval("track", fodo, "--line", "other", "--format", "bmad").stdout
    assert "fodo, 19 elements" in caraval("track", fodo, "--branch", "0").stdout


def test_losses_are_named(caraval: Any, fodo: Path) -> None:
    fodo.write_text(FODO.replace("k1 = -1.4", "k1 = -1.4, x_limit = 3e-4, y_limit = 3e-4"))
    result = caraval("track", fodo, "--particles", "1000")
    assert re.search(r"lost \d+ of 1 000 particles: \d+ at qd##\d \(\d\.\d\d m\)", result.stdout)
    assert row(result.stdout, "end")[-1] < 100


def test_all_lost(caraval: Any, fodo: Path) -> None:
    fodo.write_text(FODO.replace("k1 = -1.4", "k1 = -1.4, x_limit = 1e-9"))
    result = caraval("track", fodo, "--particles", "100", "--plot", fodo.with_suffix(".png"))
    assert "lost 100 of 100 particles: 100 at qd##1 (1.00 m)" in result.stdout
    end = next(line for line in result.stdout.splitlines() if line.startswith("end"))
    assert end.split()[2:4] == ["–", "–"]
    assert end.split()[-1] == "0.00"


# -------------------------------------------------------------------- beams


def test_sizes(caraval: Any, fodo: Path) -> None:
    result = caraval(
        "track", fodo, "--particles", "1e3", "--sigma", "x=1e-4,px=2e-5", "--sigma", "y = 3e-4", "--charge", "1e-9"
    )
    assert "1 000 electrons with the sizes given: sigma_x 100 µm; sigma_px 2e-05; sigma_y 300 µm" in result.stdout
    assert row(result.stdout, "start")[1:3] == [100, 300]


def test_lengths_keep_the_match(caraval: Any, fodo: Path) -> None:
    result = caraval("track", fodo, "--particles", "100", "--sigma", "z=2e-3,pz=1e-3")
    assert "matched to the beginning" in result.stdout
    assert row(result.stdout, "start")[5:7] == pytest.approx([2, 1])


def test_twiss_options(caraval: Any, fodo: Path) -> None:
    result = caraval(
        "track", fodo, "--particles", "100", "--beta-x", "2", "--alpha-x", "-1", "--emittance-x", "1e-8", "--beta-y", "4",
        "--normalized-emittance-y", "2e-6",
    )  # fmt: skip
    assert "partly matched to the beginning of the lattice" in result.stdout
    gamma = 1e8 / cv.Reference("electron", p0c=1e8).species.mass
    sizes = np.sqrt([2 * 1e-8, 4 * 2e-6 / gamma]) * 1e6
    assert row(result.stdout, "start")[1:3] == pytest.approx(list(sizes), rel=1e-3)


def test_lattice_without_twiss(caraval: Any, fodo: Path) -> None:
    fodo.write_text(re.sub(r"beginning\[(beta|alpha).*\n", "", FODO))
    assert "guessed Twiss parameters, as the lattice gives none: beta 10 m" in caraval("track", fodo).stdout


def test_lattice_without_reference(caraval: Any, tmp_path: Path) -> None:
    path = tmp_path / "line.json"
    cv.save(cv.Lattice([cv.Drift(name="d", length=1.0)], name="line"), path)
    assert "--energy or --p0c" in one_line(caraval("track", path, code=1))
    assert "proton" in caraval("track", path, "--p0c", "1e9", "--species", "proton", "--particles", "10").stdout
    assert row(caraval("track", path, "--energy", "2e9", "--particles", "10").stdout, "end")[-2] == 2
    assert "say the same" in flat(caraval("track", path, "--energy", "2e9", "--p0c", "1e9", code=2).stderr)


def test_same_seed_same_beam(fodo: Path) -> None:
    lattice = cv.load(fodo)
    given = beams.BeamOptions(None, 10, 7, None, None, None, None, {}, {}, "numpy", "float64", None)
    first, second = (beams.beam_for(lattice, given)[0] for _ in range(2))
    assert np.array_equal(first.x, second.x)


def test_beam_files(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    pytest.importorskip("pmd_beamphysics")
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    lattice = cv.load(fodo)
    beam, _ = beams.beam_for(
        lattice, beams.BeamOptions(None, 200, None, 1e-9, None, None, None, {}, {}, "numpy", "float64", None)
    )
    cv.save_beam(beam, first)
    result = caraval("track", fodo, "--beam", first, "--out", second)
    assert f"200 electrons from {first}" in result.stdout
    assert f"beam written to {second}" in result.stdout
    assert cv.load_beam(second).x == pytest.approx(lattice.track(beam).x, rel=1e-12)
    assert "leave out --particles, --sigma" in flat(
        caraval("track", fodo, "--beam", first, "--particles", 3, "--sigma", "x=1", code=2).stderr
    )


def test_beam_and_lattice_disagree(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    message = one_line(caraval("track", fodo, "--p0c", "2e8", code=1))
    assert "the lattice is for electrons of p0c = 100000000 eV, the beam is of electrons of p0c = 200000000 eV" in message
    assert "--reference beam" in message
    assert "protons" in one_line(caraval("track", fodo, "--species", "proton", code=1))
    assert "200 MeV" not in caraval("track", fodo, "--p0c", "2e8", "--reference", "beam", "--particles", "10").stdout
    assert not [path for path in tmp_path.iterdir() if path != fodo]


# -------------------------------------------------------------------- methods


@pytest.mark.parametrize(
    ("arguments", "tracked"),
    [
        (["Quadrupole=kick_drift_kick"], {"Quadrupole": "kick_drift_kick"}),
        (["quadrupole=kick-drift-kick(order=4, num_steps=3)"], {"Quadrupole": "kick_drift_kick(order=4, num_steps=3)"}),
        (["Quadrupole=linear", "kick_drift_kick(split=matrix)"],
         {"Quadrupole": "linear", "Drift": "kick_drift_kick(split='matrix')"}),
        (["linear,qf=bmad_standard"], {"Drift": "linear", "Monitor": "linear"}),
    ],
)  # fmt: skip
def test_methods_of_elements(
    monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, arguments: list[str], tracked: dict[str, str]
) -> None:
    seen: list[cv.Lattice] = []

    def heading(lattice: cv.Lattice) -> str:
        seen.append(lattice)
        return "seen"

    monkeypatch.setattr(report, "heading", heading)
    caraval("track", fodo, "--particles", "10", *(part for argument in arguments for part in ("--method", argument)))
    for kind, method in tracked.items():
        assert {str(e.tracking_method) for e in seen[0] if e.kind == kind} == {method}
    if "qf" in arguments[0]:
        assert str(seen[0]["qf"].tracking_method) == "bmad_standard"


@pytest.fixture
def matched(tmp_path: Path) -> Path:
    """A lattice with an element that has no symplectic integrator."""
    path = tmp_path / "matched.json"
    reference = cv.Reference("electron", 1e8)
    cv.save(
        cv.Lattice([cv.Drift(length=1.0), cv.Match(name="m", beta_a0=1, beta_b0=1, beta_a1=2, beta_b1=2)], reference=reference),
        path,
    )
    return path


def test_methods_that_some_lack(caraval: Any, matched: Path) -> None:
    result = caraval("track", matched, "--particles", "10", "--method", "kick_drift_kick")
    assert result.stderr == "note: kick_drift_kick is not for Match, which stay as they are\n"
    result = caraval("track", demo.FILE, "--particles", "10", "--method", "linear", "--method", "Solenoid=linear")
    assert "warning: tracked linearly, these act as drifts on the axis: Sextupole" in result.stderr
    assert "note: there is no Solenoid in the lattice" in result.stderr


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("kick_drift_kik", "no tracking method 'kick_drift_kik'; did you mean 'kick_drift_kick'?"),
        ("Quadrupol=linear", "no element kind and no element in the lattice is called 'Quadrupol'; did you mean 'Quadrupole'?"),
        ("Quadrupole=kick_drift_kick(ordr=4)", "kick_drift_kick has no option 'ordr'; did you mean 'order'?"),
        ("Quadrupole=kick_drift_kick(order=5)", "order must be 2, 4 or 6, not 5"),
        ("Quadrupole=linear(4)", "an option of linear is written NAME=VALUE, not '4'"),
        ("=linear", "'=linear' is no tracking method"),
        ("Quadrupole=", "'Quadrupole=' is no tracking method"),
    ],
)
def test_wrong_methods(caraval: Any, fodo: Path, method: str, message: str) -> None:
    assert one_line(caraval("track", fodo, "--method", method, code=1)).startswith(message)


def test_method_that_a_kind_lacks(caraval: Any, matched: Path) -> None:
    message = one_line(caraval("track", matched, "--method", "Match=kick_drift_kick", code=1))
    assert message == "Match 'm' has no tracking method 'kick_drift_kick'; it has bmad_standard, linear, second_order"


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--observe", "bpn"], "no element 'bpn' in the lattice; did you mean 'bpm'?"),
        (["--backend", "nump"], "unknown backend 'nump'; did you mean 'numpy'?"),
        (["--dtype", "float16"], "dtype must be float64 or float32, not 'float16'"),
        (["--device", "cuda"], "the numpy backend has no device 'cuda'"),
        (["--charge", "0"], "the charge of the bunch must be positive, not 0 C"),
        (["--beta-x", "-3"], "beta_x must be positive, not -3.0"),
        (["--sigma", "x=-1e-4"], "sigma_x must not be negative"),
        (["--emittance-x", "1e-9", "--normalized-emittance-x", "1e-6"], "give emittance_x or normalized_emittance_x, not both"),
        (["--species", "elektron"], "unknown species 'elektron'; did you mean 'electron'?"),
        (["--energy", "1"], "total energy 1 eV is not above the rest energy"),
        (["--beam", "none.h5"], "no file none.h5"),
        (["--out", "beam.xyz"], "no plugin writes beams to files like beam.xyz; known are .astra"),
        (["--out", "nowhere/beam.h5"], "no folder nowhere to write beam.h5 into"),
        (["--plot", "plot.pgn"], "no figure can be written to plot.pgn; did you mean"),
        (["--plot", "nowhere/plot.png"], "no folder nowhere to write plot.png into"),
        (["--out", "."], ". is a folder, not a file"),
        (["--line", "nosuch"], "no line 'nosuch' is defined"),
        (["--format", "nosuch"], "no plugin can read lattices of format 'nosuch'"),
    ],
)  # fmt: skip
def test_errors_are_one_line(
    monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = caraval("track", fodo, *arguments, code=1)
    assert message in one_line(result)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [fodo]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--particles", "0"], "it must be a positive whole number, not 0"),
        (["--particles", "1.5"], "it must be a positive whole number, not 1.5"),
        (["--particles", "many"], "'many' is not a number"),
        (["--particles", "1e30"], "1e30 is more than can be; 1e+12 is the most"),
        (["--charge", "nan"], "it must be finite, not nan"),
        (["--p0c", "inf"], "it must be finite, not inf"),
        (["--sigma", "x=abc"], "x: 'abc' is not a number"),
        (["--sigma", "x=nan"], "x: it must be finite, not nan"),
        (["--sigma", "q=1"], "there is no 'q'; there are x, px, y, py, z, pz"),
        (["--sigma", "xp=1"], "there is no 'xp'; did you mean"),
        (["--sigma", "1e-4"], "'1e-4' must be NAME=VALUE, such as x=1e-4"),
        (["--sigma", "x=1,x=2"], "x is given twice"),
        (["--sigma", "x=1e-4", "--beta-x", "3"], "sizes in x and y leave no room for --beta-x"),
        (["--nosuch"], "--nosuch"),
    ],
)
def test_wrong_usage(caraval: Any, fodo: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = caraval("track", fodo, *arguments, code=2)
    assert message in flat(result.stderr)
    assert list(tmp_path.iterdir()) == [fodo]


def test_files_that_are_none(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    assert one_line(caraval("track", tmp_path / "fod.bmad", code=1)).endswith("did you mean 'fodo.bmad'?")
    assert "is a folder" in one_line(caraval("info", tmp_path, code=1))
    fodo.write_text("qf: quadrupole, k1 = (1\n")
    assert f"{fodo}:1:" in one_line(caraval("info", fodo, code=1))


def test_what_does_not_fit_in_the_memory(monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise MemoryError("unable to allocate 44 TiB")

    monkeypatch.setattr(cv.ParticleBeam, "from_twiss", refuse)
    assert "does not fit in the memory: unable to allocate 44 TiB" in one_line(caraval("track", fodo, code=1))
    assert list(tmp_path.iterdir()) == [fodo]


def test_no_read_permission(monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(fodo))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert one_line(caraval("info", fodo, code=1)) == f"Permission denied: {fodo}"


def test_failure_on_the_way_leaves_no_files(monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, tmp_path: Path) -> None:
    pytest.importorskip("pmd_beamphysics")

    def break_off(*_: Any, **__: Any) -> None:
        raise cv.InputError("broke off")

    monkeypatch.setattr(cv.Lattice, "track", break_off)
    result = caraval("track", fodo, "--out", tmp_path / "beam.h5", "--plot", tmp_path / "plot.png", code=1)
    assert one_line(result) == "broke off"
    assert list(tmp_path.iterdir()) == [fodo]


@pytest.mark.parametrize(("arguments", "environment"), [(["--traceback"], {}), ([], {"CARAVAL_TRACEBACK": "1"})])
def test_traceback_on_request(arguments: list[str], environment: dict[str, str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "info", "nosuch.bmad"], env=environment)
    assert isinstance(result.exception, FileNotFoundError)


def test_batches_are_refused(caraval: Any, tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    q1 = cv.Quadrupole(name="q1", length=0.2, k1=np.array([1.0, 2.0]))
    cv.save(cv.Lattice([q1], reference=cv.Reference("electron", p0c=1e8)), path)
    assert "Quadrupole 'q1': k1 is a batch of shape (2,)" in one_line(caraval("track", path, code=1))
    assert "q1.k1 (2,)" in caraval("info", path).stdout


# -------------------------------------------------------------------- the other commands


def test_twiss(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    shown = caraval("twiss", fodo, "--csv", tmp_path / "t.csv", "--plot", tmp_path / "t.png").output
    assert re.search(r"place +s \[m\] +beta_a \[m\]", shown)
    assert re.search(r"beginning +0\.000 +8 +0\.5", shown)
    assert "tunes" not in shown
    table = np.genfromtxt(tmp_path / "t.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_array_equal(table["beta_b"], cv.optics.twiss(cv.load(fodo)).beta_b)
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_twiss_of_a_ring(caraval: Any, fodo: Path) -> None:
    fodo.write_text(FODO.replace("= open", "= closed"))
    shown = caraval("twiss", fodo).output
    found = cv.optics.tunes(cv.load(fodo))
    assert f"tunes            a {found.a:.9f}, b {found.b:.9f}" in shown
    assert "chromaticities" in shown


def test_survey(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    shown = caraval("survey", fodo, "--plot", tmp_path / "s.png", "--csv", tmp_path / "s.csv").output
    assert re.search(r"s1 +5\.100 +0 +0 +5\.1 +0 +0 +0", shown)
    assert (tmp_path / "s.png").exists()
    assert (tmp_path / "s.csv").read_text().startswith("s,name,x,y,z,theta,phi,psi")
    assert "no folder" in caraval("survey", fodo, "--csv", tmp_path / "none" / "s.csv", code=1).stderr


def test_info(caraval: Any) -> None:
    output = caraval("info", demo.FILE).stdout
    assert re.search(r"lattice +linac +\n", output)
    assert re.search(r"geometry +open +\n", output)
    assert "196.87 m" in output
    assert "electron" in output
    assert "beta_a = 12.9043" in output
    assert re.search(r"energy +100 MeV total, p0c 99.99869 MeV, gamma 195.695", output)
    assert re.search(r"energy at the end +805.146\d MeV", output)
    assert re.search(r"Quadrupole +107 +12.600 +bmad_standard", output)
    assert re.search(r"Sextupole +2 +0.200 +kick_drift_kick\(order=4, num_steps=2, split='matrix'\)", output)
    assert "the narrowest 3 mm from the axis, in Pipe 'seg'" in output


def test_info_of_little(caraval: Any, tmp_path: Path) -> None:
    path = tmp_path / "line.json"
    qs = [cv.Quadrupole(length=0.1, tracking_method=method) for method in ("linear", "linear", "bmad_standard")]
    cv.save(cv.Lattice(qs, geometry="closed"), path)
    output = caraval("info", path).stdout
    assert "without name" in output
    assert re.search(r"apertures +none", output)
    assert "2 linear, 1 bmad_standard" in output
    assert "energy" not in output


def test_info_of_constant_energy(caraval: Any, fodo: Path) -> None:
    output = caraval("info", fodo).stdout
    assert "energy at the end" not in output


def test_methods(caraval: Any) -> None:
    output = caraval("methods").stdout
    assert re.search(
        r"Quadrupole +bmad_standard, kick_drift_kick, linear, runge_kutta, second_order \(derived\) +caraval.physics.quad",
        output,
    )
    assert re.search(r"BeamBeam +bmad_standard, linear \(derived\), second_order \(derived\) +caraval.physics.beambeam", output)


def test_methods_of_a_kind(caraval: Any) -> None:
    output = caraval("methods", "quadrupole").stdout
    assert re.search(r"bmad_standard +default +caraval.physics.quadrupole +num_steps=None, ds_step=None", output)
    assert "Drift" not in output
    assert one_line(caraval("methods", "quadrupol", code=1)) == "unknown element kind 'quadrupol'; did you mean 'Quadrupole'?"


def test_methods_from_elsewhere(caraval: Any, plugin: Any) -> None:
    def track(constants: Any, q: Any, xp: Any) -> Any:
        return q

    plugin("extra", register_tracking_methods=lambda: {(cv.Quadrupole, "approximate"): cv.Routine(track=track)})
    assert re.search(r" approximate +extra", caraval("methods").stdout)
    assert re.search(r"extra +Quadrupole approximate", caraval("plugins").stdout)


def test_plugins(caraval: Any, plugin: Any) -> None:
    plugin("idle")
    output = caraval("plugins").stdout
    assert re.search(r"caraval.physics.drift +Drift bmad_standard, kick_drift_kick, runge_kutta, linear", output)
    assert re.search(r"caraval.backends +backend numpy, torch, jax", output)
    assert re.search(r"caraval.converters.bmad +reads lattices bmad", output)
    assert re.search(r"caraval.converters.openpmd +reads beams openpmd; writes beams openpmd", output)
    assert re.search(r"idle +nothing", output)
    assert "caraval.physics.shared.special" not in output
    assert "blocked" not in output


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Build the registry from what the test says is there, and afterwards from what is."""
    registering.reset()
    yield monkeypatch
    monkeypatch.undo()
    registering.reset()


def test_blocked_plugins(caraval: Any, anew: pytest.MonkeyPatch) -> None:
    anew.setenv("CARAVAL_DISABLE_PLUGINS", "caraval.physics.lcavity, nosuch")
    output = caraval("plugins").stdout
    assert re.search(r"caraval.physics.lcavity +blocked\s", output)
    assert re.search(r"nosuch +blocked, but there is none of this name", output)
    assert "LCavity" not in output


def test_plugins_that_fail(caraval: Any, anew: pytest.MonkeyPatch) -> None:
    anew.setattr(discovery, "entry_points", lambda **_: [EntryPoint("broken", "no_such_module_at_all", "caraval")])
    assert "broken failed: ModuleNotFoundError" in flat(caraval("plugins").stdout)


def test_plugin_warnings_are_one_line(fodo: Path, tmp_path: Path) -> None:
    installed = tmp_path / "broken-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[caraval]\nbroken = no_such_module_at_all\n")
    result = run_module("track", str(fodo), "--particles", "10", PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}")
    assert result.returncode == 0
    assert re.fullmatch(r"warning: plugin 'broken' could not be loaded and is left out: .*\n", result.stderr)


def test_demo(caraval: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    output = caraval("demo", "--particles", "1000", "--out", tmp_path).stdout
    assert row(output, "und_start")[0] == pytest.approx(163.870)
    assert row(output, "compressed")[-2:] == pytest.approx([305.1, 97.9], abs=2)
    assert row(output, "end")[-2] == pytest.approx(805.1)
    assert re.search(r"lost \d+ of 1 000 particles: \d+ at slit \(55.11 m\)", output)
    assert str(tmp_path / "caraval-demo.png") in output
    assert (tmp_path / "caraval-demo.png").read_bytes().startswith(b"\x89PNG")
    assert "particle-elements per second" in output


def test_demo_into_nowhere(caraval: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert "no folder" in one_line(caraval("demo", "--out", tmp_path / "nowhere", code=1))


def test_demo_stays_matched() -> None:
    lattice = demo.lattice()
    beam = demo.beam(lattice, 2000)
    assert float(beam.total_charge) == pytest.approx(250e-12)
    out, history = lattice.track(beam, observe=demo.PLACES)
    assert list(history) == list(demo.PLACES)
    for plane in ("x", "y"):
        start, end = history["und_start"][0].twiss(plane), out.twiss(plane)
        assert end.beta == pytest.approx(start.beta, rel=0.05)
        assert end.alpha == pytest.approx(start.alpha, abs=0.1)
    assert out.normalized_emittance_x < 1.2e-6
    assert out.normalized_emittance_y < 1.2e-6


# -------------------------------------------------------------------- the command itself


def run_module(*arguments: str, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "caraval.cli", *arguments],
        capture_output=True, text=True, encoding="utf-8", check=False, env={**os.environ, "PYTHONPATH": ROOT, **environment},
    )  # fmt: skip


def test_as_a_module(fodo: Path) -> None:
    result = run_module("track", str(fodo), "--particles", "10")
    assert result.returncode == 0
    assert "19 elements" in result.stdout
    result = run_module("track", "nosuch.bmad")
    assert result.returncode == 1
    assert result.stderr == "error: no file nosuch.bmad\n"


def test_version(caraval: Any) -> None:
    assert caraval("--version").stdout == f"caraval {cv.__version__}\n"


def test_nothing_heavy_for_help() -> None:
    heavy = ("matplotlib", "torch", "jax", "numba", "h5py", "pyarrow", "pmd_beamphysics", "lark", "pandas")
    code = (
        "import sys\n"
        "from caraval.cli import app\n"
        "try:\n    app(['--help'])\n"
        "except SystemExit:\n    pass\n"
        f"print('loaded', [name for name in {heavy!r} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert "Track a beam" in flat(result.stdout)
    assert result.stdout.splitlines()[-1] == "loaded []"


def test_numpy_needs_no_other_library(fodo: Path) -> None:
    code = (
        "import sys\n"
        "from caraval.cli import app\n"
        f"try:\n    app(['track', {str(fodo)!r}, '--particles', '10'])\n"
        "except SystemExit:\n    pass\n"
        "print('loaded', [name for name in ('matplotlib', 'torch', 'jax', 'numba') if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert result.stdout.splitlines()[-1] == "loaded []"


def test_jax_alone_turns_on_float64(fodo: Path) -> None:
    pytest.importorskip("jax")
    result = run_module("track", str(fodo), "--particles", "10", "--backend", "jax", JAX_ENABLE_X64="0")
    assert result.returncode == 0, result.stderr
    assert "jax (float64)" in result.stdout


SCRIPT = Path(sys.executable).with_name("caraval")


@pytest.mark.skipif(not SCRIPT.exists(), reason="the console script is not installed")
def test_installed_script(fodo: Path) -> None:
    result = subprocess.run([SCRIPT, "info", str(fodo)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "19" in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["track", "--help"], ["scan", "-h"], ["info", "-h"], ["demo", "--help"], ["methods", "-h"]]
)
def test_help(caraval: Any, arguments: list[str]) -> None:
    assert "Usage: caraval" in flat(caraval(*arguments).stdout).replace("root", "caraval")


# -------------------------------------------------------------------- small parts


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(805.1e6, "eV", "805.1 MeV"), (1e-6, "m", "1 µm"), (0.0, "m", "0 m"), (9.9999e-4, "m", "1 mm"), (2.5e-10, "C", "250 pC"),
     (1e8, "", "100 M"), (3.2, "m", "3.2 m")],
)  # fmt: skip
def test_quantities(value: float, unit: str, shown: str) -> None:
    assert tables.quantity(value, unit) == shown


def test_counts() -> None:
    assert tables.count(1, "element") == "1 element"
    assert tables.count(1234567, "particle") == "1 234 567 particles"


@pytest.mark.parametrize(("text", "value"), [("1e6", 1_000_000), ("100_000", 100_000), ("7", 7)])
def test_numbers_of_particles(text: str, value: int) -> None:
    assert options.count(text) == value


def test_lists() -> None:
    assert options.separate(["a, b", "c(1,2),d", ""]) == ["a", "b", "c(1,2)", "d"]
    assert options.separate(None) == []


class Terminal:
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("compiled", [False, True])
def test_progress_of_long_work(monkeypatch: pytest.MonkeyPatch, fodo: Path, compiled: bool) -> None:
    lattice = cv.load(fodo)
    beam = cv.ParticleBeam(x=np.zeros(10), reference=lattice.reference)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with report.progress(lattice, beam, compiled=compiled) as told:
        assert told is None
    assert terminal.text == ""
    monkeypatch.setattr(report, "LONG", 1)
    with report.progress(lattice, beam, compiled=compiled) as told:
        assert (told is None) == compiled
        if told is not None:
            told(3, len(lattice))
    assert "tracking" in terminal.text
    with report.progress(lattice, beam, compiled=compiled, turns=7) as told:
        told(3, 7)


# -------------------------------------------------------------------- convert


def test_convert(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    target = tmp_path / "fodo.json"
    assert f"elements written to {target}; nothing not carried" in caraval("convert", fodo, target).stdout
    assert cv.load(target) == cv.load(fodo)


def test_convert_refuses(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    assert "on_unsupported must be" in one_line(caraval("convert", fodo, tmp_path / "a.json", "--on-unsupported", "x", code=1))
    assert "no plugin can write lattices" in one_line(caraval("convert", fodo, tmp_path / "a.nosuch", code=1))
    assert list(tmp_path.glob("a.*")) == []


# -------------------------------------------------------------------- scan


@pytest.mark.parametrize("suffix", ["parquet", "h5"])
def test_scan_a_grid(caraval: Any, fodo: Path, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip({"parquet": "pyarrow", "h5": "h5py"}[suffix])
    target = tmp_path / f"result.{suffix}"
    result = caraval(
        "scan", fodo, "--moments", "--grid", "qf.k1=1:2:5", "--grid", "qd.k1=-2:-1:3,d.length=0.5", "--output", target,
        "--outputs", "sigma_x,beta_y", "--observe", "bpm##2", "--chunk", "4", "--method", "linear",
    )  # fmt: skip
    assert "normalized emittance 1 µm; sigma_z 100 µm; sigma_pz 0.0001, as moments" in result.stdout
    assert "15 settings: qf.k1 from 1 to 2, qd.k1 from -2 to -1, d.length from 0.5 to 0.5" in result.stdout
    assert re.search(r"tracked 15 settings in .* on numpy: .* per second", result.stdout)
    assert f"table of 15 rows written to {target}" in flat(result.stdout)
    lattice = cv.load(fodo).with_tracking("linear")
    beam = cv.ParticleBeam.from_twiss(
        10, beta_x=8, alpha_x=0.5, beta_y=3, normalized_emittance_x=1e-6, normalized_emittance_y=1e-6,
        sigma_z=1e-4, sigma_pz=1e-4, p0c=1e8, seed=1,
    ).to_moments()  # fmt: skip
    settings = cv.grid({"qf.k1": np.linspace(1, 2, 5), "qd.k1": [-2, -1.5, -1], "d.length": 0.5})
    expected = cv.scan(lattice, beam, settings, ["sigma_x", "beta_y"], observe="bpm##2")
    table = read_table(target)
    assert list(table) == list(expected)
    for name, column in expected.items():
        np.testing.assert_allclose(table[name], column, rtol=1e-8, err_msg=name)


def test_scan_a_table(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    settings = tmp_path / "settings.csv"
    settings.write_text("qf.k1,qd.k1\n1.0,-1.0\n1.4,-1.4\n")
    target = tmp_path / "result.h5"
    caraval("scan", fodo, "--particles", "50", "--table", settings, "--output", target, "--no-compile")
    table = read_table(target)
    assert list(table) == ["qf.k1", "qd.k1", *DEFAULT]
    np.testing.assert_array_equal(table["qd.k1"], [-1.0, -1.4])
    expected = row(caraval("track", fodo, "--particles", "50").stdout, "end")
    assert table["sigma_x"][1] == pytest.approx(expected[1] * 1e-6, rel=1e-3)


def test_scan_interrupted_and_resumed(monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    target = tmp_path / "result.h5"
    arguments = ("scan", fodo, "--moments", "--grid", "qf.k1=1:2:10", "--chunk", "3", "--output", target)
    call, started = Work.__call__, []

    def interrupted(self: Work, chunk: Any) -> Any:
        started.append(chunk.start)
        if len(started) == 3:
            raise KeyboardInterrupt
        return call(self, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(Work, "__call__", interrupted)
        result = caraval(*arguments, code=130)
    assert "note: interrupted; what is finished is kept in" in result.stderr
    assert not target.exists()
    assert "an interrupted scan lies in" in one_line(caraval(*arguments, code=1))
    assert "is of another scan, which differs in lattice;" in one_line(
        caraval(*arguments, "--resume", "--method", "Quadrupole=linear", code=1)
    )
    assert "tracked 4 settings" in caraval(*arguments, "--resume").stdout
    assert "table of 10 rows complete already in" in caraval(*arguments, "--resume").stdout
    whole = tmp_path / "whole.h5"
    caraval("scan", fodo, "--moments", "--grid", "qf.k1=1:2:10", "--output", whole)
    for name, column in read_table(whole).items():
        np.testing.assert_allclose(read_table(target)[name], column, rtol=1e-12)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_scan_on_backends(caraval: Any, fodo: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip(name)
    pytest.importorskip("h5py")
    tables_ = []
    for backend in ("numpy", name):
        target = tmp_path / f"{backend}.h5"
        caraval("scan", fodo, "--moments", "--grid", "qf.k1=1:2:4", "--output", target, "--backend", backend)
        tables_.append(read_table(target))
    for column in DEFAULT:
        np.testing.assert_allclose(tables_[1][column], tables_[0][column], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "qf.kk1=1:2:3"], "Quadrupole 'QF' has no parameter 'kk1'; did you mean 'k1'"),
        (["--grid", "qff.k1=1:2:3"], "no element 'qff' in the lattice; did you mean"),
        (["--grid", "qf.k1=1:2:3", "--outputs", "sigmax"], "no output 'sigmax'; did you mean 'sigma_x'"),
        (["--grid", "qf.k1=1:2:3", "--observe", "bqm"], "no element 'bqm' in the lattice"),
        (["--grid", "qf.k1=1:2:3", "--energy", "2e8"], "--reference beam tracks it as it is"),
        (["--table", "settings.csv"], "no file settings.csv"),
    ],
)  # fmt: skip
def test_scan_errors_are_one_line(
    monkeypatch: pytest.MonkeyPatch, caraval: Any, fodo: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    assert message.lower() in one_line(caraval("scan", fodo, *arguments, "--output", "result.h5", code=1)).lower()
    assert list(tmp_path.iterdir()) == [fodo]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the settings either by --grid or by --table"),
        (["--grid", "qf.k1=1:2:3", "--table", "a.csv"], "give the settings either by --grid or by --table"),
        (["--grid", "qf.k1=1:2"], "'qf.k1=1:2' must be NAME=FIRST:LAST:COUNT"),
        (["--grid", "qf.k1"], "must be NAME=FIRST:LAST:COUNT"),
        (["--grid", "=1:2:3"], "must be NAME=FIRST:LAST:COUNT"),
        (["--grid", "qf.k1=1:2:0"], "qf.k1: it must be a positive whole number, not 0"),
        (["--grid", "qf.k1=1:b:3"], "qf.k1: 'b' is not a number"),
        (["--grid", "qf.k1=1:2:1e30"], "qf.k1: 1e30 is more than can be"),
        (["--grid", "qf.k1=1:2:1"], "qf.k1: one value cannot be both 1 and 2"),
        (["--grid", "qf.k1=1,qf.k1=2"], "qf.k1 is given twice"),
        (["--grid", "qf.k1=1", "--chunk", "0"], "it must be a positive whole number, not 0"),
    ],
)  # fmt: skip
def test_wrong_usage_of_scan(caraval: Any, fodo: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("h5py")
    assert message in flat(caraval("scan", fodo, *arguments, "--output", tmp_path / "result.h5", code=2).stderr)
    assert list(tmp_path.iterdir()) == [fodo]


def test_scan_needs_a_target(caraval: Any, fodo: Path) -> None:
    assert "--output" in flat(caraval("scan", fodo, "--grid", "qf.k1=1:2:3", code=2).stderr)
    assert "no table can be written to" in one_line(caraval("scan", fodo, "--grid", "qf.k1=1", "--output", "a.xls", code=1))


def test_progress_of_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    with report.scanning() as told:
        assert told is None
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with report.scanning() as told:
        assert told is not None
        told(3, 10)
    assert "scanning" in terminal.text
    assert "3/10" in terminal.text


def test_what_a_beam_file_cannot_say_is_told(caraval: Any, fodo: Path, tmp_path: Path) -> None:
    result = caraval("track", fodo, "--out", tmp_path / "out.npz")
    assert result.stderr.startswith("warning: reference: t = ")
