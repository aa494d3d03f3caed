"""Turn after turn through a ring: the plan and its numbers are made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tracking
from .arrays import is_number
from .beam import ParticleBeam, beam_from
from .errors import InputError
from .moments import moments_from
from .plan import Prepared
from .planner import SAME_MOMENTUM
from .registry import backend_of
from .tracking import Beam, Keep, Looks

ObserveTurns = int | Sequence[int] | None


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
    quiet: Prepared, watching: Prepared, beam: Beam, backend: Any, keep: Keep, turns: int, chosen: Sequence[int]
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

    Raises
    ------
    InputError
        If the reference momentum is not the same after a turn.
    """
    _check(turns, "turns")
    _check_closes(quiet)
    looks: Looks = []
    done = 0
    for turn in chosen:
        beam = _unwatched(quiet, beam, backend, turn - 1 - done)
        beam, more = tracking.track(watching, beam, backend, keep)
        looks += more
        done = turn
        if done < turns:
            beam = _at(quiet, beam)
    return _unwatched(quiet, beam, backend, turns - done, last=True), looks


def _unwatched(quiet: Prepared, beam: Beam, backend: Any, turns: int, *, last: bool = False) -> Beam:
    if turns == 0:
        return beam
    if isinstance(beam, ParticleBeam) and not quiet.is_collective():
        after: Beam = tracking.track_particles(quiet, beam, backend, turns=turns)[0]
    else:
        after = tracking.track(quiet, beam, backend)[0]
        for _ in range(turns - 1):
            after = tracking.track(quiet, _at(quiet, after), backend)[0]
    return after if last else _at(quiet, after)


def _at(prepared: Prepared, beam: Any) -> Any:
    """Return a beam at the start of the next turn."""
    reference = prepared.references[0]
    if isinstance(beam, ParticleBeam):
        return beam_from(beam.coordinates, reference, beam.charge, beam.alive, beam.lost_s)
    return moments_from(beam.mean, beam.covariance, reference, beam.charge)


def _check_closes(prepared: Prepared) -> None:
    before, after = (
        p if is_number(p) else backend_of(p).value(p) for p in (prepared.references[0].p0c, prepared.references[-1].p0c)
    )
    if before is None or after is None:
        return
    if np.any(np.abs(np.asarray(after) - before) > SAME_MOMENTUM * np.abs(before)):
        raise InputError(
            f"p0c is {before} eV at the start and {after} eV after a turn; several turns need a line that keeps it"
        )
