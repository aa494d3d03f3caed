"""JAX's maps of all elements at once: a scan over rows that carries an orbit with its derivatives.

One program for all lattices of the same variants and length: element by element there would be a program for each, and
derivatives of each. It goes with all of JAX's transformations; values may be hidden. Where they are not, nothing is compiled:
NumPy knows the maps and their derivatives sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core.arrays import is_number
from caraval.core.coordinates import Coordinates
from caraval.core.registry import registry
from caraval.core.rows import NOTHING, Row, Variant, unflatten

from . import ways
from .base import moved
from .jax_line import table_of
from .jax_vectors import xp
from .known_maps import slopes


class Rows(NamedTuple):
    """Of every row its kind, its place in the table of constants, and whether a new stretch begins."""

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
        self.rows, self.lengths = rows, list(map(len, filled))
        self.order = Rows(
            np.array([number[row.variant] for row in rows]),
            np.array([place[id(row)] for row in rows]),
            np.array([i == 0 for stretch in filled for i in range(len(stretch))]),
        )
        self.ends = np.cumsum(self.lengths) - 1
        self.known = self._known()
        self._last: tuple[tuple[Any, ...], Any] = ((), None)

    def maps(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrices ``(stretches, 6, 6, ...)`` about an orbit, and where it is after each ``(stretches, 6, ...)``."""
        matrices, orbits, _ = self._about(start)
        return matrices[self.ends], orbits[self.ends]

    def turn(self, start: Sequence[Any]) -> tuple[Any, Any]:
        """Return the matrix ``(6, 6, ...)`` of all together, and where the orbit ends."""
        _, orbits, matrix = self._about(start)
        return matrix, orbits[-1]

    def _about(self, start: Sequence[Any]) -> tuple[Any, Any, Any]:
        """Return products of matrices in stretches, orbits, and the product of all, about an orbit."""
        known, found = self._last
        if len(known) != len(start) or any(a is not b for a, b in zip(known, start, strict=True)):
            found = self._passed(self.table, _spread(start, self.table.shape[2:], self.table.dtype))
            self._last = tuple(start), found
        return found  # type: ignore[no-any-return]

    def _passed(self, table: Any, orbit: Any) -> tuple[Any, Any, Any]:
        matrices, orbits = _expansion(self, table, orbit)
        return _joined(self.order.begins, matrices, orbits)  # type: ignore[no-any-return]

    def expanded(self, table: Any, orbit: Any, *, derived: bool) -> tuple[Any, Any, Any]:
        """Return derivatives, if they are wanted, and matrices, of every row, and orbits after it.

        The derivatives ``(rows, 6 + constants, 6, 7, ...)`` are those of matrix and orbit, side by side, by the orbit before it
        and the constants.
        """
        if self.known is None or any(isinstance(array, jax.core.Tracer) for array in (table, orbit)):
            return program(self.kinds, derived)(self.order, table, orbit)  # type: ignore[no-any-return]
        path = self.known.path(list(np.asarray(orbit)))
        found = slopes(self.known.together, path.orbits[:-1], dict(self.kinds), table.shape[1]) if derived else None
        known = found, path.matrices, path.orbits[1:]
        return jax.tree.map(lambda array: jnp.asarray(array, dtype=table.dtype), known)  # type: ignore[no-any-return]

    def _known(self) -> ways.Way | None:
        """Return the same in NumPy; None where a trace hides values."""
        unique = {id(row): row for row in self.rows}
        try:
            known = {key: row if row.is_plain else row.mapped(_value) for key, row in unique.items()}
        except jax.errors.TracerArrayConversionError:
            return None
        return ways.Way([known[id(row)] for row in self.rows], self.lengths, registry().backend("numpy"))

    def improved(self, start: Sequence[Any], dimensions: int) -> Any:
        """Return an orbit after one step of Newton's method, ``(6, ...)``.

        In a program its maps are found along with it: what expands them is long, and stands there once.
        """
        orbit = _spread(start, self.table.shape[2:], self.table.dtype)
        if self.known is not None:
            return self._step(self.table, orbit, dimensions)[0]

        def step(orbit: Any, _: None) -> Any:
            after, found = self._step(self.table, orbit, dimensions)
            return after, (orbit, found)

        _, (orbits, found) = jax.lax.scan(step, orbit, length=2)
        improved = tuple(orbits[1])
        self._last = improved, jax.tree.map(lambda both: both[1], found)
        return improved

    def _step(self, table: Any, orbit: Any, dimensions: int) -> tuple[Any, Any]:
        """Return an orbit after one step of Newton's method, and what there is about the one before."""
        found = self._passed(table, orbit)
        _, orbits, matrix = found
        return _improved(dimensions, matrix, orbit, orbits[-1]), found

    def closed(self, start: Sequence[Any], dimensions: int, steps: int, small: float, settled: float) -> tuple[Any, Any]:
        """Return the orbit that Newton's method comes to, and how large its last step was; without derivatives.

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
        if self.known is not None:
            try:
                return self.known.closed(list(map(_value, start)), dimensions, steps, small, settled)
            except jax.errors.TracerArrayConversionError:  # of `start`
                pass
        table = jax.lax.stop_gradient(self.table)
        orbit = _spread(list(map(jax.lax.stop_gradient, start)), table.shape[2:], table.dtype)

        def improve(state: Any) -> Any:
            orbit, before, _, count = state  # the size of one step is what the next is compared with
            after, _ = self._step(table, orbit, dimensions)
            return after, jnp.max(jnp.abs(after - orbit)), before, count + 1

        def goes_on(state: Any) -> Any:
            _, size, before, count = state
            return (count < steps) & ~(size < small) & ~((size >= before) & (size < settled))

        orbit, size, *_ = jax.lax.while_loop(goes_on, improve, (orbit, jnp.inf, jnp.inf, 0))
        return orbit, size


def _spread(start: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """Return six numbers, or arrays of settings, as one array ``(6, ...)`` that has the shape of others as well."""
    values = [jnp.asarray(value, dtype=dtype) for value in start]
    whole = np.broadcast_shapes(shape, *(value.shape for value in values))
    return jnp.stack([jnp.broadcast_to(value, whole) for value in values])


def _value(value: Any) -> Any:
    """Return the value of a number or an array: a plain number, or an array of NumPy.

    Raises
    ------
    jax.errors.TracerArrayConversionError
        If a trace hides it.
    """
    if is_number(value):
        return value
    known = np.asarray(jax.lax.stop_gradient(value), dtype=float)
    return known if known.ndim else float(known)


@partial(jax.jit, static_argnums=0)  # type: ignore[untyped-decorator]
def _improved(dimensions: int, matrix: Any, orbit: Any, end: Any) -> Any:
    """Return an orbit ``(6, ...)`` after a step of Newton's method, from the matrix of a turn and where it ends."""
    m = jnp.moveaxis(matrix[:dimensions, :dimensions], (0, 1), (-2, -1))
    right = jnp.moveaxis((end - orbit)[:dimensions], 0, -1)[..., None]
    step = jnp.linalg.solve(jnp.eye(dimensions) - m, right)[..., 0]
    return orbit.at[:dimensions].add(jnp.moveaxis(step, -1, 0))


