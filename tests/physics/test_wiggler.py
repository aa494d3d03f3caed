"""Wigglers: the field model that is integrated, and what is odd about Bmad's mean motion."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import caraval as cv
from caraval.core.reference import C_LIGHT
from caraval.core.registry import registry
from caraval.physics.undulator import Undulator
from caraval.physics.wiggler import Wiggler

from ..cases import REFERENCES, particles
from .test_symplectic import symplectic_error

REFERENCE = REFERENCES["electron_100MeV"]
START = particles(8, scale=0.3)

CASES = {
    "planar": Wiggler(length=0.5, b_max=0.4, l_period=0.1),
    "planar_kx": Wiggler(length=0.5, b_max=0.4, l_period=0.1, kx=20.0),
    "helical": Wiggler(length=0.5, b_max=0.4, l_period=0.1, field_calc="helical_model"),
}


def tracked(element: cv.Element, start: np.ndarray = START, reference: cv.Reference = REFERENCE) -> np.ndarray:
    return np.array(cv.Lattice([element]).track(cv.ParticleBeam(*start, reference=reference)).coordinates)


def stepped(element: cv.Element, order: int, steps: int, start: np.ndarray = START) -> np.ndarray:
    return tracked(element.replace(tracking_method=cv.KickDriftKick(order=order, num_steps=steps)), start)


def field(wiggler: Wiggler, x: float, y: float, s: float) -> tuple[float, float, float]:
    """Return ``B_x, B_y, B_s`` [T] of the Bmad manual's model."""
    kz = 2 * np.pi / wiggler.l_period
    phase = kz * (s - wiggler.length / 2)
    c, si = np.cos(phase), np.sin(phase)
    if wiggler.is_helical():
        bx, by = -np.cosh(kz * x) * si, np.cosh(kz * y) * c
        bs = -(np.sinh(kz * x) * c + np.sinh(kz * y) * si)
    else:
        kx = wiggler.kx
        ky = np.hypot(kx, kz)
        bx = -kx / ky * np.sin(kx * x) * np.sinh(ky * y) * c
        by = np.cos(kx * x) * np.cosh(ky * y) * c
        bs = -kz / ky * np.cos(kx * x) * np.sinh(ky * y) * si
    return tuple(wiggler.b_max * b for b in (bx, by, bs))


def exact(wiggler: Wiggler) -> np.ndarray:
    """Integrate the paraxial equations of motion in the field, as a second source."""
    mass2 = (REFERENCE.species.mass / REFERENCE.p0c) ** 2
    speed0 = 1 / np.sqrt(1 + mass2)
    k = 2 * np.pi / wiggler.l_period
    detour = wiggler.b_max * C_LIGHT / REFERENCE.p0c / k
    lag = 1 + detour**2 / (2 if wiggler.is_helical() else 4)

    def slope(s, q):
        x, px, y, py, _, pz = q
        p = 1 + pz
        bx, by, bs = (b / REFERENCE.rigidity for b in field(wiggler, x, y, s))
        u, v = px / p, py / p
        speed = p / np.sqrt(p * p + mass2)
        return [u, v * bs - by, v, bx - u * bs, lag * speed / speed0 - 1 - (u * u + v * v) / 2, 0.0]

    def potential(q: np.ndarray, end: float) -> np.ndarray:
        """Return ``a_y`` of a helical wiggler at an end, by which canonical momenta differ there."""
        phase = np.cos(k * (end - wiggler.length / 2))
        value = -wiggler.b_max / REFERENCE.rigidity / k * (np.cosh(k * q[0]) - 1) * phase
        return value if wiggler.is_helical() else 0.0 * value

    start = START.copy()
    start[3] -= potential(start, 0.0)
    ends = [solve_ivp(slope, (0, wiggler.length), q, method="DOP853", rtol=1e-13, atol=1e-16).y[:, -1] for q in start.T]
    out = np.array(ends).T
    out[3] += potential(out, wiggler.length)
    return out


@pytest.mark.parametrize("name", CASES)
def test_the_integrator_converges_to_the_motion_in_the_field(name):
    assert np.abs(stepped(CASES[name], 6, 400) - exact(CASES[name])).max() < 2e-13


@cache
def finest(name: str) -> np.ndarray:
    return stepped(CASES[name], 6, 600)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", CASES)
def test_error_falls_with_the_order_of_the_splitting(name, order):
    truth = finest(name)
    steps = {2: (200, 400), 4: (100, 200), 6: (100, 150)}[order]
    coarse, fine = (np.abs(stepped(CASES[name], order, n) - truth)[:4].max() for n in steps)
    assert np.log(coarse / fine) / np.log(steps[1] / steps[0]) == pytest.approx(order, abs=0.35)


