"""Accelerating cavities that the beam passes several times: the times for which their kicks are made, and how passes slip.

The field belongs to the cavity, not to the pass. Its times come from the whole: from the energy with which the beam comes
first, they are such that a reference particle that is kicked at its own arrival leaves with the design energy, and that they
are the same from either end (Bmad manual, "LCavity Tracking", "Multipass").
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi
from typing import TYPE_CHECKING, NamedTuple

from caraval.core import scalar
from caraval.core.reference import C_LIGHT, Reference

from ..fields.rf_field import Active, of_energy
from .lcavity_plateaus import plateau as at_plateau
from .lcavity_plateaus import weight, window

if TYPE_CHECKING:
    from ...lcavity import LCavity

NOTHING = 1e-2
"""Share of the voltage below which a gain is none, and all stays as it is for a single pass."""

PRECISION = 1e-12
"""How well times and energy fit in the end, relatively."""

TRIALS = 100
"""How often times and amplitude are corrected at most; a few are enough."""


class Timing(NamedTuple):
    """Factor on the field, and when after the arrival of the reference each kick is due [s]."""

    autoscale: float
    due: tuple[float, ...]


def timing(cavity: LCavity, reference: Reference) -> Timing:
    """Return the timing of a cavity that is passed several times, from the reference at its entrance in the first pass."""
    number, gain = cavity.n_rf_steps, float(cavity.gain)
    seen = window(cavity, scalar)
    exit = of_energy(reference, reference.energy + gain)
    due: list[float] = []
    time, factor = 0.0, 1.0
    for step in range(number + 1):
        time += _way(seen.part, step, number) / (C_LIGHT * float(at_plateau(seen, reference, exit, step, scalar).beta))
        due.append(time)
    if abs(gain) <= NOTHING * abs(cavity.voltage):
        return Timing(1.0, tuple(due))
    for _ in range(TRIALS):
        energy, _, total = _kicked(cavity, reference, factor, due)
        middle = [(total - due[step] - due[number - step]) / 2 for step in range(number + 1)]
        due = [time + change for time, change in zip(due, middle, strict=True)]
        factor *= gain / (energy - reference.energy)
        if abs(energy - exit.energy) <= PRECISION * abs(gain) and max(map(abs, middle)) <= PRECISION * total:
            break
    return Timing(factor, tuple(due))


def slips(cavity: LCavity, reference: Reference, timed: Timing) -> tuple[float, ...]:
    """Return how far the reference's phase is at each kick from that for which it is made [2 pi], in one pass."""
    _, arrivals, _ = _kicked(cavity, reference, timed.autoscale, timed.due)
    return tuple(cavity.rf_frequency * (there - due) for there, due in zip(arrivals, timed.due, strict=True))


def _kicked(cavity: LCavity, reference: Reference, factor: float, due: Sequence[float]) -> tuple[float, list[float], float]:
    """Return energy, arrival at each kick and total time [eV, s, s] of a reference particle that is kicked as it comes."""
    number, part = cavity.n_rf_steps, window(cavity, scalar).part
    energy, time, arrivals = reference.energy, 0.0, []
    for step in range(number + 1):
        time += _way(part, step, number) / (C_LIGHT * of_energy(reference, energy).beta)
        arrivals.append(time)
        phase = cavity.phi0 + cavity.phi0_multipass + cavity.rf_frequency * (time - due[step])
        energy += factor * cavity.voltage * weight(step, number) * cos(2 * pi * phase)
    return energy, arrivals, time + part.pipe / (C_LIGHT * of_energy(reference, energy).beta)


def _way(part: Active, step: int, number: int) -> float:
    """Return the way to a kick [m]."""
    return float(part.pipe if step == 0 else part.length / number)
