"""Integration of the equations of motion in fields: formulas, ideal fields against Bmad, and maps against closed forms."""

import gzip
import json
from functools import cache
from math import hypot
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import caraval as cv
from caraval.core import scalar
from caraval.core.coordinates import Coordinates
from caraval.core.reference import C_LIGHT
from caraval.physics.shared import maps

from ..cases import REFERENCES, particles

REFERENCE = REFERENCES["electron_100MeV"]
START = particles(8, scale=0.3)
RECORDS = Path(__file__).parents[1] / "data" / "elements"

METHOD = cv.RungeKutta()


def tracked(element, start=START, reference=REFERENCE, **options):
    beam = cv.ParticleBeam(*start, reference=reference)
    return np.array(cv.Lattice([element]).track(beam.to(**options) if options else beam).coordinates)


# -------------------------------------------------------------------- the formulas


@pytest.mark.parametrize("order", [5, 8])
def test_the_error_falls_with_the_order(order):
    quadrupole = cv.Quadrupole(length=1.0, k1=6.0)
    exact = tracked(quadrupole.replace(tracking_method=cv.RungeKutta(num_steps=64)))
    errors = []
    for steps in (4, 8):
        found = tracked(quadrupole.replace(tracking_method=cv.RungeKutta(order=order, num_steps=steps)))
        errors.append(np.abs(found - exact).max())
    assert errors[0] > 1e-12  # so that there is an order to be seen
    assert order - 0.5 < np.log2(errors[0] / errors[1]) < order + 1.5


@pytest.mark.parametrize("steps", [{"num_steps": 12}, {"ds_step": 0.05}, {}])
def test_slices_have_their_share_of_the_steps(steps):
    quadrupole = cv.Quadrupole(length=0.6, k1=3.0, tracking_method=cv.RungeKutta(**steps))
    assert cv.Lattice([quadrupole]).planner.counts() == ((30,) if not steps else (12,))
    pieces = cv.Lattice([quadrupole.cut(0.0, 0.2), quadrupole.cut(0.2, 0.6)])
    assert pieces.planner.counts() == ((10, 20) if not steps else (4, 8))
    found = np.array(pieces.track(cv.ParticleBeam(*START, reference=REFERENCE)).coordinates)
    np.testing.assert_allclose(found, tracked(quadrupole), rtol=0, atol=1e-14)


# -------------------------------------------------------------------- ideal fields against Bmad's runge_kutta

KINDS = (
    "drift", "elseparator", "hkicker", "instrument", "kicker", "monitor", "octupole", "patch", "pipe", "quadrupole", "rbend",
    "sbend", "sextupole", "sol_quad", "solenoid", "thick_multipole", "vkicker",
)  # fmt: skip

REFUSED = ("sol_soft", "sbend_exact_mult_horizontally_pure", "sbend_exact_mult_vertically_pure")
"""Fields that are not there."""


@cache
def records(kind):
    with gzip.open(RECORDS / f"{kind}.json.gz") as file:
        return [r for r in json.load(file) if r["tracking_method"] == "runge_kutta" and not r.get("failed")]


def difference(record, tmp_path):
    """Return the largest difference of a coordinate, relative to its largest value, at least 1e-3."""
    path = tmp_path / "record.bmad"
    path.write_text(record["lattice"])
    lattice = cv.load(path)
    found = np.array(lattice.track(cv.ParticleBeam(*np.array(record["initial"]).T, reference=lattice.reference)).coordinates)
    end = np.array([particle["vec"] for particle in record["elements"][0]["final"]]).T
    scale = np.maximum(np.abs(end).max(axis=1, keepdims=True), 1e-3)
    return float((np.abs(found - end) / scale).max())


