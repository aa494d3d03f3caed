"""PyTorch's derivatives along: of functions of nests of tensors, and of states that are carried from place to place.

A state is carried by its values alone. Its derivatives come of Newton's method for all places at once, as those of orbits do
(see :mod:`caraval.backends.ways`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

from caraval.core.affine import chained

from .ways import ORDER

Step = Callable[[Any, Any], Any]


class Nest:
    """A nest of tensors: those of real numbers, what else there is, and how it is nested."""

    def __init__(self, nest: Any) -> None:
        self.leaves, self.spec = _pytree.tree_flatten(nest)
        self.places = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]

    @property
    def reals(self) -> list[torch.Tensor]:
        """The tensors of real numbers."""
        return [self.leaves[i] for i in self.places]

    @property
    def others(self) -> list[Any]:
        """What else there is."""
        return [leaf for i, leaf in enumerate(self.leaves) if i not in self.places]

    def filled(self, reals: Any, others: Any = None) -> Any:
        """Return the nest with other leaves."""
        rest, found = iter(self.others if others is None else others), iter(reals)
        leaves = [next(found) if i in self.places else next(rest) for i in range(len(self.leaves))]
        return _pytree.tree_unflatten(leaves, self.spec)


def push(function: Callable[[Any], Any], values: Any, slopes: Any) -> tuple[Any, Any]:
    """Return what a function makes of a nest of values, and the derivative along slopes."""
    given = [v for v in (*_pytree.tree_leaves(values), *_pytree.tree_leaves(slopes)) if isinstance(v, torch.Tensor)]
    dtype = next((v.dtype for v in given if v.is_floating_point()), torch.float64)
    start = Nest(_pytree.tree_map(lambda v: v if v is None else torch.as_tensor(v, dtype=dtype), values))
    along = Nest(_pytree.tree_map(lambda v: v if v is None else torch.as_tensor(v, dtype=dtype), slopes))
    nests: list[Nest] = []

    def run(*reals: torch.Tensor) -> Any:
        nests.append(Nest(function(start.filled(reals))))
        others = [t for t in nests[-1].others if isinstance(t, torch.Tensor)]
        return tuple(nests[-1].reals), tuple(others)

    steps = tuple(s.expand(v.shape) for s, v in zip(along.reals, start.reals, strict=True))
    found, steeper, seen = torch.func.jvp(run, tuple(start.reals), steps, has_aux=True)
    tensors = iter(seen)
    others = [next(tensors) if isinstance(t, torch.Tensor) else t for t in nests[-1].others]
    return nests[-1].filled(found, others), nests[-1].filled(steeper, others)


def scan(step: Step, state: Any, things: torch.Tensor, values: Callable[[Any], Any]) -> Any:
    """Return the states after each of some things, see :meth:`caraval.backends.base.Backend.scan`.

    Parameters
    ----------
    values : callable
        From a tensor to its values in NumPy, or None where a trace hides them.
    """
    nest = Nest(state)
    tensors = [leaf for leaf in nest.leaves if leaf is not None]
    known = [values(tensor) for tensor in tensors]
    matrices = values(things)
    if matrices is None or any(value is None for value in known):
        return _one_by_one(step, state, things)
    numbers = iter(known)
    begin = _pytree.tree_unflatten([leaf if leaf is None else next(numbers)[()] for leaf in nest.leaves], nest.spec)
    seen = [_pytree.tree_leaves(begin)]
    for matrix in matrices.tolist() if matrices.ndim == 3 else matrices:
        begin = step(begin, matrix)
        seen.append(_pytree.tree_leaves(begin))
    columns = [None if leaf is None else np.array([row[i] for row in seen]) for i, leaf in enumerate(nest.leaves)]
    path = torch.stack([things.new_tensor(columns[i]) for i in nest.places], dim=1)
    others = [
        None if columns[i] is None else torch.from_numpy(columns[i]).to(things.device)
        for i in range(len(columns))
        if i not in nest.places
    ]
    before, after = ([None if other is None else other[part] for other in others] for part in (slice(-1), slice(1, None)))
    along = torch.movedim(things, 0, 2)

    def stepped(reals: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [t.expand(reals[:, 0].shape) for t in Nest(step(nest.filled(reals.unbind(1), before), along)).reals], 1
        )

    slopes = _slopes(lambda reals: stepped(reals, along.detach()), path[:-1])
    first = torch.stack(nest.reals)
    for _ in range(ORDER):
        off = stepped(path[:-1], along) - path[1:]
        path = path + chained(slopes, off, first - path[0])
    return nest.filled(path[1:].unbind(1), after)


def _slopes(function: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor) -> torch.Tensor:
    """Return the derivatives ``(n, m, m, ...)`` of a function of arrays ``(n, m, ...)``, place by place."""
    size = at.shape[1]
    unit = (
        torch.eye(size, dtype=at.dtype, device=at.device).reshape(size, 1, size, *(1,) * (at.ndim - 2)).expand(size, *at.shape)
    )
    found = torch.func.vmap(lambda along: torch.func.jvp(function, (at,), (along,))[1])(unit)
    return torch.movedim(found, 0, 2).detach()


def _one_by_one(step: Step, state: Any, things: torch.Tensor) -> Any:
    found = []
    for thing in things.unbind(0):
        state = step(state, thing)
        found.append(_pytree.tree_leaves(state))
    stacked = [None if column[0] is None else torch.stack(column) for column in zip(*found, strict=True)]
    return _pytree.tree_unflatten(stacked, _pytree.tree_structure(state))
