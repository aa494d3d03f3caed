"""Turn after turn through a ring: the plan and its numbers are made once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .beam import ParticleBeam, beam_from
from .errors import InputError
from .moments import MomentBeam, moments_from
from .particles import Course, Keep, Looks
from .plan import Prepared
from .planner import SAME_MOMENTUM
from .registry import value_of
from .tracking import Beam, track_moments

ObserveTurns = int | Sequence[int] | None

Progress = Callable[[int, int], None]

PORTIONS = 100
"""How often at most progress is told."""


def watched(turns: int, observe_turns: ObserveTurns) -> list[int]:
    """Return the turns to look at, counted from one.

    Parameters
    ----------
    turns : int
    observe_turns : int or sequence of int, optional
        Every so many turns, or these; all, if left out.

    Raises
    ------
    InputError
        If there are no such turns.
    """
    _check(turns, "turns")
    if observe_turns is None:
        return list(range(1, turns + 1))
    if isinstance(observe_turns, int):
        _check(observe_turns, "observe_turns")
        return list(range(observe_turns, turns + 1, observe_turns))
    chosen = sorted(set(observe_turns))
    if chosen and not (chosen[0] >= 1 and chosen[-1] <= turns):
        raise InputError(f"observe_turns must be between 1 and {turns}, the number of turns, not {chosen[0]} to {chosen[-1]}")
    return chosen


def _check(value: Any, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} must be a whole number of turns, at least 1, not {value!r}")


def track_turns(
    quiet: Prepared,
    watching: Prepared,
    beam: Beam,
    backend: Any,
    keep: Keep,
    turns: int,
    chosen: Sequence[int],
    progress: Progress | None = None,
) -> tuple[Any, Looks]:
    """Return a beam after many turns, and what was kept of it in some of them.

    Every turn has the reference of the first: z counts from a reference particle that goes round with the beam. The lost keep
    their place among the others.

    Parameters
    ----------
    quiet, watching : Prepared
        The plan without looks, whose maps are merged, and with them.
    beam : ParticleBeam or MomentBeam
    backend : Backend
    keep : callable
        What to keep of a beam that is looked at.
    turns : int
    chosen : sequence of int
        The turns to look at, in order.
    progress : callable, optional
        Told on the way ``(turns done, turns)``.

    Raises
    ------
    InputError
        If the reference momentum is not the same after a turn.
    """
    _check(turns, "turns")
    _check_closes(quiet)
    if isinstance(beam, ParticleBeam):
        go, look = _of_particles(quiet, watching, beam, backend, keep, turns)
    else:
        go, look = _of_moments(quiet, watching, backend, keep)
    most = turns if progress is None else max(1, turns // PORTIONS)
    looks: Looks = []
    done = 0
    for turn in (*chosen, turns + 1):
        while done < turn - 1:
            number = min(most, turn - 1 - done)
            beam = go(_at(quiet, beam), number, done)
            done += number
            if progress is not None:
                progress(done, turns)
        if turn <= turns:
            beam, seen = look(_at(quiet, beam), turn)
            looks += seen
            done = turn
            if progress is not None and (done % most == 0 or done == turns):
                progress(done, turns)
    return beam, looks


Go = Callable[[Any, int, int], Any]
"""``(beam, turns, turns before) -> beam``."""

Look = Callable[[Any, int], tuple[Any, Looks]]
"""``(beam, turn) -> (beam, looks)``."""


def _of_particles(
    quiet: Prepared, watching: Prepared, beam: ParticleBeam, backend: Any, keep: Keep, turns: int
) -> tuple[Go, Look]:
    """Return what takes particles round, and what looks at them while they go."""
    backend = backend.for_turns(math.prod(beam.x.shape), len(quiet.stages) * turns)
    away, past = Course(quiet, beam, backend), Course(watching, beam, backend)

    def go(beam: ParticleBeam, number: int, done: int) -> ParticleBeam:
        if not quiet.is_collective():
            return away.round(beam, number, done)
        for turn in range(done + 1, done + number + 1):
            beam, _ = away.track(_at(quiet, beam), turn=turn)
        return beam

    return go, lambda beam, turn: past.track(beam, keep, turn)


def _of_moments(quiet: Prepared, watching: Prepared, backend: Any, keep: Keep) -> tuple[Go, Look]:
    """Return the same for moments."""

    def go(beam: MomentBeam, number: int, done: int) -> MomentBeam:
        for _ in range(number):
            beam, _ = track_moments(quiet, _at(quiet, beam), backend)
        return beam

    return go, lambda beam, turn: track_moments(watching, beam, backend, keep)


def _at(prepared: Prepared, beam: Any) -> Any:
    """Return a beam at the start of a turn."""
    reference = prepared.references[0]
    if isinstance(beam, ParticleBeam):
        return beam_from(beam.coordinates, reference, beam.charge, beam.alive, beam.lost_s, beam.lost_turn)
    return moments_from(beam.mean, beam.covariance, reference, beam.charge)


def _check_closes(prepared: Prepared) -> None:
    before, after = (value_of(prepared.references[place].p0c) for place in (0, -1))
    if before is None or after is None:
        return
    if np.any(np.abs(np.asarray(after) - before) > SAME_MOMENTUM * np.abs(before)):
        raise InputError(
            f"p0c is {before} eV at the start and {after} eV after a turn; several turns need a line that keeps it"
        )
