"""kick_drift_kick against PTC: the same splitting with the same steps, read from the lattice text that Bmad handed to PTC.

The records are in ``tests/data/elements``. PTC has the masses of CODATA 2014, so particles have them here. The error of a
record is the largest difference over its living particles, each coordinate divided by its largest value in the record, at
least 1e-3.
"""

from math import asin, atan2
from typing import Any

import mpmath
import numpy as np
import pytest

import caraval as cv
from caraval.backends.base import moved
from caraval.core import scalar
from caraval.core.coordinates import Coordinates
from validation.records import LEAST_SCALE, RECORDS, Record, load

TOLERANCE = 1e-12

KINDS = (
    *("drift", "pipe", "monitor", "instrument", "hkicker", "vkicker", "kicker", "quadrupole", "sextupole", "octupole"),
    *("thick_multipole", "multipole", "ab_multipole", "solenoid", "sol_quad", "sbend", "rbend"),
)

NOT_PTCS = {
    "sbend_all_misalign": 2e-5,  # roll, pitches and offsets in another order
    "multipole_k0l_bends": 0.1,  # the kick without the turn of the reference
    "sbend_k1_fringe_soft_edge_only": 2e-3,  # a gradient's wedge as with its hard edge, but without the hard edge
}
"""Cases in which PTC, as Bmad drives it, has something else in mind, and a bound on the difference."""


def in_ptcs_words(element: Any) -> Any:
    """Return the element that PTC tracks in place of `element`, where these are not the same.

    In PTC Bmad's pitches follow each other in the opposite order; sextupoles have no edges; and in bends `fringe_type` says
    only whether a gradient has a hard edge, "none" also that the faces are not turned.
    """
    if element.kind == "SBend":
        edge = element.fringe_type
        if edge == "none":
            return element.replace(fringe_type="basic_bend", e1=0.0, e2=0.0)
        meant = {"hard_edge_only": "full", "soft_edge_only": "full", "linear_edge": "basic_bend"}
        return element.replace(fringe_type=meant.get(edge, edge))
    if element.kind == "Sextupole":
        element = element.replace(fringe_type="none")
    if element.x_pitch and element.y_pitch:
        about_x, about_y = element.y_pitch, element.x_pitch
        x = np.array([[1, 0, 0], [0, np.cos(about_x), np.sin(about_x)], [0, -np.sin(about_x), np.cos(about_x)]])
        y = np.array([[np.cos(about_y), 0, np.sin(about_y)], [0, 1, 0], [-np.sin(about_y), 0, np.cos(about_y)]])
        m = x @ y  # Bmad has y @ x, and the tilt after both
        roll = atan2(m[1, 0], m[1, 1])
        return element.replace(x_pitch=atan2(m[0, 2], m[2, 2]), y_pitch=asin(m[1, 2]), tilt=element.tilt + roll)
    return element


def records() -> list[Any]:
    return [
        pytest.param(record, id=f"{record['id']}-{record['ref']}")
        for path in sorted(RECORDS.glob("*.json.gz"))
        if path.name.split(".")[0] in KINDS
        for record in (found.content for found in load(path))
        if record["tracking_method"] == "symp_lie_ptc" and not record.get("failed")
    ]


def element_of(record: dict[str, Any], folder: Any) -> Any:
    file = folder / "record.bmad"
    file.write_text(record["lattice"])
    return cv.load(file).elements[0]


def reference_of(record: dict[str, Any]) -> cv.Reference:
    return Record(record).ptc_reference()


def tracked(record: dict[str, Any], element: cv.Element) -> np.ndarray:
    beam = cv.ParticleBeam(*np.array(record["initial"]).T, reference=reference_of(record))
    return np.array(cv.Lattice([element]).track(beam).coordinates)


