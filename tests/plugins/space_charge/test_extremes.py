"""Bunches at the ends of what there is: needles and pancakes, slow ones, tilted ones, some that are hardly there."""

import numpy as np
import pytest
from scipy.special import elliprd

import caraval as cv

from .bunches import COULOMB, at_rest, ball, field

CHARGE = 1e-13
RADIUS = 1e-4
SHORT = 1e-6
OFFSET = (2e-3, -1e-3)
"""Of bunches off the axis [m]: twenty radii."""


def kicked(beam, nodes=32):
    return cv.Lattice([cv.SpaceChargeKick(effect_length=SHORT, grid=(nodes,) * 3)]).track(beam)


def truths(axes):
    """Return the slopes of the field in a uniform ellipsoid [V/m^2]."""
    squares = np.array(axes) ** 2
    return [COULOMB * CHARGE * elliprd(*np.delete(squares, i), squares[i]) for i in range(3)]


def slopes(e, places):
    return (e * places).sum(axis=1) / (places**2).sum(axis=1)


@pytest.mark.parametrize("axes", [(1, 1, 1e3), (1, 1, 1e-3), (1, 1e3, 1)])
@pytest.mark.parametrize(("species", "beta"), [("electron", 0.01), ("proton", 0.01), ("proton", 0.9)])
def test_needles_and_pancakes_off_the_axis(axes, species, beta):
    mass = cv.ParticleBeam(x=[0.0], p0c=1e6, species=species).species.mass
    axes = RADIUS * np.array(axes)
    places = axes[:, None] * ball(2**15)
    beam = at_rest(places, mass * beta / np.sqrt(1 - beta**2), charge=CHARGE, species=species)
    beam = beam.replace(x=beam.x + OFFSET[0], y=beam.y + OFFSET[1])
    found = slopes(field(beam, kicked(beam, 48), SHORT), places) / truths(axes)
    assert found == pytest.approx([1, 1, 1], abs=0.01)


def test_a_tilted_bunch():
    sine, cosine = np.sin(0.6), np.cos(0.6)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    axes = RADIUS * np.array([1, 0.5, 6])
    places = axes[:, None] * ball(2**15)
    beam = at_rest(turn @ places, 1e7, charge=CHARGE)
    e = turn.T @ field(beam, kicked(beam, 64), SHORT)
    assert slopes(e, places) / truths(axes) == pytest.approx([1, 1, 1], abs=0.01)


def test_every_shell_of_a_sphere():
    places = RADIUS * ball(2**17)
    beam = at_rest(places, 1e7, charge=CHARGE)
    e = field(beam, kicked(beam, 64), SHORT)
    r = np.linalg.norm(places, axis=0)
    found = (e * places).sum(axis=0) / r**2 / (COULOMB * CHARGE / RADIUS**3)
    shells = [found[(r > low * RADIUS) & (r < (low + 0.15) * RADIUS)].mean() for low in (0.2, 0.35, 0.5, 0.65, 0.8)]
    assert shells == pytest.approx([1] * 5, abs=0.01)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("extent", [None, pytest.param(3.0, marks=pytest.mark.slow)])
def test_those_that_are_hardly_there(library, dtype, extent, to_numpy):
    """A few particles, one, all at one place, none with a charge, all lost: in magnets that are misaligned."""
    if library != "numpy":
        pytest.importorskip(library)
    lattice = cv.Lattice(
        [cv.SBend(length=0.1, angle=0.1, x_offset=1e-3, ref_tilt=0.2), cv.Solenoid(length=0.1, ks=0.3, x_pitch=1e-3)]
    ).with_space_charge(every=0.1, grid=(8, 8, 8), extent=extent)
    q = 1e-4 * np.random.default_rng(1).normal(size=(6, 2))
    full = cv.ParticleBeam(*q, p0c=1e7, charge=1e-9)
    bunches = [
        full,
        cv.ParticleBeam(*q[:, :1], p0c=1e7, charge=1e-9),
        cv.ParticleBeam(*np.zeros((6, 3)), p0c=1e7, charge=1e-9),
        full.replace(charge=np.zeros(2)),
        full.replace(alive=np.zeros(2, dtype=bool)),
    ]
    for beam in bunches:
        out = lattice.track(beam.to(library, dtype=dtype))
        assert all(np.isfinite(to_numpy(a)).all() for a in out.coordinates)
