"""The matrices of elegant, element by element about the axis, from ours.

Ours are derivatives of tracking, of elegant's, too. Where elegant's own are not, they are made here from ours:

- A bend without gradient focuses a little across it, so that nothing is divided by zero.
- In a cavity without focusing body, slopes go as the integral over one by the momentum. Tracking takes a momentum that rises
  linearly, ``L p0 ln(p1 / p0) / (p1 - p0)``.
- Phases at a zero crossing are a little beside it.
- With a focusing body, the last row is that of light.
- Nothing is any slower than light where it comes to path length.

``test_elegant_tracking.py`` has the derivatives of elegant's tracking that show the second and the third.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import asinh, log, pi, sin
from typing import Any

import numpy as np

import caraval as cv
from caraval.core import plan
from caraval.core.registry import registry
from tests.converters.elegant_reference import ELECTRON, reference

LEAST = 1e-16 ** (1 / 3)
"""The smallest angle [rad] by which elegant's matrix of a bend focuses vertically."""

CROSSING = 1e-6
"""The smallest sine of a phase in elegant's matrices; where it is smaller, the phase is by twice that further [rad]."""

SAME = 1e-12
"""Momenta that differ relatively by less are the same."""

WITHOUT_EXIT = {"both_ends": "entrance_end", "exit_end": "no_end"}
"""Which ends are left of an element without its exit."""


def matrices(lattice: cv.Lattice, expected: dict[str, Any]) -> Iterator[np.ndarray]:
    """Yield elegant's matrix of each element, from the axis, wherever the orbit is."""
    known: dict[tuple[int, float], np.ndarray] = {}
    references = plan.reference_pass(registry(), lattice.elements, reference(expected))
    for element, (here, there) in zip(lattice.elements, pairwise(references), strict=True):
        key = (id(element), here.p0c)
        if key not in known:
            known[key] = matrix(element, here, there)
        yield known[key]


def matrix(element: cv.Element, here: cv.Reference, there: cv.Reference) -> np.ndarray:
    """Return elegant's matrix of an element between two references."""
    cavity: Any = element
    crosses = cavity.kind == "RFCavity" and abs(sin(2 * pi * cavity.phi0)) < CROSSING
    if crosses:
        element = cavity.replace(phi0=cavity.phi0 - CROSSING / pi)
    made = cv.Lattice([element]).transfer_map(cv.Reference(here.species, here.p0c))
    orbit = np.asarray(made.offset)
    linear = bending(element, here) @ accelerating(element, here, there, orbit) @ np.asarray(made.matrix)
    found = without_flight(slopes(orbit) @ linear @ np.diag([1, 1, 1, 1, -1, 1]), element.length, here, there)
    if getattr(element, "cavity_type", "") == "standing_wave":
        behind = cv.Reference(there.species, there.p0c * (1 + orbit[5]))
        found[5, 4] *= behind.beta**2
        found[5, 5] *= behind.beta / here.beta
    if crosses:
        found[5] /= 1 + orbit[5]
    return found


def slopes(orbit: np.ndarray) -> np.ndarray:
    """Derivative of elegant's coordinates by ours: slopes, and path length for its negative."""
    momentum, matrix = 1 + orbit[5], np.diag([1.0, 1, 1, 1, -1, 1])
    forward = np.sqrt(momentum**2 - orbit[1] ** 2 - orbit[3] ** 2)
    for i in (1, 3):
        for j in (1, 3):
            matrix[i, j] = (i == j) / forward + orbit[i] * orbit[j] / forward**3
        matrix[i, 5] = -orbit[i] * momentum / forward**3
    return matrix


def bending(element: cv.Element, here: cv.Reference) -> np.ndarray:
    """Return what elegant's matrix of a bend without gradient does beyond that: it focuses by `LEAST` where it should not."""
    bend: Any = element
    if bend.kind != "SBend" or bend.k1 or not (bend.length and bend.angle):
        return np.eye(6)
    if bend.ref_tilt:
        about = turned(bend.ref_tilt)
        return about.T @ bending(bend.replace(ref_tilt=0.0), here) @ about
    k = LEAST / bend.length
    body = np.array([[np.cos(LEAST), np.sin(LEAST) / k], [-k * np.sin(LEAST), np.cos(LEAST)]])
    return before_exit(bend, here, body @ np.array([[1.0, -bend.length], [0.0, 1.0]]), "y")


def turned(angle: float) -> np.ndarray:
    """Return the matrix that goes to axes that are turned by an angle [rad]."""
    found = np.eye(6)
    found[:4, :4] = np.kron([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.eye(2))
    return found


def accelerating(element: cv.Element, here: cv.Reference, there: cv.Reference, orbit: np.ndarray) -> np.ndarray:
    """Return how far elegant's matrix of a cavity without focusing body drifts beyond its tracking."""
    cavity: Any = element
    is_plain = cavity.kind in ("LCavity", "RFCavity") and cavity.cavity_type == "traveling_wave" and cavity.length > 0
    before, reference = here.p0c / ELECTRON.mass, there.p0c / ELECTRON.mass
    after = reference * (1 + orbit[5])
    if not is_plain or abs(after - before) < SAME * before:
        return np.eye(6)
    gain = np.hypot(1, after) - np.hypot(1, before)
    drift = (asinh(after) - asinh(before)) / gain - log(after / before) / (after - before)
    return before_exit(cavity, here, np.array([[1.0, cavity.length * reference * drift], [0.0, 1.0]]), "xy")


def before_exit(element: Any, here: cv.Reference, change: np.ndarray, axes: str) -> np.ndarray:
    """Return a change inside an element, before its exit edge, as one behind it."""
    inside = element.replace(fringe_at=WITHOUT_EXIT.get(element.fringe_at, element.fringe_at))
    whole, body = (np.asarray(cv.Lattice([one]).transfer_matrix(here)) for one in (element, inside))
    found = np.eye(6)
    for axis in axes:
        plane = np.s_[0:2, 0:2] if axis == "x" else np.s_[2:4, 2:4]
        exit = whole[plane] @ np.linalg.inv(body[plane])
        found[plane] = exit @ change @ np.linalg.inv(exit)
    return found


def without_flight(matrix: np.ndarray, length: float, before: cv.Reference, after: cv.Reference) -> np.ndarray:
    """Return a matrix without the time of flight, as elegant's are: half of it before what happens in the middle.

    Where the energy depends on the time, they take particles for as fast as light.
    """
    half = np.eye(6)
    half[4, 5] = length / 2 * (ELECTRON.mass / before.energy) ** 2
    found = matrix @ half
    found[4, 5] += half[4, 5]
    found[5, 4] *= before.beta
    found[4, 4] *= before.beta / after.beta
    return found


def matrix_difference(lattice: cv.Lattice, expected: dict[str, Any]) -> float:
    """Largest difference of the transfer matrices, relative where they are large; without the row of the path length."""
    total = np.eye(6)
    for one in matrices(lattice, expected):
        total = one @ total
    theirs = np.array(expected["runs"]["o1"]["R_total"])
    rows = [0, 1, 2, 3, 5]
    scale = np.maximum(1.0, np.abs(theirs).max(axis=1, keepdims=True))
    return float((np.abs(total - theirs) / scale)[rows].max())
