"""JAX's programs of recorded functions: a scan over the links of a chain, with a switch over its steps.

So compilation does not grow with the line. Settings are taken through it a few at a time. Backwards the maps before all links
are made once more, for a few settings, and programs of derivatives take the slopes to what the links take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core.adjoint import adjoint
from caraval.core.chains import Chain
from caraval.core.recording import Program
from caraval.core.transport import ending

from .jax_vectors import options, xp

CHUNK = 4_096
"""Settings at a time: thirty numbers each are 1 MB, which a core's own cache holds."""


def run(chain: Chain, lines: Sequence[Any]) -> tuple[Any, ...]:
    """Return the open numbers ``(n,)`` of a chain's map, for arrays ``(n,)``."""
    program = composing(chain.steps, None, _is_outermost(lines))
    return program(*_described(chain, lines), None)  # type: ignore[no-any-return]


def moments(chain: Chain, lines: Sequence[Any], before: Any) -> tuple[Any, Any]:
    """Return mean ``(n, 6)`` and covariance ``(n, 36)`` after a chain's map, of moments ``(42,)`` before."""
    program = composing(chain.steps, ending(chain.pattern), _is_outermost([*lines, before]))
    return program(*_described(chain, lines), before)  # type: ignore[no-any-return]


def evaluate(program: Program, lines: Sequence[Any], numbers: Any) -> Any:
    """Return what a program makes of arrays ``(n,)`` and numbers: ``(n, outputs)``."""
    return single(program, _is_outermost([*lines, numbers]))(tuple(lines), numbers)


def _described(chain: Chain, lines: Sequence[Any]) -> tuple[Any, ...]:
    """Return what programs take of a chain, and its arrays."""
    kind = lines[0].dtype
    start = np.array(chain.start, dtype=kind)
    return chain.codes, chain.numbers.astype(kind, copy=False), chain.sources, start, tuple(lines)


def _is_outermost(values: Sequence[Any]) -> bool:
    """Whether no program is being made of what calls: options of the compiler can be said in the outermost only."""
    return not any(isinstance(value, jax.core.Tracer) for value in values)


@lru_cache(maxsize=256)
def composing(steps: tuple[Program, ...], end: Program | None, outermost: bool) -> Callable[..., Any]:
    """Return the compiled :func:`composition`."""
    return jax.jit(composition(steps, end), compiler_options=options() if outermost else None)


def _side_by_side(values: Sequence[Any], like: Any) -> Any:
    """Return arrays ``(n,)`` and numbers as one array ``(n, k)``."""
    return jnp.stack([jnp.broadcast_to(jnp.asarray(value, like.dtype), like.shape) for value in values], axis=-1)


def composition(steps: tuple[Program, ...], end: Program | None) -> Callable[..., Any]:
    """Return ``(codes, numbers, sources, start, lines, before) -> open numbers (n,)`` of a chain, or moments with an `end`.

    Its derivatives are reverse and first ones only.
    """
    forwards, backwards = [_forwards(step) for step in steps], [_backwards(step) for step in steps]

    def through(chain: Sequence[Any], part: Any, *, keep: bool) -> Any:
        """Return the state after a chain of a few settings; with `keep` also those before all links, and what these take."""

        def link(state: Any, now: Any) -> tuple[Any, Any]:
            code, numbers, taken = now
            return jax.lax.switch(code, forwards, state, taken, numbers), state if keep else None

        codes, numbers, sources, start = chain
        begin = tuple(jnp.full(part[0].shape, value) for value in start)
        taken = jnp.stack(part)[sources]
        after, states = jax.lax.scan(link, begin, (codes, numbers, taken))
        return after, states, taken

    def finished(state: Any, before: Any) -> Any:
        if end is None:
            return state
        found = end.run(state, list(before), xp)
        return _side_by_side(found[:6], state[0]), _side_by_side(found[6:], state[0])

    def composed(*arguments: Any) -> Any:
        *chain, lines, before = arguments

        def piece(part: Any, fresh: Any) -> Any:
            return finished(through(chain, part, keep=False)[0], before), ()

        return _by_parts(piece, lines)[0]

    def kept(*arguments: Any) -> tuple[Any, Any]:
        return composed(*arguments), arguments

    def pulled(arguments: Any, slopes: Any) -> Any:
        *chain, lines, before = arguments
        codes, numbers, sources, _ = chain

        def link(slopes: Any, now: Any) -> tuple[Any, Any]:
            code, numbers, *values = now
            return jax.lax.switch(code, backwards, *values, slopes, numbers)  # type: ignore[no-any-return]

        def piece(both: Any, fresh: Any) -> Any:
            part, slopes = both
            after, states, taken = through(chain, part, keep=True)
            for_each = jax.tree.map(lambda a: jnp.broadcast_to(a[:, None], (*a.shape, *fresh.shape)), before)
            slopes, by_before = jax.vjp(finished, after, for_each)[1](slopes)
            _, found = jax.lax.scan(link, slopes, (codes, numbers, states, taken), reverse=True)
            by_lines = jnp.zeros((len(part), *part[0].shape), part[0].dtype)
            for column, slope in zip(sources.T, found, strict=True):
                by_lines = by_lines.at[column].add(slope)
            return tuple(by_lines), jax.tree.map(lambda a: jnp.sum(a * fresh, axis=-1), by_before)

        by_lines, by_before = _by_parts(piece, (lines, slopes))
        return None, None, None, None, by_lines, by_before

    program = jax.custom_vjp(composed)
    program.defvjp(kept, pulled)
    return program  # type: ignore[no-any-return]


