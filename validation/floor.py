"""Where the elements of a lattice are in the room (Bmad manual, "Global Reference Orbit")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import caraval as cv

Place = tuple[np.ndarray, np.ndarray]
"""A position [m], and the axes x, y, z there as columns."""


def placed(theta: float, phi: float, psi: float) -> np.ndarray:
    """Return the axes at these angles: turned about y, then up, then about the way ahead."""
    return _about(1, theta) @ _about(0, -phi) @ _about(2, psi)


def floor(elements: Iterable[cv.Element], start: Place) -> Iterator[Place]:
    """Yield where elements end, whose fields are normalised."""
    at, axes = start
    for element in elements:
        at, axes = _after(element, at, axes)
        yield at, axes


def _after(element: Any, at: np.ndarray, axes: np.ndarray) -> Place:
    if element.kind == "Patch":
        offset = np.array([element.x_offset, element.y_offset, element.z_offset], float)
        return at + axes @ offset, axes @ placed(element.x_pitch, element.y_pitch, element.tilt)
    angle, tilt = _bend(element)
    if not angle:
        return at + axes[:, 2] * element.length, axes
    about, c, s = _about(2, tilt), np.cos(angle), np.sin(angle)
    radius = element.length / angle
    return at + axes @ about @ np.array([radius * (c - 1), 0.0, radius * s]), axes @ about @ _about(1, -angle) @ about.T


def _bend(element: Any) -> tuple[float, float]:
    """Return by how much an element bends the reference, and in which plane."""
    if element.kind == "SBend":
        return float(element.angle), float(element.ref_tilt)
    if element.kind == "Multipole" and element.k0l_status == "bends_reference":
        bend = complex(element.k0l or 0.0, element.k0sl or 0.0)
        return abs(bend), float(element.t0 or 0.0) + float(-np.angle(bend))
    return 0.0, 0.0


def _about(axis: int, angle: float) -> np.ndarray:
    """Return the rotation about an axis."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return turn
