"""kick_drift_kick against PTC: the same splitting with the same steps, read from the lattice text that Bmad handed to PTC.

The records are in ``tests/data/elements``. PTC has the masses of CODATA 2014, so particles have them here. The error of a
record is the largest difference over its living particles, each coordinate divided by its largest value in the record, at
least 1e-3.
"""

from typing import Any

import mpmath
import numpy as np
import pytest

import caraval as cv
from caraval.backends.base import moved
from caraval.core.coordinates import Coordinates
from validation import ptc
from validation.records import LEAST_SCALE, RECORDS, Record
from validation.records import records as all_records

TOLERANCE = 1e-12


def records(*names: str) -> list[Any]:
    """Return the records of PTC where its model is ours, or is known to differ little; of some cases or kinds alone."""
    found = [r for r in all_records(RECORDS) if r.method == "symp_lie_ptc" and r.kind in ptc.SAME_MODEL]
    chosen = [r for r in found if not names or r.name in names or r.kind in names]
    return [pytest.param(record, id=f"{record.name}-{record.content['ref']}") for record in chosen]


def lattice_of(record: Record) -> cv.Lattice:
    lattice = record.symplectic()
    return lattice.replace(elements=[ptc.in_its_words(element) for element in lattice.elements])


def tracked(record: Record) -> np.ndarray:
    return np.array(record.track(lattice_of(record)).coordinates)


@pytest.mark.parametrize("record", records())
def test_kick_drift_kick_is_ptcs(record):
    alive, scale = ptc.alive(record), np.maximum(np.abs(record.end).max(axis=1, keepdims=True), LEAST_SCALE)
    difference = np.abs(tracked(record) - record.end)
    if record.name in ptc.DIFFERENT:
        bound = ptc.DIFFERENT[record.name]
        assert bound / 100 < (difference / scale)[:, alive].max() < bound
        return
    assert (difference[:, alive] <= TOLERANCE * scale + ptc.rounding(record, record.symplectic().elements[0])).all()


def in_plane(g: float, length: float, mass2: float, start: Any) -> list[Any]:
    """Return x, px and z after a bend without edges, of a particle in its plane, in forty digits."""
    with mpmath.workdps(40):
        g, length, mass2 = map(mpmath.mpf, (g, length, mass2))
        x, px, z, momentum = (mpmath.mpf(start[i]) for i in (0, 1, 4, 5))
        momentum += 1
        excess = mpmath.sqrt(momentum**2 - px**2) - 1 - g * x
        sine, cosine = mpmath.sin(g * length), mpmath.cos(g * length)
        px_out = px * cosine + excess * sine
        x_out = (mpmath.sqrt(momentum**2 - px_out**2) + px * sine - excess * cosine - 1) / g
        path = momentum / g * (g * length + mpmath.asin(px / momentum) - mpmath.asin(px_out / momentum))
        speed = momentum / mpmath.sqrt(momentum**2 + mass2) * mpmath.sqrt(1 + mass2)
        return [float(v) for v in (x_out, px_out, z + length * speed - path)]


PLAIN_BENDS = ("sbend_g", "sbend_b_field", "sbend_tiny_angle", "sbend_fringe_at_none", "sbend_large_angle", "sbend_neg")


@pytest.mark.parametrize("record", records(*PLAIN_BENDS))
def test_in_plain_bends_the_difference_is_ptcs(record):
    """Ours is right to rounding, of the particle's own coordinates and not of the radius; PTC is off by the difference."""
    bend, start = record.symplectic().elements[0], record.start.T
    flat = (start[:, 2] == 0) & (start[:, 3] == 0)
    g, length = ptc.curvature(record, bend), bend.length
    mass2 = (record.ptc_reference().species.mass / record.content["p0c_start"]) ** 2
    exact = np.array([in_plane(g, length, mass2, particle) for particle in start[flat]]).T
    size = np.abs(start[flat]).max(axis=1) * (1 + abs(g * length)) / min(1.0, abs(g))
    ours, theirs = (np.abs(found[[0, 1, 4]][:, flat] - exact).max(axis=0) for found in (tracked(record), record.end))
    assert (ours <= 1e-15 * size + 1e-30).all()
    assert (theirs <= 1e-14 + ptc.rounding(record, bend)).all()
    assert theirs.max() > 5 * ours.max()


def through(lattice: cv.Lattice, start: np.ndarray) -> np.ndarray:
    """Return coordinates after a lattice, in their own precision."""
    pieces = lattice.planner.pieces()
    stages = lattice.planner.plan([], lattice.reference).prepare(pieces, lattice.reference, particles=False).stages
    q = Coordinates(*start)
    for row in stages:
        q = moved(row.variant, np)(row.constants, q)
    return np.array(q)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="no extended precision on this machine")
@pytest.mark.parametrize("record", records("sbend", "rbend"))
def test_in_all_bends_ours_is_the_map_to_rounding(record):
    """The same steps in extended precision: what PTC differs by is hundreds of times more than what we round."""
    lattice, start = lattice_of(record), record.start[:, ptc.alive(record)]
    exact = through(lattice, start.astype(np.longdouble))
    assert exact.dtype == np.longdouble
    scale = np.maximum(np.abs(exact).max(axis=1, keepdims=True), LEAST_SCALE)
    assert (np.abs(through(lattice, start) - exact) <= 1e-14 * scale).all()


def test_there_are_enough_records():
    """Counts what the tests above run over, so that a record that vanishes is noticed."""
    assert len(records()) >= 500
