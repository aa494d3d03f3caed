"""From Bmad's attributes to Caraval's elements."""

from __future__ import annotations

from collections.abc import Callable
from math import asin, pi, sin
from pathlib import Path
from typing import Any

import pytest

import caraval as cv
from caraval.converters.bmad.reader import read
from caraval.core.errors import LatticeError
from caraval.core.losses import Losses
from caraval.core.methods import BmadStandard, KickDriftKick, Linear

Make = Callable[[str], Any]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make the element of a definition, ``class, attribute = value, ...``; more statements may follow."""

    def make(definition: str) -> Any:
        path = tmp_path / "element.bmad"
        path.write_text(f"parameter[p0c] = 1e8\nele: {definition}\nl: line = (ele)\nuse, l\n")
        return cv.load(path, format="bmad")["ele"]

    return make


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("drift, l = 0.5", cv.Drift(length=0.5)),
        ("pipe, l = -0.5", cv.Pipe(length=-0.5)),
        ("quadrupole, l = 0.5, k1 = -1.2, tilt", cv.Quadrupole(length=0.5, k1=-1.2, tilt=pi / 4)),
        ("sextupole, l = 0.5, k2 = 3, tilt", cv.Sextupole(length=0.5, k2=3.0, tilt=pi / 6)),
        ("quadrupole, fringe_type = full, fringe_at = no_end, fq1 = 0.1",
         cv.Quadrupole(fringe_type="full", fringe_at="no_end", fq1=0.1)),
        ("kicker, l = 0.1, hkick = 1e-3, vkick = 2e-3", cv.Kicker(length=0.1, hkick=1e-3, vkick=2e-3)),
        ("hkicker, kick = 1e-3", cv.HKicker(kick=1e-3)),
        ("vkicker, bl_kick = 1e-3", cv.VKicker(bl_kick=1e-3, field_master=True)),
        ("solenoid, l = 1, ks = 0.3", cv.Solenoid(length=1.0, ks=0.3)),
        ("monitor, x_offset = 1e-3, hkick = 1e-3", cv.Monitor(x_offset=1e-3, hkick=1e-3)),
        ("instrument, l = 0.1, is_on = F", cv.Instrument(length=0.1, is_on=False)),
        ("marker", cv.Marker()),
        ("quadrupole, l = 1, b2 = 0.1, a21 = 3, r0_mag = 0.01, scale_multipoles = .false.",
         cv.Quadrupole(length=1.0, b2=0.1, a21=3.0, r0_mag=0.01, scale_multipoles=False)),
        ("lcavity, l = 1, rf_frequency = 1.3e9, gradient = 1e7, phi0 = 0.1, n_cell = 9, cavity_type = Traveling_Wave",
         cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=1e7, phi0=0.1, n_cell=9, cavity_type="traveling_wave")),
        ("ecollimator, x_limit = 4e-3, y1_limit = 1e-3, y2_limit = 2e-3, aperture_at = both_ends",
         cv.ECollimator(x_limit=4e-3, y1_limit=1e-3, y2_limit=2e-3, aperture_at="both_ends")),
        ("rcollimator, aperture = 1e-3, x2_limit = 5e-3", cv.RCollimator(x1_limit=1e-3, x2_limit=5e-3, y_limit=1e-3)),
        ("quadrupole, x2_limit = 5e-3, x_limit = 1e-3, aperture_type = elliptical, y_limit = 1e-3, offset_moves_aperture = T",
         cv.Quadrupole(x_limit=1e-3, y_limit=1e-3, aperture_type="elliptical", offset_moves_aperture=True)),
    ],
)  # fmt: skip
def test_elements(make: Make, definition: str, expected: cv.Element) -> None:
    assert make(definition) == expected.replace(name="ele")


def test_attributes_that_change_nothing_are_kept(make: Make) -> None:
    element = make(
        "solenoid, l = 1, type = 'a b', descrip = c d e, mat6_calc_method = tracking, symplectify, fringe_type = full, "
        "csr_method = 1_dim, wall = {section = {s = 0, v(1) = {0.1}}}, field_calc = fieldmap, ELE_ORIGIN = end"
    )
    assert element == cv.Solenoid(
        name="ele",
        length=1.0,
        metadata={
            "type": "a b", "descrip": "c d e", "mat6_calc_method": "tracking", "symplectify": "T", "fringe_type": "full",
            "csr_method": "1_dim", "wall": "{section = {s = 0, v(1) = {0.1}}}", "field_calc": "fieldmap",
        },
    )  # fmt: skip
    assert make("pipe, sr_wake = off, b3_elec = 0, coupler_strength = 0.0").metadata.keys() == {
        "sr_wake", "b3_elec", "coupler_strength",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ("pipe, sr_wake = {z_max = 1}", "2:22: pipe 'ele': sr_wake changes the tracking and is not understood yet"),
        ("pipe, coupler_strength = 0.1", "coupler_strength changes"),
        ("lcavity, coupler_strength = 0.1", "a coupler needs a cavity with a length"),
        ("marker, b2 = 0.1", "marker 'ele': b2 changes"),
        ("quadrupole, fringe_type = basic_bend", "2:32: quadrupole 'ele': fringe_type must be one of none, full"),
        ("drift, aperture_at = wall_end", "aperture_at must be one of exit_end"),
        ("drift, is_on = maybe", "is_on must be T or F, not 'maybe'"),
        ("quadrupole, k1 = 1, b1_gradient = 2", "2:40: quadrupole 'ele': k1 is a strength and b1_gradient is a field"),
        ("quadrupole, b1_gradient = 2, field_master = F", "strengths count and b1_gradient is a field"),
        ("sbend, l = 1, angle = 0.1, b1_gradient = 2", "angle is a strength and b1_gradient is a field"),
        ("rbend, l = 1, b_field = 0.1", "cannot make a rectangular bend from b_field"),
        ("lcavity, l = 1, n_cell = 2.5", "n_cell must be a whole number, not 2.5"),
        ("lcavity, l = 1, n_rf_steps = -1", "2:35: .*n_rf_steps must be positive"),
        ("lcavity, l = 1, voltage = 1, gradient = 1", "2:.*voltage"),
        ("sbend, l = 1, g = 1, rho = 2", "g and rho are not the same curvature"),
        ("sbend, l = 1, g = 1, angle = 2", "say that l is 2.0, not 1.0; give two of the three"),
        ("sbend, angle = 1", "a bend needs a length"),
        ("rbend, l = 3, g = 1", "a chord of 3.0 m does not fit into a circle of radius 1.0 m"),
        ("sbend, l_chord = 3, g = 1", "its length is given by l, not by l_chord"),
        ("rbend, l = 1, l_arc = 1", "not by l and l_arc"),
        ("rbend, l_rectangle = 3, g = 1", "l_rectangle of 3.0 m does not fit into a radius of 1.0 m"),
        ("rbend, l = 1, fiducial_pt = middle", "fiducial_pt must be one of none, center, entrance_end, exit_end, not 'middle'"),
    ],
)
def test_refusals(make: Make, definition: str, problem: str) -> None:
    with pytest.raises(LatticeError, match=problem) as caught:
        make(definition)
    assert str(caught.value.file).endswith("element.bmad")


# -------------------------------------------------------------------- bends

HALF = 2 * asin(0.5 * 0.4 / 2)
"""Angle of a rectangular bend with a chord of 0.4 m and a curvature of 0.5 /m."""


@pytest.mark.parametrize(
    ("definition", "length", "angle", "e1", "e2"),
    [
        ("sbend, l = 0.5, angle = 0.2, e1 = 0.1", 0.5, 0.2, 0.1, 0.0),
        ("sbend, l = 0.5, g = 0.4", 0.5, 0.2, 0.0, 0.0),
        ("sbend, l = 0.5, rho = 2.5, g = 0.4", 0.5, 0.2, 0.0, 0.0),
        ("sbend, rho = -2.5, angle = -0.2", 0.5, -0.2, 0.0, 0.0),
        ("sbend, l = 0.5, g = 0, angle = 0.2, rho = 0", 0.5, 0.2, 0.0, 0.0),
        ("sbend, l = 0.5", 0.5, 0.0, 0.0, 0.0),
        ("sbend, l = 0.5, g = 0.4, angle = 0.2, fiducial_pt = exit_end", 0.5, 0.2, 0.0, 0.0),
        ("rbend, l = 0.5", 0.5, 0.0, 0.0, 0.0),
        ("rbend, l = 0.4, angle = 0.2, e1 = 0.05", 0.4 * 0.1 / sin(0.1), 0.2, 0.15, 0.1),
        ("rbend, l = 0.4, g = 0.5, e2 = -0.01", HALF / 0.5, HALF, HALF / 2, HALF / 2 - 0.01),
        ("rbend, l_arc = 0.5, angle = -0.2", 0.5, -0.2, -0.1, -0.1),
        ("rbend, l_arc = 0.5, g = 0.4", 0.5, 0.2, 0.1, 0.1),
        ("rbend, g = 0.4, angle = 0.2", 0.5, 0.2, 0.1, 0.1),
        ("rbend, l_arc = 0.5, angle = 0.2, fiducial_pt = center", 0.5, 0.2, 0.1, 0.1),
        ("rbend, l_arc = 0.5, angle = 0.2, fiducial_pt = entrance_end", 0.5, 0.2, 0.0, 0.2),
        ("rbend, l_arc = 0.5, angle = 0.2, fiducial_pt = exit_end", 0.5, 0.2, 0.2, 0.0),
        ("sbend, l_rectangle = 0.4, angle = 0.2, fiducial_pt = entrance_end", 0.4 * 0.2 / sin(0.2), 0.2, 0.0, 0.0),
        ("sbend, l_rectangle = 0.4, g = 0.5, fiducial_pt = exit_end", asin(0.2) / 0.5, asin(0.2), 0.0, 0.0),
        # Bmad makes these half as long as its manual says
        ("sbend, l_rectangle = 0.4, angle = 0.2", 0.2 * 0.1 / sin(0.1), 0.2, 0.0, 0.0),
        ("sbend, l_rectangle = 0.4, g = 0.5, fiducial_pt = center", HALF / 0.5 / 2, HALF, 0.0, 0.0),
        ("rbend, l_rectangle = 0.4, angle = 0.2", 0.2 * 0.1 / sin(0.1), 0.2, 0.1, 0.1),
    ],
)
def test_the_shape_of_bends(make: Make, definition: str, length: float, angle: float, e1: float, e2: float) -> None:
    bend = make(definition)
    assert (bend.length, bend.angle, bend.e1, bend.e2) == pytest.approx((length, angle, e1, e2), abs=1e-15)


def test_more_about_bends(make: Make) -> None:
    bend = make("sbend, l = 1, angle = 0.1, fint, hgap = 0.01, g_err = 1e-3, exact_multipole = vertically_pure, k1 = 0.2")
    assert (bend.fint, bend.fintx, bend.hgap, bend.dg, bend.exact_multipoles) == (0.5, None, 0.01, 1e-3, "vertically_pure")
    bend = make("sbend, l = 1, b_field = 0.1, b1_gradient = 2, e1 = 0.1")
    assert (bend.angle, bend.b_field, bend.b1_gradient, bend.e1, bend.field_master) == (0.0, 0.1, 2.0, 0.1, True)
    edge = make("sbend, rho = 0.5, e1 = 0.1, dg = 0.3")
    assert (edge.length, edge.angle, edge.dg) == (0.0, 0.0, 2.3), "the edges of a bend without length see its whole field"
    edge = make("sbend, b_field = 0.5, e1 = 0.1")
    assert (edge.length, edge.b_field, edge.db_field) == (0.0, None, 0.5)


def test_field_master_alone(make: Make) -> None:
    assert make("quadrupole, l = 1, k1 = 2, field_master = T") == cv.Quadrupole(name="ele", length=1.0, field_master=True)
    assert make("quadrupole, l = 1, b1_gradient = 0.0, b3 = 1").field_master is True
    assert make("quadrupole, l = 1, k1 = 2, field_master = F").k1 == 2.0


# -------------------------------------------------------------------- tracking methods


@pytest.mark.parametrize(
    ("definition", "method"),
    [
        ("quadrupole", None),
        ("quadrupole, tracking_method = bmad_standard", BmadStandard()),
        ("quadrupole, tracking_method = Linear", Linear()),
        ("quadrupole, num_steps = 5", BmadStandard(num_steps=5)),
        ("quadrupole, num_steps = 5, ds_step = 0.1", BmadStandard(num_steps=5, ds_step=0.1)),
        ("quadrupole, num_steps = 0", None),
        ("marker, ds_step = 0.1", BmadStandard(ds_step=0.1)),
        ("quadrupole, tracking_method = symp_lie_ptc, num_steps = 4, integrator_order = 6",
         KickDriftKick(order=6, num_steps=4, split="matrix")),
        ("quadrupole, tracking_method = symp_lie_ptc, l = 1, ds_step = 0.3, integrator_order = 8",
         KickDriftKick(order=6, num_steps=3, split="matrix")),
        ("quadrupole, tracking_method = symp_lie_ptc, ptc_integration_type = drift_kick", KickDriftKick()),
        ("quadrupole, tracking_method = taylor, num_steps = 7", KickDriftKick(num_steps=7, split="matrix")),
        ("marker, tracking_method = taylor", KickDriftKick(split="matrix")),
        ("match, tracking_method = taylor", BmadStandard()),
        ("quadrupole, tracking_method = symp_lie_bmad, integrator_order = 4, num_steps = 7",
         KickDriftKick(order=2, num_steps=7, split="matrix")),
    ],
)  # fmt: skip
def test_tracking_methods(make: Make, definition: str, method: Any) -> None:
    assert make(definition).tracking_method == method


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ("quadrupole, tracking_method = custom",
         "2:36: quadrupole 'ele': tracking_method 'custom' is not understood.* bmad_standard, linear, symp_lie_ptc"),
        ("quadrupole, tracking_method = bmad_standart", "did you mean 'bmad_standard'"),
        ("match, tracking_method = symp_lie_ptc", "class match have bmad_standard, linear$"),
        ("quadrupole, tracking_method = symp_lie_ptc, integrator_order = 3", "must be 2, 4, 6 or 8, not 3"),
        ("quadrupole, tracking_method = symp_lie_ptc, ptc_integration_type = ripken_kick", "must be matrix_kick or drift_kick"),
        ("quadrupole, num_steps = 2.5", "2:30: .* num_steps must be a positive whole number, not 2.5"),
        ("quadrupole, ds_step = -1", "ds_step must be a positive length"),
        ("quadrupole, integrator_order = 4", "integrator_order alone"),
        ("quadrupole, grid_field = {dz = 1}, tracking_method = symp_lie_ptc",
         "2:31: .* field maps .grid_field. are not understood yet"),
    ],
)  # fmt: skip
def test_methods_that_are_not_there(make: Make, definition: str, problem: str) -> None:
    with pytest.raises(LatticeError, match=problem):
        make(definition)


def test_bmad_standard_passes_over_field_maps(make: Make) -> None:
    assert make("quadrupole, l = 1, grid_field = {dz = 1}").metadata == {"grid_field": "{dz = 1}"}


def test_the_length_of_a_patch_follows_from_its_offsets(tmp_path):
    file = tmp_path / "patch.bmad"
    file.write_text(
        "parameter[p0c] = 1e8\nparameter[particle] = electron\n"
        "p: patch, l = 0.3, z_offset = 0.05\nq: patch, l = 0.3, z_offset = 0.05, user_sets_length = T\n"
        "all: line = (p, q)\nuse, all\n"
    )
    lattice = cv.load(file)
    assert [element.length for element in lattice.elements[:2]] == pytest.approx([0.05, 0.3])
    assert [(loss.element, loss.attribute, loss.is_physics) for loss in lattice.losses] == [("p", "l", False)]


def test_choices_that_caraval_has_not(tmp_path: Path) -> None:
    """A test at transitions of the wall is one at both ends; other shapes are losses, kept with the element."""
    path = tmp_path / "element.bmad"
    path.write_text(
        "p: pipe, l = 1, aperture_at = wall_transition, aperture_type = wall3d, x_limit = 0.1\n"
        "q: quadrupole, l = 1, fringe_type = basic_bend\nl: line = (p, q); use, l"
    )
    with pytest.raises(LatticeError, match="aperture_type must be one of rectangular, elliptical, not 'wall3d'"):
        read(path)
    losses = Losses("drift")
    lattice = read(path, losses=losses)
    p, q = lattice["p"], lattice["q"]
    assert (p.aperture_at, p.aperture_type, p.metadata["aperture_type"]) == ("continuous", "rectangular", "wall3d")
    assert (q.fringe_type, q.metadata["fringe_type"]) == ("none", "basic_bend")
    assert [(loss.element, loss.value) for loss in losses.found if loss.is_physics] == [("p", "wall3d"), ("q", "basic_bend")]


def test_masks_with_walls_may_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "element.bmad"
    path.write_text("m: mask, wall = {section = {type = clear, v(1) = {0.3, 0.4}}}\nl: line = (m); use, l")
    with pytest.raises(LatticeError, match="an opening given by a wall is not understood; give x_limit and y_limit"):
        read(path)
    losses = Losses("drift")
    assert read(path, losses=losses)["m"].kind == "Mask"
    assert [loss.attribute for loss in losses.found if loss.is_physics] == ["wall"]


def test_of_frequency_and_harmonic_number_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "ring.bmad"
    path.write_text(
        "parameter[e_tot] = 1e9\na: rfcavity, l = 1, harmon = 10, rf_frequency = 5e8\n"
        "b: rfcavity, l = 1, rf_frequency = 5e8, harmon_master = F, harmon = 10\n"
        "d: drift, l = 98\nl: line = (a, b, d); use, l"
    )
    lattice = read(path)
    assert lattice["a"].rf_frequency == 5e8
    assert lattice["b"].rf_frequency == pytest.approx(10 * 299792458 / 100, rel=1e-6)


def test_former_switches_of_a_match(tmp_path: Path) -> None:
    path = tmp_path / "line.bmad"
    path.write_text(
        "beginning[beta_a] = 10; beginning[beta_b] = 20; parameter[geometry] = open; parameter[e_tot] = 1e9\n"
        "on: match, match_end = T, beta_a1 = 5, beta_b1 = 6\noff: match, match_end = F\nl: line = (on, off); use, l"
    )
    lattice = cv.optics.resolved(read(path))
    assert (lattice["on"].beta_a0, lattice["on"].beta_b0) == pytest.approx((10, 20))
    assert lattice["off"] == cv.Match(name="off")


def test_parts_of_what_is_not_understood_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "line.bmad"
    path.write_text(
        "p: pipe, l = 1, sr_wake = {z_max = 1}\np[sr_wake%scale_with_length] = T\n"
        "f: foil, thickness = 1e-4, density = (12e3, 0.1)\nl: line = (p, f); use, l"
    )
    losses = Losses("drift")
    lattice = read(path, losses=losses)
    assert lattice["p"].metadata == {"sr_wake": "{z_max = 1}", "sr_wake%scale_with_length": "t"}
    assert lattice["f"].metadata["density"] == "(12000, 0.10000000000000001)"
    assert [(loss.element, loss.attribute) for loss in losses.found] == [
        ("p", "sr_wake"), ("p", "sr_wake%scale_with_length"), ("f", ""),
    ]  # fmt: skip
