from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import BackendError, InputError
from caraval.core.plan import Prepared
from caraval.core.registry import registry
from caraval.core.rows import row_of
from caraval.core.tracking import track_moments

from ..cases import ELEMENTS, every_method

COVARIANCE = np.diag([1e-8, 1e-8, 2e-8, 1e-8, 1e-6, 1e-6])


MEAN = np.array([1e-3, -2e-4, 5e-4, 3e-4, 1e-3, 1e-3])


def line_of(name, method):
    """One element of the cases, without aperture; where a number of steps is open, a few."""
    method = {"bmad_standard": cv.BmadStandard(num_steps=3), "kick_drift_kick": cv.KickDriftKick(num_steps=3)}.get(
        method, method
    )
    return cv.Lattice([ELEMENTS[name].replace(tracking_method=method, x_limit=0.0, y_limit=0.0)])


EVERY_METHOD = [
    pair
    for pair in every_method()
    if not (pair[0].endswith("_electric") and pair[1] == "kick_drift_kick") and pair[0] != "mask"
]
"""All cases and methods, but those that refuse their method, and a mask, which is an aperture and nothing else."""


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


def deviations(line, a):
    """Between particles of amplitude `a`, symmetric about their mean, and their moments: of mean [a] and covariance [a^2]."""
    root = np.tril(np.arange(1.0, 37.0).reshape(6, 6)) / 36 * a
    half = root @ np.random.default_rng(3).standard_normal((6, 100))
    beam = cv.ParticleBeam(*(MEAN[:, None] + np.concatenate([half, -half], axis=1)), p0c=5e7)
    particles, moments = line.track(beam), line.track(beam.to_moments())
    assert particles.alive.all()
    assert moments.reference == particles.reference
    scale = np.sqrt(np.diag(particles.covariance))
    errors = (moments.covariance - particles.covariance) / np.outer(scale, scale)
    return np.abs(moments.mean - particles.mean).max() / a, np.abs(errors).max()


@pytest.mark.parametrize(("name", "method"), EVERY_METHOD)
def test_moments_go_as_a_small_beam_does(name, method):
    """What third and fourth moments would add goes with the amplitude, in the mean, and with its square, relatively."""
    line = line_of(name, method)
    (mean, covariance), (smaller_mean, smaller_covariance) = (deviations(line, a) for a in (4e-6, 1e-6))
    # rounding of coordinates of 1e-3 (in a bunch's field of its kick) is 1e-19, of variances of 1e-13 relatively 1e-12
    assert smaller_mean < mean / 3 + 1e-11
    assert smaller_covariance < covariance / 12 + 1e-10
    assert mean < 0.05
    assert covariance < 1e-3


@pytest.mark.parametrize(("name", "method"), EVERY_METHOD)
def test_the_mean_goes_as_a_particle_does(name, method):
    line = line_of(name, method)
    particle = line.track(cv.ParticleBeam(*MEAN[:, None], p0c=5e7))
    moments = line.track(cv.MomentBeam(MEAN, np.zeros((6, 6)), p0c=5e7))
    assert moments.mean == pytest.approx(np.stack(particle.coordinates)[:, 0], rel=1e-13, abs=1e-17)
    assert not moments.covariance.any()
    assert moments.reference == particle.reference


@pytest.mark.parametrize("n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", ["linear", "second_order", "bmad_standard"])
def test_moments_are_those_of_many_particles(line, n, method):
    """Drawn from the same Gaussian, through one of everything and a cavity: within statistics."""
    elements = [e.replace(x_limit=0.0, y_limit=0.0) for e in line]
    cavity = cv.LCavity(length=1.0, voltage=2e7, rf_frequency=1.3e9, phi0=0.05)
    lattice = cv.Lattice([*elements, cavity]).with_tracking(method)
    sigma = np.array([2e-4, 1e-4, 1.5e-4, 1e-4, 1e-4, 1e-3])  # short: a particle routine's mean does not see the crest's curve
    beam = cv.ParticleBeam.gaussian(
        n, p0c=1e8, seed=11, **{f"sigma_{name}": value for name, value in zip(cv.Coordinates._fields, sigma, strict=True)}
    )
    particles = lattice.track(beam)
    moments = lattice.track(cv.MomentBeam(np.zeros(6), np.diag(sigma**2), p0c=1e8))
    assert particles.alive.all()
    assert moments.reference == particles.reference
    scale = np.sqrt(np.diag(moments.covariance))
    assert np.abs((particles.mean - moments.mean) / scale).max() < 5 / np.sqrt(n)
    error = (particles.covariance - moments.covariance) / np.outer(scale, scale)
    assert np.abs(error).max() < 5 * np.sqrt(2 / n)


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


def test_a_mean_that_leaves_a_routines_range_is_nan():
    """Plain numbers raise there, arrays do not; a single orbit goes by plain numbers."""
    root = row_of((lambda c, q, xp: q._replace(x=xp.sqrt(q.x)),), None, ((),), (None,))
    prepared = Prepared((root,), (cv.Reference("electron", 1e8),) * 2, (cv.Marker(),))
    for x, expected in ((4.0, 2.0), (-1.0, np.nan)):
        with np.errstate(invalid="ignore"):
            out, _ = track_moments(
                prepared, cv.MomentBeam([x, 0, 0, 0, 0, 0], COVARIANCE, p0c=1e8), registry().backend("numpy")
            )
        np.testing.assert_allclose(out.mean[0], expected)
        np.testing.assert_allclose(out.covariance[0, 0], COVARIANCE[0, 0] / 16 if x > 0 else np.nan)


def test_what_is_no_beam_is_refused(fodo):
    with pytest.raises(InputError, match="ParticleBeam or a MomentBeam can be tracked, not ndarray"):
        fodo.track(np.zeros(6))
