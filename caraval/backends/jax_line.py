"""JAX's programs: a scan over stacked rows of constants with a switch over variants.

So compilation does not grow with the lattice, and new strengths or a longer lattice of the same variants compile nothing
anew. A reversible program has derivatives whose memory does not grow with the line either: backwards every row's input is
rebuilt from its output, by the same routines run with the constants that undo them. Where a routine cannot be undone, and in
single precision, the inputs of all rows are kept for a few particles at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core.arrays import is_number
from caraval.core.coordinates import Coordinates
from caraval.core.loss import ALIVE, LOST_BEFORE
from caraval.core.rows import Row, Undo, Variant, unflatten

from .base import fused, moved, undone
from .jax_vectors import enable_x64, options, xp

KEPT = 2**27
"""Bytes of inputs kept at a time, where rows cannot be undone."""


class Kind(NamedTuple):
    """What a program is made for, of one variant: how it is undone, and of which constants derivatives may be wanted."""

    variant: Variant
    undos: tuple[Undo, ...]
    open: tuple[int, ...]


class Order(NamedTuple):
    """Of every step its kind, its row in the table of constants, and the number of its stage."""

    kinds: Any
    rows: Any
    stages: Any


def run(
    rows: Sequence[Row],
    q: Coordinates,
    lost: Any,
    first: Any,
    chunk: int,
    *,
    reversible: bool = False,
    turns: int | None = None,
) -> tuple[Coordinates, Any]:
    """Take particles through rows, see :meth:`caraval.backends.base.Backend.run`.

    Parameters
    ----------
    chunk : int
        Particles at a time.
    reversible : bool
        Whether derivatives rebuild inputs rather than keep them; they are then reverse and first ones only.
    turns : int, optional
        How often to go through the rows: in a loop that has no derivatives, but compiles once for any number.
    """
    unique = list({id(row): row for row in rows}.values())
    table, open_ = table_of(unique, q.x.dtype)
    marks = [(row.variant, row.undos if reversible else ()) for row in unique]
    kinds = {mark: i for i, mark in enumerate(dict.fromkeys(marks))}
    columns: list[set[int]] = [set() for _ in kinds]
    for mark, places in zip(marks, open_, strict=True):
        columns[kinds[mark]].update(places if reversible else ())
    made_for = tuple(Kind(*mark, tuple(sorted(columns[i]))) for mark, i in kinds.items())
    numbers = {id(row): i for i, row in enumerate(unique)}
    order = Order(
        np.array([kinds[marks[numbers[id(row)]]] for row in rows]),
        np.array([numbers[id(row)] for row in rows]),
        np.arange(len(rows), dtype=q.x.dtype) + first,
    )
    shape = np.broadcast_shapes(*{a.shape for a in q}, table.shape[2:])
    q = Coordinates(*(a if a.shape == shape else jnp.broadcast_to(a, shape) for a in q))
    lost = lost_or_alive(lost, shape, q.x.dtype)
    outermost = not any(isinstance(a, jax.core.Tracer) for a in (*q, lost, table, order.stages))
    if turns is None:
        work = partial(program(made_for, chunk, reversible, outermost), order, table)
    else:
        work = partial(rounds(made_for, chunk), order, table, turns)
    parts = _parts(q.x, chunk) if outermost else []
    return _in_threads(work, parts, q, lost) if parts else work(q, lost)  # type: ignore[no-any-return]


def _parts(x: Any, chunk: int) -> list[slice]:
    """Return as many parts of the particles as there are cores; none, where one program is as good.

    They are of one length, so that one program does for all: the last one begins where the one before has not ended.
    """
    n, cores = x.shape[-1], os.cpu_count() or 1
    if cores == 1 or n < 2 * cores * chunk or any(place.platform != "cpu" for place in x.devices()):
        return []
    size = -(-n // cores)
    return [slice(start, start + size) for start in (min(core * size, n - size) for core in range(cores))]


def _in_threads(work: Callable[..., Any], parts: Sequence[slice], q: Coordinates, lost: Any) -> Any:
    """Take parts of the particles through a program, each in a thread: the loop over chunks in it runs on a single core."""
    double = bool(jax.config.jax_enable_x64)

    def share(part: slice) -> Any:
        with enable_x64(double):  # known to the thread that calls alone
            return jax.block_until_ready(work(*jax.tree.map(lambda a: a[..., part], (q, lost))))

    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(share, parts))
    ends = [0, *(part.stop for part in parts)]
    new = [slice(end - part.start, None) for part, end in zip(parts, ends, strict=False)]
    return jax.tree.map(lambda *pieces: jnp.concatenate([a[..., s] for a, s in zip(pieces, new, strict=True)], -1), *found)


def lost_or_alive(lost: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return stages of loss as an array: where there are none, all are alive."""
    return jnp.full(shape, ALIVE, dtype=dtype) if lost is None else jnp.broadcast_to(lost, shape)


