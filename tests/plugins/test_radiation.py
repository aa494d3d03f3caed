"""Synchrotron radiation along a line: energy loss, damping, and what files say of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

import caraval as cv
from caraval.optics import equilibrium
from tests.optics import rings

ELECTRON_RADIUS = constants.physical_constants["classical electron radius"][0]

ONE = np.zeros((6, 1))


def loss_rate(reference):
    """``2 r_e gamma^3 / 3`` [m]."""
    return 2 / 3 * ELECTRON_RADIUS * reference.gamma**3


def with_faces(*, rf=False):
    """A ring of bends with gradients and pole faces, so that all damping partition numbers are their own."""
    return rings.ring(rf=rf).replace({"b.e1": 0.05, "b.e2": 0.08, "b.k1": -0.02})


@pytest.mark.parametrize("method", [None, "kick_drift_kick", "linear"])
def test_the_loss_in_a_turn(method):
    """That of the radiation integrals, to first order in the loss."""
    ring = with_faces()
    lattice = ring.with_tracking(method) if method else ring
    out = lattice.with_radiation(scale=1e-2).track(cv.ParticleBeam(*ONE, reference=ring.reference))
    assert -out.pz[0] == pytest.approx(1e-2 * equilibrium(ring).energy_loss / ring.reference.energy, rel=1e-6)


def test_damping_is_that_of_the_radiation_integrals():
    """Eigenvalues of the matrix of a turn, with cavities that keep the bunch together."""
    ring = with_faces(rf=True)
    ring = ring.replace({"rf.phi0": 0.0})  # above transition
    values = np.linalg.eigvals(ring.with_radiation(scale=1e-2).transfer_matrix())
    rates = sorted(-np.log(np.abs(values[values.imag > 0])))
    expected = equilibrium(ring)
    turn = ring.length / (ring.reference.beta * constants.c)
    times = (expected.damping_a, expected.damping_b, expected.damping_z)
    assert rates == pytest.approx(sorted(1e-2 * turn / time for time in times), rel=2e-3)


def test_without_damping_nothing_shrinks():
    ring = with_faces(rf=True)
    assert np.linalg.det(ring.with_radiation(scale=0.0).transfer_matrix()) == pytest.approx(1.0, abs=1e-12)


def test_a_bend_in_slices_loses_what_the_whole_does():
    bend = cv.SBend(name="b", length=1.0, angle=0.3, e1=0.1, e2=0.2, k1=0.4)
    reference = cv.Reference("electron", p0c=3e9)
    beam = cv.ParticleBeam.gaussian(20, p0c=reference.p0c, sigma_x=1e-3, sigma_px=1e-3, sigma_y=1e-3, sigma_pz=1e-3, seed=1)
    whole, slices = (cv.Lattice([bend.replace(num_slices=n)], reference=reference) for n in (1, 5))
    change, same = (np.array(lattice.with_radiation().track(beam).coordinates) for lattice in (whole, slices))
    without = np.array(whole.track(beam).coordinates)
    np.testing.assert_allclose(same - without, change - without, rtol=0, atol=1e-2 * np.abs(change - without).max())


def test_a_bend_on_its_side_is_the_same_upright():
    bend, reference = cv.SBend(length=1.0, angle=0.3, e1=0.1, k1=0.4), cv.Reference("electron", p0c=3e9)
    start = np.array([[1e-3], [2e-4], [5e-4], [-1e-4], [0.0], [1e-3]])
    flat = cv.Lattice([bend]).with_radiation().track(cv.ParticleBeam(*start, reference=reference))
    turned = cv.ParticleBeam(-start[2], -start[3], *start[:2], *start[4:], reference=reference)
    upright = cv.Lattice([bend.replace(ref_tilt=np.pi / 2)]).with_radiation().track(turned)
    np.testing.assert_allclose([upright.y, upright.py, upright.pz], [flat.x, flat.px, flat.pz], rtol=0, atol=1e-15)


def test_magnets_take_off_by_the_field_at_the_particle():
    """A quadrupole that is short enough for the particle to stay where it is; its own place counts."""
    reference, length, k1, x, y = cv.Reference("electron", p0c=5e9), 1e-4, 2.0, 3e-3, -4e-3
    quadrupole = cv.Quadrupole(length=length, k1=k1)
    expected = -loss_rate(reference) * (k1**2 * (x**2 + y**2)) * length * 1.01**2
    start = cv.ParticleBeam(x=[x], px=[2e-3], y=[y], pz=[0.01], reference=reference)
    out = cv.Lattice([quadrupole]).with_radiation().track(start)
    assert out.pz[0] - 0.01 == pytest.approx(expected, rel=1e-3)
    moved = cv.Lattice([quadrupole.replace(x_offset=-x, y_offset=-y)]).with_radiation()
    out = moved.track(cv.ParticleBeam(x=[0.0], px=[2e-3], pz=[0.01], reference=reference))
    assert out.pz[0] - 0.01 == pytest.approx(expected, rel=1e-3)


def test_the_direction_stays():
    magnet = cv.Lattice([cv.Sextupole(length=1e-9, k2=1e8)])
    start = cv.ParticleBeam(x=[1e-2], px=[1e-2], y=[1e-2], py=[-3e-3], reference=cv.Reference("electron", p0c=5e9))
    loss = np.array(magnet.with_radiation().track(start).coordinates) - np.array(magnet.track(start).coordinates)
    assert loss[5, 0] < -1e-9
    np.testing.assert_allclose(loss[[1, 3], 0], loss[5, 0] * np.array([1e-2, -3e-3]), rtol=1e-2)


def test_only_magnets_that_are_on_and_have_a_field():
    line = [cv.Drift(length=1.0), cv.Quadrupole(length=0.1), cv.SBend(length=1.0, angle=0.3, is_on=False), cv.Marker()]
    lattice = cv.Lattice(line, reference=rings.REFERENCE)
    beam = cv.ParticleBeam.gaussian(10, p0c=rings.REFERENCE.p0c, sigma_x=1e-3, sigma_px=1e-3, seed=1)
    np.testing.assert_array_equal(lattice.with_radiation().track(beam).coordinates, lattice.track(beam).coordinates)


def test_moments_follow():
    ring = with_faces(rf=True).with_radiation()
    beam = cv.ParticleBeam.gaussian(100_000, p0c=ring.reference.p0c, sigma_x=1e-6, sigma_px=1e-6, sigma_z=1e-5, seed=2)
    out, moments = ring.track(beam), ring.track(beam.to_moments())
    np.testing.assert_allclose(moments.mean, out.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(moments.covariance, out.covariance, rtol=0, atol=1e-4 * np.abs(out.covariance).max())


def test_backends_agree(backend, to_numpy):
    lattice = cv.Lattice(rings.cell(), reference=rings.REFERENCE).with_radiation()
    beam = cv.ParticleBeam.gaussian(50, p0c=rings.REFERENCE.p0c, sigma_x=1e-3, sigma_py=1e-3, sigma_pz=1e-3, seed=3)
    expected = lattice.track(beam).coordinates
    found = to_numpy(lattice.track(beam.to(backend=backend)).coordinates)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


LINE = [cv.SBend(name="b", length=1.0, angle=0.3, e1=0.1), cv.Quadrupole(name="q", length=0.3, k1=1.1)]


def lost_by(values, beam):
    """Mean momentum after a bend and a quadrupole."""
    lattice = cv.Lattice(LINE, reference=cv.Reference("electron", p0c=2e10))
    return lattice.replace(dict(zip(("b.angle", "q.k1"), values, strict=True))).with_radiation().track(beam).mean[5]


def gradient(library, values, beam):
    """By the angle of the bend and the gradient of the quadrupole."""
    if library == "jax":
        import jax

        return jax.grad(lost_by)(values, beam)
    import torch

    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in values]
    lost_by(values, beam).backward()
    return [value.grad for value in values]


def test_gradients(differentiable, to_numpy):
    """Against differences; nothing undoes the losses, so that they come from checkpoints."""
    beam = cv.ParticleBeam.gaussian(50, p0c=2e10, sigma_x=1e-3, sigma_py=1e-3, sigma_pz=1e-3, seed=3)
    at, step = [0.3, 1.1], 1e-5
    found = gradient(differentiable, at, beam.to(backend=differentiable))
    assert lost_by(at, beam) < -1e-5
    for i in range(2):
        up, down = (lost_by([v + s * (i == k) for k, v in enumerate(at)], beam) for s in (step, -step))
        assert to_numpy(found[i]) == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-12)


def test_files_keep_it(tmp_path):
    lattice = rings.ring(1).with_radiation(where="SBend", scale=2.0)
    path = tmp_path / "ring.json"
    cv.save(lattice, path)
    assert cv.load(path).elements == lattice.elements


def test_what_cannot_be_is_refused():
    with pytest.raises(cv.InputError, match="scale must be a number"):
        rings.ring(1).with_radiation(scale=-1)
    wiggler = cv.Lattice([cv.Wiggler(name="w", length=1.0, b_max=1.0, l_period=0.1)])
    with pytest.raises(cv.InputError, match="'w': the radiation of wigglers is not understood"):
        wiggler.with_radiation()


# -------------------------------------------------------------------- other codes' files


BMAD = """
parameter[p0c] = 5e9
bmad_com[radiation_damping_on] = {switch}
{more}
b: sbend, l = 1, angle = 0.1
q: quadrupole, l = 0.5, k1 = 1
line1: line = (b, q, b)
use, line1
"""


def bmad(tmp_path, switch="T", more="", **options):
    path = tmp_path / "a.bmad"
    path.write_text(BMAD.format(switch=switch, more=more))
    return cv.load(path, **options)


def test_switches_of_bmad_are_read_and_written(tmp_path):
    lattice = bmad(tmp_path, more="bmad_com[synch_rad_scale] = 3")
    assert lattice.losses == ()
    assert [dict(e.effects) for e in lattice][:2] == [{"radiation": {"scale": 3.0}}, {}]
    cv.save(lattice, tmp_path / "b.bmad")
    assert cv.load(tmp_path / "b.bmad").elements == lattice.elements
    assert all(not element.effects for element in bmad(tmp_path, "F"))


def test_what_bmad_cannot_say_is_reported(tmp_path):
    with pytest.raises(cv.LatticeError, match="radiation"):
        cv.save(bmad(tmp_path, "F").with_radiation(), tmp_path / "b.bmad")
    with pytest.raises(cv.LatticeError, match="radiation_zero_average"):
        bmad(tmp_path, more="bmad_com[radiation_zero_average] = T")


def test_radiation_of_elegant_is_read_and_written(tmp_path):
    path = tmp_path / "a.lte"
    path.write_text("B: CSBEND, L=1, ANGLE=0.1, SYNCH_RAD=1\nQ: KQUAD, L=0.5, K1=1\nL: LINE=(B,Q,B)\n")
    lattice = cv.load(path)
    assert [dict(e.effects) for e in lattice][:2] == [{"radiation": {"scale": 1.0}}, {}]
    assert lattice.losses == ()
    cv.save(lattice, tmp_path / "b.lte")
    assert [e.effects for e in cv.load(tmp_path / "b.lte")] == [e.effects for e in lattice]
