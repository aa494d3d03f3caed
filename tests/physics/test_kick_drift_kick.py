"""The symplectic integrator converges at its order, to the solution of the exact Hamiltonian."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import caraval as cv
from caraval.core import scalar
from caraval.core.arrays import mixed
from caraval.core.registry import registry
from caraval.core.resolve import resolve

from ..cases import REFERENCES, particles
from .test_undo import WITHOUT

REFERENCE = REFERENCES["proton_1GeV"]
ERRORS = {"a1": 0.3, "b1": 0.2, "a2": 5.0, "b2": 40.0, "b3": -300.0, "scale_multipoles": False}
EDGELESS = {"length": 0.5, "angle": 0.3, "fringe_type": "none"}
CASES = {
    "quadrupole": cv.Quadrupole(length=0.5, k1=3.0),
    "quadrupole_defocusing": cv.Quadrupole(length=0.7, k1=-5.0),
    "quadrupole_errors": cv.Quadrupole(length=0.5, k1=2.0, hkick=0.01, vkick=-0.02, **ERRORS),
    "quadrupole_edges": cv.Quadrupole(length=0.5, k1=2.0, fringe_type="full", fq1=0.01, fq2=0.002),
    "sextupole": cv.Sextupole(length=0.3, k2=60.0),
    "sextupole_errors": cv.Sextupole(length=0.3, k2=60.0, hkick=0.01, **ERRORS),
    "octupole": cv.Octupole(length=0.4, k3=9000.0),
    "thick_multipole": cv.ThickMultipole(length=0.5, b1=1.0, a1=0.3, b2=20.0, a4=1e5),
    "solenoid_errors": cv.Solenoid(length=0.5, ks=1.5, hkick=0.01, **ERRORS),
    "sol_quad": cv.SolQuad(length=0.5, ks=1.5, k1=3.0),
    "sol_quad_errors": cv.SolQuad(length=0.5, ks=-1.5, k1=3.0, vkick=0.01, **ERRORS),
    "bend_with_gradient": cv.SBend(k1=2.0, k2=10.0, **EDGELESS),
    "bend_with_errors": cv.SBend(dg=0.05, hkick=0.01, vkick=-0.02, k1=2.0, **ERRORS, **EDGELESS),
    "bend_vertically_pure": cv.SBend(k1=2.0, k2=10.0, exact_multipoles="vertically_pure", **ERRORS, **EDGELESS),
    "bend_with_edges": cv.SBend(length=0.5, angle=0.3, k1=2.0, e1=0.1, e2=0.2, fint=0.5, hgap=0.02, fringe_type="full"),
    "bend_straight": cv.SBend(length=0.5, dg=0.3, k1=2.0, e1=0.1),
    "kicker": cv.Kicker(length=0.4, hkick=0.2, vkick=-0.1),
    "hkicker": cv.HKicker(length=0.4, kick=0.2),
    "vkicker": cv.VKicker(length=0.4, kick=0.2),
    "monitor": cv.Monitor(length=0.4, hkick=0.2, vkick=-0.1),
}
KICKERS = ("kicker", "hkicker", "vkicker")


def tracked(element: cv.Element, order: int, steps: int, split: str = "drift") -> np.ndarray:
    method = cv.KickDriftKick(order=order, num_steps=steps, split=split)
    beam = cv.ParticleBeam(*particles(6), reference=REFERENCE)
    return np.array(cv.Lattice([element.replace(tracking_method=method)]).track(beam).coordinates)


STEPS = {2: (8, 16), 4: (4, 8), 6: (2, 4)}
"""Numbers of steps with errors that are small, but not yet rounding."""


BENT = ("bend_with_gradient", "bend_with_errors", "bend_vertically_pure", "bend_with_edges")
ALL = [(name, split) for name in CASES for split in ("drift", "matrix")] + [(name, "free") for name in BENT]
BOTH = [(name, split) for name, split in ALL if split == "drift" or name not in KICKERS]


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize(("name", "split"), BOTH)
def test_error_falls_with_the_order_of_the_splitting(name, split, order):
    element, steps = CASES[name], STEPS[order]
    if order == 6 and name in (*KICKERS, "monitor"):
        steps = (1, 2)
    truth = tracked(element, 6, 64)
    coarse, fine = (np.abs(tracked(element, order, n, split) - truth).max() for n in steps)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", KICKERS)
def test_error_of_ptcs_quadrature_falls_with_the_square_of_the_step(name, order):
    truth = tracked(CASES[name], 6, 64)
    coarse, fine = (np.abs(tracked(CASES[name], order, n, "matrix") - truth).max() for n in (4, 8))
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    "element",
    [cv.Drift(length=0.7), cv.Solenoid(length=0.5, ks=1.5), cv.SBend(length=0.5, angle=0.3), cv.Quadrupole(length=0.5)],
)
def test_where_nothing_kicks_one_step_is_exact(element):
    assert np.array_equal(tracked(element, 2, 1), tracked(element, 6, 7))


@pytest.mark.parametrize("name", ["quadrupole", "sol_quad"])
def test_the_matrix_split_has_the_linear_motion_in_one_step(name):
    start = particles(6, scale=1e-5)
    start[5] = particles(6)[5]  # at any momentum

    def transverse(split: str, order: int, steps: int) -> np.ndarray:
        element = CASES[name].replace(tracking_method=cv.KickDriftKick(order=order, num_steps=steps, split=split))
        return np.array(cv.Lattice([element]).track(cv.ParticleBeam(*start, reference=REFERENCE)).coordinates)[:4]

    truth = transverse("drift", 6, 64)
    assert np.abs(transverse("matrix", 2, 1) - truth).max() < 1e-15
    assert np.abs(transverse("drift", 2, 1) - truth).max() > 1e-10


@pytest.mark.parametrize(("name", "split"), [case for case in ALL if case[0] != "bend_vertically_pure"])
def test_halves_of_half_the_steps_are_the_whole(name, split):
    method = cv.KickDriftKick(order=4, num_steps=6, split=split)
    element = CASES[name].replace(tracking_method=method)
    halves = [element.cut(0.0, element.length / 2), element.cut(element.length / 2, element.length)]
    beam = cv.ParticleBeam(*particles(6), reference=REFERENCE)
    whole, cut = (np.array(cv.Lattice(elements).track(beam).coordinates) for elements in ([element], halves))
    assert np.abs(cut - whole).max() < 1e-15


@pytest.mark.parametrize(("name", "split"), ALL)
def test_every_routine_undoes_itself(name, split):
    element = CASES[name].replace(tracking_method=cv.KickDriftKick(order=4, num_steps=2, split=split))
    q = cv.Coordinates(*particles(20))
    for step in resolve(registry(), element, 2):
        for routine in step.routines:
            if routine.undo is None and routine.inverse is None:
                assert routine.track.__name__ in {*WITHOUT, "aslant_edge"}
                continue
            constants = routine.constants(element, REFERENCE, REFERENCE, scalar)
            backwards = routine.inverse_constants(element, REFERENCE, REFERENCE, scalar)
            back = routine.track(backwards, routine.track(constants, q, mixed(np)), mixed(np))
            np.testing.assert_allclose(np.array(back), np.array(q), rtol=0, atol=1e-15)


def elegant(bend: cv.SBend, steps: int) -> np.ndarray:
    """Elegant's CSBEND by its manual: slices along the curve without field, and kicks by all of it, at order 4."""
    x, px, y, py, _, pz = particles(6)
    g, cube = bend.angle / bend.length, 2 ** (1 / 3)
    drifts = np.array([0.5, (1 - cube) / 2, (1 - cube) / 2, 0.5]) / (2 - cube)
    for share, weight in zip(np.tile(drifts, steps), np.tile([1.0, -cube, 1.0, 0.0], steps) / (2 - cube), strict=True):
        turn, forward = g * share * bend.length / steps, np.sqrt((1 + pz) ** 2 - py**2)
        phi = np.arcsin(px / forward)
        y = y + py / forward * (1 / g + x) * np.sin(turn) / np.cos(phi + turn)
        x, px = (1 / g + x) * np.cos(phi) / np.cos(phi + turn) - 1 / g, forward * np.sin(phi + turn)
        px = px - weight * bend.length / steps * (1 + g * x) * g
    return np.array([x, px, y, py])


