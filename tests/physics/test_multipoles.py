"""Multipoles, thick and thin, magnetic and electric; solenoids with a gradient; separators."""

from itertools import pairwise
from math import factorial

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import caraval as cv
from caraval.core import tracking
from caraval.core.arrays import mixed
from caraval.core.registry import registry
from caraval.physics.ab_multipole import ABMultipole
from caraval.physics.elseparator import ELSeparator
from caraval.physics.multipole import Multipole
from caraval.physics.octupole import Octupole
from caraval.physics.shared.solenoid_gradient import SolenoidGradientConstants, solenoid_gradient
from caraval.physics.sol_quad import SolQuad
from caraval.physics.thick_multipole import ThickMultipole
from caraval.testing.derivatives import S

from ..cases import MISALIGNED, MULTIPOLES, REFERENCES, SHIFTED, TILTED, particles

ELECTRON, PROTON = REFERENCES["electron_10MeV"], REFERENCES["proton_1GeV"]


def tracked(elements, reference=PROTON, q=None, method=None) -> np.ndarray:
    elements = [elements] if isinstance(elements, cv.Element) else elements
    if method is not None:
        elements = [element.replace(tracking_method=method) for element in elements]
    beam = cv.ParticleBeam(*(particles(8) if q is None else q), reference=reference)
    return np.array(cv.Lattice(elements).track(beam).coordinates)


def close(out: np.ndarray, truth: np.ndarray, tolerance: float = 1e-15) -> None:
    np.testing.assert_allclose(out, truth, rtol=0, atol=tolerance)


def kicked(q: np.ndarray, strength) -> np.ndarray:
    """Kick by ``dpx - i dpy = -strength(x + i y)``."""
    out = np.array(q)
    kick = strength(q[0] + 1j * q[2])
    out[1] -= kick.real
    out[3] += kick.imag
    return out


# -------------------------------------------------------------------- thin multipoles


def test_a_multipole_is_what_its_magnitudes_and_angles_say():
    q = particles(8)
    multipole = Multipole(k1l=0.4, t1=0.3, k3l=-200.0, t3=-0.2, tilt=0.1)

    def strength(zeta):
        first = 0.4 * zeta * np.exp(-2j * (0.3 + 0.1))
        return first - 200.0 / factorial(3) * zeta**3 * np.exp(-4j * (-0.2 + 0.1))

    close(tracked(multipole), kicked(q, strength), 1e-17)


def test_any_skew_strength_drops_the_tilt():
    q = particles(8)
    multipole = Multipole(k1l=0.4, k2sl=3.0, t2=0.3, tilt=0.1)
    close(tracked(multipole), kicked(q, lambda zeta: 0.4 * zeta + 1.5j * zeta**2 * np.exp(-0.9j)), 1e-17)


def test_multipoles_of_two_kinds_are_the_same():
    thin = Multipole(k1l=0.3, k2l=4.0, k2sl=-6.0, **{**SHIFTED, "tilt": 0.0})
    other = ABMultipole(b1=0.3, b2=2.0, a2=-3.0, **{**SHIFTED, "tilt": 0.0})
    close(tracked(thin), tracked(other), 1e-17)
    tilted = ABMultipole(b1=0.3, b2=2.0, **SHIFTED)
    close(tracked(Multipole(k1l=0.3, k2l=4.0, **SHIFTED)), tracked(tilted), 1e-17)


def test_a_thin_dipole_bends_the_reference_or_kicks():
    q = particles(8)
    dipole = {"k0l": 0.01, "k0sl": 0.004}
    bent = np.array(q)
    bent[1] += 0.01 * q[5]
    bent[3] -= 0.004 * q[5]
    bent[4] += -0.01 * q[0] + 0.004 * q[2]
    for method in ("bmad_standard", "kick_drift_kick"):
        close(tracked(Multipole(**dipole, k0l_status="bends_reference"), method=method), bent, 1e-17)
    straight = Multipole(**dipole, k0l_status="straight_reference")
    close(tracked(straight, method="bmad_standard"), bent, 1e-17)
    close(tracked(straight, method="kick_drift_kick"), kicked(q, lambda zeta: 0.01 + 0.004j + 0 * zeta), 1e-17)


