"""Statistics of a beam along a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, shape_of
from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.registry import backend_of
from caraval.core.tracking import Beam, first_array
from caraval.core.turns import ObserveTurns, Progress, watched

Column = np.ndarray[Any, np.dtype[Any]]

START = -1
"""The place before the first element."""

PROGRESS_STEPS = 100
"""How often at most progress is told where fewer places are observed."""


@dataclass(frozen=True, eq=False)
class Along:
    """Statistics of a beam along a line: NumPy arrays of one value per place.

    Attributes
    ----------
    beam : ParticleBeam or MomentBeam
        At the end.
    place : array of int
        Index of the element after which the beam was looked at; -1 at the start.
    name : array of str
        Of that element, with its occurrence where there are several (``"bpm##2"``); ``"start"``; ``"end"``.
    s : array
        [m]
    energy : array
        Total energy of the reference particle [eV].
    transmission : array
        Charge of the living over that of all.
    mean_x, mean_y : array
        [m]
    sigma_x, sigma_y, sigma_z : array
        Rms sizes [m]; NaN, like all that follow, where no particle is left.
    sigma_pz : array
        Rms relative momentum spread.
    covariance_x_px, covariance_y_py : array
        ``<x px>``, ``<y py>`` [m]: half of how fast the squares of the sizes change along s.
    normalized_emittance_x, normalized_emittance_y : array
        Projected [m rad].
    """

    beam: Any
    place: Column
    name: Column
    s: Column
    energy: Column
    transmission: Column
    mean_x: Column
    mean_y: Column
    sigma_x: Column
    sigma_y: Column
    sigma_z: Column
    sigma_pz: Column
    covariance_x_px: Column
    covariance_y_py: Column
    normalized_emittance_x: Column
    normalized_emittance_y: Column

    def __len__(self) -> int:
        return len(self.place)

    def rows(self, chosen: Any) -> Along:
        """Return the table of some rows only, chosen by a mask or by numbers."""
        return Along(self.beam, *(getattr(self, f.name)[chosen] for f in fields(self) if f.name != "beam"))


_PLAIN = (
    "mean_x", "mean_y", "sigma_x", "sigma_y", "sigma_z", "sigma_pz", "normalized_emittance_x", "normalized_emittance_y",
)  # fmt: skip
_COVARIANCES = {"covariance_x_px": (0, 1), "covariance_y_py": (2, 3)}


def along(
    lattice: Lattice,
    beam: Beam,
    observe: str | Sequence[str] = "all",
    *,
    reference: str = "lattice",
    compiled: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Along:
    """Track a beam and return its statistics along the line. The beams on the way are not kept.

    Parameters
    ----------
    lattice : Lattice
    beam : ParticleBeam or MomentBeam
        One beam, not a batch.
    observe : name, pattern, or sequence of them
        Elements after which to look at the beam, besides the start and the end; as in :meth:`Lattice.track`.
    reference : "lattice" or "beam"
        As in :meth:`Lattice.track`.
    compiled : bool
        Whether to compile for the beam's backend first, as :meth:`Lattice.compile` does.
    progress : callable, optional
        Told on the way ``(elements passed, number of elements)``.

    Raises
    ------
    InputError
        If the lattice or the beam is a batch.
    """
    check_single(lattice, beam)
    labels = element_labels(lattice)
    wanted = lattice.planner.keys(observe)
    stops = [*([observe] if isinstance(observe, str) else observe), *(_stops(lattice) if progress else ())]
    places = iter(sorted(lattice.planner.keys(stops)))
    rows = [_row(beam, START, "start")]

    def keep(passing: Beam) -> None:
        place = next(places)
        if place in wanted:
            rows.append(_row(passing, place, labels[place]))
        if progress is not None:
            progress(place + 1, len(lattice))

    out = _track(lattice, beam, stops, keep, reference, compiled)
    if len(lattice) - 1 not in wanted:
        rows.append(_row(out, len(lattice) - 1, "end"))
    return Along(out, **{name: np.array([row[name] for row in rows]) for name in rows[0]})


def turn_by_turn(
    lattice: Lattice,
    beam: Beam,
    turns: int,
    observe: str | Sequence[str] = (),
    *,
    observe_turns: ObserveTurns = None,
    reference: str = "lattice",
    compiled: bool = False,
    progress: Progress | None = None,
) -> Along:
    """Track a beam round a ring and return its statistics in some of the turns, with s counted on from turn to turn.

    Parameters
    ----------
    lattice, beam, reference, compiled
        As of :func:`along`.
    turns, observe_turns
        As of :meth:`Lattice.track`.
    observe : name, pattern, or sequence of them
        Elements after which to look at the beam; left out: the end of the turn.
    progress : callable, optional
        Told on the way ``(turns done, turns)``.

    Raises
    ------
    InputError
        If the lattice or the beam is a batch, or the reference momentum is not the same after a turn.
    """
    check_single(lattice, beam)
    labels = element_labels(lattice)
    places = sorted(lattice.planner.keys(observe))
    looks = product(watched(turns, observe_turns), places or [len(lattice) - 1])
    rows = [_row(beam, START, "start")]

    def keep(passing: Beam) -> None:
        turn, place = next(looks)
        row = _row(passing, place, f"{labels[place]}, turn {turn}" if places else f"turn {turn}")
        rows.append({**row, "s": row["s"] + (turn - 1) * number(lattice.length)})

    how = {"turns": turns, "observe_turns": observe_turns, "progress": progress}
    out = _track(lattice, beam, places or [-1], keep, reference, compiled, **how)
    return Along(out, **{name: np.array([row[name] for row in rows]) for name in rows[0]})


def _track(
    lattice: Lattice, beam: Beam, stops: Sequence[str | int], keep: Any, reference: Any, compiled: bool, **turns: Any
) -> Beam:
    if compiled:
        out, _ = lattice.compile(beam.backend, observe=stops)(beam, keep=keep, reference=reference, **turns)
    else:
        out, _ = lattice.track(beam, observe=stops, keep=keep, reference=reference, **turns)
    return out


def element_labels(lattice: Lattice) -> list[str]:
    """Return a name for every element that is its alone: ``"q1"``, ``"bpm##2"`` where there are several, ``"Drift#7"``."""
    counts = Counter(lattice.names)
    seen: Counter[str] = Counter()
    labels = []
    for i, element in enumerate(lattice):
        seen[element.name] += 1
        several = counts[element.name] > 1
        number = f"##{seen[element.name]}" if several else ""
        labels.append(f"{element.name}{number}" if element.name else f"{element.kind}#{i}")
    return labels


def _stops(lattice: Lattice) -> list[int]:
    """Return places at which to tell progress; few, as every stop keeps linear maps from being merged."""
    step = max(1, len(lattice) // PROGRESS_STEPS)
    return list(range(step - 1, len(lattice), step))


def _row(beam: Beam, place: int, name: str) -> dict[str, Any]:
    """Return the values of all columns at a place."""
    reference = beam.reference
    transmission = number(beam.transmission) if isinstance(beam, ParticleBeam) else 1.0
    row = {
        "place": place, "name": name, "s": number(reference.s), "energy": number(reference.energy),
        "transmission": transmission,
    }  # fmt: skip
    if not transmission > 0:
        return {**row, **dict.fromkeys((*_PLAIN, *_COVARIANCES), float("nan"))}
    moments = (beam.to_moments() if isinstance(beam, ParticleBeam) else beam).to("numpy", dtype="float64")
    values = {name: getattr(moments, name) for name in _PLAIN}
    values.update({name: moments.covariance_of(*pair) for name, pair in _COVARIANCES.items()})
    return {**row, **{name: float(value) for name, value in values.items()}}


def number(value: Any) -> float:
    """Return a number, or an array of one, as a plain number."""
    return float(value if is_number(value) else backend_of(value).to_numpy(value))


def check_single(lattice: Lattice, beam: Beam | None = None) -> None:
    """Check that neither a lattice nor a beam is a batch.

    Raises
    ------
    InputError
        If one is.
    """
    values = [(f"{e.label}: {name}", value) for e in lattice for name, value in e.parameters.items()]
    if lattice.reference is not None:
        values.append(("the lattice's p0c", lattice.reference.p0c))
    for what, value in values:
        if value is not None and shape_of(value) != ():
            raise InputError(
                f"{what} is a batch of shape {shape_of(value)}; a table or a drawing along the line is of one lattice, "
                "so take one of its settings"
            )
    first = None if beam is None else first_array(beam)
    if first is not None and len(first.shape) > 1:
        raise InputError(
            f"the beam is a batch of shape {tuple(first.shape[:-1])}; a table or a drawing along the line is of one beam"
        )
