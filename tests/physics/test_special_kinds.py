"""AC kickers, general kickers, SAD's multipoles, beams that meet: what Bmad's records cannot show."""

import gzip
import json
from itertools import pairwise
from math import pi
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import Akima1DInterpolator
from scipy.special import wofz

import caraval as cv
from caraval.core import scalar, tracking
from caraval.core.arrays import mixed
from caraval.core.jet import NOTHING, Jet, jet_namespace
from caraval.core.reference import C_LIGHT
from caraval.core.registry import registry
from caraval.physics.ac_kicker import ACKicker
from caraval.physics.beambeam import BeamBeam, slices
from caraval.physics.e_gun import EGun
from caraval.physics.em_field import EMField
from caraval.physics.gkicker import GKicker
from caraval.physics.sad_mult import SadMult
from caraval.physics.shared.fields import gaussian_field
from caraval.physics.shared.fields.faddeeva import faddeeva
from caraval.physics.shared.sad_body import SkewBodyConstants, skew_body
from caraval.testing.derivatives import S

from ..cases import REFERENCES, SHIFTED, TILTED, beam, particles

XP = mixed(np)
ELECTRON = REFERENCES["electron_100MeV"]
TABLE = ((-2e-9, 0.1), (-5e-11, 0.8), (-1e-11, 1.0), (2e-11, 0.7), (4e-11, 0.9), (2e-9, 0.2))
SPECTRUM = ((1e9, 1.7, 0.1), (3e9, -0.4, 0.25))
BUNCH = {"sig_x": 1e-3, "sig_y": 3e-4, "sig_z": 0.01, "n_particle": 1e10}
SAD = {
    "a0": 3e-3,
    "b0": 1e-2,
    "a1": 0.05,
    "b1": 0.3,
    "b2": 4.0,
    "a3": 20.0,
    "fb1": 0.02,
    "fb2": 0.03,
    "fq1": 0.01,
    "fq2": 0.002,
}


def tracked(*elements: cv.Element, reference: cv.Reference = ELECTRON, scale: float = 1.0) -> np.ndarray:
    out = cv.Lattice(elements).track(beam(reference, scale=scale))
    assert out.alive.all()
    return np.array(out.coordinates)


def jacobian(element: cv.Element, start: np.ndarray, reference: cv.Reference = ELECTRON) -> np.ndarray:
    lattice = cv.Lattice([element])
    prepared = lattice.planner.plan([], reference).prepare(lattice.elements, reference, particles=False)
    return tracking.transfer_map(prepared, registry().backend("numpy"), start).matrix


def asymmetry(element: cv.Element, reference: cv.Reference = ELECTRON) -> float:
    matrices = [jacobian(element, start, reference) for start in particles(8).T]
    return max(np.linalg.norm(m.T @ S @ m - S) / np.linalg.norm(m) ** 2 for m in matrices)


def read(folder, *statements: str) -> cv.Element:
    path = folder / "line.bmad"
    path.write_text("\n".join(["parameter[p0c] = 1e8", *statements, "l: line = (ele)", "use, l", ""]))
    return cv.load(path)["ele"]


# -------------------------------------------------------------------- the Faddeeva function


def quadrant() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.uniform(0, 8, 2000), 10 ** rng.uniform(-8, 4, 2000), rng.uniform(0, 8, 500), np.zeros(100)])
    y = np.concatenate([rng.uniform(0, 8, 2000), 10 ** rng.uniform(-8, 4, 2000), 10 ** rng.uniform(-12, 0, 500), np.ones(100)])
    return x, y


def test_the_faddeeva_function_is_right_everywhere():
    x, y = quadrant()
    truth = wofz(x + 1j * y)  # SciPy's own error is 2e-14
    real, imaginary = faddeeva(x, y, XP)
    assert np.abs((real + 1j * imaginary) / truth - 1).max() < 3e-14
    np.testing.assert_allclose(faddeeva(-x, y, XP)[0], real, rtol=1e-14)
    single = faddeeva(x.astype("float32"), y.astype("float32"), XP)
    assert single[0].dtype == np.float32
    assert np.abs((single[0] + 1j * single[1]) / truth - 1).max() < 2e-6


def test_its_derivative_through_jets_is_exact():
    x, y = quadrant()
    near = np.hypot(x, y) < 6  # further out the formula below loses digits, not the jets
    x, y = x[near], y[near]
    z = x + 1j * y
    real, imaginary = faddeeva(Jet(x, (1.0, *NOTHING[1:])), Jet(y, (None, 1.0, *NOTHING[2:])), jet_namespace(XP))
    slope = -2 * z * wofz(z) + 2j / np.sqrt(pi)
    np.testing.assert_allclose(real.slopes[0] + 1j * imaginary.slopes[0], slope, rtol=0, atol=5e-14)
    np.testing.assert_allclose(real.slopes[1] + 1j * imaginary.slopes[1], 1j * slope, rtol=0, atol=5e-14)


# -------------------------------------------------------------------- the field of a bunch


