"""Cavities: what Bmad's records of single elements cannot show."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import i0

import caraval as cv
from caraval.core import scalar
from caraval.core.plan import reference_pass
from caraval.core.registry import registry
from caraval.physics.crab_cavity import CrabCavity
from caraval.physics.rfcavity import RFCavity
from caraval.physics.shared.fields.rf_field import active

from ..cases import REFERENCES, TILTED, beam, particles
from .test_symplectic import symplectic_error

C = 299792458.0
COUPLER = {"coupler_strength": 0.02, "coupler_at": "both_ends", "coupler_angle": 0.1, "coupler_phase": 0.15}
KICKS = {"hkick": 1e-3, "vkick": -2e-3, "b2": 1.0, "a1": 0.02}

LINACS = {
    "standing": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, **TILTED),
    "traveling": cv.LCavity(
        length=3.0, rf_frequency=2.856e9, voltage=45e6, phi0=-0.03, phi0_err=0.01, voltage_err=1e5, cavity_type="traveling_wave"
    ),
    "everything": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, ks=0.3, n_rf_steps=7, **COUPLER, **KICKS, **TILTED),
    "fields": cv.LCavity(length=1.3, rf_frequency=1.3e9, voltage=15e6, n_cell=9, bl_hkick=1e-3, bs_field=0.2),
    "without_active_part": cv.LCavity(length=0.1, rf_frequency=1.3e9, voltage=1e6, phi0=0.05, **COUPLER),
    "field_map": cv.LCavity(length=0.1, rf_frequency=1.3e9, voltage=1e6, field_calc="fieldmap"),
}
RINGS = {
    "standing": RFCavity(length=1.0, rf_frequency=500e6, voltage=2e6, phi0=0.1, n_cell=2, **COUPLER, **KICKS, **TILTED),
    "traveling": RFCavity(length=0.5, rf_frequency=500e6, voltage=2e6, phi0=0.4, cavity_type="traveling_wave"),
    "uniform": RFCavity(length=0.5, rf_frequency=500e6, voltage=2e6, cavity_type="ptc_standard"),
    "thin": RFCavity(rf_frequency=500e6, voltage=2e6, phi0=0.1, vkick=1e-3),
}
CRABS = {
    "crab": CrabCavity(length=0.5, rf_frequency=1e9, voltage=3e5, phi0=0.1, **KICKS, **TILTED),
    "crab_thin": CrabCavity(rf_frequency=1e9, voltage=3e5, tilt=0.3),
}
ALL = {**LINACS, **{f"ring_{name}": cavity for name, cavity in RINGS.items()}, **CRABS}


def out(element, incoming, method="bmad_standard"):
    return cv.Lattice([element.replace(tracking_method=method)]).track(incoming)


def coordinates(element, incoming=None, method="bmad_standard"):
    return np.array(out(element, beam() if incoming is None else incoming, method).coordinates)


def on_axis(reference, **values):
    return cv.ParticleBeam(**{"x": [0.0], **{name: [value] for name, value in values.items()}}, reference=reference)


def sliced(element, places):
    return cv.Lattice([element.cut(a, b) for a, b in pairwise([0.0, *places, element.length])])


# -------------------------------------------------------------------- ring cavities


def test_a_late_particle_of_a_ring_cavity_gains_the_sine_of_its_phase():
    reference = cv.Reference("electron", 3e9)
    energy = reference.energy + 2e6 * np.sin(2 * np.pi * (0.02 + 0.03 + 500e6 * 0.01 / C))
    cavity = RFCavity(rf_frequency=500e6, voltage=2e6, phi0=0.02, phi0_multipass=0.03)
    found = out(cavity, on_axis(reference, z=0.01 * reference.beta))
    assert found.pz[0] == pytest.approx(np.sqrt(energy**2 - reference.species.mass**2) / reference.p0c - 1, rel=1e-12)


def test_gradient_is_voltage_over_length():
    assert RFCavity(length=0.5, gradient=4e6).voltage == 2e6
    assert CrabCavity(length=0.5, gradient=4e6).voltage == 2e6


@pytest.mark.parametrize("kind", [RFCavity, CrabCavity, cv.LCavity])
def test_bmad_counts_kicks_twice_and_the_splitting_once(kind):
    cavity = kind(length=0.5, rf_frequency=1e9, hkick=1e-4, vkick=-2e-4, tilt=0.3)
    for method, times in (("bmad_standard", 2), ("kick_drift_kick", 1)):
        q = coordinates(cavity, on_axis(REFERENCES["electron_100MeV"]), method)[:, 0]
        assert q[[1, 3]] == pytest.approx([times * 1e-4, times * -2e-4], rel=1e-12)


@pytest.mark.parametrize("kind", [RFCavity, CrabCavity, cv.LCavity])
def test_multipoles_are_not_relative_to_the_field(kind):
    incoming = cv.ParticleBeam(x=[2e-3], reference=REFERENCES["electron_100MeV"])
    cavity = kind(length=1e-6, rf_frequency=1e9, b2=5.0, a1=0.3)
    q = coordinates(cavity, incoming)[:, 0]
    assert q[[1, 3]] == pytest.approx([-5.0 * 4e-6, 0.3 * 2e-3], rel=1e-4)


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize("cavity", [RINGS["standing"], CRABS["crab"]])
def test_a_ring_cavity_that_is_off_is_a_drift(cavity, method):
    drifted = coordinates(cv.Drift(length=cavity.length))
    np.testing.assert_allclose(coordinates(cavity.replace(is_on=False), method=method), drifted, rtol=0, atol=1e-16)


def test_an_accelerating_cavity_accelerates_even_if_it_is_off():
    cavity = LINACS["everything"]
    np.testing.assert_array_equal(coordinates(cavity.replace(is_on=False)), coordinates(cavity))


def test_a_reversed_ring_cavity_has_the_opposite_voltage():
    cavity = RINGS["standing"].replace(hkick=0.0, vkick=0.0, a1=None, b2=None, x_offset=0.0, y_pitch=0.0, **{"z_offset": 0.0})
    cavity = cavity.replace(x_pitch=0.0, y_offset=0.0)
    for method in ("bmad_standard", "kick_drift_kick"):
        mirrored = cavity.replace(voltage=-cavity.voltage)
        np.testing.assert_array_equal(
            coordinates(cavity.replace(orientation=-1), method=method), coordinates(mirrored, method=method)
        )


def test_a_reversed_crab_cavity_is_late_by_its_length():
    reference = REFERENCES["electron_10MeV"]
    cavity = CrabCavity(length=0.5, rf_frequency=1e9, voltage=3e5, phi0=0.1)
    same = cavity.replace(voltage=-3e5, phi0=0.1 + 1e9 * 0.5 / (reference.beta * C))
    incoming = beam(reference)
    reverse = cavity.replace(orientation=-1)
    np.testing.assert_allclose(coordinates(reverse, incoming), coordinates(same, incoming), rtol=0, atol=1e-15)
    pieces = np.array(sliced(reverse, [0.2]).track(incoming).coordinates)
    np.testing.assert_allclose(pieces, coordinates(reverse, incoming), rtol=0, atol=1e-15)


def test_absolute_time_leaves_the_phase_of_the_pass_out():
    for cavity in (RINGS["traveling"], RFCavity(length=0.5, rf_frequency=1e9, voltage=1e6), LINACS["traveling"]):
        shifted = cavity.replace(phi0_multipass=0.05)
        absolute = shifted.replace(absolute_time_tracking=True)
        assert np.abs(coordinates(shifted) - coordinates(cavity)).max() > 1e-5
        if isinstance(cavity, RFCavity):
            np.testing.assert_array_equal(coordinates(absolute), coordinates(cavity))
        else:  # the reference gains energy at the phase of the pass
            assert out(absolute, beam()).reference == out(shifted, beam()).reference
            assert np.abs(coordinates(absolute) - coordinates(shifted)).max() > 1e-5


# -------------------------------------------------------------------- losses and refusals


@pytest.mark.parametrize("kind", [RFCavity, CrabCavity, cv.LCavity])
@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
def test_a_voltage_without_frequency_loses_all_particles(kind, method):
    wrong = kind(length=0.5, voltage=1e5)
    assert not out(wrong, beam(), method).alive.any()
    assert out(wrong.replace(voltage=0.0), beam(), method).alive.all()
    batch = wrong.replace(rf_frequency=np.array([0.0, 1e9]))
    assert out(batch, beam(), method).alive.all(axis=-1).tolist() == [False, True]


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize(
    "cavity",
    [
        RFCavity(length=0.5, rf_frequency=500e6, voltage=30e6, phi0=-0.25),
        RFCavity(rf_frequency=500e6, voltage=30e6, phi0=-0.25),
        cv.LCavity(length=0.5, rf_frequency=1.3e9, voltage=30e6, phi0_err=0.5),
        cv.LCavity(length=0.5, rf_frequency=1.3e9, voltage=30e6, phi0_err=0.5, n_rf_steps=0),
        cv.LCavity(rf_frequency=1.3e9, voltage=30e6, phi0_err=0.5, cavity_type="traveling_wave"),
    ],
)
def test_a_particle_without_enough_energy_is_lost(cavity, method):
    found = out(cavity, beam(REFERENCES["electron_10MeV"], 5), method)
    assert not found.alive.any()
    assert np.isfinite(np.array(found.coordinates)).all()


def test_gradients_of_the_living_survive_the_lost():
    voltage = torch.tensor(9.6e6, dtype=torch.float64, requires_grad=True)
    cavity = RFCavity(length=0.5, rf_frequency=500e6, voltage=voltage, phi0=-0.25)
    z = torch.tensor([0.0, 0.1], dtype=torch.float64)
    incoming = cv.ParticleBeam(z=z, reference=REFERENCES["electron_10MeV"])
    found = out(cavity, incoming)
    assert found.alive.tolist() == [False, True]
    found.pz[1].backward()
    assert torch.isfinite(voltage.grad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cv.LCavity(name="c", n_rf_steps=-1), "LCavity 'c'.*n_rf_steps must be positive"),
        (lambda: cv.LCavity(name="c", voltage=1e6), "LCavity 'c'.*needs a length"),
        (lambda: cv.LCavity(name="c", length=1.0, n_rf_steps=0, ks=0.1), "LCavity 'c'.*need n_rf_steps"),
        (lambda: cv.LCavity(name="c", length=1.0, n_rf_steps=0, hkick=0.1), "LCavity 'c'.*need n_rf_steps"),
        (lambda: RFCavity(name="c", coupler_strength=0.1), "RFCavity 'c'.*a coupler needs"),
        (lambda: out(cv.LCavity(name="c", length=1.0, orientation=-1), beam()), "LCavity 'c'.*reversed"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(cv.InputError, match=message):
        make()


def test_without_active_part_there_is_no_focusing_and_couplers_act():
    plain = LINACS["without_active_part"].replace(coupler_strength=0.0)
    assert active(plain, scalar).length == 0
    reference = REFERENCES["electron_100MeV"]
    matrix = cv.Lattice([plain.replace(tracking_method="linear")]).transfer_matrix(reference)
    assert matrix[1, 0] == 0
    assert abs(coordinates(LINACS["without_active_part"])[1, 0]) > 1e-6


def test_fields_count_at_the_momentum_of_the_exit():
    by_fields = LINACS["fields"].replace(voltage=50e6)
    incoming = beam(REFERENCES["electron_10MeV"])
    rigidity = out(by_fields, incoming).reference.rigidity
    by_strengths = by_fields.replace(bl_hkick=None, bs_field=None, hkick=1e-3 / rigidity, ks=0.2 / rigidity)
    np.testing.assert_allclose(coordinates(by_fields, incoming), coordinates(by_strengths, incoming), rtol=0, atol=1e-16)


# -------------------------------------------------------------------- slices


def kicks_of(cavity):
    part = active(cavity, scalar)
    return [part.pipe + part.length * i / cavity.n_rf_steps for i in range(cavity.n_rf_steps + 1)]


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize("name", LINACS)
def test_slices_of_an_accelerating_cavity_do_what_the_whole_does(name, reference):
    cavity, incoming = LINACS[name], beam(REFERENCES[reference])
    whole = out(cavity, incoming)
    at_kicks = [place for place in kicks_of(cavity)[::3] if 0.01 < place < cavity.length - 0.01]
    for places in ([0.2, 0.5, 0.9], [0.01, 0.5, 0.505, 0.99]):
        pieces = sliced(cavity, [place * cavity.length for place in places]).track(incoming)
        assert_same(pieces, whole)
    assert_same(sliced(cavity, sorted({0.6 * cavity.length, *at_kicks})).track(incoming), whole)


def assert_same(pieces, whole, tolerance=1e-14):
    np.testing.assert_allclose(np.array(pieces.coordinates), np.array(whole.coordinates), rtol=0, atol=tolerance)
    assert pieces.reference.p0c == pytest.approx(whole.reference.p0c, rel=1e-14)
    assert pieces.t == pytest.approx(whole.t, rel=1e-14)
    assert pieces.s == pytest.approx(whole.s, rel=1e-14)


def test_a_slice_of_a_slice_of_a_cavity():
    cavity = LINACS["everything"]
    once, twice = cavity.cut(0.3, 0.55), cavity.cut(0.1, 0.8).cut(0.2, 0.45)
    assert_same(out(twice, beam()), out(once, beam()))


def test_slices_with_settings_in_arrays_do_the_same():
    """Where the kicks of a slice are not known when the plan is made, all are there and those outside do nothing."""
    for cavity in (LINACS["everything"], LINACS["traveling"], LINACS["without_active_part"]):
        frequency = np.array([cavity.rf_frequency, 1.1 * cavity.rf_frequency])
        for method in ("bmad_standard", cv.KickDriftKick(num_steps=4)):
            many = [cavity.replace(rf_frequency=frequency, tracking_method=method).cut(0.02, 0.06)]
            found = cv.Lattice(many).track(beam())
            for i, value in enumerate(frequency):
                single = cavity.replace(rf_frequency=float(value), tracking_method=method).cut(0.02, 0.06)
                expected = cv.Lattice([single]).track(beam())
                np.testing.assert_allclose(np.array(found.coordinates)[:, i], np.array(expected.coordinates), atol=1e-15)


@pytest.mark.parametrize("cavity", [RINGS["standing"].replace(b2=None, a1=None, hkick=0.0, vkick=0.0), RINGS["traveling"]])
def test_a_ring_cavity_cut_at_its_steps_does_what_the_whole_does(cavity):
    pieces = sliced(cavity, [0.3 * cavity.length, 0.4 * cavity.length])
    assert pieces.planner.counts() == (3, 1, 6)
    assert_same(pieces.track(beam()), out(cavity, beam()))


def test_a_crab_cavity_cut_between_its_kicks_does_what_the_whole_does():
    cavity = CRABS["crab"].replace(b2=None, a1=None, hkick=0.0, vkick=0.0)
    assert_same(sliced(cavity, [0.1, 0.35]).track(beam()), out(cavity, beam()))


@pytest.mark.parametrize("name", ["standing", "traveling", "everything", "fields", "ring_standing", "ring_traveling", "crab"])
def test_slices_of_a_split_cavity_converge_to_the_whole(name):
    cavity = ALL[name].replace(tracking_method=cv.KickDriftKick(order=4, num_steps=40))
    incoming = beam(REFERENCES["electron_100MeV"], scale=0.3)
    whole = cv.Lattice([cavity]).track(incoming)
    pieces = sliced(cavity, [0.31 * cavity.length, 0.7 * cavity.length]).track(incoming)
    assert_same(pieces, whole, tolerance=1e-9)


# -------------------------------------------------------------------- the symplectic splitting


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", ALL)
def test_the_splitting_is_symplectic_at_any_amplitude(name, order, reference):
    element = ALL[name].replace(tracking_method=cv.KickDriftKick(order=order, num_steps=3))
    assert symplectic_error(element, REFERENCES[reference]) < 1e-13
    if element.length:
        piece = element.cut(0.03, 0.08)
        assert symplectic_error(piece, REFERENCES[reference]) < 1e-13


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", ["standing", "traveling", "everything", "ring_standing", "ring_traveling", "crab"])
def test_the_error_of_the_splitting_falls_with_its_order(name, order):
    reference = REFERENCES["electron_100MeV" if name in LINACS else "electron_10MeV"]

    def tracked(order, steps):
        incoming = cv.ParticleBeam(*particles(6), reference=reference)
        return coordinates(ALL[name], incoming, cv.KickDriftKick(order=order, num_steps=steps))

    truth = tracked(6, 64)
    steps = {2: (8, 16), 4: (4, 8), 6: (3, 6)}[order]
    coarse, fine = (np.abs(tracked(order, n) - truth).max() for n in steps)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.4)


@pytest.mark.parametrize("cavity_type", ["standing_wave", "traveling_wave"])
def test_bmads_steps_converge_to_the_splitting_where_particles_are_fast(cavity_type):
    """There the wave does not push particles from the axis, which Bmad leaves out."""
    cavity = cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=500e6, phi0=0.1, cavity_type=cavity_type)
    incoming = beam(REFERENCES["positron_6GeV"], scale=0.3)
    fine = coordinates(cavity, incoming, cv.KickDriftKick(order=6, num_steps=10))
    errors = [np.abs(coordinates(cavity.replace(n_rf_steps=n), incoming) - fine).max() for n in (10, 20, 40)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[2] < 1e-7


def test_the_ideal_particle_keeps_to_the_reference():
    cavity = cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, n_rf_steps=2000)
    found = out(cavity, on_axis(REFERENCES["electron_10MeV"]), cv.KickDriftKick(order=6, num_steps=20))
    assert abs(found.pz[0]) < 1e-10
    assert abs(found.z[0]) < 1e-9  # Bmad's reference, in steps, has not quite the time of a steady gain


def test_the_wave_grows_off_the_axis_by_a_bessel_function():
    reference = cv.Reference("proton", 0.3e9)
    cavity = RFCavity(rf_frequency=500e6, voltage=1e4, phi0=0.25)
    x = np.array([0.0, 0.01, 0.05])
    incoming = cv.ParticleBeam(x=x, reference=reference)
    momentum = reference.p0c * (1 + out(cavity, incoming, "kick_drift_kick").pz)
    gains = np.sqrt(momentum**2 + reference.species.mass**2) - reference.energy
    kappa = 2 * np.pi * 500e6 / C * reference.species.mass / reference.p0c
    np.testing.assert_allclose(gains, 1e4 * i0(kappa * x), rtol=1e-9)


def record(file, name, reference, method):
    path = Path(__file__).parents[1] / "data" / "elements" / f"{file}.json.gz"
    with gzip.open(path) as stream:
        found = json.load(stream)
    return next(r for r in found if (r["id"], r["ref"], r["tracking_method"]) == (name, reference, method))


@pytest.mark.parametrize(
    ("name", "reference", "nearer"),
    [("lcav_standing_wave_phi0.1", "e_10MeV", 4), ("lcav_traveling_wave_oncrest", "e_10MeV", 10),
     ("lcav_standing_wave_zero_cross", "e_10MeV", 8), ("lcav_standing_wave_phi0.1", "p_1GeV", 6)],
)  # fmt: skip
def test_the_splitting_is_nearer_to_integrated_fields_than_bmads_steps(name, reference, nearer, tmp_path):
    """Bmad's Runge-Kutta integration through a field with all its cells, transverse coordinates."""
    integrated = record("lcavity", name, reference, "runge_kutta")
    truth = np.array([p["vec"] for p in integrated["elements"][0]["final"]]).T[:4]
    file = tmp_path / "cavity.bmad"
    file.write_text(integrated["lattice"].replace("runge_kutta", "bmad_standard"))
    lattice = cv.load(file)
    incoming = cv.ParticleBeam(*np.array(integrated["initial"]).T, reference=lattice.reference)
    errors = [
        np.abs(np.array(lattice.with_tracking(method, where="LCavity").track(incoming).coordinates)[:4] - truth).max()
        for method in ("bmad_standard", cv.KickDriftKick(order=4, num_steps=20))
    ]
    assert errors[0] / errors[1] > nearer


