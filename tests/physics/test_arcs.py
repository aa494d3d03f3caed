"""Bodies of bends whose field does not follow the design, up to a full turn."""

from itertools import pairwise

import numpy as np
import pytest

import caraval as cv
from caraval.testing.case import Case
from caraval.testing.structure import undoes

from ..cases import REFERENCES, beam

REFERENCE = REFERENCES["electron_10MeV"]
ANGLES = (0.9, 1.2, np.pi / 2, -2.0, np.pi, 4.5, -6.0)
BEND = cv.SBend(length=2.0, dg=0.01, fringe_at="no_end", name="b")


def quarters(bend: cv.Element, number: int = 16) -> cv.Lattice:
    """A bend in slices, of which each turns by little."""
    edges = bend.length * np.arange(number + 1) / number
    return cv.Lattice([bend.cut(float(a), float(b)) for a, b in pairwise(edges)])


def assert_close(found: cv.ParticleBeam, truth: cv.ParticleBeam) -> None:
    assert np.asarray(found.alive).all()
    np.testing.assert_allclose(np.array([*map(np.asarray, found.coordinates)]), np.array(truth.coordinates), atol=2e-14)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick"])
def test_an_arc_is_many_short_ones(angle, method):
    bend = BEND.replace(angle=angle, tracking_method=method)
    assert_close(cv.Lattice([bend]).track(beam(REFERENCE)), quarters(bend).track(beam(REFERENCE)))
    undoes(Case(bend, REFERENCE, 1.0))


@pytest.mark.parametrize("angle", ANGLES)
def test_an_angle_that_is_left_open_may_be_large(angle):
    tracker = cv.Lattice([BEND]).compile("numpy", parameters=["b.angle"])
    out = tracker(beam(REFERENCE), {"b.angle": angle})
    assert_close(out, quarters(BEND.replace(angle=angle)).track(beam(REFERENCE)))


@pytest.mark.parametrize("angle", [0.5, 2.0])
def test_without_field_nothing_comes_round_a_corner(angle):
    bend = BEND.replace(angle=angle, is_on=False)
    assert cv.Lattice([bend]).track(beam(REFERENCE)).alive.any() == (angle < 1.0)
