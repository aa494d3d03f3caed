from __future__ import annotations

import math

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import InputError, UnknownNameError

NAMES = ("x", "px", "y", "py", "z", "pz")
N = 50


@pytest.fixture
def q() -> np.ndarray:
    rng = np.random.default_rng(12)
    return rng.standard_normal((6, 6)) @ rng.standard_normal((6, N)) * 1e-3 + rng.standard_normal((6, 1)) * 1e-3


@pytest.fixture
def charge() -> np.ndarray:
    return np.random.default_rng(13).uniform(0.1, 1.0, N) * 1e-12


@pytest.fixture
def alive() -> np.ndarray:
    return np.random.default_rng(14).random(N) < 0.7


@pytest.fixture
def beam(q, charge, alive, backend, array) -> cv.ParticleBeam:
    """Make a beam whose lost particles hold values that must not count."""
    held = np.where(alive, q, 1e3)
    coordinates = {name: array(value, backend) for name, value in zip(NAMES, held, strict=True)}
    return cv.ParticleBeam(**coordinates, p0c=1e8, charge=array(charge, backend), alive=array(alive.astype(float), backend))


@pytest.fixture
def expected(q, charge, alive) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance by NumPy: weighted by charge, over the living, with the population's denominator."""
    return np.average(q[:, alive], axis=-1, weights=charge[alive]), np.cov(q[:, alive], ddof=0, aweights=charge[alive])


def test_mean_and_covariance(beam, expected, to_numpy):
    mean, covariance = expected
    assert to_numpy(beam.mean) == pytest.approx(mean, rel=1e-12)
    assert to_numpy(beam.covariance) == pytest.approx(covariance, rel=1e-11, abs=1e-20)


def test_moments_one_by_one(beam, expected, to_numpy):
    mean, covariance = expected
    for i, name in enumerate(NAMES):
        assert float(beam.mean_of(i)) == pytest.approx(mean[i], rel=1e-12)
        assert float(getattr(beam, f"mean_{name}")) == pytest.approx(mean[i], rel=1e-12)
        assert float(getattr(beam, f"sigma_{name}")) == pytest.approx(math.sqrt(covariance[i, i]), rel=1e-12)
        assert float(beam.sigma(name)) == float(getattr(beam, f"sigma_{name}"))
        for j in range(6):
            assert float(beam.covariance_of(i, j)) == pytest.approx(covariance[i, j], rel=1e-11, abs=1e-20)


def test_population_style():
    assert cv.ParticleBeam(x=[-1e-3, 1e-3], p0c=1e8).sigma_x == pytest.approx(1e-3, rel=1e-15)


def test_emittances(beam, expected):
    _, c = expected
    momentum = 1e8 / beam.species.mass
    for i, plane in enumerate("xyz"):
        block = c[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]
        emittance = math.sqrt(np.linalg.det(block))
        assert float(beam.emittance(plane)) == pytest.approx(emittance, rel=1e-11)
        assert float(getattr(beam, f"emittance_{plane}")) == pytest.approx(emittance, rel=1e-11)
        assert float(beam.normalized_emittance(plane)) == pytest.approx(emittance * momentum, rel=1e-11)
        assert float(getattr(beam, f"normalized_emittance_{plane}")) == pytest.approx(emittance * momentum, rel=1e-11)


def test_twiss_takes_dispersion_out(beam, expected):
    _, c = expected
    for i, plane in ((0, "x"), (2, "y")):
        d = c[i : i + 2, 5] / c[5, 5]
        block = c[i : i + 2, i : i + 2] - np.outer(d, d) * c[5, 5]
        emittance = math.sqrt(np.linalg.det(block))
        found = beam.twiss(plane)
        assert [float(v) for v in found] == pytest.approx(
            [block[0, 0] / emittance, -block[0, 1] / emittance, block[1, 1] / emittance, emittance, *d], rel=1e-10
        )
        assert float(found.beta * found.gamma - found.alpha**2) == pytest.approx(1.0, rel=1e-10)
    z = beam.twiss("z")
    assert float(z.beta) == pytest.approx(c[4, 4] / math.sqrt(np.linalg.det(c[4:, 4:])), rel=1e-10)
    assert (float(z.eta), float(z.etap)) == (0.0, 0.0)


def test_dispersion_counts_in_the_projected_emittance_only():
    beam = cv.ParticleBeam.from_twiss(1000, emittance_x=1e-9, eta_x=1.0, sigma_pz=1e-3, p0c=1e8, seed=1)
    assert beam.twiss("x").emittance == pytest.approx(1e-9, rel=1e-9)
    assert beam.emittance_x == pytest.approx(1e-9 * math.sqrt(1 + 1e-6 / 1e-9), rel=1e-12)


