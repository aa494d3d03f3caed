"""Functions and memories that the calculator begins with (the file ``defns.rpn`` that comes with elegant)."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

C = 2.99792458e8
"""Speed of light [m/s]."""

CONSTANTS = {
    "pi": math.pi, "log_10": math.log(10.0), "HUGE": math.exp(100.0), "on_div_by_zero": math.exp(100.0), "c_cgs": 100 * C,
    "c_mks": C, "e_cgs": 4.80325e-10, "e_mks": 1.60217733e-19, "me_cgs": 9.1093897e-28, "me_mks": 9.1093897e-31,
    "re_cgs": 2.81794092e-13, "re_mks": 2.81794092e-15, "kb_cgs": 1.380658e-16, "kb_mks": 1.380658e-23, "mev": 0.51099906,
    "hbar_mks": 1.0545887e-34, "hbar_MeVs": 6.582173e-22, "mp_mks": 1.6726485e-27, "mu_o": 4e-7 * math.pi,
    "eps_o": 1e7 / (4 * math.pi * C**2), "Kas": 1.91655, "Kaq": 0.750499,
}  # fmt: skip
"""Memories; the physical constants are the calculator's own, older than CODATA's."""

RANDOM = ("rnd", "grnd", "grndl")
"""Functions of chance."""


def power(base: float, exponent: float) -> float:
    """Return a power; of a negative base, a whole one."""
    return base ** int(exponent) if base < 0 and exponent == int(exponent) else math.pow(base, exponent)


def modulo(x: float, y: float) -> float:
    """Return what is left of a division, not negative."""
    left = x - int(x / y) * y
    return left + y if left < 0 else left


def interpolated(x: float, x0: float, x1: float, y0: float, y1: float) -> float:
    """Return the point of a straight line."""
    return (x - x0) * (y1 - y0) / (x1 - x0) + y0


FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "+": (2, lambda a, b: a + b), "-": (2, lambda a, b: a - b), "*": (2, lambda a, b: a * b), "/": (2, lambda a, b: a / b),
    "mult": (2, lambda a, b: a * b), "safe_div": (2, lambda a, b: a / b if b else math.exp(100.0)),
    "fmod": (2, math.fmod), "mod": (2, modulo), "sqrt": (1, math.sqrt), "sqr": (1, lambda a: a * a), "pow": (2, power),
    "floor": (1, math.floor), "ceil": (1, math.ceil), "round": (1, round), "int": (1, math.trunc), "chs": (1, lambda a: -a),
    "abs": (1, abs), "sign": (1, lambda a: math.copysign(1.0, a) if a else 1.0), "rec": (1, lambda a: 1 / a),
    "sin": (1, math.sin), "cos": (1, math.cos), "tan": (1, math.tan), "asin": (1, math.asin), "acos": (1, math.acos),
    "atan": (1, math.atan), "atan2": (2, lambda x, y: math.atan2(y, x)),
    "dsin": (1, lambda a: math.sin(a / 180 * math.pi)), "dcos": (1, lambda a: math.cos(a / 180 * math.pi)),
    "dtan": (1, lambda a: math.tan(a / 180 * math.pi)), "dasin": (1, lambda a: math.asin(a) * 180 / math.pi),
    "dacos": (1, lambda a: math.acos(a) * 180 / math.pi), "datan": (1, lambda a: math.atan(a) * 180 / math.pi),
    "rtod": (1, lambda a: a * 180 / math.pi), "dtor": (1, lambda a: a / 180 * math.pi),
    "sinh": (1, math.sinh), "cosh": (1, math.cosh), "tanh": (1, math.tanh), "asinh": (1, math.asinh),
    "acosh": (1, math.acosh), "atanh": (1, math.atanh), "exp": (1, math.exp), "ln": (1, math.log), "log": (1, math.log10),
    "10x": (1, lambda a: math.pow(10.0, a)), "hypot": (2, math.hypot), "Tn": (2, lambda x, n: math.cos(n * math.acos(x))),
    "dist2": (4, lambda x1, y1, x2, y2: math.hypot(x2 - x1, y2 - y1)), "interp": (5, interpolated),
    "max2": (2, max), "min2": (2, min), "erf": (1, math.erf), "erfc": (1, math.erfc), "lngam": (1, math.lgamma),
    "Jn": (2, lambda x, n: special.jv(int(n), x)), "Yn": (2, lambda x, n: special.yn(int(n), x)),
    "beta.p": (1, lambda p: p / math.hypot(p, 1)), "gamma.p": (1, lambda p: math.hypot(p, 1)),
    "gamma.beta": (1, lambda b: 1 / math.sqrt(1 - b * b)), "p.beta": (1, lambda b: b / math.sqrt(1 - b * b)),
    "p.gamma": (1, lambda g: math.sqrt(g * g - 1)),
}  # fmt: skip
"""How many numbers a function takes from the stack, and what it puts there."""
