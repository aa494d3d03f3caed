"""The array namespace of plain numbers.

Routines take the namespace of their arguments as `xp`. For settings that are plain numbers this module is `xp`, which is
forty times quicker than zero-dimensional arrays, and its results are Python floats, which take the precision of whatever
they meet. Numba compiles particle routines against a copy of it.
"""

from __future__ import annotations

from math import acos, asin, atan, atan2, cos, cosh, exp, floor, hypot, log, pi, sin, sinh, sqrt, tan, tanh
from typing import Any

__all__ = [
    "abs", "acos", "asin", "atan", "atan2", "cos", "cosh", "exp", "floor", "hypot", "log", "maximum", "minimum", "pi", "sin",
    "sinh", "sqrt", "tan", "tanh", "where",
]  # fmt: skip

abs = abs


def where(condition: bool, then: Any, otherwise: Any) -> Any:
    """Choose `then` where `condition` holds."""
    return then if condition else otherwise


def maximum(a: Any, b: Any) -> Any:
    """Return the larger of two numbers."""
    return a if a > b else b


def minimum(a: Any, b: Any) -> Any:
    """Return the smaller of two numbers."""
    return a if a < b else b