def test_a_thin_dipole_must_say_what_it_does():
    with pytest.raises(cv.InputError, match="k0l_status"):
        Multipole(name="m", k0l=0.01)
    assert Multipole(k0l=0.01, multipoles_on=False).k0l == 0.01


@pytest.mark.parametrize("kind", [Multipole, ABMultipole])
def test_a_length_only_moves_the_reference(kind):
    strength = {"k1l": 0.3} if kind is Multipole else {"b1": 0.3}
    lattice = cv.Lattice([kind(length=0.2, **strength)])
    out = lattice.track(cv.ParticleBeam(*particles(8), reference=PROTON))
    close(np.array(out.coordinates), tracked(kind(**strength)), 0)
    assert out.reference == PROTON.drifted(0.2)


@pytest.mark.parametrize(
    "element",
    [
        Multipole(k1l=0.4, k2sl=5.0, length=0.3),
        ABMultipole(b1=0.4, a2=5.0, length=0.3),
        Multipole(k0l=0.01, k0l_status="bends_reference", length=0.3),
    ],
)
def test_thin_multipoles_in_slices_off_and_reversed(element):
    close(tracked([element.cut(0.0, 0.1), element.cut(0.1, 0.3)]), tracked(element), 1e-17)
    close(tracked([element, element.replace(orientation=-1)]), particles(8), 1e-17)
    close(tracked(element.replace(is_on=False)), particles(8), 0)
    close(tracked(element.replace(multipoles_on=False)), particles(8), 0)


@pytest.mark.parametrize(
    ("by_strength", "by_field"),
    [
        (Multipole(k1l=0.4, k2sl=5.0), Multipole(k1l=0.4 * PROTON.rigidity, k2sl=5.0 * PROTON.rigidity, field_master=True)),
        (ABMultipole(b1=0.4), ABMultipole(b1=0.4 * PROTON.rigidity, field_master=True)),
        (Octupole(length=0.3, k3=800.0), Octupole(length=0.3, b3_gradient=800.0 * PROTON.rigidity)),
        (ThickMultipole(length=0.3, b3=20.0), ThickMultipole(length=0.3, b3=20.0 * PROTON.rigidity, field_master=True)),
        (
            SolQuad(length=0.3, ks=0.5, k1=1.2, b3=0.1, hkick=1e-3),
            SolQuad(
                length=0.3, bs_field=0.5 * PROTON.rigidity, b1_gradient=1.2 * PROTON.rigidity, b3=0.1,
                bl_hkick=1e-3 * PROTON.rigidity,
            ),
        ),
    ],
)  # fmt: skip
def test_fields_in_place_of_strengths(by_strength, by_field):
    close(tracked(by_field), tracked(by_strength), 1e-16)


# -------------------------------------------------------------------- multipoles as they scale


@pytest.mark.parametrize(
    ("kind", "given", "factor", "main"),
    [
        (Octupole, {"k3": 600.0}, 600.0 * 0.4, 3),
        (SolQuad, {"k1": 1.2, "ks": 0.7}, 1.2 * 0.4, 1),
        (ELSeparator, {"hkick": -2e-3}, -2e-3, 0),
        (ELSeparator, {"hkick": -3e-3, "vkick": 4e-3}, 5e-3, 0),
        (ThickMultipole, {}, 1.0, None),
        (ABMultipole, {}, 1.0, None),
    ],
)
@pytest.mark.parametrize("radius", [0.0, 0.02])
def test_multipoles_are_relative_to_the_main_strength(kind, given, factor, main, radius):
    relative = {"a2": 0.3, "b3": -0.2}
    if main is None:
        element = kind(length=0.4, **given, **relative)
        found = element.strengths(np)
        assert found[2][0] == 0.3
        assert found[3][1] == -0.2
        return
    element = kind(length=0.4, **given, **relative, r0_mag=radius)
    scale = {n: factor * (radius or 1.0) ** (main - n) for n in (2, 3)}
    absolute = kind(length=0.4, **given, a2=0.3 * scale[2], b3=-0.2 * scale[3], scale_multipoles=False, r0_mag=radius)
    close(tracked(element), tracked(absolute), 1e-16)
    assert np.abs(tracked(element) - tracked(kind(length=0.4, **given))).max() > 1e-9


