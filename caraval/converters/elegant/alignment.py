"""Misalignment: elegant's about the entrance or the centre, ours about the centre (elegant's manual, ``MALIGN_METHOD``).

Rotations about the axes x, y and z are elegant's pitch, yaw and tilt. They are small: the first order says how a centre moves,
and in what order they are made does not matter. elegant's linearised methods (1, 2) are as its exact ones (3, 4) here.
"""

from __future__ import annotations

from math import cos, sin

Vector = tuple[float, float, float]

ENTRANCE, CENTRE = (0, 1, 3), (2, 4)
"""The methods whose misalignment is about the entrance, and about the centre."""

EXACT = CENTRE[-1]
"""The method that says the same as our elements: exactly, about the centre."""


def displaced(shift: Vector, turn: Vector, half: float, sagitta: float = 0.0) -> dict[str, float]:
    """Return offsets [m] and angles [rad] of ours.

    Parameters
    ----------
    shift, turn : tuple of float
        Displacement [m] and rotations [rad] along and about axes in the centre.
    half : float
        How far before the centre the point is about which the element is turned [m].
    sagitta : float
        Of a bend [m]: elegant turns about the middle of the chord, pitches of ours are about that of the arc.
    """
    (x, y, z), (pitch, yaw, tilt) = shift, turn
    offsets = {"x_offset": x + yaw * half, "y_offset": y - pitch * half, "z_offset": z - yaw * sagitta}
    angles = {"x_pitch": yaw, "y_pitch": -pitch, "roll": tilt}
    return {**offsets, **{name: angle for name, angle in angles.items() if angle}}


def at_centre(vector: Vector, angle: float) -> Vector:
    """Return a vector along the axes in the centre of a bend, from that along those at its entrance."""
    (x, y, z), c, s = vector, cos(angle / 2), sin(angle / 2)
    return x * c + z * s, y, z * c - x * s


def sagitta(length: float, angle: float) -> float:
    """Return how far the middle of an arc is from that of its chord [m]."""
    return 2 * length / angle * sin(angle / 4) ** 2 if angle else 0.0


def half_chord(length: float, angle: float) -> float:
    """Return half the length of a chord [m]."""
    return length / angle * sin(angle / 2) if angle else length / 2
