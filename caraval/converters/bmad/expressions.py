"""Expressions, and the other things that can stand for a value (Bmad manual, "Arithmetic Expressions")."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from caraval.core.errors import CaravalError

from .functions import FUNCTIONS, SPECIES_FUNCTIONS
from .positions import Mistake, Position


class Structure(str):
    """A list in braces, or the call of a file that holds one, as it stands in the file."""

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


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """A part of an expression, and where it stands."""

    position: Position

    @property
    def depth(self) -> int:
        """How many parts are nested in this one, itself included."""
        return 1

    @property
    def inside(self) -> tuple[Node, ...]:
        """The parts that this one is made of."""
        return ()

    @abstractmethod
    def value(self, scope: Scope) -> Value:
        """Work the expression out.

        Raises
        ------
        Mistake
            If it cannot be worked out.
        """


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as it is."""

    number: float

    def value(self, scope: Scope) -> Value:
        """Return the number."""
        return self.number


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """Text, a word that is no name, or a structure."""

    text: str

    def value(self, scope: Scope) -> Value:
        """Return the text."""
        return self.text


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A constant; or, for attributes that are no numbers, a word."""

    name: str

    def value(self, scope: Scope) -> Value:
        """Return the constant's value."""
        return scope.constant(self.name, self.position)


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """``q1[k1]``: what an attribute is set to."""

    element: str
    attribute: str

    def value(self, scope: Scope) -> Value:
        """Return the attribute's value."""
        return scope.attribute(self.element, self.attribute, self.position)


@dataclass(frozen=True, slots=True)
class Nested(Node):
    """A node made of others; of known depth, so that none is too deep to work out."""

    deep: int

    @property
    def depth(self) -> int:
        """How many parts are nested in this one, itself included."""
        return self.deep


@dataclass(frozen=True, slots=True)
class Vector(Nested):
    """Numbers in parentheses."""

    parts: tuple[Node, ...]

    def value(self, scope: Scope) -> Value:
        """Refuse to be one value."""
        raise Mistake("one value is needed here, not several in parentheses", self.position)

    def of_length(self, length: int) -> tuple[Node, ...]:
        """Return the numbers, of which there must be so many.

        Raises
        ------
        Mistake
        """
        if len(self.parts) != length:
            raise Mistake(f"{length} numbers are needed here, not {len(self.parts)}", self.position)
        return self.parts


@dataclass(frozen=True, slots=True)
class Sum(Nested):
    """Terms with their signs."""

    terms: tuple[tuple[str, Node], ...]

    @property
    def inside(self) -> tuple[Node, ...]:
        """The terms without their signs."""
        return tuple(term for _, term in self.terms)

    def value(self, scope: Scope) -> Value:
        """Add the terms up."""
        total = 0.0
        for sign, term in self.terms:
            total += -number(term, scope) if sign == "-" else number(term, scope)
        return finite(total, self.position)


@dataclass(frozen=True, slots=True)
class Product(Nested):
    """Factors to multiply with or divide by."""

    factors: tuple[tuple[str, Node], ...]

    @property
    def inside(self) -> tuple[Node, ...]:
        """The factors."""
        return tuple(factor for _, factor in self.factors)

    def value(self, scope: Scope) -> Value:
        """Multiply and divide, from left to right."""
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


@dataclass(frozen=True, slots=True)
class Signed(Nested):
    """A sign before a factor."""

    sign: str
    factor: Node

    @property
    def inside(self) -> tuple[Node, ...]:
        """The factor."""
        return (self.factor,)

    def value(self, scope: Scope) -> Value:
        """Return the factor with its sign."""
        return -number(self.factor, scope) if self.sign == "-" else number(self.factor, scope)


@dataclass(frozen=True, slots=True)
class Call(Nested):
    """A function of numbers; powers are functions, too."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def inside(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.arguments

    def value(self, scope: Scope) -> Value:
        """Return the function's value."""
        arguments = [number(argument, scope) for argument in self.arguments]
        try:
            return finite(float(FUNCTIONS[self.function].compute(*arguments)), self.position)
        except (ValueError, ZeroDivisionError, OverflowError):
            shown = ", ".join(f"{argument:g}" for argument in arguments)
            raise Mistake(f"{self.function}({shown}) is not defined", self.position) from None


@dataclass(frozen=True, slots=True)
class SpeciesCall(Nested):
    """A property of a particle species, given by its name or by a constant that holds it."""

    function: str
    species: Node | str

    @property
    def inside(self) -> tuple[Node, ...]:
        """The species, if it is worked out."""
        return (self.species,) if isinstance(self.species, Node) else ()

    def value(self, scope: Scope) -> Value:
        """Return the property."""
        species: Value
        if isinstance(self.species, Node):
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