@pytest.mark.parametrize("kind", [Octupole, ThickMultipole, SolQuad])
def test_kicks_do_not_tilt(kind):
    kick = {"hkick": 1e-3, "vkick": -2e-3, "length": 0.4}
    close(tracked(kind(**kick, tilt=0.4)), tracked(kind(**kick)), 1e-17)


# -------------------------------------------------------------------- solenoid with a gradient


def linear_motion(length, half, k1, q):
    """Matrix exponential of the paraxial motion, and the integral of the kinetic energy along it (Van Loan)."""
    momentum = 1 + q[5]
    a = np.array(
        [
            [0, 1 / momentum, half / momentum, 0],
            [-(half**2) / momentum - k1, 0, 0, half / momentum],
            [-half / momentum, 0, 0, 1 / momentum],
            [0, -half / momentum, -(half**2) / momentum + k1, 0],
        ]
    )
    w = np.array([[0, 1, half, 0], [-half, 0, 0, 1]])
    matrix, lag = np.eye(4), np.zeros((4, 4))
    steps = 16  # short ones, for the exponential of -a would spoil the digits
    together = expm(np.block([[-a.T, w.T @ w / (2 * momentum**2)], [np.zeros((4, 4)), a]]) * length / steps)
    piece, kinetic = together[4:, 4:], together[4:, 4:].T @ together[:4, 4:]
    for _ in range(steps):
        lag = lag + matrix.T @ kinetic @ matrix
        matrix = piece @ matrix
    return np.array([*(matrix @ q[:4]), q[4] - q[:4] @ lag @ q[:4]])


@pytest.mark.parametrize("k1", [0.0, 1e-12, 1e-4, 1.3, -20.0])
@pytest.mark.parametrize("half", [0.0, 1e-9, 0.4, -3.0, 7.0])
def test_solenoid_with_gradient_is_the_matrix_exponential(half, k1):
    q = particles(8)
    c = SolenoidGradientConstants(0.9, half, k1, 0.0)
    out = np.array(solenoid_gradient(c, cv.Coordinates(*q), mixed(np)))
    truth = np.array([linear_motion(0.9, half, k1, start) for start in q.T]).T
    scale = np.abs(truth).max(axis=1, keepdims=True)
    assert (np.abs(out[:5] - truth) / scale).max() < 1e-13


def test_without_gradient_the_body_is_exact_and_with_none_at_all_it_still_counts_as_paraxial():
    q = particles(8)
    element = SolQuad(length=0.5, ks=0.8)
    close(tracked(element), tracked(cv.Solenoid(length=0.5, ks=0.8)), 0)
    with_error = SolQuad(length=0.5, ks=0.8, b1=0.3)  # relative to no gradient
    close(tracked(with_error), tracked(element), 0)
    least = tracked(element.replace(k1=1e-30), q=q)
    assert 1e-9 < np.abs(least - tracked(element)).max() < 1e-6
    close(tracked(SolQuad(length=0.5, ks=0.8, k1=0.2, b1=0.5)), tracked(SolQuad(length=0.5, ks=0.8, k1=0.3)), 1e-16)


def test_without_solenoid_it_is_a_quadrupole():
    kicks = {"hkick": 1e-3, **MULTIPOLES, **MISALIGNED}
    method = cv.BmadStandard(num_steps=4)
    quadrupole = cv.Quadrupole(length=0.5, k1=1.7, **kicks)
    close(tracked(SolQuad(length=0.5, k1=1.7, **kicks), method=method), tracked(quadrupole, method=method), 1e-16)


