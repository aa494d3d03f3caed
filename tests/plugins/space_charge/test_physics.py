"""Bunches that move, against closed forms, Bmad and ImpactX's cases."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import caraval as cv

from .bunches import COULOMB, MASS, at_rest, ball, gamma

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference"
AXES = ("x", "px", "y", "py", "z", "pz")


def sigmas(beam) -> np.ndarray:
    return np.array([getattr(beam, f"sigma_{name}") for name in AXES])


# -------------------------------------------------------------------- closed forms


def doubling(p0c: float, charge: float, radius: float) -> float:
    """Return the length [m] in which a ball at rest has twice the radius: ``r'' = k / r^2`` in its rest frame."""
    per = 2 * COULOMB * charge / (MASS * radius)  # (dr/dt)^2 / c^2 far away
    # t = r0 / (v sqrt(1)) (sqrt(u (u - 1)) + ln(sqrt u + sqrt(u - 1))) at u = 2
    time = radius / per**0.5 * (2**0.5 + np.log(2**0.5 + 1))
    return p0c / MASS * time


@pytest.mark.parametrize(("p0c", "charge"), [(2.5e6, 1e-12), (1e8, 1e-11)])
def test_ball_expands_to_twice_its_size(p0c, charge):
    """To 0.3 %; so little charge that nothing in the rest frame is fast."""
    radius = 1e-3
    beam = at_rest(radius * ball(2**14), p0c, charge=charge)
    length = doubling(p0c, charge, radius)
    out = cv.Lattice([cv.Drift(length=length)]).with_space_charge(every=length / 40).track(beam)
    assert out.sigma_x / beam.sigma_x == pytest.approx(2, rel=3e-3)
    assert out.sigma_y / beam.sigma_y == pytest.approx(2, rel=3e-3)
    assert out.sigma_z / beam.sigma_z == pytest.approx(2, rel=3e-3)


def test_steps_converge_to_second_order():
    beam = at_rest(1e-3 * ball(2**12), 5e6, charge=1e-11)
    found = [
        sigmas(cv.Lattice([cv.Drift(length=2.0)]).with_space_charge(every=2.0 / n, grid=(16, 16, 16)).track(beam))
        for n in (8, 16, 32, 128)
    ]
    errors = [np.abs(s / found[-1] - 1)[[0, 2, 4]] for s in found[:-1]]
    assert (errors[0] / errors[1] > 3.3).all()
    assert (errors[1] / errors[2] > 3.3).all()
    assert errors[0].min() > 1e-5


def test_energy_is_conserved():
    """What the field loses the particles have in the rest frame."""
    p0c, charge, radius = 5e6, 1e-12, 1e-3
    beam = at_rest(radius * ball(2**14), p0c, charge=charge)
    out = cv.Lattice([cv.Drift(length=3.0)]).with_space_charge(every=0.05).track(beam)
    g = gamma(p0c)
    moving = MASS * (p0c / MASS) ** 2 / 2 * (out.px**2 + out.py**2 + (out.pz / g) ** 2).mean()  # [eV] of a particle
    growth = out.sigma_x / beam.sigma_x
    assert growth > 1.5
    stored = 0.6 * COULOMB * charge / radius
    assert moving == pytest.approx(stored * (1 - 1 / growth), rel=0.01)


def test_kicks_move_nobody_and_keep_the_time():
    beam = at_rest(1e-3 * ball(1000) + 1e-2, 2e6, charge=1e-9)
    out = cv.Lattice([cv.SpaceChargeKick(effect_length=0.3)]).track(beam)
    np.testing.assert_array_equal(out.x, beam.x)
    assert np.abs(out.pz).max() > 1e-3

    def delay(b):  # c (t - t_ref)
        momentum = (1 + b.pz) * b.p0c
        return -b.z * np.sqrt(momentum**2 + MASS**2) / momentum

    np.testing.assert_allclose(delay(out), delay(beam), rtol=1e-13)


def test_what_is_late_is_behind():
    """A bunch that comes at another time is the same bunch."""
    beam = at_rest(1e-3 * ball(2000), 2e6, charge=1e-10)
    late = beam.replace(z=beam.z - 0.2)
    kick = cv.Lattice([cv.SpaceChargeKick(effect_length=0.1)])
    np.testing.assert_allclose(kick.track(late).px, kick.track(beam).px, rtol=0, atol=1e-13)


# -------------------------------------------------------------------- Bmad

BMAD = [
    ("sphere_restframe_2.5MeV", 0.03, 1e-10),
    ("gauss_10MeV", 0.05, 1e-9),
    ("gauss_elliptic_5MeV", 0.05, 3e-10),
]


@pytest.mark.skipif(not (REFERENCE / "space_charge").is_dir(), reason="the reference data are not there")
@pytest.mark.parametrize(("name", "length", "charge"), BMAD)
def test_bmad(name, length, charge):
    """Bmad's sizes on 32 and 64 cells lead to ours: it smooths more."""
    folder = REFERENCE / "space_charge"
    start = np.load(folder / f"initial_{name}.npy").T

    def truth(mesh):
        return json.loads((folder / f"{name}__fft_3d_ds0.01_mesh{mesh}_nbin40.json").read_text())

    coarse, fine = truth(32), truth(64)
    beam = cv.ParticleBeam(*start, p0c=fine["p0c_start"], charge=charge)
    out = cv.Lattice([cv.Drift(length=length)] * 20).with_space_charge(every=0.02).track(beam)
    at = [np.array(d["points"][-1]["rms"]) for d in (coarse, fine)]
    assert out.s == pytest.approx(fine["points"][-1]["s"])
    transverse_and_length = [0, 1, 2, 3, 4]
    ours = sigmas(out)
    assert (np.abs(ours / at[1] - 1)[transverse_and_length] < 8e-3).all()
    limit = at[1] + (at[1] - at[0]) / 3  # of second order
    assert (np.abs(ours / limit - 1)[transverse_and_length] < 1.5e-3).all()
    assert (np.abs(ours - limit) < np.abs(at[1] - at[0])).all()


