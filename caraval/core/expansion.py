"""Maps on the way: one pass of an orbit, with its derivatives, through a prepared plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .arrays import is_number, namespace
from .errors import InputError
from .jet import Jet, expansion, jet_namespace, lifted, seed
from .loss import ORBIT_LOST
from .maps import Entries
from .plan import Act, Prepared
from .responses import is_felt, response
from .rows import Row, map_row

Vector = tuple[Any, ...]
"""Six coordinates: plain numbers, arrays of settings, or jets of such."""


class Piece(NamedTuple):
    """What happens from one look to the next.

    Attributes
    ----------
    place : int
        The element after which it ends.
    matrix : 6 x 6 numbers
        Derivatives of the coordinates there by those at the look before.
    orbit : six numbers
        Where the orbit is at the end.
    """

    place: int
    matrix: Entries
    orbit: Vector


def pieces(prepared: Prepared, start: Sequence[Any], backend: Any) -> Iterator[Piece]:
    """Yield the maps between the looks of a plan, expanded about the orbit that begins at `start`.

    Parameters
    ----------
    prepared : Prepared
        For a single orbit (``particles=False``), ending with a look.
    start : six numbers
        Plain numbers, arrays of settings, or jets with one derivative; then the maps and the orbit are such jets, too.
    backend : Backend
        Of arrays, which may have a quicker way to run what is run again and again.

    Raises
    ------
    InputError
        If the orbit leaves the region where the routines have values, or something has no second derivatives on NumPy.
    """
    order = 2 if any(isinstance(value, Jet) for value in start) else 1
    xp = jet_namespace(_library(prepared, start, backend), order)
    orbit = tuple(start)
    ready: dict[int, _Ready] = {}
    known: dict[Any, tuple[Vector, Entries]] = {}
    for stages, place in stretches(prepared):
        for stage in stages:
            if id(stage) not in ready:
                ready[id(stage)] = _ready(stage, prepared, order, backend)
        rows = [ready[id(stage)] for stage in stages]
        key = (orbit, *(row.key for row in rows)) if all(map(is_number, orbit)) and all(row.key for row in rows) else None
        if key not in known or key is None:  # rings repeat what they are made of, and their orbits often do
            known[key] = expanded(_moved(rows, seeded(orbit), xp))
        orbit, matrix = known[key]
        yield Piece(place, matrix, orbit)


class _Ready(NamedTuple):
    """A stage made ready: its routines, with constants that go together with jets; what tells it from others, if numbers do."""

    tracks: Sequence[Callable[..., Any]]
    constants: tuple[Any, ...]
    key: Any


def _ready(stage: Any, prepared: Prepared, order: int, backend: Any) -> _Ready:
    if isinstance(stage, Act):
        return _Ready([lambda _, q, xp: response(stage, prepared, backend, q)], ((),), None)
    row = stage if isinstance(stage, Row) else map_row(stage, particles=False)
    tracks = [backend.program(track) for track in row.variant.tracks]
    return _Ready(tracks, tuple(lifted(c, order) for c in row.constants), (row.variant, row.values) if row.is_plain else None)


def rows_of(prepared: Prepared) -> list[list[Row]]:
    """Return the rows between looks, for a single orbit."""
    return [
        [stage if isinstance(stage, Row) else map_row(stage, particles=False) for stage in stages]
        for stages, _ in stretches(prepared)
    ]


def stretches(prepared: Prepared) -> Iterator[tuple[list[Any], int]]:
    """Yield what moves particles between looks, and the place of the look."""
    stages: list[Any] = []
    for stage in prepared.stages:
        if isinstance(stage, int):
            yield stages, stage
            stages = []
        elif not isinstance(stage, Act) or is_felt(stage):  # of what a bunch does to itself, a particle alone feels nothing
            stages.append(stage)


def _moved(rows: Sequence[_Ready], q: Any, xp: Any) -> Any:
    for row in rows:
        for track, constants in zip(row.tracks, row.constants, strict=False):
            try:
                q = track(constants, q, xp)
            except (ArithmeticError, ValueError) as error:
                raise InputError(ORBIT_LOST) from error
    return q


def seeded(orbit: Vector) -> Any:
    """Return coordinates that carry their derivatives by themselves, over whatever they are made of."""
    return seed(orbit)


def expanded(q: Any) -> tuple[Vector, Entries]:
    """Return values and derivatives of coordinates."""
    values, rows = expansion(q)
    return tuple(values), tuple(map(tuple, rows))


def _library(prepared: Prepared, start: Sequence[Any], backend: Any) -> Any:
    """Return the namespace of all numbers that come together."""
    stages = (stage for stage in prepared.stages if not isinstance(stage, (int, Act)))
    rows = (stage if isinstance(stage, Row) else map_row(stage, False) for stage in stages)
    inner = (value.value if isinstance(value, Jet) else value for value in start)
    slopes = (s for value in start if isinstance(value, Jet) for s in value.slopes if s is not None)
    made = [backend.asarray(0.0)] if any(map(is_felt, prepared.stages)) else []  # effects return arrays
    return namespace(*(v for row in rows if not row.is_plain for v in row.values if not is_number(v)), *inner, *slopes, *made)
