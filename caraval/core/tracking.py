"""Taking beams along a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from . import scalar
from .arrays import is_number, mixed, stack
from .beam import ParticleBeam
from .chains import Composed
from .coordinates import Coordinates
from .errors import InputError
from .jet import expansion, jet_namespace, lifted, second_order_map, seed
from .loss import MAXIMUM_ORBIT, ORBIT_LOST
from .maps import LinearMap, Map, SecondOrderMap, apply, congruent, contracted, entries_of, image, stack_entries
from .moments import MomentBeam, moments_from
from .particles import Course, Keep, Looks, everything, on_backend
from .plan import Act, Prepared
from .responses import is_felt, response
from .routine import name_of
from .rows import Row, map_row

Beam = ParticleBeam | MomentBeam


def first_array(beam: Any) -> Any:
    """Return an array of a beam, by which its backend is known.

    Raises
    ------
    InputError
        If it is no beam.
    """
    if isinstance(beam, ParticleBeam):
        return beam.x
    if isinstance(beam, MomentBeam):
        return beam.mean
    raise InputError(f"a ParticleBeam or a MomentBeam can be tracked, not {type(beam).__name__}")


def track(prepared: Prepared, beam: Beam, backend: Any, keep: Keep = everything) -> tuple[Any, Looks]:
    """Return a beam of either kind after a prepared plan, and what was kept of it on the way."""
    if isinstance(beam, ParticleBeam):
        return Course(prepared, beam, backend).track(beam, keep)
    return track_moments(prepared, beam, backend, keep)


def track_moments(prepared: Prepared, beam: MomentBeam, backend: Any, keep: Keep = everything) -> tuple[MomentBeam, Looks]:
    """Return the moments after a prepared plan, and those that were looked at on the way.

    The mean moves like a particle; the covariance by the Jacobian there. In an element of second order the mean also gets
    what the covariance adds to it, ``quadratic_ijk covariance_jk``; what third and fourth moments would add to the covariance
    is left out. Apertures do not act on moments.
    """
    mean, covariance = beam.mean, beam.covariance
    looks: Looks = []
    for piece in _pieces(prepared):
        if isinstance(piece, int):
            looks.append((piece, keep(_moments(prepared, beam, backend, mean, covariance, piece + 1))))
            continue
        if isinstance(piece, Act):
            here = _moments(prepared, beam, backend, mean, covariance, piece.place)
            mean, covariance = _act_on_moments(piece, here, backend)
            continue
        if isinstance(piece, LinearMap) and piece.is_batch:
            moved = backend.moved_moments(_map_like(piece, mean, backend), mean, covariance)
            if moved is not None:
                mean, covariance = moved
                continue
        jacobian, mean = _expanded(piece, mean, backend)
        if isinstance(piece, SecondOrderMap):
            mean = mean + contracted(_like(piece.quadratic, mean, backend), covariance)
        covariance = _transported(jacobian, covariance, backend)
    return _moments(prepared, beam, backend, mean, covariance, len(prepared.references) - 1), looks


def _act_on_moments(act: Act, beam: MomentBeam, backend: Any) -> tuple[Any, Any]:
    """Return mean and covariance after an effect of the whole bunch, or of every particle by itself."""
    if act.effect.moments is not None:
        after = act.effect.moments(act.constants, beam, backend)
        return after.mean, after.covariance
    if act.effect.orbit is None:
        raise InputError(f"the collective effect {name_of(act.effect.track)} acts on ParticleBeams alone, not on a MomentBeam")
    matrix, mean = act.effect.orbit(act.constants, beam, backend)
    return mean, matrix @ beam.covariance @ array_namespace(matrix).matrix_transpose(matrix)


def _transported(jacobian: LinearMap, covariance: Any, backend: Any) -> Any:
    """Return ``matrix @ covariance @ matrix^T``; of many settings entry by entry, which is quicker."""
    if not jacobian.is_batch:
        matrix = jacobian.matrix
        return matrix @ covariance @ array_namespace(matrix).matrix_transpose(matrix)
    return _like(stack_entries(congruent(jacobian.entries, entries_of(covariance))), covariance, backend)


def transfer_map(prepared: Prepared, backend: Any, start: Any) -> LinearMap:
    """Return the first-order expansion about the orbit that begins at `start`, an array ``(..., 6)``.

    Of a single particle: what a bunch does to itself is not in it.
    """
    total = LinearMap(backend.asarray(np.eye(6), dtype=start.dtype), start)
    for piece in _pieces(prepared):
        if isinstance(piece, int):
            continue
        if isinstance(piece, Act):
            if piece.effect.orbit is None:
                continue
            alone = moments_from(total.offset, 0 * total.matrix, prepared.references[piece.place], 0.0)
            matrix, after = piece.effect.orbit(piece.constants, alone, backend)
        else:
            jacobian, after = _expanded(piece, total.offset, backend)
            matrix = jacobian.matrix
        total = LinearMap(matrix @ total.matrix, after)
    return total


def second_order_map_of(prepared: Prepared, backend: Any, start: Any) -> SecondOrderMap:
    """Return the second-order expansion about the orbit that begins at `start`, an array ``(..., 6)``.

    Raises
    ------
    InputError
        If something acts on every particle by itself, and the library has no derivatives of it.
    """
    q = seed((start[..., i] for i in range(6)), order=2)
    for piece in _pieces(prepared):
        if is_felt(piece):
            q = response(piece, prepared, backend, q)  # type: ignore[arg-type]
        elif not isinstance(piece, (int, Act)):
            rows = piece if isinstance(piece, list) else [map_row(piece, particles=False)]
            q = _through(rows, q, start, backend, order=2)
    return SecondOrderMap(*(_like(part, start, backend) for part in second_order_map(q)))


def _moments(prepared: Prepared, beam: MomentBeam, backend: Any, mean: Any, covariance: Any, index: int) -> MomentBeam:
    """Return the moments there; a bunch whose mean is lost has none."""
    xp = array_namespace(mean)
    lost = ~((xp.abs(mean[..., 0]) <= MAXIMUM_ORBIT) & (xp.abs(mean[..., 2]) <= MAXIMUM_ORBIT))
    mean = xp.where(lost[..., None], xp.nan, mean)
    if covariance.ndim > mean.ndim:
        covariance = xp.where(lost[..., None, None], xp.nan, covariance)
    return moments_from(mean, covariance, on_backend(prepared.references[index], beam, backend), beam.charge)


def _pieces(prepared: Prepared) -> Iterator[list[Row] | Map | Act | int]:
    """Yield the stages of a plan, rows that follow each other together."""
    rows: list[Row] = []
    for stage in prepared.stages:
        if isinstance(stage, Row):
            rows.append(stage)
            continue
        if rows:
            yield rows
            rows = []
        yield stage
    if rows:
        yield rows


def _expanded(piece: list[Row] | Map, orbit: Any, backend: Any) -> tuple[LinearMap, Any]:
    """Return the Jacobian of rows or a map at a point, in the point's library, and where the point goes."""
    if isinstance(piece, list):
        values, slopes = expansion(_about(piece, orbit, backend))
        m = LinearMap.from_entries(slopes, values)
        return _map_like(m, orbit, backend), _like(m.offset, orbit, backend)
    if isinstance(piece, LinearMap):
        m = _map_like(piece, orbit, backend)
        if not m.is_batch:
            return m, apply(m, orbit)
        point = [orbit[..., i] for i in range(6)]
        return m, _like(stack(image(m, point)), orbit, backend)
    quadratic = SecondOrderMap(*(_like(part, orbit, backend) for part in piece))
    return LinearMap(quadratic.jacobian(orbit), orbit), apply(quadratic, orbit)


