"""Derivatives of recorded functions, backwards, as programs of their own.

The sweep backwards through a program's operations (Griewank and Walther, "Evaluating Derivatives", 3.2), run on symbols,
leaves a program that repeats the function and returns its derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .jet import DERIVATIVES
from .recording import FUNCTIONS, OPERATORS, Program, Symbol, UnrecordableError, record

Rule = Callable[..., tuple[Any, ...]]

RULES: dict[str, Rule] = {
    "add": lambda slope, y, a, b: (slope, slope),
    "sub": lambda slope, y, a, b: (slope, -slope),
    "mul": lambda slope, y, a, b: (slope * b, slope * a),
    "truediv": lambda slope, y, a, b: (slope / b, -slope * y / b),
    "neg": lambda slope, y, a: (-slope,),
    "where": lambda slope, y, c, a, b: (None, FUNCTIONS.where(c, slope, 0.0), FUNCTIONS.where(c, 0.0, slope)),
    "maximum": lambda slope, y, a, b: (FUNCTIONS.where(a > b, slope, 0.0), FUNCTIONS.where(a > b, 0.0, slope)),
    "minimum": lambda slope, y, a, b: (FUNCTIONS.where(a < b, slope, 0.0), FUNCTIONS.where(a < b, 0.0, slope)),
    "hypot": lambda slope, y, a, b: (slope * a / y, slope * b / y),
    "atan2": lambda slope, y, a, b: (slope * b / (a * a + b * b), -slope * a / (a * a + b * b)),
    "floor": lambda slope, y, a: (None,),
}
"""``(slope of the result, result, arguments) -> slopes of the arguments``; None: it does not depend on it."""


@lru_cache(maxsize=1024)
def adjoint(program: Program) -> Program:
    """Return the program of a program's derivatives.

    It takes the same arrays, then as many as there are outputs: the slope of something by each of these; and the same
    numbers. It returns the slopes by the arrays.

    Raises
    ------
    UnrecordableError
        If an operation has no derivative here.
    """
    taken, outputs = program.arrays, len(program.outputs)

    def backwards(values: list[Symbol]) -> list[Any]:
        arrays, slopes, numbers = values[:taken], values[taken : taken + outputs], values[taken + outputs :]
        found = program.values(arrays, numbers, FUNCTIONS)
        total: list[Any] = [0.0] * len(found)
        for term, slope in zip(program.outputs, slopes, strict=True):
            if isinstance(term, int):
                total[term] = total[term] + slope
        first = taken + program.numbers
        for place in range(len(found) - 1, first - 1, -1):
            name, terms = program.operations[place - first]
            if not isinstance(total[place], Symbol):  # nothing depends on it
                continue
            inputs = [found[term] if isinstance(term, int) else term.value for term in terms]
            for term, slope in zip(terms, _pulled(name, total[place], found[place], inputs), strict=True):
                if isinstance(term, int) and slope is not None:
                    total[term] = total[term] + slope
        return total[:taken]

    return record(backwards, taken + outputs, program.numbers)


def _pulled(name: str, slope: Any, result: Any, inputs: list[Any]) -> tuple[Any, ...]:
    if name in RULES:
        return RULES[name](slope, result, *inputs)
    if name in DERIVATIVES:
        return (slope * DERIVATIVES[name](FUNCTIONS, inputs[0], result),)
    if name in OPERATORS:  # a comparison
        return (None,) * len(inputs)
    raise UnrecordableError(f"the derivative of {name}")
