"""Solenoids with a quadrupole on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift, solenoid
from .quadrupole import errors, gradient, kicking, stepped
from .shared import beyond_paraxial, electric, steps
from .shared.electric import ElectricMagnet
from .shared.fields import magnet_field, runge_kutta
from .shared.integrator import around, body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import kicks, present
from .shared.solenoid_gradient import SolenoidGradientConstants, solenoid_gradient


class SolQuad(ElectricMagnet):
    """A solenoid with a quadrupole on top; both begin and end hard (Bmad manual, "Sol_Quad").

    Attributes
    ----------
    ks : Parameter
        Normalised field of the solenoid [1/m].
    bs_field : Parameter, optional
        Field of the solenoid [T], instead.
    k1 : Parameter
        Normalised gradient [1/m^2]; positive focuses in x.
    b1_gradient : Parameter, optional
        Gradient [T/m], instead.
    """

    ks: Parameter = 0.0
    bs_field: Parameter | None = None
    k1: Parameter = 0.0
    b1_gradient: Parameter | None = None

    odd = (*ElectricMagnet.odd, "k1", "b1_gradient")
    main = ("k1", 1)
    fields = {**ElectricMagnet.fields, "ks": "bs_field", "k1": "b1_gradient"}  # noqa: RUF012


def has_gradient(element: SolQuad) -> bool:
    """Whether there is a gradient, or may be: without any, Bmad's body is exact, with one it is paraxial."""
    if not (is_zero(element.k1) and is_zero(element.b1_gradient)):
        return True
    return element.multipoles_on and not element.scale_multipoles and not is_zero(element.b1)


def part(share: float) -> Routine:
    """Return the paraxial body of a share of the length."""

    def prepare(element: SolQuad, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidGradientConstants:
        length, k1 = element.length * share, gradient(element, xp)
        return SolenoidGradientConstants(length, element.ks / 2, k1, drift.mass2(reference_in))

    return Routine(track=solenoid_gradient, prepare=prepare, undo=drift.undo_length)


def count(element: SolQuad, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, where something kicks."""
    return steps.by_length(method, element.length)


def bmad_standard(element: SolQuad, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Half kick, slices of body with kicks between, half kick."""
    if not element.is_on:
        return drift.switched_off(element)
    body = part if has_gradient(element) else solenoid.part
    kick = electric.with_electric(kicks(errors, kicking(element)), element)
    return kick_body_kick(body, kick, number, *electric.with_edges(element))


def kick_drift_kick(element: SolQuad, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Slices of exact helix and kicks of all multipoles, or the paraxial body and kicks of all else."""
    if not element.is_on:
        return drift.switched_off(element)
    electric.refuse(element, method.name)
    if method.split == "matrix" and has_gradient(element) and not is_zero(element.length):
        others = around(kicks(errors, kicking(element)), beyond_paraxial.solenoid_part)
        return body_kick_body(part, others, number, method.order)
    return body_kick_body(solenoid.part, kicks(SolQuad.strengths, present(element)), number, method.order)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's paraxial body, and the symplectic splitting."""
    return {
        (SolQuad, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (SolQuad, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (SolQuad, "runge_kutta"): runge_kutta.method(magnet_field.of, magnet_field.solenoid_edges),
    }
