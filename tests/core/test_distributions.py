"""Distributions of bunches: their moments, and what they are made of."""

import numpy as np
import pytest
from scipy.stats import kstest

import caraval as cv
from caraval.core.distributions import DISTRIBUTIONS

N = 100_000
SIGMAS = {f"sigma_{name}": value for name, value in zip(("x", "px", "y", "py", "z", "pz"), (1, 2, 3, 4, 5, 6), strict=True)}


def sample(name: str) -> np.ndarray:
    return DISTRIBUTIONS[name](N, np.random.default_rng(7))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_moments_are_those_of_the_distribution(name):
    """Five times the standard error, with the fourth moments of a normal distribution, the largest of these."""
    points = sample(name)
    assert np.abs(points.mean(axis=1)).max() < 5 / N**0.5
    assert np.abs(np.cov(points) - np.eye(6)).max() < 5 * (3 / N) ** 0.5


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_beams_have_exactly_what_is_asked_for(name):
    beam = cv.ParticleBeam.from_distribution(name, 500, p0c=1e8, seed=3, charge=1e-9, mean=[1.0] * 6, **SIGMAS)
    np.testing.assert_allclose(beam.covariance, np.diag(np.arange(1.0, 7.0) ** 2), atol=1e-11)
    np.testing.assert_allclose(beam.mean, 1.0, atol=1e-11)
    assert beam.total_charge == pytest.approx(1e-9)


def radius(points: np.ndarray) -> np.ndarray:
    return np.sqrt((points**2).sum(axis=0))


def is_even(values: np.ndarray) -> bool:
    """Whether numbers are spread evenly between zero and one; of a thousand good samples one is refused."""
    return bool(kstest(values, "uniform").pvalue > 1e-3)


def test_waterbag_fills_a_ball():
    assert is_even((radius(sample("waterbag")) / 8**0.5) ** 6)


def test_kv_is_a_surface():
    points = sample("kv")
    assert radius(points[:4]) == pytest.approx(np.full(N, 2.0), rel=1e-12)
    # any two of its dimensions are even in an ellipse
    for pair in ([0, 1], [0, 2], [1, 3]):
        assert is_even(radius(points[pair]) ** 2 / 4)
    assert is_even(points[4] / 12**0.5 + 0.5)


@pytest.mark.parametrize("name", ["kurth", "semigaussian"])
def test_balls_in_space(name):
    assert is_even((radius(sample(name)[::2]) / 5**0.5) ** 3)


def test_kurth_is_stationary():
    """Positions and momenta change places in a focusing channel, and nothing in between differs."""
    points = sample("kurth")
    for turn in (0.3, np.pi / 4, np.pi / 2):
        moved = np.cos(turn) * points[::2] + np.sin(turn) * points[1::2]
        assert is_even((radius(moved) / 5**0.5) ** 3)
    semi = sample("semigaussian")
    assert not is_even(np.clip((radius((semi[::2] + semi[1::2]) / 2**0.5) / 5**0.5) ** 3, 0, 1))


def test_triangle_rises_from_its_tail():
    points = sample("triangle")
    z = points[4] / 2**0.5
    assert z.max() < 1
    assert is_even(((z + 2) / 3) ** 2)
    assert is_even((radius(points[:4]) / 6**0.5) ** 4)


def test_seeds_and_backends_agree(backend, to_numpy):
    here = cv.ParticleBeam.from_distribution("kurth", 50, p0c=1e8, seed=5, **SIGMAS)
    if backend == "array_api_strict":
        return
    there = cv.ParticleBeam.from_distribution("kurth", 50, p0c=1e8, seed=5, backend=backend, **SIGMAS)
    np.testing.assert_allclose(to_numpy(there.coordinates), to_numpy(here.coordinates), rtol=1e-13)


def test_twiss_parameters():
    beam = cv.ParticleBeam.from_twiss(
        1000, beta_x=4.0, alpha_x=-1.0, emittance_x=1e-8, beta_y=2.0, emittance_y=1e-8, sigma_z=1e-3, sigma_pz=1e-3,
        p0c=1e8, distribution="waterbag", seed=1,
    )  # fmt: skip
    assert beam.twiss("x").beta == pytest.approx(4.0)
    normal = beam.x / beam.sigma_x
    assert np.abs(normal).max() < 3  # of a normal distribution some of a thousand are beyond


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("kurt", {}, "no distribution 'kurt'; did you mean 'kurth'"),
        ("kv", {"sigma_xp": 1.0}, "a distribution has no sigma_xp; it has sigma_x, sigma_px"),
        ("kv", {"sigma_x": -1.0}, "sigma_x must not be negative"),
    ],
)
def test_what_makes_no_sense(name, options, message):
    with pytest.raises(cv.InputError, match=message):
        cv.ParticleBeam.from_distribution(name, 100, p0c=1e8, **options)
