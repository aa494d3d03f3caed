"""What all cavities share: their parameters, couplers, slices, and how their kicks count."""

from __future__ import annotations

from math import pi
from typing import Any, ClassVar, Literal

from caraval.core.arrays import is_number, is_zero
from caraval.core.element import Element, End
from caraval.core.errors import InputError
from caraval.core.loss import BEYOND
from caraval.core.methods import BmadStandard, TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Routine
from caraval.core.schema import Parameter

from ...drift import mass2
from .. import steps
from ..multipoles import MULTIPOLES, Magnet, integrated
from ..special import quotient
from .kicks import Deflection, Displacement, deflect, displace, negated


class Cavity(Magnet):
    """An element with a radio-frequency field. Its multipoles are not relative to anything.

    Attributes
    ----------
    voltage : Parameter
        Energy gain on crest over charge [V]. Or give ``gradient`` [V/m]; then ``voltage = gradient length``.
    phi0, phi0_multipass : Parameter
        Phase [2 pi], and that of the pass.
    rf_frequency : Parameter
        [Hz]
    """

    voltage: Parameter = 0.0
    phi0: Parameter = 0.0
    phi0_multipass: Parameter = 0.0
    rf_frequency: Parameter = 0.0
    scale_multipoles: ClassVar[bool] = False  # type: ignore[misc]
    r0_mag: ClassVar[float] = 0.0  # type: ignore[misc]

    extensive = (*Magnet.extensive, "voltage")
    odd = (*Magnet.odd, "voltage")
    shorthands = {  # noqa: RUF012
        **Element.shorthands,
        "gradient": lambda values: {"voltage": values["gradient"] * values["length"]},
    }

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; one of a reversed cavity stays reversed, as its phase goes with the whole's length."""
        if self.orientation == 1:
            return super().cut(start, end)
        piece = self.replace(orientation=1).cut(self.length - end, self.length - start)
        return piece.replace(orientation=-1)

    @property
    def whole_length(self) -> Any:
        """Length of the whole of which this may be a slice [m]."""
        return self.length if self.slice_of is None else self.slice_of

    def whole(self) -> Any:
        """Return the cavity of which this is a slice."""
        if self.slice_of is None:
            return self
        factor = self.slice_of / self.length
        shared = [n for n in (*self.extensive, *MULTIPOLES) if getattr(self, n) is not None]
        changes = {name: getattr(self, name) * factor for name in shared}
        return self.with_values({**changes, "length": self.slice_of, "slice_start": None, "slice_of": None})

    def strengths(self, xp: Any) -> dict[int, tuple[Any, Any]]:
        """Return all integrated multipoles. Bmad counts kicks twice in cavities: where it misaligns them, and as multipoles."""
        found = integrated(self, xp)
        if has_kick(self):
            (a, b), (skew, normal) = found.get(0, (0.0, 0.0)), kick_in_body(self, xp)
            found[0] = (a + skew, b + normal)
        return found


# -------------------------------------------------------------------- steps and kicks


def divided(cavity: Cavity, method: TrackingMethod, default: int) -> int:
    """Return into how many steps a cavity is divided: as the method says, or by default; a slice has its share of them."""
    if is_zero(cavity.length):
        return 1
    if isinstance(method, BmadStandard) and method.ds_step is not None:
        return steps.given(method, cavity.length) or 1
    whole = getattr(method, "num_steps", None) or default
    if cavity.slice_of is None:
        return whole
    return max(1, steps.nearest(whole * steps.number(cavity.length) / steps.number(cavity.slice_of)))


def has_kick(cavity: Any) -> bool:
    """Whether a cavity may have horizontal or vertical kicks."""
    return not all(is_zero(getattr(cavity, name)) for name in ("hkick", "vkick", "bl_hkick", "bl_vkick"))


def kick_in_body(cavity: Any, xp: Any) -> tuple[Any, Any]:
    """Return the kicks as skew and normal dipole, along the axes of the tilted cavity."""
    cosine, sine = cavity.kick_axes(xp)
    h, v = cavity.hkick, cavity.vkick
    return v * cosine - h * sine, -h * cosine - v * sine


# -------------------------------------------------------------------- fields without frequency


