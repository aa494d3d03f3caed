"""Elements that a language has no word for, written as the map that they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import caraval as cv

REFERENCE = cv.Reference("electron", 1e8)

MATCH = cv.Match(name="m", length=0.5, beta_a0=5, beta_b0=4, beta_a1=7, beta_b1=3, matrix="match_twiss", recalc=False)

OTHERS = {
    "match": cv.Match(name="m", length=0.5, beta_a0=5, beta_b0=4, matrix="match_twiss", recalc=False, beta_a1=1, beta_b1=2),
    "sol_quad": cv.SolQuad(name="s", length=0.5, ks=0.3, k1=1.0, x_offset=1e-3, tilt=0.1),
    "thick": cv.ThickMultipole(name="t", length=0.4, b2=1.0, a1=0.01, hkick=1e-4),
    "wiggler": cv.Wiggler(name="w", length=1.0, b_max=0.5, l_period=0.3),
}


def saved(element: cv.Element, path: Path, **options: str) -> tuple[cv.Lattice, cv.Lattice]:
    lattice = cv.Lattice([cv.Drift(name="d", length=0.1), element], reference=REFERENCE)
    cv.save(lattice, path, **options)
    return lattice, cv.load(path, on_unsupported="drift")


def test_a_linear_element_is_its_matrix(tmp_path: Path) -> None:
    """And nothing is lost where the matrix is in the same coordinates."""
    lattice, back = saved(MATCH, tmp_path / "match.lte")
    assert [element.kind for element in back if element.length > 0.2] == ["Taylor"]
    np.testing.assert_allclose(back.transfer_matrix(REFERENCE), lattice.transfer_matrix(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in OTHERS for form in ("madx", "lte") if (name, form) != ("match", "lte")]
)
def test_others_are_maps_where_that_is_allowed(name: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / f"other.{form}"
    with pytest.raises(cv.LatticeError, match=r"its (map to second order|matrix)"):
        saved(OTHERS[name], path)
    assert not path.exists()
    lattice, back = saved(OTHERS[name], path, on_unsupported="drift")
    ours, theirs = (one.transfer_map(REFERENCE, order=2) for one in (lattice, back))
    np.testing.assert_allclose(theirs.matrix, ours.matrix, rtol=0, atol=1e-13)
    np.testing.assert_allclose(theirs.offset, ours.offset, rtol=0, atol=1e-15)
    if form == "madx":
        np.testing.assert_allclose(theirs.quadratic, ours.quadratic, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", ["madx", "lte"])
def test_without_a_reference_there_is_no_map(form: str, tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=r"SolQuad .* it becomes: a drift"):
        cv.save(cv.Lattice([OTHERS["sol_quad"]]), tmp_path / f"other.{form}", on_unsupported="error")


def test_what_changes_the_reference_is_no_map_in_madx(tmp_path: Path) -> None:
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9)
    with pytest.raises(cv.LatticeError, match=r"LCavity .* it becomes: a drift"):
        saved(cavity, tmp_path / "cavity.madx")
