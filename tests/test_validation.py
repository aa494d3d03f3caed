"""What the page about validation is made of."""

from __future__ import annotations

import pytest

import caraval as cv
from tests.converters import madx_comparison
from validation import codes, formats, optics, report, space_charge
from validation.records import REFERENCE


def test_table_of_formats() -> None:
    found = [
        formats.Found("good", "yes", {"elements": 0.0, "floor": 1e-10, "matrix": None, "particles": 1e-11}),
        formats.Found(
            "off", "with losses", {"elements": float("inf"), "matrix": 0.5, "optics": 2e-8, "particles": 1e-9}, "for a reason"
        ),
        formats.Found("bad", "no such thing", {}),
    ]
    assert [one.agrees("Bmad", "particles") for one in found] == [True, False, None]
    assert [one.agrees("MAD-X", "particles") for one in found] == [True, True, None]
    text = "\n".join(report._formats({"Bmad": found}))
    assert "| Bmad | 3 | 2 | 1 | 1 of 2 (50 %) | 1 of 1 (100 %) | 0 of 1 (0 %) | 0 of 1 (0 %) | 1 of 2 (50 %) |" in text
    assert "- off: elements differ, matrix 5.0e-01, optics 2.0e-08, particles 1.0e-09 (for a reason)" in text
    assert "- bad: not read: no such thing" in text
    assert "good" not in text


def test_slices_of_a_whole_are_together() -> None:
    """What stands between them included; the next whole is by itself, and so is everything else."""
    drift, marker, whole = cv.Drift(length=1.0), cv.Marker(), cv.Quadrupole(length=1.0, k1=1.0)
    first, second, third = whole.cut(0.0, 0.2), whole.cut(0.2, 0.7), whole.cut(0.7, 1.0)
    line = [drift, first, marker, second, third, marker, first, second, drift]
    assert list(formats._together(line)) == [[drift], [first, marker, second, third], [marker], [first, second], [drift]]


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")
@pytest.mark.parametrize("name", ["t_rotations", "t_rfmultipole_6", "t_ptc_trackline_rfcav"])
def test_optics_by_maps_of_second_order(name: str) -> None:
    """Off the axis, with a dispersion through a field that oscillates, and through a thick cavity TWISS is met to rounding."""
    (case,) = madx_comparison.cases(name)
    off = optics.madx(case)
    assert off is not None
    assert off < 1e-13


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


def test_table_of_bunches() -> None:
    found = [
        space_charge.Outcome("ball", 64, 0.00123, 0.05),
        space_charge.Outcome("ball", 0, 0.0001, 0.01),
        space_charge.Outcome("bend", 0, problem="no radiation"),
    ]
    text = "\n".join(report._bunches({"numpy": found, "jax": found}))
    assert "| ball | 64 | 0.12 % | 0.12 % | 5.0 % |" in text
    assert "| ball | limit | 0.01 % | 0.01 % | 1.0 % |" in text
    assert "| bend | not done: no radiation |  |  |  |" in text
    assert report._bunches({"numpy": []}) == []


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")
def test_a_bunch() -> None:
    folder = REFERENCE / "space_charge"
    coarse, fine, limit = space_charge.compared(space_charge.CASES[0], folder)
    assert (coarse.cells, fine.cells, limit.cells) == (32, 64, 0)
    assert 5 * limit.transverse < fine.transverse < 0.3 * coarse.transverse
