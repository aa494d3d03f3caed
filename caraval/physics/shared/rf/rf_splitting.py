"""The symplectic integrator of cavities.

The field model is that of Rosenzweig and Serafini (Phys. Rev. E 49, 1599), averaged over cells. There is a wave that goes with
an ideal particle, whose energy rises steadily, and that grows off the axis as Maxwell's equations ask (:func:`.rf.wave`); in a
standing wave the backward wave focuses with ``G^2 (x^2 + y^2) / (16 P)``; and where the field begins and ends there is a lens
of half its gradient, but none in a cavity without length. Each of these is a Hamiltonian of its own that is solved exactly,
beside that of the drift, or the helix in a solenoid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.methods import KickDriftKick
from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step

from ... import drift
from ...solenoid import SolenoidConstants, solenoid
from ..fields.rf_field import backward, gained, has_ends, lens, scaled
from ..integrator import WEIGHTS, Chain
from ..multipoles import Kick, integrated, kick, orders, undo_kick
from .cavity import COUPLER, check_frequency, coupler, has_coupler
from .kicks import (
    Deflection,
    Delay,
    Lens,
    PonderomotiveConstants,
    Rescaling,
    WaveConstants,
    deflect,
    delay,
    focus,
    negated,
    ponderomotive,
    rescale,
    undo_rescaling,
    undo_wave,
    wave,
)
from .rf_ideal import Sight, between, is_settled

Momentum = Callable[[Sight, Reference, Reference], Reference]
"""Of a reference by whose momentum others are measured, between those at the ends of the slice."""


def _way(cavity: Any, seen: Callable[[Sight], tuple[Any, Reference]]) -> Routine:
    """Return the way of a length at a reference momentum, along a helix if there is a solenoid."""

    def straight(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> drift.DriftConstants:
        length, here = seen(Sight(cavity, reference_in, xp))
        return drift.DriftConstants(length, drift.mass2(here))

    def helix(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidConstants:
        sight = Sight(cavity, reference_in, xp)
        length, here = seen(sight)
        return SolenoidConstants(length, cavity.ks * sight.ideal(1.0).p0c / here.p0c / 2, drift.mass2(here))

    if cavity.has_solenoid():
        return Routine(track=solenoid, prepare=helix, undo=drift.undo_length)
    return Routine(track=drift.drift, prepare=straight, undo=drift.undo_length)


def _before_field(sight: Sight) -> tuple[Any, Reference]:
    length = sight.xp.minimum(1.0 * sight.end, 1.0 * sight.part.pipe) - sight.start
    return sight.xp.maximum(length, 0.0), sight.along(0.0)


def _after_field(sight: Sight) -> tuple[Any, Reference]:
    length = sight.end - sight.xp.maximum(1.0 * sight.start, 1.0 * (sight.part.pipe + sight.part.length))
    return sight.xp.maximum(length, 0.0), sight.along(1.0)


def _in_field(begin: float, end: float) -> Callable[[Sight], tuple[Any, Reference]]:
    def seen(sight: Sight) -> tuple[Any, Reference]:
        return (end - begin) * sight.share * sight.part.length, between(sight.along(begin), sight.along(end))

    return seen


def _gain(before: float, here: float, after: float, weight: float) -> Routine:
    """Return the gain of energy with a weight, at a share of the field between those of the neighbouring gains."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> WaveConstants:
        sight = Sight(cavity, reference_in, xp)
        ideal = sight.along(here)
        ends = between(sight.along(before), ideal), between(ideal, sight.along(after))
        slow = drift.mass2(ideal) * sight.part.wave_number  # k / (beta gamma)^2
        on_axis = gained(sight.whole, *ends, weight * sight.share, xp)
        return WaveConstants(on_axis, 0.25 * slow * sight.part.wave_number, 0.5 * slow)

    return Routine(track=wave, prepare=prepare, undo=undo_wave)


def _backward(begin: float, end: float, weight: float) -> Routine:
    """Return the focusing of the backward wave with a weight, at the momentum between two shares of the field."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> PonderomotiveConstants:
        sight = Sight(cavity, reference_in, xp)
        here = between(sight.along(begin), sight.along(end))
        return PonderomotiveConstants(weight * sight.share * backward(sight.part, here))

    return Routine(track=ponderomotive, prepare=prepare, undo=negated("focusing"))


def _multipoles(begin: float, end: float, weight: float) -> Routine:
    """Return the multipoles with a weight, at the momentum between two shares of the field."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Kick:
        sight = Sight(cavity, reference_in, xp)
        here = between(sight.along(begin), sight.along(end))
        weight_here = weight * sight.share * sight.ideal(1.0).p0c / here.p0c
        return scaled(integrated(sight.whole, xp), max(orders(cavity)) + 1, weight_here)

    return Routine(track=kick, prepare=prepare, undo=undo_kick)


def _lens(side: int) -> Routine:
    """Return the lens where the field begins (``+1``) or ends (``-1``)."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Lens:
        sight = Sight(cavity, reference_in, xp)
        there, here = (sight.begins, sight.along(0.0)) if side > 0 else (sight.ends, sight.along(1.0))
        return lens(sight.whole, sight.part, side * there, here, xp)

    return Routine(track=focus, prepare=prepare, undo=negated("focusing"))


def _coupler(side: int) -> Routine:
    """Return the coupler of an accelerating cavity, where its field begins or ends."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Deflection:
        sight = Sight(cavity, reference_in, xp)
        there, here = (sight.begins, sight.along(0.0)) if side > 0 else (sight.ends, sight.along(1.0))
        return coupler(cavity, there, here, xp)

    return Routine(track=deflect, prepare=prepare, undo=negated("kick_x", "kick_y"))


