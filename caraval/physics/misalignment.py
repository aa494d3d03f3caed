"""Misalignment: an element that does not stand where its line expects it.

Coordinates are carried into the frame of the element as it really stands, and back out (Bmad manual, "Transformation
Between Laboratory and Element Body Coordinates"). The reference particle stands still meanwhile. Three frames, the
cheapest that will do: none, a shift with a rotation about the beam axis, or any rigid motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.routine import Routine, Step, embraced

from .shared.special import root, stumpff

Vector = list[Any]
Matrix = list[Vector]


# -------------------------------------------------------------------- shift and rotation about the axis


class Shift(NamedTuple):
    """Cosine and sine of a rotation, and the displacement [m] taken off before it."""

    cosine: Any
    sine: Any
    x: Any
    y: Any


def enter_shift(c: Shift, q: Coordinates, xp: Any) -> Coordinates:
    """Go into a shifted and rotated element."""
    x = q.x - c.x
    y = q.y - c.y
    return Coordinates(
        c.cosine * x + c.sine * y,
        c.cosine * q.px + c.sine * q.py,
        c.cosine * y - c.sine * x,
        c.cosine * q.py - c.sine * q.px,
        q.z,
        q.pz,
    )


def leave_shift(c: Shift, q: Coordinates, xp: Any) -> Coordinates:
    """Come out of a shifted and rotated element."""
    return Coordinates(
        c.cosine * q.x - c.sine * q.y + c.x,
        c.cosine * q.px - c.sine * q.py,
        c.cosine * q.y + c.sine * q.x + c.y,
        c.cosine * q.py + c.sine * q.px,
        q.z,
        q.pz,
    )


def _prepare_shift(element: Element, reference_in: Any, reference_out: Any, xp: Any) -> Shift:
    return Shift(xp.cos(element.plane), xp.sin(element.plane), *_across(element))


def _undo_shift(c: Shift) -> Shift:
    return Shift(c.cosine, -c.sine, -(c.cosine * c.x + c.sine * c.y), -(c.cosine * c.y - c.sine * c.x))


# -------------------------------------------------------------------- any rigid motion


class Rigid(NamedTuple):
    """A rotation matrix and a translation [m], row by row."""

    r00: Any
    r01: Any
    r02: Any
    r10: Any
    r11: Any
    r12: Any
    r20: Any
    r21: Any
    r22: Any
    t0: Any
    t1: Any
    t2: Any


def move_rigid(c: Rigid, q: Coordinates, xp: Any) -> Coordinates:
    """Express coordinates in a moved frame, and go straight on to that frame's plane."""
    momentum = 1 + q.pz
    ahead = momentum * momentum - q.px * q.px - q.py * q.py
    ps = root(ahead, xp)
    x = c.r00 * q.x + c.r01 * q.y + c.t0
    y = c.r10 * q.x + c.r11 * q.y + c.t1
    px = c.r00 * q.px + c.r01 * q.py + c.r02 * ps
    py = c.r10 * q.px + c.r11 * q.py + c.r12 * ps
    path = (c.r20 * q.x + c.r21 * q.y + c.t2) / (c.r20 * q.px + c.r21 * q.py + c.r22 * ps)
    return Coordinates(xp.where(ahead > 0, x - path * px, BEYOND), px, y - path * py, py, q.z + path * momentum, q.pz)


def _undo_rigid(c: Rigid) -> Rigid:
    rotation = [[c.r00, c.r01, c.r02], [c.r10, c.r11, c.r12], [c.r20, c.r21, c.r22]]
    back = _transpose(rotation)
    return _rigid(back, [-v for v in _rotate(back, [c.t0, c.t1, c.t2])])


def _prepare_enter(element: Element, reference_in: Any, reference_out: Any, xp: Any) -> Rigid:
    """Entrance frame: along the arc to the centre, undo the displacement there, and back to the real entrance."""
    curvature, tilt = element.g, element.plane
    rotation, displacement = rigid_motion(element, xp)
    to_centre = _half(element) - _start(element)
    turn, untilt = _about_z(tilt, xp), _transpose(_about_z(tilt, xp))
    there, step = _along_arc(curvature, to_centre, xp)
    back, step_back = _along_arc(curvature, -to_centre, xp)
    inward = _product(untilt, _transpose(rotation))
    matrix = _product(back, _product(inward, _product(turn, _product(there, untilt))))
    offset = _plus(_rotate(turn, step), [-v for v in displacement])
    return _rigid(matrix, _plus(_rotate(back, _rotate(inward, offset)), step_back))


def _prepare_leave(element: Element, reference_in: Any, reference_out: Any, xp: Any) -> Rigid:
    """Exit frame: from the real exit to the real centre, displace, and along the arc to the nominal exit."""
    curvature, tilt = element.g, element.plane
    rotation, displacement = rigid_motion(element, xp)
    from_centre = _start(element) + element.length - _half(element)
    turn, untilt = _about_z(tilt, xp), _transpose(_about_z(tilt, xp))
    back, step_back = _along_arc(curvature, -from_centre, xp)
    there, step = _along_arc(curvature, from_centre, xp)
    outward = _product(rotation, turn)
    final = _product(turn, _product(there, untilt))
    matrix = _product(final, _product(outward, back))
    offset = _plus(_rotate(outward, step_back), displacement)
    return _rigid(matrix, _plus(_rotate(final, offset), _rotate(turn, step)))