def table_of(rows: Sequence[Row], dtype: Any) -> tuple[Any, list[list[int]]]:
    """Return the constants of rows as one array ``(rows, width, ...)`` padded with zeros, and where each row has arrays."""
    flat = [row.values for row in rows]
    width = max(1, *map(len, flat))
    open_ = [[] if row.is_plain else [j for j, v in enumerate(row.values) if not is_number(v)] for row in rows]
    base = np.zeros((len(rows), width), dtype=dtype)
    for line, row in zip(base, rows, strict=True):
        line[: len(row.values)] = row.values if row.is_plain else [v if is_number(v) else 0.0 for v in row.values]
    if not any(open_):
        return base, open_
    found = [(i, j) for i, places in enumerate(open_) for j in places]
    different = {id(flat[i][j]): flat[i][j] for i, j in found}  # elements of one name have one strength
    number = {key: k for k, key in enumerate(different)}
    shape = np.broadcast_shapes(*(value.shape for value in different.values()))
    table = jnp.broadcast_to(base.reshape(*base.shape, *(1,) * len(shape)), (*base.shape, *shape))
    stacked = jnp.stack([jnp.broadcast_to(jnp.asarray(value, dtype=dtype), shape) for value in different.values()])
    which = np.array([number[id(flat[i][j])] for i, j in found])
    return table.at[tuple(np.array(found).T)].set(stacked[which]), open_


@lru_cache(maxsize=256)
def program(kinds: tuple[Kind, ...], chunk: int, reversible: bool, outermost: bool) -> Callable[..., Any]:
    """Return the compiled program of a set of kinds: ``(order, table, q, lost) -> (q, lost)``.

    Options of the compiler can be said in the `outermost` program only.
    """
    forwards = [_forwards(kind) for kind in kinds]

    def line(order: Order, table: Any, q: Coordinates, lost: Any) -> Any:
        return _stopped(*_passed(forwards, order, table, *_waiting(q, lost)))

    def run(order: Order, table: Any, q: Coordinates, lost: Any) -> Any:
        def piece(_: None, state: Any) -> tuple[None, Any]:
            return None, line(order, table, *state)

        return by_chunks(piece, None, (q, lost), (0.0, LOST_BEFORE), chunk)[1]

    return jax.jit(
        _reversible(kinds, run, line, chunk) if reversible else run, compiler_options=options() if outermost else None
    )


@lru_cache(maxsize=256)
def rounds(kinds: tuple[Kind, ...], chunk: int) -> Callable[..., Any]:
    """Return the program of several turns, ``(order, table, turns, q, lost) -> (q, lost)``; stages count on through them."""
    forwards = [_forwards(kind) for kind in kinds]

    def run(order: Order, table: Any, turns: Any, q: Coordinates, lost: Any) -> Any:
        def turn(number: Any, state: Any) -> Any:
            stages = order.stages + number.astype(order.stages.dtype) * len(order.kinds)
            return _passed(forwards, order._replace(stages=stages), table, *state)

        def piece(_: None, state: Any) -> tuple[None, Any]:
            return None, _stopped(*jax.lax.fori_loop(0, turns, turn, _waiting(*state)))

        return by_chunks(piece, None, (q, lost), (0.0, LOST_BEFORE), chunk)[1]

    return jax.jit(run, compiler_options=options())


