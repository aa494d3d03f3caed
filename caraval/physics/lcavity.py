"""Accelerating cavities, whose voltage changes the reference energy."""

from __future__ import annotations

from math import pi
from typing import Any, Literal

from caraval.core.arrays import is_zero, namespace
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.reference import Reference
from caraval.core.routine import Composite
from caraval.core.schema import Parameter

from .shared.integrator import number_of_steps
from .shared.multipoles import Magnet, orders
from .shared.rf import center_phase, lcavity_plateaus, lcavity_steps, rf_splitting
from .shared.rf.cavity import CoupledCavity
from .shared.special import quotient


class LCavity(CoupledCavity):
    """A standing- or traveling-wave cavity that accelerates (Bmad manual, "Lcavity").

    A particle of earlier phase gains ``voltage cos 2 pi (phi0 + phi0_err + phi0_multipass - rf_frequency z / (beta c))``. It
    accelerates even if it is said not to be on, as in Bmad.

    Attributes
    ----------
    phi0_err : Parameter
        Error of the phase [2 pi], which the reference does not see.
    voltage_err : Parameter
        Error of the voltage [V], which the reference does not see. Or give ``gradient_err`` [V/m].
    n_cell : int
        Number of cells, which decides the active length; negative: as many as fit.
    n_rf_steps : int
        Number of steps of the energy gain; zero: Bmad's former map of the cavity in one piece.
    cavity_type : "standing_wave" or "traveling_wave"
    field_calc : "bmad_standard", "fieldmap" or "custom"
        Not `bmad_standard`: all of the length counts as active.
    slips : tuple of float
        Of a cavity that the beam passes several times: how far the reference's phase is at each kick from that for which the
        kick is made [2 pi]. The reference feels it; particles do in absolute time.
    ks : Parameter
        Normalised field of a solenoid around the cavity, at the exit's momentum [1/m].
    bs_field : Parameter, optional
        The same as a field [T], instead.
    """

    phi0_err: Parameter = 0.0
    voltage_err: Parameter = 0.0
    n_cell: int = -1
    n_rf_steps: int = 10
    cavity_type: Literal["standing_wave", "traveling_wave"] = "standing_wave"
    field_calc: Literal["bmad_standard", "fieldmap", "custom"] = "bmad_standard"
    slips: tuple[float, ...] = ()
    ks: Parameter = 0.0
    bs_field: Parameter | None = None

    cells_are_whole = True
    grows = +1
    couplers_at_field = True
    extensive = (*CoupledCavity.extensive, "voltage_err")
    fields = {**Magnet.fields, "ks": "bs_field"}  # noqa: RUF012
    shorthands = {  # noqa: RUF012
        **CoupledCavity.shorthands,
        "gradient_err": lambda values: {"voltage_err": values["gradient_err"] * values["length"]},
    }

    def validate(self) -> None:
        """Check what Bmad's model asks for."""
        super().validate()
        if self.n_rf_steps < 0:
            raise InputError(f"{self.label}: n_rf_steps must be positive, or zero for the former map, not {self.n_rf_steps}")
        if self.slips and len(self.slips) != self.n_rf_steps + 1:
            raise InputError(
                f"{self.label}: slips needs {self.n_rf_steps + 1} numbers, one for each kick, not {len(self.slips)}"
            )
        if is_zero(self.length) and self.cavity_type == "standing_wave" and not is_zero(self.voltage):
            raise InputError(f"{self.label}: a standing-wave cavity needs a length; a thin one is a traveling_wave")
        if self.n_rf_steps == 0 and (orders(self) or self.has_solenoid() or not is_zero(self.coupler_strength)):
            raise InputError(
                f"{self.label}: kicks, multipoles, couplers and a solenoid need n_rf_steps; Bmad's former map "
                "(n_rf_steps = 0) is without them"
            )

    def turned(self) -> Element:
        """Return the cavity, which cannot be reversed."""
        if self.orientation == -1:
            raise InputError(f"{self.label}: a reversed accelerating cavity is not understood; give one that is not reversed")
        return self

    def is_filled(self) -> bool:
        """Whether the field is as long as the cavity."""
        return self.field_calc != "bmad_standard"

    def has_solenoid(self) -> bool:
        """Whether there may be a solenoid around the cavity."""
        return not (is_zero(self.ks) and is_zero(self.bs_field))

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the cavity with normalised strengths in place of fields: field over rigidity at the exit."""
        given = any(getattr(self, field) is not None for field in self.fields.values()) or (self.field_master and orders(self))
        return super().at(lcavity_plateaus.whole_exit(self, reference, xp) if given else reference, xp)

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice, which does what the whole cavity does there; its couplers are where the field begins and ends."""
        return super().cut(start, end).replace(coupler_at=self.coupler_at, coupler_strength=self.coupler_strength)

    def gradient_on_crest(self, xp: Any) -> Any:
        """Return the energy gain on crest over charge and length [V/m]."""
        return quotient(self.voltage + self.voltage_err, self.length, xp)

    @property
    def gain(self) -> Any:
        """Energy gain of the reference [eV]; errors do not count."""
        phase = 2 * pi * (self.phi0 + self.phi0_multipass)
        return self.voltage * namespace(phase).cos(phase)

    def gain_at(self, step: int) -> Any:
        """Return the energy gain of the reference in kick `step` [eV], where it slips."""
        phase = 2 * pi * (self.phi0 + self.phi0_multipass + self.slips[step])
        share = lcavity_plateaus.weight(step, self.n_rf_steps)
        return self.field_autoscale * self.voltage * share * namespace(phase).cos(phase)

    def slipped(self, step: int) -> LCavity:
        """Return the cavity with the phase that particles see at kick `step`."""
        if not (self.slips and self.absolute_time_tracking):
            return self
        return self.with_values({"phi0_err": self.phi0_err + self.slips[step]})  # type: ignore[return-value]

    @property
    def phase(self) -> Any:
        """Phase from the crest that the reference sees [rad]."""
        return 2 * pi * (self.turns + self.phi0_err)

    @property
    def total_voltage(self) -> Any:
        """Energy gain of a particle on crest over charge [V]."""
        return self.field_autoscale * (self.voltage + self.voltage_err)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's models, elegant's, and the symplectic splitting."""
    return {
        (LCavity, "bmad_standard"): Composite(
            lcavity_steps.bmad_standard,
            lcavity_steps.count,
            lambda cavity: cavity.n_rf_steps == 0,
            reference=lcavity_plateaus.reference,
        ),
        (LCavity, "center_phase"): center_phase.COMPOSITE,
        (LCavity, "kick_drift_kick"): Composite(rf_splitting.kick_drift_kick, number_of_steps),
    }