def by_integral(x: float, y: float, sx: float, sy: float) -> tuple[float, float]:
    """The field of a Gaussian as an integral over confocal ones (Houssais), in the units of the module."""

    def component(own: float, power: tuple[float, float]) -> float:
        def integrand(t: float) -> float:
            a, b = 2 * sx**2 + t, 2 * sy**2 + t
            return np.exp(-(x**2) / a - y**2 / b) / (a ** power[0] * b ** power[1])

        scale = 2 * max(sx, sy) ** 2
        inner = quad(integrand, 0, scale, epsrel=1e-12, epsabs=0)[0]
        outer = quad(lambda s: integrand(scale / s) * scale / s**2, 0, 1, epsrel=1e-12, epsabs=0)[0]
        return -4 * pi * own * (sx + sy) * (inner + outer)

    return component(x, (1.5, 0.5)), component(y, (0.5, 1.5))


@pytest.mark.parametrize("sizes", [(1e-3, 3e-4), (3e-4, 1e-3), (1e-3, 9.9e-4), (1e-3, 1e-5), (5e-4, 5e-4)])
def test_the_field_of_a_bunch_is_that_of_its_charge(sizes):
    shape = gaussian_field.shape(*sizes, scalar)
    for x, y in ((1e-4, 2e-4), (-3e-3, 1e-5), (2e-3, -4e-3), (0.02, 0.01), (1e-7, 1e-9)):
        found = gaussian_field.field(shape, np.array(x), np.array(y), XP)
        truth = by_integral(x, y, *sizes)
        assert found == pytest.approx(truth, rel=1e-9, abs=1e-12 * np.hypot(*truth))


def test_a_nearly_round_bunch_is_taken_for_round_as_bmad_does():
    x, y = np.array([1e-4, -2e-3, 9e-3, 1e-6]), np.array([2e-4, 1e-3, 8e-3, 1e-6])
    near, round_ = (gaussian_field.field(gaussian_field.shape(1e-3, s, scalar), x, y, XP) for s in (1.0009e-3, 1e-3))
    for a, b, ratio in zip(near, round_, (1.0, 1.0009), strict=True):
        np.testing.assert_allclose(a * ratio, b, rtol=2e-3)
        assert not np.allclose(a * ratio, b, rtol=1e-8)
    exponent = (x**2 + y**2) / 2e-6
    truth = -4 * pi * x / 1e-3 * -np.expm1(-exponent) / exponent
    np.testing.assert_allclose(round_[0], truth, rtol=2e-9)  # Bmad's series near the axis is cut that early


@pytest.mark.parametrize("sizes", [(1e-3, 3e-4), (3e-4, 1e-3), (5e-4, 5e-4)])
def test_the_slopes_of_the_field_are_its_derivatives(sizes):
    points = np.array([(1e-4, 2e-4), (-3e-3, 1e-5), (2e-3, -1e-3), (2e-5, 1e-5), (0.02, 0.01)]).T
    shape = gaussian_field.shape(*sizes, scalar)
    x, y = Jet(points[0], (1.0, *NOTHING[1:])), Jet(points[1], (None, 1.0, *NOTHING[2:]))
    fx, fy = gaussian_field.field(shape, x, y, jet_namespace(XP))
    fxx, fyy = gaussian_field.slopes(shape, *points, fx.value, fy.value, XP)
    tolerance = 1e-10 * 4 * pi / min(sizes)
    np.testing.assert_allclose(fxx, fx.slopes[0], rtol=1e-6, atol=tolerance)
    np.testing.assert_allclose(fyy, fy.slopes[1], rtol=1e-6, atol=tolerance)


# -------------------------------------------------------------------- beams that meet


def test_slices_are_where_bmad_has_them():
    bmads = (-1.2815515887435343, -0.5244004735130153, 0.0, 0.5244004735130153, 1.2815514189280146)
    assert slices(5) == pytest.approx(bmads, rel=1e-15)
    assert slices(1) == (0.0,)


def test_a_particle_meets_a_slice_half_way():
    """At the place s where the times of both agree, and nothing but a kick there has happened to it."""
    element = BeamBeam(**BUNCH, crossing_time=2e-12)
    start = np.array(beam().coordinates)
    bare, out = start.copy(), tracked(element)
    p, forward = 1 + start[5], np.sqrt((1 + start[5]) ** 2 - start[1] ** 2 - start[3] ** 2)
    beta = p / np.hypot(p, ELECTRON.species.mass / ELECTRON.p0c)
    s = (C_LIGHT * 2e-12 + start[4] / beta) / (1 / ELECTRON.beta + p / (beta * forward))
    x, y = bare[0] + s * bare[1] / forward, bare[2] + s * bare[3] / forward
    after = np.sqrt((1 + out[5]) ** 2 - out[1] ** 2 - out[3] ** 2)
    np.testing.assert_allclose(out[0] + s * out[1] / after, x, rtol=0, atol=1e-17)
    np.testing.assert_allclose(out[2] + s * out[3] / after, y, rtol=0, atol=1e-17)
    strength = 1e10 * 2.8179403227e-15 * ELECTRON.species.mass / (2 * pi * ELECTRON.p0c * 1.3e-3)
    shape = gaussian_field.shape(1e-3, 3e-4, scalar)
    kicks = [strength * f for f in gaussian_field.field(shape, x, y, XP)]
    np.testing.assert_allclose([out[1] - start[1], out[3] - start[3]], kicks, rtol=0, atol=1e-18)


