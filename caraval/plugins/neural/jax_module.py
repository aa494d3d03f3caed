"""Functions of JAX with their weights: trees of arrays that can be called, or that a function takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from .networks import Network, Weights


@dataclass(frozen=True, repr=False)
class JaxModule(Network):
    """A JAX function of the coordinates of one particle, ``(inputs,) -> (outputs,)``, mapped over all of them.

    Attributes
    ----------
    function : callable, optional
        ``(tree, values) -> values``; None: the tree itself is what is called (Equinox).
    structure : PyTreeDef
        Of the tree.
    rest : tuple
        Its leaves that are no weights; None in the places of those that are.
    names : tuple of str
        Of the weights, by where they are in the tree.
    """

    function: Any
    structure: Any
    rest: tuple[Any, ...]
    names: tuple[str, ...]

    library = "jax"

    @classmethod
    def of(cls, function: Callable[..., Any] | None, tree: Any) -> tuple[JaxModule, dict[str, Any]]:
        """Return a tree as a network and its weights."""
        paths, structure = jax.tree_util.tree_flatten_with_path(tree)
        named = [(jax.tree_util.keystr(path, simple=True, separator="."), leaf) for path, leaf in paths]
        weights = {name: leaf for name, leaf in named if _is_weight(leaf)}
        rest = tuple(None if name in weights else _Held.of(leaf) for name, leaf in named)
        return cls(_Held.of(function), structure, rest, tuple(weights)), weights

    def __call__(self, weights: Weights, values: Any) -> Any:
        """Return what the function makes of the last axis of values."""
        out = jax.vmap(self._called(weights))(values.reshape(-1, values.shape[-1]))
        return out.reshape(*values.shape[:-1], *out.shape[1:])

    def _called(self, weights: Weights) -> Callable[[Any], Any]:
        function, tree = _Held.out(self.function), self._tree(weights)
        return tree if function is None else lambda values: function(tree, values)

    def _tree(self, weights: Weights) -> Any:
        own = iter(weights[name] for name in self.names)
        return jax.tree.unflatten(self.structure, [next(own) if leaf is None else _Held.out(leaf) for leaf in self.rest])

    def module(self, weights: Weights) -> Any:
        """Return the module, or the pair of function and weights."""
        function, tree = _Held.out(self.function), self._tree(weights)
        return tree if function is None else (function, tree)

    def described(self) -> dict[str, Any]:
        """Return the name of the class or the function, for people to read."""
        function = _Held.out(self.function)
        named = function if function is not None else type(jax.tree.unflatten(self.structure, self.rest))
        return {"architecture": "jax", "class": f"{named.__module__}.{named.__qualname__}"}

    def __repr__(self) -> str:
        return f"<JAX module {self.described()['class']}>"


def _is_weight(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


@dataclass(frozen=True, eq=False)
class _Held:
    """A thing without a hash, which is equal to itself alone."""

    thing: Any

    @classmethod
    def of(cls, thing: Any) -> Any:
        """Return a thing that has a hash: itself, or held."""
        try:
            hash(thing)
        except TypeError:
            return cls(thing)
        return thing

    @staticmethod
    def out(thing: Any) -> Any:
        """Return what is held."""
        return thing.thing if isinstance(thing, _Held) else thing
