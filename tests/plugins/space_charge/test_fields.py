"""Fields against closed forms."""

from math import pi

import numpy as np
import pytest
from scipy.special import elliprd, erf

import caraval as cv
from caraval.backends.numpy import NumpyBackend
from caraval.plugins.space_charge.ellipsoid import form_factors
from caraval.plugins.space_charge.poisson import green

from .bunches import COULOMB, at_rest, ball, field, gamma, normal

SHORT = 1e-6
CHARGE = 1e-10
RADIUS = 1e-3


def kicked(beam, **options):
    return cv.Lattice([cv.SpaceChargeKick(effect_length=SHORT, **options)]).track(beam)


def slope(e, x):
    return (e * x).sum() / (x * x).sum()


@pytest.mark.parametrize("species", ["electron", "proton", "#12C+6", "positron"])
@pytest.mark.parametrize("p0c", [2.5e6, 1e9])
def test_sphere(species, p0c):
    places = RADIUS * ball(2**15)
    beam = at_rest(places, p0c, charge=CHARGE, species=species)
    e = field(beam, kicked(beam), SHORT)
    truth = COULOMB * CHARGE / RADIUS**3
    assert [slope(e[i], places[i]) / truth for i in range(3)] == pytest.approx([1, 1, 1], abs=1.5e-3)
    # nearly every particle is pushed as it should, up to the grain of the sample
    assert np.sqrt(((e - truth * places) ** 2).sum() / ((truth * places) ** 2).sum()) < 0.02


@pytest.mark.parametrize("axes", [(1, 0.3, 0.3), (1, 1, 4), (1, 0.5, 30)])
def test_ellipsoid(axes):
    places = RADIUS * ball(2**15) * np.array(axes)[:, None]
    beam = at_rest(places, 5e6, charge=CHARGE)
    e = field(beam, kicked(beam), SHORT)
    squares = (RADIUS * np.array(axes)) ** 2
    truth = [COULOMB * CHARGE * elliprd(*np.delete(squares, i), squares[i]) for i in range(3)]
    assert [slope(e[i], places[i]) / truth[i] for i in range(3)] == pytest.approx([1, 1, 1], abs=3e-3)


def test_gaussian_bunch():
    sigma = 5e-4
    places = sigma * normal(2**17)
    beam = at_rest(places, 1e7, charge=CHARGE)
    e = field(beam, kicked(beam, grid=(48, 48, 48)), SHORT)
    r = np.linalg.norm(places, axis=0)
    u = r / sigma
    truth = COULOMB * CHARGE / r**2 * (erf(u / 2**0.5) - (2 / pi) ** 0.5 * u * np.exp(-(u**2) / 2))
    radial = (e * places).sum(axis=0) / r
    for low, high in ((0.3, 1.0), (1.0, 2.0), (2.0, 3.0)):
        here = (u > low) & (u < high)
        assert radial[here].mean() / truth[here].mean() == pytest.approx(1, abs=5e-3)


