"""Modules of PyTorch."""

from __future__ import annotations

from typing import Any

import torch

import caraval as cv

from .networks import Network, Weights


class TorchModule(Network):
    """A PyTorch module; it is called with values ``(..., inputs)``, as modules are.

    Its weights are the module's own parameters: whoever trains the module, trains the element.
    """

    library = "torch"

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self.names = tuple(name for name, _ in module.named_parameters())

    @classmethod
    def of(cls, module: torch.nn.Module) -> tuple[TorchModule, dict[str, Any]]:
        """Return a module as a network and its weights."""
        return cls(module), dict(module.named_parameters())

    def __call__(self, weights: Weights, values: Any) -> Any:
        """Return what the module makes of values, with other weights in the place of its own.

        Raises
        ------
        BackendError
            If they are on another device than the values.
        """
        for weight in weights.values():
            if weight.device != values.device:
                raise cv.BackendError(
                    f"{self!r} is on {weight.device} and the beam on {values.device}; use module.to({str(values.device)!r})"
                )
        buffers = {name: buffer.to(values.dtype) for name, buffer in self._module.named_buffers() if buffer.is_floating_point()}
        return torch.func.functional_call(self._module, {**buffers, **weights}, (values,))

    def module(self, weights: Weights) -> torch.nn.Module:
        """Return the module itself.

        Raises
        ------
        InputError
            If the weights are not its own.
        """
        own = dict(self._module.named_parameters())
        if any(weights[name] is not own[name] for name in self.names):
            raise cv.InputError("these weights are not the module's own; load them into it: module.load_state_dict(...)")
        return self._module

    def described(self) -> dict[str, Any]:
        """Return the class of the module, for people to read."""
        return {"architecture": "torch", "class": _class(self._module)}

    def saved(self, weights: Weights) -> dict[str, Any]:
        """Return the weights and the module's other state (means and variances of normalisations)."""
        return {**dict(self._module.named_buffers()), **weights}

    def loaded(self, saved: Weights) -> dict[str, Any]:
        """Put saved state into the module, as ``load_state_dict`` does, and return its parameters."""
        own = {**dict(self._module.named_buffers()), **dict(self._module.named_parameters())}
        with torch.no_grad():
            for name, value in saved.items():
                own[name].copy_(torch.as_tensor(value))
        return dict(self._module.named_parameters())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TorchModule) and other._module is self._module

    def __hash__(self) -> int:
        return id(self._module)

    def __repr__(self) -> str:
        return f"<PyTorch module {_class(self._module)}>"


def _class(module: Any) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
