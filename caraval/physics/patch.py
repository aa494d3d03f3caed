"""Patches: where one reference trajectory ends and another begins."""

from __future__ import annotations

from dataclasses import replace
from math import cos
from typing import Any, Literal, NamedTuple

from caraval.core.arrays import is_number, is_zero, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Routine
from caraval.core.schema import Parameter

from .drift import mass2
from .shared.special import path_lag, root

Vector = tuple[Any, Any, Any]
Rotation = tuple[Vector, Vector, Vector]


class Patch(Element):
    """A change of the reference trajectory, of its clock and of its energy (Bmad manual, "Patch").

    Attributes
    ----------
    x_offset, y_offset, z_offset : Parameter
        Origin of the exit's coordinates, seen from the entrance [m].
    x_pitch, y_pitch, tilt : Parameter
        Orientation of the exit's coordinates, seen from the entrance [rad].
    t_offset : Parameter
        Shift of the reference time [s].
    e_tot_offset : Parameter
        Change of the reference energy [eV].
    e_tot_set, p0c_set : Parameter
        Reference energy or momentum at the exit [eV]; zero: left as it is.
    ref_coords : "exit_end" or "entrance_end"
        Along whose axis the length counts.
    user_sets_length : bool
        Whether the length is `length`, rather than what follows from the offsets.
    against : bool
        Whether the beam comes out of reversed elements, against the z axis.
    flexible : bool
        Whether the patch follows from where the next element is, which is not understood.
    """

    t_offset: Parameter = 0.0
    e_tot_offset: Parameter = 0.0
    e_tot_set: Parameter = 0.0
    p0c_set: Parameter = 0.0
    ref_coords: Literal["exit_end", "entrance_end"] = "exit_end"
    user_sets_length: bool = False
    against: bool = False
    flexible: bool = False

    feels_misalignment = False
    can_be_cut = False

    def validate(self) -> None:
        """Check that the patch says all that it is, once, and leads onwards."""
        if self.flexible:
            raise InputError(f"{self.label}: flexible patches are not understood; give the offsets and pitches")
        given = [name for name in ("e_tot_offset", "e_tot_set", "p0c_set") if not is_zero(getattr(self, name))]
        if len(given) > 1:
            raise InputError(f"{self.label}: {' and '.join(given)} say the same; give one")
        if not (is_zero(self.__dict__["length"]) or self.user_sets_length):
            raise InputError(f"{self.label}: the length follows from the offsets; give it with user_sets_length")
        pitches = (self.x_pitch, self.y_pitch)
        if all(map(is_number, pitches)) and abs(cos(self.x_pitch) * cos(self.y_pitch)) < ASIDE:
            raise InputError(f"{self.label}: x_pitch and y_pitch turn the beam aside, so that it does not reach the exit")

    @property  # type: ignore[misc]
    def length(self) -> Any:
        """How far the reference particle goes [m]."""
        if self.user_sets_length:
            return self.__dict__["length"]
        if self.ref_coords == "entrance_end" or (is_zero(self.x_pitch) and is_zero(self.y_pitch)):
            return self.z_offset
        xp = namespace(*(self.__dict__[name] for name in FRAME))
        return along(inward(self, xp)[2], self.origin)

    def turns(self) -> bool:
        """Whether the z axis of the exit looks back; the beam goes on through reversed elements, or comes out of such."""
        pitches = (self.x_pitch, self.y_pitch)
        return all(map(is_number, pitches)) and cos(self.x_pitch) * cos(self.y_pitch) < 0

    @property
    def origin(self) -> Vector:
        """Origin of the exit's coordinates, seen from the entrance [m]."""
        return self.x_offset, self.y_offset, self.z_offset

    def turned(self) -> Element:
        """Return what a reversed patch is to the particles: they come from the exit, and see the mirrored way back."""
        if self.orientation == 1:
            return self
        xp = namespace(*(self.__dict__[name] for name in FRAME))
        back = inward(self, xp)
        x, y, z = turned(back, self.origin)
        new = super().turned()
        return new.with_values({
            "x_offset": -x, "y_offset": -y, "z_offset": z,
            "x_pitch": xp.atan2(-back[0][2], back[2][2]), "y_pitch": -xp.asin(back[1][2]),
            "tilt": xp.atan2(back[1][0], back[1][1]), "e_tot_offset": -self.e_tot_offset,
            "ref_coords": "entrance_end" if self.ref_coords == "exit_end" else "exit_end",
        })  # fmt: skip

    def cut(self, start: Any, end: Any) -> Element:
        """Patches cannot be cut: there is nothing between their ends."""
        raise InputError(f"{self.label}: a patch cannot be cut")


