from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.core import sampling
from caraval.core.errors import InputError

SIGMAS = {"sigma_x": 1e-4, "sigma_px": 2e-5, "sigma_y": 3e-4, "sigma_py": 1e-5, "sigma_z": 1e-3, "sigma_pz": 5e-4}


def moments(beam, to_numpy):
    """Mean and covariance, by NumPy's own functions, in float64."""
    q = to_numpy(beam.coordinates).astype("float64")
    return q.mean(axis=-1), np.cov(q, ddof=0)


@pytest.mark.parametrize("n", [7, 8, 100, 10_000])
def test_the_standard_sample_is_white(n):
    sample = sampling.standard(n, seed=3)
    # seven particles in six dimensions: the triangle may be ill-conditioned, which costs digits
    tolerance = 1e-9 if n < 10 else 1e-13
    assert np.abs(sample.mean(axis=-1)).max() < tolerance
    assert np.abs(sample @ sample.T / n - np.eye(6)).max() < tolerance


def test_the_standard_sample_is_normal():
    sample = sampling.standard(200_000, seed=3)
    assert (sample**3).mean(axis=-1) == pytest.approx(np.zeros(6), abs=5 * np.sqrt(6 / 200_000))  # five times its error
    assert (sample**4).mean(axis=-1) == pytest.approx(np.full(6, 3.0), abs=5 * np.sqrt(24 / 200_000))


@pytest.mark.parametrize("n", [0, -1, 2.0, "10", True, None])
def test_the_number_of_particles_is_a_positive_whole_number(n):
    with pytest.raises(InputError, match="number of particles must be a positive whole number"):
        cv.ParticleBeam.gaussian(n, p0c=1e8)


def test_few_particles_are_allowed():
    for n in range(1, 7):
        assert len(cv.ParticleBeam.gaussian(n, p0c=1e8, sigma_x=1e-4, seed=1)) == n


def test_gaussian_has_exactly_its_sigmas_and_mean(backend, dtype, epsilon, to_numpy):
    mean = np.array([1e-4, -2e-5, 3e-4, 4e-5, -1e-3, 2e-3])
    beam = cv.ParticleBeam.gaussian(1000, p0c=1e8, **SIGMAS, mean=mean, seed=5, backend=backend, dtype=dtype)
    sigma = np.array(list(SIGMAS.values()))
    found_mean, found = moments(beam, to_numpy)
    # rounding of a coordinate is epsilon of its largest value, some four sigma and the mean
    assert (np.abs(found_mean - mean) < 10 * epsilon * (4 * sigma + abs(mean))).all()
    assert np.abs(found / np.outer(sigma, sigma) - np.eye(6)).max() < 20 * epsilon * (1 + abs(mean) / sigma).max()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-8, 0))
def test_any_covariance_is_met_exactly(seed, exponent):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((6, 6)) * 10.0 ** rng.uniform(exponent, 0, (6, 1))
    covariance = root @ root.T
    beam = cv.ParticleBeam.gaussian(50, p0c=1e8, covariance=covariance, seed=seed)
    found = np.cov(np.stack(beam.coordinates), ddof=0)
    scale = np.sqrt(np.diag(covariance))
    assert np.abs((found - covariance) / np.outer(scale, scale)).max() < 1e-13


def test_a_singular_covariance_is_met_exactly():
    direction = np.array([1.0, -2.0, 0.0, 0.5, 3.0, 0.1])
    beam = cv.ParticleBeam.gaussian(100, p0c=1e8, covariance=np.outer(direction, direction), seed=2)
    found = np.cov(np.stack(beam.coordinates), ddof=0)
    assert np.abs(found - np.outer(direction, direction)).max() < 1e-12
    assert np.array_equal(beam.y, np.zeros(100))


def test_covariance_is_met_on_all_backends(backend, dtype, epsilon, to_numpy):
    root = np.tril(np.arange(1.0, 37.0).reshape(6, 6)) / 36
    covariance = root @ root.T
    beam = cv.ParticleBeam.gaussian(500, p0c=1e8, covariance=covariance.tolist(), seed=2, backend=backend, dtype=dtype)
    _, found = moments(beam, to_numpy)
    assert np.abs(found - covariance).max() < 50 * epsilon * np.abs(covariance).max()


def test_one_seed_gives_the_same_particles_on_every_backend(backend, dtype, to_numpy):
    kind = {"p0c": 1e8, "seed": 11, "dtype": dtype}
    here, there = (cv.ParticleBeam.gaussian(64, **SIGMAS, **kind, backend=b) for b in ("numpy", backend))
    assert np.array_equal(to_numpy(here.coordinates), to_numpy(there.coordinates))
    twiss = {"beta_x": 3.0, "alpha_x": 1.0, "emittance_x": 1e-8, "eta_x": 0.3, "sigma_pz": 1e-3}
    here, there = (cv.ParticleBeam.from_twiss(64, **twiss, **kind, backend=b) for b in ("numpy", backend))
    # sums of products may be rounded otherwise where a library fuses them
    scale = np.abs(to_numpy(here.coordinates)).max(axis=-1, keepdims=True) + 1e-30
    assert (np.abs(to_numpy(here.coordinates) - to_numpy(there.coordinates)) / scale).max() < 8 * np.finfo(dtype).eps


