"""Bmad's model of an accelerating cavity: kicks in energy, with drifts between them at the plateaus of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from caraval.core.arrays import is_number, is_zero
from caraval.core.methods import TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step

from ...drift import DriftConstants, drift, mass2, undo_length
from ...solenoid import SolenoidConstants, solenoid
from ..fields.rf_field import backward, gained, has_ends, lens, scaled
from ..multipoles import Kick, integrated, kick, kicks, normal_kick, orders, undo_kick
from . import lcavity_one_piece
from .cavity import check_frequency, coupler, divided, has_kick, kick_in_body
from .kicks import (
    Deflection,
    GainConstants,
    Lens,
    PonderomotiveConstants,
    deflect,
    focus,
    gain,
    negated,
    ponderomotive,
    undo_gain,
)
from .lcavity_plateaus import Window, known, plateau, stretch, weight, window

if TYPE_CHECKING:
    from ...lcavity import LCavity


def _seen_by(cavity: LCavity, step: int, xp: Any) -> tuple[Window, Any]:
    """Return the window, and one if kick `step` is in it, else zero, where that is not settled yet."""
    seen = window(cavity, xp)
    if is_number(seen.before_start) and is_number(seen.before_end):
        return seen, 1.0
    return seen, xp.where((seen.before_start <= step) & (step < seen.before_end), 1.0, 0.0)


def _kick(step: int) -> Routine:
    """Return kick `step` of ``0 ... n``, to the next plateau."""

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> GainConstants:
        seen, inside = _seen_by(cavity, step, xp)
        first, last = seen.before_start, seen.before_end
        ends = (xp.minimum(xp.maximum(1.0 * i, 1.0 * first), 1.0 * last) for i in (step, step + 1))
        before, after = (plateau(seen, reference_in, reference_out, end, xp) for end in ends)
        return gained(seen.whole.slipped(step), before, after, inside * weight(step, cavity.n_rf_steps), xp)

    return Routine(track=gain, prepare=prepare, undo=undo_gain)


def _edge(side: int) -> Routine:
    """Return the focusing at the entrance (``+1``) or the exit (``-1``) of the field."""

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Lens:
        step = 0 if side > 0 else cavity.n_rf_steps
        seen, inside = _seen_by(cavity, step, xp)
        here = plateau(seen, reference_in, reference_out, step if side > 0 else step + 1, xp)
        return lens(cavity.slipped(step), seen.part, side * inside, here, xp)

    return Routine(track=focus, prepare=prepare, undo=negated("focusing"))


def _coupler(side: int) -> Routine:
    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Deflection:
        step = 0 if side > 0 else cavity.n_rf_steps
        seen, inside = _seen_by(cavity, step, xp)
        here = plateau(seen, reference_in, reference_out, step if side > 0 else step + 1, xp)
        return coupler(cavity.slipped(step), inside, here, xp)

    return Routine(track=deflect, prepare=prepare, undo=negated("kick_x", "kick_y"))


def _ponderomotive(step: int, level: int) -> Routine:
    """Return the focusing at kick `step` while the reference is on a plateau."""

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> PonderomotiveConstants:
        seen, inside = _seen_by(cavity, step, xp)
        here = plateau(seen, reference_in, reference_out, level, xp)
        return PonderomotiveConstants(backward(seen.part, here) * inside / (2 * cavity.n_rf_steps))

    return Routine(track=ponderomotive, prepare=prepare, undo=negated("focusing"))


def _multipoles(step: int, level: int) -> Routine:
    """Return half of the multipoles at kick `step` while the reference is on a plateau."""

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Kick:
        seen, inside = _seen_by(cavity, step, xp)
        here = plateau(seen, reference_in, reference_out, level, xp)
        exit = plateau(seen, reference_in, reference_out, cavity.n_rf_steps + 1, xp)
        share = inside * 0.5 * weight(step, cavity.n_rf_steps) * exit.p0c / here.p0c
        return scaled(integrated(seen.whole, xp), max(orders(cavity)) + 1, share)

    return Routine(track=kick, prepare=prepare, undo=undo_kick)


def _half_kick(side: int) -> Routine:
    """Return half of the kicks at an end of the whole cavity, where Bmad adds them to what misaligns it."""

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Kick:
        seen = window(cavity, xp)
        is_end = seen.start <= 0 if side > 0 else seen.end >= seen.whole.length * (1 - 1e-12)
        skew, normal = kick_in_body(seen.whole, xp)
        return scaled({0: (skew, normal)}, 1, xp.where(is_end, 0.5, 0.0))

    return Routine(track=normal_kick, prepare=prepare, undo=undo_kick)


def _body(step: int, *, solenoidal: bool) -> Routine:
    """Return the way to kick `step`, or for ``n + 1`` that after the last."""

    def straight(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> DriftConstants:
        seen = window(cavity, xp)
        return DriftConstants(stretch(seen, step, xp), mass2(plateau(seen, reference_in, reference_out, step, xp)))

    def helix(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidConstants:
        seen = window(cavity, xp)
        here = plateau(seen, reference_in, reference_out, step, xp)
        exit = plateau(seen, reference_in, reference_out, cavity.n_rf_steps + 1, xp)
        return SolenoidConstants(stretch(seen, step, xp), cavity.ks * exit.p0c / here.p0c / 2, mass2(here))

    if solenoidal:
        return Routine(track=solenoid, prepare=helix, undo=undo_length)
    return Routine(track=drift, prepare=straight, undo=undo_length)


# -------------------------------------------------------------------- the sequence


def count(cavity: LCavity, method: TrackingMethod, reference: Reference | None) -> int:
    """Return into how many parts the former map divides a cavity: one, if the method does not say."""
    return divided(cavity, method, 1)


def _thin(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> GainConstants:
    """Prepare the one kick of a cavity without length."""
    return gained(cavity, reference_in, reference_out, 1.0, xp)


def bmad_standard(cavity: LCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: pipe, edge, kicks in energy with drifts between, edge, pipe; in a standing wave focusing at each drift."""
    if cavity.n_rf_steps == 0 and not is_zero(cavity.length):
        return lcavity_one_piece.bmad_standard(cavity, method, number)
    kicking = has_kick(cavity)
    before = (*check_frequency(cavity), *((_half_kick(+1),) if kicking else ()))
    after = (_half_kick(-1),) if kicking else ()
    if is_zero(cavity.length):
        half = kicks(integrated, orders(cavity))
        multipoles = (half(0.5),) if half else ()
        thin = Routine(track=gain, prepare=_thin, undo=undo_gain)
        return (Step((*before, *multipoles, thin, *multipoles, *after)),)
    inside = known(cavity)
    kicked = bool(orders(cavity))
    out = [Step(_at_kick(cavity, step, kicked=kicked)) for step in inside] or [Step()]
    out[0] = Step((*before, *out[0].routines))
    out[-1] = Step((*out[-1].routines, _body(inside.stop, solenoidal=cavity.has_solenoid()), *after))
    return out


def _at_kick(cavity: LCavity, step: int, *, kicked: bool) -> tuple[Routine, ...]:
    """Return the way to a kick in energy, and what is there, multipoles if there are any."""
    last = cavity.n_rf_steps
    entering, leaving = has_ends(cavity)
    coupled = not is_zero(cavity.coupler_strength)
    out = [_body(step, solenoidal=cavity.has_solenoid())]
    if step == 0 and entering:
        out += [_coupler(+1)] if coupled and cavity.coupler_at in ("entrance_end", "both_ends") else []
        out += [_edge(+1)]
    standing = cavity.cavity_type == "standing_wave"
    focuses = (standing and step > 0, standing and step < last)
    for level in (step, step + 1):
        out += [_ponderomotive(step, level)] if focuses[level - step] else []
        out += [_multipoles(step, level)] if kicked else []
        out += [_kick(step)] if level == step else []
    if step == last and leaving:
        out += [_edge(-1)]
        out += [_coupler(-1)] if coupled and cavity.coupler_at in ("exit_end", "both_ends") else []
    return tuple(out)
