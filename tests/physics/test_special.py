"""The special functions against mpmath, in value and derivative."""

import math

import mpmath
import numpy as np
import pytest

from caraval.core import scalar
from caraval.physics.shared import special

mpmath.mp.dps = 40
ARGUMENTS = [0.0, 1e-20, 1e-8, -1e-8, 0.3, -0.3, 2.0, -2.0, 9.0, -9.0, 30.0, -30.0, 64.0, -64.0]


def exact_stumpff(u: float) -> list[float]:
    u = mpmath.mpf(u)
    return [mpmath.nsum(lambda j, k=k: (-u) ** int(j) / mpmath.factorial(2 * int(j) + k), [0, mpmath.inf]) for k in range(4)]


@pytest.mark.parametrize("u", ARGUMENTS)
def test_stumpff_functions_are_exact_to_rounding(u):
    for value, truth in zip(special.stumpff(u), exact_stumpff(u), strict=True):
        assert value == pytest.approx(float(truth), rel=2e-15, abs=2e-15)


@pytest.mark.parametrize("u", ARGUMENTS)
def test_cosine_and_sine_of_both_signs_are_those_of_the_stumpff_functions(u):
    c0, c1, _, _ = special.stumpff(u)
    d0, d1, _, _ = special.stumpff(-u)
    for value, truth in zip(special.cos_sin_both(u), (c0, c1, d0, d1), strict=True):
        assert value == pytest.approx(truth, rel=5e-15, abs=5e-15)
    assert special.cos_sin(u) == pytest.approx((c0, c1), rel=5e-15, abs=5e-15)


@pytest.mark.parametrize("w", [-0.9, -0.1, 0.0, 1e-12, 0.01, 0.2, 0.5, 0.7])
def test_arcsine_ratio_is_exact_to_rounding(w):
    root = mpmath.sqrt(mpmath.mpf(w))
    truth = mpmath.re(mpmath.asin(root) / root) if w else mpmath.mpf(1)
    assert special.arcsine_ratio(w, scalar) == pytest.approx(float(truth), rel=5e-16)


@pytest.mark.parametrize("w", [0.0, 1e-12, 0.01, 0.2, 1 / 3])
def test_arctangent_ratio_is_exact_to_rounding(w):
    root = mpmath.sqrt(mpmath.mpf(w))
    truth = mpmath.atan(root) / root if w else mpmath.mpf(1)
    assert special.arctangent_ratio(w, scalar) == pytest.approx(float(truth), rel=5e-16)


@pytest.mark.parametrize(("w", "error"), [(0.8, 2e-13), (0.99, 1e-12)])
def test_arctangent_ratio_is_less_exact_for_large_angles(w, error):
    root = mpmath.sqrt(mpmath.mpf(w))
    assert special.arctangent_ratio(w, scalar) == pytest.approx(float(mpmath.atan(root) / root), rel=error)


def test_derivatives_at_zero_are_those_of_the_series():
    import jax

    for k in range(4):
        for order in range(3):
            function = lambda u, k=k: special.stumpff(u)[k]  # noqa: E731
            for _ in range(order):
                function = jax.grad(function)
            truth = (-1) ** order * math.factorial(order) / math.factorial(2 * order + k)
            assert float(function(0.0)) == pytest.approx(truth, rel=1e-15)


@pytest.mark.parametrize("pz", [0.0, 1e-9, 1e-4, 0.05, -0.3])
@pytest.mark.parametrize("mass2", [1e-10, 1e-2, 5.0])
def test_path_lag_loses_no_digits(pz, mass2):
    momentum = 1 + mpmath.mpf(pz)
    beta = momentum / mpmath.sqrt(momentum**2 + mpmath.mpf(mass2))
    beta0 = 1 / mpmath.sqrt(1 + mpmath.mpf(mass2))
    truth = 2 * (beta / beta0 - 1)
    assert special.path_lag(pz, 1 + pz, mass2, 2.0, scalar) == pytest.approx(float(truth), rel=1e-15)


def test_bmads_series_differs_from_the_closed_form_by_what_is_cut():
    pz = np.array([1e-5, 1e-4, 5e-4])
    closed = special.path_lag(pz, 1 + pz, 0.9, 1.0, np)
    cut = special.paraxial_lag(pz, 1 + pz, 0.9, 1.0, np)
    assert np.all(np.abs(cut - closed) < pz**4)
    assert np.any(cut != closed)
    large = np.array([0.02])
    assert special.paraxial_lag(large, 1 + large, 0.9, 1.0, np) == special.path_lag(large, 1 + large, 0.9, 1.0, np)


def test_quotient_by_zero_is_zero_with_finite_derivatives():
    import jax
    import jax.numpy as jnp

    assert special.quotient(0.3, 0.0, scalar) == 0.0
    assert jax.grad(lambda a, b: special.quotient(a, b, jnp), (0, 1))(0.0, 0.0) == (0.0, 0.0)
    assert special.quotient(0.3, 2.0, scalar) == 0.15
