from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import BackendError, InputError

COVARIANCE = np.diag([1e-8, 1e-8, 2e-8, 1e-8, 1e-6, 1e-6])


def element(kind, method):
    elements = {
        "Drift": cv.Drift(length=0.7),
        "Quadrupole": cv.Quadrupole(length=0.3, k1=1.7, x_offset=1e-3, tilt=0.2),
        "Sextupole": cv.Sextupole(length=0.2, k2=20.0, x_offset=2e-3, y_pitch=1e-3),
        "SBend": cv.SBend(length=1.0, angle=0.2, e1=0.1, e2=0.05, fint=0.5, hgap=0.02),
        "HKicker": cv.HKicker(length=0.1, kick=1e-3),
        "LCavity": cv.LCavity(length=1.0, voltage=2e7, rf_frequency=1.3e9, phi0=0.05),
        "Solenoid": cv.Solenoid(length=0.3, ks=0.8),
        "RCollimator": cv.RCollimator(length=0.1, hkick=1e-4),
    }
    return elements[kind].replace(tracking_method=method)


EVERY_METHOD = [
    *[(kind, method) for kind in ("Drift", "Quadrupole", "Sextupole", "SBend", "HKicker", "Solenoid", "RCollimator")
      for method in ("linear", "bmad_standard", "kick_drift_kick")],
    ("LCavity", "linear"), ("LCavity", "bmad_standard"),
]  # fmt: skip


# -------------------------------------------------------------------- making


def test_a_moment_beam_holds_what_it_was_given(backend, dtype, epsilon, array):
    mean, covariance = array(np.arange(6.0), backend, dtype), array(COVARIANCE, backend, dtype)
    beam = cv.MomentBeam(mean, covariance, p0c=1e8, species="proton", charge=1e-9, s=2.0, t=1e-9)
    assert beam.mean is mean
    assert beam.covariance is covariance
    assert (beam.backend, beam.species.name, beam.p0c, beam.s, beam.t, beam.charge) == (backend, "proton", 1e8, 2.0, 1e-9, 1e-9)
    assert str(beam.dtype).endswith(dtype)
    assert float(beam.sigma_y) == pytest.approx(np.sqrt(2e-8), rel=10 * epsilon)
    assert float(beam.mean_pz) == 5.0


def test_lists_become_arrays():
    beam = cv.MomentBeam([0] * 6, COVARIANCE.tolist(), p0c=1e8)
    assert beam.mean.dtype == np.float64
    assert np.array_equal(beam.covariance, COVARIANCE)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (np.zeros(5), COVARIANCE, r"mean must have shape \(\.\.\., 6\), not \(5,\)"),
        (np.zeros(6), COVARIANCE[:5], r"covariance must have shape \(\.\.\., 6, 6\), not \(5, 6\)"),
        (np.full(6, np.nan), COVARIANCE, "mean must be finite"),
        (np.zeros(6), np.full((6, 6), np.inf), "covariance must be finite"),
    ],
)
def test_wrong_shapes_and_values_are_refused(mean, covariance, message):
    with pytest.raises(InputError, match=message):
        cv.MomentBeam(mean, covariance, p0c=1e8)


def test_reference_is_needed():
    with pytest.raises(InputError, match="p0c or its reference energy"):
        cv.MomentBeam(np.zeros(6), COVARIANCE)


def test_mixed_backends_are_refused(array):
    with pytest.raises(BackendError, match=r"(?s)numpy.*torch"):
        cv.MomentBeam(np.zeros(6), array(COVARIANCE, "torch"), p0c=1e8)


def test_moment_beams_cannot_be_changed():
    beam = cv.MomentBeam(np.zeros(6), COVARIANCE, p0c=1e8)
    with pytest.raises(AttributeError):
        beam.mean = np.ones(6)


def test_to_another_backend_and_precision(backend, to_numpy):
    beam = cv.MomentBeam(np.arange(6.0), COVARIANCE, p0c=1e8, charge=1e-9, s=1.0)
    there = beam.to(backend, dtype="float32")
    assert there.backend == backend
    assert str(there.dtype).endswith("float32")
    assert (there.reference, there.charge) == (beam.reference, beam.charge)
    assert np.array_equal(to_numpy(there.covariance), COVARIANCE.astype("float32"))
    assert np.array_equal(there.to("numpy").mean, beam.mean)


def test_to_moments(make_beam, backend, to_numpy):
    beam = make_beam(backend, n=50, charge=1e-9, s=3.0)
    moments = beam.to_moments()
    assert np.array_equal(to_numpy(moments.mean), to_numpy(beam.mean))
    assert np.array_equal(to_numpy(moments.covariance), to_numpy(beam.covariance))
    assert moments.reference == beam.reference
    assert float(moments.charge) == pytest.approx(1e-9, rel=1e-14)


