"""Crab cavities, which kick the head and the tail of a bunch to opposite sides."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .rfcavity import count, turns_inside
from .shared.integrator import Chain, body_kick_body, number_of_steps
from .shared.multipoles import integrated, kicks, orders
from .shared.rf.cavity import Cavity, check_frequency
from .shared.rf.kicks import Deflection, deflect, negated


class CrabCavity(Cavity):
    """A cavity that deflects along x, or where its tilt turns that to (Bmad manual, "Crab_Cavity").

    A particle of later phase is kicked by ``voltage / p0c sin 2 pi (phi0 + phi0_multipass + rf_frequency z / (beta c))``, and
    gains energy in proportion to its x.

    Attributes
    ----------
    phi0_autoscale : Parameter
        A phase that adds [2 pi].
    """

    phi0_autoscale: Parameter = 0.0

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the cavity in normalised strengths; a reversed one is late by its length (Bmad's convention)."""
        element = super().at(reference, xp)
        if self.orientation == -1:
            return element.with_values({"phi0": self.phi0 + turns_inside(self, reference)})
        return element


def deflected(share: float) -> Routine:
    """Return the kick of a share of the voltage."""

    def prepare(cavity: CrabCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Deflection:
        after_zero = 2 * pi * (cavity.phi0 + cavity.phi0_multipass + cavity.phi0_autoscale)
        kick, wave_number = cavity.voltage * share / reference_in.p0c, 2 * pi * cavity.rf_frequency / C_LIGHT
        return Deflection(kick, 0.0, xp.sin(after_zero), xp.cos(after_zero), wave_number, drift.mass2(reference_in))

    return Routine(track=deflect, prepare=prepare, undo=negated("kick_x", "kick_y"))


def bmad_standard(cavity: CrabCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: multipoles at the ends; between them kicks, each in the middle of a drift."""
    if not cavity.is_on:
        return drift.switched_off(cavity)
    multipoles = kicks(CrabCavity.strengths, orders(cavity))
    around = (multipoles(0.5),) if multipoles else ()
    kick = None if is_zero(cavity.voltage) else deflected
    return body_kick_body(drift.part, kick, number, 2, (*check_frequency(cavity), *around), around)


def kick_drift_kick(cavity: CrabCavity, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Exact drifts, and kicks of a field that is uniform across the beam, together with those of multipoles.

    So it is in a wave at the speed of light (Panofsky and Wenzel, Rev. Sci. Instrum. 27, 967), and so PTC has it.
    """
    if not cavity.is_on:
        return drift.switched_off(cavity)
    multipoles = kicks(integrated, orders(cavity))

    def kick(share: float) -> Chain:
        return (deflected(share), *((multipoles(share),) if multipoles else ()))

    return body_kick_body(drift.part, kick, number, method.order, check_frequency(cavity))


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's model, and the symplectic splitting."""
    return {
        (CrabCavity, "bmad_standard"): Composite(bmad_standard, count, lambda cavity: not is_zero(cavity.voltage)),
        (CrabCavity, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
    }