@pytest.mark.skipif(not (REFERENCE / "space_charge").is_dir(), reason="the reference data are not there")
def test_bmad_in_quadrupoles():
    """What space charge does to sizes and divergences in a FODO line, to Bmad's own smoothing on so coarse a grid."""
    folder, name = REFERENCE / "space_charge", "fodo_20MeV"
    case, bare = (json.loads((folder / f"{name}__{kind}.json").read_text()) for kind in ("fft_3d", "off"))
    beam = cv.ParticleBeam(*np.load(folder / f"initial_{name}.npy").T, p0c=case["p0c_start"], charge=case["charge_C"])
    drift = cv.Drift(length=0.2)
    cell = [cv.Quadrupole(length=0.1, k1=12.0), drift, cv.Quadrupole(length=0.1, k1=-12.0), drift]
    out = cv.Lattice(cell * 2).with_space_charge(every=0.02).track(beam)
    truth, without = (np.array(d["points"][-1]["rms"])[:4] for d in (case, bare))
    assert (np.abs(truth / without - 1) > 0.05).all()
    assert (np.abs(sigmas(out)[:4] - truth) < 0.04 * np.abs(truth - without)).all()


# -------------------------------------------------------------------- channels


def focusing(kx: float, kt: float, length: float, beta_gamma: float, beta: float) -> cv.Taylor:
    """Return a piece of a channel that focuses linearly in all three directions: x'' = -kx^2 x, t'' = -kt^2 t."""
    terms = {}
    for i in (1, 3):
        c, s = np.cos(kx * length), np.sin(kx * length)
        terms |= {f"tt{i}{i}": c, f"tt{i}{i + 1}": s / kx, f"tt{i + 1}{i}": -kx * s, f"tt{i + 1}{i + 1}": c}
    # t' = pt / (beta gamma)^2, and z = -beta t, pz = -pt / beta
    c, s, per = np.cos(kt * length), np.sin(kt * length), 1 / beta_gamma**2
    terms |= {"tt55": c, "tt66": c, "tt56": s / kt * per * beta**2, "tt65": -kt * s / per / beta**2}
    return cv.Taylor(length=length, terms=terms)


def test_envelope_of_a_round_bunch_in_a_channel():
    """A ball that is not matched breathes as its envelope equation says (moments and particles)."""
    p0c, k, radius, charge = 5e6, 3.0, 1e-3, 3e-12
    bg = p0c / MASS
    per = COULOMB * charge / MASS / bg**2  # r'' = -k^2 r + per / r^2, all three directions alike in the rest frame
    truth = solve_ivp(lambda s, u: (u[1], -(k**2) * u[0] + per / u[0] ** 2), (0, 0.8), (radius, 0.0), rtol=1e-9, atol=1e-12)
    piece = focusing(k, k, 0.02, bg, bg / gamma(p0c))
    line = cv.Lattice([piece] * 40).with_space_charge(every=1.0)
    beam = at_rest(radius * ball(2**14), p0c, charge=charge)
    expected = truth.y[0, -1] / radius
    assert 0.1 < expected < 0.85
    for out in (line.track(beam), line.track(beam.to_moments())):
        assert out.sigma_x / beam.sigma_x == pytest.approx(expected, rel=0.01)


def test_kurth_bunch_stays_as_it_is():
    """Matched with its own field, which is that of an evenly filled ball: size, emittance and shape stay for two periods."""
    p0c, k, radius, charge = 5e6, 3.0, 1e-3, 2.5e-11
    bg = p0c / MASS
    per = COULOMB * charge / MASS / bg**2
    slope = (k**2 - per / radius**3) ** 0.5  # what its field leaves of the focusing: half of it
    assert 0.3 < (slope / k) ** 2 < 0.6
    size = radius / 5**0.5
    spread = {"sigma_x": size, "sigma_px": size * slope, "sigma_y": size, "sigma_py": size * slope}
    spread |= {"sigma_z": size / gamma(p0c), "sigma_pz": size * slope * gamma(p0c)}
    beam = cv.ParticleBeam.from_distribution("kurth", 20_000, p0c=p0c, charge=charge, seed=4, **spread)
    line = cv.Lattice([focusing(k, k, 0.05, bg, bg / gamma(p0c))] * 84).with_space_charge(every=1.0, grid=(24, 24, 24))
    out = line.track(beam)
    assert sigmas(out) == pytest.approx(sigmas(beam), rel=3e-3)
    for name in ("x", "y", "z"):
        assert getattr(out, f"emittance_{name}") == pytest.approx(getattr(beam, f"emittance_{name}"), rel=5e-3)
    r = np.sqrt(out.x**2 + out.y**2 + (gamma(p0c) * out.z) ** 2) / radius
    # the standard error of a quarter is 0.003; the rim alone feels that cells are not small
    shells = np.histogram(r, bins=np.cbrt([0, 0.25, 0.5, 0.75]))[0] / len(out)
    assert shells == pytest.approx([0.25] * 3, abs=0.01)
    assert r.max() < 1.1