def _by_parts(function: Callable[[Any, Any], Any], arrays: Any) -> Any:
    """Return ``(results, sums)`` of ``function(part, fresh) -> (results, sums)``, for a few settings at a time.

    Parameters
    ----------
    function : callable
        `fresh` is an array of ones, and of zeros for settings that come a second time: the last few may.
    arrays : tree
        Arrays ``(n, ...)``.
    """
    first = jax.tree.leaves(arrays)[0]
    n, size = first.shape[0], min(first.shape[0], CHUNK)

    def part_from(start: Any, done: Any) -> Any:
        part = jax.tree.map(lambda array: jax.lax.dynamic_slice_in_dim(array, start, size), arrays)
        return function(part, (start + jnp.arange(size) >= done).astype(first.dtype))

    if n == size:
        return part_from(0, 0)

    def step(k: Any, total: Any) -> Any:
        results, sums = total
        start = jnp.minimum(k * size, n - size)
        more, addends = part_from(start, k * size)
        results = jax.tree.map(lambda a, b: jax.lax.dynamic_update_slice_in_dim(a, b, start, 0), results, more)
        return results, jax.tree.map(jnp.add, sums, addends)

    results, sums = jax.eval_shape(part_from, 0, 0)
    empty = jax.tree.map(lambda a: jnp.zeros((n, *a.shape[1:]), a.dtype), results)
    return jax.lax.fori_loop(0, -(-n // size), step, (empty, jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), sums)))


def _forwards(step: Program) -> Callable[..., Any]:
    """Return ``(state, taken, numbers) -> state`` of a step."""

    def following(state: tuple[Any, ...], taken: Any, numbers: Any) -> tuple[Any, ...]:
        own = step.arrays - len(state)
        found = step.run([*state, *(taken[p] for p in range(own))], [numbers[i] for i in range(step.numbers)], xp)
        return tuple(jnp.broadcast_to(value, state[0].shape) for value in found)

    return following


def _backwards(step: Program) -> Callable[..., Any]:
    """Return ``(state, taken, slopes, numbers) -> (slopes before, slopes by what is taken)`` of a step."""
    back = adjoint(step)

    def before(state: tuple[Any, ...], taken: Any, slopes: tuple[Any, ...], numbers: Any) -> tuple[Any, Any]:
        own = step.arrays - len(state)
        arrays = [*state, *(taken[p] for p in range(own)), *slopes]
        found = back.run(arrays, [numbers[i] for i in range(back.numbers)], xp)
        found = [jnp.broadcast_to(jnp.asarray(value, taken.dtype), state[0].shape) for value in found]
        by_taken = [*found[len(state) :], *[jnp.zeros_like(state[0])] * (taken.shape[0] - own)]
        return tuple(found[: len(state)]), tuple(by_taken)

    return before


@lru_cache(maxsize=256)
def single(program: Program, outermost: bool) -> Callable[..., Any]:
    """Return the compiled ``(lines, numbers) -> (n, outputs)`` of a single program."""

    def evaluated(lines: Any, numbers: Any) -> Any:
        found = program.run(lines, [numbers[i] for i in range(program.numbers)], xp)
        return _side_by_side(found, lines[0])

    return jax.jit(evaluated, compiler_options=options() if outermost else None)
