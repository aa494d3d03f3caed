"""What takes energy away for good, as the fixed change that it is to one orbit.

The optics of a ring that radiates are those of its magnets about the orbit that loses energy in them and gains it in cavities.
How the loss depends on the coordinates damps motion and is no part of them (as in Bmad; Xsuite calls it ``kick_as_co``).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from caraval.core.arrays import namespace
from caraval.core.coordinates import Coordinates
from caraval.core.errors import InputError
from caraval.core.expansion import seeded, stretches
from caraval.core.jet import Jet
from caraval.core.loss import ORBIT_LOST
from caraval.core.plan import Act, Filled, Prepared
from caraval.core.responses import response
from caraval.core.rows import Row, map_row, row_of


def change(c: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Add what is constant."""
    return Coordinates(*(value + more for value, more in zip(q, c, strict=True)))


def fixed_along(prepared: Prepared, orbit: Sequence[Any], backend: Any, flat: Prepared, off: Container[int] = ()) -> Prepared:
    """Return a plan that takes an orbit where another one does, with fixed changes in place of what dissipates.

    Parameters
    ----------
    prepared : Prepared
        Where the orbit goes; it looks at every element.
    orbit : six numbers
        At the start.
    backend : Backend
    flat : Prepared
        A plan with the same looks.
    off : container of int
        Elements that are those of that plan, with what is then missing as a fixed change behind them.
    """
    q = Coordinates(*orbit)
    stages: list[Filled] = []
    for place, ((whole, look), (other, _)) in enumerate(zip(stretches(prepared), stretches(flat), strict=True)):
        before = q
        own: list[Filled] = []
        for stage in whole:
            stage, q = _passed(stage, q, prepared, backend)
            own.append(stage)
        stages += [*(_brought(other, before, q, flat, backend) if place in off else own), look]
    return prepared._replace(stages=tuple(stages))


def _brought(stages: Sequence[Any], q: Coordinates, end: Coordinates, flat: Prepared, backend: Any) -> Iterator[Filled]:
    """Yield stages, and what brings an orbit from where they take it to where it is to be."""
    for stage in stages:
        stage, q = _passed(stage, q, flat, backend)
        yield stage
    missing = Coordinates(*(b - a for a, b in zip(q, end, strict=True)))
    yield row_of((change,), None, (missing,), (None,))


def _passed(stage: Any, q: Coordinates, prepared: Prepared, backend: Any) -> tuple[Filled, Coordinates]:
    """Return a stage with fixed changes in place of what dissipates, and an orbit after it."""
    if isinstance(stage, Act):
        moved = response(stage, prepared, backend, seeded(q))
        return stage, Coordinates(*(v.value if isinstance(v, Jet) else v for v in moved))
    row = stage if isinstance(stage, Row) else map_row(stage, particles=False)
    xp = namespace(*q, *row.values)
    tracks, constants = list(row.variant.tracks), list(row.constants)
    for i, track in enumerate(row.variant.tracks):
        try:
            after = track(constants[i], q, xp)
        except (ArithmeticError, ValueError) as error:
            raise InputError(ORBIT_LOST) from error
        if i in row.dissipates:
            tracks[i], constants[i] = change, Coordinates(*(b - a for a, b in zip(q, after, strict=True)))
        q = after
    if not row.dissipates:
        return stage, q
    return row_of(tuple(tracks), row.variant.check, tuple(constants), row.undos, row.place), q