def test_the_bunch_attracts_particles_of_opposite_charge():
    attracted, repelled = (tracked(BeamBeam(**BUNCH, charge=charge)) for charge in (-1.0, 1.0))
    start = np.array(beam().coordinates)
    far = np.abs(start[0]) > 1e-4
    assert (np.sign(attracted[1] - start[1]) == -np.sign(start[0]))[far].all()
    np.testing.assert_allclose(repelled[1] - start[1], start[1] - attracted[1], rtol=0, atol=1e-16)


@pytest.mark.parametrize(
    "more",
    [{}, {"n_slice": 3}, {"beta_a_strong": 0.1, "alpha_a_strong": 0.3, "beta_b_strong": 0.02, "s_twiss_ref": 1e-3}],
)
def test_the_energy_kick_is_what_makes_the_encounter_nearly_symplectic(more):
    assert asymmetry(BeamBeam(**BUNCH, **more)) < 1e-10


def test_a_solenoid_around_the_place_turns_about_its_own_axis():
    """What does not collide goes to the slice and back, whatever the offset of the bunch."""
    far = BeamBeam(**{**BUNCH, "n_particle": 1e-30}, n_slice=2, ks=0.5, x_offset=1e-3, y_offset=-2e-3, tilt=0.4)
    np.testing.assert_allclose(tracked(far), np.array(beam().coordinates), rtol=0, atol=1e-17)
    weak, none = (tracked(BeamBeam(**BUNCH, n_slice=2, ks=ks, **SHIFTED)) for ks in (1e-9, 0.0))
    np.testing.assert_allclose(weak, none, rtol=0, atol=1e-13)
    strong = tracked(BeamBeam(**BUNCH, n_slice=2, bs_field=0.5 * ELECTRON.rigidity, **SHIFTED))
    np.testing.assert_allclose(strong, tracked(BeamBeam(**BUNCH, n_slice=2, ks=0.5, **SHIFTED)), rtol=0, atol=1e-17)
    assert np.abs(strong - none).max() > 1e-10


def test_a_slower_bunch_is_met_further_on():
    late = {"crossing_time": 1e-10, "sig_x": 1e-4}
    kicks = [
        tracked(BeamBeam(**{**BUNCH, **late, **how}))[0].std()
        for how in ({}, {"species_strong": "proton", "pc_strong": 3e8}, {"species_strong": "proton", "e_tot_strong": 983.3e6})
    ]
    assert kicks[1] == pytest.approx(kicks[2], rel=1e-4)
    assert kicks[0] != pytest.approx(kicks[1], rel=1e-4)


def test_a_bent_bunch_is_slices_that_are_turned_about_its_centre():
    """Each slice is a bunch of its own, where it has come to, if the head, which comes first, is turned by a positive angle."""
    crab = {"crab_x1": 0.03, "crab_x2": 4.0, "crab_x5": 1e6, "crab_tilt": 0.3}
    alone = []
    for place in slices(3):
        ahead = -BUNCH["sig_z"] * place
        angle = 0.03 + 4.0 * ahead + 1e6 * ahead**4
        aside = ahead * np.sin(angle)
        shifts = {"x_offset": aside * np.cos(0.3), "y_offset": aside * np.sin(0.3)}
        late = -ahead * np.cos(angle) / (ELECTRON.beta * C_LIGHT)
        alone.append(BeamBeam(**{**BUNCH, "n_particle": 1e10 / 3, "sig_z": 0.0}, crossing_time=late, **shifts))
    np.testing.assert_allclose(tracked(BeamBeam(**BUNCH, n_slice=3, **crab)), tracked(*alone), rtol=0, atol=1e-16)


def test_in_absolute_time_particles_meet_the_nearest_bunch():
    often = BeamBeam(**BUNCH, n_slice=2, repetition_frequency=1e9)
    absolute = often.replace(absolute_time_tracking=True)
    np.testing.assert_array_equal(tracked(absolute), tracked(often))  # it is the one that comes with the reference
    start = beam()
    speed = (1 + start.pz) / np.hypot(1 + start.pz, ELECTRON.species.mass / ELECTRON.p0c)
    next_one = start.replace(z=start.z - 2 * speed * C_LIGHT / 1e9)
    late, missed = (cv.Lattice([e]).track(next_one) for e in (absolute, often))
    np.testing.assert_allclose(np.array(late.coordinates)[:4], tracked(often)[:4], rtol=0, atol=1e-16)
    assert np.abs(np.array(missed.coordinates)[:4] - tracked(often)[:4]).max() > 1e-6