def _rescaled(before: Momentum, after: Momentum) -> Routine:
    """Return the change from one reference momentum to another."""

    def prepare(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Rescaling:
        sight = Sight(cavity, reference_in, xp)
        old, new = (of(sight, reference_in, reference_out).p0c for of in (before, after))
        return Rescaling(old / new, (old - new) / new)

    return Routine(track=rescale, prepare=prepare, undo=undo_rescaling)


def _given_in(sight: Sight, reference_in: Reference, reference_out: Reference) -> Reference:
    return reference_in


def _given_out(sight: Sight, reference_in: Reference, reference_out: Reference) -> Reference:
    return reference_out


def _ideal(share: float, other: float) -> Momentum:
    return lambda sight, reference_in, reference_out: between(sight.along(share), sight.along(other))


def _to_ideal(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Delay:
    sight = Sight(cavity, reference_in, xp)
    return Delay(sight.behind(sight.start, sight.first), drift.mass2(reference_in))


def _from_ideal(cavity: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Delay:
    sight = Sight(cavity, reference_in, xp)
    return Delay(-sight.behind(sight.end, sight.last), drift.mass2(reference_out))


# -------------------------------------------------------------------- steps


def schedule(steps: int, order: int) -> list[tuple[float, float]]:
    """Return places and weights of the kicks: each in the middle of its share of the length, which may be negative."""
    found, passed = [], 0.0
    for _ in range(steps):
        for weight in WEIGHTS[order]:
            found.append((passed + 0.5 * weight / steps, weight / steps))
            passed += weight / steps
    return found


def _in_steps(cavity: Any, kicks: Sequence[tuple[float, float]]) -> list[Step]:
    """Return the way along the field, with what acts on it at the places of the kicks."""
    places = [0.0, *(place for place, _ in kicks), 1.0]
    standing = cavity.cavity_type == "standing_wave"
    out = []
    for i, (place, weight) in enumerate(kicks):
        before, after = places[i], places[i + 2]
        chain = [_way(cavity, _in_field(before, place))]
        chain += [_backward(before, place, 0.5 * weight)] if standing else []
        chain += [_gain(before, place, after, weight)]
        chain += [_backward(place, after, 0.5 * weight)] if standing else []
        chain += [_multipoles(place, after, weight)] if orders(cavity) else []
        out.append(Step(tuple(chain)))
    last = _way(cavity, _in_field(places[-2], 1.0))
    return [*out[:-1], Step((*out[-1].routines, last))]


def _ends(cavity: Any, settled: Sight | None) -> tuple[Chain, Chain]:
    """Return what is where the field begins and ends, if it may begin and end in the slice."""
    chains = []
    for side, has in zip((+1, -1), has_ends(cavity), strict=True):
        here = settled is None or (settled.begins if side > 0 else settled.ends) != 0
        end = "entrance_end" if side > 0 else "exit_end"
        coupled = (_coupler(side),) if cavity.couplers_at_field and has_coupler(cavity, end) else ()
        both = (*coupled, _lens(side)) if cavity.cavity_type != "ptc_standard" else coupled
        chains.append(both[::side] if has and here else ())
    return chains[0], chains[1]


def kick_drift_kick(cavity: Any, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Pipe, lens, field, lens, pipe, measured against the ideal particle."""
    at_faces = not cavity.couplers_at_field
    before = (*check_frequency(cavity), *((COUPLER,) if at_faces and has_coupler(cavity, "entrance_end") else ()))
    after = (COUPLER,) if at_faces and has_coupler(cavity, "exit_end") else ()
    is_slice = cavity.slice_of is not None
    settled = Sight(cavity, None, scalar) if is_slice and is_settled(cavity) else None
    kicks = schedule(number, method.order)
    rises = not is_zero(cavity.gain)
    enters, leaves = _ends(cavity, settled)
    entrance, exit = (*before, _way(cavity, _before_field), *enters), (*leaves, _way(cavity, _after_field), *after)
    if rises:
        first, last = kicks[0][0], kicks[-1][0]
        begun = (Routine(track=delay, prepare=_to_ideal, undo=negated("length")), _rescaled(_given_in, _ideal(0.0, 0.0)))
        ended = (_rescaled(_ideal(1.0, 1.0), _given_out), Routine(track=delay, prepare=_from_ideal, undo=negated("length")))
        entrance = (*(begun if is_slice else ()), *entrance, _rescaled(_ideal(0.0, 0.0), _ideal(0.0, first)))
        exit = (_rescaled(_ideal(last, 1.0), _ideal(1.0, 1.0)), *exit, *ended)
    if settled is not None and is_zero(settled.share):
        return (Step((*entrance, *exit)),)
    out = _in_steps(cavity, kicks)
    out[0] = Step((*entrance, *out[0].routines))
    out[-1] = Step((*out[-1].routines, *exit))
    return out
