"""Encounters with another beam."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import erf, pi
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import CaravalError, InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import TrackingMethod
from caraval.core.reference import C_LIGHT, Reference, as_species
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from .drift import DriftConstants, drift, mass2
from .shared.fields.gaussian_field import Shape, field, shape, slopes
from .shared.special import quotient, root
from .solenoid import SolenoidConstants, solenoid

ELECTRON_RADIUS = 2.8179403227e-15
"""Classical radius of the electron [m], to the digits that Bmad has."""

SLICING_ERROR = 1e-5
"""How well Bmad knows the places of the slices, over the bunch length."""


class BeamBeam(Element):
    """The field of a bunch that comes the opposite way and does not mind (Bmad manual, "BeamBeam").

    Of no length: particles go to where they meet each slice of the bunch, and back. Offsets and pitches are of the bunch.

    Attributes
    ----------
    sig_x, sig_y, sig_z : Parameter
        Sizes of the bunch [m].
    n_particle : Parameter
        How many particles are in it.
    charge : Parameter
        Their charge; -1: of opposite sign to the particles tracked, which are attracted.
    n_slice : int
        Number of slices of equal charge.
    ks : Parameter
        Normalised field of a solenoid around the place [1/m].
    bs_field : Parameter, optional
        Field of the solenoid [T], instead.
    crossing_time : Parameter
        When the bunch's centre passes [s], against the reference particle.
    species_strong : str
        Particles of the bunch, if their speed is not that of the reference; with their energy:
    e_tot_strong, pc_strong : Parameter, optional
        Energy or momentum [eV] of these; momentum wins.
    beta_a_strong, alpha_a_strong, beta_b_strong, alpha_b_strong : Parameter
        How the sizes vary along the beam [m, 1]; beta zero: not at all.
    s_twiss_ref : Parameter
        Where they are `sig_x` and `sig_y` [m], from the element.
    """

    sig_x: Parameter = 0.0
    sig_y: Parameter = 0.0
    sig_z: Parameter = 0.0
    n_particle: Parameter = 0.0
    charge: Parameter = -1.0
    n_slice: int = 1
    ks: Parameter = 0.0
    bs_field: Parameter | None = None
    crossing_time: Parameter = 0.0
    species_strong: str = ""
    e_tot_strong: Parameter | None = None
    pc_strong: Parameter | None = None
    beta_a_strong: Parameter = 0.0
    alpha_a_strong: Parameter = 0.0
    beta_b_strong: Parameter = 0.0
    alpha_b_strong: Parameter = 0.0
    s_twiss_ref: Parameter = 0.0

    fields = {"ks": "bs_field"}  # noqa: RUF012

    def validate(self) -> None:
        """Check what the model asks for."""
        if not is_zero(self.length):
            raise InputError(f"{self.label}: a beambeam has no length; sig_z is that of the bunch")
        if self.n_slice < 1:
            raise InputError(f"{self.label}: n_slice must be a positive whole number, not {self.n_slice!r}")
        if self.bs_field is not None and not is_zero(self.ks):
            raise InputError(f"{self.label}: ks and bs_field say the same; give one")
        if self.species_strong:
            try:
                as_species(self.species_strong)
            except CaravalError as error:
                raise InputError(f"{self.label}: species_strong: {error}") from None

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with the solenoid's normalised strength."""
        if self.bs_field is None:
            return self
        return self.with_values({"ks": self.bs_field / reference.rigidity, "bs_field": None})


def has_solenoid(element: BeamBeam) -> bool:
    """Whether there is a solenoid around the place."""
    return not (is_zero(element.ks) and is_zero(element.bs_field))


# -------------------------------------------------------------------- slices


@cache
def slices(number: int) -> tuple[float, ...]:
    """Return the places of slices of equal charge, over the bunch length, as precisely as Bmad knows them.

    They are the quantiles in the middle of each, from numbers of single precision and by Brent's method, which stops early.
    """
    from scipy.optimize import brentq

    half, root_of_two = np.float32(0.5), float(np.sqrt(np.float32(2)))
    shares = [float((np.float32(i) - half) / np.float32(number) - half) for i in range(1, number + 1)]
    return tuple(
        float(brentq(lambda u, share=share: erf(u / root_of_two) / 2 - share, -5.0, 5.0, xtol=SLICING_ERROR))
        for share in shares
    )


class SliceConstants(NamedTuple):
    """Of a slice.

    Place in the bunch [m], its speed over that of light, by how much the bunch is late [m], kick per field, cross-section,
    ``(m c / P0)^2``; half the solenoid's field [1/m], and where its axis is, from the bunch's [m].
    """

    place: Any
    speed: Any
    late: Any
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
    fx, fy = field(c.shape, q.x, q.y, xp)
    q = kicked(c, c.strength * fx, c.strength * fy, 0.0, q, xp)
    return drift(DriftConstants(-s, c.mass2), q, xp)