def _waiting(q: Coordinates, lost: Any) -> Any:
    """Return a state to go on with: the lost wait on the axis, and their coordinates are kept aside."""
    return _chosen(lost == ALIVE, q, 0.0), lost, q


def _passed(forwards: Sequence[Callable[..., Any]], order: Order, table: Any, q: Coordinates, lost: Any, kept: Any) -> Any:
    """Return such a state after rows; where derivatives are taken, of every step its input alone is kept."""

    def step(state: Any, now: Order) -> tuple[Any, None]:
        q, lost, kept = state
        q, lost = jax.lax.switch(now.kinds, forwards, table[now.rows], now.stages, q, lost)
        q, kept = _where_any(lost == now.stages, lambda here: (_chosen(here, 0.0, q), _chosen(here, q, kept)), (q, kept))
        return (q, lost, kept), None

    return jax.lax.scan(jax.checkpoint(step, prevent_cse=False), (q, lost, kept), order)[0]


def _stopped(q: Coordinates, lost: Any, kept: Coordinates) -> tuple[Coordinates, Any]:
    """Return coordinates and stages of loss of such a state."""
    return _chosen(lost == ALIVE, q, kept), lost


def _chosen(condition: Any, then: Any, otherwise: Any) -> Coordinates:
    """Choose between coordinates, or coordinates and a number."""
    pairs = (a if isinstance(a, tuple) else (a,) * 6 for a in (then, otherwise))
    return Coordinates(*(jnp.where(condition, a, b) for a, b in zip(*pairs, strict=True)))


def _where_any(mask: Any, change: Callable[[Any], Any], unchanged: Any) -> Any:
    """Return ``change(mask)`` if the mask holds anywhere: which is seldom, and then costs nothing."""
    return jax.lax.cond(jnp.any(mask), lambda: change(mask), lambda: unchanged)


def _forwards(kind: Kind) -> Callable[..., Any]:
    step = fused(kind.variant, xp)
    return lambda row, stage, q, lost: step(list(row), stage, q, lost)