def truth_of(record: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return PTC's coordinates, and which particles they are of.

    A magnet cannot change pz. Where it does, PTC has just lost another particle and is not itself.
    """
    final = record["elements"][0]["final"]
    truth = np.array([particle["vec"] for particle in final]).T
    alive = np.array([particle["state"] == "Alive" for particle in final])
    kept = np.abs(truth[5] - np.array(record["initial"])[:, 5]) < 1e-14
    assert (alive & ~kept).sum() <= (~alive).sum()
    return truth, alive & kept


def curvature(record: dict[str, Any], element: Any) -> float:
    return float(element.at(reference_of(record), scalar).g)


def rounding(record: dict[str, Any], element: Any) -> float:
    """Return what PTC loses in a bend [m]: where it adds x to the radius and takes that off again, twice for each kick."""
    if element.kind != "SBend" or curvature(record, element) == 0:
        return 0.0
    kicks = element.tracking_method.num_steps * {2: 1, 4: 3, 6: 7}[element.tracking_method.order]
    return 2 * kicks * 2.0**-52 / abs(curvature(record, element))


@pytest.mark.parametrize("record", records())
def test_kick_drift_kick_is_ptcs(record, tmp_path):
    element = element_of(record, tmp_path)
    out = tracked(record, in_ptcs_words(element))
    truth, alive = truth_of(record)
    if record["id"] in NOT_PTCS:
        bound = NOT_PTCS[record["id"]]
        scale = np.maximum(np.abs(truth).max(axis=1, keepdims=True), LEAST_SCALE)
        assert bound / 100 < (np.abs(out - truth) / scale)[:, alive].max() < bound
        return
    scale = np.maximum(np.abs(truth).max(axis=1, keepdims=True), LEAST_SCALE)
    assert (np.abs(out - truth)[:, alive] <= TOLERANCE * scale + rounding(record, element)).all()


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


@pytest.mark.parametrize("record", [p for p in records() if p.values[0]["id"] in PLAIN_BENDS])
def test_in_plain_bends_the_difference_is_ptcs(record, tmp_path):
    """Ours is right to rounding, of the particle's own coordinates and not of the radius; PTC is off by the difference."""
    element = element_of(record, tmp_path)
    start = np.array(record["initial"])
    flat = (start[:, 2] == 0) & (start[:, 3] == 0)
    g, length = curvature(record, element), element.length
    mass2 = (reference_of(record).species.mass / record["p0c_start"]) ** 2
    exact = np.array([in_plane(g, length, mass2, particle) for particle in start[flat]]).T
    size = np.abs(start[flat]).max(axis=1) * (1 + abs(g * length)) / min(1.0, abs(g))
    out, truth = tracked(record, element)[:, flat], truth_of(record)[0][:, flat]
    ours, theirs = (np.abs(found[[0, 1, 4]] - exact).max(axis=0) for found in (out, truth))
    assert (ours <= 1e-15 * size + 1e-30).all()
    assert (theirs <= 1e-14 + rounding(record, element)).all()
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
@pytest.mark.parametrize("record", [p for p in records() if p.values[0]["key"] in ("sbend", "rbend")])
def test_in_all_bends_ours_is_the_map_to_rounding(record, tmp_path):
    """The same steps in extended precision: what PTC differs by is hundreds of times more than what we round."""
    element = element_of(record, tmp_path)
    lattice = cv.Lattice([in_ptcs_words(element)], reference=reference_of(record))
    start = np.array(record["initial"]).T[:, truth_of(record)[1]]
    exact = through(lattice, start.astype(np.longdouble))
    assert exact.dtype == np.longdouble
    scale = np.maximum(np.abs(exact).max(axis=1, keepdims=True), LEAST_SCALE)
    assert (np.abs(through(lattice, start) - exact) <= 1e-14 * scale).all()


def test_there_are_enough_records():
    """Counts what the tests above run over, so that a record that vanishes is noticed."""
    kinds = {p.values[0]["elements"][0]["key"] for p in records()}
    assert len(records()) >= 465, kinds
