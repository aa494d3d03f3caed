"""Where elements stand on the floor (Bmad manual, "Global Coordinates")."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, hypot, pi
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_zero, namespace, stack
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.maps import stack_entries
from caraval.core.registry import backend_of

from .floor_shift import FloorShift
from .multipole import Multipole, bends_reference, strengths
from .patch import Patch
from .shared.special import stumpff

Array = Any
"""An array of numbers, in NumPy or in the library of the elements' parameters."""


class Frame(NamedTuple):
    """Local axes on the floor: their origin [m], and they themselves as the columns of a rotation."""

    origin: Array
    axes: Array

    def moved(self, step: Sequence[Any] | Array, turn: Array) -> Frame:
        """Return the frame that is seen from this one at `step`, turned by `turn`."""
        origin, axes, step, turn = _beside(*self, stack(step) if isinstance(step, Sequence) else step, turn)
        return Frame(origin + axes @ step, axes @ turn)


def _beside(*arrays: Array) -> list[Array]:
    """Return arrays of NumPy and of another library, all in that one."""
    other = next((array for array in arrays if not isinstance(array, np.ndarray)), None)
    if other is None:
        return list(arrays)
    backend = backend_of(other)
    return [backend.beside(array, other) if isinstance(array, np.ndarray) else array for array in arrays]


class Standing(NamedTuple):
    """The frames where the beam comes into an element, at its centre, and where it goes out; misalignment does not count."""

    entrance: Frame
    center: Frame
    exit: Frame


Angles = tuple[float, float, float]
"""``theta, phi, psi`` [rad]: azimuth, pitch and roll (Bmad manual, "Global Coordinates")."""

STEEP = 1e-12
"""Cosine of a pitch at which azimuth and roll are about the same axis."""

FLOOR = Frame(np.zeros(3), np.eye(3))
"""The axes of the floor."""


def rotation(x_pitch: Any, y_pitch: Any, tilt: Any) -> Array:
    """Return the rotation by two pitches and a tilt (Bmad manual, "Patch and Floor_Shift Elements Entrance to Exit")."""
    first, second, third = _beside(_about_y(x_pitch), _about_x(y_pitch), _about_z(tilt))
    return first @ second @ third


def angles(axes: Array, near: Angles | None = None) -> Angles:
    """Return the angles of a rotation: those with a pitch of up to a right angle, or the ones nearest to others."""
    level = hypot(axes[0, 2], axes[2, 2])
    if level < STEEP:  # straight up or down: the azimuth stays what it was
        theta, phi = near[0] if near else 0.0, atan2(axes[1, 2], 0.0)
        rest = (_about_y(theta) @ _about_x(phi)).T @ axes
        found = (theta, phi, atan2(rest[1, 0], rest[0, 0]))
        return _nearest(found, near) if near else found
    theta, phi, psi = atan2(axes[0, 2], axes[2, 2]), atan2(axes[1, 2], level), atan2(axes[1, 0], axes[1, 1])
    if near is None:
        return theta, phi, psi
    same = _nearest((theta, phi, psi), near), _nearest((theta + pi, pi - phi, psi + pi), near)
    return min(same, key=lambda found: sum(abs(a - b) for a, b in zip(found, near, strict=True)))


def _nearest(found: Angles, near: Angles) -> Angles:
    """Return angles with such whole turns added that they are nearest to others."""
    theta, phi, psi = (a - 2 * pi * round((a - b) / (2 * pi)) for a, b in zip(found, near, strict=True))
    return theta, phi, psi