@pytest.mark.parametrize("kind", KINDS)
def test_ideal_fields(kind, tmp_path):
    """Bmad steps 1e-12 m over every edge, and integrates with a tolerance of 1e-12; a field of a proton it rounds to 1e-10."""
    seen = [record for record in records(kind) if record["id"] not in REFUSED]
    assert seen
    for record in seen[:: 1 + len(seen) // 30]:
        by_field = any(word in record["lattice"] for word in ("b_field", "bs_field", "gradient"))
        assert difference(record, tmp_path) < (1e-10 if by_field else 1.5e-11), record["id"]


@pytest.mark.parametrize("kind", ["wiggler", "undulator"])
def test_wigglers(kind, tmp_path):
    """As exact as Bmad with its own tolerance; twice as many steps change nothing."""
    for record in records(kind)[::6]:
        assert difference(record, tmp_path) < 5e-9, record["id"]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (cv.SBend(length=1.0, angle=0.1, k2=1.0, exact_multipoles="vertically_pure"), "exact_multipoles"),
        (cv.Quadrupole(length=1.0, k1=1.0, b0_elec=1e3), "electric multipoles"),
        (cv.ACKicker(length=0.1, hkick=1e-3, frequencies=((1e6, 1.0, 0.0),)), "do not change in time"),
    ],
)
def test_fields_that_are_not_there(element, message):
    with pytest.raises(cv.CaravalError, match=message):
        tracked(element.replace(tracking_method=METHOD))


# -------------------------------------------------------------------- cartesian maps

WAVES = {"hyper_y": (15.0, 25.0, 20.0), "hyper_xy": (15.0, 20.0, 25.0), "hyper_x": (25.0, 15.0, 20.0)}


def cartesian(*rows, **parts):
    return {"kind": "cartesian_map", "terms": rows, **parts}


def at(element, place, x, y):
    """Return the field and the vector potential over the rigidity."""
    field = maps.field_of(element)
    constants = field.at(element, place, REFERENCE, scalar)
    q = Coordinates(x, 0.0, y, 0.0, 0.0, 0.0)
    return np.array([*field.value(constants, q, scalar), *field.potential(constants, q, scalar)])


def derivatives(element, place, x, y, step=1e-4):
    """Return the field's derivatives ``[component, along]`` by differences of fourth order."""
    out = []
    for dx, dy, ds in np.eye(3) * step:
        values = [at(element, place + k * ds / element.length, x + k * dx, y + k * dy) for k in (-2, -1, 1, 2)]
        out.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    return np.array(out).T


