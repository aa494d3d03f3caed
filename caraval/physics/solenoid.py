"""Solenoids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .shared import electric, steps
from .shared.electric import ElectricMagnet
from .shared.fields import magnet_field, runge_kutta
from .shared.integrator import body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import kicks, orders
from .shared.special import cos_sin, path_lag, root


class Solenoid(ElectricMagnet):
    """A solenoid with hard edges, which are part of its body (Bmad manual, "Solenoid").

    Attributes
    ----------
    ks : Parameter
        Normalised field [1/m].
    bs_field : Parameter, optional
        Field [T], instead.
    """

    ks: Parameter = 0.0
    bs_field: Parameter | None = None

    fields = {**ElectricMagnet.fields, "ks": "bs_field"}  # noqa: RUF012
    main: ClassVar[None] = None

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return ``ks length``; multipoles scale as those of a quadrupole do."""
        return self.ks * self.length, 1


class SolenoidConstants(NamedTuple):
    """Length [m], half the normalised field [1/m], and ``(m c / P0)^2``."""

    length: Any
    half: Any
    mass2: Any


def solenoid(c: SolenoidConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Go along a helix, exactly, in canonical momenta (Bmad manual, "Solenoid Tracking")."""
    k = c.half
    momentum = 1 + q.pz
    ux, uy = q.px + k * q.y, q.py - k * q.x
    transverse2 = ux * ux + uy * uy
    ahead = momentum * momentum - transverse2
    forward = root(ahead, xp)
    path = c.length / forward
    lag = path_lag(q.pz, momentum, c.mass2, c.length, xp) - path * transverse2 / (momentum + forward)
    out = helix(q, k, path, lag)
    return out._replace(x=xp.where(ahead > 0, out.x, BEYOND))


def helix(q: Coordinates, k: Any, path: Any, lag: Any) -> Coordinates:
    """Turn about the field by `path` over momentum, and move z by `lag`."""
    cosine, ratio = cos_sin(k * k * path * path)
    reach = path * ratio
    sine = k * reach
    x, px = cosine * q.x + reach * q.px, cosine * q.px - k * sine * q.x
    y, py = cosine * q.y + reach * q.py, cosine * q.py - k * sine * q.y
    return Coordinates(
        cosine * x + sine * y, cosine * px + sine * py, cosine * y - sine * x, cosine * py - sine * px, q.z + lag, q.pz
    )


def part(share: float) -> Routine:
    """Return the body of a share of the length."""

    def prepare(element: Solenoid, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidConstants:
        return SolenoidConstants(element.length * share, element.ks / 2, drift.mass2(reference_in))

    return Routine(track=solenoid, prepare=prepare, undo=drift.undo_length)


def errors(element: Solenoid, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the multipoles that kick; Bmad drops the normal quadrupole here."""
    found = element.strengths(xp)
    return {n: (a, 0.0 if n == 1 else b) for n, (a, b) in found.items()}


def count(element: Solenoid, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, where something kicks."""
    return steps.by_length(method, element.length)


def stepped(element: Solenoid) -> bool:
    """Whether anything kicks, so that the number of steps matters."""
    return bool(orders(element) or electric.orders(element))


def bmad_standard(element: Solenoid, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Half kick, slices of helix with kicks between, half kick."""
    if not element.is_on:
        return drift.switched_off(element)
    kick = electric.with_electric(kicks(errors, orders(element)), element)
    return kick_body_kick(part, kick, number, *electric.with_edges(element))


def kick_drift_kick(element: Solenoid, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Slices of helix, which is exact with either split, and kicks of multipoles."""
    if not element.is_on:
        return drift.switched_off(element)
    electric.refuse(element, method.name)
    return body_kick_body(part, kicks(Solenoid.strengths, orders(element)), number, method.order)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The exact helix, and kicks."""
    return {
        (Solenoid, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (Solenoid, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (Solenoid, "runge_kutta"): runge_kutta.method(magnet_field.of, magnet_field.solenoid_edges),
    }