def test_without_momentum_spread_there_is_no_dispersion():
    found = cv.ParticleBeam.from_twiss(100, beta_x=2.0, emittance_x=1e-9, p0c=1e8, seed=1).twiss("x")
    assert (found.eta, found.etap) == (0.0, 0.0)
    assert found.beta == pytest.approx(2.0, rel=1e-13)


def test_an_offset_does_not_cost_the_emittance_its_digits(make_beam):
    centred, far = make_beam(n=500), make_beam(n=500, mean=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    # the coordinates themselves are rounded at 1 m: 1e-16 over a sigma of 2e-4, in the mean of 500
    assert far.emittance_x == pytest.approx(centred.emittance_x, rel=1e-11)


def test_batches(to_numpy, array, backend):
    x = np.random.default_rng(1).standard_normal((2, 3, 20))
    beam = cv.ParticleBeam(x=array(x, backend), px=array(x**2, backend), p0c=1e8)
    assert to_numpy(beam.sigma_x) == pytest.approx(x.std(axis=-1), rel=1e-13)
    assert tuple(beam.mean.shape) == (2, 3, 6)
    assert tuple(beam.covariance.shape) == (2, 3, 6, 6)
    assert to_numpy(beam.covariance)[..., 0, 1] == pytest.approx(
        (x**3).mean(axis=-1) - x.mean(axis=-1) * (x**2).mean(axis=-1), rel=1e-11
    )
    assert tuple(beam.emittance_x.shape) == (2, 3)


def test_a_beam_without_survivors_has_no_statistics(backend, array):
    beam = cv.ParticleBeam(x=array([1.0, 2.0], backend), p0c=1e8, alive=array([0.0, 0.0], backend))
    for ask in (lambda: beam.mean, lambda: beam.covariance, lambda: beam.sigma_x, lambda: beam.emittance_x, beam.to_moments):
        with pytest.raises(InputError, match="no charge is alive"):
            ask()
    assert float(beam.transmission) == 0.0


def test_a_pencil_has_no_emittance(backend, array):
    beam = cv.ParticleBeam(x=array([1.0, 1.0], backend), p0c=1e8)
    assert float(beam.emittance_x) == 0.0
    assert float(beam.sigma_x) == 0.0


def test_particles_and_moments_say_the_same(beam):
    moments = beam.to_moments()
    for name in NAMES:
        assert float(getattr(moments, f"sigma_{name}")) == pytest.approx(float(getattr(beam, f"sigma_{name}")), rel=1e-12)
    for plane in "xyz":
        assert float(moments.emittance(plane)) == pytest.approx(float(beam.emittance(plane)), rel=1e-10)
        assert [float(v) for v in moments.twiss(plane)] == pytest.approx([float(v) for v in beam.twiss(plane)], rel=1e-9)
    assert float(moments.charge) == pytest.approx(float(beam.total_charge), rel=1e-15)


@pytest.mark.parametrize("name", ["", "xx", "Pz", "p"])
def test_unknown_coordinates_are_errors(make_beam, name):
    with pytest.raises(UnknownNameError, match=f"no coordinate {name!r}"):
        make_beam().sigma(name)


@pytest.mark.parametrize("ask", ["emittance", "normalized_emittance", "twiss"])
def test_unknown_planes_are_errors(make_beam, ask):
    with pytest.raises(UnknownNameError, match="no plane 'a'; there are x, y and z"):
        getattr(make_beam(), ask)("a")


def test_statistics_are_differentiable(differentiable):
    """Of a sigma by a coordinate: ``(x_i - mean) / (n sigma)``."""
    x = np.array([1.0, -2.0, 0.5, 4.0])
    expected = (x - x.mean()) / (4 * x.std())
    if differentiable == "torch":
        import torch

        t = torch.tensor(x, requires_grad=True)
        (slope,) = torch.autograd.grad(cv.ParticleBeam(x=t, p0c=1e8).sigma_x, t)
    else:
        import jax

        slope = jax.grad(lambda t: cv.ParticleBeam(x=t, p0c=1e8).sigma_x)(x)
    assert np.asarray(slope) == pytest.approx(expected, rel=1e-13)


def test_twiss_of_a_batch_where_some_have_no_emittance(backend, array, to_numpy):
    covariance = np.stack([np.diag([4e-8, 1e-8, 1e-8, 1e-8, 1e-8, 1e-6]), np.diag([0.0, 0.0, 1e-8, 1e-8, 1e-8, 1e-6])])
    beam = cv.MomentBeam(array(np.zeros((2, 6)), backend), array(covariance, backend), p0c=1e8)
    with pytest.raises(cv.InputError, match="no emittance in x"):
        beam.twiss("x")
    found = beam.twiss_anyhow("x")
    np.testing.assert_allclose(to_numpy(found.beta), [2.0, np.nan], rtol=1e-14)
    np.testing.assert_allclose(to_numpy(found.emittance), [2e-8, 0.0], rtol=1e-14)