def by_chunks(
    function: Callable[..., Any], carry: Any, arrays: Any, padding: Any, chunk: int, axis: int = -1
) -> tuple[Any, Any]:
    """Return ``(carry, results)`` of ``function(carry, part) -> (carry, result)`` over parts of the particles.

    Parameters
    ----------
    arrays, padding : tree
        Arrays ``(..., n)``, and the number that fills up the last part of each.
    axis : int
        Negative, of arrays and results; the last one is that of particles.
    """
    leaves = jax.tree.leaves(arrays)
    n = leaves[0].shape[axis]
    if n <= chunk:
        return function(carry, arrays)  # type: ignore[no-any-return]
    pieces = -(-n // chunk)

    def cut(a: Any, fill: float) -> Any:
        last = jnp.moveaxis(a, axis, -1)
        widths = [(0, 0)] * (a.ndim - 1) + [(0, pieces * chunk - n)]
        padded = jnp.pad(last, widths, constant_values=fill).reshape(*last.shape[:-1], pieces, chunk)
        return jnp.moveaxis(jnp.moveaxis(padded, -2, 0), -1, axis)

    def joined(a: Any) -> Any:
        last = jnp.moveaxis(jnp.moveaxis(a, axis, -1), 0, -2)
        return jnp.moveaxis(last.reshape(*last.shape[:-2], pieces * chunk)[..., :n], -1, axis)

    spread = jax.tree.map(cut, arrays, _spread(padding, arrays))
    carry, results = jax.lax.scan(function, carry, spread)
    return carry, jax.tree.map(joined, results)


def _spread(padding: Any, arrays: Any) -> Any:
    """Give every array under a number that number."""
    return jax.tree.map(lambda fill, tree: jax.tree.map(lambda _: fill, tree), padding, arrays)


# -------------------------------------------------------------------- derivatives


def _reversible(kinds: Sequence[Kind], run: Callable[..., Any], line: Callable[..., Any], chunk: int) -> Callable[..., Any]:
    """Return a program with derivatives of constant memory."""
    backwards = [_backwards(kind) for kind in kinds]
    can_undo = all(None not in kind.undos for kind in kinds)

    def rebuilt(order: Order, table: Any, q: Coordinates, lost: Any, slope: Coordinates) -> Any:
        """Go back row by row; return the derivatives by the table, and by the coordinates."""

        def step(state: Any, now: Order) -> tuple[Any, Any]:
            here = lost == now.stages
            state = _where_any(here, lambda here: tuple(_chosen(here, a, b) for a, b in zip(end, state, strict=True)), state)
            *state, found = jax.lax.switch(now.kinds, backwards, table[now.rows], *state)
            return tuple(state), found

        # the lost wait on the axis until the way back comes to where they were lost
        end = (q, slope)
        start = tuple(_chosen(lost == ALIVE, a, 0.0) for a in end)
        (_, before), found = jax.lax.scan(step, start, order, reverse=True)
        return jnp.zeros_like(table).at[order.rows].add(found), _chosen(lost < order.stages[0], slope, before)

    def repeated(order: Order, table: Any, start: Any, slope: Coordinates) -> Any:
        """Go forwards once more, keeping inputs, and back."""
        q, lost = start
        _, back = jax.vjp(lambda table, q: line(order, table, q, lost)[0], table, q)
        return back(slope)

    def forward(order: Order, table: Any, q: Coordinates, lost: Any) -> Any:
        out = run(order, table, q, lost)
        return out, (order, table, out if can_undo and q.x.dtype == jnp.float64 else (q, lost))

    def backward(kept: Any, slopes: Any) -> Any:
        order, table, state = kept
        by_rebuilding = can_undo and table.dtype == jnp.float64
        size = chunk
        if not by_rebuilding:
            lanes = int(np.prod(state[1].shape[:-1], initial=1))
            size = max(1, min(chunk, KEPT // (7 * table.dtype.itemsize * lanes * order.rows.shape[0])))

        def piece(total: Any, part: Any) -> tuple[Any, Any]:
            (q, lost), slope = part
            if by_rebuilding:
                found, before = rebuilt(order, table, q, lost, slope)
            else:
                found, before = repeated(order, table, (q, lost), slope)
            return total + found, before

        arrays, padding = (state, slopes[0]), ((0.0, LOST_BEFORE), 0.0)
        found, before = by_chunks(piece, jnp.zeros_like(table), arrays, padding, size)
        return None, found, before, None

    tracked = jax.custom_vjp(run)
    tracked.defvjp(forward, backward)
    return tracked


def _backwards(kind: Kind) -> Callable[..., Any]:
    """Return ``(row, q after, slope) -> (q before, slope before, derivatives by the row)``."""
    variant, undos, open_ = kind
    move, back = moved(variant, xp), undone(variant, undos, xp)
    if None in undos:
        return lambda row, q, slope: (q, slope, jnp.zeros_like(row))

    def step(row: Any, q: Coordinates, slope: Coordinates) -> Any:
        values = list(row)
        before = back(unflatten(variant.layout, iter(values)), q)

        def forward(opened: list[Any], q: Coordinates) -> Coordinates:
            filled = list(values)
            for place, value in zip(open_, opened, strict=True):
                filled[place] = value
            return move(unflatten(variant.layout, iter(filled)), q)

        _, pull = jax.vjp(forward, [values[place] for place in open_], before)
        found, slope = pull(slope)
        derivatives = jnp.zeros_like(row)
        if open_:
            derivatives = derivatives.at[np.array(open_)].set(jnp.stack(found))
        return before, slope, derivatives

    return step
