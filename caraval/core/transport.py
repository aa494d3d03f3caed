"""Moments of many settings through a map, as programs that backends compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from .arrays import is_number, shape_of
from .chains import Chain, Composed, Pattern, filled, in_rows, numbers_of
from .maps import LinearMap, congruent, image
from .recording import Program, Symbol, record

SOME = float("inf")
"""Stands in a pattern for a plain number that is neither zero nor one."""

Evaluate = Callable[[Program, Sequence[Any], Any], Any]
"""``(program, arrays (n,), array of the numbers) -> array (n, outputs)``."""

Moments = Callable[[Chain, Sequence[Any], Any], tuple[Any, Any]]
"""``(chain, arrays (n,), array of mean and covariance (42,)) -> mean (n, 6), covariance (n, 36)``."""


def moved(m: LinearMap, mean: Any, covariance: Any, evaluate: Evaluate, *, fixed: bool) -> tuple[Any, Any]:
    """Return mean ``(..., 6)`` and covariance ``(..., 6, 6)`` after a map of many settings.

    Parameters
    ----------
    m : LinearMap
        In the precision of the moments.
    mean, covariance : array
    evaluate : callable
        Runs programs.
    fixed : bool
        Whether moments that are the same for all settings may be taken as plain numbers.
    """
    xp = array_namespace(mean)
    values = numbers_of(m)
    pattern = tuple(None if not is_number(v) else v if v in (0.0, 1.0) else SOME for v in values)
    plain = [v for v, known in zip(values, pattern, strict=True) if known == SOME]
    shape = np.broadcast_shapes(*set(map(shape_of, values)), mean.shape[:-1], covariance.shape[:-2])
    lines = in_rows((v for v in values if not is_number(v)), shape, mean.dtype)
    batched = not fixed or mean.ndim > 1 or covariance.ndim > 2
    numbers = xp.asarray(plain, dtype=mean.dtype)

    def after(program: Program, moments: Any, own: tuple[int, ...]) -> Any:
        size = int(np.prod(own))
        if batched:
            flat = xp.reshape(xp.broadcast_to(moments, (*shape, *own)), (-1, size))
            found = evaluate(program, [*lines, *(flat[:, i] for i in range(size))], numbers)
        else:
            found = evaluate(program, lines, xp.concat([numbers, xp.reshape(moments, (size,))]))
        return xp.reshape(found, (*shape, *own))

    of_mean, of_covariance = programs(pattern, batched)
    return after(of_mean, mean, (6,)), after(of_covariance, covariance, (6, 6))


def carried(m: Composed, mean: Any, covariance: Any, moments: Moments) -> tuple[Any, Any]:
    """Return mean ``(..., 6)`` and covariance ``(..., 6, 6)`` after a chain of many settings.

    Parameters
    ----------
    m : Composed
        In the precision of the moments.
    mean : array (6,)
    covariance : array (6, 6)
        The same for all settings.
    moments : callable
        Takes moments through chains.
    """
    xp, shape = array_namespace(mean), m.chain.shape
    before = xp.concat([mean, xp.reshape(covariance, (36,))])
    first, second = moments(m.chain, m.chain.lines, before)
    return xp.reshape(first, (*shape, 6)), xp.reshape(second, (*shape, 6, 6))


@lru_cache(maxsize=256)
def ending(pattern: Pattern) -> Program:
    """Return the program that makes 42 moments, mean before covariance, of a map's open numbers and of 42 before."""
    of_mean, of_covariance = programs(pattern, batched=False)

    def after(values: list[Symbol]) -> list[Any]:
        opened, mean, covariance = values[: of_mean.arrays], values[of_mean.arrays : -36], values[-36:]
        return [
            *of_mean.run(opened, mean, values[0].__array_namespace__()),
            *of_covariance.run(opened, covariance, values[0].__array_namespace__()),
        ]

    return record(after, of_mean.arrays, 42)


@lru_cache(maxsize=256)
def programs(pattern: Pattern, batched: bool) -> tuple[Program, Program]:
    """Return the programs with which a map moves a mean (6 outputs) and a covariance (36).

    Parameters
    ----------
    pattern : tuple
        Of the map: what is open is an array, what is neither zero nor one a number.
    batched : bool
        Whether the moments before are arrays of settings; else they are numbers, which come after those of the map.
    """
    opened = sum(known is None for known in pattern)
    plain = [i for i, known in enumerate(pattern) if known == SOME]

    def moving(size: int, function: Callable[[LinearMap, list[Symbol]], list[Any]]) -> Program:
        def after(values: list[Symbol]) -> list[Any]:
            moments = values[opened : opened + size] if batched else values[opened + len(plain) :]
            known: list[Any] = list(pattern)
            for place, number in zip(plain, values[opened + size * batched :], strict=False):
                known[place] = number
            return function(filled(tuple(known), values[:opened]), moments)

        return record(after, opened + size * batched, len(plain) + size * (not batched))

    def covariance(m: LinearMap, values: list[Symbol]) -> list[Any]:
        rows = tuple(tuple(values[6 * max(i, j) + min(i, j)] for j in range(6)) for i in range(6))
        return [value for row in congruent(m.entries, rows) for value in row]

    return moving(6, image), moving(36, covariance)
