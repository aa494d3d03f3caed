"""Turn after turn, and what is seen of it."""

from __future__ import annotations

import importlib
from functools import partial

import numpy as np
import pytest

import caraval as cv
from caraval.backends import base
from caraval.optics import frequency, tracked_tunes, tunes

from . import rings


def some(n: int = 6, scale: float = 1e-4) -> cv.ParticleBeam:
    start = scale * np.random.default_rng(3).standard_normal((6, n)) * np.array([[1], [0.1], [1], [0.1], [0], [0.1]])
    return cv.ParticleBeam(*start, reference=rings.REFERENCE)


def again(beam: cv.ParticleBeam) -> cv.ParticleBeam:
    return cv.ParticleBeam(*beam.coordinates, reference=rings.REFERENCE)


def test_turns_are_tracks_one_after_the_other():
    lattice, beam = rings.ring(rf=True), some()
    expected = beam
    for _ in range(5):
        expected = lattice.track(again(expected))
    out = lattice.track(beam, turns=5)
    np.testing.assert_array_equal(np.array(out.coordinates), np.array(expected.coordinates))
    assert out.reference == expected.reference


def test_turns_and_places_are_looked_at():
    lattice, beam = rings.ring(2), some()
    out, history = lattice.track(beam, turns=6, observe="qf", observe_turns=2)
    assert {name: len(seen) for name, seen in history.items()} == {"qf": 6}
    _, single = lattice.track(lattice.track(again(beam), turns=3).__class__(*lattice.track(beam, turns=3).coordinates,
                              reference=rings.REFERENCE), observe="qf")  # fmt: skip
    np.testing.assert_allclose(history["qf"][3].x, single["qf"][1].x, rtol=0, atol=1e-18)
    same = lattice.track(beam, turns=6)
    np.testing.assert_allclose(np.array(out.coordinates), np.array(same.coordinates), rtol=0, atol=1e-18)
    _, chosen = lattice.track(beam, turns=6, observe="qf##1", observe_turns=[5, 2])
    np.testing.assert_array_equal(chosen["qf##1"][0].x, history["qf"][0].x)
    _, kept = lattice.track(beam, turns=3, observe="qf##1", keep=lambda seen: float(seen.s))
    assert kept["qf##1"] == [0.3, 0.3, 0.3]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_lost_keep_their_places_and_where_they_were_lost(compiled):
    lattice = rings.ring(2).replace({"qf##2.x_limit": 2e-3})
    beam = some(60, 1e-3)
    out = lattice.compile("numpy")(beam, turns=40) if compiled else lattice.track(beam, turns=40)
    assert 0 < out.alive.sum() < 60
    one = lattice.track(beam)
    assert out.alive.sum() < one.alive.sum()  # some are lost in later turns
    np.testing.assert_array_equal(out.lost_s[~out.alive], lattice[:9].length)
    np.testing.assert_array_equal(np.array(out.coordinates)[:, ~one.alive], np.array(one.coordinates)[:, ~one.alive])
    assert (np.abs(out.x[~out.alive]) > 2e-3).all()


def test_compiled_turns_are_the_same():
    lattice, beam = rings.ring(2), some(40)
    tracker = lattice.compile("numpy", parameters=["qf.k1"])
    for turns in (1, 2, 7):
        expected = np.array(lattice.replace({"qf.k1": 1.05}).track(beam, turns=turns).coordinates)
        found = np.array(tracker(beam, {"qf.k1": 1.05}, turns=turns).coordinates)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-16)


BACKENDS = ["numpy", "torch", "jax"]


def lossy() -> tuple[cv.Lattice, cv.ParticleBeam]:
    """A ring that loses some particles at once, others later, and a beam that brings a lost one."""
    beam = some(60, 1e-3)
    gone = np.arange(60) == 7
    beam = beam.replace(alive=~gone, lost_s=np.where(gone, -4.5, np.inf), lost_turn=np.where(gone, 0.0, np.inf))
    return rings.ring(2).replace({"qf##2.x_limit": 2e-3}), beam


def turn_by_turn(lattice: cv.Lattice, beam: cv.ParticleBeam, turns: int) -> tuple[cv.ParticleBeam, np.ndarray]:
    """Track single turns, and count in which each particle is lost."""
    turn = np.where(beam.alive, np.inf, 0.0)
    for number in range(1, turns + 1):
        after = lattice.track(beam)
        turn[beam.alive & ~after.alive] = number
        beam = after.replace(reference=rings.REFERENCE)
    return beam, turn