def astray(cavity: Cavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Displacement:
    """Return what loses all particles where there is a voltage without a frequency, as in Bmad."""
    wrong = (cavity.rf_frequency == 0) & (cavity.voltage != 0)
    return Displacement(xp.where(wrong, BEYOND, 0.0))


def check_frequency(cavity: Cavity) -> tuple[Routine, ...]:
    """Return what loses all particles of a cavity without frequency, if it may have none."""
    settled = (is_number(cavity.rf_frequency) and cavity.rf_frequency != 0) or is_zero(cavity.voltage)
    return () if settled else (Routine(track=displace, prepare=astray, undo=negated("x")),)


# -------------------------------------------------------------------- couplers


class CoupledCavity(Cavity):
    """A cavity that may have couplers, which kick across the beam (Bmad manual, "Coupler Kicks").

    Attributes
    ----------
    coupler_at : End
        Where they are.
    coupler_strength : Parameter
        Kick over the gradient [m].
    coupler_angle, coupler_phase : Parameter
        Direction of the kick from the x axis, and its phase against the cavity's [2 pi].
    field_autoscale : Parameter
        Factor on the field.
    fringe_type, fringe_at
        Focusing at the ends of the active part.
    absolute_time_tracking : bool
        The phase goes with the time since the reference's arrival, so that of the pass does not count (Bmad manual,
        "Absolute/Relative Time Tracking"). Nothing adds up from turn to turn.
    pass_delay : Parameter
        How much later than at its first pass the reference arrives [s], where the beam passes several times; counts in
        absolute time.
    """

    coupler_at: End = "exit_end"
    coupler_strength: Parameter = 0.0
    coupler_angle: Parameter = 0.0
    coupler_phase: Parameter = 0.0
    field_autoscale: Parameter = 1.0
    fringe_type: Literal["full", "none"] = "full"
    fringe_at: End = "both_ends"
    absolute_time_tracking: bool = False
    pass_delay: Parameter = 0.0

    cells_are_whole: ClassVar[bool] = False
    """Whether only whole cells are active."""

    grows: ClassVar[int] = -1
    """Whether the phase of the field grows (+1) or falls (-1) in time, as it is counted."""

    couplers_at_field: ClassVar[bool] = False
    """Whether couplers are where the field ends, rather than at the faces."""

    @property
    def turns(self) -> Any:
        """Phase that the reference sees [2 pi]."""
        if self.absolute_time_tracking:
            return self.phi0 + self.grows * self.rf_frequency * self.pass_delay
        return self.phi0 + self.phi0_multipass

    @property
    def gain(self) -> Any:
        """Energy gain of the reference [eV]; errors do not count."""
        return 0.0

    @property
    def phase(self) -> Any:
        """Phase from the crest that the reference sees [rad]."""
        raise NotImplementedError

    @property
    def total_voltage(self) -> Any:
        """Energy gain of a particle on crest over charge [V]."""
        return self.voltage

    def gradient_on_crest(self, xp: Any) -> Any:
        """Return the energy gain on crest over charge and length [V/m]."""
        return quotient(self.voltage, self.length, xp)

    def is_filled(self) -> bool:
        """Whether the field is as long as the cavity."""
        return False

    def has_solenoid(self) -> bool:
        """Whether there may be a solenoid around the cavity."""
        return False

    def validate(self) -> None:
        """Check what Bmad's model asks for."""
        super().validate()
        if is_zero(self.length) and not is_zero(self.coupler_strength):
            raise InputError(f"{self.label}: a coupler needs a cavity with a length, as its kick is relative to the gradient")

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; a coupler at one of two ends keeps its half, and ends of the field are not ends of the cavity."""
        piece: Any = super().cut(start, end)
        if self.orientation == -1:
            return piece
        halved = self.coupler_at == "both_ends" != piece.coupler_at
        return piece.replace(fringe_at=self.fringe_at, coupler_strength=self.coupler_strength * (0.5 if halved else 1.0))


def has_coupler(cavity: CoupledCavity, end: str) -> bool:
    """Whether a cavity may have a coupler at an end."""
    return not is_zero(cavity.coupler_strength) and cavity.coupler_at in (end, "both_ends")


def coupler(cavity: Any, factor: Any, reference: Reference, xp: Any) -> Deflection:
    """Return a factor times the kick of one coupler, where the reference is this."""
    share = 0.5 if cavity.coupler_at == "both_ends" else 1.0
    strength = factor * share * cavity.field_autoscale * cavity.gradient_on_crest(xp) * cavity.coupler_strength / reference.p0c
    direction, phase = 2 * pi * cavity.coupler_angle, cavity.phase + 2 * pi * cavity.coupler_phase
    wave_number = 2 * pi * cavity.rf_frequency / C_LIGHT
    kick_x, kick_y = strength * xp.cos(direction), strength * xp.sin(direction)
    return Deflection(kick_x, kick_y, xp.cos(phase), xp.sin(phase), wave_number, mass2(reference))


def _at_face(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Deflection:
    return coupler(cavity, 1.0, reference_in, xp)


COUPLER = Routine(track=deflect, prepare=_at_face, undo=negated("kick_x", "kick_y"))
"""The coupler at a face of a cavity that leaves the reference energy alone."""