def _about(rows: Sequence[Row], orbit: Any, backend: Any) -> Coordinates:
    """Return coordinates with their derivatives after rows, about an orbit ``(..., 6)``."""
    if isinstance(orbit, np.ndarray) and orbit.ndim == 1 and all(row.is_plain for row in rows):
        try:  # plain numbers are several times as quick as arrays without axes
            return _moved(rows, seed(orbit.tolist()), scalar)
        except (ArithmeticError, ValueError):  # where arrays have NaN
            pass
    return _through(rows, seed(orbit[..., i] for i in range(6)), orbit, backend)


def _map_like(m: LinearMap, other: Any, backend: Any) -> LinearMap:
    """Bring a map to the library, precision and place of an array; of many settings entry by entry."""
    if isinstance(m, Composed) and m.chain.dtype == other.dtype:
        return m
    if not m.is_batch:
        return LinearMap(*(_like(part, other, backend) for part in m))
    brought = [[v if is_number(v) else _like(v, other, backend) for v in row] for row in (*m.entries, m.shift)]
    return LinearMap.from_entries(brought[:6], brought[6])


def _through(rows: Sequence[Row], q: Coordinates, like: Any, backend: Any, order: int = 1) -> Coordinates:
    """Take coordinates with their derivatives through rows; checks do not act on them."""
    cast = [backend.cast(row, like.dtype, device(like)) for row in rows]
    try:
        return _moved(cast, q, mixed(array_namespace(like)), order)
    except (ArithmeticError, ValueError) as error:  # plain numbers have no infinity to grow into
        raise InputError(ORBIT_LOST) from error


def _moved(rows: Sequence[Row], q: Coordinates, xp: Any, order: int = 1) -> Coordinates:
    jets = jet_namespace(xp, order)
    for row in rows:
        for track, c in zip(row.variant.tracks, row.constants, strict=False):
            q = track(lifted(c, order), q, jets)
    return q


def _like(array: Any, other: Any, backend: Any) -> Any:
    """Bring an array to the library, precision and place of another."""
    if isinstance(array, np.ndarray) or array.dtype != other.dtype:
        return backend.asarray(array, dtype=other.dtype, device=device(other))
    return array


def observed(looks: Looks, keys: dict[int, tuple[str, ...]]) -> dict[str, list[Any]]:
    """Return the looks by element name, one entry per occurrence."""
    history: dict[str, list[Any]] = {}
    for place, beam in looks:
        for key in keys[place]:
            history.setdefault(key, []).append(beam)
    return history
