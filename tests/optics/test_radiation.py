"""Radiation integrals, and matrices between places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.optics import Equilibrium, RadiationIntegrals, equilibrium, radiation_integrals, transfer_matrix

from . import rings


def test_integrals_of_sector_bends_alone():
    """A ring of bends with weak focusing has dispersion and Twiss parameters that do not change."""
    index, radius = 0.4, 5.0
    bend = cv.SBend(name="b", length=np.pi * radius / 4, angle=np.pi / 4, k1=-index / radius**2)
    ring = cv.Lattice(8 * [bend], reference=rings.REFERENCE, geometry="closed")
    eta, beta = radius / (1 - index), radius / np.sqrt(1 - index)
    around = 2 * np.pi * radius
    i = radiation_integrals(ring)
    assert i.i1 == pytest.approx(around * eta / radius, rel=1e-9)
    assert i.i2 == pytest.approx(around / radius**2, rel=1e-12)
    assert i.i4_a == pytest.approx(around * eta * (1 / radius**3 - 2 * index / radius**3), rel=1e-9)
    assert i.i5_a == pytest.approx(around / radius**3 * eta**2 / beta, rel=1e-9)
    found = equilibrium(ring)
    assert found.momentum_compaction == pytest.approx(1 / (1 - index), rel=1e-9)
    assert found.j_a == pytest.approx(index / (1 - index), rel=1e-9)
    assert found.j_a + found.j_b + found.j_z == pytest.approx(4.0, rel=1e-14)


def test_the_loss_in_a_turn_is_that_of_the_handbooks():
    """88.46 keV GeV^-3 m E^4 / rho, for electrons (Handbook of Accelerator Physics and Engineering, 3.1.4.1)."""
    ring = rings.ring(8)
    radius = 8 / np.pi
    assert equilibrium(ring).energy_loss == pytest.approx(88.46e3 / radius, rel=1e-4)


def test_a_ring_on_its_side_is_the_same_with_other_modes():
    flat = cv.Lattice(rings.ring(4).elements, reference=rings.REFERENCE, geometry="closed")
    upright = flat.replace({"b.ref_tilt": np.pi / 2, "q*.tilt": np.pi / 2, "s*.tilt": np.pi / 2})
    a, b = radiation_integrals(flat), radiation_integrals(upright)
    assert b.i5_b == pytest.approx(a.i5_a, rel=1e-9)
    assert b.i4_b == pytest.approx(a.i4_a, rel=1e-9)
    assert b[:4] == pytest.approx(a[:4], rel=1e-9)


def test_quadrupoles_bend_where_the_orbit_is_off_their_axis():
    kick, k1 = 1e-3, 1.1
    line = [cv.Quadrupole(name="q", length=0.3, k1=k1, x_offset=-kick)]
    lattice = cv.Lattice(line, reference=rings.REFERENCE, beginning={"beta_a": 2.0, "beta_b": 2.0})
    angle = np.sqrt(k1) * 0.3
    expected = (k1 * kick) ** 2 * (0.15 + np.sin(2 * angle) / (4 * np.sqrt(k1)))
    assert radiation_integrals(lattice).i2 == pytest.approx(expected, rel=1e-9)


def wiggling(method, **more):
    """A wiggler of ten periods in a line that begins with Twiss parameters."""
    device = cv.Wiggler(name="w", length=2.0, g_max=0.05, l_period=0.2, tracking_method=method, **more)
    beginning = {"beta_a": 4.0, "beta_b": 3.0, "eta_x": 0.1}
    return radiation_integrals(cv.Lattice([device], reference=rings.REFERENCE, beginning=beginning))


def test_wigglers_radiate_on_every_pole():
    """Means of powers of a cosine, and for the mean of its third power by beta that of a drift, which focuses little."""
    g, length, k = 0.05, 2.0, 2 * np.pi / 0.2
    mean = wiggling("bmad_standard")
    gamma = rings.REFERENCE.gamma
    expected = [gamma * length * 2 * g / np.pi, -length * g**2 / (2 * k**2), length * g**2 / 2, length * 4 * g**3 / (3 * np.pi)]
    np.testing.assert_allclose(mean[:4], expected, rtol=1e-14)
    beta = 3.0 + length**2 / (3 * 3.0)
    assert mean.i6_b == pytest.approx(4 * g**3 / (3 * np.pi) * length * beta, rel=3e-3)
    assert mean.i5_a == pytest.approx(4 * g**3 / (3 * np.pi) * length * 0.1**2 / 4.0, rel=1e-2)


def test_wigglers_in_their_field_radiate_as_their_mean_and_disperse_besides():
    mean, whole = (wiggling(method) for method in ("bmad_standard", "kick_drift_kick"))
    np.testing.assert_allclose(whole[0], mean[0], rtol=1e-6)
    np.testing.assert_allclose(whole[2:4], mean[2:4], rtol=1e-6)
    assert whole.i6_b == pytest.approx(mean.i6_b, rel=1e-4)
    g, k = 0.05, 2 * np.pi / 0.2
    line = cv.Lattice(
        [cv.Wiggler(length=2.0, g_max=g, l_period=0.2, tracking_method="kick_drift_kick")],
        reference=rings.REFERENCE,
        beginning={"beta_a": 4.0, "beta_b": 3.0},
    )
    i = radiation_integrals(line)
    # px wiggles with g sin(ks) / k, and so does the dispersion, with the opposite sign; from its entrance on it drifts
    assert i.i1 == pytest.approx(-2.0 * g**2 / (2 * k**2), rel=0.05)
    assert 0 < i.i5_a < 1e-2 * g**3


def test_helical_undulators_radiate_all_along():
    g = 0.05
    device = cv.Undulator(length=2.0, g_max=g, l_period=0.2, field_calc="helical_model")
    line = cv.Lattice([device], reference=rings.REFERENCE, beginning={"beta_a": 4.0, "beta_b": 3.0})
    i = radiation_integrals(line)
    assert (i.i2, i.i3) == pytest.approx((2.0 * g**2, 2.0 * g**3), rel=1e-14)
    assert i.i6_b == pytest.approx(g**3 * 2.0 * (3.0 + 4.0 / 9.0), rel=5e-3)


def test_correctors_radiate_as_weak_bends():
    kick = 1e-3
    beginning = {"beta_a": 2.0, "beta_b": 2.0, "eta_x": 0.3}
    line = cv.Lattice([cv.Kicker(length=0.5, hkick=-kick)], reference=rings.REFERENCE, beginning=beginning)
    i = radiation_integrals(line)
    g = kick / 0.5
    assert (i.i2, i.i3) == pytest.approx((g**2 * 0.5, g**3 * 0.5), rel=1e-8)
    assert i.i1 == pytest.approx(g * 0.5 * 0.3, rel=1e-2)


def test_kicks_in_bends_count_with_their_design():
    bend = cv.SBend(length=1.0, angle=0.1, hkick=-1e-3)
    lattices = [
        cv.Lattice([one], reference=rings.REFERENCE, beginning={"beta_a": 2.0, "beta_b": 2.0})
        for one in (bend, cv.SBend(length=1.0, angle=0.1, dg=1e-3))
    ]
    kicked, stronger = map(radiation_integrals, lattices)
    assert kicked.i2 == pytest.approx(stronger.i2, rel=2e-4)
    assert stronger.i2 == pytest.approx(0.101**2, rel=1e-12)


# -------------------------------------------------------------------- settings and derivatives


def driven(t: Any) -> cv.Lattice:
    """A ring with coupling, pole faces, gradients and a quadrupole off its axis, of which much changes with one number."""
    values = {"qf.k1": 1.1 + 0.1 * t, "d.length": 0.2 + 0.02 * t, "b.e1": 0.05 + 0.02 * t, "b.k1": -0.02 + 0.01 * t}
    places = {"qf##1.x_offset": 2e-4 * (1 + t), "qd##1.tilt": 0.05 + 0.02 * t, "b.angle": np.pi / 8 * (1 + 1e-2 * t)}
    return rings.ring(1).replace({**values, **places, "b.length": 1.0 + 0.1 * t})


def driven_from(t: Any) -> cv.Lattice:
    """The same at another energy."""
    return driven(t).replace(reference=cv.Reference("electron", rings.REFERENCE.p0c * (1 + 0.1 * t)))


def test_settings_in_arrays_are_those_one_by_one():
    settings = [-0.2, 0.0, 0.3]
    found, alone = equilibrium(driven(np.array(settings))), [equilibrium(driven(t)) for t in settings]
    for name, values in found._asdict().items():
        np.testing.assert_allclose(values, [getattr(one, name) for one in alone], rtol=1e-9, err_msg=name)


def test_derivatives_on_torch_are_finite_differences():
    """Of integrals and of the equilibrium, by strengths, lengths, angles, misalignments and the energy."""
    torch = pytest.importorskip("torch")
    weights = np.linspace(1.0, 2.0, len(RadiationIntegrals._fields) + len(Equilibrium._fields))
    sizes = [abs(value) for value in (*radiation_integrals(driven_from(0.0)), *equilibrium(driven_from(0.0)))]

    def measured(t: Any) -> Any:
        values = [*radiation_integrals(driven_from(t)), *equilibrium(driven_from(t))]
        return sum(weight * value / size for weight, value, size in zip(weights, values, sizes, strict=True))

    t = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(measured(t), t)
    assert float(found) == pytest.approx((measured(1e-4) - measured(-1e-4)) / 2e-4, rel=1e-5)


@pytest.mark.slow
def test_derivatives_on_jax_are_finite_differences():
    jax = pytest.importorskip("jax")
    found = jax.jacfwd(lambda t: jax.numpy.stack(list(equilibrium(driven(t)))))(0.0)
    up, down = (np.array(equilibrium(driven(s))) for s in (1e-4, -1e-4))
    np.testing.assert_allclose(found, (up - down) / 2e-4, rtol=1e-5)


# -------------------------------------------------------------------- matrices


def test_matrices_between_places_are_parts_of_the_turn():
    ring = rings.coupled()
    turn = transfer_matrix(ring)
    there, onwards = transfer_matrix(ring, end="qd"), transfer_matrix(ring, "qd")
    np.testing.assert_allclose(onwards @ there, turn, rtol=0, atol=1e-12)
    np.testing.assert_allclose(transfer_matrix(ring, "qd", "sf"), transfer_matrix(ring, end="sf") @ onwards, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(transfer_matrix(ring, "d##2", 4), np.eye(6))
    one = transfer_matrix(ring, 4, "qd", orbit=(0.0,) * 6)
    np.testing.assert_allclose(one, cv.Lattice([ring["qd"]], reference=rings.REFERENCE).transfer_matrix(), rtol=0, atol=1e-15)


def test_there_is_no_way_back_in_an_open_line():
    line = rings.coupled().replace(geometry="open")
    with pytest.raises(cv.InputError, match="comes before"):
        transfer_matrix(line, "qd", "qf")