@pytest.mark.parametrize("family", ["x", "y", "qu", "sq"])
@pytest.mark.parametrize("form", WAVES)
def test_cartesian_maps_obey_maxwell(form, family):
    given = cartesian((0.3, *WAVES[form], 0.004, -0.003, 0.7, family), r0=(0.001, 0.002, 0.1), ele_anchor_pt="center")
    element = cv.Quadrupole(length=0.5, field_maps=(given,))
    field = at(element, 0.4, 0.01, -0.006)
    slopes = derivatives(element, 0.4, 0.01, -0.006)
    scale = np.abs(slopes[:3]).max()
    assert scale > 1e-3
    assert abs(np.trace(slopes[:3])) < 1e-9 * scale
    np.testing.assert_allclose(slopes[:3], slopes[:3].T, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(slopes[4, 0] - slopes[3, 1], field[2], rtol=1e-9, atol=1e-9 * np.abs(field[:3]).max())


def test_terms_have_the_amplitudes_of_the_manual():
    """Bmad manual, "Cartesian Map Field Decomposition", eq. for the family y."""
    kx, ky, kz = WAVES["hyper_y"]
    element = cv.Quadrupole(length=0.5, field_maps=(cartesian((0.3, kx, ky, kz, 0.0, 0.0, 0.2, "y"), field_scale=2.0),))
    x, y, s = 0.01, -0.006, 0.3
    factor = 2.0 * 0.3 * REFERENCE.species.charge * C_LIGHT / REFERENCE.p0c
    phase = kz * s + 0.2
    expected = [
        -kx / ky * np.sin(kx * x) * np.sinh(ky * y) * np.cos(phase),
        np.cos(kx * x) * np.cosh(ky * y) * np.cos(phase),
        -kz / ky * np.cos(kx * x) * np.sinh(ky * y) * np.sin(phase),
    ]
    np.testing.assert_allclose(at(element, s / 0.5, x, y)[:3], factor * np.array(expected), rtol=1e-14)


WIGGLER = cv.Wiggler(
    length=0.4,
    polarity=-1.0,
    field_maps=(
        cartesian(
            (0.8, 9.0, hypot(9.0, 31.4), 31.4, 0.0, 0.0, 0.1, "y"),
            (0.1, 20.0, 60.0, hypot(20.0, 60.0), 0.002, 0.0, -0.4, "y"),
            master_parameter="polarity",
        ),
    ),
)


def solved(element, start, reference=REFERENCE):
    """Integrate in time, as a second source, with canonical momenta at the ends; z is the time at the exit."""
    mass2 = (reference.species.mass / reference.p0c) ** 2

    def slope(_, state):
        x, y, s, ux, uy, us = state
        b = at(element, s / element.length, x, y)[:3]
        energy = np.sqrt(ux * ux + uy * uy + us * us + mass2)
        u = np.array([ux, uy, us]) / energy
        return [*u, *np.cross(u, b)]

    ends = []
    for x, px, y, py, _, pz in start.T:
        px, py = np.array([px, py]) - at(element, 0.0, x, y)[3:]
        ps = np.sqrt((1 + pz) ** 2 - px * px - py * py)
        there = lambda _, state: state[2] - element.length  # noqa: E731
        there.terminal = True
        found = solve_ivp(
            slope, (0.0, 2.0), [x, y, 0.0, px, py, ps], method="DOP853", rtol=1e-13, atol=1e-15, events=there, first_step=1e-3
        )
        (time,), (state,) = found.t_events[0], found.y_events[0]
        px, py = state[3:5] + at(element, 1.0, *state[:2])[3:]
        ends.append([state[0], px, state[1], py, time])
    return np.array(ends).T


def test_a_cartesian_map_against_another_integrator():
    element = WIGGLER.replace(tracking_method=cv.RungeKutta(num_steps=80))
    lattice = cv.Lattice([element])
    found = tracked(element)
    expected = solved(element, START)
    beta = (1 + START[5]) / np.sqrt((1 + START[5]) ** 2 + (REFERENCE.species.mass / REFERENCE.p0c) ** 2)
    reference = lattice.track(cv.ParticleBeam(x=[0.0], reference=REFERENCE)).reference
    z = START[4] - beta * (expected[4] - reference.t * C_LIGHT)
    np.testing.assert_allclose(found[:4], expected[:4], rtol=0, atol=2e-12)
    np.testing.assert_allclose(found[4], z, rtol=0, atol=2e-12)


def test_the_reference_comes_as_a_particle_on_the_axis_does():
    for method in (METHOD, cv.KickDriftKick(num_steps=30), cv.KickDriftKick(num_steps=30, paraxial=True)):
        lattice = cv.Lattice([WIGGLER.replace(tracking_method=method)])
        beam = lattice.track(cv.ParticleBeam(x=[0.0], reference=REFERENCE))
        assert abs(beam.z[0]) < 1e-15
        assert beam.reference.t * C_LIGHT * REFERENCE.beta - 0.4 > 1e-5


@pytest.mark.parametrize(("order", "fewest"), [(2, 80), (4, 24)])
def test_the_symplectic_integrator_converges_to_the_same(order, fewest):
    exact = tracked(WIGGLER.replace(tracking_method=cv.RungeKutta(num_steps=80)))
    errors = []
    for steps in (fewest, 2 * fewest):
        method = cv.KickDriftKick(order=order, num_steps=steps)
        errors.append(np.abs(tracked(WIGGLER.replace(tracking_method=method)) - exact).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)


def test_symplectic_steps_through_a_map_are_symplectic():
    wiggler = WIGGLER.replace(tracking_method=cv.KickDriftKick(num_steps=5), hkick=1e-3)
    matrix = np.array(cv.Lattice([wiggler]).transfer_map(REFERENCE).matrix)
    s = np.kron(np.eye(3), [[0, 1], [-1, 0]])
    np.testing.assert_allclose(matrix.T @ s @ matrix, s, rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", [cv.RungeKutta(num_steps=40), cv.KickDriftKick(num_steps=20)])
def test_slices_of_a_map_track_as_the_whole(method):
    wiggler = WIGGLER.replace(tracking_method=method)
    pieces = cv.Lattice([wiggler.cut(0.0, 0.1), wiggler.cut(0.1, 0.4)])
    found = np.array(pieces.track(cv.ParticleBeam(*START, reference=REFERENCE)).coordinates)
    np.testing.assert_allclose(found, tracked(wiggler), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"kind": "cylinder"}, "kind is one of cartesian_map"),
        ({"terms": ()}, "needs terms"),
        ({"terms": ((1.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0, "y"),)}, "the square of one of kx, ky, kz"),
        ({"terms": ((1.0, 3.0, 5.0, 4.0, 0.0, 0.0, 0.0, "z"),)}, "with a family of x, y, qu, sq"),
        ({"field_type": "electric"}, "only magnetic"),
        ({"ele_anchor_pt": "middle"}, "ele_anchor_pt must be one of beginning"),
        ({"master_parameter": "k9"}, "master_parameter must be a parameter of a Quadrupole"),
        ({"r0": (0.0, 1.0)}, "r0 must be 3 finite numbers"),
    ],
)
def test_maps_that_make_no_sense(parts, message):
    given = {**cartesian((0.3, *WAVES["hyper_y"], 0.0, 0.0, 0.0, "y")), **parts}
    with pytest.raises(cv.InputError, match=message):
        cv.Quadrupole(name="q", length=0.5, field_maps=(given,))


