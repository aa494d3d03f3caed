"""Slices that MAD-X makes of elements: how many, what they are called, where they stand, and what they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import caraval as cv

ELEMENTS = """
    k = 0.3;
    q: quadrupole, l = 1, k1 := k, aperture = {0.01};
    b: rbend, l = 2, angle = 0.1, fint = 0.5, hgap = 0.02, fintx = 0.4;
    s: solenoid, l = 1, ks = 0.2;
    c: hkicker, l = 1, kick = 1e-3;
    m: monitor, l = 0.5;
    r: rfcavity, l = 1, volt = 1, lag = 0.1, freq = 100;
    f: sextupole, l = 0.2, k2 = 3;
"""


def thin(folder: Path, elements: str, commands: str, length: float = 4.0, lossy: bool = False) -> cv.Lattice:
    path = folder / "thin.madx"
    path.write_text(
        f"beam, particle = electron, energy = 1;\n{ELEMENTS}\nring: sequence, l = {length};\n{elements}\nendsequence;\n"
        f"use, sequence = ring;\n{commands}\nuse, sequence = ring;\n"
    )
    return cv.load(path, on_unsupported="drift" if lossy else "error")


def positions(lattice: cv.Lattice) -> dict[str, float]:
    """Where the elements end [m], without drifts, the markers at the ends, and the weak focusing of thin dipoles."""
    ends = np.cumsum([element.length for element in lattice.elements])
    kept = [name for name in lattice.names if not (name.startswith(("drift", "ring$")) or name.endswith("_focus"))]
    return {name: float(ends[lattice.names.index(name)]) for name in kept}


@pytest.mark.parametrize(
    ("style", "count", "shifts"),
    [
        ("teapot", 2, [-1 / 3, 1 / 3]),
        ("teapot", 4, [-2 / 5, -2 / 15, 2 / 15, 2 / 5]),
        ("simple", 2, [-1 / 4, 1 / 4]),
        ("simple", 3, [-1 / 3, 0, 1 / 3]),
        ("collim", 3, [-1 / 2, 0, 1 / 2]),
        ("hybrid", 2, [-1 / 3, 1 / 3]),
        ("hybrid", 5, [-2 / 5, -1 / 5, 0, 1 / 5, 2 / 5]),
    ],
)
def test_styles(tmp_path: Path, style: str, count: int, shifts: list[float]) -> None:
    commands = f"select, flag = makethin, class = quadrupole, slice = {count};\nmakethin, sequence = ring, style = {style};"
    lattice = thin(tmp_path, "q, at = 2;", commands)
    found = positions(lattice)
    assert found.pop("q") == pytest.approx(2)  # a marker in the middle
    assert found == pytest.approx({f"q..{i}": 2 + shift for i, shift in enumerate(shifts, 1)})
    assert [lattice[name].k1l for name in found] == pytest.approx([0.3 / count] * count)
    assert lattice["q..1"].x1_limit == lattice["q"].x1_limit == 0.01


def test_one_slice_has_the_name_of_the_whole(tmp_path: Path) -> None:
    lattice = thin(tmp_path, "q, at = 1; f, at = 2; c, at = 3; m, at = 3.75;", "makethin, sequence = ring;")
    assert positions(lattice) == pytest.approx({"q": 1, "f": 2, "c": 3, "m": 3.75})
    assert [lattice[name].kind for name in ("q", "f", "c", "m")] == ["Multipole", "Multipole", "HKicker", "Monitor"]
    assert (lattice["q"].k1l, lattice["f"].k2l, lattice["c"].kick) == pytest.approx((0.3, 0.6, 1e-3))


def test_what_is_passive_is_cut_from_end_to_end(tmp_path: Path) -> None:
    commands = "select, flag = makethin, pattern = ^c$, slice = 2;\nmakethin, sequence = ring;"
    lattice = thin(tmp_path, "c, at = 2; r, at = 3.5;", commands)
    assert positions(lattice) == pytest.approx({"c..1": 1.5, "c": 2, "c..2": 2.5, "r": 3.5})
    assert lattice["c..1"].kick == lattice["c..2"].kick == 5e-4
    assert (lattice["r"].kind, lattice["r"].voltage, lattice["r"].length) == ("RFCavity", 1e6, 0)


def test_bends_leave_their_edges_at_their_ends(tmp_path: Path) -> None:
    select = "select, flag = makethin, class = rbend, slice = 2;\n"
    lattice = thin(tmp_path, "b, at = 2;", select + "makethin, sequence = ring;")
    arc = 2 * 0.05 / np.sin(0.05)
    expected = {"b_den": 2 - arc / 2, "b..1": 2 - arc / 3, "b": 2, "b..2": 2 + arc / 3, "b_dex": 2 + arc / 2}
    assert positions(lattice) == pytest.approx(expected)
    assert (lattice["b_den"].e1, lattice["b_den"].dg, lattice["b_den"].fint) == pytest.approx((0.05, 0.1 / arc, 0.5))
    assert lattice["b_dex"].fint == 0.4
    assert lattice["b..1"].k0l == pytest.approx(0.05)
    without = thin(tmp_path, "b, at = 2;", select + "makethin, sequence = ring, makedipedge = false;")
    assert list(positions(without)) == ["b..1", "b", "b..2"]


def test_thick_slices_are_the_whole(tmp_path: Path) -> None:
    select = "select, flag = makethin, slice = 3, thick = true;\nmakethin, sequence = ring, makedipedge = false;"
    lattice = thin(tmp_path, "q, at = 0.5; b, at = 2.1; s, at = 3.7;", select, length=4.2)
    assert [name for name in lattice.names if not name.startswith(("drift", "ring"))] == [
        f"{name}_{part}" for name in "qbs" for part in ("en", "bo", "ex")
    ]
    assert lattice["q_en"].length == pytest.approx(1 / 6)
    assert lattice["q_bo"].length == pytest.approx(2 / 3)
    assert (lattice["b_en"].fringe_at, lattice["b_bo"].fringe_at, lattice["b_ex"].fringe_at) == (
        "entrance_end",
        "no_end",
        "exit_end",
    )
    whole = thin(tmp_path, "q, at = 0.5; b, at = 2.1; s, at = 3.7;", "", length=4.2)
    np.testing.assert_allclose(lattice.transfer_matrix(), whole.transfer_matrix(), rtol=0, atol=1e-12)


def test_many_slices_do_what_the_whole_does(tmp_path: Path) -> None:
    elements, cut = "q, at = 0.5; b, at = 2.1; s, at = 3.7;", "select, flag = makethin, slice = {};\nmakethin, sequence = ring;"
    whole = np.array(thin(tmp_path, elements, "", length=4.2).transfer_matrix())
    lattices = [thin(tmp_path, elements, cut.format(n), length=4.2) for n in (8, 16)]
    errors = [np.abs(np.array(lattice.transfer_matrix()) - whole).max() for lattice in lattices]
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)  # of second order


def test_selections(tmp_path: Path) -> None:
    """The last one counts; none at all leaves one slice, and less than one leaves the element as it is."""
    commands = """
        select, flag = makethin, class = quadrupole, slice = 2;
        select, flag = makethin, range = q2, slice = 0;
        makethin, sequence = ring;
    """
    lattice = thin(tmp_path, "q1: q, at = 0.5; q2: q, at = 2; f, at = 3.5;", commands)
    assert list(positions(lattice)) == ["q1..1", "q1", "q1..2", "q2", "f"]
    assert (lattice["q2"].kind, lattice["f"].kind) == ("Quadrupole", "Multipole")
    own = thin(tmp_path, "x: q, slice = 3, at = 0.5; y: q, at = 2;", "makethin, sequence = ring;")
    assert list(positions(own)) == ["x..1", "x", "x..2", "x..3", "y"]
    both = thin(tmp_path, "x: q, slice = 3, at = 0.5;", "select, flag = makethin, class = drift;\nmakethin, sequence = ring;")
    assert list(positions(both)) == ["x"]


def test_expressions_go_on_being_deferred(tmp_path: Path) -> None:
    lattice = thin(tmp_path, "q, at = 2;", "makethin, sequence = ring;\nk = 0.5;")
    assert lattice["q"].k1l == pytest.approx(0.5)


def test_sequences_in_sequences_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "nested.madx"
    path.write_text(
        f"beam;{ELEMENTS}\ncell: sequence, l = 2, refpos = q;\nq, at = 1.5;\nendsequence;\n"
        "ring: sequence, l = 6;\ncell, at = 1.5;\ncell, at = 4;\nendsequence;\n"
        "row: line = (2*(q, m));\nuse, sequence = ring;\n"
        "select, flag = makethin, slice = 2;\nmakethin, sequence = ring;\nuse, sequence = row;\nmakethin, sequence = row;\n"
        "use, sequence = row; use, sequence = ring;\n"
    )
    ring, row = cv.load(path), cv.load(path, line="row")
    ends = np.cumsum([element.length for element in ring.elements])
    assert [float(end) for name, end in zip(ring.names, ends, strict=True) if name == "q"] == pytest.approx([1.5, 4])
    assert ring.length == 6
    assert row.length == 3
    assert row.names.count("q..1") == row.names.count("m..2") == 2


def test_misplaced_magnets_stay_in_one_piece(tmp_path: Path) -> None:
    """Slices of a magnet that is shifted and turned are shifted and turned with it."""
    elements = "x: q, at = 2, dx = 1e-3, dy = -2e-3, ds = 1e-3, dtheta = 2e-3, dphi = -1e-3, dpsi = 0.1;"
    whole = thin(tmp_path, elements, "")
    cut = thin(tmp_path, elements, "select, flag = makethin, slice = 4, thick = true;\nmakethin, sequence = ring;")
    start = np.array([[1e-3, 2e-4, -1e-3, 1e-4, 0.0, 1e-3]]).T
    ends = [np.array(line.track(cv.ParticleBeam(*start, reference=line.reference)).coordinates) for line in (whole, cut)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=0, atol=1e-9)
    bend = thin(tmp_path, "x: b, at = 2, dx = 1e-3;", "makethin, sequence = ring;", lossy=True)
    assert any("a misplaced bend that is cut" in str(loss) for loss in bend.losses)


def test_what_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "entry.madx"
    path.write_text(
        f"beam;{ELEMENTS}\nring: sequence, l = 4, refer = entry;\nq, at = 1;\nendsequence;\n"
        "use, sequence = ring;\nmakethin, sequence = ring;\nuse, sequence = ring;\n"
    )
    lattice = cv.load(path)
    assert lattice["q"].kind == "Quadrupole"
    assert [loss.instead for loss in lattice.losses] == ["thick, as in MAD-X"]
    ends = thin(tmp_path, "q, at = 2;", "makethin, sequence = ring, makeendmarkers = true;")
    assert positions(ends) == pytest.approx({"q_mken": 1.5, "q": 2, "q_mkex": 2.5})
    turned = thin(tmp_path, "x: q, at = 2, k1s = 0.1, tilt = 0.2;", "makethin, sequence = ring;")["x"]
    assert (turned.k1l, turned.k1sl, turned.t1) == pytest.approx((0.3, 0.1, 0.2))
