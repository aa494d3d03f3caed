"""Searches for values with which a sequence has the optics that a match asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from caraval.core.errors import LatticeError
from caraval.core.losses import Losses
from caraval.optics.matching import OF_RINGS, Target, deviations

from . import building
from .definitions import Quantity, Setting, Used
from .expressions import Attribute, Variable
from .source import Place

if TYPE_CHECKING:
    from .interpreter import Interpreter

MOST = 100_000
"""How many elements the optics of a match may be worked out for, all tries together: a file is to be read soon."""

REACHED = 1e-9
"""Targets are met to this, relatively where they are large; MAD-X itself stops within its own tolerance."""

INDEPENDENT = 1e-6
"""Least ratio of singular values of the derivatives, each scaled, with which the targets tell all values."""

STEPS = 60
"""How many values may be tried, besides those for derivatives."""

AMBIGUOUS = "other values meet what is asked for as well"

UNTIL = 1e-15
"""Relative change of the values at which the search ends."""


class BeyondError(Exception):
    """A match asks for what is not done here; the message says what."""


class Knob(NamedTuple):
    """What is varied: a variable, or an attribute of an element; and its limits."""

    node: Variable | Attribute
    lower: Quantity
    upper: Quantity
    place: Place

    @property
    def name(self) -> str:
        """As it is written."""
        return self.node.name if isinstance(self.node, Variable) else f"{self.node.owner}->{self.node.name}"


@dataclass(eq=False, slots=True)
class Matching:
    """What a match that is open asks for.

    Attributes
    ----------
    used : Used, optional
        The sequence.
    start : dict
        Twiss parameters at the start of a line; empty: the periodic solution.
    targets : list
        Of each its column, its value, and the range that it is for.
    beyond : str
        What is not done here; empty, if all is.
    minimised : bool
        Whether there is a command that searches; without one MAD-X changes nothing.
    """

    used: Used | None = None
    start: dict[str, float] = field(default_factory=dict)
    knobs: list[Knob] = field(default_factory=list)
    targets: list[tuple[str, float, str]] = field(default_factory=list)
    beyond: str = ""
    minimised: bool = False


def search(interpreter: Interpreter, matching: Matching, losses: Losses) -> list[float]:
    """Return the values with which all is as it should be.

    Raises
    ------
    BeyondError, CaravalError
        If there are none, or not these alone.
    """
    if matching.beyond or matching.used is None:
        raise BeyondError(matching.beyond or "its sequence is not in use")
    if not matching.knobs or not matching.targets:
        raise BeyondError("there is nothing to vary, or to reach")
    if len(matching.targets) < len(matching.knobs):
        raise BeyondError(AMBIGUOUS)
    first = [number(Quantity(*interpreter.number(get(interpreter, knob.node)))) for knob in matching.knobs]
    limits = [(number(knob.lower), number(knob.upper)) for knob in matching.knobs]
    if not all(low < value < high for value, (low, high) in zip(first, limits, strict=True)):
        raise BeyondError("a value begins outside of its limits")
    away = _Away(interpreter, matching, matching.used, losses)
    accuracy = dict.fromkeys(("xtol", "ftol", "gtol"), UNTIL)
    bounds = tuple(np.transpose(limits))
    try:
        found = least_squares(away, first, "3-point", bounds=bounds, x_scale="jac", max_nfev=STEPS, **accuracy)
    except (ValueError, np.linalg.LinAlgError):
        raise BeyondError("there are no optics near the values tried") from None
    if not np.abs(found.fun).max() < REACHED:
        raise BeyondError(f"what is asked for is missed by {np.abs(found.fun).max():.1e}")
    scaled = found.jac / np.maximum(np.linalg.norm(found.jac, axis=0), np.finfo(float).tiny)
    if np.linalg.matrix_rank(scaled, INDEPENDENT) < len(first):
        raise BeyondError(AMBIGUOUS)
    return [float(value) for value in found.x]


class _Away:
    """How far the optics are from what they should be, as a function of the values."""

    def __init__(self, interpreter: Interpreter, matching: Matching, used: Used, losses: Losses) -> None:
        self._interpreter, self._matching, self._used, self._losses = interpreter, matching, used, losses
        self._left = MOST
        self._began = False

    def __call__(self, values: Sequence[float]) -> np.ndarray:
        """Return the differences; infinite where there are no optics, so that the search turns back."""
        for knob, value in zip(self._matching.knobs, values, strict=True):
            give(self._interpreter, knob, Quantity(float(value)))
        built = building.built(self._interpreter, self._used)
        lost = next((loss for loss in self._losses.found if loss.is_physics), None)
        if lost is not None:
            raise BeyondError(str(lost))
        self._left -= len(built.lattice.elements)
        if self._left < 0:
            raise BeyondError(f"it takes the optics of more than {MOST} elements")
        targets = [self._target(built, *target) for target in self._matching.targets]
        start = self._matching.start or None
        try:
            away = deviations(built.lattice.replace(geometry="open" if start else "closed"), targets, start)
        except LatticeError:
            if not self._began:
                raise
            return np.full(len(targets), inf)
        self._began = True
        return np.array(away, dtype=float)

    def _target(self, built: building.Built, quantity: str, value: float, where: str) -> Target:
        weight = 1.0 / max(1.0, abs(value))
        if quantity in OF_RINGS:
            if self._matching.start:
                raise BeyondError("tunes of a line")
            return Target(quantity, value, weight=weight)
        first, last = built.names.range(where)
        if first != last:
            raise BeyondError(f"range {where!r} is no single place")
        return Target(quantity, value, built.ends[first], weight)


def number(quantity: Quantity) -> float:
    """Return a fixed value.

    Raises
    ------
    BeyondError
        If it may be another in MAD-X.
    """
    if quantity.doubts:
        raise BeyondError(quantity.doubts[0].why)
    return float(quantity.value)  # type: ignore[arg-type]


def get(interpreter: Interpreter, node: Variable | Attribute) -> Quantity:
    """Return what is varied, as it is; zero, if it is not set."""
    if isinstance(node, Variable):
        return interpreter.variables.get(node.name, Quantity(0.0))
    setting = interpreter.elements[node.owner].settings.get(node.name)
    return setting.value if setting is not None and isinstance(setting.value, Quantity) else Quantity(0.0)


def give(interpreter: Interpreter, knob: Knob, quantity: Quantity) -> None:
    """Set what is varied."""
    if isinstance(knob.node, Variable):
        interpreter.set_variable(knob.node.name, quantity)
    else:
        interpreter.elements[knob.node.owner].settings[knob.node.name] = Setting(quantity, knob.place)
        interpreter.changed()
