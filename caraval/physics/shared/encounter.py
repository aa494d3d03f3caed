"""What a particle feels of a slice of a bunch that comes the opposite way (Bmad manual, "BeamBeam Tracking")."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates

from ..drift import DriftConstants, drift
from ..solenoid import SolenoidConstants, solenoid
from .fields.gaussian_field import Shape, field, shape, slopes
from .special import root


class SliceConstants(NamedTuple):
    """Of a slice.

    Place in the bunch [m], its speed over that of light, by how much the bunch is late [m], way from one bunch to the
    next [m] and one over it, or zero if there is but one; centre of the slice [m], kick per field, cross-section,
    ``(m c / P0)^2``; half the solenoid's field [1/m], and where its axis is, from the bunch's [m].
    """

    place: Any
    speed: Any
    late: Any
    distance: Any
    per_distance: Any
    x: Any
    y: Any
    strength: Any
    shape: Shape
    mass2: Any
    half: Any
    axis_x: Any
    axis_y: Any


class VaryingConstants(NamedTuple):
    """A slice whose sizes vary: ``sigma^2 = sigma0^2 (1 + a d + b d^2)`` at the distance d from `origin` [m]."""

    slice: SliceConstants
    origin: Any
    ax: Any
    bx: Any
    ay: Any
    by: Any


def meeting(c: SliceConstants, q: Coordinates, xp: Any) -> Any:
    """Return how far from the element [m] particle and slice meet."""
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    forward = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    early = q.z * energy / momentum
    early = early - c.distance * xp.floor(early * c.per_distance + 0.5)  # than the nearest bunch
    return (c.place + c.speed * (c.late + early)) / (1 + c.speed * energy / forward)


def kicked(c: SliceConstants, kx: Any, ky: Any, more: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by ``(kx, ky)``: a moving mirror, which takes or gives energy; time stays (Bmad manual, "BeamBeam Tracking")."""
    momentum = 1 + q.pz
    change = 0.25 * (kx * (kx + 2 * q.px) + ky * (ky + 2 * q.py)) / momentum + more
    after = momentum + change
    slower = xp.sqrt((momentum * momentum + c.mass2) / (after * after + c.mass2))
    return Coordinates(q.x, q.px + kx, q.y, q.py + ky, q.z * slower * after / momentum, q.pz + change)


def encounter(c: SliceConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Drift to a slice, feel its field, and drift back."""
    s = meeting(c, q, xp)
    q = drift(DriftConstants(s, c.mass2), q, xp)
    fx, fy = field(c.shape, q.x - c.x, q.y - c.y, xp)
    q = kicked(c, c.strength * fx, c.strength * fy, 0.0, q, xp)
    return drift(DriftConstants(-s, c.mass2), q, xp)


def encounter_in_solenoid(c: SliceConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Go along a helix to a slice, feel its field, and go back."""
    kinetic = q._replace(px=q.px + c.half * (q.y - c.axis_y), py=q.py - c.half * (q.x - c.axis_x))
    s = meeting(c, kinetic, xp)
    q = along_axis(c, s, q, xp)
    fx, fy = field(c.shape, q.x - c.x, q.y - c.y, xp)
    q = kicked(c, c.strength * fx, c.strength * fy, 0.0, q, xp)
    return along_axis(c, -s, q, xp)


def along_axis(c: SliceConstants, s: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Go along a helix about the solenoid's axis."""
    q = q._replace(x=q.x - c.axis_x, y=q.y - c.axis_y)
    q = solenoid(SolenoidConstants(s, c.half, c.mass2), q, xp)
    return q._replace(x=q.x + c.axis_x, y=q.y + c.axis_y)


def encounter_varying(c: VaryingConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Drift to a slice whose size depends on where it is met, feel its field, and drift back."""
    bunch = c.slice
    s = meeting(bunch, q, xp)
    q = drift(DriftConstants(s, bunch.mass2), q, xp)
    d = s - c.origin
    sizes = shape(bunch.shape.x * xp.sqrt(1 + d * (c.ax + d * c.bx)), bunch.shape.y * xp.sqrt(1 + d * (c.ay + d * c.by)), xp)
    x, y = q.x - bunch.x, q.y - bunch.y
    fx, fy = field(sizes, x, y, xp)
    fxx, fyy = slopes(sizes, x, y, fx, fy, xp)
    # The product of a size and its slope; the strength was over the sum of the sizes at the origin.
    grow_x = 0.5 * bunch.shape.x * bunch.shape.x * (c.ax + 2 * d * c.bx)
    grow_y = 0.5 * bunch.shape.y * bunch.shape.y * (c.ay + 2 * d * c.by)
    k = bunch.strength * (bunch.shape.x + bunch.shape.y) / (sizes.x + sizes.y)
    q = kicked(bunch, k * fx, k * fy, 0.5 * k * (fxx * grow_x + fyy * grow_y), q, xp)
    return drift(DriftConstants(-s, bunch.mass2), q, xp)