def gaussian_field(points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the field of a bunch of normal distribution, an integral over Gaussians as that of ellipsoids is."""
    squares = 2 * sizes**2
    q = np.exp(np.linspace(np.log(squares.min() * 1e-8), np.log(squares.max() * 1e10), 800))
    weight = q * np.prod(squares[:, None] + q, axis=0) ** -0.5
    density = np.exp(-sum(points[k][:, None] ** 2 / (squares[k] + q) for k in range(3)))
    parts = [2 / pi**0.5 * points[i] * np.trapezoid(density * weight / (squares[i] + q), np.log(q)) for i in range(3)]
    return COULOMB * CHARGE * np.array(parts)


@pytest.mark.parametrize("sizes", [(4e-4, 4e-4, 4e-2), (1e-4, 6e-4, 4e-2)])
def test_long_gaussian_bunch(sizes):
    """A hundred times as long as wide, as bunches are in their rest frame; across and along."""
    places = np.array(sizes)[:, None] * normal(2**16)
    beam = at_rest(places, 2e7, charge=CHARGE)
    some = slice(0, 3000)
    e = field(beam, kicked(beam), SHORT)[:, some]
    truth = gaussian_field(places[:, some], places.std(axis=1))
    assert [slope(e[i], truth[i]) for i in range(3)] == pytest.approx([1, 1, 1], abs=6e-3)  # its tails are cut
    assert (np.sqrt(((e - truth) ** 2).mean(axis=1) / (truth**2).mean(axis=1)) < 0.012).all()


def test_grids_of_some_standard_deviations():
    """Those outside neither push nor are pushed; those inside hardly notice."""
    places = 5e-4 * normal(2**15)
    beam = at_rest(places, 1e7, charge=CHARGE)
    whole, part = kicked(beam, grid=(40, 40, 40)), kicked(beam, extent=(3.0, 3.0, 3), grid=(40, 40, 40))
    outside = (np.abs(places - places.mean(axis=1)[:, None]) > 3 * places.std(axis=1)[:, None]).any(axis=0)
    assert 0 < outside.sum() < 500
    assert (part.px[outside] == 0).all()
    core = np.linalg.norm(places, axis=0) < 1e-3
    assert slope(part.px[core], whole.px[core]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shift", [0.0, 2e-3])
def test_pushes_add_up_to_nothing(shift):
    places = RADIUS * ball(2**12) + shift
    places[:, ::7] *= 1.7
    beam = at_rest(places, 1e7, charge=CHARGE)
    e = field(beam, kicked(beam), SHORT)
    assert np.abs(e.sum(axis=1)).max() < 1e-7 * np.abs(e).sum(axis=1).min()
    e = field(beam, kicked(beam, grid=(9, 12, 17)), SHORT)[:2]
    assert np.abs(e.sum(axis=1)).max() < 1e-13 * np.abs(e).sum(axis=1).min()


def test_fields_converge_with_the_grid():
    """To second order at least: the rim of a ball is a jump."""
    places = RADIUS * ball(2**18)
    beam = at_rest(places, 1e7, charge=CHARGE)
    truth = COULOMB * CHARGE / RADIUS**3
    errors = []
    for n in (10, 20, 40):
        e = field(beam, kicked(beam, grid=(n, n, n)), SHORT)
        errors.append(abs(slope(e, places) / truth - 1))
    assert errors[1] < errors[0] / 4
    assert errors[2] < errors[1] / 4


def test_integrated_green():
    """The mean of 1 / r over a cell, by a sum over points; far away it is 1 / r."""
    h = [np.array([1.0]), np.array([0.7]), np.array([2.0])]
    g = green(h, (4, 4, 4), NumpyBackend())
    assert g.shape == (5, 5, 5)
    points = [(np.arange(64) + 0.5) / 64 - 0.5 for _ in range(3)]
    for i, j, k in ((1, 0, 0), (2, 3, 1), (0, 0, 4)):
        x, y, z = np.meshgrid((i + points[0]) * 1.0, (j + points[1]) * 0.7, (k + points[2]) * 2.0, indexing="ij")
        assert g[i, j, k] == pytest.approx((1 / np.sqrt(x**2 + y**2 + z**2)).mean(), rel=2e-5)


@pytest.mark.parametrize("axes", [(1.0, 1.0, 1.0), (1.0, 2.0, 3.0), (1e-3, 1.0, 1.0), (1.0, 1.0, 1e3)])
def test_form_factors_are_carlsons_integrals(axes):
    squares = np.array(axes) ** 2
    m = form_factors([[np.asarray(squares[i] / 5 if i == j else 0.0) for j in range(3)] for i in range(3)])
    for i in range(3):
        assert m[i][i] == pytest.approx(elliprd(*np.delete(squares, i), squares[i]), rel=1e-7)


def test_form_factors_of_tilted_ellipsoids():
    angle = 0.4
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    upright = np.diag([1.0, 0.2, 2.0])

    def factors(a):
        return np.array(form_factors([[np.asarray(a[i, j]) for j in range(3)] for i in range(3)]))

    np.testing.assert_allclose(factors(turn @ upright @ turn.T), turn @ factors(upright) @ turn.T, rtol=0, atol=1e-12)


def test_momentum_is_that_of_the_species():
    assert gamma(1e9, 938272089.43) == pytest.approx(cv.Reference("proton", p0c=1e9).gamma, rel=1e-8)