@pytest.mark.parametrize(("name", "other"), [("k1", {"ks": 0.6}), ("k1", {"ks": 0.0}), ("ks", {"k1": 1.3})])
def test_derivatives_are_right_where_strengths_vanish(name, other):
    torch = pytest.importorskip("torch")

    def total(value):
        element = SolQuad(length=0.5, **other).replace(**{name: value})
        beam = cv.ParticleBeam(*map(torch.tensor, particles(8)), reference=PROTON)
        out = cv.Lattice([element]).track(beam)
        return (out.x + out.py + out.z).sum()

    def at(value):
        return float(total(torch.tensor(value, dtype=torch.float64)))

    zero = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(total(zero), zero, create_graph=True)
    (second,) = torch.autograd.grad(first, zero)
    h = 1e-2
    assert first.item() == pytest.approx((8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h), rel=1e-7)
    around = 16 * (at(h) + at(-h)) - (at(2 * h) + at(-2 * h)) - 30 * at(0.0)
    assert second.item() == pytest.approx(around / (12 * h**2), rel=1e-6)


# -------------------------------------------------------------------- the symplectic integrator


def exact(length: float, slope, reference=PROTON) -> np.ndarray:
    """Integrate ``slope(q, p_s, mass2) -> (dpx, dpy)`` per length, beside the kinematics, numerically."""
    mass2 = (reference.species.mass / reference.p0c) ** 2
    beta0 = 1 / np.sqrt(1 + mass2)

    def all_slopes(s, q):
        momentum = 1 + q[5]
        energy = np.sqrt(momentum**2 + mass2)
        ux, uy, fx, fy, power = slope(q, momentum, energy)
        ps = np.sqrt(momentum**2 - ux**2 - uy**2)
        gain = power / ps
        dpz = energy * gain / momentum
        beta = momentum / energy
        dbeta = mass2 / energy**3 * dpz
        dz = beta / beta0 - momentum / ps + q[4] * dbeta / beta
        return [ux / ps, fx(ps), uy / ps, fy(ps), dz, dpz]

    run = [solve_ivp(all_slopes, (0, length), start, method="DOP853", rtol=1e-13, atol=1e-16) for start in particles(8).T]
    return np.array([r.y[:, -1] for r in run]).T


def magnetic(field, half=0.0):
    """Slopes in a field ``(B_x, B_y)`` and a solenoid."""

    def slope(q, momentum, energy):
        bx, by = field(q[0], q[2])
        ux, uy = q[1] + half * q[2], q[3] - half * q[0]
        return ux, uy, lambda ps: -by + half * uy / ps, lambda ps: bx - half * ux / ps, 0.0

    return slope


def electric(kx, ky):
    """Slopes in a uniform electric field."""

    def slope(q, momentum, energy):
        return q[1], q[3], lambda ps: kx * energy / ps, lambda ps: ky * energy / ps, kx * q[1] + ky * q[3]

    return slope


SOLUTIONS = {
    "octupole": (
        Octupole(length=0.4, k3=3000.0),
        magnetic(lambda x, y: (500 * (3 * x**2 * y - y**3), 500 * (x**3 - 3 * x * y**2))),
    ),
    "thick_multipole": (
        ThickMultipole(length=0.4, a1=0.2, b2=8.0),
        magnetic(lambda x, y: (20 * 2 * x * y + 0.5 * x, 20 * (x**2 - y**2) - 0.5 * y)),
    ),
    "sol_quad": (SolQuad(length=0.4, ks=1.6, k1=3.0), magnetic(lambda x, y: (3.0 * y, 3.0 * x), 0.8)),
    "elseparator": (ELSeparator(length=0.4, hkick=0.02, vkick=-0.01, fringe_at="no_end"), electric(0.05, -0.025)),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLUTIONS)
def test_solution_is_that_of_the_exact_motion(name):
    element, slope = SOLUTIONS[name]
    method = cv.KickDriftKick(order=6, num_steps=32)
    close(tracked(element, method=method), exact(element.length, slope), 2e-13)


