"""NX tables: where things are, and the way between them."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, sin
from pathlib import Path

import pytest

import caraval as cv

CORPUS = Path(__file__).parents[3] / "shared" / "reference" / "corpus" / "nx"

HEAD = "NAME,CLASS,X_beam,Y_beam,Z_beam,PHI_beam,THETA_beam,PSI_beam,Stage,CAD_Sub_section,Comments"

Table = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Write a table of rows ``name, class, x, z, theta, section``."""

    def table(*rows: tuple[str, str, float, float, float, str]) -> Path:
        lines = [f"{n},{c},{x:.6f},0.000000,{z:.6f},0,{theta:.6f},0,S1,{s},of {n}" for n, c, x, z, theta, s in rows]
        path = tmp_path / "machine.txt"
        path.write_text("\n".join([HEAD, *lines, ",,,,,,,,,,"]) + "\n")
        return path

    return table


STRAIGHT = (
    ("START", "SOLG", 0, 0.0, 0, "A"),
    ("Q1", "MQZM", 0, 1.0, 0, "A"),
    ("SCREEN", "BSCR", 0.01, 1.5, 0, "A"),
    ("LATE", "TORF", 0, 1.25, 0, "A"),
    ("END", "EOLG", 0, 2.0, 0, "B"),
)


def test_a_straight_line(table: Table) -> None:
    lattice = cv.load(table(*STRAIGHT))
    assert [(e.kind, e.name, round(e.length, 9)) for e in lattice] == [
        ("Marker", "START", 0), ("Drift", "", 1), ("Marker", "Q1", 0), ("Drift", "", 0.25), ("Marker", "LATE", 0),
        ("Drift", "", 0.25), ("Monitor", "SCREEN", 0), ("Drift", "", 0.5), ("Marker", "END", 0)]  # fmt: skip
    assert lattice.name == "machine"
    assert lattice["Q1"].metadata == {"nx_class": "MQZM", "Stage": "S1", "CAD_Sub_section": "A", "Comments": "of Q1"}
    assert [(loss.element, loss.value, loss.is_physics) for loss in lattice.losses] == [("Q1", "MQZM", False)]


def test_lengths_that_are_told(table: Table) -> None:
    read = cv.converters.nx.read
    lattice = read(table(*STRAIGHT), lengths={"MQZM": 0.3})
    assert [(e.kind, round(e.length, 9)) for e in lattice[:4]] == [
        ("Marker", 0), ("Drift", 0.85), ("Quadrupole", 0.3), ("Drift", 0.1)]  # fmt: skip
    assert lattice.length == pytest.approx(2)
    with pytest.raises(cv.LatticeError, match=r"machine.txt:5: 'LATE' would overlap 'Q1' by 0.05 m"):
        read(table(*STRAIGHT), lengths={"MQZM": 0.6})


def test_bends_are_where_the_direction_changes(table: Table) -> None:
    radius, angle = 2.0, 0.2
    x, z = radius * (1 - cos(angle)), radius * sin(angle)
    rows = (
        ("A", "MK", 0, 1, 0, "A"),
        ("B", "MBHB", x / 2, 1 + z / 2, angle / 2, "A"),  # CAD has the middle of the chord
        ("C", "MK", x, 1 + z, angle, "A"),
        ("D", "MK", x + 3 * sin(angle), 1 + z + 3 * cos(angle), angle, "A"),
        ("E", "MK", x + 3 * sin(angle) + x, 1 + z + 3 * cos(angle) + z, 0, "A"),
    )
    lattice = cv.load(table(*rows))
    assert [(e.kind, pytest.approx(e.length, abs=2e-6)) for e in lattice if e.length] == [
        ("SBend", 0.2), ("SBend", 0.2), ("Drift", 3), ("SBend", 0.4)]  # fmt: skip
    assert [e.angle for e in lattice if e.kind == "SBend"] == pytest.approx([-0.1, -0.1, 0.2], abs=1e-6)
    with pytest.raises(cv.LatticeError, match="'B' has a length, and stands in a bend"):
        cv.converters.nx.read(table(*rows), lengths={"MBHB": 0.1})


def test_lines_beside_the_main_line(table: Table) -> None:
    rows = (*STRAIGHT[:2], ("S1", "SOLE", 0, 1.2, 1.570796, "SIDE"), ("S2", "BSCR", 0.5, 1.2, 1.5708, "SIDE"), *STRAIGHT[2:])
    path = table(*rows)
    main = cv.load(path)
    assert main.names == cv.load(table(*STRAIGHT)).names
    path = table(*rows)
    side = cv.load(path, branch="SIDE")
    assert [(e.name, round(e.length, 6)) for e in side] == [("S1", 0), ("", 0.5), ("S2", 0)]
    assert cv.load(path, branch=1) == side
    assert [loss.value for loss in cv.load(path).losses if loss.attribute == "branch"] == ["SIDE"]
    with pytest.raises(cv.LatticeError, match="there is no section 'X' beside the main line, only SIDE"):
        cv.load(path, branch="X")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NAME,CLASS,X_beam\n", "it has no column Y_beam, Z_beam, THETA_beam"),
        (f"{HEAD}\n", "the table has no rows"),
        (f"{HEAD}\nA,B,0,0,far,0,0,0,,,\n", "x.txt:2: A: Z_beam must be a number, not 'far'"),
        (f"{HEAD}\nA,B,0,0,nan,0,0,0,,,\n", "Z_beam must be a number, not 'nan'"),
        (f"{HEAD}\nA,B,0,0\n", "Z_beam must be a number, not None"),
        (f"{HEAD}\nA,B,0,0.5,0,0,0,0,,,\n", "A: Y_beam is 0.5; lines that climb are not understood"),
    ],
)
def test_tables_that_make_no_sense(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(cv.LatticeError, match=message):
        cv.load(tmp_path / "x.txt", format="nx")


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the reference data")
def test_a_machine() -> None:
    """ARES: its chicane of four bends, its spectrometer beside it."""
    path = CORPUS / "ARES_Stage4v3_9" / "Stage4v3_9.txt"
    lattice = cv.load(path)
    bends = [e for e in lattice if e.kind == "SBend"]
    assert [round(e.angle, 5) for e in bends] == [-0.12007, -0.12007, 0.12007, 0.12007, 0.12007, 0.12007, -0.12007, -0.12007]
    assert [cv.load(path, branch=name).names[0] for name in ("SL", "SH.b3")] == ["ARSLSOLE1", "ARSHBSCE1"]
    assert sum(1 for name in lattice.names if name.startswith("AR") and "_ARBC" not in name) == 189 - 5 - 5