# -------------------------------------------------------------------- smoothness and precision


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize(
    ("cavity", "parameter", "value", "step"),
    [
        (RFCavity(length=0.5, rf_frequency=500e6, phi0=0.1), "voltage", 0.0, 1e2),
        (RFCavity(length=0.5, voltage=0.0), "rf_frequency", 0.0, 1e2),
        (RFCavity(voltage=1e5, rf_frequency=500e6, phi0=0.1), "length", 0.0, 1e-4),
        (RFCavity(length=0.5, rf_frequency=500e6, voltage=1e6), "coupler_strength", 0.0, 1e-3),
        (CrabCavity(length=0.5, rf_frequency=500e6, phi0=0.1), "voltage", 0.0, 1e2),
        (cv.LCavity(length=0.5, rf_frequency=1.3e9), "voltage", 0.0, 1e2),
        (cv.LCavity(length=0.5, rf_frequency=1.3e9, voltage=1e6), "ks", 0.0, 1e-4),
        (cv.LCavity(length=0.5, rf_frequency=1.3e9, n_rf_steps=0), "voltage", 0.0, 1e2),
        (cv.LCavity(length=0.5, rf_frequency=1.3e9, voltage=5e6, n_rf_steps=0), "phi0", 0.25, 1e-5),
    ],
)
def test_derivatives_at_zero_are_those_of_finite_differences(cavity, parameter, value, step, method):
    if parameter == "length" and method != "bmad_standard":
        pytest.skip("lenses of a field of no length are endlessly strong")
    reference = REFERENCES["electron_10MeV"]
    q = particles(5, scale=0.3)

    def moved(setting):
        element = cavity.replace(**{parameter: setting, "tracking_method": method})
        return torch.stack(cv.Lattice([element]).track(cv.ParticleBeam(*torch.tensor(q), reference=reference)).coordinates)

    found = torch.autograd.functional.jacobian(moved, torch.tensor(value, dtype=torch.float64))
    at = [moved(torch.tensor(value + s, dtype=torch.float64)) for s in (-step, step)]
    expected = (at[1] - at[0]) / (2 * step)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()) + 1e-16)


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize("name", [name for name in ALL if name not in ("field_map", "fields")])
def test_single_precision_keeps_the_digits(name, method):
    """To 1e-9 of z and 1e-7 of the rest, at the energy of a storage ring."""
    q = particles(40, scale=0.1).astype(np.float32)
    reference = cv.Reference("electron", 6e9)
    cavity = ALL[name].replace(**dict.fromkeys(TILTED, 0.0))
    single = coordinates(cavity, cv.ParticleBeam(*q, reference=reference), method)
    double = coordinates(cavity, cv.ParticleBeam(*q.astype(float), reference=reference), method)
    assert single.dtype == np.float32
    error = np.abs(single - double).max(axis=1)
    assert error[4] < 1e-9
    assert (error < 1e-7 * np.maximum(np.abs(double).max(axis=1), 0.03)).all()