STEPPED = {
    "octupole": Octupole(length=0.4, k3=3e4, b5=10.0),
    "thick_multipole": ThickMultipole(length=0.4, a1=0.3, b2=20.0),
    "sol_quad": SolQuad(length=0.4, ks=1.6, k1=3.0, b2=10.0),
    "elseparator": ELSeparator(length=0.4, hkick=0.02, vkick=-0.01, b1=60.0, **TILTED),
}


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", STEPPED)
def test_error_falls_with_the_order_of_the_splitting(name, order):
    def run(order: int, steps: int) -> np.ndarray:
        return tracked(STEPPED[name], method=cv.KickDriftKick(order=order, num_steps=steps))

    truth = run(6, 64)
    steps = {2: (8, 16), 4: (3, 6), 6: (2, 4)}[order]
    coarse, fine = (np.abs(run(order, n) - truth).max() for n in steps)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.35)


def jacobian(element: cv.Element, start: np.ndarray, reference: cv.Reference) -> np.ndarray:
    lattice = cv.Lattice([element])
    prepared = lattice.planner.plan([], reference).prepare(lattice.elements, reference, particles=False)
    return np.array(tracking.transfer_map(prepared, registry().backend("numpy"), start).matrix)


@pytest.mark.parametrize("reference", [ELECTRON, PROTON])
@pytest.mark.parametrize(
    "method", [cv.KickDriftKick(order=4, num_steps=2), cv.KickDriftKick(split="matrix"), cv.BmadStandard()]
)
@pytest.mark.parametrize("name", STEPPED)
def test_maps_are_symplectic_also_far_from_the_axis(name, method, reference):
    element = STEPPED[name].replace(tracking_method=method)
    for start in particles(6, scale=5.0).T:
        m = jacobian(element, start, reference)
        assert np.linalg.norm(m.T @ S @ m - S) < 1e-13 * np.linalg.norm(m) ** 2


# -------------------------------------------------------------------- separators


def test_a_separator_gives_back_the_energy_that_it_takes():
    out = tracked(ELSeparator(length=0.5, hkick=2e-2, vkick=-1e-2, **TILTED), ELECTRON)
    close(out[5], particles(8)[5], 1e-15)
    inside = tracked(ELSeparator(length=0.5, hkick=2e-2, fringe_at="no_end"), ELECTRON)
    gain = np.sqrt((1 + inside[5]) ** 2 + 0.0026112) - np.sqrt((1 + particles(8)[5]) ** 2 + 0.0026112)
    np.testing.assert_allclose(gain, -0.04 * (inside[0] - particles(8)[0]), rtol=1e-4)  # an electron goes against the field


def test_a_separator_by_its_voltage_is_vertical():
    kick = 0.5 * 4e5 / 0.1 / (PROTON.p0c * PROTON.beta)
    by_kick = ELSeparator(length=0.5, vkick=kick, **TILTED)
    close(tracked(ELSeparator(length=0.5, voltage=4e5, gap=0.1, **TILTED)), tracked(by_kick), 1e-17)
    close(tracked(ELSeparator(length=0.5, e_field=4e6, **TILTED)), tracked(by_kick), 1e-17)


def test_a_separator_is_given_once():
    with pytest.raises(cv.InputError, match="hkick or vkick and e_field say the same"):
        ELSeparator(length=0.5, vkick=1e-3, e_field=1e5)
    with pytest.raises(cv.InputError, match="voltage needs a gap"):
        ELSeparator(length=0.5, voltage=1e5)


def test_a_separator_without_length_or_switched_off_has_no_field():
    close(tracked(ELSeparator(hkick=1e-3)), particles(8), 0)
    close(tracked(ELSeparator(length=0.5, hkick=1e-3, is_on=False)), tracked(cv.Drift(length=0.5)), 0)