KICKED = {"hkick": 1e-3, "vkick": -2e-3, "b2": 3.0, "a1": 0.2, "tilt": 0.2, "x_offset": 1e-3}


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("more", [KICKED, {"l_period": 0.09}])
@pytest.mark.parametrize("name", CASES)
def test_kick_drift_kick_is_symplectic(name, more, order):
    method = cv.KickDriftKick(order=order, num_steps=3)
    element = CASES[name].replace(length=0.1, **more, tracking_method=method)
    assert symplectic_error(element, REFERENCES["electron_10MeV"]) < 1e-13


def test_kick_drift_kick_is_what_bmads_own_integrator_does():
    """Particle 2 of the records ``wig_planar_kx`` and ``und_planar`` at 100 MeV/c with ``symp_lie_bmad``."""
    start = np.array([[0.001, 0.0002, -0.0005, 0.0003, 0.001, 0.001]]).T
    method = cv.KickDriftKick(num_steps=1000)
    wiggler = Wiggler(length=1.0, b_max=0.4, l_period=0.1, kx=20.0, tracking_method=method)
    out = tracked(wiggler, start)[:4, 0]
    truth = [0.0012501753706113644, 0.00030333996842791985, -5.3316757709764265e-05, 0.0005347335505587723]
    np.testing.assert_allclose(out, truth, rtol=0, atol=1e-13)
    z = 0.0010001271417608305 + C_LIGHT * (3.3359882590461155e-09 - 3.335988316682103e-09)  # Bmad's clock is another
    np.testing.assert_allclose(tracked(wiggler, start)[4, 0], z, rtol=0, atol=1e-12)


def test_a_period_has_twenty_steps_at_least():
    element = CASES["planar"]
    np.testing.assert_array_equal(stepped(element, 2, 1), stepped(element, 2, 100))
    assert not np.array_equal(stepped(element, 2, 1), stepped(element, 2, 101))


@pytest.mark.parametrize("name", CASES)
def test_slices_step_as_the_whole(name):
    element = CASES[name].replace(
        tracking_method=cv.KickDriftKick(order=4, num_steps=100), x_offset=1e-3, y_pitch=1e-3, hkick=1e-3, **KICK_FIELDS
    )
    whole = tracked(element)
    pieces = cv.Lattice([element.cut(a, b) for a, b in pairwise([0.0, 0.105, 0.3, 0.5])])
    np.testing.assert_allclose(
        np.array(pieces.track(cv.ParticleBeam(*START, reference=REFERENCE)).coordinates), whole, rtol=0, atol=1e-15
    )


KICK_FIELDS = {"b3": 10.0, "r0_mag": 0.02}


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
@pytest.mark.parametrize("name", CASES)
def test_a_reversed_wiggler_takes_particles_back(name, method):
    """An antiparticle that starts where a particle came out, and the other way, comes out where the particle went in."""
    element = CASES[name].replace(tracking_method=method)
    turned = np.array([1, -1, 1, -1, -1, 1])[:, None]
    there = tracked(element)
    back = tracked(element.replace(orientation=-1), turned * there, cv.Reference("positron", REFERENCE.p0c))
    np.testing.assert_allclose(turned * back, START, rtol=0, atol=1e-15)


# -------------------------------------------------------------------- bmad_standard


def test_cubic_kicks_count_twice_inside():
    """Bmad's octupole is ``(2 n - 1) / n`` times as strong in n steps, which a kick brings about."""
    y = 0.004
    start = np.array([[0.0, 0.0, y, 0.0, 0.0, 0.0]]).T
    weak = Wiggler(length=0.5, b_max=0.001, l_period=0.1)  # so that only the first order in the focusing is left
    focusing = -0.5 * (0.001 * C_LIGHT / REFERENCE.p0c) ** 2
    wave2 = (2 * np.pi / 0.1) ** 2
    for steps in (1, 2, 7, None):
        element = weak.replace(vkick=1e-20, tracking_method=cv.BmadStandard(num_steps=steps))
        n = steps or 100
        times = (2 * n - 1) / n
        found = tracked(element, start)[3, 0] / (focusing * 0.5 * y)
        assert found == pytest.approx(1 + times * 2 / 3 * wave2 * y**2, rel=1e-5)
    assert tracked(weak, start)[3, 0] / (focusing * 0.5 * y) == pytest.approx(1 + 2 / 3 * wave2 * y**2, rel=1e-5)


def test_kicks_count_twice_in_bmad_standard_alone():
    element = Wiggler(length=0.5, hkick=1e-3, vkick=-2e-3, tilt=0.3)
    start = np.zeros((6, 1))
    twice = tracked(element.replace(tracking_method="bmad_standard"), start)[[1, 3], 0]
    once = tracked(element.replace(tracking_method="kick_drift_kick"), start)[[1, 3], 0]
    np.testing.assert_allclose(twice, [2e-3, -4e-3], rtol=1e-14)
    np.testing.assert_allclose(once, [1e-3, -2e-3], rtol=1e-14)


