"""Taking particles along a plan, once or turn after turn."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from .arrays import as_index, is_number, stack
from .beam import ParticleBeam, beam_from
from .coordinates import Coordinates
from .errors import InputError
from .loss import ALIVE, LOST_BEFORE, sane
from .plan import Act, Prepared
from .reference import Reference
from .routine import name_of
from .rows import Row, map_row

Keep = Callable[[Any], Any]
"""What to keep of a beam that is looked at."""

Looks = list[tuple[int, Any]]


def everything(beam: Any) -> Any:
    """Keep the beam itself."""
    return beam


class Leg(NamedTuple):
    """Rows that follow each other.

    Attributes
    ----------
    rows : list of Row
    first : int
        Number of the first row's stage.
    then : Act or int, optional
        What acts on the bunch behind them, or the element after which it is looked at; nothing, if the line ends there.
    """

    rows: list[Row]
    first: int
    then: Act | int | None


class Course:
    """A prepared plan made ready once for all beams like one: of its library, precision and shape.

    Parameters
    ----------
    prepared : Prepared
    like : ParticleBeam
    backend : Backend
        Runs the rows, eagerly or compiled.
    """

    def __init__(self, prepared: Prepared, like: ParticleBeam, backend: Any) -> None:
        self.prepared, self.backend = prepared, backend
        self.legs = list(self._legs((like.x.dtype, device(like.x))))

    def _legs(self, kind: tuple[Any, Any]) -> Any:
        cast: dict[int, Row] = {}
        rows: list[Row] = []
        first = 1
        for number, stage in enumerate(self.prepared.stages, 1):
            if isinstance(stage, (int, Act)):
                yield Leg(rows, first, stage)
                rows, first = [], number + 1
                continue
            if id(stage) not in cast:
                cast[id(stage)] = self.backend.cast(stage if isinstance(stage, Row) else map_row(stage), *kind)
            rows.append(cast[id(stage)])
        yield Leg(rows, first, None)

    # ---------------------------------------------------------------- going along it

    def track(self, beam: ParticleBeam, keep: Keep = everything, turn: int = 1) -> tuple[ParticleBeam, Looks]:
        """Return a beam after the line, and what was kept of it on the way.

        Parameters
        ----------
        beam : ParticleBeam
        keep : callable
            What to keep of a beam that is looked at.
        turn : int
            Its number, counted from one.
        """
        q, lost = beam.coordinates, self._start(beam)
        looks: Looks = []
        for leg in self.legs:
            q, lost = self.backend.run(leg.rows, q, lost, leg.first)
            if isinstance(leg.then, Act):
                q = self._act(leg.then, beam, q, lost)
            elif leg.then is not None:
                looks.append((leg.then, keep(self._beam(beam, q, lost, leg.then + 1, turn))))
        return self._beam(beam, q, lost, -1, turn), looks

    def round(self, beam: ParticleBeam, turns: int, done: int = 0) -> ParticleBeam:
        """Return a beam after several turns along a line on which nothing looks or acts; so many were done before."""
        (leg,) = self.legs
        q, lost, turn = self.backend.run_turns(leg.rows, beam.coordinates, self._start(beam), turns)
        return self._beam(beam, q, lost, -1, done + (1 if turn is None else turn))

    # ---------------------------------------------------------------- between beams and states

    def _start(self, beam: ParticleBeam) -> Any:
        """Return the stages of loss at the start; None if all are known to be alive and fit to go."""
        xp = array_namespace(beam.x)

        def test(alive: Any, *q: Any) -> tuple[Any]:
            return (alive & sane(Coordinates(*q), xp),)

        (going,) = self.backend.elementwise(test, beam.alive, *beam.coordinates)
        if self.backend.all_true(going):
            return None
        stopped = xp.where(beam.alive, xp.zeros_like(beam.x), xp.full_like(beam.x, LOST_BEFORE))
        return xp.where(going, xp.full_like(beam.x, ALIVE), stopped)

    def _act(self, act: Act, beam: ParticleBeam, q: Coordinates, lost: Any) -> Coordinates:
        """Return what an effect of the whole bunch makes of the coordinates; of the lost it sees nothing."""
        xp, spread = _spreading(q, lost)
        q = Coordinates(*map(spread, q))
        charge, alive, there = spread(beam.charge), spread(beam.alive), q
        if lost is not None:
            alive = spread(lost == ALIVE)
            there = Coordinates(*(xp.where(alive, a, xp.zeros_like(a)) for a in q))
            charge = xp.where(alive, charge, xp.zeros_like(charge))
        reference = self._reference(act.place, beam)
        bunch = beam_from(there, reference, charge, alive, spread(beam.lost_s), spread(beam.lost_turn))
        after = self.backend.act(act.effect.track, act.constants, bunch)
        if not isinstance(after, Coordinates):
            raise InputError(
                f"the collective effect {name_of(act.effect.track)} returned {type(after).__name__}, not coordinates: "
                "return beam.coordinates._replace(px=...)"
            )
        if lost is None:
            return Coordinates(*after)
        return Coordinates(*(xp.where(alive, a, b) for a, b in zip(after, q, strict=True)))

    def _beam(self, beam: ParticleBeam, q: Coordinates, lost: Any, index: int, turn: Any) -> ParticleBeam:
        """Return the beam of a state; `turn` is that of the losses, which are the beam's own where they came before."""
        xp, spread = _spreading(q, lost)
        q = Coordinates(*map(spread, q))
        charge, reference = spread(beam.charge), self._reference(index, beam)
        if lost is None:
            return beam_from(q, reference, charge, *map(spread, (beam.alive, beam.lost_s, beam.lost_turn)))

        def found(lost: Any, lost_s: Any, lost_turn: Any, turn: Any = turn) -> tuple[Any, Any, Any]:
            alive, before = lost == ALIVE, lost == LOST_BEFORE
            lost_s = xp.where(before, lost_s, self._places(lost))
            lost_turn = xp.where(before, lost_turn, turn + xp.zeros_like(lost))
            return alive, xp.where(alive, lost, lost_s), xp.where(alive, lost, lost_turn)

        known = map(spread, (lost, beam.lost_s, beam.lost_turn))
        return beam_from(q, reference, charge, *self.backend.elementwise(found, *known, *(() if is_number(turn) else (turn,))))

    def _places(self, lost: Any) -> Any:
        """Return where particles were lost [m], from the stages."""
        xp = array_namespace(lost)
        table = self.backend.asarray(self._ends, dtype=lost.dtype, device=device(lost))
        here = (lost != ALIVE) & (lost != LOST_BEFORE)
        index = as_index(xp.where(here, lost, xp.zeros_like(lost)), xp)
        return xp.take_along_axis(xp.broadcast_to(table, (*lost.shape[:-1], table.shape[-1])), index, axis=-1)

    @cached_property
    def _ends(self) -> Any:
        """Where a particle is lost that fails in a stage [m]; first of all, at the start."""
        references = self.prepared.references
        ends = [r.s for pair in pairwise(references) for r in pair]
        return stack([ends[0], *(ends[stage.place if isinstance(stage, Row) else 0] for stage in self.prepared.stages)])

    def _reference(self, index: int, beam: ParticleBeam) -> Reference:
        return on_backend(self.prepared.references[index], beam, self.backend)


def _spreading(q: Coordinates, lost: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the namespace of a state, and what spreads arrays to its shape."""
    xp = array_namespace(q.x)
    shape = np.broadcast_shapes(*(a.shape for a in q), () if lost is None else lost.shape)
    return xp, lambda array: xp.broadcast_to(array, shape)


def on_backend(reference: Reference, beam: Any, backend: Any) -> Reference:
    """Bring a reference that became NumPy arrays (batches of settings) to the beam's library."""

    def to(value: Any) -> Any:
        if is_number(value) or not isinstance(value, np.ndarray) or backend.name == "numpy":
            return value
        return backend.asarray(value, device=device(beam.x))

    return Reference.tree_unflatten(reference.species, [to(value) for value in (reference.p0c, reference.s, reference.t)])