def test_a_former_map_in_sections_tends_to_the_splitting():
    cavity = cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, n_rf_steps=0, cavity_type="traveling_wave")
    incoming = on_axis(REFERENCES["electron_10MeV"], z=1e-3)
    lattice = cv.Lattice([cavity.replace(field_calc="fieldmap")])
    fine = lattice.with_tracking(cv.KickDriftKick(order=6, num_steps=20)).track(incoming)
    found = lattice.with_tracking(cv.BmadStandard(num_steps=50)).track(incoming)
    assert found.pz[0] == pytest.approx(fine.pz[0], rel=1e-3)
    before, after = reference_pass(registry(), lattice.elements, incoming.reference)
    rise = after.energy - before.energy
    assert after.t == pytest.approx((after.p0c - before.p0c) / (rise * C), rel=1e-12)


# -------------------------------------------------------------------- reading


def load(tmp_path, text):
    file = tmp_path / "ring.bmad"
    file.write_text(
        f"parameter[particle] = proton\nparameter[p0c] = 1e9\n{text}\nd: drift, l = 20\nl: line = (d, c, d)\nuse, l\n"
    )
    return cv.load(file)


def test_a_harmonic_number_is_a_multiple_of_the_turns(tmp_path):
    lattice = load(tmp_path, "c: rfcavity, l = 0.5, voltage = 1e6, harmon = 7")
    assert lattice["c"].rf_frequency == pytest.approx(7 * lattice.reference.beta * C / 40.5, rel=1e-15)
    assert "harmon" not in lattice["c"].metadata
    lattice = load(tmp_path, "c: crab_cavity, l = 0.5, harmon = 7, harmon_master = F, rf_frequency = 1e8")
    assert lattice["c"].rf_frequency == 1e8


