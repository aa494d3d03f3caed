"""Cavities of storage rings, whose voltage leaves the reference energy alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any, Literal

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step

from . import drift
from .shared.integrator import kick_body_kick, number_of_steps
from .shared.multipoles import kicks, orders
from .shared.rf import center_phase, rf_splitting
from .shared.rf.cavity import COUPLER, Cavity, CoupledCavity, check_frequency, divided, has_coupler
from .shared.rf.kicks import Push, negated, push

DEFAULT_STEPS = 10
"""Number of steps through a cavity whose method says none (as in Bmad)."""


class RFCavity(CoupledCavity):
    """A cavity at a reference energy that stays (Bmad manual, "RFcavity").

    A particle of later phase gains ``voltage sin 2 pi (phi0 + phi0_multipass + rf_frequency z / (beta c))``.

    Attributes
    ----------
    cavity_type : "standing_wave", "traveling_wave" or "ptc_standard"
    n_cell : int
        Number of cells.
    """

    cavity_type: Literal["standing_wave", "traveling_wave", "ptc_standard"] = "standing_wave"
    n_cell: int = 1

    @property
    def phase(self) -> Any:
        """Phase from the crest that the reference sees [rad]."""
        return 2 * pi * (0.25 - self.turns)

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the cavity in normalised strengths; the wave of a reversed one in absolute time starts at the other end."""
        element = super().at(reference, xp)
        if self.orientation == -1 and self.absolute_time_tracking:
            return element.with_values({"phi0": self.phi0 - turns_inside(self, reference)})
        return element


def turns_inside(cavity: Any, reference: Reference) -> Any:
    """Return by how many turns the field goes on while the reference passes the whole cavity."""
    return cavity.rf_frequency * cavity.whole_length / (reference.beta * C_LIGHT)


def pushed(share: float) -> Routine:
    """Return the change of energy by a share of the voltage."""

    def prepare(cavity: RFCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Push:
        after_zero = 2 * pi * cavity.turns
        amplitude = cavity.voltage * share / reference_in.p0c
        wave_number = 2 * pi * cavity.rf_frequency / C_LIGHT
        return Push(amplitude, xp.sin(after_zero), xp.cos(after_zero), wave_number, drift.mass2(reference_in))

    return Routine(track=push, prepare=prepare, undo=negated("amplitude"))


def count(cavity: Cavity, method: TrackingMethod, reference: Reference | None) -> int:
    """Return the number of steps: ten, if the method does not say."""
    return divided(cavity, method, DEFAULT_STEPS)


def bmad_standard(cavity: RFCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: multipoles and couplers at the ends; between these changes of energy, half of one at each end."""
    if not cavity.is_on:
        return drift.switched_off(cavity)
    multipoles = kicks(RFCavity.strengths, orders(cavity))
    around = (multipoles(0.5),) if multipoles else ()
    entrance = (*check_frequency(cavity), *around, *((COUPLER,) if has_coupler(cavity, "entrance_end") else ()))
    exit = (*((COUPLER,) if has_coupler(cavity, "exit_end") else ()), *around)
    kick = None if is_zero(cavity.voltage) else pushed
    return kick_body_kick(drift.part, kick, number, entrance, exit, thin=is_zero(cavity.length))


def kick_drift_kick(cavity: RFCavity, method: KickDriftKick, number: int) -> Sequence[Step]:
    """The symplectic splitting."""
    return rf_splitting.kick_drift_kick(cavity, method, number) if cavity.is_on else drift.switched_off(cavity)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's model, elegant's, and the symplectic splitting."""
    return {
        (RFCavity, "bmad_standard"): Composite(bmad_standard, count, lambda cavity: not is_zero(cavity.voltage)),
        (RFCavity, "center_phase"): center_phase.COMPOSITE,
        (RFCavity, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
    }
