"""Derivatives of functions of six coordinates, on the libraries that have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace, device, is_jax_array, is_torch_array

import caraval as cv


def jacobian(function: Callable[[Any], Any], point: Any, label: str) -> tuple[Any, Any]:
    """Return the derivatives (..., 6, 6) of a function at a point (..., 6), and its values (..., 6) there.

    Column by column, forwards: a function may be of many settings at once, whose axes need no names then.

    Raises
    ------
    BackendError
        If the library has no derivatives.
    """
    jvp = _forward_derivative(point, label)
    xp = array_namespace(point)
    unit = xp.eye(point.shape[-1], dtype=point.dtype, device=device(point))
    found = [jvp(function, (point,), (xp.broadcast_to(unit[i], point.shape),)) for i in range(point.shape[-1])]
    return xp.stack([slopes for _, slopes in found], axis=-1), found[0][0]


def _forward_derivative(point: Any, label: str) -> Callable[..., Any]:
    if is_torch_array(point):
        import torch

        return torch.func.jvp  # type: ignore[no-any-return]
    if is_jax_array(point):
        import jax

        return jax.jvp  # type: ignore[no-any-return]
    raise no_derivatives(label)


def no_derivatives(label: str) -> cv.BackendError:
    """Return the error of an element whose network has no derivative on NumPy."""
    return cv.BackendError(
        f"{label} takes moments, and has a map, by its derivative, which NumPy has not, but of a perceptron alone; "
        "use beam.to('torch') or beam.to('jax')"
    )
