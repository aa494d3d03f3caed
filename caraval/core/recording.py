"""Recorded functions: what a pure function of numbers does, written down operation by operation.

Functions of elements (their maps) are written in Python for any array library. Run once on symbols they leave a program,
which backends compile into one loop over settings, or interpret inside of a program of their own. Nothing is known of a
symbol's value, as of an array's inside of a trace.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import scalar
from .arrays import is_number


class Constant(NamedTuple):
    """A plain number in a program."""

    value: float


Term = int | Constant
"""What an operation takes: the place of a value, or a constant. (A bare number would be equal to the place of that number.)"""


class Operation(NamedTuple):
    """An elementary function by its name, and what it takes."""

    name: str
    terms: tuple[Term, ...]


class Program(NamedTuple):
    """A recorded function. Its values are numbered: arrays, then numbers, then the result of every operation.

    Attributes
    ----------
    arrays : int
        How many arrays of settings it takes.
    numbers : int
        How many numbers it takes besides, the same for all settings.
    operations : tuple of Operation
    outputs : tuple of int or Constant
        Places of what it returns; what does not depend on anything is a constant.
    """

    arrays: int
    numbers: int
    operations: tuple[Operation, ...]
    outputs: tuple[Term, ...]

    def run(self, arrays: Sequence[Any], numbers: Sequence[Any], xp: Any) -> list[Any]:
        """Return what the function makes of arrays and numbers, computed with a namespace."""
        values = self.values(arrays, numbers, xp)
        return [values[term] if isinstance(term, int) else term.value for term in self.outputs]

    def values(self, arrays: Sequence[Any], numbers: Sequence[Any], xp: Any) -> list[Any]:
        """Return all values on the way: arrays, numbers, and the result of every operation."""
        values = [*arrays, *numbers]
        for name, terms in self.operations:
            function = OPERATORS.get(name) or getattr(xp, name)
            values.append(function(*(values[term] if isinstance(term, int) else term.value for term in terms)))
        return values


MOST = 4_000
"""Operations in a program: with more of them compilers take long."""


class UnrecordableError(Exception):
    """A function does something with a symbol that is no elementary operation."""


OPERATORS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "neg", "lt", "le", "gt", "ge", "eq", "ne")
} | {"and": operator.and_, "or": operator.or_, "not": lambda a: a == False}  # noqa: E712 - of arrays
"""Operations that are written with signs; all others are functions of the namespace."""


class Recorder:
    """Writes operations down."""

    def __init__(self, values: int) -> None:
        self.values = values
        self.operations: list[Operation] = []

    def symbol(self, place: int) -> Symbol:
        """Return the symbol of a value."""
        return Symbol(self, place)

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Write an operation down and return its result."""
        terms = tuple(map(term_of, arguments))
        known = _known(name, terms, arguments)
        if known is not None:
            return known
        if len(self.operations) == MOST:
            raise UnrecordableError(f"more than {MOST} operations")
        self.operations.append(Operation(name, terms))
        return Symbol(self, self.values + len(self.operations) - 1)


def term_of(value: Any) -> Term:
    """Return the place of a symbol's value, or a number itself.

    Raises
    ------
    UnrecordableError
        If it is neither.
    """
    if isinstance(value, Symbol):
        return value.place
    if is_number(value) or isinstance(value, bool):
        return Constant(float(value))
    raise UnrecordableError(f"a {type(value).__name__} comes into a function that is recorded")


def _known(name: str, terms: tuple[Term, ...], arguments: tuple[Any, ...]) -> Any:
    """Return the result of an operation with a plain zero or one, where nothing needs to be computed; None: it does."""
    if len(terms) != 2:
        return None
    a, b = arguments
    left, right = (term.value if isinstance(term, Constant) else None for term in terms)
    match name:
        case "add" if left == 0 or right == 0:
            return b if left == 0 else a
        case "sub" if right == 0 or left == 0:
            return a if right == 0 else -b
        case "mul" if left == 0 or right == 0:
            return 0.0
        case "mul" if left == 1 or right == 1:
            return b if left == 1 else a
        case "mul" if left == -1 or right == -1:
            return -b if left == -1 else -a
        case "truediv" if left == 0:
            return 0.0
        case "truediv" if right == 1:
            return a
    return None


def _operator(name: str, *, swapped: bool = False) -> Any:
    def method(self: Symbol, *others: Any) -> Any:
        if not all(isinstance(other, (Symbol, int, float)) for other in others):
            return NotImplemented  # jets know what to do with symbols
        return self.recorder(name, *((*others, self) if swapped else (self, *others)))

    return method