class Kind(NamedTuple):
    """What a program is made for, of one variant: by which constants, beside the orbit, derivatives may be wanted."""

    variant: Variant
    open: tuple[int, ...]


def _values(way: Way, table: Any, orbit: Any) -> Any:
    """Return the matrices ``(rows, 6, 6, ...)`` of all rows of a way, and the orbits ``(rows, 6, ...)`` after them.

    Whatever it is differentiated by, and in which direction, one other function finds the derivatives of all rows.
    """
    return way.expanded(table, orbit, derived=False)[1:]


def _push(way: Way, known: tuple[Any, Any], along: tuple[Any, Any]) -> Any:
    derivatives, matrices, orbits = way.expanded(*known, derived=True)
    return (matrices, orbits), _pushed(way.order.rows, derivatives, *along)


_expansion: Any = jax.custom_jvp(_values, nondiff_argnums=(0,))
_expansion.defjvp(_push)


@lru_cache(maxsize=256)
def program(kinds: tuple[Kind, ...], derived: bool) -> Callable[..., Any]:
    """Return the compiled scan ``(order, table, orbit) -> (derivatives, matrices, orbits)`` of a set of kinds, of all rows."""
    branches = [_branch(kind, derived) for kind in kinds]

    def run(order: Rows, table: Any, orbit: Any) -> Any:
        def step(orbit: Any, now: Rows) -> Any:
            matrix, orbit, more = jax.lax.switch(now.kinds, branches, table[now.rows], orbit)
            return orbit, (more, matrix, orbit)

        return jax.lax.scan(step, orbit, order)[1]

    return jax.jit(run)


@jax.jit  # type: ignore[untyped-decorator]
def _pushed(rows: Any, derivatives: Any, table: Any, orbit: Any) -> Any:
    """Return the slopes of matrices and orbits along those of the table of constants and of the orbit at the start."""

    def step(orbit: Any, now: Any) -> Any:
        row, derivatives = now
        inputs = jnp.concat([orbit, table[row]])
        found = jnp.sum(derivatives * inputs[:, None, None], axis=0)
        return found[:, 6], (found[:, :6], found[:, 6])

    return jax.lax.scan(step, orbit, (rows, derivatives))[1]


@jax.jit  # type: ignore[untyped-decorator]
def _joined(begins: Any, matrices: Any, orbits: Any) -> Any:
    """Return the products of matrices since the last row that begins a stretch, the orbits, and the product of all."""
    identity = _identity(matrices.shape[3:])

    def step(products: Any, now: Any) -> Any:
        begins, matrix = now
        since, total = products
        since = _times(matrix, jnp.where(begins, identity, since))
        return (since, _times(matrix, total)), since

    (_, total), found = jax.lax.scan(step, (identity, identity), (begins, matrices))
    return found, orbits, total


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
