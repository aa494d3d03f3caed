"""Encounters with another beam."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import erf, pi
from typing import Any

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.errors import CaravalError, InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import TrackingMethod
from caraval.core.reference import C_LIGHT, Reference, as_species
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from .drift import mass2
from .shared.encounter import SliceConstants, VaryingConstants, encounter, encounter_in_solenoid, encounter_varying
from .shared.fields.gaussian_field import shape
from .shared.special import quotient

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
    crab_x1, crab_x2, crab_x3, crab_x4, crab_x5 : Parameter
        How the bunch is bent: the slice that is z before its centre is turned about that by the angle
        ``crab_x1 + crab_x2 z + ... + crab_x5 z^4`` [1, 1/m, ..., 1/m^4]. So to first order in the angle it is displaced by
        ``crab_x1 z + crab_x2 z^2 + ...``.
    crab_tilt : Parameter
        Direction from the x axis in which it is displaced [rad].
    repetition_frequency : Parameter
        How often bunches pass [Hz]; in absolute time a particle meets the nearest of them. Zero: it meets the one that comes
        with the reference.
    absolute_time_tracking : bool
        Whether `repetition_frequency` counts (Bmad manual, "Absolute/Relative Time Tracking").
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
    crab_x1: Parameter = 0.0
    crab_x2: Parameter = 0.0
    crab_x3: Parameter = 0.0
    crab_x4: Parameter = 0.0
    crab_x5: Parameter = 0.0
    crab_tilt: Parameter = 0.0
    repetition_frequency: Parameter = 0.0
    absolute_time_tracking: bool = False

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


def slice_constants(element: BeamBeam, place: float, reference: Reference, xp: Any) -> SliceConstants:
    """Return the constants of the slice at a place in the bunch (over the bunch length)."""
    size = element.sig_x + element.sig_y
    radius_energy = ELECTRON_RADIUS * as_species("electron").mass
    bbi = -element.n_particle * element.charge * radius_energy / (2 * pi * reference.p0c * size)
    cosine, sine = xp.cos(element.tilt), xp.sin(element.tilt)
    x, y, along = _crabbed(element, element.sig_z * place, xp)
    frequency = element.repetition_frequency if element.absolute_time_tracking else 0.0
    return SliceConstants(
        along,
        _speed(element, reference, xp),
        C_LIGHT * element.crossing_time,
        quotient(C_LIGHT, frequency, xp),
        frequency / C_LIGHT,
        x,
        y,
        bbi / element.n_slice,
        shape(element.sig_x, element.sig_y, xp),
        mass2(reference),
        element.ks / 2,
        -(element.x_offset * cosine + element.y_offset * sine),
        -(element.y_offset * cosine - element.x_offset * sine),
    )


def _crabbed(element: BeamBeam, place: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Return where the centre of a slice is [m]: across, and along the way of the particles tracked."""
    ahead, angle = -place, 0.0
    for name in ("crab_x5", "crab_x4", "crab_x3", "crab_x2", "crab_x1"):
        angle = angle * ahead + getattr(element, name)
    aside = ahead * xp.sin(angle)
    return aside * xp.cos(element.crab_tilt), aside * xp.sin(element.crab_tilt), place * xp.cos(angle)


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
