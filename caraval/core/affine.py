"""Chains of small linear maps, all places at once: as many steps as the number of places has binary digits.

(Hillis and Steele, "Data parallel algorithms", Commun. ACM 29, 1170.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace


def times(a: Any, b: Any) -> Any:
    """Return products of matrices ``(n, i, j, ...)`` and ``(n, j, k, ...)``, whose settings come last."""
    if a.ndim == 3:
        return a @ b
    xp, settings = array_namespace(a, b), range(3, a.ndim)
    first, last = (0, *settings, 1, 2), (0, a.ndim - 2, a.ndim - 1, *range(1, a.ndim - 2))
    return xp.permute_dims(xp.permute_dims(a, first) @ xp.permute_dims(b, first), last)


def image(a: Any, v: Any) -> Any:
    """Return products of matrices ``(n, i, j, ...)`` and vectors ``(n, j, ...)``."""
    return times(a, v[:, :, None, ...])[:, :, 0, ...]


def chained(matrices: Any, drives: Any, start: Any) -> Any:
    """Return the vectors ``v[0] = start`` and ``v[i + 1] = matrices[i] v[i] + drives[i]``.

    Parameters
    ----------
    matrices : array (n, m, m, ...)
    drives : array (n, m, ...)
    start : array (m, ...)

    Returns
    -------
    array (n + 1, m, ...)
    """
    xp = array_namespace(drives, start)
    found = xp.concat([start[None], drives])
    steps = xp.concat([xp.zeros_like(matrices[:1]), matrices])
    reach, count = 1, found.shape[0]
    while reach < count:  # every vector is known from the one that is `reach` before it
        found = xp.concat([found[:reach], found[reach:] + image(steps[reach:], found[:-reach])])
        steps = xp.concat([steps[:reach], times(steps[reach:], steps[:-reach])])
        reach *= 2
    return found


def folded(matrices: Any, lengths: Sequence[int] | np.ndarray) -> Any:
    """Return the products of stretches of matrices, later ones on the left.

    Parameters
    ----------
    matrices : array (n, m, m, ...)
    lengths : sequence of int
        How many matrices each stretch has, at least one; their sum is n.

    Returns
    -------
    array (stretches, m, m, ...)
    """
    xp, lengths = array_namespace(matrices), np.asarray(lengths)
    while lengths.max(initial=1) > 1:
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        first = within % 2 == 0
        has_next = first & (within + 1 < np.repeat(lengths, lengths))
        pairs, alone = np.flatnonzero(has_next), np.flatnonzero(first & ~has_next)
        together = times(taken(matrices, pairs + 1), taken(matrices, pairs))
        order = np.argsort(np.concatenate([pairs, alone]))
        matrices = taken(xp.concat([together, taken(matrices, alone)]), order)
        lengths = (lengths + 1) // 2
    return matrices


def taken(array: Any, places: np.ndarray) -> Any:
    """Return the parts of an array at some places of its first axis."""
    xp = array_namespace(array)
    return xp.take(array, xp.asarray(places, device=getattr(array, "device", None)), axis=0)
