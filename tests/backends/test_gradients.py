"""Gradients by any parameter and any coordinate, on torch and on JAX, at zero as elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import caraval as cv

from ..cases import MISALIGNED, beam

CASES = [
    (cv.Quadrupole(length=0.5), "k1", [0.0, 1e-9, 2.0, -2.0]),
    (cv.Quadrupole(length=0.5, k1=1.0), "length", [0.0, 0.3]),
    (cv.Quadrupole(length=0.5, k1=1.0), "x_offset", [0.0, 1e-3]),
    (cv.Quadrupole(length=0.5, k1=1.0), "tilt", [0.0, 0.1]),
    (cv.Quadrupole(length=0.5, k1=1.0, x_offset=1e-3), "y_pitch", [0.0, 1e-3]),
    (cv.Quadrupole(length=0.5, k1=1.0), "hkick", [0.0, 1e-3]),
    (cv.Quadrupole(length=0.5, k1=1.0), "b2", [0.0, 0.5]),
    (cv.SBend(length=0.5), "angle", [0.0, 1e-9, 0.3, -0.3]),
    (cv.SBend(length=0.5, angle=0.1), "length", [0.4]),
    (cv.SBend(length=0.5), "length", [0.0, 0.4]),
    (cv.SBend(length=0.5, angle=0.2), "k1", [0.0, 1e-3, 1.0]),
    (cv.SBend(length=0.5, angle=0.2), "dg", [0.0, -0.4, 0.01]),
    (cv.SBend(length=0.5, angle=0.2), "e1", [0.0, 0.1]),
    (cv.SBend(length=0.5, angle=0.2, e1=0.1, hgap=0.02), "fint", [0.0, 0.5]),
    (cv.SBend(length=0.5, angle=0.2, **MISALIGNED), "roll", [0.0, 0.1]),
    (cv.SBend(length=0.5, angle=0.2, e1=0.1, fringe_type="full", fint=0.5, hgap=0.02), "e2", [0.0, 0.1]),
    (cv.Sextupole(length=0.3), "k2", [0.0, 20.0]),
    (cv.HKicker(length=0.2), "kick", [0.0, 1e-3]),
    (cv.Kicker(), "vkick", [0.0, 1e-3]),
    (cv.Solenoid(length=0.3), "ks", [0.0, 1.0]),
    (cv.Drift(), "length", [0.0, 0.3]),
    (cv.LCavity(length=1.0, rf_frequency=1.3e9), "voltage", [0.0, 10e6]),
    (cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=10e6), "phi0", [0.0, 0.1]),
    (cv.RFCavity(length=1.0, rf_frequency=5e8), "voltage", [0.0, 2e6]),
    (cv.CrabCavity(length=0.5, rf_frequency=1e9), "voltage", [0.0, 3e5]),
    (cv.Octupole(length=0.3), "k3", [0.0, 800.0]),
    (cv.ThickMultipole(length=0.3, b1=0.3), "a2", [0.0, 5.0]),
    (cv.Multipole(k1l=0.3), "t1", [0.0, 0.1]),
    (cv.Multipole(k0l_status="bends_reference"), "k0l", [0.0, 0.01]),
    (cv.ABMultipole(), "b1", [0.0, 0.5]),
    (cv.SolQuad(length=0.5, ks=0.6), "k1", [0.0, 1e-9, 1.3]),
    (cv.SolQuad(length=0.5, k1=1.3), "ks", [0.0, 1e-9, 0.8]),
    (cv.ELSeparator(length=0.5), "hkick", [0.0, 1e-3]),
    (cv.ELSeparator(length=0.5), "e_field", [0.0, 1e5]),
    (cv.Quadrupole(length=0.5, k1=1.0), "b1_elec", [0.0, 1e6]),
    (cv.SBend(length=0.5, angle=0.1), "a0_elec", [0.0, 1e5]),
    (cv.SadMult(length=0.2, ks=0.5), "b1", [0.0, 0.3]),
]
POINTS = [pytest.param(e, p, v, id=f"{e.kind}.{p}={v}") for e, p, values in CASES for v in values]

WEIGHTS = np.random.default_rng(5).normal(size=(6, 12))
"""A scalar of the coordinates that knows each of them."""


def scalar(coordinates, xp):
    weights = xp.asarray(WEIGHTS)
    return sum((w * a).sum() for w, a in zip(weights, coordinates, strict=True))


def lattice(element: cv.Element) -> cv.Lattice:
    fixed = cv.BmadStandard(num_steps=3)  # else the number of steps would jump within a difference quotient
    return cv.Lattice([cv.Drift(length=0.1), element.replace(name="e", tracking_method=fixed), cv.Drift(length=0.2)])


def by_torch(element, parameter, value):
    setting = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    incoming = beam(n=12).to("torch")
    x = incoming.x.clone().requires_grad_()
    out = lattice(element).replace({f"e.{parameter}": setting}).track(incoming.replace(x=x))
    scalar(out.coordinates, torch).backward()
    return setting.grad.item(), x.grad.numpy()


def by_jax(element, parameter, value):
    incoming = beam(n=12).to("jax")

    def objective(setting, x):
        out = lattice(element).replace({f"e.{parameter}": setting}).track(incoming.replace(x=x))
        return scalar(out.coordinates, jnp)

    setting, x = jax.grad(objective, (0, 1))(value, incoming.x)
    return float(setting), np.asarray(x)


def by_differences(element, parameter, value):
    """Fourth-order central difference, in steps that suit the parameter's own scale."""
    h = {"voltage": 2e4, "ks": 1e-2, "k2": 1e-1, "k1": 1e-2, "length": 1e-3}.get(parameter, 1e-3)

    def at(v):
        return scalar(lattice(element).replace({f"e.{parameter}": v}).track(beam(n=12)).coordinates, np)

    a = [at(value + k * h) for k in (-2, -1, 1, 2)]
    return (a[0] - 8 * a[1] + 8 * a[2] - a[3]) / (12 * h)