def standing(elements: Sequence[Element], start: Frame = FLOOR) -> list[Standing]:
    """Return where each element of a line stands, in normalised strengths; the beam goes through reversed ones against z.

    Raises
    ------
    InputError
        If a floor shift counts from an element that the line has not passed.
    """
    found: list[Standing] = []
    entrance = start
    for place, element in enumerate(elements):
        if isinstance(element, FloorShift):
            origin = _origin(element, elements[:place], found, entrance)
            found.append(Standing(entrance, entrance, origin.moved(_step(element), _turn(element))))
            entrance = found[-1].exit
            continue
        begin = entrance if element.orientation == 1 else _back(_along(element, FLOOR, 1.0), entrance)
        center, end = (_along(element, begin, share) for share in (_half(element), 1.0))
        found.append(Standing(entrance, center, end if element.orientation == 1 else begin))
        entrance = found[-1].exit
    return found


def _origin(shift: FloorShift, before: Sequence[Element], found: Sequence[Standing], here: Frame) -> Frame:
    """Return the frame from which a floor shift counts."""
    if not shift.origin_ele:
        return here
    names = [element.name for element in before]
    if shift.origin_ele not in names:
        raise InputError(f"{shift.label}: origin_ele {shift.origin_ele!r} is no element before it in the line")
    point = ("entrance_end", "center", "exit_end").index(shift.origin_ele_ref_pt)
    return found[names.index(shift.origin_ele)][point]


def _step(element: Any) -> list[Any]:
    return [element.x_offset, element.y_offset, element.z_offset]


def _turn(element: Any) -> Array:
    return rotation(element.x_pitch, element.y_pitch, element.tilt)


def _half(element: Element) -> float:
    """Return the share of an element after which its centre comes, which of a slice is that of the whole."""
    if element.slice_of is None:
        return 0.5
    share: float = (element.slice_of / 2 - element.slice_start) / element.length
    return share


def _back(way: Frame, end: Frame) -> Frame:
    """Return the frame at the beginning of a way, of which this is the end."""
    return end.moved(-way.axes.T @ way.origin, way.axes.T)


def _along(element: Any, entrance: Frame, share: float) -> Frame:
    """Return the frame after a share of an element."""
    if isinstance(element, Patch):
        if share < 1:
            return entrance
        return entrance.moved(_step(element), _turn(element))
    if isinstance(element, Multipole):
        return entrance.moved([0.0, 0.0, 0.0], _thin_bend(element)) if share == 1 and bends_reference(element) else entrance
    if not is_zero(getattr(element, "b_field", None)):
        raise InputError(f"{element.label}: how far it bends follows from b_field and the energy; give angle or g instead")
    length = share * element.length
    angle = length * element.g
    if is_zero(angle):
        return entrance.moved([0.0, 0.0, length], np.eye(3))
    _, sine, versine, _ = stumpff(angle * angle)  # over the angle, and over its square
    plane, back, bent = _beside(_about_z(element.plane), _about_z(-element.plane), _about_y(-angle))
    plane, step = _beside(plane, stack([-length * angle * versine, 0.0, length * sine]))
    return entrance.moved(plane @ step, plane @ bent @ back)


def _thin_bend(multipole: Multipole) -> Array:
    """Return the rotation of the axes by a dipole without length (MAD-X manual, "General Thin Multipole")."""
    xp = namespace(multipole.k0l, multipole.k0sl, multipole.t0, multipole.tilt)
    skew, angle = strengths(multipole, xp)[0]
    if is_zero(skew):
        return _about_y(-angle)
    plane, angle = xp.atan2(-skew, angle), xp.sqrt(angle * angle + skew * skew)
    first, second, third = _beside(_about_z(plane), _about_y(-angle), _about_z(-plane))
    return first @ second @ third


def _about_x(angle: Any) -> Array:
    """Return the rotation about the negative x axis, which raises what lies ahead."""
    c, s = _cosine_and_sine(angle)
    return stack_entries([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])


def _about_y(angle: Any) -> Array:
    c, s = _cosine_and_sine(angle)
    return stack_entries([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _about_z(angle: Any) -> Array:
    c, s = _cosine_and_sine(angle)
    return stack_entries([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _cosine_and_sine(angle: Any) -> tuple[Any, Any]:
    xp = namespace(angle)
    return xp.cos(angle), xp.sin(angle)
