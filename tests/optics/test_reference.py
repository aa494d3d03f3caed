"""Optics against Bmad's: tunes, Twiss parameters, orbits, chromaticities, floor positions, of whole classes of lattices.

The lattices are beside the repository (``../shared/reference``, see its README); without them these tests are skipped.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.optics import chromaticities, equilibrium, radiation_integrals, survey, tunes, twiss
from tests.converters import elegant_reference, madx_comparison
from validation import optics

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

TUNE, RELATIVE, ORBIT, CHROMATICITY, FLOOR, RADIATION = 1e-9, 1e-8, 1e-10, 1e-6, 1e-9, 1e-6
"""How far from Bmad's tunes, Twiss parameters, orbits [m], chromaticities, floor positions [m] and radiation integrals are."""


def loaded(path: Path) -> Any:
    with gzip.open(path) as file:
        return json.load(file)


def columns(elements: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Bmad's Twiss parameters along a line, by our names."""
    out = {f"{name}_{mode}": [e[mode][name] for e in elements] for mode in "ab" for name in ("beta", "alpha", "phi")}
    out |= {f"{name}_{plane}": [e[plane][name] for e in elements] for plane in "xy" for name in ("eta", "etap")}
    out |= {f"c{i + 1}{j + 1}_mat": [e["c_mat"][i][j] for e in elements] for i in (0, 1) for j in (0, 1)}
    return {name: np.array(values) for name, values in out.items()} | {"gamma_c": np.array([e["gamma_c"] for e in elements])}


def assert_alike(table: cv.optics.Table, expected: dict[str, np.ndarray], tolerance: float = RELATIVE) -> None:
    for name, values in expected.items():
        error = np.abs(table[name] - values) / np.maximum(1.0, np.abs(values))
        assert error.max() < tolerance, f"{name} differs by {error.max():.1e} at {table.name[np.argmax(error)]}"


@pytest.mark.parametrize("name", ["fodo_ring", "fodo_ring_rf"])
def test_own_rings(name: str) -> None:
    lattice = cv.load(REFERENCE / "own_lattices" / f"{name}.source.bmad")
    branch = loaded(REFERENCE / "own_lattices" / f"{name}.json.gz")["branches"][0]
    found, table = tunes(lattice), twiss(lattice)
    assert (found.a, found.b) == pytest.approx((branch["tune_a_2pi"], branch["tune_b_2pi"]), abs=TUNE)
    if branch["rf_is_on"]:
        assert found.c == pytest.approx(branch["z_tune_2pi"], abs=TUNE)
    assert chromaticities(lattice) == pytest.approx((branch["chrom_a"], branch["chrom_b"]), abs=CHROMATICITY)
    elements = branch["elements"]
    assert_alike(table, columns(elements))
    orbit = np.array([table[name] for name in ("x", "px", "y", "py", "z", "pz")]).T
    np.testing.assert_allclose(orbit, [e["orbit"] for e in elements], rtol=0, atol=ORBIT)


@pytest.mark.parametrize("name", ["fodo_ring", "fodo_ring_rf"])
def test_radiation_of_own_rings(name: str) -> None:
    lattice = cv.load(REFERENCE / "own_lattices" / f"{name}.source.bmad")
    expected = loaded(REFERENCE / "own_lattices" / f"{name}.json.gz")["branches"][0]["radiation"]
    i, found = radiation_integrals(lattice), equilibrium(lattice)
    assert i[:4] == pytest.approx(expected["synch_int_0_3"], rel=RADIATION)
    assert [i.i4_a, i.i5_a, 0.0] == pytest.approx(expected["synch_int_a_4_6"], rel=RADIATION, abs=1e-9)
    assert [i.i4_b, i.i5_b, i.i6_b] == pytest.approx(expected["synch_int_b_4_6"], rel=RADIATION, abs=1e-9)
    names = {"emittance_a": "emit_a", "emittance_b": "emit_b", "energy_spread": "sigE_E", "energy_loss": "e_loss"}
    for mine, theirs in {**names, "j_a": "j_a", "j_b": "j_b", "j_z": "j_z"}.items():
        assert getattr(found, mine) == pytest.approx(expected[theirs], rel=RADIATION), mine
    turn = lattice.length / (lattice.reference.beta * 299792458.0)
    damping = [turn / time for time in (found.damping_a, found.damping_b, found.damping_z)]
    assert damping == pytest.approx(expected["alpha_damp_abz"], rel=RADIATION)


@pytest.mark.parametrize("name", ["chicane", "syntax", "linac", "bends_patches"])
def test_own_lines(name: str) -> None:
    """With solenoids, coupling, patches, bends in all planes, and a match to what is upstream.

    Left out are dispersions after cavities: of those, Bmad's own matrices are not the derivatives of its tracking in pz. Bmad's
    matrix of the match is 1e-7 from what it is said to match.
    """
    lattice = cv.load(REFERENCE / "own_lattices" / f"{name}.source.bmad")
    branch = loaded(REFERENCE / "own_lattices" / f"{name}.json.gz")["branches"][0]
    elements = branch["elements"][: len(lattice) + 1]
    expected = columns(elements)
    if name == "linac":
        expected = {name: values for name, values in expected.items() if "eta" not in name or "beta" in name}
    assert_alike(twiss(lattice), expected, 1e-7 if name == "bends_patches" else RELATIVE)


@cache
def corpus() -> dict[str, Path]:
    entries = json.loads((REFERENCE / "index.json").read_text())["bmad"]
    return {entry["name"]: REFERENCE / "corpus" / "bmad" / entry["name"] / entry["main"][0] for entry in entries}


RINGS = """
    Dragt_PSR_small_ring_Dragt_PSR_small_ring bsim_long_term_tracking_simple_simple_ring envelope_ibs_test_small_ring
    figure_8_figure_8 mode3_test_small_ring nonlin_test_small_ring ptc_test_figure_8 pytao_bookkeeping_stale_bookkeeping
    small_ring_small_ring spin_general_test_small_ring tutorial_bmad_tao_twiss_correction_lat
    tutorial_ring_design_01_FODO_Exercise_solutions_fodoAF tutorial_ring_design_01_FODO_Exercise_solutions_fodoSSR
    tutorial_ring_design_05_Ring_exercise_solutions_ring tutorial_ring_design_15_SpinTracking_spin_lat
"""
"""Rings whose closed orbit is the axis, about which the reference has its Twiss parameters."""

LINES = """
    facet2_bmad_master_F2_ELEC jlab_fel_bates geometry_test_geometry_test girder_test_girder_test multipass_test_patch
    tutorial_ring_design_02_DispSuppress_F_dispsupF0 spin_map_test_spin_map_test synrad3d_test_branch
    radiation_test_radiation_test fixer_test_fixer_test exact_bend_edge_test_exact_bend_edge_test
"""


def elements_of(name: str, lattice: cv.Lattice) -> list[dict[str, Any]]:
    branch = loaded(REFERENCE / "lattices" / "bmad" / f"{name}.json.gz")["branches"][0]
    elements: list[dict[str, Any]] = branch["elements"][: len(lattice) + 1]
    return elements


@pytest.mark.parametrize("name", RINGS.split())
def test_real_rings(name: str) -> None:
    lattice = cv.load(corpus()[name], format="bmad")
    names = ("beta_a", "alpha_a", "phi_a", "beta_b", "alpha_b", "phi_b", "eta_x", "etap_x", "eta_y")
    values = np.array([e["twiss_a_b_x_y"] for e in elements_of(name, lattice)]).T
    assert_alike(twiss(lattice), dict(zip(names, values, strict=True)))


@pytest.mark.parametrize("name", [*RINGS.split(), *LINES.split()])
def test_floor_positions(name: str) -> None:
    lattice = cv.load(corpus()[name], format="bmad")
    found = survey(lattice)
    expected = np.array([e["floor"] for e in elements_of(name, lattice)]).T
    position = np.array([found[name] for name in "xyz"])
    np.testing.assert_allclose(position, expected[:3], rtol=0, atol=FLOOR)
    turns = (np.array([found[name] for name in ("theta", "phi", "psi")]) - expected[3:]) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), rtol=0, atol=FLOOR)


