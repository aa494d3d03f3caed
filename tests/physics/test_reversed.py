"""Reversed elements. What a film shows that runs backwards: opposite charges go the other way through the same element."""

import numpy as np
import pytest

import caraval as cv

from ..cases import ELEMENTS, MISALIGNED, REFERENCES, beam

STRENGTHS = ("k1", "k2", "ks", "hkick", "vkick", "kick")

BENDS = {
    "sbend_plain": ELEMENTS["sbend_plain"],
    "sbend_field_error": cv.SBend(length=0.5, angle=0.2, dg=0.03, fringe_at="no_end", **MISALIGNED, roll=0.02, ref_tilt=0.1),
    "sbend_kicks": cv.SBend(length=0.5, angle=0.2, hkick=1e-3, vkick=-1e-3, b2=0.5, a2=0.2, fringe_at="no_end"),
    "sbend_linear_edges": cv.SBend(length=0.5, angle=0.2, e1=0.1, e2=0.03, fringe_type="linear_edge", fint=0.5, hgap=0.02),
}

COUPLED = {"c11_mat0": 0.1, "c12_mat0": -0.2, "c21_mat0": 0.05, "c22_mat1": 0.3, "c12_mat1": 0.1, "mode_flip1": True}
ORBITS = {"x0": 1e-3, "px0": 1e-4, "z0": 2e-3, "pz0": 1e-3, "x1": -2e-3, "py1": 3e-4, "z1": 1e-3, "pz1": -4e-3}
MATCHES = {
    "match": ELEMENTS["match"],
    "match_coupled": ELEMENTS["match"].replace(**COUPLED, **ORBITS, alpha_b0=0.3, dphi_b=1.1, etap_y0=0.1, delta_time=1e-11),
}

CASES = {
    name: ELEMENTS[name]
    for name in (
        "drift", "quadrupole", "quadrupole_shifted", "quadrupole_misaligned", "quadrupole_kicks", "sextupole", "monitor",
        "solenoid", "hkicker", "vkicker", "kicker", "rcollimator",
    )
} | BENDS | MATCHES  # fmt: skip


def backwards(q: np.ndarray) -> np.ndarray:
    """Turn all momenta around, and early into late."""
    return q * np.array([1, -1, 1, -1, -1, 1])[:, None]


def opposite(element: cv.Element) -> cv.Element:
    """The element for particles of the opposite charge: with all fields the other way, and as many steps."""
    changes = {name: -getattr(element, name) for name in STRENGTHS if name in element.parameters}
    if isinstance(element, cv.SBend):
        changes["dg"] = -(2 * element.g + element.dg)
    return element.replace(**changes)


@pytest.mark.parametrize("name", CASES)
def test_backwards_through_a_reversed_element_is_back(name):
    open_ = {"x1_limit": 0.0, "x2_limit": 0.0, "y1_limit": 0.0, "y2_limit": 0.0}
    element = CASES[name].replace(tracking_method=cv.BmadStandard(num_steps=7), **open_)
    reference = REFERENCES["electron_10MeV"]
    there = cv.Lattice([element]).track(beam(reference, scale=0.3))
    turned = opposite(element).replace(orientation=-1)
    start = cv.ParticleBeam(*backwards(np.array(there.coordinates)), reference=reference)
    back = cv.Lattice([turned]).track(start)
    np.testing.assert_allclose(
        backwards(np.array(back.coordinates)), np.array(beam(reference, scale=0.3).coordinates), rtol=0, atol=1e-15
    )


@pytest.mark.parametrize("name", ["quadrupole_edges", "quadrupole_misaligned", "rcollimator"])
def test_slices_of_a_reversed_element_are_the_whole(name):
    element = ELEMENTS[name].replace(orientation=-1, aperture_at="entrance_end")
    whole = cv.Lattice([element]).track(beam())
    cut = cv.Lattice([element.cut(0.0, 0.3 * element.length), element.cut(0.3 * element.length, element.length)]).track(beam())
    assert np.array_equal(cut.alive, whole.alive)
    np.testing.assert_allclose(
        np.array(cut.coordinates)[:, whole.alive], np.array(whole.coordinates)[:, whole.alive], atol=1e-14
    )


def test_apertures_change_ends():
    element = cv.Quadrupole(length=0.5, k1=3.0, x_limit=2e-3, aperture_at="entrance_end", orientation=-1)
    out = cv.Lattice([element]).track(beam())
    assert not out.alive.all()
    assert out.lost_s[~out.alive] == pytest.approx(0.5)


def test_faces_of_a_bend_change_places():
    bend = cv.SBend(length=0.5, angle=0.2, e1=0.1, e2=0.05, fint=0.5, hgap=0.02, fintx=0.3, orientation=-1)
    turned = bend.turned()
    assert (turned.e1, turned.e2, turned.fint, turned.fintx) == (0.05, 0.1, 0.3, 0.5)
    assert turned.g + turned.dg == -bend.g


def test_two_defects_of_bmad_in_reversed_bends_are_reproduced():
    gradient = cv.SBend(length=0.5, angle=0.2, k1=1.5, dg=0.02, fringe_at="no_end")
    reference = REFERENCES["electron_10MeV"]
    there = cv.Lattice([gradient]).track(beam(reference, scale=0.3))
    turned = opposite(gradient).replace(orientation=-1)
    start = cv.ParticleBeam(*backwards(np.array(there.coordinates)), reference=reference)
    back = backwards(np.array(cv.Lattice([turned]).track(start).coordinates))
    expected = np.array(beam(reference, scale=0.3).coordinates)
    # Bmad facts, section 15: the path along the dispersive orbit comes with the sign of the orientation
    dispersive = (gradient.g * expected[5] - gradient.dg) / (gradient.k1 + gradient.g * (gradient.g + gradient.dg))
    expected[4] -= 2 * gradient.g * gradient.length * dispersive
    np.testing.assert_allclose(back, expected, rtol=0, atol=1e-14)

    # section 17: the exact edge takes no notice of the orientation; nor of anything else here, for there is no body
    edge = cv.SBend(
        length=1e-12, angle=1e-13, e1=0.1, e2=0.05, fint=0.5, hgap=0.02, fringe_type="full", fringe_at="entrance_end"
    )
    mirrored = edge.replace(e1=edge.e2, e2=edge.e1, fringe_at="exit_end", orientation=-1)
    outs = [np.array(cv.Lattice([e]).track(beam(reference)).coordinates) for e in (edge.replace(e1=0.1), mirrored)]
    np.testing.assert_allclose(*outs, rtol=0, atol=1e-12)


def test_lines_of_bmad_can_be_reversed(tmp_path):
    file = tmp_path / "turned.bmad"
    file.write_text(
        """
        parameter[particle] = electron
        beginning[p0c] = 1e8
        q: quadrupole, l = 0.2, k1 = 1
        d: drift, l = 1
        part: line = (q, --q, d)
        all: line = (--part, --(d, q), 2*--q)
        use, all
        """
    )
    lattice = cv.load(file)
    assert lattice.names[:3] == ["d", "q", "q"]
    assert [(e.name, e.orientation) for e in lattice][:7] == [
        ("d", -1), ("q", 1), ("q", -1), ("q", -1), ("d", -1), ("q", -1), ("q", -1)
    ]  # fmt: skip
