"""Electrostatic separators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import copysign
from typing import Any, ClassVar, NamedTuple

from caraval.core.arrays import is_number, is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .kicker import Kicker
from .shared import electric, fringes, steps
from .shared.electric import ElectricEdge, ElectricMagnet, electric_edge, gained, undo_edge
from .shared.fields import magnet_field, runge_kutta
from .shared.fields.field import Field
from .shared.fields.magnet_field import MagnetConstants, magnet
from .shared.integrator import body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import kicks, orders
from .shared.special import path_lag, quotient, root, stumpff


class ELSeparator(ElectricMagnet):
    """A uniform transverse electric field, with magnetic multipoles (Bmad manual, "Elseparator").

    Attributes
    ----------
    hkick, vkick : Parameter
        Integrated force over the reference momentum, for a positive charge, along the element's own axes.
    e_field : Parameter, optional
        Field [V/m] along the element's own vertical axis, instead.
    voltage : Parameter, optional
        Voltage [V] across the gap, instead.
    gap : Parameter
        Distance between the plates [m].
    """

    e_field: Parameter | None = None
    voltage: Parameter | None = None
    gap: Parameter = 0.0
    bl_hkick: ClassVar[None] = None  # type: ignore[misc]
    bl_vkick: ClassVar[None] = None  # type: ignore[misc]

    extensive = ("hkick", "vkick")
    odd = ()
    fields = {"hkick": "voltage", "vkick": "e_field"}  # noqa: RUF012
    has_magnetic_kicks = False

    def validate(self) -> None:
        """Check that the field is given once."""
        kick = not (is_zero(self.hkick) and is_zero(self.vkick))
        given = [name for name in ("e_field", "voltage") if getattr(self, name) is not None]
        if len(given) + kick > 1:
            names = " and ".join([*(["hkick or vkick"] if kick else []), *given])
            raise InputError(f"{self.label}: {names} say the same; give one")
        if self.voltage is not None and is_zero(self.gap):
            raise InputError(f"{self.label}: voltage needs a gap between the plates, in m")

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with a normalised strength in place of a field, which is vertical (Bmad).

        Where the length may be zero the field stays beside it: there the strength does not say it.
        """
        if self.voltage is None and self.e_field is None:
            return super().at(reference, xp)
        field = self.e_field if self.voltage is None else quotient(self.voltage, self.gap, xp)
        vkick = self.length * field / (reference.p0c * reference.beta)
        element = self.with_values({"vkick": vkick, "e_field": None, "voltage": None}).at(reference, xp)
        known = is_number(self.length) and self.length != 0
        return element if known else element.with_values({"e_field": field})

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the kick to which magnetic multipoles are relative, as in a kicker."""
        return Kicker.main_strength(self, xp)


# -------------------------------------------------------------------- routines


LARGEST_RAPIDITY = 10.0
"""Of a hyperbolic rotation; a particle that would turn further is lost (as in Bmad)."""


class SeparatorConstants(NamedTuple):
    """Length [m], force over the reference momentum and per length [1/m], and ``(m c / P0)^2``."""

    length: Any
    kx: Any
    ky: Any
    mass2: Any


def separator(c: SeparatorConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move in a uniform electric field, exactly (Bmad manual, "ElSeparator Tracking").

    Energy and the momentum along the force turn into each other by a hyperbolic rotation.
    """
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    transverse2 = q.px * q.px + q.py * q.py
    ahead = momentum * momentum - transverse2
    forward = root(ahead, xp)
    path = c.length / forward
    rapidity2 = (c.kx * c.kx + c.ky * c.ky) * path * path
    _, s1, s2, s3 = stumpff(-rapidity2)
    power = c.kx * q.px + c.ky * q.py
    fall = path * path * (energy * s2 + path * power * s3)  # displacement over the force
    time = path * (energy * s1 + path * power * s2)
    dx, dy = path * q.px + c.kx * fall, path * q.py + c.ky * fall
    z = (
        q.z
        + path_lag(q.pz, momentum, c.mass2, c.length, xp)
        - path * transverse2 / (momentum + forward)
        - path * (momentum * rapidity2 * s3 + momentum / energy * path * power * s2)
    )
    x = xp.where(ahead > 0, xp.where(rapidity2 < LARGEST_RAPIDITY * LARGEST_RAPIDITY, q.x + dx, BEYOND), BEYOND)
    out = Coordinates(x, q.px + c.kx * time, q.y + dy, q.py + c.ky * time, z, q.pz)
    return gained(c.kx * dx + c.ky * dy, c.mass2, out, xp)