def encounter_in_solenoid(c: SliceConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Go along a helix to a slice, feel its field, and go back."""
    kinetic = q._replace(px=q.px + c.half * (q.y - c.axis_y), py=q.py - c.half * (q.x - c.axis_x))
    s = meeting(c, kinetic, xp)
    q = along_axis(c, s, q, xp)
    fx, fy = field(c.shape, q.x, q.y, xp)
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
    fx, fy = field(sizes, q.x, q.y, xp)
    fxx, fyy = slopes(sizes, q.x, q.y, fx, fy, xp)
    # The product of a size and its slope; the strength was over the sum of the sizes at the origin.
    grow_x = 0.5 * bunch.shape.x * bunch.shape.x * (c.ax + 2 * d * c.bx)
    grow_y = 0.5 * bunch.shape.y * bunch.shape.y * (c.ay + 2 * d * c.by)
    k = bunch.strength * (bunch.shape.x + bunch.shape.y) / (sizes.x + sizes.y)
    q = kicked(bunch, k * fx, k * fy, 0.5 * k * (fxx * grow_x + fyy * grow_y), q, xp)
    return drift(DriftConstants(-s, bunch.mass2), q, xp)


# -------------------------------------------------------------------- their constants


def slice_constants(element: BeamBeam, place: float, reference: Reference, xp: Any) -> SliceConstants:
    """Return the constants of the slice at a place in the bunch (over the bunch length)."""
    size = element.sig_x + element.sig_y
    radius_energy = ELECTRON_RADIUS * as_species("electron").mass
    bbi = -element.n_particle * element.charge * radius_energy / (2 * pi * reference.p0c * size)
    cosine, sine = xp.cos(element.tilt), xp.sin(element.tilt)
    return SliceConstants(
        element.sig_z * place,
        _speed(element, reference, xp),
        C_LIGHT * element.crossing_time,
        bbi / element.n_slice,
        shape(element.sig_x, element.sig_y, xp),
        mass2(reference),
        element.ks / 2,
        -(element.x_offset * cosine + element.y_offset * sine),
        -(element.y_offset * cosine - element.x_offset * sine),
    )


def _speed(element: BeamBeam, reference: Reference, xp: Any) -> Any:
    """Return the speed of the bunch over that of light: the reference's, unless species and energy say another."""
    energy: Any = element.e_tot_strong
    momentum: Any = element.pc_strong
    if not element.species_strong or (energy is None and momentum is None):
        return reference.beta
    mass = as_species(element.species_strong).mass
    if momentum is None:
        return xp.sqrt((energy - mass) * (energy + mass)) / energy
    return momentum / xp.sqrt(momentum * momentum + mass * mass)


def _slice(place: float, *, varying: bool, solenoidal: bool) -> Routine:
    def prepare(element: BeamBeam, reference_in: Reference, reference_out: Reference, xp: Any) -> SliceConstants:
        return slice_constants(element, place, reference_in, xp)

    def prepare_varying(element: BeamBeam, reference_in: Reference, reference_out: Reference, xp: Any) -> VaryingConstants:
        pairs = ((element.beta_a_strong, element.alpha_a_strong), (element.beta_b_strong, element.alpha_b_strong))
        (ax, bx), (ay, by) = (_growth(beta, alpha, xp) for beta, alpha in pairs)
        return VaryingConstants(slice_constants(element, place, reference_in, xp), element.s_twiss_ref, ax, bx, ay, by)

    if varying:
        return Routine(track=encounter_varying, prepare=prepare_varying)
    return Routine(track=encounter_in_solenoid if solenoidal else encounter, prepare=prepare)


def _growth(beta: Any, alpha: Any, xp: Any) -> tuple[Any, Any]:
    """Return a and b of ``beta(d) / beta = 1 + a d + b d^2``, zero if beta is not given."""
    return quotient(-2 * alpha, beta, xp), quotient(1 + alpha * alpha, beta * beta, xp)


def bmad_standard(element: BeamBeam, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Return one step for each slice, in the order in which they come.

    Raises
    ------
    InputError
        If the bunch has no size, or what is asked for is not understood yet.
    """
    if not element.is_on or is_zero(element.n_particle) or is_zero(element.charge):
        return ()
    if is_zero(element.sig_x) or is_zero(element.sig_y):
        raise InputError(f"{element.label}: a bunch needs sizes; give sig_x and sig_y")
    varying = not (is_zero(element.beta_a_strong) and is_zero(element.beta_b_strong))
    solenoidal = has_solenoid(element)
    if solenoidal:
        turned = [n for n in ("x_pitch", "y_pitch", "z_offset") if not is_zero(getattr(element, n))]
        turned += ["beta_a_strong or beta_b_strong"] if varying else []
        if turned:
            raise InputError(f"{element.label}: a solenoid (ks) together with {', '.join(turned)} is not understood yet")
    places = slices(element.n_slice)
    return [Step((_slice(place, varying=varying, solenoidal=solenoidal),)) for place in places]


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's model."""
    return {(BeamBeam, "bmad_standard"): Composite(bmad_standard)}