def test_charges_go_opposite_ways():
    up, down = (tracked(ELSeparator(length=0.5, vkick=1e-3), REFERENCES[name], np.zeros((6, 1))) for name in
                ("proton_1GeV", "antiproton_300MeV"))  # fmt: skip
    assert up[3, 0] == pytest.approx(1e-3 / PROTON.beta, rel=1e-6)
    assert down[3, 0] == pytest.approx(-1e-3 / REFERENCES["antiproton_300MeV"].beta, rel=1e-6)


def test_a_particle_that_would_be_turned_around_is_lost():
    lattice = cv.Lattice([ELSeparator(length=10.0, hkick=11.0, fringe_at="no_end")])
    out = lattice.track(cv.ParticleBeam(x=[0.0, 0.0], pz=[0.0, 9.0], reference=PROTON))
    assert out.alive.tolist() == [False, True]


# -------------------------------------------------------------------- slices, reversed


@pytest.mark.parametrize(
    "element",
    [
        SolQuad(length=0.5, ks=0.6, k1=1.3, **TILTED),
        ELSeparator(length=0.5, hkick=1e-3, vkick=2e-3, **TILTED),
        ELSeparator(length=0.5, voltage=1e5, gap=0.1),
    ],
)
def test_slices_track_as_the_whole(element):
    places = [0.0, 0.1, 0.25, element.length]
    close(tracked([element.cut(a, b) for a, b in pairwise(places)]), tracked(element), 2e-15)


@pytest.mark.parametrize(
    "element",
    [Octupole(length=0.5, k3=800.0, **MULTIPOLES), ThickMultipole(length=0.5, b2=3.0, hkick=1e-3),
     cv.Quadrupole(length=0.5, k1=1.0, b1_elec=1e6, a2_elec=1e8)],
)  # fmt: skip
def test_slices_of_a_stepped_element_converge_to_the_same_solution(element):
    slices = [element.cut(0.0, 0.15), element.cut(0.15, 0.5)]
    fine = cv.BmadStandard(num_steps=300)
    close(tracked(slices, method=fine), tracked(element, method=fine), 1e-8)


def test_backwards_through_a_reversed_element_is_back():
    turn = np.array([1, -1, 1, -1, -1, 1])[:, None]
    method = cv.BmadStandard(num_steps=3)
    pairs = [
        (SolQuad(length=0.5, ks=0.6, k1=1.3, hkick=1e-3, b2=3.0, **TILTED), {"ks": -0.6, "k1": -1.3, "hkick": -1e-3}),
        (Octupole(length=0.5, k3=800.0, a2=0.1, **TILTED), {"k3": -800.0}),
        (ThickMultipole(length=0.5, b3=80.0, a2=0.1, **TILTED), {"b3": -80.0, "a2": -0.1}),
        (ELSeparator(length=0.5, hkick=2e-3, vkick=1e-3, **TILTED), {}),
        (Multipole(k2l=2.0, k0l=0.01, t2=0.3, k0l_status="bends_reference", x_offset=1e-3), {"k2l": -2.0, "k0l": -0.01}),
        (ABMultipole(b2=2.0, tilt=0.1, z_offset=0.01), {"b2": -2.0}),
    ]
    for element, opposite in pairs:  # magnetic fields change their sign when time does, electric ones do not
        there = tracked(element, ELECTRON, method=method)
        back = tracked(element.replace(**opposite, orientation=-1), ELECTRON, turn * there, method)
        close(turn * back, particles(8), 1e-15)


# -------------------------------------------------------------------- electric multipoles


def electric_kick(q, strength, length, reference, curvature=None):
    """Kick by ``E_x - i E_y = strength(x + i y)`` [V/m] at unchanged longitudinal momentum, by the book."""
    mass2 = (reference.species.mass / reference.p0c) ** 2
    x, px, y, py, z, pz = q
    momentum = 1 + pz
    ps = np.sqrt(momentum**2 - px**2 - py**2)
    beta = momentum / np.sqrt(momentum**2 + mass2)
    field = strength(x + 1j * y) * reference.species.charge / reference.p0c
    time = length / beta * (1.0 if curvature is None else (1 + curvature * x) * momentum / ps)
    px, py = px + time * field.real, py - time * field.imag
    after = np.sqrt(ps**2 + px**2 + py**2)
    return np.array([x, px, y, py, z * after / np.sqrt(after**2 + mass2) / beta, after - 1])


