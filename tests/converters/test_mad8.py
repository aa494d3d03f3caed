"""MAD-8 lattice files: what of the language is not MAD-X's."""

from __future__ import annotations

import gzip
import json
from math import pi
from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import LatticeError
from caraval.io import _reader
from tests.converters.madx_comparison import REFERENCE

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

TEXT = """
! a ring
  TITLE, "two; lines"
  BEAM, PARTICLE=ELECTRON, ENERGY=1, & ! GeV
        NPART=1E10
  COMMENT
    Q0: QUAD, L=9
  ENDCOMMENT
  half : CONSTANT = 0.5
  len := 2 * half
  QF : QUAD, L=len, K1=kf, APERTURE=0.02; QD : QF, K1=-QF[K1]
  kf = 0.3
  QS : QUADRUPOLE, L=0.1, K1=kf, TILT
  B  : SBEN, L=1, ANGLE=0.1, TILT
  M  : MULT, K1L=0.1, T1, K2L=0.2, T2=0.3
  C  : RCOL, L=0.1, XSIZE=0.01
  A  : LCAV, L=1, DELTAE=10, FREQ=2856, PHI0=0.1
  R  : MATRIX, RM(1,2)=0.5, R34=0.5, TM(1,2,2)=0.1
  P  : PROF
  S  : SROT, ANGLE=0.1
  SET, kd, kf * 2
  QF[TILT] := 0.25
  kf := 0.4
  CALL, FILENAME="more.xsif"
  CELL(x) : LINE = (QF, x, &
        -(QD, B))
  RING : LINE = (2*CELL(M), QS, C, A, R, P, S)
  USE, RING
"""


def load(folder: Path, text: str) -> cv.Lattice:
    path = folder / "ring.mad8"
    path.write_text(text)
    (folder / "more.xsif").write_text("D : DRIFT, L=kd\nRETURN\nnonsense ' (\n")
    return cv.load(path, on_unsupported="drift")


def test_language(tmp_path: Path) -> None:
    lattice = load(tmp_path, TEXT)
    assert lattice.names[1:-1] == [*("qf", "m", "b", "qd") * 2, "qs", "c", "a", "r", "p", "s"]
    assert lattice.reference.species.name == "electron"
    assert (lattice["qf##1"].length, lattice["qf##1"].k1, lattice["qf##1"].tilt, lattice["qf##1"].x1_limit) == (
        1,
        0.4,
        0.25,
        0.02,
    )
    assert lattice["qd##1"].k1 == -0.4  # all expressions are deferred
    assert (lattice["qs"].tilt, lattice["b##1"].ref_tilt) == (pi / 4, pi / 2)
    m = lattice["m##1"]
    assert (m.k1l, m.t1, m.k2l, m.t2) == (0.1, pi / 4, 0.2, 0.3)
    assert (lattice["c"].x1_limit, lattice["c"].y1_limit) == (0.01, 0.0)
    assert (lattice["a"].voltage, lattice["a"].phi0, lattice["a"].rf_frequency) == (1e7, 0.1, 2.856e9)
    assert lattice["a"].cavity_type == "traveling_wave"
    assert lattice["r"].terms["tt12"] == lattice["r"].terms["tt34"] == 0.5
    assert [lattice[name].kind for name in "rps"] == ["Taylor", "Instrument", "Patch"]
    assert not any(loss.is_physics for loss in lattice.losses)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Q : QUAD, L=, K1=3", "1:13: unexpected ','; a number or a name"),
        ("\n  Q : QUAD, &\n   L=1 2", "3:8: unexpected '2'; the name of an attribute"),
        ("Q : QUAF, L=1", "1:1: there is no element or element class 'quaf'"),
        ("D: DRIFT, L=1\nL: LINE=(D, E)\nUSE, L", "2:13: there is no element or line 'e'"),
        ("CALL, FILENAME='other.xsif'", "1:1: call: file = 'other.xsif', which is not there"),
    ],
)
def test_errors_have_their_places(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "bad.mad8"
    path.write_text(text)
    with pytest.raises(LatticeError) as caught:
        cv.load(path)
    assert str(caught.value).startswith(f"{path}:{expected}")


def test_labels_for_other_programs_are_kept_as_losses(tmp_path: Path) -> None:
    lattice = load(tmp_path, 'D : DRIFT, L=1\nD[FDN] := "XXX"\nD, label\nD[LL] := 3\nL : LINE = (D)\nUSE, L\n')
    assert [(loss.attribute, loss.is_physics) for loss in lattice.losses] == [("fdn", False), ("label", False), ("ll", True)]


@needs_reference
@pytest.mark.parametrize("name", ["chicane", "fodo_ring", "fodo_ring_rf", "linac"])
def test_translations_by_bmad(name: str) -> None:
    """What Bmad writes for MAD-8 is the lattice that it has."""
    path = REFERENCE / "own_lattices" / f"{name}.mad8"
    with gzip.open(path.with_suffix(".json.gz")) as file:
        branch = json.load(file)["branches"][0]
    lattice = cv.load(path)
    start = np.array([particle["initial"] for particle in branch["particles"]]).T
    out = lattice.track(cv.ParticleBeam(*start, reference=lattice.reference))
    expected = np.array([p["final"]["vec"] for p in branch["particles"]])
    np.testing.assert_allclose(np.array(out.coordinates).T, expected, rtol=0, atol=1e-12)


@needs_reference
def test_a_real_linac() -> None:
    """FACET-II brings electrons from 125 MeV to 10 GeV, over a kilometre."""
    lattice = cv.load(REFERENCE / "corpus" / "mad8" / "facet2_FACET2e" / "FACET2e.mad8", on_unsupported="drift")
    out = lattice.track(cv.ParticleBeam(x=[0.0], reference=lattice.reference))
    assert out.reference.p0c == pytest.approx(1e10, rel=1e-6)
    assert lattice.length == pytest.approx(1012.15, abs=0.01)
    assert len(lattice) == 1613


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.mad", "k := 1.5 ! of Q\nQ: QUADRUPOLE, L = 0.5, K1 = k\nR: LINE = (Q)\nUSE, R\n", "mad8"),
        ("x.mad", "k := 1.5; // of Q\nQ: QUADRUPOLE, L = 0.5, K1 := k;\nR: LINE = (Q);\nUSE, PERIOD = R;\n", "madx"),
        ("x.mad", "Q: QUADRUPOLE, L = 0.5, K1 = 1.5\nR: LINE = (Q)\nUSE, R\n", "mad8"),
        ("x.ele", "k := 1.5;\nQ: QUADRUPOLE, L = 0.5, K1 := k;\nR: LINE = (Q);\nUSE, PERIOD = R;\n", "madx"),
        ("x.lte", "Q: QUAD, L = 0.5, K1 = 1.5\nR: LINE = (Q)\n", "elegant"),
        ("x.bmad", "k := 1.5\nQ: QUADRUPOLE, L = 0.5, K1 = k\nR: LINE = (Q)\nUSE, R\n", "bmad"),
    ],
)
def test_what_a_file_says_tells_more_than_its_suffix(name: str, text: str, kind: str, tmp_path: Path) -> None:
    """Files of MAD-8 are called as MAD-X's, and some of MAD-X's as elegant's."""
    path = tmp_path / name
    path.write_text(text)
    assert _reader(path, None).format == kind
    assert cv.load(path)["Q" if kind == "elegant" else "q"].k1 == 1.5
