"""Searches by the optimisers of PyTorch and optax, for what is wanted of a sum of squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from caraval.core.errors import InputError, LatticeError
from caraval.core.registry import registry

Values = Callable[[np.ndarray], np.ndarray]


class Found(NamedTuple):
    """What a search came to, by the names that SciPy has for it.

    Attributes
    ----------
    x, fun : array
        The best point, and the deviations there.
    success : bool
        Whether the sum of squares has stopped to change.
    message : str
    """

    x: np.ndarray
    fun: np.ndarray
    success: bool
    message: str


class _Descent:
    """The sum of squares of deviations, its gradient, and the best point that was seen."""

    def __init__(self, values: Values, jacobian: Values, limits: np.ndarray) -> None:
        self.values, self.jacobian = values, jacobian
        self.low, self.high = limits
        self.sums: list[float] = []
        self.best: tuple[float, Any, Any] = (np.inf, None, None)

    def within(self, x: Any) -> np.ndarray:
        """Return the nearest point within the limits."""
        return np.clip(np.asarray(x, dtype=float), self.low, self.high)

    def gradient(self, x: Any) -> tuple[float, np.ndarray]:
        """Return the sum of squares and its gradient.

        Raises
        ------
        LatticeError
            If there are no optics at this point.
        """
        x = self.within(x)
        deviations = self.values(x)
        total = float(deviations @ deviations)
        if not np.isfinite(total):
            raise LatticeError("the search came to where there are no optics; try smaller steps, or limits")
        self.sums.append(total)
        if total < self.best[0]:
            self.best = total, x, deviations
        return total, 2 * self.jacobian(x).T @ deviations


def descend(
    values: Values, jacobian: Values, start: list[float], limits: np.ndarray, optimizer: Any, steps: int, tolerance: float
) -> Found:
    """Go down a sum of squares with an optimiser, and return the best point.

    Parameters
    ----------
    values, jacobian : callable
        Deviations ``(m,)``, and their derivatives ``(m, n)``, at a point ``(n,)``.
    start : list of float
    limits : array (2, n)
        Within which a point is kept.
    optimizer : callable or optax.GradientTransformation
        Of PyTorch: what makes a `torch.optim.Optimizer` of a list of tensors.
    steps : int
        At most.
    tolerance : float
        Of the sum of squares, relative: the search ends where a step changes it by less.

    Raises
    ------
    InputError
        If the optimiser is neither.
    """
    descent = _Descent(values, jacobian, limits)
    is_of_optax = hasattr(optimizer, "init") and hasattr(optimizer, "update")
    if not is_of_optax and not callable(optimizer):
        raise InputError(f"optimizer must make a torch.optim.Optimizer of a list of tensors, or be of optax, not {optimizer!r}")
    backend = registry().backend("jax" if is_of_optax else "torch")
    step = backend.descent(optimizer, np.array(start, dtype=float), descent.gradient, descent.within)
    success, message = False, f"there were {steps} steps"
    for _ in range(steps):
        try:
            step()
        except LatticeError as error:
            if not descent.sums:
                raise
            message = str(error)
            break
        if len(descent.sums) > 1 and abs(descent.sums[-2] - descent.sums[-1]) <= tolerance * descent.sums[-1]:
            success, message = True, "the sum of squares has stopped to change"
            break
        if descent.sums[-1] <= np.finfo(float).tiny:
            success, message = True, "the sum of squares is zero"
            break
    _, x, deviations = descent.best
    return Found(x, deviations, success, message)
