"""Wigglers, and undulators, which are the same to the beam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import pi
from typing import Any, ClassVar, Literal

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.errors import InputError, MethodError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, RungeKutta, TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .shared import maps, steps
from .shared.fields import cartesian_kicks, runge_kutta, wiggler_field
from .shared.fields.field import Field
from .shared.fields.wiggler_mean import LAG, cubic, detour, part
from .shared.integrator import body_kick_body, cycle, number_of_steps
from .shared.multipoles import MULTIPOLES, Magnet, kicks, orders
from .shared.special import quotient

STEPS_PER_PERIOD = 20
"""Steps that a period needs, Bmad's own number (``ds_step = l_period / 20``)."""


class Wiggler(Magnet):
    """A periodic wiggler, or one with a field map (Bmad manual, "Wiggler and Undulator").

    Attributes
    ----------
    b_max : Parameter
        Largest field on the axis [T].
    g_max : Parameter, optional
        The same over the momentum of a unit charge, ``c b_max / p0c`` [1/m], instead.
    l_period : Parameter, optional
        Length of a period [m]. Or give ``l_pole``, half of it.
    n_period : Parameter, optional
        Number of periods, which counts where `l_period` is not given. Or give ``n_pole``, twice as many.
    kx : Parameter
        Horizontal wave number of a planar wiggler [1/m].
    polarity : Parameter
        Factor on the field; nothing in ``bmad_standard`` depends on it.
    field_calc : "planar_model" or "helical_model"
        The periodic field, where there are no `field_maps`.
    """

    b_max: Parameter = 0.0
    g_max: Parameter | None = None
    l_period: Parameter | None = None
    n_period: Parameter | None = None
    kx: Parameter = 0.0
    polarity: Parameter = 1.0
    field_calc: Literal["planar_model", "helical_model"] = "planar_model"

    shorthands = {  # noqa: RUF012
        **Magnet.shorthands,
        "l_pole": lambda values: {"l_period": 2 * values["l_pole"]},
        "n_pole": lambda values: {"n_period": values["n_pole"] / 2},
    }
    extensive = (*Magnet.extensive, "n_period")
    odd = (*Magnet.odd, "b_max", "g_max")
    main: ClassVar[None] = None

    def validate(self) -> None:
        """Check that the field is given once, and has a period."""
        super().validate()
        if self.g_max is not None and not is_zero(self.b_max):
            raise InputError(f"{self.label}: g_max and b_max say the same; give one")
        if not (is_zero(self.b_max) and is_zero(self.g_max)) and is_zero(self.l_period) and is_zero(self.n_period):
            raise InputError(f"{self.label}: a field needs l_period or n_period")

    def is_plain(self) -> bool:
        """Whether there is no field: there is no map of the kind's own."""
        return False

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with normalised strengths in place of fields."""
        element = super().at(reference, xp)
        if self.g_max is not None:
            return element
        return element.with_values({"g_max": self.b_max * C_LIGHT / reference.p0c, "b_max": 0.0})

    def turned(self) -> Element:
        """Return what a reversed wiggler is to the particles: of a helix, the field turns the other way round, too."""
        if self.orientation == 1 or not self.is_helical():
            return super().turned()
        mirrored = {n: -getattr(self, n) for n in ("l_period", "n_period") if getattr(self, n) is not None}
        return super().turned().with_values(mirrored)

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; multipoles are relative to a pole, whatever the length, and have their share."""
        piece = super().cut(start, end)
        if not self.scale_multipoles or self.orientation == -1:  # those have it already
            return piece
        share = (end - start) / self.length
        return piece.replace(**{n: getattr(self, n) * share for n in MULTIPOLES if getattr(self, n) is not None})

    def is_main_odd(self) -> bool:
        """Whether the main strength, field times period, changes sign when the wiggler is reversed."""
        return not self.is_helical()

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the integral of a pole, and the dipole's order."""
        strength: Any = self.g_max
        return 2 * strength * self.reduced_period(xp), 0

    def is_helical(self) -> bool:
        """Whether the field turns about the axis."""
        return self.field_calc == "helical_model"

    def reduced_period(self, xp: Any) -> Any:
        """Return the period over 2 pi [m]."""
        period: Any = self.l_period
        number: Any = self.n_period
        if not is_zero(period):
            return period / (2 * pi)
        return 0.0 if is_zero(number) else quotient(self.length, 2 * pi * number, xp)


