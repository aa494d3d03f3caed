"""The symplectic integrator converges at its order, to the solution of the exact Hamiltonian."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import caraval as cv

from ..cases import REFERENCES, particles

REFERENCE = REFERENCES["proton_1GeV"]
CASES = {
    "quadrupole": cv.Quadrupole(length=0.5, k1=3.0),
    "sextupole": cv.Sextupole(length=0.3, k2=60.0),
    "multipoles": cv.Quadrupole(length=0.5, k1=2.0, a1=0.3, b2=40.0, scale_multipoles=False),
    "bend_with_gradient": cv.SBend(length=0.5, angle=0.3, k1=2.0, k2=10.0, fringe_type="none"),
    "kicker": cv.Kicker(length=0.4, hkick=0.02, vkick=-0.01),
}


def tracked(element: cv.Element, order: int, steps: int) -> np.ndarray:
    method = cv.KickDriftKick(order=order, num_steps=steps)
    beam = cv.ParticleBeam(*particles(6), reference=REFERENCE)
    return np.array(cv.Lattice([element.replace(tracking_method=method)]).track(beam).coordinates)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", CASES)
def test_error_falls_with_the_order_of_the_splitting(name, order):
    element = CASES[name]
    truth = tracked(element, 6, 64)
    steps = {2: (8, 16), 4: (2, 4), 6: (1, 2)}[order]
    coarse, fine = (np.abs(tracked(element, order, n) - truth).max() for n in steps)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.35)


def exact(field, length: float, curvature: float) -> np.ndarray:
    """Integrate Hamilton's equations of the exact Hamiltonian numerically, as a second source.

    ``field(x, y)`` returns the normalised ``(B_x, B_y)`` including the dipole's.
    """
    mass2 = (REFERENCE.species.mass / REFERENCE.p0c) ** 2
    beta0 = 1 / np.sqrt(1 + mass2)

    def slope(s, q):
        x, px, y, py, _, pz = q
        p = 1 + pz
        h = 1 + curvature * x
        ps = np.sqrt(p * p - px * px - py * py)
        bx, by = field(x, y)
        beta = p / np.sqrt(p * p + mass2)
        return [h * px / ps, curvature * ps - h * by, h * py / ps, h * bx, beta / beta0 - h * p / ps, 0.0]

    out = [solve_ivp(slope, (0, length), start, method="DOP853", rtol=1e-13, atol=1e-16).y[:, -1] for start in particles(6).T]
    return np.array(out).T


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("quadrupole", lambda x, y: (3.0 * y, 3.0 * x)),
        ("sextupole", lambda x, y: (60.0 * x * y, 30.0 * (x * x - y * y))),
        ("kicker", lambda x, y: (-0.01 / 0.4, -0.02 / 0.4)),
    ],
)
def test_solution_is_that_of_the_exact_hamiltonian(name, field):
    assert np.abs(tracked(CASES[name], 6, 32) - exact(field, CASES[name].length, 0.0)).max() < 1e-13


def test_bend_with_gradient_solves_the_exact_hamiltonian_in_a_field_that_obeys_maxwell():
    g, k1 = 0.3 / 0.5, 2.0
    element = cv.SBend(length=0.5, angle=0.3, k1=k1, fringe_type="none")

    def field(x, y):
        """Return the field that is ``g + k1 x`` on the midplane, to fourth order in g y (by hand from Maxwell)."""
        h = 1 + g * x
        by = k1 * (x - g * y**2 / (2 * h) + g**3 * y**4 / (24 * h**3))
        bx = k1 * (y + g**2 * y**3 / (6 * h**2) - 3 * g**4 * y**5 / (120 * h**4))
        return bx, g + by

    assert np.abs(tracked(element, 6, 32) - exact(field, 0.5, g)).max() < 1e-13