class Symbol:
    """A value of which nothing is known yet: an array without axes, as routines see it."""

    __slots__ = ("place", "recorder")
    __array_ufunc__ = None  # NumPy leaves arithmetic with symbols to the symbols
    __hash__ = None  # type: ignore[assignment]

    shape = ()
    ndim = 0
    dtype = float
    device = None

    def __init__(self, recorder: Recorder, place: int) -> None:
        self.recorder = recorder
        self.place = place

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return FUNCTIONS

    __add__, __radd__ = _operator("add"), _operator("add", swapped=True)
    __sub__, __rsub__ = _operator("sub"), _operator("sub", swapped=True)
    __mul__, __rmul__ = _operator("mul"), _operator("mul", swapped=True)
    __truediv__, __rtruediv__ = _operator("truediv"), _operator("truediv", swapped=True)
    __lt__, __le__, __gt__, __ge__ = (_operator(name) for name in ("lt", "le", "gt", "ge"))
    __eq__, __ne__ = _operator("eq"), _operator("ne")
    __and__, __or__, __invert__ = _operator("and"), _operator("or"), _operator("not")
    __neg__, __abs__ = _operator("neg"), _operator("abs")

    def __pos__(self) -> Symbol:
        return self

    def __pow__(self, power: Any) -> Any:
        if power == 0.5:
            return FUNCTIONS.sqrt(self)
        if not is_number(power) or power != int(power):
            raise UnrecordableError(f"the power {power} of a symbol")
        if power < 0:
            return 1 / self ** (-power)
        if power < 2:
            return self if power else 1.0
        half = self ** (power // 2)
        return half * half * self if power % 2 else half * half

    def __bool__(self) -> bool:
        raise UnrecordableError("whether a symbol is true is not known")

    __float__ = __int__ = __iter__ = __getitem__ = __array__ = __bool__


class Functions:
    """The namespace of symbols."""

    __name__ = "caraval.core.recording"
    float64 = float
    pi = scalar.pi

    def __getattr__(self, name: str) -> Any:
        if name not in scalar.__all__:
            if name.startswith("_"):
                raise AttributeError(name)
            raise UnrecordableError(f"the function {name} of a symbol")

        def function(*arguments: Any) -> Any:
            found = next((a for a in arguments if isinstance(a, Symbol)), None)
            return getattr(scalar, name)(*arguments) if found is None else found.recorder(name, *arguments)

        setattr(self, name, function)
        return function

    @staticmethod
    def asarray(value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return a number as it is: symbols take it."""
        return value

    @staticmethod
    def astype(value: Any, dtype: Any) -> Any:
        """Return the symbol: all are of one precision."""
        return value

    @staticmethod
    def isdtype(dtype: Any, kind: Any) -> bool:
        """Whether values are floating-point numbers: they are."""
        return True

    @staticmethod
    def zeros_like(value: Any) -> float:
        """Return zero."""
        return 0.0

    @staticmethod
    def ones_like(value: Any) -> float:
        """Return one."""
        return 1.0


FUNCTIONS = Functions()


def record(function: Callable[[list[Symbol]], Sequence[Any]], arrays: int, numbers: int = 0) -> Program:
    """Return the program of a function of a list of values: `arrays`, then `numbers`.

    Raises
    ------
    UnrecordableError
        If it does something else than elementary operations.
    """
    recorder = Recorder(arrays + numbers)
    found = function([recorder.symbol(place) for place in range(arrays + numbers)])
    return _needed(Program(arrays, numbers, tuple(recorder.operations), tuple(map(term_of, found))))


def _needed(program: Program) -> Program:
    """Return the program without the operations that no output needs."""
    first = program.arrays + program.numbers
    wanted = {term for term in program.outputs if isinstance(term, int)}
    for place in range(first + len(program.operations) - 1, first - 1, -1):
        if place in wanted:
            wanted.update(term for term in program.operations[place - first].terms if isinstance(term, int))
    kept = [place for place in range(first, first + len(program.operations)) if place in wanted]
    moved = {place: place for place in range(first)} | {place: first + i for i, place in enumerate(kept)}

    def renumbered(terms: Sequence[Term]) -> tuple[Term, ...]:
        return tuple(moved[term] if isinstance(term, int) else term for term in terms)

    operations = tuple(Operation(name, renumbered(terms)) for name, terms in (program.operations[p - first] for p in kept))
    return program._replace(operations=operations, outputs=renumbered(program.outputs))


def generalised(program: Program) -> tuple[Program, tuple[float, ...]]:
    """Return a program that takes its constants as numbers, but for plain zeros and ones, and those numbers.

    So functions that differ in their constants alone share a program. Arrays that it does not use stay.
    """
    numbers: list[float] = []
    first = program.arrays + program.numbers
    terms = [t for operation in program.operations for t in operation.terms] + list(program.outputs)
    count = sum(1 for term in terms if isinstance(term, Constant) and not _is_special(term))

    def taken(terms: Sequence[Term]) -> tuple[Term, ...]:
        out: list[Term] = []
        for term in terms:
            if isinstance(term, int):
                out.append(term if term < first else term + count)
            elif _is_special(term):
                out.append(term)
            else:
                out.append(first + len(numbers))
                numbers.append(term.value)
        return tuple(out)

    operations = tuple(Operation(name, taken(terms)) for name, terms in program.operations)
    outputs = taken(program.outputs)
    return Program(program.arrays, program.numbers + count, operations, outputs), tuple(numbers)


def _is_special(constant: Constant) -> bool:
    return constant.value in (0.0, 1.0)
