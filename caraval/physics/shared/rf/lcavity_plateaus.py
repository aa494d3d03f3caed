"""The reference in an accelerating cavity as Bmad has it: at plateaus of its energy, which rise with the kicks.

Kick `i` of ``0 ... n`` stands ``i / n`` along the active part, and before it the reference is on its plateau `i`: at the energy
of the entrance before kick 0, at that of the exit on plateau ``n + 1`` after kick `n`, and half a step's gain from these
next to them (Bmad manual, "LCavity Tracking"). A slice is a window on that sequence. In a cavity that is passed several
times, the reference is kicked as it comes: its phase slips against the times for which the kicks are made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_number
from caraval.core.reference import C_LIGHT, Reference

from ..fields.rf_field import Active, active, of_energy
from ..special import quotient
from . import lcavity_one_piece

if TYPE_CHECKING:
    from ...lcavity import LCavity

SAME_PLACE = 1e-9
"""Share of a step within which a cut is at a kick."""


class Window(NamedTuple):
    """What a slice sees: the whole cavity and its active part, first and last place [m], the kicks before each of these."""

    is_slice: bool
    whole: Any
    part: Active
    start: Any
    end: Any
    before_start: Any
    before_end: Any


def window(cavity: LCavity, xp: Any) -> Window:
    """Return where in the whole cavity a slice is."""
    whole = cavity.whole()
    part = active(whole, xp)
    if cavity.slice_of is None:
        return Window(False, whole, part, 0.0, cavity.length, 0, cavity.n_rf_steps + 1)
    start, end = cavity.slice_start, cavity.slice_start + cavity.length
    return Window(True, whole, part, start, end, *(_kicks_before(place, whole, part, xp) for place in (start, end)))


def _kicks_before(place: Any, whole: LCavity, part: Active, xp: Any) -> Any:
    """Return how many kicks come before a place; one at the place itself comes after it, but at the ends of the cavity."""
    number = whole.n_rf_steps
    step = part.length / number
    along = quotient(place - part.pipe, step, xp)
    nearest = xp.floor(along + 0.5)
    along = xp.where(xp.abs(along - nearest) < SAME_PLACE, 1.0 * nearest, along)
    found = xp.minimum(xp.maximum(-1.0 * xp.floor(-along), 0.0), number + 1.0)
    found = xp.where(step == 0, xp.where(place > part.pipe, number + 1.0, 0.0), found)
    found = xp.where(place >= whole.length * (1 - 1e-12), number + 1.0, found)
    return xp.where(place <= 0, 0.0, found)


def weight(step: int, number: int) -> float:
    """Return the share of the voltage in kick `step` of ``0 ... number``."""
    return (0.5 if step in (0, number) else 1.0) / number


def _share(plateau: Any, number: int, xp: Any) -> Any:
    """Return the share of the gain that the reference has at a plateau."""
    return xp.where(plateau > number, 1.0, xp.where(plateau < 1, 0.0, (plateau - 0.5) / number))


def risen(seen: Window, plateau: Any, xp: Any) -> Any:
    """Return how much energy the reference has gained in the whole cavity up to a plateau [eV]."""
    whole, number = seen.whole, seen.whole.n_rf_steps
    if not whole.slips:
        return _share(plateau, number, xp) * whole.gain
    inside = sum(xp.where(plateau > step, whole.gain_at(step), 0.0) for step in range(number + 1))
    return xp.where(plateau > number, whole.gain, inside)


def risen_at_start(seen: Window, xp: Any) -> Any:
    """Return how much energy the reference has gained where the slice begins [eV]."""
    return risen(seen, seen.before_start, xp)


def _at_plateau(seen: Window, reference_in: Reference, plateau: Any, xp: Any) -> Reference:
    return of_energy(reference_in, reference_in.energy + (risen(seen, plateau, xp) - risen_at_start(seen, xp)))


def plateau(seen: Window, reference_in: Reference, reference_out: Reference, step: int, xp: Any) -> Reference:
    """Return the reference at a plateau (zero: at the entrance, ``n + 1``: at the exit of the whole cavity)."""
    if is_number(seen.before_start) and step == seen.before_start:
        return reference_in
    if is_number(seen.before_end) and step == seen.before_end:
        return reference_out
    return _at_plateau(seen, reference_in, step, xp)


def whole_exit(cavity: LCavity, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit of the whole cavity."""
    return _at_plateau(window(cavity, xp), reference_in, cavity.n_rf_steps + 1, xp)


def stretch(seen: Window, step: int, xp: Any) -> Any:
    """Return the length before kick `step` that is in the window [m]: a pipe, if it is the first kick or there are no more."""
    start, length = _interval(seen, step)
    return _overlap(start, length, seen.start, seen.end, xp) if seen.is_slice else length


def _interval(seen: Window, step: int) -> tuple[Any, Any]:
    """Return where the way before kick `step` begins, and its length [m]."""
    part, number = seen.part, seen.whole.n_rf_steps
    if step == 0:
        return 0.0, part.pipe
    if step > number:
        return part.pipe + part.length, part.pipe
    return part.pipe + (step - 1) * part.length / number, part.length / number


def _overlap(start: Any, length: Any, first: Any, last: Any, xp: Any) -> Any:
    return xp.maximum(xp.minimum(1.0 * (start + length), 1.0 * last) - xp.maximum(1.0 * start, 1.0 * first), 0.0)


def elapsed(seen: Window, reference_in: Reference, place: Any, xp: Any) -> Any:
    """Return the reference's time from the entrance of the whole cavity to a place in it, as a length at the speed of light."""
    time = 0.0
    for step in range(seen.whole.n_rf_steps + 2):
        time = time + _overlap(*_interval(seen, step), 0.0, place, xp) / _at_plateau(seen, reference_in, step, xp).beta
    return time


def known(cavity: LCavity) -> range:
    """Return which kicks there may be in a slice."""
    deciding = (cavity.length, cavity.rf_frequency, cavity.slice_start, cavity.slice_of)
    if cavity.slice_of is None or not all(map(is_number, deciding)):
        return range(cavity.n_rf_steps + 1)
    seen = window(cavity, scalar)
    return range(int(seen.before_start), int(seen.before_end))


def reference(cavity: LCavity, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit: its energy has risen, and it was slower before."""
    if cavity.n_rf_steps == 0:
        return lcavity_one_piece.reference(cavity, reference_in)
    seen = window(cavity, xp)
    gained = risen(seen, seen.before_end, xp) - risen_at_start(seen, xp)
    out = reference_in.with_energy(reference_in.energy + gained)
    time, there = 0.0, known(cavity)
    for step in range(there.start, there.stop + 1):
        time = time + stretch(seen, step, xp) / plateau(seen, reference_in, out, step, xp).beta
    return replace(out, s=reference_in.s + cavity.length, t=reference_in.t + time / C_LIGHT)
