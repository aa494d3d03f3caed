"""Electric multipoles in a bend that obey Maxwell's equations there, against closed forms and laws of conservation."""

import numpy as np
import pytest

import caraval as cv
from caraval.core import scalar
from caraval.core.coordinates import Coordinates
from caraval.physics.shared import curved_electric
from caraval.physics.shared.curvilinear import gradient

REFERENCE = cv.Reference("proton", 1e9)
BEND = cv.SBend(length=0.5, angle=0.2, fringe_at="both_ends", exact_multipoles="vertically_pure")
G = 0.4
X, Y = (v.ravel() for v in np.meshgrid(np.linspace(-0.03, 0.03, 7), np.linspace(-0.03, 0.03, 5)))
LOG, H = np.log1p(G * X), 1 + G * X

# multipole: E_x, E_y and potential of the one that is pure off the plane (McMillan), for a unit strength
PURE = {
    "b0_elec": (1 / H, 0 * X, -LOG / G),
    "a0_elec": (0 * X, 1 + 0 * X, -Y),
    "b1_elec": ((H - 1 / H) / (2 * G), -Y, -(H * H / 2 - LOG - 0.5) / (2 * G * G) + Y * Y / 2),
    "a1_elec": (Y / H, LOG / G, -Y * LOG / G),
}


@pytest.mark.parametrize("name", PURE)
def test_fields_and_potentials_are_mcmillans(name):
    bend, scale = BEND.replace(**{name: 1e6}), 1e6 / REFERENCE.p0c
    zero = np.zeros_like(X)
    q = Coordinates(X, zero, Y, zero, zero, zero)
    kick = curved_electric.kick(2, 1.0).constants(bend, REFERENCE, REFERENCE, scalar)
    along_x, along_y = gradient(kick.slope, q)
    field_x, field_y, potential = PURE[name]
    np.testing.assert_allclose(-along_x, scale * bend.length * field_x, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(-along_y, scale * bend.length * field_y, rtol=1e-12, atol=1e-18)

    edge = curved_electric.edge(2, +1)
    out = edge.track(edge.constants(bend, REFERENCE, REFERENCE, scalar), q, np)
    energy = np.hypot(1 + out.pz, np.sqrt(kick.mass2)) - np.hypot(1, np.sqrt(kick.mass2))
    np.testing.assert_allclose(energy, -scale * potential, rtol=0, atol=1e-15)


def test_on_the_midplane_multipoles_may_be_pure_instead():
    bend = BEND.replace(b2_elec=1e8, exact_multipoles="horizontally_pure")
    zero = np.zeros_like(X)
    kick = curved_electric.kick(3, 1.0).constants(bend, REFERENCE, REFERENCE, scalar)
    along_x, along_y = gradient(kick.slope, Coordinates(X, zero, zero, zero, zero, zero))
    np.testing.assert_allclose(-along_x, 1e8 / REFERENCE.p0c * bend.length * X**2, rtol=1e-13, atol=1e-18)
    np.testing.assert_array_equal(along_y, 0)


def test_a_cylindrical_condenser_keeps_energy():
    """The magnetic field does no work; a straight electric one has another potential in a bend."""
    condenser = cv.SBend(length=0.5, angle=0.2, b0_elec=-3e7, fringe_type="none", fringe_at="no_end")
    nothing = np.zeros(3)
    x, px = np.array([0.0, 5e-3, -1e-2]), np.array([0.0, 2e-3, 1e-3])
    beam = cv.ParticleBeam(x, px, nothing, nothing, nothing, nothing, reference=REFERENCE)

    def energy(b: cv.ParticleBeam) -> np.ndarray:
        mass = REFERENCE.species.mass / REFERENCE.p0c
        return np.hypot(1 + np.asarray(b.pz), mass) + 3e7 / REFERENCE.p0c * np.log1p(G * np.asarray(b.x)) / G

    def change(exact: str, steps: int) -> float:
        element = condenser.replace(exact_multipoles=exact, tracking_method=cv.BmadStandard(num_steps=steps))
        return float(np.abs(energy(cv.Lattice([element]).track(beam)) - energy(beam)).max())

    coarse, fine = change("vertically_pure", 50), change("vertically_pure", 100)
    assert fine < 0.6 * coarse  # nothing but the error of finite steps
    assert fine < 1e-3 * change("off", 100)