def body_position(element: Element, entrance: bool, xp: Any) -> tuple[Matrix, Vector]:
    """Return the affine map from a place in the nominal entrance (or exit) plane to the element's own frame there."""
    prepared = _prepare_enter(element, None, None, xp) if entrance else _undo_rigid(_prepare_leave(element, None, None, xp))
    matrix = [[prepared.r00, prepared.r01, prepared.r02], [prepared.r10, prepared.r11, prepared.r12]]
    return matrix, [prepared.t0, prepared.t1]


def _half(element: Element) -> Any:
    """Distance from the whole element's entrance to its centre."""
    return (element.length if element.slice_of is None else element.slice_of) / 2


def _start(element: Element) -> Any:
    return 0.0 if element.slice_start is None else element.slice_start


def _across(element: Element) -> tuple[Any, Any]:
    """Return the displacement of the centre across the beam."""
    x, y = (reduce(add, (getattr(element, name) for name in names)) for names in element.displaced_by)
    return x, y


def rigid_motion(element: Element, xp: Any) -> tuple[Matrix, Vector]:
    """Return how the element is turned about its centre, and where its centre is; a bend rolls about its chord."""
    curvature, tilt = element.g, element.plane
    turned = _about_z(element.chord_roll, xp)
    rotation = _product(_about_y(element.x_pitch, xp), _product(_about_x(element.y_pitch, xp), turned))
    half = _half(element)
    sagitta = curvature * half * half * stumpff((curvature * half) * (curvature * half))[2]
    arrow = _rotate(_about_z(tilt, xp), [sagitta, 0.0, 0.0])
    rolled = _plus(_rotate(turned, arrow), [-v for v in arrow])
    return rotation, _plus([*_across(element), element.z_offset], rolled)


def _along_arc(curvature: Any, distance: Any, xp: Any) -> tuple[Matrix, Vector]:
    """Return rotation and translation of coordinates when the frame moves along an arc."""
    angle = curvature * distance
    _, sine, versine, _ = stumpff(angle * angle)
    matrix = [[xp.cos(angle), 0.0, xp.sin(angle)], [0.0, 1.0, 0.0], [-xp.sin(angle), 0.0, xp.cos(angle)]]
    return matrix, [-curvature * distance * distance * versine, 0.0, -distance * sine]


def _about_x(angle: Any, xp: Any) -> Matrix:
    c, s = xp.cos(angle), xp.sin(angle)
    return [[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]]


def _about_y(angle: Any, xp: Any) -> Matrix:
    c, s = xp.cos(angle), xp.sin(angle)
    return [[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]


def _about_z(angle: Any, xp: Any) -> Matrix:
    c, s = xp.cos(angle), xp.sin(angle)
    return [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]


def _product(a: Matrix, b: Matrix) -> Matrix:
    return [[a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j] for j in range(3)] for i in range(3)]


def _rotate(a: Matrix, v: Vector) -> Vector:
    return [row[0] * v[0] + row[1] * v[1] + row[2] * v[2] for row in a]


def _transpose(a: Matrix) -> Matrix:
    return [[a[j][i] for j in range(3)] for i in range(3)]


def _plus(a: Vector, b: Vector) -> Vector:
    return [u + v for u, v in zip(a, b, strict=True)]


def _rigid(matrix: Matrix, translation: Vector) -> Rigid:
    return Rigid(*(value for row in matrix for value in row), *translation)


# -------------------------------------------------------------------- choosing and wrapping

SHIFT = (
    Routine(track=enter_shift, prepare=_prepare_shift, undo=_undo_shift),
    Routine(track=leave_shift, prepare=_prepare_shift, undo=_undo_shift),
)
RIGID = (
    Routine(track=move_rigid, prepare=_prepare_enter, undo=_undo_rigid),
    Routine(track=move_rigid, prepare=_prepare_leave, undo=_undo_rigid),
)


def frame(element: Element) -> tuple[Routine, Routine] | None:
    """Return the routines that carry particles into an element and out of it; None if it stands in its place."""
    if not element.feels_misalignment:
        return None
    rotated = not all(map(is_zero, (element.x_pitch, element.y_pitch, element.z_offset, element.chord_roll)))
    shifted = not all(is_zero(getattr(element, name)) for names in element.displaced_by for name in names)
    if rotated or (shifted and element.is_bent()):
        return RIGID
    return SHIFT if shifted or not is_zero(element.plane) else None


def wrap(element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    """Put the way into the element before its first routine and the way out after its last."""
    around = frame(element)
    return steps if around is None else embraced(steps, *around)


@hookimpl
def plan_steps() -> list[Any]:
    """Wrap every element's steps."""
    return [wrap]
