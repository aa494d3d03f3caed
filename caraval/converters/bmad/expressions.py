"""Expressions, and the other things that can stand for a value (Bmad manual, "Arithmetic Expressions")."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from caraval.core.errors import CaravalError

from .functions import FUNCTIONS, SPECIES_FUNCTIONS, Function
from .positions import Mistake, Position


class Structure(str):
    """A list in braces, as it stands in the file."""

    __slots__ = ()


Value = float | str
"""What an expression is worth: a number, a word, the name of a species, text, or a :class:`Structure`."""


class Scope(Protocol):
    """What names mean where an expression stands."""

    def constant(self, name: str, position: Position) -> Value:
        """Return the value of a constant."""

    def attribute(self, element: str, attribute: str, position: Position) -> Value:
        """Return the value of an attribute of an element."""

    def knows(self, name: str) -> bool:
        """Whether there is a constant of that name."""


class Node(Protocol):
    """A part of an expression. Its depth counts the parts nested in it, so that none is too deep to work out."""

    @property
    def position(self) -> Position: ...
    @property
    def depth(self) -> int: ...
    def value(self, scope: Scope) -> Value:
        """Work the expression out."""


class Number(NamedTuple):
    """A number as it is."""

    position: Position
    number: float
    depth = 1

    def value(self, scope: Scope) -> Value:
        return self.number


class Literal(NamedTuple):
    """Text, a word that is no name, or a structure."""

    position: Position
    text: str
    depth = 1

    def value(self, scope: Scope) -> Value:
        return self.text


class Name(NamedTuple):
    """A constant; or, for attributes that are no numbers, a word."""

    position: Position
    name: str
    depth = 1

    def value(self, scope: Scope) -> Value:
        return scope.constant(self.name, self.position)


class Reference(NamedTuple):
    """``q1[k1]``: what an attribute is set to."""

    position: Position
    element: str
    attribute: str
    depth = 1

    def value(self, scope: Scope) -> Value:
        return scope.attribute(self.element, self.attribute, self.position)


class InlineCall(NamedTuple):
    """``call::file``: a value in a file of its own."""

    position: Position
    path: str
    depth = 1

    def value(self, scope: Scope) -> Value:
        raise Mistake("values in a file of their own (call::) are not understood yet; write the value here", self.position)


class Sum(NamedTuple):
    """Terms with their signs."""

    position: Position
    depth: int
    terms: tuple[tuple[str, Node], ...]

    def value(self, scope: Scope) -> Value:
        total = 0.0
        for sign, term in self.terms:
            total += -number(term, scope) if sign == "-" else number(term, scope)
        return finite(total, self.position)


class Product(NamedTuple):
    """Factors to multiply with or divide by."""

    position: Position
    depth: int
    factors: tuple[tuple[str, Node], ...]

    def value(self, scope: Scope) -> Value:
        total = 1.0
        for operator, node in self.factors:
            factor = number(node, scope)
            if operator == "*":
                total *= factor
            elif factor == 0:
                raise Mistake("division by zero", node.position)
            else:
                total /= factor
        return finite(total, self.position)


class Signed(NamedTuple):
    """A sign before a factor."""

    position: Position
    depth: int
    sign: str
    factor: Node

    def value(self, scope: Scope) -> Value:
        return -number(self.factor, scope) if self.sign == "-" else number(self.factor, scope)


class Call(NamedTuple):
    """A function of numbers; powers are functions, too."""

    position: Position
    depth: int
    function: str
    arguments: tuple[Node, ...]

    def value(self, scope: Scope) -> Value:
        function: Function = FUNCTIONS[self.function]
        arguments = [number(argument, scope) for argument in self.arguments]
        try:
            return finite(float(function.compute(*arguments)), self.position)
        except (ValueError, ZeroDivisionError, OverflowError):
            shown = ", ".join(f"{argument:g}" for argument in arguments)
            raise Mistake(f"{self.function}({shown}) is not defined", self.position) from None


class SpeciesCall(NamedTuple):
    """A property of a particle species, given by its name or by a constant that holds it."""

    position: Position
    depth: int
    function: str
    species: Node | str

    def value(self, scope: Scope) -> Value:
        species: Value
        if not isinstance(self.species, str):
            species = self.species.value(scope)
        elif scope.knows(self.species.lower()):
            species = scope.constant(self.species.lower(), self.position)
        else:
            species = self.species
        try:
            return SPECIES_FUNCTIONS[self.function](str(species))
        except CaravalError as error:
            raise Mistake(str(error), self.position) from None


def number(node: Node, scope: Scope) -> float:
    """Return the value of an expression that must be a number.

    Raises
    ------
    Mistake
        If it is something else.
    """
    value = node.value(scope)
    if isinstance(value, str):
        raise Mistake(f"a number is needed here, not {value!r}", node.position)
    return value


def finite(value: float, position: Position) -> float:
    """Return a number that can be represented.

    Raises
    ------
    Mistake
        If it is too large.
    """
    if not math.isfinite(value):
        raise Mistake("the value is too large", position)
    return value