def electric_edge(q, potential, side, reference):
    """Gain ``-side q phi``."""
    mass2 = (reference.species.mass / reference.p0c) ** 2
    momentum = 1 + q[5]
    energy = np.sqrt(momentum**2 + mass2)
    gained = energy - side * potential(q[0] + 1j * q[2]) * reference.species.charge / reference.p0c
    after = np.sqrt(gained**2 - mass2)
    return np.array([*q[:4], q[4] * (after / gained) / (momentum / energy), after - 1])


@pytest.mark.parametrize("reference", [ELECTRON, PROTON])
@pytest.mark.parametrize("fringe_at", ["both_ends", "entrance_end", "exit_end", "no_end"])
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (cv.Kicker, {}), (cv.HKicker, {}), (cv.VKicker, {}), (cv.Sextupole, {}), (Octupole, {}), (ThickMultipole, {}),
        (cv.SBend, {"angle": 0.1, "fringe_type": "none"}),
    ],
)  # fmt: skip
def test_electric_multipoles_are_those_of_the_book(kind, given, fringe_at, reference):
    a0, b1, a2 = 2e4, -1e6, 3e7
    fields = {"a0_elec": a0, "b1_elec": b1, "a2_elec": a2}
    element = kind(length=0.4, fringe_at=fringe_at, **given, **fields, tracking_method=cv.BmadStandard(num_steps=2))
    body = cv.SBend(length=0.2, angle=0.05, fringe_type="none") if kind is cv.SBend else cv.Drift(length=0.2)
    curvature = 0.25 if kind is cv.SBend else None

    def strength(zeta):
        return -1j * a0 + b1 * zeta - 1j * a2 * zeta**2

    def potential(zeta):
        return -(-1j * a0 * zeta + b1 * zeta**2 / 2 - 1j * a2 * zeta**3 / 3).real

    q = particles(8)
    if fringe_at in ("both_ends", "entrance_end"):
        q = electric_edge(q, potential, +1, reference)
    q = electric_kick(q, strength, 0.1, reference, curvature)
    q = tracked(body, reference, q)
    q = electric_kick(q, strength, 0.2, reference, curvature)
    q = tracked(body, reference, q)
    q = electric_kick(q, strength, 0.1, reference, curvature)
    if fringe_at in ("both_ends", "exit_end"):
        q = electric_edge(q, potential, -1, reference)
    close(tracked(element, reference), q, 2e-16 * 4)


def test_a_quadrupole_with_both_kinds_of_multipoles_is_bmads():
    """Orbit and matrix are of Bmad (2026-08): a positron of 1.5 MeV, on its reference orbit before the magnet."""
    quadrupole = cv.Quadrupole(
        length=0.6, k1=-0.11, tilt=np.pi / 4, x_offset=1e-3, y_pitch=1e-3, a0=0.01, a1=0.1, vkick=-1e-4, b0_elec=-2e3,
        a1_elec=2e4, tracking_method=cv.BmadStandard(num_steps=10),
    )  # fmt: skip
    found = cv.Lattice([quadrupole]).transfer_map(cv.Reference("positron", BMAD_P0C))
    np.testing.assert_allclose(found.offset, BMAD_ORBIT, rtol=0, atol=1e-16)
    np.testing.assert_allclose(found.matrix, BMAD_MATRIX, rtol=0, atol=2e-15)