FRAME = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
"""Parameters that say where the exit's coordinates are."""


ASIDE = 1e-12
"""Cosine of an angle that is as good as right."""


def inward(patch: Patch, xp: Any) -> Rotation:
    """Return the rotation of vectors from the entrance's coordinates to the exit's (Bmad manual, "Element Entrance and Exit").

    The transposed product of the rotations by ``x_pitch`` about y, by ``-y_pitch`` about x and by ``tilt`` about z.
    """
    s, c = xp.sin(patch.x_pitch), xp.cos(patch.x_pitch)
    v, u = xp.sin(patch.y_pitch), xp.cos(patch.y_pitch)
    t, r = xp.sin(patch.tilt), xp.cos(patch.tilt)
    return (
        (c * r - s * v * t, u * t, -s * r - c * v * t),
        (-c * t - s * v * r, u * r, s * t - c * v * r),
        (s * u, v, c * u),
    )


def turned(rows: Rotation, vector: Vector) -> Vector:
    """Return a rotated vector."""
    return along(rows[0], vector), along(rows[1], vector), along(rows[2], vector)


def along(row: Vector, vector: Vector) -> Any:
    """Return the product of two vectors."""
    return row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]


def reference(patch: Patch, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit: it has its new energy all the way."""
    patch = patch.turned()  # type: ignore[assignment]
    out = reference_in
    if not is_zero(patch.e_tot_offset):
        out = out.with_energy(reference_in.energy + patch.e_tot_offset)
    elif not is_zero(patch.e_tot_set):
        out = out.with_energy(patch.e_tot_set)
    elif not is_zero(patch.p0c_set):
        out = replace(out, p0c=patch.p0c_set)
    return replace(out.drifted(patch.length), t=out.t + patch.t_offset + patch.length / (out.beta * C_LIGHT))


class PatchConstants(NamedTuple):
    """Of the change of coordinates.

    Rotation, row by row; where a particle on the entrance's axis arrives, and how far the exit's plane is from the origin [m];
    what the reference particle's way has beyond that [m]; the shift of the clock [m]; how far the reference particle goes with
    its first energy, and with its last [m]; ratio of the momenta, what is added to the deviation, and ``(m c / P0)^2`` before
    and after; signs of the x axes at both ends, as they are to who goes with the beam.
    """

    r00: Any
    r01: Any
    r02: Any
    r10: Any
    r11: Any
    r12: Any
    r20: Any
    r21: Any
    r22: Any
    x: Any
    y: Any
    plane: Any
    rest: Any
    delay: Any
    length_in: Any
    length_out: Any
    ratio: Any
    shift: Any
    mass2_in: Any
    mass2_out: Any
    enter: Any
    leave: Any


def change(c: PatchConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Express coordinates in a moved frame, go straight on to its plane, and count from the new reference.

    (Bmad manual, "Patch Tracking".) Ways are counted from those of a particle on the axis and of the reference, so that no
    digits are lost in long patches: minors of a rotation are entries of it.
    """
    q = q._replace(x=c.enter * q.x, px=c.enter * q.px)
    momentum = 1 + q.pz
    ps = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    px = c.r00 * q.px + c.r01 * q.py + c.r02 * ps
    py = c.r10 * q.px + c.r11 * q.py + c.r12 * ps
    forward = c.r20 * q.px + c.r21 * q.py + c.r22 * ps
    lean = c.r20 * q.x + c.r21 * q.y
    before = lean / forward
    after = c.plane / forward
    aside = after / c.r22
    longer = (before + after) * (px * px + py * py) / (momentum + forward)
    speed = momentum / xp.sqrt(momentum * momentum + c.mass2_in)
    pz = c.ratio * q.pz + c.shift
    z = q.z + c.delay * speed + c.rest + lean + longer
    z = z + path_lag(q.pz, momentum, c.mass2_in, c.length_in, xp) + path_lag(pz, 1 + pz, c.mass2_out, c.length_out, xp)
    return Coordinates(
        c.leave * (c.x + c.r00 * q.x + c.r01 * q.y - before * px - aside * (c.r11 * q.px - c.r10 * q.py)),
        c.leave * (px * c.ratio),
        c.y + c.r10 * q.x + c.r11 * q.y - before * py - aside * (c.r00 * q.py - c.r01 * q.px),
        py * c.ratio,
        z,
        pz,
    )


def _arrival(rows: Rotation, origin: Vector) -> Vector:
    """Return where a particle on the axis arrives, and the distance of the plane from the origin."""
    x, y, z = turned(rows, origin)
    way = z / rows[2][2]
    return way * rows[0][2] - x, way * rows[1][2] - y, -z


def _along_the_beam(patch: Patch, xp: Any) -> tuple[Rotation, Vector, float, float]:
    """Return rotation and origin as they are to who goes with the beam, and the signs of the x axes at both ends to them.

    Where the z axis looks back, they turn by half a turn about y: x and z change sign.
    """
    (a, b, c), (d, e, f), (g, h, i) = inward(patch, xp)
    x, y, z = patch.origin
    enter = -1.0 if patch.against else 1.0
    leave = -enter if patch.turns() else enter
    both = enter * leave
    rows = (both * a, leave * b, both * c), (enter * d, e, enter * f), (both * g, leave * h, both * i)
    return rows, (enter * x, y, enter * z), enter, leave


def _prepare(patch: Patch, reference_in: Reference, reference_out: Reference, xp: Any) -> PatchConstants:
    rows, origin, enter, leave = _along_the_beam(patch, xp)
    before, after, length = reference_in.p0c, reference_out.p0c, patch.length
    arrival = _arrival(rows, origin)
    exact = patch.ref_coords == "exit_end" and not patch.user_sets_length and leave > 0
    return PatchConstants(
        *rows[0], *rows[1], *rows[2], *arrival, 0.0 if exact else length + arrival[2], C_LIGHT * patch.t_offset, 0.0, length,
        before / after, (before - after) / after, mass2(reference_in), mass2(reference_out), enter, leave,
    )  # fmt: skip


def _undo(c: PatchConstants) -> PatchConstants:
    way = c.plane / c.r22
    origin = (c.x + way * c.r02, c.y + way * c.r12, c.plane)
    rows = ((c.r00, c.r10, c.r20), (c.r01, c.r11, c.r21), (c.r02, c.r12, c.r22))
    arrival = _arrival(rows, origin)
    return PatchConstants(
        *rows[0], *rows[1], *rows[2], *arrival, arrival[2] - c.length_in - c.length_out, -c.delay, -c.length_out, -c.length_in,
        1 / c.ratio, -c.shift / c.ratio, c.mass2_out, c.mass2_in, c.leave, c.enter,
    )  # fmt: skip


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The same exact change of coordinates whatever the method."""
    routine = Routine(track=change, prepare=_prepare, reference=reference, undo=_undo)
    return dict.fromkeys(((Patch, name) for name in ("bmad_standard", "kick_drift_kick", "runge_kutta")), routine)