def test_the_repetition_of_bunches_counts_where_bmad_has_absolute_time(tmp_path):
    bunch = "ele: beambeam, sig_x = 1e-3, sig_y = 1e-3, n_particle = 1e10, repetition_frequency = 1e9, crab_x1 = 0.03"
    element = read(tmp_path, "bmad_com[absolute_time_tracking] = T", bunch)
    assert element.absolute_time_tracking
    assert (element.repetition_frequency, element.crab_x1) == (1e9, 0.03)
    cv.save(cv.Lattice([element], reference=ELECTRON), tmp_path / "out.bmad")
    assert cv.load(tmp_path / "out.bmad")["ele"] == element
    assert not read(tmp_path, bunch).absolute_time_tracking


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 1.0}, "no length"),
        ({"n_slice": 0}, "n_slice must be"),
        ({"ks": 1.0, "bs_field": 1.0}, "ks and bs_field"),
        ({"species_strong": "wombat"}, "'b': species_strong: unknown species 'wombat'"),
    ],
)
def test_a_beambeam_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(cv.InputError, match=message):
        BeamBeam(name="b", **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"n_particle": 1.0}, "'b': a bunch needs sizes"), ({**BUNCH, "ks": 1.0, "x_pitch": 1e-3}, "together with x_pitch")],
)
def test_a_beambeam_that_cannot_be_tracked_says_why(values, message):
    with pytest.raises(cv.InputError, match=message):
        cv.Lattice([BeamBeam(name="b", **values)]).track(beam())


def test_a_bunch_without_particles_does_nothing():
    np.testing.assert_array_equal(tracked(BeamBeam()), np.array(beam().coordinates))
    np.testing.assert_array_equal(tracked(BeamBeam(**BUNCH, is_on=False)), np.array(beam().coordinates))


# -------------------------------------------------------------------- kickers that vary in time


def clock(reference: cv.Reference) -> np.ndarray:
    """Times of the particles of a beam against the reference particle."""
    *_, z, pz = np.array(beam(reference).coordinates)
    return -z * np.hypot(1 + pz, reference.species.mass / reference.p0c) / (1 + pz) / C_LIGHT


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
def test_a_spectrum_is_a_sum_of_cosines(method, reference):
    reference = REFERENCES[reference]
    out = tracked(ACKicker(hkick=1e-4, frequencies=SPECTRUM, t_offset=3e-11, tracking_method=method), reference=reference)
    turns = [(f * (clock(reference) - 3e-11) + phase, amplitude) for f, amplitude, phase in SPECTRUM]
    amplitude = sum(a * np.cos(2 * pi * turn) for turn, a in turns)
    np.testing.assert_allclose(out[1] - beam().px, 1e-4 * amplitude, rtol=0, atol=1e-18 + 1e-15 * 1e-4 * 100)


@pytest.mark.parametrize("kind", ["cubic", "linear"])
def test_a_table_is_interpolated(kind):
    out = tracked(ACKicker(vkick=1e-4, amp_vs_time=TABLE, t_offset=-1e-11, interpolation=kind))
    times, values = np.array(TABLE).T
    known = Akima1DInterpolator(times, values) if kind == "cubic" else lambda t: np.interp(t, times, values)
    np.testing.assert_allclose(out[3] - beam().py, 1e-4 * known(clock(ELECTRON) + 1e-11), rtol=0, atol=1e-17)


def test_two_times_are_a_straight_line_and_it_goes_on():
    element = ACKicker(hkick=1e-4, amp_vs_time=((0.0, 1.0), (1e-10, 3.0)))
    linear = tracked(element.replace(interpolation="linear"))
    np.testing.assert_allclose(linear[1] - beam().px, 1e-4 * (1 + 2e10 * clock(ELECTRON)), rtol=0, atol=1e-17)
    np.testing.assert_allclose(tracked(element), linear, rtol=0, atol=1e-17)


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
def test_beyond_where_a_table_may_be_continued_particles_are_lost(method):
    table = ((0.0, 1.0), (1e-11, 3.0))
    out = cv.Lattice([ACKicker(hkick=1e-4, amp_vs_time=table, tracking_method=method)]).track(beam())
    time = clock(ELECTRON)
    np.testing.assert_array_equal(out.alive, (time >= -1e-11) & (time <= 2e-11))
    assert 0 < out.alive.sum() < 40


@pytest.mark.parametrize("waveform", [{"frequencies": SPECTRUM}, {"amp_vs_time": TABLE}])
@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
def test_only_with_its_change_of_energy_a_varying_kick_is_symplectic(waveform, reference):
    element = ACKicker(length=0.3, hkick=2e-3, vkick=-1e-3, scale_multipoles=False, b1=0.05, a2=1.0, **waveform, **SHIFTED)
    for order in (2, 4, 6):
        method = cv.KickDriftKick(order=order, num_steps=3)
        assert asymmetry(element.replace(tracking_method=method), REFERENCES[reference]) < 1e-14
    assert asymmetry(element, REFERENCES[reference]) > 1e-4


def test_a_steady_amplitude_makes_it_a_kicker():
    shared = {"length": 0.3, "hkick": 2e-3, "vkick": -1e-3, "b1": 40.0, "a2": 1e3, **TILTED}
    for method in (cv.BmadStandard(num_steps=4), cv.KickDriftKick(order=4, num_steps=2)):
        varying, steady = (
            tracked(ACKicker(**shared, frequencies=((0.0, 1.0, 0.0),), tracking_method=method)),
            tracked(cv.Kicker(**shared, tracking_method=method)),
        )
        np.testing.assert_allclose(varying, steady, rtol=0, atol=1e-17)


