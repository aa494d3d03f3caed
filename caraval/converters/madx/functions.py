"""The functions and constants that expressions know (MAD-X manual, "Operators in Arithmetic Expressions")."""

from __future__ import annotations

import math
from collections.abc import Callable

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "sinc": lambda x: math.sin(x) / x if x else 1.0,
    "abs": abs,
    "erf": math.erf,
    "erfc": math.erfc,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda x: math.copysign(math.floor(abs(x) + 0.5), x),
    "frac": lambda x: x - math.trunc(x),
}
"""Functions of one number."""

RANDOM = ("ranf", "gauss", "tgauss", "user0", "user1", "user2")
"""Functions whose values differ from run to run, or are the user's own."""

TABLES = ("table", "tabindex", "tabstring", "exist")
"""Functions that look at what commands have computed."""

_EMASS, _PMASS = 0.51099895000e-3, 0.93827208816
_ERAD = 2.8179403262e-15

CONSTANTS: dict[str, float] = {
    "pi": math.pi,
    "twopi": 2 * math.pi,
    "degrad": 180 / math.pi,
    "raddeg": math.pi / 180,
    "e": math.e,
    "emass": _EMASS,
    "pmass": _PMASS,
    "nmass": 0.93956542052,
    "umass": 0.93149410242,
    "mumass": 0.1056583715,
    "clight": 299792458.0,
    "qelect": 1.602176634e-19,
    "hbar": 6.582119569e-25,
    "erad": _ERAD,
    "prad": _ERAD * _EMASS / _PMASS,
    "version": 50903.0,
    "true": 1.0,
    "false": 0.0,
}
"""Constants (MAD-X manual, "Predefined Symbolic Constants"): energies in GeV. `version` is that whose rules are followed."""