def force(separator: ELSeparator, reference: Reference, xp: Any) -> tuple[Any, Any]:
    """Return the force over the reference momentum, per length [1/m]."""
    sign = copysign(1.0, reference.species.charge)
    if separator.e_field is not None:
        return 0.0, sign * separator.e_field / (reference.p0c * reference.beta)
    kx, ky = (quotient(sign * kick, separator.length, xp) for kick in (separator.hkick, separator.vkick))
    return kx, ky


def part(share: float) -> Routine:
    """Return the body of a share of the length."""

    def prepare(element: ELSeparator, reference_in: Reference, reference_out: Reference, xp: Any) -> SeparatorConstants:
        return SeparatorConstants(element.length * share, *force(element, reference_in, xp), drift.mass2(reference_in))

    return Routine(track=separator, prepare=prepare, undo=drift.undo_length)


def edge(side: int, *, whole_charge: bool) -> Routine:
    """Return the edge. Bmad multiplies the energy with the whole charge, and the force in the body with its sign."""

    def prepare(element: ELSeparator, reference_in: Reference, reference_out: Reference, xp: Any) -> ElectricEdge:
        scale = side * abs(reference_in.species.charge) if whole_charge else side
        kx, ky = force(element, reference_in, xp)
        return ElectricEdge((0.0, scale * kx), (0.0, -scale * ky), drift.mass2(reference_in))

    return Routine(track=electric_edge, prepare=prepare, undo=undo_edge)


def edges(element: ELSeparator, *, whole_charge: bool) -> tuple[fringes.Chain, fringes.Chain]:
    """Return the edges."""
    entrance, exit = (edge(side, whole_charge=whole_charge) for side in (+1, -1))
    return fringes.at_ends(element, (entrance,), (exit,))


# -------------------------------------------------------------------- methods


def count(element: ELSeparator, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, where something kicks."""
    return steps.by_length(method, element.length)


def stepped(element: ELSeparator) -> bool:
    """Whether anything else kicks, so that the number of steps matters."""
    return bool(orders(element) or electric.orders(element))


def bmad_standard(element: ELSeparator, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Edge, half kick of the multipoles, slices of body with kicks between, half kick, edge."""
    if is_zero(element.length):
        return ()
    if not element.is_on:
        return drift.switched_off(element)
    kick = electric.with_electric(kicks(ELSeparator.strengths, orders(element)), element)
    return kick_body_kick(part, kick, number, *electric.with_edges(element, edges(element, whole_charge=True)))


def kick_drift_kick(element: ELSeparator, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Slices of body, which is exact, and kicks of multipoles; symplectic where both edges are there."""
    if is_zero(element.length):
        return ()
    if not element.is_on:
        return drift.switched_off(element)
    electric.refuse(element, method.name)
    kick = kicks(ELSeparator.strengths, orders(element))
    return body_kick_body(part, kick, number, method.order, *edges(element, whole_charge=False))


class SeparatorField(NamedTuple):
    """Electric field, normalised [1/m], and the constants of the magnetic one."""

    ex: Any
    ey: Any
    magnet: MagnetConstants


def value(c: SeparatorField, q: Coordinates, xp: Any) -> tuple[Any, ...]:
    """Return the field of a separator."""
    bx, by, bs = magnet(c.magnet, q, xp)
    return c.ex, c.ey, 0.0, bx, by, bs


@cache
def _field(magnetic: Field) -> Field:
    def at(element: Any, place: float, reference: Reference, xp: Any) -> SeparatorField:
        over_length = reference.species.charge / element.length  # Bmad's force is that of the field on the whole charge
        multipoles = magnetic.at(element, place, reference, xp)
        return SeparatorField(element.hkick * over_length, element.vkick * over_length, multipoles)

    return Field(value, at, electric=True)


def field_of(element: ELSeparator) -> Field:
    """Return the field of a separator, its magnetic multipoles included."""
    return _field(magnet_field.of(element))


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The exact motion in the field, and kicks."""
    return {
        (ELSeparator, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (ELSeparator, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (ELSeparator, "runge_kutta"): runge_kutta.method(field_of, lambda element: edges(element, whole_charge=True)),
    }
