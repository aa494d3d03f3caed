"""What of Python, NumPy and Ocelot a file may use that is read without being executed."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from caraval.core.reference import C_LIGHT, as_species

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("sqrt", "sin", "cos", "tan", "exp", "log", "asin", "acos", "atan", "atan2")},
    **{name: getattr(math, name) for name in ("sinh", "cosh", "tanh", "radians", "degrees", "floor", "ceil", "fabs")},
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "arctan2": math.atan2, "deg2rad": math.radians,
    "rad2deg": math.degrees, "abs": abs, "float": float, "int": int, "round": round, "min": min, "max": max,
}  # fmt: skip
CONSTANTS = {
    "pi": math.pi,
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
    "speed_of_light": C_LIGHT,
    **{f"m_e_{unit}": as_species("electron").mass / size for unit, size in (("eV", 1.0), ("MeV", 1e6), ("GeV", 1e9))},
}
"""Numbers of mathematics, and of Ocelot."""

MODULES = ("np", "numpy", "math", "ocelot", "oc", "elements")
"""Names that may stand before a dot without a meaning of their own."""

SILENT = ("print", "filterwarnings", "seed")
"""Functions whose calls do nothing to a lattice."""

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: float(a) ** b if not isinstance(a, complex) else a**b,
}
"""Arithmetic; powers are of floating point, which bounds them."""