@pytest.mark.parametrize("method", ["kick_drift_kick", "bmad_standard"])
def test_methods_that_do_not_go_through_a_map(method):
    given = cartesian((0.3, *WAVES["hyper_y"], 0.0, 0.0, 0.0, "qu"))
    with pytest.raises(cv.MethodError, match=method):
        tracked(cv.Wiggler(length=0.5, field_maps=(given,), tracking_method=method))


# -------------------------------------------------------------------- generalised gradients


def gradients(*curves, dz=0.25, **parts):
    return {"kind": "gen_gradients", "dz": dz, "curves": curves, **parts}


def curve(kind, n, *values, dz=0.25, planes=3):
    return {"kind": kind, "n": n, "derivs": tuple((i * dz, *values) for i in range(planes))}


@pytest.mark.parametrize(
    ("given", "ideal"),
    [
        (curve("b", 1, 0.05), cv.HKicker(length=0.5, bl_kick=-0.025)),
        (curve("b", 2, 3.0), cv.Quadrupole(length=0.5, b1_gradient=3.0)),
        (curve("b", 3, 50.0), cv.Sextupole(length=0.5, b2_gradient=50.0)),
        (curve("a", 1, 0.05), cv.VKicker(length=0.5, bl_kick=0.025)),
    ],
)
def test_uniform_gradients_are_ideal_magnets(given, ideal):
    region = cv.EMField(length=0.5, field_maps=(gradients(given),))
    np.testing.assert_allclose(tracked(region), tracked(ideal.replace(tracking_method=METHOD)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("g", [0.0, 0.4])
@pytest.mark.parametrize(("kind", "n"), [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("b", 3)])
def test_gradients_obey_maxwell(kind, n, g):
    """In the curved frame, with ``h = 1 + g x``; the planes have the sine of 2 s and its derivatives, up to the seventh."""
    planes = [(i * 0.25, *(2.0**m * np.sin(0.5 * i + m * np.pi / 2) for m in range(8))) for i in range(3)]
    given = gradients({"kind": kind, "n": n, "derivs": tuple(planes)}, g_ref=g)
    element = cv.EMField(length=0.5, field_maps=(given,))
    x, y = 0.02, 0.03
    field, slopes = at(element, 0.6, x, y), derivatives(element, 0.6, x, y)
    h = 1 + g * x
    scale = np.abs(slopes[:3]).max()
    assert abs(slopes[0, 0] + slopes[1, 1] + (slopes[2, 2] + g * field[0]) / h) < 1e-9 * scale
    assert abs(slopes[0, 1] - slopes[1, 0]) < 1e-9 * scale
    assert abs(slopes[2, 1] - slopes[1, 2] / h) < 1e-9 * scale
    assert abs(slopes[2, 0] + g / h * field[2] - slopes[0, 2] / h) < 1e-9 * scale
    assert abs(-slopes[3, 1] - field[2]) < 1e-9 * np.abs(field[:3]).max()


def test_gradients_on_the_midplane_are_those_given():
    given = gradients(curve("b", 1, 0.1), curve("b", 3, 8.0), curve("a", 2, 2.0), r0=(0.001, 0.0, 0.0))
    element = cv.EMField(length=0.5, field_maps=(given,))
    factor = REFERENCE.species.charge * C_LIGHT / REFERENCE.p0c
    expected = factor * np.array([2.0 * 0.01, 0.1 + 8.0 * 0.01**2 / 2, 0.0])
    np.testing.assert_allclose(at(element, 0.3, 0.011, 0.0)[:3], expected, rtol=1e-13, atol=1e-18)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (gradients(), "needs a positive dz, and curves"),
        (gradients(curve("c", 1, 0.1)), "kind, one of a, b, bs"),
        (gradients(curve("b", 0, 0.1)), "n must be a whole number from 1"),
        (gradients(curve("b", 1, 0.1, planes=1)), "two planes or more"),
        (gradients(curve("b", 1, 0.1, dz=0.2)), "row 2 must be of the plane at 0.25"),
        (gradients(curve("bs", 0, 0.1), g_ref=0.1), "bs in a curved frame is not understood"),
    ],
)
def test_gradients_that_make_no_sense(given, message):
    with pytest.raises(cv.InputError, match=message):
        cv.EMField(name="e", length=0.5, field_maps=(given,))