def test_a_reversed_ac_kicker_kicks_the_other_way():
    element = ACKicker(length=0.3, hkick=2e-3, frequencies=SPECTRUM)
    np.testing.assert_allclose(tracked(element.replace(orientation=-1)), tracked(element.replace(hkick=-2e-3)), atol=1e-18)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frequencies": ((1e9, 1.0),)}, "each of frequencies must be a tuple of numbers"),
        ({"frequencies": ((1e9, 1.0, float("nan")),)}, "each of frequencies"),
        ({"frequencies": SPECTRUM, "amp_vs_time": TABLE}, "say the same"),
        ({"amp_vs_time": ((0.0, 1.0),)}, "two times or more"),
        ({"amp_vs_time": ((1.0, 1.0), (0.0, 1.0))}, "each later"),
        ({"frequencies": [(1e9, 1.0, 0.0)]}, "must be of type tuple"),
    ],
)
def test_a_waveform_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(cv.InputError, match=message):
        ACKicker(name="k", **values)


def test_a_kick_without_waveform_cannot_be_tracked():
    with pytest.raises(cv.InputError, match="'k': nothing says how the kick varies"):
        cv.Lattice([ACKicker(name="k", hkick=1e-3)]).track(beam())
    with pytest.raises(cv.InputError, match="'k': electric multipoles that vary"):
        cv.Lattice([ACKicker(name="k", length=1.0, a1_elec=1.0, frequencies=SPECTRUM)]).track(beam())


# -------------------------------------------------------------------- kicks in all coordinates


def test_a_gkicker_adds_to_all_coordinates_and_has_no_length():
    kicks = {"x_kick": 1e-3, "px_kick": -2e-3, "y_kick": 5e-4, "py_kick": 1e-3, "z_kick": 2e-3, "pz_kick": -6e-3}
    moved = tracked(GKicker(**kicks, x_offset=1.0, tilt=1.0)) - np.array(beam().coordinates)
    np.testing.assert_allclose(moved, np.array(list(kicks.values()))[:, None] * np.ones(40), rtol=0, atol=1e-17)
    with pytest.raises(cv.InputError, match="no length"):
        GKicker(length=0.1)


# -------------------------------------------------------------------- SAD's multipoles


@pytest.mark.parametrize("fringe", ["none", "full", "hard_edge_only", "soft_edge_only"])
@pytest.mark.parametrize("end", ["both_ends", "entrance_end"])
def test_a_quadrupole_is_one_of_them(fringe, end):
    shared = {"length": 0.4, "fringe_type": fringe, "fringe_at": end, "fq1": 0.01, "fq2": 0.002, **TILTED}
    truth = tracked(cv.Quadrupole(k1=1.2, **shared))
    np.testing.assert_allclose(tracked(SadMult(b1=0.48, **shared)), truth, rtol=0, atol=3e-17)
    turned = {**shared, "tilt": shared["tilt"] + pi / 4}  # a skew quadrupole is a normal one at -45 degrees
    np.testing.assert_allclose(tracked(SadMult(a1=0.48, **turned)), truth, rtol=0, atol=3e-17)
    both = {**shared, "tilt": shared["tilt"] + 0.2}
    element = SadMult(a1=0.48 * np.sin(0.4), b1=0.48 * np.cos(0.4), **both)
    np.testing.assert_allclose(tracked(element), truth, rtol=0, atol=3e-17)


def test_a_solenoid_is_one_of_them():
    np.testing.assert_allclose(
        tracked(SadMult(length=0.4, ks=0.7, fringe_type="full", **TILTED)),
        tracked(cv.Solenoid(length=0.4, ks=0.7, **TILTED)),
        rtol=0, atol=1e-17,
    )  # fmt: skip


def test_edges_turn_with_the_field():
    """All components turned against the element are the element turned the other way."""
    angle = 0.3
    element = SadMult(length=0.2, ks=0.5, fringe_type="full", tilt=angle, **SAD)
    turned = {}
    for n in range(4):
        c = complex(SAD.get(f"b{n}", 0.0), SAD.get(f"a{n}", 0.0)) * np.exp(-1j * (n + 1) * angle)
        turned |= {f"b{n}": c.real, f"a{n}": c.imag}
    np.testing.assert_allclose(tracked(element.replace(tilt=0.0, **turned)), tracked(element), rtol=0, atol=1e-16)


def test_a_dipole_with_one_component_alone_keeps_its_sign():
    """So that nothing happens where it goes through zero; with two, the magnitude and an angle say the same."""
    for name, other in (("a0", "b0"), ("b0", "a0")):
        one = SadMult(length=0.2, fringe_type="full", fb1=0.02, fb2=0.03, **{name: -0.01})
        np.testing.assert_allclose(tracked(one), tracked(one.replace(**{other: 1e-18})), rtol=0, atol=1e-16)


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
def test_sad_multipoles_are_symplectic(method, reference):
    element = SadMult(length=0.2, ks=0.5, fringe_type="full", x_offset_mult=1e-3, tracking_method=method, **SAD, **SHIFTED)
    assert asymmetry(element, REFERENCES[reference]) < 1e-14


