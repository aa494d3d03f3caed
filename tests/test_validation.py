"""What the page about validation is made of."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from validation import codes, formats, report
from validation.floor import floor, placed
from validation.records import REFERENCE


def test_floor() -> None:
    """Four bends of a right angle come back; a turned one goes up; a patch moves and turns what follows."""
    start = np.zeros(3), placed(0.0, 0.0, 0.0)
    *_, (at, axes) = floor([cv.SBend(length=1.0, angle=np.pi / 2), cv.Drift(length=2.0)] * 4, start)
    np.testing.assert_allclose(at, 0.0, atol=1e-14)
    np.testing.assert_allclose(axes, np.eye(3), atol=1e-14)
    *_, (at, axes) = floor([cv.SBend(length=np.pi / 2, angle=np.pi / 2, ref_tilt=-np.pi / 2)], start)
    np.testing.assert_allclose(at, [0, 1, 1], atol=1e-14)
    np.testing.assert_allclose(axes[:, 2], [0, 1, 0], atol=1e-14)
    *_, (at, axes) = floor([cv.Patch(x_offset=0.1, x_pitch=0.5), cv.Drift(length=2.0)], start)
    np.testing.assert_allclose(at, [0.1 + 2 * np.sin(0.5), 0, 2 * np.cos(0.5)], atol=1e-14)
    *_, (at, _) = floor([cv.Multipole(k0l=np.pi, k0l_status="bends_reference"), cv.Drift(length=1.0)], start)
    np.testing.assert_allclose(at, [0, 0, -1], atol=1e-14)


def test_table_of_formats() -> None:
    found = [
        formats.Found("good", "yes", {"elements": 0.0, "floor": 1e-10, "matrix": None, "particles": 1e-11}),
        formats.Found("off", "with losses", {"elements": float("inf"), "matrix": 0.5, "particles": 1e-9}, "for a reason"),
        formats.Found("bad", "no such thing", {}),
    ]
    assert [one.agrees("Bmad", "particles") for one in found] == [True, False, None]
    assert [one.agrees("MAD-X", "particles") for one in found] == [True, True, None]
    text = "\n".join(report._formats({"Bmad": found}))
    assert "| Bmad | 3 | 2 | 1 | 1 of 2 (50 %) | 1 of 1 (100 %) | 0 of 1 (0 %) | 1 of 2 (50 %) |" in text
    assert "- off: elements differ, matrix 5.0e-01, particles 1.0e-09 (for a reason)" in text
    assert "- bad: not read: no such thing" in text
    assert "good" not in text


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")
def test_a_branch() -> None:
    name = "tutorial_ring_design_04_MachineCoords_simple"
    lattice = cv.load(formats.bmad_reference.corpus()[name])
    branch = formats.bmad_reference.loaded(REFERENCE / "lattices" / "bmad" / f"{name}.json.gz")
    differences = formats._of_branch(lattice, branch["branches"][0], formats.bmad_reference.expected_of(name))
    assert max(value for value in differences.values() if value is not None) < 1e-12
    assert set(differences) == set(formats.CHECKS)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")
@pytest.mark.parametrize("magnet", codes.outcomes(REFERENCE / "element_agreement.json") if REFERENCE.is_dir() else [])
def test_magnets_of_four_codes(magnet: codes.Outcome) -> None:
    """Ours is MAD-NG's to rounding, which is within what it and PTC differ by in gradients within bends."""
    assert magnet.differences["MAD-NG"] < 3e-15
    assert magnet.differences["PTC"] < 3e-15 + 2 * magnet.among