def test_a_file_may_count_time_absolutely(tmp_path, caplog):
    lattice = load(tmp_path, "bmad_com[absolute_time_tracking] = T\nc: rfcavity, rf_frequency = 1e8, voltage = 1e6")
    assert lattice["c"].absolute_time_tracking
    assert "absolute time counts from the reference's arrival" in caplog.text


# -------------------------------------------------------------------- one matrix for each particle


@pytest.mark.parametrize("phase", [0.0, 0.06, -0.11])
def test_center_phase_is_the_matrix_of_rosenzweig_and_serafini(phase):
    """Eq. 13 of Phys. Rev. E 49, 1599 for a pure pi mode, with slopes across the beam."""
    reference, voltage, length = cv.Reference("electron", 20e6), 30e6, 1.1
    cavity = cv.LCavity(length=length, rf_frequency=1.3e9, voltage=voltage, phi0=phase, tracking_method="center_phase")
    mass, co = reference.species.mass, np.cos(2 * np.pi * phase)
    before = reference.energy / mass
    after = before + voltage * co / mass
    growth = (after - before) / length
    alpha = np.log(after / before) / (np.sqrt(8) * co)
    c, s = np.cos(alpha), np.sin(alpha)
    expected = [
        [c - np.sqrt(2) * co * s, np.sqrt(8) * before / growth * co * s],
        [-growth / after * (co / np.sqrt(2) + 1 / (np.sqrt(8) * co)) * s, before / after * (c + np.sqrt(2) * co * s)],
    ]
    matrix = np.array(cv.Lattice([cavity]).transfer_matrix(reference))
    np.testing.assert_allclose(matrix[:2, :2], expected, rtol=1e-13)
    np.testing.assert_allclose(matrix[2:4, 2:4], expected, rtol=1e-13)