def test_seeds():
    make = lambda seed: np.stack(cv.ParticleBeam.gaussian(16, p0c=1e8, **SIGMAS, seed=seed).coordinates)  # noqa: E731
    assert np.array_equal(make(1), make(1))
    assert not np.array_equal(make(1), make(2))
    assert not np.array_equal(make(None), make(None))


def test_batches_of_sigmas_are_batches_of_beams(backend, array, to_numpy):
    sigma_x, sigma_y = np.array([[1e-4], [2e-4]]), np.array([1e-4, 2e-4, 3e-4])
    beam = cv.ParticleBeam.gaussian(
        50, p0c=1e8, sigma_x=array(sigma_x, backend), sigma_y=array(sigma_y, backend), sigma_z=1e-3, seed=1, backend=backend
    )
    assert beam.shape == (2, 3)
    assert tuple(beam.x.shape) == tuple(beam.z.shape) == (2, 3, 50)
    assert to_numpy(beam.sigma_x) == pytest.approx(np.broadcast_to(sigma_x, (2, 3)), rel=1e-14)
    assert to_numpy(beam.sigma_y) == pytest.approx(np.broadcast_to(sigma_y, (2, 3)), rel=1e-14)
    assert to_numpy(beam.sigma_z) == pytest.approx(np.full((2, 3), 1e-3), rel=1e-14)


def test_batches_of_covariances_and_means():
    covariance = np.stack([np.eye(6), 4 * np.eye(6)])
    beam = cv.ParticleBeam.gaussian(20, p0c=1e8, covariance=covariance, mean=np.array([[0.0] * 6, [1.0] * 6]), seed=1)
    assert beam.covariance == pytest.approx(covariance, abs=1e-13)
    assert beam.mean == pytest.approx(np.array([[0.0] * 6, [1.0] * 6]), abs=1e-13)


@pytest.mark.parametrize("name", SIGMAS)
@pytest.mark.parametrize("value", [-1e-4, float("nan"), float("inf")])
def test_impossible_sigmas_are_refused(name, value):
    with pytest.raises(InputError, match=name):
        cv.ParticleBeam.gaussian(10, p0c=1e8, **{name: value})


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(5), r"shape \(\.\.\., 6, 6\)"),
        (np.eye(6) + np.eye(6, k=1), "symmetric"),
        (-np.eye(6), "negative"),
        (np.eye(6) + 2 * (np.eye(6, k=1) + np.eye(6, k=-1)), "correlation above one"),
        (np.full((6, 6), np.nan), "finite"),
    ],
)
def test_impossible_covariances_are_refused(covariance, message):
    with pytest.raises(InputError, match=message):
        cv.ParticleBeam.gaussian(10, p0c=1e8, covariance=covariance)


def test_sigmas_and_covariance_are_not_given_together():
    with pytest.raises(InputError, match="sigmas or the covariance, not both"):
        cv.ParticleBeam.gaussian(10, p0c=1e8, sigma_x=1e-4, covariance=np.eye(6))


def test_a_mean_has_six_values():
    with pytest.raises(InputError, match="mean must have six values, not 5"):
        cv.ParticleBeam.gaussian(10, p0c=1e8, mean=[0.0] * 5)


# -------------------------------------------------------------------- from_twiss


TWISS = {
    "beta_x": 4.0, "alpha_x": -1.5, "emittance_x": 2e-9, "eta_x": 0.3, "etap_x": -0.1,
    "beta_y": 9.0, "alpha_y": 2.0, "emittance_y": 1e-9, "eta_y": -0.2, "etap_y": 0.05,
    "sigma_z": 1e-3, "sigma_pz": 2e-3, "covariance_zpz": 1e-6,
}  # fmt: skip


def expected_covariance(t):
    """Sigma matrix of betatron motion plus dispersion times the momentum, written out."""
    c = np.zeros((6, 6))
    for i, plane in ((0, "x"), (2, "y")):
        beta, alpha, emittance = (t[f"{name}_{plane}"] for name in ("beta", "alpha", "emittance"))
        c[i : i + 2, i : i + 2] = emittance * np.array([[beta, -alpha], [-alpha, (1 + alpha**2) / beta]])
    c[4:, 4:] = [[t["sigma_z"] ** 2, t["covariance_zpz"]], [t["covariance_zpz"], t["sigma_pz"] ** 2]]
    d = np.eye(6)
    d[:4, 5] = t["eta_x"], t["etap_x"], t["eta_y"], t["etap_y"]
    return d @ c @ d.T


