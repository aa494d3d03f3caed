"""Optics with what effects do to single particles: orbits of rings that radiate, and the Twiss parameters about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.optics import chromaticities, closed_orbit, equilibrium, transfer_matrix, tunes, twiss
from caraval.optics.line import Line
from caraval.optics.longitudinal import UNIT

from . import rings

SCALE = 30.0
"""So many times what an electron radiates at this energy: half a per mille in a turn."""

COLUMNS = ("beta_a", "alpha_a", "phi_a", "beta_b", "eta_x", "etap_x", "x", "px", "y", "z", "pz", "c12_mat")


def ring(k1: Any = 1.1, *, rf: bool = True) -> cv.Lattice:
    """A ring of two cells with coupling, and a cavity."""
    lattice = rings.ring(2, rf=rf).replace({"qf.k1": k1, "qd##1.tilt": 0.02})
    return lattice.replace({"rf.voltage": 1e6}) if rf else lattice


def lost() -> float:
    """The part of its energy that a particle loses in a turn."""
    return SCALE * equilibrium(ring(rf=False)).energy_loss / rings.REFERENCE.energy


def test_the_orbit_goes_down_in_magnets_and_up_in_cavities() -> None:
    lattice = ring().with_radiation(scale=SCALE)
    orbit = closed_orbit(lattice, 6)
    out = lattice.track(cv.ParticleBeam(*([value] for value in orbit), reference=lattice.reference))
    np.testing.assert_allclose(np.array(out.coordinates)[:, 0], orbit, rtol=0, atol=1e-12)
    table = twiss(lattice)
    assert table.pz[-1] - table.pz[-2] == pytest.approx(lost(), rel=5e-3)
    for name in ("x", "y", "pz"):
        assert table[name][0] == pytest.approx(table[name][-1], abs=1e-12), name


def test_optics_about_it_are_those_of_the_magnets() -> None:
    """Maps are symplectic, and nearly those without radiation; the matrix of a turn damps all the same."""
    lattice = ring().with_radiation(scale=SCALE)
    orbit = closed_orbit(lattice, 6)
    matrix = np.array(Line(lattice).about(orbit).turn(orbit)[0])
    np.testing.assert_allclose(matrix.T @ UNIT @ matrix, UNIT, rtol=0, atol=1e-11)
    assert np.linalg.det(transfer_matrix(lattice)) == pytest.approx(1 - 4 * lost(), abs=1e-2 * lost())  # Robinson's theorem
    assert tunes(lattice) == pytest.approx(tunes(ring()), rel=0.1)
    table = twiss(lattice)
    for name in ("beta_a", "alpha_a", "beta_b", "eta_x", "c12_mat"):
        assert table[name][0] == pytest.approx(table[name][-1], abs=1e-3), name


def test_where_no_cavity_makes_up_for_it_nothing_is_lost() -> None:
    """As in Bmad, which has closed orbits of a constant momentum then."""
    lattice = ring(rf=False)
    radiating = lattice.with_radiation(scale=SCALE)
    assert closed_orbit(ring().with_radiation(scale=SCALE), pz=1e-3) == pytest.approx(closed_orbit(ring(), pz=1e-3), abs=1e-15)
    assert chromaticities(radiating) == pytest.approx(chromaticities(lattice), abs=1e-12)
    found, expected = twiss(radiating), twiss(lattice)
    for name in COLUMNS:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_along_open_lines_the_orbit_loses_what_a_particle_does() -> None:
    lattice = ring(rf=False).with_radiation(scale=SCALE).replace(geometry="open")
    table = twiss(lattice, {"beta_a": 5.0, "beta_b": 4.0, "x": 1e-3, "py": 2e-4})
    out = lattice.track(cv.ParticleBeam(x=[1e-3], py=[2e-4], reference=lattice.reference))
    np.testing.assert_allclose([table[name][-1] for name in ("x", "px", "y", "py", "z", "pz")],
                               np.array(out.coordinates)[:, 0], rtol=0, atol=1e-15)  # fmt: skip


def test_slices_have_one_row() -> None:
    lattice = ring().with_radiation(scale=SCALE)
    sliced = lattice.replace({"b.num_slices": 3, "qf.num_slices": 2})
    found, expected = twiss(sliced), twiss(lattice)
    assert list(found.name) == list(expected.name)
    np.testing.assert_allclose(found.s, expected.s, rtol=0, atol=1e-12)
    for name in COLUMNS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


def looked_at(k1: Any) -> tuple[Any, ...]:
    lattice = ring(k1).with_radiation(scale=SCALE)
    return closed_orbit(lattice, 6).x, twiss(lattice).beta_a[7], tunes(lattice).b


def test_gradients_are_those_of_finite_differences() -> None:
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)
    up, down = (looked_at(1.1 + step) for step in (3e-5, -3e-5))
    for value, above, below in zip(looked_at(k1), up, down, strict=True):
        (found,) = torch.autograd.grad(value, k1)
        assert abs(above - below) > 5e-12
        assert float(found) == pytest.approx((above - below) / 6e-5, rel=3e-6)
