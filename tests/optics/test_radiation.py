"""Radiation integrals, and matrices between places."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.optics import equilibrium, radiation_integrals, transfer_matrix

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


def test_wigglers_are_refused():
    line = [*rings.ring(2), cv.Wiggler(length=1.0, b_max=1.0, l_period=0.1)]
    with pytest.raises(cv.InputError, match="wigglers is not understood"):
        radiation_integrals(cv.Lattice(line, reference=rings.REFERENCE, geometry="closed"))


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
