"""Perceptrons with several layers: a network that a file describes whole, on every array library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace

import caraval as cv

from .networks import Network, Weights

ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda xp, v: xp.tanh(v),
    "sin": lambda xp, v: xp.sin(v),
    "relu": lambda xp, v: xp.where(v > 0, v, xp.zeros_like(v)),
    "softplus": lambda xp, v: xp.logaddexp(v, xp.zeros_like(v)),
}
"""Functions between layers."""

SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda xp, v: 1 - xp.tanh(v) ** 2,
    "sin": lambda xp, v: xp.cos(v),
    "relu": lambda xp, v: xp.where(v > 0, xp.ones_like(v), xp.zeros_like(v)),
    "softplus": lambda xp, v: (1 + xp.tanh(v / 2)) / 2,
}
"""And their derivatives."""


@dataclass(frozen=True)
class Perceptron(Network):
    """Layers ``v -> activation(weight v + bias)``, the last without activation.

    Attributes
    ----------
    sizes : tuple of int
        Inputs, widths of the hidden layers, outputs.
    activation : str
        ``"tanh"``, ``"sin"``, ``"relu"`` or ``"softplus"``.
    """

    sizes: tuple[int, ...]
    activation: str = "tanh"

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in self.sizes):
            raise cv.InputError(f"sizes must be two or more whole numbers of nodes, not {self.sizes!r}")
        if self.activation not in ACTIVATIONS:
            raise cv.InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by name."""
        found: dict[str, tuple[int, ...]] = {}
        for i, (inputs, outputs) in enumerate(pairwise(self.sizes)):
            found |= {f"{i}.weight": (outputs, inputs), f"{i}.bias": (outputs,)}
        return found

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the weights."""
        return tuple(self.shapes)

    def random(self, seed: int, silent: bool) -> dict[str, np.ndarray]:
        """Return weights to start from.

        Parameters
        ----------
        seed : int
        silent : bool
            Whether all outputs are zero at first.

        Notes
        -----
        X. Glorot and Y. Bengio, Proc. Machine Learning Research 9, 249 (2010): uniform within the root of 6 over the number of
        inputs and outputs, so that neither values nor slopes grow from layer to layer.
        """
        rng = np.random.default_rng(seed)
        weights = {}
        for name, shape in self.shapes.items():
            bound = sqrt(6 / sum(shape)) if len(shape) == 2 else 0.0
            weights[name] = rng.uniform(-bound, bound, size=shape)
        if silent:
            weights[f"{len(self.sizes) - 2}.weight"] *= 0
        return weights

    def __call__(self, weights: Weights, values: Any) -> Any:
        """Return the outputs."""
        xp = array_namespace(values)
        last = len(self.sizes) - 2
        for i in range(last + 1):
            values = values @ xp.matrix_transpose(weights[f"{i}.weight"]) + weights[f"{i}.bias"]
            if i < last:
                values = ACTIVATIONS[self.activation](xp, values)
        return values

    def slopes(self, weights: Weights, values: Any) -> Any:
        """Return the derivatives ``(..., outputs, inputs)``: the product of the layers' own."""
        xp = array_namespace(values)
        found = weights["0.weight"]
        for i in range(1, len(self.sizes) - 1):
            values = values @ xp.matrix_transpose(weights[f"{i - 1}.weight"]) + weights[f"{i - 1}.bias"]
            found = weights[f"{i}.weight"] @ (SLOPES[self.activation](xp, values)[..., None] * found)
            values = ACTIVATIONS[self.activation](xp, values)
        return found

    def module(self, weights: Weights) -> Any:
        """Return the function ``values -> values``."""
        return lambda values: self(weights, values)

    def described(self) -> dict[str, Any]:
        """Return all of it."""
        return {"architecture": "perceptron", "sizes": list(self.sizes), "activation": self.activation}

    def check(self, label: str, weights: Weights) -> None:
        """Check names and shapes."""
        super().check(label, weights)
        for name, shape in self.shapes.items():
            found = tuple(getattr(weights[name], "shape", ()))
            if found != shape:
                raise cv.InputError(f"{label}: the weights {name} must have shape {shape}, not {found}")