BMAD_P0C = 1410276.5942869927
BMAD_ORBIT = [
    -5.052967911320176e-05,
    -0.0001792125619004075,
    -0.0003819230084439108,
    -0.0012740439586217205,
    -8.010495059205395e-08,
    3.5020803099960323e-09,
]
BMAD_MATRIX = [
    [0.9993302464772209, 0.5998608651772478, 0.019799818867420566, 0.003959847676349351, 0.0, 7.382999201928691e-05],
    [-0.0020142553292587587, 0.9993303036558085, 0.06600078730656128, 0.019799969259964856, 0.0, 8.207704542034978e-05],
    [0.019798875660512666, 0.003959622422390558, 1.0007981673694202, 0.6001502625724917, 0.0, 0.00040447484707757545],
    [0.06600089842055039, 0.0198002965991915, 0.002886490581819727, 1.000801782639582, 0.0, 7.632351306812672e-05],
    [
        -5.6993660654909524e-05,
        3.225035685557891e-05,
        -7.196318463665745e-05,
        0.00036013444483775346,
        1.0000000004064278,
        0.0696320761471691,
    ],
    [-3.9764225238632725e-07, -1.3792032251751067e-07, -4.55116252213051e-08, -4.4037576494584084e-08, 0.0, 0.9999999960519715],
]


def test_a_uniform_electric_multipole_becomes_a_separator():
    """In a bend, where Bmad has the time in the field to all orders."""
    separator = ELSeparator(length=0.5, vkick=2e-3)
    field = 2e-3 / 0.5 * PROTON.p0c
    errors = []
    for steps in (20, 40):
        bend = cv.SBend(length=0.5, fringe_type="none", a0_elec=field, tracking_method=cv.BmadStandard(num_steps=steps))
        errors.append(np.abs(tracked(bend) - tracked(separator)).max())
    assert errors[0] < 1e-7
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)  # Bmad takes the speed before each kick


def test_electric_multipoles_at_a_radius():
    at_radius = cv.Sextupole(length=0.3, b2_elec=1e5, r0_elec=0.02)
    close(tracked(at_radius), tracked(cv.Sextupole(length=0.3, b2_elec=1e5 / 0.02**2)), 1e-17)
    unscaled = at_radius.replace(scale_multipoles=False)
    close(tracked(unscaled), tracked(cv.Sextupole(length=0.3, b2_elec=1e5)), 0)
    close(tracked(at_radius.replace(multipoles_on=False)), tracked(cv.Drift(length=0.3)), 0)
    close(tracked(cv.Sextupole(b2_elec=1e9)), particles(8), 0)


def test_electric_multipoles_make_an_element_stepped():
    element = cv.Quadrupole(length=0.6, k1=0.5, b1_elec=1e6)
    assert cv.Lattice([element], reference=PROTON).planner.counts() == (15,)
    assert cv.Lattice([element.replace(b1_elec=None)], reference=PROTON).planner.counts() == (1,)
    assert cv.Lattice([Octupole(length=0.6, k3=1.0)], reference=PROTON).planner.counts() == (3,)
    assert cv.Lattice([SolQuad(length=0.6, k1=1.0, b2_elec=1e6)], reference=PROTON).planner.counts() == (3,)


def test_the_linear_method_knows_electric_multipoles():
    element = cv.Quadrupole(length=0.6, k1=0.5, b1_elec=1e6)
    linear = cv.Lattice([element.replace(tracking_method="linear")], reference=PROTON).transfer_map()
    routine = cv.Lattice([element], reference=PROTON).transfer_map()
    np.testing.assert_allclose(linear.matrix, routine.matrix, rtol=0, atol=1e-15)


@pytest.mark.parametrize("kind", [cv.Quadrupole, cv.Sextupole, cv.Kicker, cv.Solenoid, SolQuad, ELSeparator, cv.SBend])
def test_the_symplectic_integrator_refuses_electric_multipoles(kind):
    element = kind(name="q", length=0.3, b1_elec=1e5, tracking_method="kick_drift_kick")
    with pytest.raises(cv.InputError, match="kick_drift_kick has no electric multipoles"):
        tracked(element)


@pytest.mark.parametrize("kind", [ABMultipole, Multipole, cv.Drift, cv.Monitor])
def test_elements_without_electric_multipoles_have_none(kind):
    with pytest.raises(cv.UnknownNameError):
        kind(length=0.3, b1_elec=1e5)