@pytest.mark.parametrize("name", ["bends_patches", "fodo_ring", "multipass", "syntax"])
def test_floor_of_own_lattices(name: str) -> None:
    lattice = cv.load(REFERENCE / "own_lattices" / f"{name}.source.bmad")
    branch = loaded(REFERENCE / "own_lattices" / f"{name}.json.gz")["branches"][0]
    floor = [e["floor"] for e in branch["elements"][: len(lattice) + 1]]
    found = survey(lattice)
    for place, where in enumerate(floor):
        here = [found[name][place] for name in ("x", "y", "z", "theta", "phi", "psi")]
        assert here == pytest.approx([*where["r"], where["theta"], where["phi"], where["psi"]], abs=FLOOR)


# -------------------------------------------------------------------- MAD-X and elegant

SEQUENCES = """
    impactx_fodo ng_fodo ng_ps_new pimms psb_injection sirepo_compact_storage_ring
    t_coupling t_ptc_twiss_5Dt t_thick_dipole_3
"""
BEAMLINES = "ex_matching_betaMatching_one ex_PAR_synchrotronTune_parTrack ex_transportLineSteering_twoPlaneSteering_lattice"


@pytest.mark.parametrize("name", SEQUENCES.split())
def test_optics_of_madx(name: str) -> None:
    for case in madx_comparison.cases(name):
        assert optics.madx(case) == pytest.approx(0.0, abs=RELATIVE), case.name


@pytest.mark.parametrize("name", BEAMLINES.split())
def test_optics_of_elegant(name: str) -> None:
    expected = elegant_reference.made(name)
    lattice = cv.load(elegant_reference.corpus()[name], format="elegant", line=expected["beamline"], on_unsupported="drift")
    found = optics.elegant(elegant_reference.as_run(lattice, matrices=True), expected)
    assert found == pytest.approx(0.0, abs=RELATIVE)