# -------------------------------------------------------------------- tracking


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_moments_go_as_a_small_beam_does(kind, method):
    """A beam of amplitude a that is symmetric about its mean deviates from its moments by a^2, relatively."""
    line = cv.Lattice([element(kind, method)])
    a = 1e-6
    mean = np.array([1e-3, -2e-4, 5e-4, 3e-4, 1e-3, 1e-3])
    root = np.tril(np.arange(1.0, 37.0).reshape(6, 6)) / 36 * a
    half = root @ np.random.default_rng(3).standard_normal((6, 100))
    beam = cv.ParticleBeam(*(mean[:, None] + np.concatenate([half, -half], axis=1)), p0c=5e7)
    particles, moments = line.track(beam), line.track(beam.to_moments())
    scale = np.sqrt(np.diag(particles.covariance))
    # a^2 = 1e-12 times second derivatives, in the cavity the wave number squared, 700 / m^2;
    # coordinates of 1e-3 are rounded at 1e-19, a sigma of 1e-7 relatively at 1e-12
    assert np.abs(moments.mean - particles.mean).max() < 1e-9
    assert np.abs((moments.covariance - particles.covariance) / np.outer(scale, scale)).max() < 1e-8
    assert moments.reference == particles.reference


@pytest.mark.parametrize(("kind", "method"), EVERY_METHOD)
def test_the_mean_goes_as_a_particle_does(kind, method):
    line = cv.Lattice([element(kind, method)])
    q = np.array([1e-3, -2e-4, 5e-4, 3e-4, 1e-3, 1e-3])
    particle = line.track(cv.ParticleBeam(*q[:, None], p0c=5e7))
    moments = line.track(cv.MomentBeam(q, np.zeros((6, 6)), p0c=5e7))
    assert moments.mean == pytest.approx(np.stack(particle.coordinates)[:, 0], rel=1e-13, abs=1e-17)
    assert not moments.covariance.any()


def test_moments_on_every_backend(line, make_beam, backend, dtype, epsilon, to_numpy):
    moments = make_beam(n=50).to_moments()
    expected = line.track(moments)
    out = line.track(moments.to(backend, dtype=dtype))
    assert out.backend == backend
    assert str(out.dtype).endswith(dtype)
    scale = np.sqrt(np.diag(expected.covariance))
    assert np.abs((to_numpy(out.covariance) - expected.covariance) / np.outer(scale, scale)).max() < 100 * epsilon
    assert (np.abs(to_numpy(out.mean) - expected.mean) / scale).max() < 100 * epsilon


def test_energy_change_damps_the_emittance_and_keeps_the_normalized_one():
    cavity = cv.Lattice([cv.LCavity(length=1.0, voltage=5e7, rf_frequency=1.3e9)])
    beam = cv.ParticleBeam.from_twiss(
        500, beta_x=5.0, emittance_x=1e-9, beta_y=3.0, emittance_y=1e-9, p0c=1e8, seed=1
    ).to_moments()
    out = cavity.track(beam)
    assert out.reference.energy == pytest.approx(beam.reference.energy + 5e7, rel=1e-14)
    assert float(out.normalized_emittance_x) == pytest.approx(float(beam.normalized_emittance_x), rel=1e-9)
    assert float(out.emittance_x / beam.emittance_x) == pytest.approx(beam.p0c / out.p0c, rel=1e-9)


def test_apertures_do_not_act_on_moments():
    line = cv.Lattice([cv.RCollimator(x_limit=1e-9, y_limit=1e-9)])
    beam = cv.MomentBeam(np.full(6, 1e-3), COVARIANCE, p0c=1e8)
    assert np.array_equal(line.track(beam).covariance, COVARIANCE)


def test_moments_are_observed(line, make_beam):
    moments = make_beam().to_moments()
    out, history = line.track(moments, observe=["bpm*", "end"])
    assert sorted(history) == ["bpm1", "bpm2", "end"]
    assert history["end"][0].covariance == pytest.approx(out.covariance, rel=1e-12, abs=1e-24)
    assert history["bpm1"][0].s == pytest.approx(0.6, rel=1e-15)
    up_to = line[:"s1"].track(moments)
    assert history["bpm1"][0].covariance == pytest.approx(up_to.covariance, rel=1e-13, abs=1e-24)


def test_batches_of_moments_and_of_settings(backend, array, to_numpy):
    k1 = np.array([0.5, 1.0, 1.5])
    means = np.zeros((2, 1, 6))
    means[1, 0, 0] = 1e-3
    line = cv.Lattice([cv.Quadrupole(length=0.3, k1=array(k1, backend), tracking_method="linear"), cv.Drift(length=0.5)])
    out = line.track(cv.MomentBeam(array(means, backend), array(np.broadcast_to(COVARIANCE, (2, 1, 6, 6)), backend), p0c=1e8))
    assert tuple(out.mean.shape) == (2, 3, 6)
    for i in range(2):
        for j, k in enumerate(k1):
            single = cv.Lattice([cv.Quadrupole(length=0.3, k1=k, tracking_method="linear"), cv.Drift(length=0.5)]).track(
                cv.MomentBeam(means[i, 0], COVARIANCE, p0c=1e8)
            )
            assert to_numpy(out.mean)[i, j] == pytest.approx(single.mean, rel=1e-13, abs=1e-18)
            assert to_numpy(out.covariance)[i, j] == pytest.approx(single.covariance, rel=1e-13, abs=1e-22)


def test_what_is_no_beam_is_refused(fodo):
    with pytest.raises(InputError, match="ParticleBeam or a MomentBeam can be tracked, not ndarray"):
        fodo.track(np.zeros(6))