def reference(wiggler: Wiggler, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit, which has come along its detours; so it has where the field is off."""
    if isinstance(wiggler.tracking_method, RungeKutta):
        return integrated_reference(wiggler, wiggler.tracking_method, reference_in, xp)
    longer = map_detour(wiggler, reference_in, xp) if wiggler.field_maps else detour(wiggler.at(reference_in, xp), xp)
    time = (wiggler.length + longer) / (reference_in.beta * C_LIGHT)
    return replace(reference_in, s=reference_in.s + wiggler.length, t=reference_in.t + time)


def integrated_reference(wiggler: Wiggler, method: RungeKutta, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit, which comes as a particle on the axis does; a slice has its share of the time."""
    whole: Any = _whole(wiggler).at(reference_in, xp)
    field = maps.field_of(whole) if whole.field_maps else field_of(whole)
    longer = runge_kutta.late(whole, field, method, count_integrated(whole, method, reference_in), reference_in, xp)
    share = wiggler.length / whole.length
    out = reference_in.drifted(wiggler.length)
    return replace(out, t=out.t + share * longer / C_LIGHT)


def _whole(wiggler: Wiggler) -> Any:
    """Return the wiggler of which this may be a slice, without its kicks."""
    if wiggler.slice_of is None:
        return wiggler
    number: Any = wiggler.n_period  # which a slice has its share of
    periods = None if number is None else number * wiggler.slice_of / wiggler.length
    return wiggler.with_values({"length": wiggler.slice_of, "slice_start": None, "slice_of": None, "n_period": periods})


def field_of(wiggler: Any) -> Field:
    """Return the periodic field; as in Bmad, kicks and multipoles are not there where fields are integrated."""
    return wiggler_field.HELICAL if wiggler.is_helical() else wiggler_field.PLANAR


def map_detour(wiggler: Wiggler, reference_in: Reference, xp: Any) -> Any:
    """Return by how much the way of the reference is longer in the field of a map [m]; a slice has its share of the whole's."""
    method = wiggler.tracking_method
    if not isinstance(method, KickDriftKick):
        return 0.0
    whole = _whole(wiggler)
    share = wiggler.length / whole.length
    if xp is scalar:
        nameless = whole.with_values({"name": "", "metadata": {}})
        return share * _known_detour(nameless, method, Reference(reference_in.species, reference_in.p0c))
    return share * _detour(whole, method, reference_in, xp)


def _detour(whole: Wiggler, method: KickDriftKick, reference: Reference, xp: Any) -> Any:
    number = number_of_steps(whole, method, reference)
    body = cartesian_kicks.body(whole, number, method.order, None, paraxial=method.paraxial)
    return cartesian_kicks.detour(whole, body, reference, xp)


@lru_cache(maxsize=128)
def _known_detour(whole: Wiggler, method: KickDriftKick, reference: Reference) -> Any:
    """Return the same from plain numbers, which slices and repeated passes of the reference ask for again and again."""
    return _detour(whole, method, reference, scalar)


def steering(wiggler: Wiggler, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the kicks `hkick` and `vkick` alone."""
    cosine, sine = wiggler.kick_axes(xp)
    hkick, vkick = wiggler.hkick, wiggler.vkick
    return {0: (vkick * cosine - hkick * sine, -hkick * cosine - vkick * sine)}


# -------------------------------------------------------------------- methods


def count(wiggler: Wiggler, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, where something kicks."""
    return steps.given(method, wiggler.length) or max(1, steps.nearest(STEPS_PER_PERIOD * periods(wiggler)))


def count_slices(wiggler: Wiggler, method: KickDriftKick, reference: Reference | None) -> int:
    """Return the number of steps through the field: those asked for, or as many as its periods need."""
    if wiggler.field_maps:
        return number_of_steps(wiggler, method, reference)
    return max(number_of_steps(wiggler, method, reference), steps.nearest(STEPS_PER_PERIOD * periods(wiggler)))


def count_integrated(wiggler: Wiggler, method: RungeKutta, reference: Reference | None) -> int:
    """Return the number of steps that are integrated: those asked for, or as many as the periods need."""
    number = runge_kutta.count(wiggler, method, reference)
    if method.num_steps is not None or method.ds_step is not None:
        return number
    return max(number, steps.nearest(2 * STEPS_PER_PERIOD * periods(wiggler)))  # particles may be slow


def periods(wiggler: Wiggler) -> float:
    """Return the number of periods as a plain number."""
    if not is_zero(wiggler.l_period):
        return abs(steps.number(wiggler.length / wiggler.l_period))
    return abs(steps.number(wiggler.n_period))  # zero where there is none


def bmad_standard(wiggler: Wiggler, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: mean focusing between cubic kicks, which count twice inside; `hkick` and `vkick` count twice, too."""
    if wiggler.field_maps:
        raise MethodError(
            f"{wiggler.label}: bmad_standard passes over field maps, and there is nothing else; use kick_drift_kick"
        )
    if not wiggler.is_on:
        return drift.switched_off(wiggler)
    kick = kicks(Wiggler.strengths, orders(wiggler))
    if kick is None:
        return (Step((cubic(1.0), part(1.0), cubic(1.0), LAG)),)
    again = kicks(steering, [0] if _steers(wiggler) else [])
    outside = (again(0.5),) if again else ()
    half, whole, piece = kick(0.5 / number), kick(1.0 / number), part(1.0 / number)
    at_end = cubic(1.0 / number)
    return cycle((*outside, half, at_end), (piece, cubic(4.0 / number), whole), (piece, at_end, half, *outside, LAG), number)


def _steers(wiggler: Wiggler) -> bool:
    return not all(is_zero(getattr(wiggler, name)) for name in ("hkick", "vkick", "bl_hkick", "bl_vkick"))


def kick_drift_kick(wiggler: Wiggler, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Go through the field itself, and through kicks of multipoles."""
    if not wiggler.is_on:
        return drift.switched_off(wiggler)
    if wiggler.field_maps:
        return _through_map(wiggler, method, number)
    if is_zero(wiggler.b_max) and is_zero(wiggler.g_max):
        return body_kick_body(drift.part, kicks(Wiggler.strengths, orders(wiggler)), number, method.order)
    track = wiggler_field.helical if wiggler.is_helical() else wiggler_field.planar
    return wiggler_field.steps(track, detour, kicks(Wiggler.strengths, orders(wiggler)), number, method.order)


def _through_map(wiggler: Wiggler, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Go through the field of a cartesian map, and measure z from the reference at the end."""
    cartesian_kicks.check(wiggler, method.name)
    kick = kicks(Wiggler.strengths, orders(wiggler))

    def prepare(wiggler: Wiggler, reference_in: Reference, reference_out: Reference, xp: Any) -> cartesian_kicks.LagConstants:
        return cartesian_kicks.LagConstants(wiggler.length, map_detour(wiggler, reference_in, xp), drift.mass2(reference_in))

    *others, last = cartesian_kicks.body(wiggler, number, method.order, kick, paraxial=method.paraxial)
    return (*others, Step((*last.routines, Routine(track=cartesian_kicks.lag, prepare=prepare))))


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's mean motion, and the symplectic integrator in the field."""
    return {
        (Wiggler, "bmad_standard"): Composite(bmad_standard, count, lambda wiggler: bool(orders(wiggler)), reference=reference),
        (Wiggler, "kick_drift_kick"): Composite(kick_drift_kick, count_slices, reference=reference),
        (Wiggler, "runge_kutta"): runge_kutta.method(field_of, count=count_integrated, reference=reference),
    }
