"""JAX: operation by operation where values are known and few, else one program per set of variants.

A program is a scan over stacked rows of constants with a switch over variants, so that compilation does not grow with the
lattice, and new strengths or a longer lattice of the same variants compile nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core.arrays import is_number
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError
from caraval.core.loss import ALIVE, LOST_BEFORE
from caraval.core.reference import Reference
from caraval.core.rows import Row, Variant, flatten
from caraval.core.tree import subscribe

from .base import Backend, fused

EAGER_WORK = 100_000
"""Particles times steps below which running operation by operation beats compiling."""


class JaxBackend(Backend):
    """The JAX backend."""

    name = "jax"
    xp = jnp
    chunk = 8_192
    """Particles at a time: the state of so many, and what a step needs besides, fits in a core's own cache."""

    def dtype(self, name: Any) -> Any:
        """Return JAX's dtype.

        Raises
        ------
        BackendError
            If float64 is asked for and JAX would silently give float32.
        """
        found = super().dtype(name)
        if found == jnp.float64 and not jax.config.jax_enable_x64:
            raise BackendError(
                "float64 needs JAX's 64-bit mode, which is off: jax.config.update('jax_enable_x64', True) at the start, "
                'or the environment variable JAX_ENABLE_X64=1; or ask for dtype="float32"'
            )
        return found

    def device(self, device: Any) -> Any:
        """Return JAX's device of a name such as ``"cpu"``, ``"gpu"`` or ``"cuda:1"``."""
        if not isinstance(device, str):
            return device
        kind, _, number = device.partition(":")
        try:
            return jax.devices("gpu" if kind == "cuda" else kind)[int(number or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise BackendError(f"JAX has no device {device!r} here; it has {jax.devices()}") from error

    def asarray(self, value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return numbers, or an array of JAX or NumPy, as an array of JAX."""
        if dtype is None and isinstance(value, np.ndarray) and value.dtype == np.float64:
            dtype = self.dtype("float64")
        return jnp.asarray(value, dtype=dtype, device=self.device(device))

    def value(self, array: Any) -> np.ndarray | None:
        """Return an array's values, inside of `jax.grad` too; None where `jax.jit` hides them."""
        try:
            return np.asarray(jax.lax.stop_gradient(array))
        except jax.errors.TracerArrayConversionError:
            return None

    def all_true(self, mask: Any) -> bool | None:
        """Whether a mask is True throughout; None where a trace hides it."""
        try:
            return bool(jnp.all(mask))
        except jax.errors.TracerBoolConversionError:
            return None

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        if q.x.size * len(rows) <= EAGER_WORK and not self._hides(rows, q, lost):
            return self._run(rows, q, lost)
        return run_program(rows, q, lost, self.chunk)

    def _hides(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> bool:
        """Whether a trace hides values; that of `jax.grad` does not."""
        values = (*q, lost, *(value for row in rows for value in flatten(row.constants)))
        return any(self.value(value) is None for value in values if isinstance(value, jax.core.Tracer))

    def compiled(self) -> Backend:
        """Return the backend that always runs the program."""
        return CompiledJax()

    def differentiated(self, objective: Callable[..., Any]) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(settings, beam) -> (value, derivatives by the settings)``, see :meth:`Backend.differentiated`.

        Compiled once for each reference: with its numbers known, rows that no setting changes are constants.
        """
        programs: dict[Any, Callable[..., Any]] = {}

        def evaluate(settings: dict[str, Any], beam: Any) -> tuple[Any, dict[str, Any]]:
            children, rest = beam.tree_flatten()
            fixed = tuple((i, c) for i, c in enumerate(children) if isinstance(c, Reference) and _is_known(c))
            arrays = [None if isinstance(c, Reference) and _is_known(c) else c for c in children]
            key = (type(beam), fixed, rest)
            if key not in programs:

                def whole(settings: dict[str, Any], arrays: list[Any]) -> Any:
                    parts = [dict(fixed).get(i, a) for i, a in enumerate(arrays)]
                    return objective(settings, type(beam).tree_unflatten(rest, parts))

                programs[key] = jax.jit(jax.value_and_grad(whole))
            found = {k: jnp.asarray(v, dtype=beam.dtype if is_number(v) else None) for k, v in settings.items()}
            return programs[key](found, arrays)  # type: ignore[no-any-return]

        return evaluate


class CompiledJax(JaxBackend):
    """JAX with everything run as a program."""

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        return run_program(rows, q, lost, self.chunk) if rows else (q, lost)


def _is_known(reference: Reference) -> bool:
    return is_number(reference.p0c) and is_number(reference.s) and is_number(reference.t)


# -------------------------------------------------------------------- programs


def run_program(rows: Sequence[Row], q: Coordinates, lost: Any, chunk: int) -> tuple[Coordinates, Any]:
    """Stack the constants of rows and run the program of their variants."""
    if not rows:
        return q, lost
    unique: dict[int, Row] = {id(row): row for row in rows}
    numbers = {key: i for i, key in enumerate(unique)}
    variants = list(dict.fromkeys(row.variant for row in unique.values()))
    order = {variant: i for i, variant in enumerate(variants)}
    index = np.array([numbers[id(row)] for row in rows])
    codes = np.array([order[row.variant] for row in rows])
    table = _table(list(unique.values()), q.x.dtype)
    shape = np.broadcast_shapes(*(a.shape for a in q), table.shape[2:])
    q = Coordinates(*(jnp.broadcast_to(a, shape) for a in q))
    lost = jnp.full(shape, ALIVE, dtype=q.x.dtype) if lost is None else jnp.broadcast_to(lost, shape)
    return program(tuple(variants), chunk)(codes, index, table, q, lost)  # type: ignore[no-any-return]


def _table(rows: Sequence[Row], dtype: Any) -> Any:
    """Return the constants of rows, and their codes of loss, as one array ``(rows, width, ...)`` padded with zeros."""
    flat = [[*flatten(row.constants), row.code] for row in rows]
    width = max(map(len, flat))
    padded = [[*values, *([0.0] * (width - len(values)))] for values in flat]
    shape = np.broadcast_shapes(*(v.shape for values in padded for v in values if not is_number(v)))
    if not shape and all(is_number(v) for values in padded for v in values):
        return np.array(padded, dtype=dtype)
    base = np.array([[v if is_number(v) else 0.0 for v in values] for values in padded], dtype=dtype)
    table = jnp.broadcast_to(base.reshape(*base.shape, *(1,) * len(shape)), (*base.shape, *shape))
    found = [((i, j), v) for i, values in enumerate(padded) for j, v in enumerate(values) if not is_number(v)]
    if not found:
        return table
    places = tuple(np.array([place[k] for place, _ in found]) for k in range(2))
    stacked = jnp.stack([jnp.broadcast_to(jnp.asarray(v, dtype=dtype), shape) for _, v in found])
    return table.at[places].set(stacked)


@lru_cache(maxsize=256)
def program(variants: tuple[Variant, ...], chunk: int) -> Callable[..., Any]:
    """Return the compiled program of a set of variants: ``(codes, index, table, q, lost) -> (q, lost)``."""
    steps = [fused(variant, jnp) for variant in variants]

    def line(codes: Any, index: Any, table: Any, q: Any, lost: Any) -> Any:
        def body(state: Any, step: Any) -> tuple[Any, None]:
            code, i = step
            return jax.lax.switch(code, branches, table[i], *state), None

        branches = [partial(_called, step) for step in steps]
        return jax.lax.scan(body, (q, lost), (codes, index))[0]

    def run(codes: Any, index: Any, table: Any, q: Any, lost: Any) -> Any:
        n = lost.shape[-1]
        if n <= chunk:
            return line(codes, index, table, q, lost)
        pieces = -(-n // chunk)
        padding = [(0, 0)] * (lost.ndim - 1) + [(0, pieces * chunk - n)]

        def cut(a: Any, fill: float) -> Any:
            padded = jnp.pad(a, padding, constant_values=fill)
            return jnp.moveaxis(padded.reshape(*a.shape[:-1], pieces, chunk), -2, 0)

        def joined(a: Any) -> Any:
            return jnp.moveaxis(a, 0, -2).reshape(*lost.shape[:-1], pieces * chunk)[..., :n]

        state = (Coordinates(*(cut(a, 0.0) for a in q)), cut(lost, LOST_BEFORE))
        return jax.tree.map(joined, jax.lax.map(lambda s: line(codes, index, table, *s), state))

    return jax.jit(run)


def _called(step: Callable[..., Any], row: Any, q: Any, lost: Any) -> Any:
    return step((row[i] for i in range(row.shape[0])), q, lost)


# -------------------------------------------------------------------- pytrees


def _register(cls: type) -> None:
    """Let JAX's transformations see the numbers and arrays in a class.

    Masks travel as numbers: JAX differentiates by numbers only, and a whole beam should be something to differentiate by.
    """
    masks: tuple[int, ...] = getattr(cls, "masks", ())

    def flatten_(tree: Any) -> tuple[list[Any], Any]:
        children, rest = tree.tree_flatten()
        return [_number(child) if i in masks else child for i, child in enumerate(children)], rest

    def unflatten_(rest: Any, leaves: Any) -> Any:
        children = [leaf > 0.5 if i in masks and hasattr(leaf, "dtype") else leaf for i, leaf in enumerate(leaves)]
        return cls.tree_unflatten(rest, children)  # type: ignore[attr-defined]

    jax.tree_util.register_pytree_node(cls, flatten_, unflatten_)


def _number(mask: Any) -> Any:
    return mask.astype(float) if getattr(mask, "dtype", None) in (bool, jnp.bool_) else mask


subscribe(_register)