@pytest.mark.usefixtures("jax_programs")
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("compiled", [False, True])
def test_the_turn_of_a_loss_is_known(name, compiled):
    pytest.importorskip(name)
    lattice, beam = lossy()
    expected, turn = turn_by_turn(lattice, beam, 12)
    assert len(set(turn)) > 4
    there = beam.to(name)
    tracks = lattice.compile(name, observe="qf##1") if compiled else partial(lattice.track, observe="qf##1")
    for observed in ([], [3, 4, 12]):
        out, history = tracks(there, turns=12, observe_turns=observed)
        out = out.to("numpy")
        np.testing.assert_array_equal(out.lost_turn, turn)
        np.testing.assert_array_equal(out.lost_s, expected.lost_s)
        np.testing.assert_allclose(np.array(out.coordinates), np.array(expected.coordinates), rtol=0, atol=1e-15)
        assert [int(seen.to("numpy").alive.sum()) for seen in history.get("qf##1", ())] == [
            int((turn >= number).sum()) for number in observed
        ]


@pytest.mark.parametrize("name", BACKENDS)
def test_what_is_much_is_compiled_and_the_same(name, monkeypatch):
    pytest.importorskip(name)
    module = importlib.import_module(f"caraval.backends.{name}")
    if name == "jax":
        monkeypatch.setattr(module.JaxBackend, "eager_work", 1)
    else:
        monkeypatch.setattr(*((module, "WORTH_COMPILING") if name == "numpy" else (module.TorchBackend, "enough")), 1)
    lattice, beam = lossy()
    expected, turn = turn_by_turn(lattice, beam, 5)
    out = lattice.track(beam.to(name), turns=5).to("numpy")
    np.testing.assert_array_equal(out.lost_turn, turn)
    np.testing.assert_allclose(np.array(out.coordinates), np.array(expected.coordinates), rtol=0, atol=1e-15)


def test_stages_are_counted_a_million_at_a_time(monkeypatch):
    monkeypatch.setattr(base, "ROWS_AT_ONCE", 50)
    lattice, beam = lossy()
    _, turn = turn_by_turn(lattice, beam, 12)
    np.testing.assert_array_equal(lattice.track(beam, turns=12).lost_turn, turn)
    np.testing.assert_array_equal(lattice.compile("numpy")(beam, turns=12).lost_turn, turn)


@pytest.mark.parametrize(
    ("name", "compiled"), [("torch", False), ("jax", False), ("jax", True), pytest.param("torch", True, marks=pytest.mark.slow)]
)
def test_gradients_through_turns_are_those_of_differences(name, compiled):
    module = pytest.importorskip(name)
    lattice, beam = rings.ring(1).replace({"sf.x_limit": 1.2e-3}), some(8, 4e-4)

    def size(k1, beam=beam):
        out = lattice.replace({"qf.k1": k1}).track(beam, turns=6)
        return (out.x**2).sum()

    step = 1e-5
    expected = (size(1.1 + step) - size(1.1 - step)) / (2 * step)
    there = beam.to(name)
    tracker = lattice.compile(name, parameters=["qf.k1"])

    def function(k1):
        return (tracker(there, {"qf.k1": k1}, turns=6).x ** 2).sum() if compiled else size(k1, there)

    if name == "jax":
        found = module.grad(function)(1.1)
    else:
        k1 = module.tensor(1.1, dtype=module.float64, requires_grad=True)
        (found,) = module.autograd.grad(function(k1), k1)
    assert 0 < lattice.track(beam, turns=6).alive.sum() < 8
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_progress_is_told():
    told = []
    rings.ring(2).track(some(), turns=250, progress=lambda done, turns: told.append((done, turns)))
    assert told[-1] == (250, 250)
    assert 100 <= len(told) <= 130
    assert told == sorted(told)
    told.clear()
    rings.ring(2).track(some(), turns=7, observe="qf##1", progress=lambda done, _: told.append(done))
    assert told == [1, 2, 3, 4, 5, 6, 7]


