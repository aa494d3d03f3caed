"""Floor coordinates: closed forms, and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.optics import survey

from . import rings

NAMES = ("x", "y", "z", "theta", "phi", "psi")
KNOBS = ("b##1.angle", "b##2.ref_tilt", "p.x_pitch", "p.y_offset", "d.length")
AT = (0.4, 0.3, 0.2, 0.05, 0.7)


def line(*settings):
    """Bends in two planes, and a patch between them."""
    bend = cv.SBend(name="b", length=1.0, angle=0.4)
    patch = cv.Patch(name="p", x_offset=0.1, y_offset=0.05, x_pitch=0.2, y_pitch=-0.1, tilt=0.3)
    elements = [bend, cv.Drift(name="d", length=0.7), patch, bend, cv.Drift(name="e", length=0.2)]
    lattice = cv.Lattice(elements, reference=rings.REFERENCE, beginning={"theta_position": 0.1, "y_position": 1.0})
    return lattice.replace(dict(zip(KNOBS, settings, strict=True)))


def found(lattice, stack):
    table = survey(lattice)
    return stack([table[name][-1] for name in (*NAMES, "s")])


def differences(step=1e-6):
    rows = []
    for i in range(len(AT)):
        ends = (found(line(*(float(v) for v in AT + sign * step * np.eye(len(AT))[i])), np.array) for sign in (1, -1))
        rows.append(np.subtract(*ends) / (2 * step))
    return np.array(rows).T


def test_an_arc_is_that_of_a_circle():
    angle, length = 0.3, 2.0
    table = survey(cv.Lattice([cv.SBend(length=length, angle=angle)], reference=rings.REFERENCE))
    radius = length / angle
    expected = [radius * (np.cos(angle) - 1), 0.0, radius * np.sin(angle), -angle, 0.0, 0.0]
    np.testing.assert_allclose([table[name][-1] for name in NAMES], expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("dipole", "settings"),
    [
        ({"k0l": 0.3, "t0": 0.4}, {"angle": 0.3, "ref_tilt": 0.4}),
        ({"k0l": 0.3 * np.cos(0.4), "k0sl": -0.3 * np.sin(0.4)}, {"angle": 0.3, "ref_tilt": 0.4}),
        ({"k0l": -0.3}, {"angle": -0.3}),
    ],
)
def test_a_thin_dipole_turns_the_line_as_a_bend_does(dipole, settings):
    thin = cv.Multipole(**dipole, k1l=0.1, k0l_status="bends_reference")
    bend = cv.SBend(length=1.0, **settings)
    table, expected = (survey(cv.Lattice([one, cv.Drift(length=2.0)], reference=rings.REFERENCE)) for one in (thin, bend))
    for name in ("theta", "phi", "psi"):
        np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=1e-15)
    for name in ("x", "y", "z"):
        np.testing.assert_allclose(table[name][-1], np.diff(expected[name])[-1], rtol=0, atol=1e-15)
    still = survey(cv.Lattice([thin.replace(k0l_status="straight_reference")], reference=rings.REFERENCE))
    assert still.theta[-1] == still.phi[-1] == 0


def test_turns_are_counted_on_in_any_library():
    torch = pytest.importorskip("torch")
    ring = cv.Lattice([*rings.ring(8), *rings.ring(8)], reference=rings.REFERENCE)
    table = survey(ring)
    assert table.theta[-1] == pytest.approx(-4 * np.pi, rel=1e-13)
    other = survey(ring.replace({"b.angle": torch.tensor(np.pi / 8, dtype=torch.float64)}))
    for name in (*NAMES, "s"):
        np.testing.assert_allclose(other[name], table[name], rtol=0, atol=1e-12)


def test_gradients_on_torch():
    torch = pytest.importorskip("torch")
    settings = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in AT]
    values = found(line(*settings), torch.stack)
    np.testing.assert_allclose(values.detach(), found(line(*AT), np.array), rtol=0, atol=1e-14)
    slopes = [[g.item() for g in torch.autograd.grad(value, settings, retain_graph=True)] for value in values[:-1]]
    np.testing.assert_allclose(slopes, differences()[:-1], rtol=0, atol=1e-8)
    every = torch.func.jacrev(lambda settings: found(line(*settings), torch.stack))(torch.tensor(AT, dtype=torch.float64))
    np.testing.assert_allclose(every, differences(), rtol=0, atol=1e-8)


def test_loops_that_stand_upright_have_gradients():
    torch = pytest.importorskip("torch")
    tilted, step = [cv.SBend(name="b", length=1.0, angle=0.5, ref_tilt=np.pi / 2) for _ in range(5)], 1e-6
    upright = cv.Lattice(tilted, reference=rings.REFERENCE)
    angle = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    value = survey(upright.replace({"b.angle": angle})).phi[-1]
    ends = [survey(upright.replace({"b.angle": 0.5 + sign * step})).phi[-1] for sign in (1, -1)]
    assert abs(ends[0]) > 2.0  # beyond a right angle
    assert torch.autograd.grad(value, angle)[0].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-8)


def test_gradients_on_jax_and_under_jit():
    jax = pytest.importorskip("jax")

    def of(settings):
        return found(line(*settings), jax.numpy.stack)

    at = jax.numpy.asarray(AT)
    np.testing.assert_allclose(jax.jit(of)(at), found(line(*AT), np.array), rtol=0, atol=1e-14)
    np.testing.assert_allclose(jax.jacfwd(of)(at), differences(), rtol=0, atol=1e-8)


def test_a_fiducial_moves_the_whole_line_with_its_derivatives():
    torch = pytest.importorskip("torch")
    length = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    fiducial = cv.Fiducial(name="f", dx_origin=0.3, dtheta_origin=0.2)
    lattice = cv.Lattice([cv.Drift(name="d", length=length), fiducial], reference=rings.REFERENCE)
    table = survey(lattice)
    assert table.x[-1].item() == pytest.approx(0.3, abs=1e-15)
    assert torch.autograd.grad(table.x[0], length)[0].item() == pytest.approx(-np.sin(0.2), rel=1e-13)


def test_batches_are_refused():
    with pytest.raises(cv.InputError, match="one lattice at a time"):
        survey(line(*AT).replace({"d.length": np.array([0.1, 0.2])}))