def test_face_angles_of_a_sad_mult_are_nothing_to_bmad_and_unknown_of_ptc(tmp_path):
    plain = SadMult(length=0.2, fringe_type="full", **SAD)
    slanted = read(tmp_path, "ele: sad_mult, l = 0.2, e1 = 0.1, e2 = 0.2").replace(**SAD, fringe_type="full")
    assert (slanted.e1, slanted.e2) == (0.1, 0.2)
    np.testing.assert_array_equal(tracked(slanted), tracked(plain))
    split = slanted.replace(tracking_method="kick_drift_kick")
    with pytest.raises(cv.MethodError, match=r"at an angle \(e1, e2\) is not known"):
        tracked(split)
    for harmless in ({"fringe_type": "none"}, {"fringe_at": "no_end"}, {"a0": 0.0, "b0": 0.0}):
        np.testing.assert_array_equal(tracked(split.replace(**harmless)), tracked(split.replace(**harmless, e1=0.0, e2=0.0)))


def test_the_splitting_converges_to_the_same_motion():
    """But for what the paraxial body neglects: the cube of angles of 2 mrad over the length."""
    focusing = {name: value for name, value in SAD.items() if name not in ("a0", "b0")}
    focusing |= {"fringe_type": "soft_edge_only", "x_offset_mult": 1e-3, "y_offset_mult": -5e-4}
    element = SadMult(length=0.2, ks=0.5, **focusing, **TILTED)
    split = tracked(element.replace(tracking_method=cv.KickDriftKick(order=4, num_steps=20)), scale=1e-2)
    standard = tracked(element.replace(tracking_method=cv.BmadStandard(num_steps=400)), scale=1e-2)
    np.testing.assert_allclose(split, standard, rtol=0, atol=1e-9)


PTC = Path(__file__).parents[1] / "data" / "elements" / "sad_mult.json.gz"


@pytest.mark.skipif(not PTC.exists(), reason="Bmad's records of this kind are not here")
def test_the_splitting_is_ptcs(tmp_path):
    with gzip.open(PTC) as file:
        records = [record for record in json.load(file) if record["tracking_method"] == "symp_lie_ptc"]
    assert len(records) == 6
    for record in records:
        (tmp_path / "record.bmad").write_text(record["lattice"])
        steps = int(record["elements"][0]["attributes"]["NUM_STEPS"])
        lattice = cv.load(tmp_path / "record.bmad").with_tracking(cv.KickDriftKick(num_steps=steps), where="ele")
        out = lattice.track(cv.ParticleBeam(*np.array(record["initial"]).T, reference=lattice.reference))
        truth = np.array([particle["vec"] for particle in record["elements"][0]["final"]]).T
        # PTC has older masses of electron and proton, which show in z
        np.testing.assert_allclose(np.array(out.coordinates)[[0, 1, 2, 3, 5]], truth[[0, 1, 2, 3, 5]], rtol=0, atol=2e-17)
        np.testing.assert_allclose(out.z, truth[4], rtol=0, atol=1e-10)


def test_displaced_multipoles_leave_the_solenoid_where_it_is():
    free = SadMult(length=0.2, ks=0.5, x_offset_mult=1e-3, y_offset_mult=-5e-4, tilt=0.3)
    np.testing.assert_allclose(tracked(free), tracked(cv.Solenoid(length=0.2, ks=0.5)), rtol=0, atol=1e-17)
    without = SadMult(length=0.2, b1=0.1, b2=2.0, x_offset_mult=1e-3, y_offset_mult=-5e-4, **TILTED)
    moved = {**TILTED, "x_offset": 2e-3, "y_offset": -2.5e-3}
    np.testing.assert_allclose(tracked(without), tracked(SadMult(length=0.2, b1=0.1, b2=2.0, **moved)), rtol=0, atol=1e-17)


def test_gradients_pass_smoothly_through_zero():
    """The derivative by a skew gradient is right where there is none: that of the map is in both directions the same."""
    q = cv.Coordinates(*particles(20))
    constants = SkewBodyConstants(0.3, 0.4, 0.0, 0.0, 2.6e-5)
    for name in ("normal", "skew"):
        step = 1e-5
        up, down = (np.array(skew_body(constants._replace(**{name: s}), q, XP)) for s in (step, -step))
        at_zero = np.array(skew_body(constants, q, XP))
        assert np.abs(up - at_zero).max() > 1e-9
        np.testing.assert_allclose(up - at_zero, at_zero - down, rtol=0, atol=1e-13)


def test_a_solenoid_with_gradient_obeys_its_hamiltonian():
    """One short step is one of the equations of motion, the lag in z among them."""
    q = np.array(particles(20))
    length, half, normal, skew, mass2 = 1e-4, 0.4, 1.2, -0.7, 2.6e-5

    def slopes(q: np.ndarray) -> np.ndarray:
        x, px, y, py, _, pz = q
        p = 1 + pz
        ux, uy = (px + half * y) / p, (py - half * x) / p
        beta_ratio = p / np.sqrt(p * p + mass2) * np.sqrt(1 + mass2)
        return np.array([
            ux, half * uy - normal * x + skew * y, uy, -half * ux + normal * y + skew * x,
            beta_ratio - 1 - (ux**2 + uy**2) / 2, 0 * x,
        ])  # fmt: skip

    middle = q + length / 2 * slopes(q)
    out = np.array(skew_body(SkewBodyConstants(length, half, normal * length, skew * length, mass2), cv.Coordinates(*q), XP))
    np.testing.assert_allclose((out - q) / length, slopes(middle), rtol=0, atol=1e-9)


