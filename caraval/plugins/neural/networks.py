"""Networks: functions with weights, of whatever library they are."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import caraval as cv

Weights = Mapping[str, Any]
"""Arrays by name."""


class Network(ABC):
    """What a module is without its weights: hashable, so that what is compiled for it is found again.

    Attributes
    ----------
    library : str or None
        Name of the array library that it acts on; None: any.
    names : tuple of str
        Of its weights.
    """

    library: ClassVar[str | None] = None
    names: tuple[str, ...]

    @abstractmethod
    def __call__(self, weights: Weights, values: Any) -> Any:
        """Return what it makes of values ``(..., inputs)``: an array ``(..., outputs)``."""

    def slopes(self, weights: Weights, values: Any) -> Any:
        """Return the derivatives ``(..., outputs, inputs)`` at values ``(..., inputs)``; None: the library has to find them."""
        return None

    @abstractmethod
    def module(self, weights: Weights) -> Any:
        """Return it with these weights, as its author knows it."""

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """Return what a file says of it: plain data, ``architecture`` among them."""

    def saved(self, weights: Weights) -> dict[str, Any]:
        """Return the arrays that a file holds."""
        return dict(weights)

    def loaded(self, saved: Weights) -> dict[str, Any]:
        """Return the weights among the arrays that a file held."""
        return dict(saved)

    def check(self, label: str, weights: Weights) -> None:
        """Check that these are its weights.

        Raises
        ------
        InputError
            If their names are others.
        """
        if set(weights) != set(self.names):
            missing, unknown = set(self.names) - set(weights), set(weights) - set(self.names)
            said = [
                f"{what} {', '.join(sorted(names))}" for what, names in (("lacks", missing), ("knows no", unknown)) if names
            ]
            raise cv.InputError(f"{label}: its network {' and '.join(said)} among the weights; it has {', '.join(self.names)}")


def network_of(module: Any) -> tuple[Network, dict[str, Any]]:
    """Return a module as a network and its weights.

    Parameters
    ----------
    module : torch.nn.Module, JAX callable, or (callable, tree of JAX arrays)

    Raises
    ------
    InputError
        If it is nothing of that kind.
    """
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")  # whoever made a module has imported its library
    if torch is not None and isinstance(module, torch.nn.Module):
        from .torch_module import TorchModule

        return TorchModule.of(module)
    if jax is not None and (callable(module) or _is_function_with_weights(module)):
        from .jax_module import JaxModule

        return JaxModule.of(*(module if isinstance(module, tuple) else (None, module)))
    raise cv.InputError(
        "module must be a torch.nn.Module, a JAX callable with its weights inside (such as an Equinox module), or a pair "
        f"(function, weights) such as (flax_module.apply, variables), not {type(module).__name__}"
    )


def _is_function_with_weights(module: Any) -> bool:
    return isinstance(module, tuple) and len(module) == 2 and callable(module[0])
