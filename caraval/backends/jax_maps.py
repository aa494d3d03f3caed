"""JAX's maps of all elements at once: a scan over rows that carries an orbit with its derivatives.

One program for all lattices of the same variants and length: element by element there would be a program for each, and
derivatives of each. It goes with all of JAX's transformations; values may be hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core.coordinates import Coordinates
from caraval.core.rows import NOTHING, Row, Variant, unflatten

from .base import moved
from .jax_line import table_of
from .jax_vectors import xp

UNFUSED = {"xla_disable_hlo_passes": "fusion"}
"""Option of the compiler, which can be said in outermost programs only: of long formulas on few numbers it makes loops so large
that compiling them takes twice as long."""


class Rows(NamedTuple):
    """Of every step its kind, its row in the table of constants, and whether a new stretch begins."""

    kinds: Any
    rows: Any
    begins: Any


class Way:
    """Stretches of rows, ready to be passed by orbits.

    Parameters
    ----------
    stretches : sequence of sequence of Row
        Without particles' axes; a map is wanted of each stretch.
    """

    def __init__(self, stretches: Sequence[Sequence[Row]]) -> None:
        filled = [list(stretch) or [NOTHING] for stretch in stretches]
        rows = [row for stretch in filled for row in stretch]
        unique = list({id(row): row for row in rows}.values())
        self.table, places = table_of(unique, jnp.result_type(float))
        columns: dict[Variant, set[int]] = {row.variant: set() for row in unique}
        for row, open_ in zip(unique, places, strict=True):
            columns[row.variant].update(open_)
        self.kinds = tuple(Kind(variant, tuple(sorted(found))) for variant, found in columns.items())
        number = {variant: i for i, variant in enumerate(columns)}
        place = {id(row): i for i, row in enumerate(unique)}
        self.ends = np.cumsum([len(stretch) for stretch in filled]) - 1
        self.order = Rows(
            np.array([number[row.variant] for row in rows]),
            np.array([place[id(row)] for row in rows]),
            np.array([i == 0 for stretch in filled for i in range(len(stretch))]),
        )

    def maps(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrices ``(stretches, 6, 6, ...)`` about an orbit, and where it is after each ``(stretches, 6, ...)``."""
        _, (matrices, orbits) = self._passed(self.table, start, self.order)
        return matrices[self.ends], orbits[self.ends]

    def turn(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrix ``(6, 6, ...)`` of all together, and where the orbit ends."""
        once = np.arange(len(self.order.begins)) == 0
        return self._passed(self.table, start, self.order._replace(begins=once))[0]  # type: ignore[no-any-return]

    def _passed(self, table: Any, start: Sequence[Any], order: Rows) -> Any:
        return program(self.kinds)(order, table, _spread(start, table.shape[2:], table.dtype))

    def improved(self, start: Sequence[Any], dimensions: int) -> Any:
        """Return an orbit after one step of Newton's method, ``(6, ...)``."""
        matrix, end = self.turn(start)
        orbit = _spread(start, end.shape[1:], end.dtype)
        return orbit.at[:dimensions].add(newton(matrix, end - orbit, dimensions))

    def closed(self, start: Sequence[Any], dimensions: int, steps: int, small: float, settled: float) -> tuple[Any, Any]:
        """Return the orbit that Newton's method comes to, and how large its last step was; without derivatives.

        Where values are known nothing is compiled for it but the program of the maps.

        Parameters
        ----------
        start : six numbers
        dimensions : int
            How many of the coordinates come back to what they were.
        steps : int
            So many at most.
        small, settled : float
            A step below the first is the last, or below the other and no smaller than the one before.
        """
        fixed = copy(self)
        fixed.table = _fixed(self.table)
        first = fixed.improved([_fixed(jnp.asarray(value, dtype=self.table.dtype)) for value in start], dimensions)

        def improve(state: Any) -> Any:
            orbit, before, _, count = state  # the size of one step is what the next is compared with
            after = fixed.improved(orbit, dimensions)
            return after, jnp.max(jnp.abs(after - orbit)), before, count + 1

        def goes_on(state: Any) -> Any:
            _, size, before, count = state
            return (count < steps) & ~(size < small) & ~((size >= before) & (size < settled))

        state = first, jnp.inf, jnp.inf, 1
        if isinstance(first, jax.core.Tracer):
            orbit, size, *_ = jax.lax.while_loop(goes_on, improve, state)
            return orbit, size
        while goes_on(state):
            state = improve(state)
        return state[:2]


def _spread(start: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """Return six numbers, or arrays of settings, as one array ``(6, ...)`` that has the shape of others as well."""
    values = [jnp.asarray(value, dtype=dtype) for value in start]
    whole = np.broadcast_shapes(shape, *(value.shape for value in values))
    return jnp.stack([jnp.broadcast_to(value, whole) for value in values])


def _fixed(array: Any) -> Any:
    """Return an array without derivatives; its values, where no trace hides them."""
    array = jax.lax.stop_gradient(array)
    try:
        return np.asarray(array)
    except jax.errors.TracerArrayConversionError:
        return array


def newton(matrix: Any, off: Any, dimensions: int) -> Any:
    """Return the step of Newton's method ``(dimensions, ...)`` for what an orbit is off after a turn."""
    m = jnp.moveaxis(matrix[:dimensions, :dimensions], (0, 1), (-2, -1))
    right = jnp.moveaxis(off[:dimensions], 0, -1)[..., None]
    return jnp.moveaxis(jnp.linalg.solve(jnp.eye(dimensions) - m, right)[..., 0], -1, 0)


class Kind(NamedTuple):
    """What a program is made for, of one variant: by which constants, beside the orbit, derivatives may be wanted."""

    variant: Variant
    open: tuple[int, ...]


@lru_cache(maxsize=256)
def program(kinds: tuple[Kind, ...]) -> Callable[..., Any]:
    """Return the program of a set of kinds: ``(order, table, orbit) -> ((matrix, orbit), (matrices, orbits))``.

    Whatever it is differentiated by, and in which direction, one other program finds the derivatives of all rows.
    """
    values, steeper = (_scanned([_branch(kind, derived) for kind in kinds]) for derived in (False, True))

    def run(order: Rows, table: Any, orbit: Any) -> Any:
        return _whole(*values(order, table, orbit)[1:])

    passed = jax.custom_jvp(run)
    pushed = jax.jit(_pushed)

    def push(known: Any, slopes: Any) -> Any:
        derivatives, matrices, orbits = steeper(*known)
        along = pushed(known[0], derivatives, matrices, slopes[1], slopes[2])
        return _whole(matrices, orbits), _whole(*along)

    passed.defjvp(push)
    return passed  # type: ignore[no-any-return]


def _whole(matrices: Any, orbits: Any) -> Any:
    return (matrices[-1], orbits[-1]), (matrices, orbits)


def _scanned(branches: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """Return the compiled scan ``(order, table, orbit) -> (what branches find besides, matrices, orbits)``, of all rows."""

    def run(order: Rows, table: Any, orbit: Any) -> Any:
        identity = _identity(orbit.shape[1:])

        def step(state: Any, now: Rows) -> Any:
            before, orbit = state
            matrix, orbit, more = jax.lax.switch(now.kinds, branches, table[now.rows], orbit)
            matrix = _times(matrix, jnp.where(now.begins, identity, before))
            return (matrix, orbit), (more, matrix, orbit)

        return jax.lax.scan(step, (identity, orbit), order)[1]

    inner = jax.jit(run)
    outermost = jax.jit(run, compiler_options=UNFUSED if jax.default_backend() == "cpu" else None)

    def scanned(*arguments: Any) -> Any:
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments))
        return (inner if traced else outermost)(*arguments)

    return scanned


def _pushed(order: Rows, derivatives: Any, matrices: Any, table: Any, orbit: Any) -> Any:
    """Return the slopes of matrices and orbits along those of the table of constants and of the orbit at the start."""
    identity = _identity(orbit.shape[1:])
    earlier = jnp.concat([identity[None], matrices[:-1]])

    def step(state: Any, now: Any) -> Any:
        order, derivatives, before = now
        steeper, orbit = state
        inputs = jnp.concat([orbit, table[order.rows]])
        found = jnp.sum(derivatives[:, :, :7] * inputs[:, None, None], axis=0)
        before, steeper = (jnp.where(order.begins, a, b) for a, b in ((identity, before), (jnp.zeros_like(before), steeper)))
        after = _times(found[:, :6], before) + _times(jnp.moveaxis(derivatives[:6, :, 6], 0, 1), steeper), found[:, 6]
        return after, after

    return jax.lax.scan(step, (jnp.zeros_like(identity), orbit), (order, derivatives, earlier))[1]


def _identity(shape: tuple[int, ...]) -> Any:
    return jnp.broadcast_to(jnp.eye(6).reshape(6, 6, *(1,) * len(shape)), (6, 6, *shape))


def _times(a: Any, b: Any) -> Any:
    return jnp.einsum("ij...,jk...->ik...", a, b)


def _branch(kind: Kind, derived: bool) -> Callable[..., Any]:
    """Return ``(row, orbit) -> (matrix, orbit, derivatives)`` of a kind.

    The derivatives ``(6 + constants, 6, 7, ...)``, if they are wanted, are those of matrix and orbit, side by side, by the
    orbit before and the constants.
    """
    variant, open_ = kind
    move = moved(variant, xp)

    def through(inputs: Any, row: Any) -> Any:
        values = list(row)
        for place, value in zip(open_, inputs[6:], strict=True):
            values[place] = value
        after = move(unflatten(variant.layout, iter(values)), Coordinates(*inputs[:6]))
        return jnp.stack([jnp.broadcast_to(a, inputs.shape[1:]) for a in after])

    def both(inputs: Any, row: Any) -> Any:
        return jnp.concat([jnp.moveaxis(_slopes(through, inputs, row, 6), 0, 1), through(inputs, row)[:, None]], axis=1)

    steeper = _forwards(lambda inputs, row: _slopes(both, inputs, row, inputs.shape[0]))

    def expand(row: Any, orbit: Any) -> Any:
        inputs, fixed = jnp.concat([orbit, row[np.array(open_, dtype=int)]]), jax.lax.stop_gradient(row)
        found = both(inputs, fixed)
        if not derived:
            return found[:, :6], found[:, 6], None
        known = steeper(inputs, fixed)
        whole = jnp.zeros((6 + row.shape[0], *known.shape[1:]))
        return found[:, :6], found[:, 6], whole.at[np.array([*range(6), *(6 + i for i in open_)])].set(known)

    return expand


def _slopes(function: Callable[[Any, Any], Any], inputs: Any, row: Any, count: int) -> Any:
    """Return the derivatives ``(count, ...)`` of what a function makes of arrays ``(n, ...)``, lane by lane, by the first."""
    unit = jnp.eye(count, inputs.shape[0]).reshape(count, -1, *(1,) * (inputs.ndim - 1))
    along = jnp.broadcast_to(unit, (count, *inputs.shape))
    return jax.vmap(lambda slope: jax.jvp(lambda inputs: function(inputs, row), (inputs,), (slope,))[1])(along)


def _forwards(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a function of few numbers whose derivatives, backward ones too, are the product with all forward ones.

    Going back through the derivatives of long formulas makes programs that take half a minute to compile.
    """
    simple = jax.custom_jvp(function)
    steeper = cache(lambda: _forwards(lambda inputs, row: _slopes(function, inputs, row, inputs.shape[0])))

    def push(values: Any, slopes: Any) -> Any:
        inputs, row = values
        along, found = slopes[0], steeper()(inputs, row)
        spread = along.reshape(along.shape[0], *(1,) * (found.ndim - along.ndim), *along.shape[1:])
        return function(inputs, row), jnp.sum(found * spread, axis=0)

    simple.defjvp(push)
    return simple  # type: ignore[no-any-return]