def test_slices_of_a_sad_mult_do_together_what_the_whole_does():
    element = SadMult(length=0.2, ks=0.5, a1=0.05, b1=0.3, fringe_type="soft_edge_only", fq1=0.01, fq2=0.002, **TILTED)
    element = element.replace(x_offset_mult=1e-3, y_offset_mult=-5e-4)
    pieces = [element.cut(a, b) for a, b in pairwise([0.0, 0.05, 0.12, 0.2])]
    np.testing.assert_allclose(tracked(*pieces), tracked(element), rtol=0, atol=2e-17)


def test_a_reversed_sad_mult_is_the_way_back():
    """Through a magnet, and back through it from behind with momenta mirrored."""
    element = SadMult(length=0.2, fringe_type="soft_edge_only", **SAD, **SHIFTED)
    flip = np.array([1, -1, 1, -1, 1, 1])[:, None]
    forward = tracked(element)
    # to a particle that goes back a magnetic field has the other sign
    opposite = {name: -SAD[name] for name in ("a0", "b0", "a1", "b1", "b2", "a3")}
    back = cv.Lattice([element.replace(**opposite, orientation=-1)])
    out = back.track(cv.ParticleBeam(*(forward * flip), reference=ELECTRON)).coordinates
    np.testing.assert_allclose((np.array(out) * flip)[:4], np.array(beam().coordinates)[:4], rtol=0, atol=1e-16)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"b2": 4.0}, 2), ({"b2": 4.0, "eps_step_scale": 0.01}, 12), ({"b1": 9.0, "b0": 1.0}, 1), ({"b5": 1e13}, 1000),
        ({"b2": 4.0, "eps_step_scale": 0.0, "length": 0.5}, 3), ({"b2": 4.0, "length": 0.0}, 1),
    ],
)  # fmt: skip
def test_the_number_of_steps_is_sads(values, steps):
    lattice = cv.Lattice([SadMult(**{"length": 0.1, **values})])
    assert lattice.planner.counts() == (steps,)


QC1LE1275 = {
    "a0": -1.1066772214881224e-05, "b0": 3.582328550637351e-05, "a1": -8.519866157293973e-05, "b1": -0.030798603954554846,
    "a2": -8.408742095812688e-07, "b2": 1.9288130531195542e-07, "a3": 1.9509362646318586e-17, "b3": 0.004552900193611376,
    "a4": -0.0032913895994063527, "b4": 0.00048127335959324813, "a5": 0.08511429667015218, "b5": 4.402294519160137,
    "a6": -137.3972905545674, "b6": -918.5767401076143, "a7": 1.5399014986837876e-11, "b7": -640.747711003513,
    "a8": 1908650.5896186864, "b8": -7878658.534146123, "a9": 2305284.1109299436, "b9": 88606803.25541303,
    "a10": 1860730609.1475487, "b10": 8685459363.237492, "a11": 7.722283852674473e-05, "b11": -2471333827.7655425,
    "a12": -601092376936.5309, "b12": 2034083310057.3542, "a13": -11013478064957.992, "b13": -182822935642331.16,
    "a14": -2088503464754100.2, "b14": -1.0685679187928514e+16, "a15": 1339.3905663021521, "b15": 2755355201514344.5,
    "a16": -4.6839279378898496e+17, "b16": 3.304185051102104e+18, "a17": 4.436074070875931e+19, "b17": 1.0000037212670362e+20,
    "a18": 8.429488649579537e+20, "b18": 4.3005022877701945e+21, "a19": 7438178707.226522, "b19": -1.173488495868264e+21,
    "a20": 4.122196883206879e+23, "b20": -3.144736459103397e+24, "a21": 7.928305005482273e+25, "b21": 2.3280287000920844e+26,
    "length": 0.01, "fringe_type": "full", "ks": 6.55051666121388e-05, "fq1": -4.166666666666667e-06, "x_offset_mult": 0.0007,
}  # fmt: skip
"""A final-focus magnet of SuperKEKB, whose lattice came from SAD (sher_5764, 7.007 GeV positrons)."""

MATRIX = [
    [1.0001539972834987, 0.010000268571782264, -9.831995081428267e-08, -3.852697414212178e-09, 0.0, 2.8692171412099665e-07],
    [0.030800851489848388, 1.0001539957890226, -8.510042225076577e-05, -9.763247691352951e-08, 0.0, 3.90020241365799e-09],
    [-7.535683056846432e-07, -1.0403214414653815e-08, 0.999846010621034, 0.009999731424908943, 0.0, 5.503414674634156e-08],
    [-8.510039641945748e-05, -7.524874785682443e-07, -0.03079652365511967, 0.9998460087008888, 0.0, -6.721951109478603e-10],
]
OFFSET = [
    -2.8691662403541266e-07,
    -5.738620692484047e-05,
    -5.5034907292582534e-08,
    -1.10064613442206e-05,
    -5.244182178529475e-12,
    0.0,
]


