"""What ``caraval track`` and ``caraval demo`` say: what is tracked, how far it is, what came out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from caraval.core import plan as planning
from caraval.core.arrays import is_zero
from caraval.core.beam import ParticleBeam
from caraval.core.lattice import Lattice
from caraval.core.reference import Reference
from caraval.core.registry import backend_of, registry
from caraval.physics.aperture import LIMITS
from caraval.plot.table import START, Along, element_labels

from .messages import console
from .tables import beam_table, count, grouped, quantity

LONG = 3e7
"""Particles times elements from which on one would like to see progress: seconds."""

SHOWN_LOSSES = 5
"""So many places of losses are named."""

PLACE_DIGITS = 6
"""Places that agree in so many decimals [m] are one."""

NARROW = 100
"""Columns of a window in which tables stand close."""

NEAR = 1e-5
"""An end of an element that is so near [m] to the place of a loss is that place."""


def line(text: str) -> None:
    """Print text."""
    console().print(text, markup=False)


def heading(lattice: Lattice) -> str:
    """Return in one line what a lattice is."""
    parts = [lattice.name or "lattice", count(len(lattice), "element"), quantity(float(lattice.length), "m")]
    if lattice.reference is not None:
        parts.append(f"{lattice.reference.species.name}, {energies(lattice)}")
    return ", ".join(parts)


def energies(lattice: Lattice) -> str:
    """Return the reference energies at both ends, or the one."""
    start, end = ends(lattice)
    texts = [quantity(float(reference.energy), "eV") for reference in (start, end)]
    return " to ".join(dict.fromkeys(texts))


def ends(lattice: Lattice) -> tuple[Reference, Reference]:
    """Return the reference at the start and at the end of a lattice that has one."""
    assert lattice.reference is not None
    references = planning.reference_pass(registry(), lattice.elements, lattice.reference)
    return references[0], references[-1]


def title(lattice: Lattice, beam: ParticleBeam) -> str:
    """Return the title of a plot."""
    return f"{lattice.name or 'lattice'}: {count(len(beam), beam.species.name)}"


def rows(table: Along, places: Iterable[int], *, every: bool = False) -> None:
    """Print the statistics at the start, at some places, and at the end; or every row."""
    narrow = console().width < NARROW
    if every:
        console(whole=True).print(beam_table(table, [str(name) for name in table.name], narrow=narrow))
        return
    end = int(table.place[-1])
    wanted = {START, end, *places}
    part = table.rows(np.isin(table.place, list(wanted)))
    names = [str(name) for name in part.name]
    if end not in places:
        names[-1] = "end"
    console(whole=True).print(beam_table(part, names, narrow=narrow))


def speed(lattice: Lattice, beam: ParticleBeam, seconds: float, *, compiled: bool = False, turns: int = 1) -> str:
    """Return how fast a beam was tracked."""
    rate = quantity(len(beam) * len(lattice) * turns / seconds, "", 3)
    precision = str(beam.dtype).rpartition(".")[2]
    round_ = f", {count(turns, 'turn')}," if turns > 1 else ""
    passed = f"{count(len(beam), 'particle')} through {count(len(lattice), 'element')}{round_}"
    what = f"tracked {passed} in {quantity(seconds, 's', 3)}"
    how = f"on {beam.backend} ({precision}){', compilation included' if compiled else ''}"
    return f"{what} {how}: {rate} particle-elements per second"


def losses(beam: ParticleBeam, lattice: Lattice) -> None:
    """Print how many particles were lost, and where most of them."""
    backend = backend_of(beam.x)
    where = backend.to_numpy(beam.lost_s)[~backend.to_numpy(beam.alive)]
    if not where.size:
        return
    places, counts = np.unique(where.round(PLACE_DIGITS), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:SHOWN_LOSSES]
    named = [f"{grouped(n)} {where_}" for n, where_ in zip(counts[most], _named(lattice, beam, places[most]), strict=True)]
    rest = ", ..." if len(places) > len(most) else ""
    turns = backend.to_numpy(beam.lost_turn)[~backend.to_numpy(beam.alive)]
    when = f" in turns {turns.min():.0f} to {turns.max():.0f}" if turns.max() > 1 else ""
    line(f"lost {grouped(where.size)} of {count(len(beam), 'particle')}{when}: {', '.join(named)}{rest}")


def _named(lattice: Lattice, beam: ParticleBeam, places: np.ndarray) -> Iterator[str]:
    """Yield the places of losses with the elements there, preferably those with an aperture."""
    labels = element_labels(lattice)
    edges = np.cumsum([0.0, *(float(element.length) for element in lattice)])
    edges += float(beam.s) - edges[-1]
    limited = np.array([any(not is_zero(getattr(element, name)) for name in LIMITS) for element in lattice])
    for s in places:
        touches = (np.abs(edges[1:] - s) < NEAR) | (np.abs(edges[:-1] - s) < NEAR)
        found = [*np.flatnonzero(touches & limited), *np.flatnonzero(touches)]
        yield f"at {labels[found[0]]} ({s:.2f} m)" if found else f"at {s:.2f} m"


@contextmanager
def progress(
    lattice: Lattice, beam: ParticleBeam, *, compiled: bool, turns: int = 1
) -> Iterator[Callable[[int, int], None] | None]:
    """Show progress on a terminal, if the work is long; yields what is to be told of it, or None.

    JAX and compiled trackers run a turn as one program: looking in between would make them compile several, so there is a sign
    of life and no bar in a single one.
    """
    if not sys.stderr.isatty() or len(beam) * len(lattice) * turns < LONG:
        yield None
    elif turns == 1 and (compiled or beam.backend == "jax"):
        with console(stderr=True).status("compiling and tracking" if compiled else "tracking"):
            yield None
    else:
        columns = (TextColumn("tracking"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console(stderr=True), transient=True) as bar:
            task = bar.add_task("tracking", total=len(lattice) if turns == 1 else turns)
            yield lambda passed, total: bar.update(task, completed=passed, total=total)


@contextmanager
def scanning() -> Iterator[Callable[[int, int], None] | None]:
    """Show on a terminal how many settings are done; yields what is to be told of it, or None."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("scanning"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("scanning", total=None)
        yield lambda passed, total: bar.update(task, completed=passed, total=total)