@pytest.mark.parametrize(("element", "parameter", "value"), POINTS)
def test_gradients_agree(element, parameter, value):
    torch_setting, torch_x = by_torch(element, parameter, value)
    jax_setting, jax_x = by_jax(element, parameter, value)
    assert np.isfinite(torch_setting)
    assert torch_setting != 0
    assert torch_setting == pytest.approx(jax_setting, rel=1e-12)
    np.testing.assert_allclose(torch_x, jax_x, rtol=1e-12, atol=1e-13)
    # a bend without gradient is exact in Bmad and one with the least gradient is paraxial: a jump of 1e-7
    jumps = element.kind == "SBend" and parameter == "k1" and value == 0.0
    assert torch_setting == pytest.approx(by_differences(element, parameter, value), rel=5e-6 if jumps else 2e-7)


def test_gradient_by_everything_at_once():
    """The whole lattice as the argument, on JAX; the leaves of interest on torch."""
    line = cv.Lattice([cv.Quadrupole(name="q", length=0.3, k1=1.0), cv.SBend(name="b", length=0.5, angle=0.2, e1=0.1)])
    incoming = beam(n=12)
    gradient = jax.grad(lambda lattice: lattice.track(incoming.to("jax")).sigma_x)(line)
    k1 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    e1 = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    roll = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    line.replace({"q.k1": k1, "b.e1": e1, "b.roll": roll}).track(incoming.to("torch")).sigma_x.backward()
    assert float(gradient["q"].k1) == pytest.approx(k1.grad.item(), rel=1e-10)
    assert float(gradient["b"].e1) == pytest.approx(e1.grad.item(), rel=1e-10)
    assert float(gradient["b"].roll) == pytest.approx(roll.grad.item(), rel=1e-10)


def test_gradients_through_losses_are_finite():
    line = cv.Lattice([cv.Drift(length=1.0, x_limit=2e-3), cv.Quadrupole(name="q", length=0.3, k1=1.0)])
    k1 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    q = np.array(beam(n=40).coordinates)
    q[1, :5] = 2.0  # faster sideways than at all: such a particle has no drift
    incoming = cv.ParticleBeam(*(torch.tensor(a) for a in q), reference=beam().reference)
    out = line.replace({"q.k1": k1}).track(incoming)
    assert 0 < out.alive.sum() < 40
    out.sigma_x.backward()
    assert np.isfinite(k1.grad.item())
    setting = jax.grad(lambda k: line.replace({"q.k1": k}).track(incoming.to("jax")).sigma_x)(1.0)
    assert float(setting) == pytest.approx(k1.grad.item(), rel=1e-12)


def test_gradient_by_the_beam_s_own_sizes():
    line = cv.Lattice([cv.Quadrupole(length=0.3, k1=1.0), cv.Drift(length=1.0)])

    def size(sigma, backend):
        return line.track(cv.ParticleBeam.gaussian(100, p0c=1e8, sigma_x=sigma, sigma_px=1e-4, seed=1, backend=backend)).sigma_x

    sigma = torch.tensor(1e-3, dtype=torch.float64, requires_grad=True)
    size(sigma, "torch").backward()
    assert float(jax.grad(lambda s: size(s, "jax"))(1e-3)) == pytest.approx(sigma.grad.item(), rel=1e-12)


def test_moments_are_differentiable():
    line = cv.Lattice([cv.Quadrupole(name="q", length=0.3, k1=1.0), cv.SBend(length=0.5, angle=0.2), cv.Drift(length=1.0)])
    moments = beam(n=40).to_moments()
    for method in ("linear", "bmad_standard"):
        tracked = line.with_tracking(method)
        k1 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        tracked.replace({"q.k1": k1}).track(moments.to("torch")).sigma_x.backward()
        by_jax = jax.grad(lambda k: tracked.replace({"q.k1": k}).track(moments.to("jax")).sigma_x)(1.0)  # noqa: B023
        h = 1e-4
        sizes = [float(tracked.replace({"q.k1": 1.0 + d}).track(moments).sigma_x) for d in (-h, h)]
        assert float(by_jax) == pytest.approx(k1.grad.item(), rel=1e-12)
        assert k1.grad.item() == pytest.approx((sizes[1] - sizes[0]) / (2 * h), rel=1e-6)