def test_a_real_one_has_bmads_matrix():
    """Multipoles of all orders, displaced against the solenoid, in five steps; Bmad's map about the axis."""
    lattice = cv.Lattice([SadMult(**QC1LE1275)], reference=cv.Reference("positron", 7007290000.0))
    assert lattice.planner.counts() == (5,)
    found = lattice.transfer_map()
    np.testing.assert_allclose(found.matrix[:4], MATRIX, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.offset, OFFSET, rtol=0, atol=1e-17)


# -------------------------------------------------------------------- kinds that cannot be tracked


def test_a_kind_without_method_says_so():
    lattice = cv.Lattice([EGun(name="e", length=1.0)])
    assert lattice.length == 1.0
    with pytest.raises(cv.MethodError, match="'e' has no tracking method"):
        lattice.track(beam())
    with pytest.raises(cv.MethodError, match="'e' has no tracking method 'bmad_standard'; it has none"):
        lattice.with_tracking("bmad_standard").track(beam())


def test_a_region_without_field_cannot_be_integrated():
    lattice = cv.Lattice([EMField(name="e", length=1.0)])
    assert lattice.length == 1.0
    with pytest.raises(cv.MethodError, match="'e' has no field maps, so there is nothing to integrate"):
        lattice.track(beam())


# -------------------------------------------------------------------- in files


def test_tables_in_files_may_hold_expressions(tmp_path):
    element = read(
        tmp_path, "f0 = 1e8", "ele: ac_kicker, vkick = 0.01, frequencies = {(2*f0, 1.7, 0.1), (f0*(1+2), ! a comment",
        "  -sqrt(0.25), -0.2)}, t_offset = 2e-9",
    )  # fmt: skip
    assert element.frequencies == ((2e8, 1.7, 0.1), (3e8, -0.5, -0.2))
    element = read(tmp_path, "ele: ac_kicker, hkick = 1e-3, amp_vs_time = {(-1e-9, 1), (2e-9, 0.5)}, interpolation = linear")
    assert (element.amp_vs_time, element.interpolation) == (((-1e-9, 1.0), (2e-9, 0.5)), "linear")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ac_kicker, amp_vs_time = {1e-9, 1}", "2:31: a row of numbers in parentheses is needed here, not '1e-9'"),
        ("ac_kicker, amp_vs_time = {(1e-9, x), (2, 3)}", "2:31: 'x' is not defined before this"),
        ("ac_kicker, amp_vs_time = {(1e-9 1), (2, 3)}", "2:31: '1e-9 1' is no number"),
        ("ac_kicker, amp_vs_time = call::x.bmad", "2:31: a table of numbers"),
        ("ac_kicker, amp_vs_time = 3", "2:31: ACKicker 'ele': amp_vs_time must be of type tuple"),
        ("ac_kicker, frequencies = {(1, 2)}", "2:31: ACKicker 'ele': each of frequencies"),
        ("ac_kicker, hkick = 1, integrator_order = 6", "integrator_order alone changes the number of steps"),
        ("quadrupole, crab_x1 = 0.1", "has no attribute 'crab_x1'"),
        ("sad_mult\nbmad_com[sad_eps_scale] = 1e-3", "3:27: bmad_com: sad_eps_scale = 0.001 changes the tracking"),
        (
            "ac_kicker, frequencies = {(1, 2, 3)}\nbmad_com[absolute_time_tracking] = T",
            "3:36: parameter: absolute_time_tracking = t changes the tracking",
        ),
        (
            "em_field, tracking_method = bmad_standard",
            "EMField 'ele' has no tracking method 'bmad_standard'; it has runge_kutta",
        ),
        ("em_field, tracking_method = symp_lie_ptc", "elements of class em_field have linear, runge_kutta"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(statement, message, tmp_path):
    with pytest.raises(cv.LatticeError, match=message):
        read(tmp_path, f"ele: {statement}")


def test_the_particles_of_the_lattice_are_those_of_a_bunch_without_any(tmp_path):
    parameter = "parameter[n_part] = 4e9"
    assert read(tmp_path, parameter, "ele: beambeam, sig_x = 1").n_particle == 4e9
    assert read(tmp_path, parameter, "ele: beambeam, n_particle = 0").n_particle == 4e9
    assert read(tmp_path, parameter, "ele: beambeam, n_particle = 5").n_particle == 5
    assert read(tmp_path, "ele: beambeam, sig_x = 1").n_particle == 0


def test_fields_that_bmad_gives_are_kept(tmp_path):
    element = read(tmp_path, "ele: em_field, l = 1, tracking_method = runge_kutta, grid_field = {dz = 1}, rf_frequency = 1e9")
    kept = EMField(name="ele", length=1.0, rf_frequency=1e9, metadata={"grid_field": "{dz = 1}"})
    assert element.replace(tracking_method=None) == kept
    gun = read(tmp_path, "ele: e_gun, l = 0.5, gradient = 2e6, tracking_method = time_runge_kutta")
    assert gun == EGun(name="ele", length=0.5, voltage=1e6)
    multipole = read(tmp_path, "ele: sad_mult, l = 0.1, bs_field = 0.5, a1 = 0.2").at(REFERENCES["positron_6GeV"], scalar)
    assert (multipole.ks, multipole.a1) == (0.5 / REFERENCES["positron_6GeV"].rigidity, 0.2)
