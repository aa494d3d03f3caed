"""Expressions and their values (MAD-X manual, "Real Expressions")."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .functions import FUNCTIONS

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class Scope(Protocol):
    """What names mean when an expression is worked out, and what is to be said about its value."""

    def variable(self, name: str, offset: int) -> float:
        """Return the value of a variable."""

    def attribute(self, owner: str, name: str, offset: int) -> float:
        """Return the value of an attribute of an element, a sequence or the beam."""

    def cell(self, arguments: tuple[str, ...], why: str, offset: int) -> float:
        """Return a value of a table; if only a command would tell it, take note of why, and return zero."""

    def unknown(self, why: str, offset: int) -> float:
        """Take note that a part of the expression is not known, and return zero."""

    def wrong(self, why: str, offset: int) -> float:
        """Take note that the expression has no value, and return zero."""


@dataclass(slots=True)
class Node(ABC):
    """A part of an expression: where it begins, and how many parts are nested in it, itself included."""

    offset: int
    depth: int

    @abstractmethod
    def value(self, scope: Scope) -> float:
        """Work the expression out."""


@dataclass(slots=True)
class Number(Node):
    """A number as it is."""

    number: float

    def value(self, scope: Scope) -> float:
        """Return the number."""
        return self.number


@dataclass(slots=True)
class Variable(Node):
    """A variable or a constant."""

    name: str

    def value(self, scope: Scope) -> float:
        """Return its value."""
        return scope.variable(self.name, self.offset)


@dataclass(slots=True)
class Attribute(Node):
    """``qf->k1`` or ``beam%lhcb1->pc``."""

    owner: str
    name: str

    def value(self, scope: Scope) -> float:
        """Return the attribute's value."""
        return scope.attribute(self.owner, self.name, self.offset)


@dataclass(slots=True)
class Unknown(Node):
    """A random number, or a result of a command."""

    why: str

    def value(self, scope: Scope) -> float:
        """Return zero, and say why."""
        return scope.unknown(self.why, self.offset)


@dataclass(slots=True)
class Cell(Node):
    """A value of a table: ``table(name, column, row)``, or with the row's name before the column."""

    arguments: tuple[str, ...]
    why: str

    def value(self, scope: Scope) -> float:
        """Return the value."""
        return scope.cell(self.arguments, self.why, self.offset)


@dataclass(slots=True)
class Malformed(Node):
    """Something that is no expression."""

    why: str

    def value(self, scope: Scope) -> float:
        """Return zero, and say what is wrong."""
        return scope.wrong(self.why, self.offset)


@dataclass(slots=True)
class Sum(Node):
    """Terms, and the signs before them."""

    terms: list[tuple[str, Node]]

    def value(self, scope: Scope) -> float:
        """Add the terms up."""
        total = 0.0
        for sign, term in self.terms:
            total += term.value(scope) if sign == "+" else -term.value(scope)
        return total if math.isfinite(total) else scope.wrong("the value is too large", self.offset)


@dataclass(slots=True)
class Product(Node):
    """Factors to multiply with or to divide by."""

    factors: list[tuple[str, Node]]

    def value(self, scope: Scope) -> float:
        """Multiply and divide, from left to right."""
        total = 1.0
        for sign, node in self.factors:
            factor = node.value(scope)
            if sign == "*":
                total *= factor
            elif factor == 0:
                return scope.wrong("division by zero", node.offset)
            else:
                total /= factor
        return total if math.isfinite(total) else scope.wrong("the value is too large", self.offset)


@dataclass(slots=True)
class Negative(Node):
    """A minus before a factor."""

    factor: Node

    def value(self, scope: Scope) -> float:
        """Return the factor with the other sign."""
        return -self.factor.value(scope)


@dataclass(slots=True)
class Power(Node):
    """A power."""

    base: Node
    exponent: Node

    def value(self, scope: Scope) -> float:
        """Raise to the power."""
        base, exponent = self.base.value(scope), self.exponent.value(scope)
        try:
            return math.pow(base, exponent)
        except (ValueError, OverflowError):
            return scope.wrong(f"{base} ^ {exponent} is no number", self.offset)


@dataclass(slots=True)
class Call(Node):
    """A function of a number."""

    function: str
    argument: Node

    def value(self, scope: Scope) -> float:
        """Return the function's value."""
        argument = self.argument.value(scope)
        try:
            return float(FUNCTIONS[self.function](argument))
        except (ValueError, OverflowError):
            return scope.wrong(f"{self.function}({argument}) is no number", self.offset)


@dataclass(slots=True)
class Comparison(Node):
    """Two numbers compared; true is one."""

    sign: str
    left: Node
    right: Node

    def value(self, scope: Scope) -> float:
        """Compare."""
        left, right = self.left.value(scope), self.right.value(scope)
        return float(COMPARISONS[self.sign](left, right))


@dataclass(slots=True)
class Condition(Node):
    """Several conditions, all or any of which must hold."""

    sign: str
    parts: list[Node]

    def value(self, scope: Scope) -> float:
        """Look at each until it is clear."""
        if self.sign == "&&":
            return float(all(part.value(scope) for part in self.parts))
        return float(any(part.value(scope) for part in self.parts))
