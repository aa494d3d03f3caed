"""What PTC, as Bmad drives it, has in mind: where its model is Caraval's, in which words, and how well it computes."""

from __future__ import annotations

from math import asin, atan2

import numpy as np

import caraval as cv
from caraval.core import scalar

from .records import Record

SAME_MODEL = frozenset(
    (
        *("drift", "pipe", "monitor", "instrument", "hkicker", "vkicker", "kicker", "elseparator", "crab_cavity"),
        *("quadrupole", "sextupole", "octupole", "thick_multipole", "multipole", "ab_multipole", "sad_mult"),
        *("solenoid", "sol_quad", "sbend", "rbend"),
    )
)
"""Kinds of which PTC has the model that Caraval has."""

DIFFERENT = {
    "sbend_all_misalign": 2e-5,  # roll, pitches and offsets in another order
    "multipole_k0l_bends": 0.1,  # the kick without the turn of the reference
    "sbend_k1_fringe_soft_edge_only": 2e-3,  # a gradient's wedge as with its hard edge, but without the hard edge
}
"""Cases among those kinds in which PTC has something else in mind, and a bound on the difference."""


ACCELERATING = frozenset(("crab_cavity", "elseparator"))
"""Those of these kinds that change pz."""


def has_same_model(record: Record) -> bool:
    """Whether PTC tracks a record's element by Caraval's model."""
    return record.kind in SAME_MODEL and record.name not in DIFFERENT


def in_its_words(element: cv.Element) -> cv.Element:
    """Return the element that PTC tracks in place of `element`, where these are not the same.

    In PTC Bmad's pitches follow each other in the opposite order; sextupoles have no edges; and in bends `fringe_type` says
    only whether a gradient has a hard edge, "none" also that the faces are not turned.
    """
    if isinstance(element, cv.SBend):
        edge = element.fringe_type
        if edge == "none":
            return element.replace(fringe_type="basic_bend", e1=0.0, e2=0.0)
        meant = {"hard_edge_only": "full", "soft_edge_only": "full", "linear_edge": "basic_bend"}
        return element.replace(fringe_type=meant.get(edge, edge))
    if isinstance(element, cv.Sextupole):
        element = element.replace(fringe_type="none")
    if not isinstance(element, cv.Patch) and element.x_pitch and element.y_pitch:
        about_x, about_y = element.y_pitch, element.x_pitch
        x = np.array([[1, 0, 0], [0, np.cos(about_x), np.sin(about_x)], [0, -np.sin(about_x), np.cos(about_x)]])
        y = np.array([[np.cos(about_y), 0, np.sin(about_y)], [0, 1, 0], [-np.sin(about_y), 0, np.cos(about_y)]])
        m = x @ y  # Bmad has y @ x, and the tilt after both
        roll = atan2(m[1, 0], m[1, 1])
        return element.replace(x_pitch=atan2(m[0, 2], m[2, 2]), y_pitch=asin(m[1, 2]), tilt=element.tilt + roll)
    return element


def alive(record: Record) -> np.ndarray:
    """Return which particles survive and are themselves.

    A magnet cannot change pz. Where it does, PTC has just lost another particle and is not itself.
    """
    if record.kind in ACCELERATING or record.kind not in SAME_MODEL:
        return record.alive
    kept = np.abs(record.end[5] - record.start[5]) < 1e-14
    assert (record.alive & ~kept).sum() <= (~record.alive).sum()
    return record.alive & kept


def curvature(record: Record, element: cv.Element) -> float:
    """Return that of a bend's reference orbit [1/m]."""
    return float(element.at(record.ptc_reference(), scalar).g)


def rounding(record: Record, element: cv.Element) -> float:
    """Return what PTC loses in a bend [m]: where it adds x to the radius and takes that off again, twice for each kick."""
    if not isinstance(element, cv.SBend) or curvature(record, element) == 0:
        return 0.0
    method = element.tracking_method
    assert isinstance(method, cv.KickDriftKick)
    kicks = (method.num_steps or 1) * {2: 1, 4: 3, 6: 7}[method.order]
    return 2 * kicks * 2.0**-52 / abs(curvature(record, element))
