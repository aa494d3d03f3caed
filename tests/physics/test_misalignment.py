"""Frames: what they must leave alone, and what they must agree on."""

import numpy as np

import caraval as cv
from caraval.physics import misalignment

from ..cases import MISALIGNED, beam


def out(element: cv.Element) -> np.ndarray:
    return np.array(cv.Lattice([element]).track(beam()).coordinates)


def test_empty_space_may_stand_anywhere():
    moved = out(cv.Instrument(length=0.8, **MISALIGNED, tilt=0.3))
    np.testing.assert_allclose(moved, out(cv.Drift(length=0.8)), rtol=0, atol=2e-17)


def test_the_cheapest_frame_that_will_do_is_chosen():
    quadrupole, bend = cv.Quadrupole(length=0.1, k1=1.0), cv.SBend(length=0.1, angle=0.1)
    assert misalignment.frame(quadrupole) is None
    assert misalignment.frame(quadrupole.replace(x_offset=1e-3, tilt=0.1)) is misalignment.SHIFT
    assert misalignment.frame(quadrupole.replace(y_pitch=1e-3)) is misalignment.RIGID
    assert misalignment.frame(quadrupole.replace(z_offset=1e-3)) is misalignment.RIGID
    assert misalignment.frame(bend.replace(ref_tilt=0.1)) is misalignment.SHIFT
    assert misalignment.frame(bend.replace(x_offset=1e-3)) is misalignment.RIGID
    assert misalignment.frame(cv.Drift(length=1.0, x_offset=1e-3)) is None
    assert misalignment.frame(quadrupole.replace(x_offset=np.zeros(3))) is misalignment.SHIFT


def test_shift_and_rigid_frames_agree():
    element = cv.Quadrupole(length=0.5, k1=1.7, x_offset=1e-3, y_offset=-2e-3, tilt=0.3)
    rigid = element.replace(z_offset=np.array(0.0))  # an array may be anything, so it takes the general frame
    assert misalignment.frame(rigid) is misalignment.RIGID
    np.testing.assert_allclose(out(rigid), out(element), rtol=0, atol=1e-17)


def test_a_bend_misaligned_as_a_straight_element_in_the_limit_of_no_curvature():
    straight = cv.Quadrupole(length=0.5, k1=1.7, **MISALIGNED)
    bend = cv.SBend(length=0.5, angle=1e-12, k1=1.7, fringe_type="none", **MISALIGNED)
    np.testing.assert_allclose(out(bend), out(straight), rtol=0, atol=1e-12)


def test_turning_magnet_and_beam_together_changes_nothing():
    """A quadrupole pitched about its centre, and a beam that goes in turned the same way."""
    turn = np.pi / 2
    q = np.array(beam().coordinates)
    turned = q[[2, 3, 0, 1, 4, 5]] * np.array([1, 1, -1, -1, 1, 1])[:, None]  # x -> y, y -> -x
    element = cv.Quadrupole(length=0.5, k1=1.7, x_offset=1e-3, x_pitch=2e-3)
    same = cv.Quadrupole(length=0.5, k1=-1.7, y_offset=-1e-3, y_pitch=-2e-3)
    a = np.array(cv.Lattice([element]).track(beam()).coordinates)
    b = np.array(cv.Lattice([same]).track(cv.ParticleBeam(*turned, reference=beam().reference)).coordinates)
    assert turn
    np.testing.assert_allclose(b, a[[2, 3, 0, 1, 4, 5]] * np.array([1, 1, -1, -1, 1, 1])[:, None], rtol=0, atol=1e-17)


def test_offset_of_a_quadrupole_is_a_shifted_beam():
    q = np.array(beam().coordinates)
    q[0] -= 1e-3
    shifted = np.array(
        cv.Lattice([cv.Quadrupole(length=0.5, k1=1.7)]).track(cv.ParticleBeam(*q, reference=beam().reference)).coordinates
    )
    shifted[0] += 1e-3
    np.testing.assert_allclose(out(cv.Quadrupole(length=0.5, k1=1.7, x_offset=1e-3)), shifted, rtol=0, atol=1e-17)