def test_moments_go_round():
    lattice = rings.ring(2)
    moments = cv.MomentBeam(np.zeros(6), 1e-8 * np.eye(6), reference=rings.REFERENCE)
    matrix = np.linalg.matrix_power(lattice.transfer_matrix(), 3)
    out = lattice.track(moments, turns=3)
    np.testing.assert_allclose(out.covariance, 1e-8 * matrix @ matrix.T, rtol=1e-10, atol=1e-18)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"turns": 0}, "turns must be a whole number"),
        ({"turns": 2.0}, "turns must be a whole number"),
        ({"turns": 3, "observe": "qf", "observe_turns": [4]}, "between 1 and 3"),
        ({"turns": 3, "observe": "qf", "observe_turns": 0}, "observe_turns must be a whole number"),
    ],
)
def test_turns_that_are_none(given, what):
    with pytest.raises(cv.InputError, match=what):
        rings.ring(2).track(some(), **given)


def test_a_line_that_accelerates_is_gone_through_once():
    line = cv.Lattice([cv.LCavity(length=1.0, voltage=1e6, rf_frequency=1e9)], reference=rings.REFERENCE)
    with pytest.raises(cv.InputError, match="a line that keeps it"):
        line.track(some(), turns=2)


# -------------------------------------------------------------------- frequencies


@pytest.mark.parametrize("tune", [0.2134567, -0.31, 0.0171])
def test_frequencies_between_those_of_the_transform(tune):
    turns = np.arange(512)
    signal = np.exp(2j * np.pi * tune * turns) + 0.3 * np.exp(2j * np.pi * 0.41 * turns) + 2.0
    assert frequency(signal) == pytest.approx(tune, abs=1e-7)
    assert frequency(signal.real) == pytest.approx(abs(tune), abs=1e-6)
    with pytest.raises(cv.InputError, match="at least 16 samples"):
        frequency(signal[:9])


def test_tunes_of_tracked_particles_are_those_of_the_optics():
    lattice = rings.ring(8, rf=True)
    expected, found = tunes(lattice), tracked_tunes(lattice, turns=512, pz=1e-6)
    assert found.b == pytest.approx(expected.b % 1, abs=1e-6)
    assert found.a == pytest.approx(expected.a % 1, abs=1e-4)  # that of the optics leaves out what cavities do to it
    assert found.c == pytest.approx(expected.c, abs=1e-5)
    coupled = rings.coupled()
    expected, found = tunes(coupled), tracked_tunes(coupled, turns=512)
    assert (found.a, found.b) == pytest.approx(expected[:2], abs=1e-7)


def test_tunes_move_with_the_amplitude():
    footprint = tracked_tunes(rings.ring(4), turns=256, x=np.array([1e-6, 2e-3, 4e-3]), y=1e-6)
    shift = footprint.a - footprint.a[0]
    assert shift[2] / shift[1] == pytest.approx(4.0, rel=0.05)  # sextupoles act in second order


SPECTRA = {
    "far apart": ((1.0, 0.2231), (0.3, 0.3117), (0.1, 0.4431), (0.05, -0.2231)),
    "five periods apart": ((1.0, 0.2231), (0.3, 0.2281)),
    "near a half": ((1.0, 0.4951), (0.8, -0.4951)),
    "slow, off the axis": ((1.0, 0.0061), (0.8, -0.0061), (3.0, 0.0)),
}


@pytest.mark.parametrize("lines", SPECTRA.values(), ids=SPECTRA)
def test_the_strongest_of_several_lines_has_all_its_digits(lines):
    turns, phases = np.arange(1000), np.random.default_rng(3).random(len(lines))
    signal = sum(a * np.exp(2j * np.pi * (f * turns + phase)) for (a, f), phase in zip(lines, phases, strict=True))
    assert frequency(signal) == pytest.approx(lines[0][1], abs=1e-13)


def test_more_lines_than_are_fitted_and_noise_do_little():
    turns = np.arange(1000)
    many = sum(0.9**k * np.exp(2j * np.pi * (0.05 + 0.037 * k) * turns) for k in range(10))
    assert frequency(many) == pytest.approx(0.05, abs=1e-11)
    noise = np.random.default_rng(4).normal(size=(2, 1000))
    noisy = np.exp(2j * np.pi * 0.1234 * turns) + 1e-3 * (noise[0] + 1j * noise[1])
    assert frequency(noisy) == pytest.approx(0.1234, abs=1e-6)
    assert frequency(noisy.real) == pytest.approx(0.1234, abs=1e-6)


def test_no_motion_has_no_frequency_but_zero():
    assert frequency(np.zeros(64)) == 0.0