def test_from_twiss_has_exactly_its_covariance(backend, dtype, epsilon, to_numpy):
    beam = cv.ParticleBeam.from_twiss(1000, **TWISS, p0c=1e8, seed=4, backend=backend, dtype=dtype)
    wanted = expected_covariance(TWISS)
    _, found = moments(beam, to_numpy)
    scale = np.sqrt(np.diag(wanted))
    # dispersion makes x and px nearly follow from pz, which costs some digits
    assert np.abs((found - wanted) / np.outer(scale, scale)).max() < 100 * epsilon


def test_from_twiss_has_its_twiss_parameters_back():
    beam = cv.ParticleBeam.from_twiss(1000, **TWISS, p0c=1e8, seed=4)
    for plane in "xy":
        found = beam.twiss(plane)
        for name in ("beta", "alpha", "emittance", "eta", "etap"):
            # the emittance is what is left of variances some 100 times larger, the dispersion taken out
            assert getattr(found, name) == pytest.approx(TWISS[f"{name}_{plane}"], rel=1e-9)
        assert found.gamma == pytest.approx((1 + found.alpha**2) / found.beta, rel=1e-9)
    assert beam.sigma_z == pytest.approx(1e-3, rel=1e-14)
    assert beam.sigma_pz == pytest.approx(2e-3, rel=1e-14)


def test_normalized_emittance_is_divided_by_gamma_beta():
    beam = cv.ParticleBeam.from_twiss(1000, beta_x=4.0, normalized_emittance_x=1e-6, p0c=1e8, seed=4)
    momentum = 1e8 / cv.Reference("electron", 1e8).species.mass
    assert beam.emittance_x == pytest.approx(1e-6 / momentum, rel=1e-13)
    assert beam.normalized_emittance_x == pytest.approx(1e-6, rel=1e-13)


def test_from_twiss_takes_batches(backend, array, to_numpy):
    beam = cv.ParticleBeam.from_twiss(
        100, beta_x=array([1.0, 4.0], backend), emittance_x=1e-8, emittance_y=1e-8, p0c=1e8, seed=1, backend=backend
    )
    assert beam.shape == (2,)
    assert to_numpy(beam.sigma_x) == pytest.approx([1e-4, 2e-4], rel=1e-13)
    assert to_numpy(beam.sigma_y) == pytest.approx([1e-4, 1e-4], rel=1e-13)


def test_from_twiss_hands_on_what_gaussian_knows():
    beam = cv.ParticleBeam.from_twiss(
        100,
        emittance_x=1e-8,
        energy=1e9,
        species="proton",
        mean=[1e-3] * 6,
        charge=1e-9,
        s=2.0,
        t=1e-9,
        seed=1,
        dtype="float32",
    )
    assert beam.x.dtype == np.float32
    assert (beam.s, beam.t, beam.species.name) == (2.0, 1e-9, "proton")
    assert beam.reference.energy == pytest.approx(1e9, rel=1e-15)
    assert beam.mean == pytest.approx([1e-3] * 6, rel=1e-6)
    assert beam.total_charge == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta_x": 0.0}, "beta_x must be positive"),
        ({"beta_y": -1.0}, "beta_y must be positive"),
        ({"emittance_x": -1e-9}, "emittance_x must not be negative"),
        ({"emittance_y": 1e-9, "normalized_emittance_y": 1e-6}, "emittance_y or normalized_emittance_y, not both"),
        ({"covariance_zpz": 1.0, "sigma_z": 1e-3, "sigma_pz": 1e-3}, "correlation above one"),
        ({"beta_x": float("nan")}, "beta_x must be positive"),
        ({"alpha_x": float("nan"), "emittance_x": 1e-9}, "finite"),
    ],
)
def test_impossible_twiss_parameters_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        cv.ParticleBeam.from_twiss(10, p0c=1e8, **change)


def test_particles_are_differentiable_by_the_sigmas(differentiable):
    if differentiable == "torch":
        import torch

        sigma = torch.tensor(2e-4, dtype=torch.float64, requires_grad=True)
        beam = cv.ParticleBeam.gaussian(20, p0c=1e8, sigma_x=sigma, seed=1, backend="torch")
        (slope,) = torch.autograd.grad(beam.sigma_x, sigma)
    else:
        import jax

        def size(sigma):
            return cv.ParticleBeam.gaussian(20, p0c=1e8, sigma_x=sigma, seed=1, backend="jax").sigma_x

        slope = jax.grad(size)(2e-4)
    assert float(slope) == pytest.approx(1.0, rel=1e-13)