@pytest.mark.parametrize(("kind", "gain"), [(cv.LCavity, 30e6 * np.cos(0.2)), (cv.RFCavity, 0.0)])
def test_center_phase_gives_the_energy_of_the_phase_in_the_middle(kind, gain):
    reference, early, momentum, length = cv.Reference("electron", 5e6), 0.01, 1.02, 0.8
    cavity = kind(length=length, rf_frequency=1.3e9, voltage=30e6, phi0=0.1 / np.pi, tracking_method="center_phase")
    energy = np.hypot(momentum * reference.p0c, reference.species.mass)
    speed = momentum * reference.p0c / energy
    found = cv.Lattice([cavity]).track(on_axis(reference, z=early * speed, pz=momentum - 1))
    arrival = (length / 2) * (1 / speed - 1 / reference.beta) - early
    turned = 2 * np.pi * 1.3e9 / C * arrival
    kick = 30e6 * (np.cos(0.2 + turned) if kind is cv.LCavity else np.sin(0.2 - turned))
    assert float(found.energy[0]) == pytest.approx(energy + kick, rel=1e-14)
    assert found.reference.energy == pytest.approx(reference.energy + gain, rel=1e-14)


@pytest.mark.parametrize("values", [{"hkick": 1e-3}, {"b2": 1.0}, COUPLER, {"ks": 0.1}])
def test_center_phase_is_without_what_bends(values):
    with pytest.raises(cv.MethodError, match="center_phase is without"):
        out(cv.LCavity(length=1.0, rf_frequency=1e9, voltage=1e6, **values), beam(), "center_phase")


def test_center_phase_of_one_that_is_off():
    ring = RFCavity(length=0.5, rf_frequency=500e6, voltage=2e6, phi0=0.1)
    np.testing.assert_array_equal(
        coordinates(ring.replace(is_on=False), method="center_phase"), coordinates(cv.Drift(length=0.5))
    )
    with pytest.raises(cv.MethodError, match="standing_wave or a traveling_wave"):
        coordinates(ring.replace(cavity_type="ptc_standard"), method="center_phase")