@pytest.mark.parametrize("model", ["planar_model", "helical_model"])
@pytest.mark.parametrize(("orientation", "sign"), [(1, 1), (-1, -1)])
def test_multipoles_are_relative_to_a_pole(model, orientation, sign):
    element = Wiggler(length=1e-4, b_max=0.02, l_period=0.1, b2=3.0, r0_mag=0.02, field_calc=model, orientation=orientation)
    x = 0.01
    out = tracked(element, np.array([[x, 0.0, 0.0, 0.0, 0.0, 0.0]]).T)
    plain = tracked(element.replace(multipoles_on=False), np.array([[x, 0.0, 0.0, 0.0, 0.0, 0.0]]).T)
    scale = C_LIGHT * 0.02 * 0.1 / (np.pi * REFERENCE.p0c)
    assert out[1, 0] - plain[1, 0] == pytest.approx(-sign * 3.0 * scale * (x / 0.02) ** 2, rel=1e-4)


def test_the_reference_takes_the_longer_way_even_where_the_field_is_off():
    g = 0.4 * C_LIGHT / REFERENCE.p0c
    for model, share in (("planar_model", 4), ("helical_model", 2)):
        element = Wiggler(length=1.0, b_max=0.4, l_period=0.1, field_calc=model)
        way = 1 + (g * 0.1 / (2 * np.pi)) ** 2 / share
        for is_on in (True, False):
            out = cv.Lattice([element.replace(is_on=is_on)]).track(cv.ParticleBeam(*START, reference=REFERENCE))
            assert out.reference.t == pytest.approx(way / (REFERENCE.beta * C_LIGHT), rel=1e-15)
            assert out.reference.s == 1.0
    np.testing.assert_array_equal(tracked(element.replace(is_on=False)), tracked(cv.Drift(length=1.0)))


def test_slow_particles_oscillate_many_times():
    """At 4 MeV/c the phase advance is beyond the series of the entire functions; both sides of the change are smooth."""
    reference = cv.Reference("electron", 4e6)
    start = np.array([[0.0, 0.0, 1e-9, 0.0, 0.0, 0.0]]).T
    for b_max in (0.1, 0.1455, 0.146, 0.4):
        g = b_max * C_LIGHT / reference.p0c
        out = tracked(Wiggler(length=1.0, b_max=b_max, l_period=0.1), start, reference)
        assert out[2, 0] == pytest.approx(1e-9 * np.cos(g / np.sqrt(2)), abs=1e-22)


def test_the_period_is_given_in_four_ways():
    found = [
        tracked(Wiggler(length=1.0, b_max=0.4, **given))
        for given in ({"l_period": 0.1}, {"n_period": 10}, {"l_pole": 0.05}, {"n_pole": 20})
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=0, atol=1e-16)
    g_max = 0.4 * C_LIGHT / REFERENCE.p0c
    np.testing.assert_allclose(tracked(Wiggler(length=1.0, g_max=g_max, l_period=0.1)), found[0], rtol=0, atol=1e-16)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(cv.InputError, match="l_period or n_period"):
        Wiggler(length=1.0, b_max=0.4)
    with pytest.raises(cv.InputError, match="g_max and b_max"):
        Wiggler(length=1.0, b_max=0.4, g_max=1.0, l_period=0.1)
    with pytest.raises(cv.InputError, match="field_calc must be one of"):
        Wiggler(length=1.0, field_calc="fieldmap")


def test_an_undulator_is_a_wiggler():
    assert registry().method_names(Undulator) == registry().method_names(Wiggler)
    np.testing.assert_array_equal(
        tracked(Undulator(length=0.5, b_max=0.1, l_period=0.04)), tracked(Wiggler(length=0.5, b_max=0.1, l_period=0.04))
    )


def test_reading_takes_the_model_and_refuses_maps(tmp_path):
    text = "parameter[p0c] = 1e8\nparameter[particle] = electron\nw: undulator, l = 1, {}\nl: line = (w)\nuse, l\n"
    file = tmp_path / "w.bmad"
    file.write_text(text.format("b_max = 0.1, n_pole = 8, field_calc = helical_model, tracking_method = symp_lie_bmad"))
    element = cv.load(file)["w"]
    assert (element.kind, element.field_calc, element.n_period) == ("Undulator", "helical_model", 4)
    assert element.tracking_method.name == "kick_drift_kick"
    file.write_text(text.format("field_calc = fieldmap"))
    with pytest.raises(cv.LatticeError, match="field_calc"):
        cv.load(file)
    file.write_text(text.format("cartesian_map = {term = {1, 0, 1, 1, 0, 0, 0, y}}"))
    with pytest.raises(cv.LatticeError, match="field maps"):
        cv.load(file)