def test_the_free_split_is_that_of_elegant():
    bend = cv.SBend(**EDGELESS)
    np.testing.assert_allclose(tracked(bend, 4, 3, "free")[:4], elegant(bend, 3), rtol=0, atol=1e-15)
    method = cv.KickDriftKick(order=4, num_steps=3, split="free")
    out = cv.Lattice([bend.replace(tracking_method=method)]).track(cv.ParticleBeam(x=[0.0], reference=REFERENCE))
    assert 1e-12 < abs(out.x[0]) < 1e-5  # its own error, on the axis, too


def test_a_slice_has_its_share_of_the_steps():
    element = cv.Quadrupole(length=1.0, k1=1.0, tracking_method=cv.KickDriftKick(num_steps=10))
    slices = [element.cut(0.0, 0.3), element.cut(0.3, 0.31), element.cut(0.31, 1.0), element.cut(0.3, 1.0).cut(0.0, 0.35)]
    slices += [element.cut(0.31, 0.55), element.cut(0.0, 0.25 - 1e-13)]  # 2.4, and 2.5 but for the last digits
    assert cv.Lattice(slices).planner.counts() == (3, 1, 7, 4, 2, 3)


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


@pytest.mark.parametrize("split", ["drift", "matrix"])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("quadrupole", lambda x, y: (3.0 * y, 3.0 * x)),
        ("sextupole", lambda x, y: (60.0 * x * y, 30.0 * (x * x - y * y))),
        ("octupole", lambda x, y: (1500.0 * (3 * x * x * y - y**3), 1500.0 * (x**3 - 3 * x * y * y))),
        ("monitor", lambda x, y: (-0.1 / 0.4, -0.2 / 0.4)),
        ("bend_straight", lambda x, y: (2.0 * y, 0.3 + 2.0 * x)),
    ],
)
def test_solution_is_that_of_the_exact_hamiltonian(name, field, split):
    element = CASES[name]
    if isinstance(element, cv.SBend):
        element = element.replace(fringe_at="no_end")
    assert np.abs(tracked(element, 6, 32, split) - exact(field, element.length, 0.0)).max() < 1e-13


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
