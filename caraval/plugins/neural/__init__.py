"""Learned models in a line: networks as elements, and as corrections of elements.

:class:`NeuralElement` holds any PyTorch module or JAX function, which acts on coordinates or on moments, alone or on top of the
physics of another element. :class:`SymplecticNetwork` is symplectic whatever its weights. Both are trained where they stand:
derivatives by their weights go through lines, eager and compiled; and both are saved with their lattice.
"""

from __future__ import annotations

from typing import Any

import caraval as cv

from .element import NeuralElement, reference, steps
from .perceptron import Perceptron
from .symplectic import SymplecticNetwork
from .symplectic import steps as layers

__all__ = ["NeuralElement", "Perceptron", "SymplecticNetwork"]


@cv.hookimpl
def register_tracking_methods() -> dict[tuple[type[cv.Element], str], Any]:
    """What was learned is the same whatever the method."""
    learned = cv.Composite(steps, reference=reference)
    symplectic = cv.Composite(layers)
    return {
        (NeuralElement, "bmad_standard"): learned,
        (NeuralElement, "kick_drift_kick"): learned,
        (SymplecticNetwork, "bmad_standard"): symplectic,
        (SymplecticNetwork, "kick_drift_kick"): symplectic,
    }