# -------------------------------------------------------------------- everywhere alike

ELSEWHERE = {
    "bend": cv.SBend(length=0.5, angle=0.2, k1=0.3, hkick=1e-4, tracking_method=cv.RungeKutta(num_steps=1)),
    "separator": cv.ELSeparator(length=0.5, hkick=1e-3, tracking_method=cv.RungeKutta(order=5, num_steps=1)),
    "wiggler": WIGGLER.replace(tracking_method=cv.RungeKutta(order=5, num_steps=20)).cut(0.1, 0.12),
    "symplectic": WIGGLER.replace(tracking_method=cv.KickDriftKick(num_steps=20)).cut(0.1, 0.12),
    "region": cv.EMField(
        length=0.5, field_maps=(gradients(curve("b", 2, 3.0, 0.4)),), tracking_method=cv.RungeKutta(order=5, num_steps=1)
    ),
}


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_backends_agree(name, backend):
    expected = tracked(ELSEWHERE[name])
    np.testing.assert_allclose(tracked(ELSEWHERE[name], backend=backend), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_compiled_loop_agrees(name):
    lattice = cv.Lattice([ELSEWHERE[name]])
    found = lattice.compile("numpy")(cv.ParticleBeam(*START, reference=REFERENCE))
    np.testing.assert_allclose(np.array(found.coordinates), tracked(ELSEWHERE[name]), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_caravals_own_files_keep_maps(name, tmp_path):
    lattice = cv.Lattice([ELSEWHERE[name]], reference=REFERENCE)
    cv.save(lattice, tmp_path / "line.json")
    assert cv.load(tmp_path / "line.json").elements == lattice.elements
