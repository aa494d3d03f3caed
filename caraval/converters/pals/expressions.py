"""Expressions (PALS, "Constants", "Functions", "Element Parameter Name Matching"), worked out without ``eval``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy import constants

from caraval.core.errors import CaravalError, suggest
from caraval.core.reference import C_LIGHT, as_species

from ..bmad.functions import CONSTANTS as _BMAD
from ..bmad.functions import FUNCTIONS as _FUNCTIONS
from ..bmad.functions import SPECIES_FUNCTIONS
from .tree import Place

LONGEST, DEEPEST = 10_000, 100
"""So many characters at most may an expression have, and so many brackets and signs inside each other."""

SEED = 0
"""Of random numbers, which are the same every time a file is read."""

_EV = constants.elementary_charge

CONSTANTS: dict[str, float] = {
    "pi": math.pi,
    "c_light": C_LIGHT,
    "h_planck": _BMAD["h_planck"],
    "hbar": _BMAD["h_bar_planck"],
    "r_electron": _BMAD["r_e"],
    "r_proton": _BMAD["r_p"],
    "e_charge": _EV,
    "mu_0": constants.mu_0 / _EV,
    "epsilon_0": constants.epsilon_0 * _EV,
    "classical_radius_factor": _BMAD["r_e"] * as_species("electron").mass,
    "fine_structure": constants.fine_structure,
    "n_avogadro": constants.N_A,
}
"""In SI units, with electronvolts for joules."""

RANDOM = ("random", "ran", "random_gauss", "ran_gauss")

TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_]\w*(?:(?:\.|>{1,3}|\#|::)\w+)*)
    |(?P<text>"[^"]*"|'[^']*')
    |(?P<sign>\*\*|[-+*/^(),]))""",
    re.VERBOSE | re.ASCII,
)


class Scope(Protocol):
    """What names mean where an expression stands."""

    def constant(self, name: str) -> float | str | None:
        """Return a constant or a variable; None: there is none."""

    def parameter(self, name: str, place: Place) -> float:
        """Return a parameter of an element."""

    def names(self) -> list[str]:
        """Return the names of all constants and variables."""


class Random:
    """Random numbers that are the same every time."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(SEED)
        self.is_used = False

    def drawn(self, name: str, arguments: list[Any]) -> float:
        """Return a number between 0 and 1, or a Gaussian one, cut off where the argument says."""
        self.is_used = True
        if not name.endswith("gauss"):
            return float(self.generator.random())
        value = float(self.generator.normal())
        while arguments and abs(value) > arguments[0] > 0:
            value = float(self.generator.normal())
        return value


def evaluated(text: str, place: Place, scope: Scope, random: Random) -> float | str:
    """Return what an expression is worth; a lone text, or the name of a species, is itself.

    Raises
    ------
    LatticeError
        If it makes no sense.
    """
    if len(text) > LONGEST:
        raise place.error(f"an expression has at most {LONGEST} characters")
    parser = _Parser(text, place, scope, random)
    try:
        value = parser.whole()
        if isinstance(value, complex) or (not isinstance(value, str) and math.isnan(value)):
            raise place.error(f"{text!r} is no real number")
    except (ArithmeticError, ValueError) as error:
        if isinstance(error, CaravalError):
            raise
        raise place.error(f"{text!r} cannot be worked out: {error}") from None
    return value


class _Parser:
    """Works an expression out while it reads it."""

    def __init__(self, text: str, place: Place, scope: Scope, random: Random) -> None:
        self.text, self.place, self.scope, self.random = text, place, scope, random
        self.tokens = self._tokens(text)
        self.at = self.depth = 0

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        found, at = [], 0
        while text[at:].strip():
            token = TOKEN.match(text, at)
            if token is None:
                raise self.place.error(f"{text!r} is no expression: {text[at:].strip()[0]!r} means nothing there")
            found.append((str(token.lastgroup), token[token.lastgroup or 0]))
            at = token.end()
        return [*found, ("end", "")]

    def _takes(self, *signs: str) -> str:
        kind, sign = self.tokens[self.at]
        if kind == "sign" and sign in signs:
            self.at += 1
            return sign
        return ""

    def _wrong(self) -> Exception:
        kind, token = self.tokens[self.at]
        what = "it ends too early" if kind == "end" else f"{token!r} means nothing there"
        return self.place.error(f"{self.text!r} is no expression: {what}")

    def whole(self) -> float | str:
        value = self._sum()
        if self.tokens[self.at][0] != "end":
            raise self._wrong()
        return value

    def _number(self, value: float | str) -> float:
        if isinstance(value, str):
            raise self.place.error(f"{value!r} in {self.text!r} is no number")
        return value

    def _sum(self) -> float | str:
        value = self._product()
        while sign := self._takes("+", "-"):
            other = self._number(self._product())
            value = self._number(value) + (other if sign == "+" else -other)
        return value

    def _product(self) -> float | str:
        value = self._signed()
        while sign := self._takes("*", "/"):
            other = self._number(self._signed())
            value = self._number(value) * other if sign == "*" else self._number(value) / other
        return value

    def _signed(self) -> float | str:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.place.error(f"an expression has at most {DEEPEST} brackets and signs inside each other")
        sign = self._takes("-", "+")
        value = self._power() if not sign else self._number(self._signed()) * (-1 if sign == "-" else 1)
        self.depth -= 1
        return value

    def _power(self) -> float | str:
        value = self._atom()
        if self._takes("^", "**"):
            return math.pow(self._number(value), self._number(self._signed()))
        return value

    def _atom(self) -> float | str:
        if self._takes("("):
            value = self._sum()
            if not self._takes(")"):
                raise self._wrong()
            return value
        kind, token = self.tokens[self.at]
        if kind not in ("number", "name", "text"):
            raise self._wrong()
        self.at += 1
        if kind == "number":
            return float(token)
        if kind == "text":
            return token[1:-1]
        return self._called(token) if self._takes("(") else self._named(token)

    def _named(self, name: str) -> float | str:
        if name.upper().startswith(("SELF.", "SELF>")) or ">" in name or name.upper() == "PARAMETER":
            return self.scope.parameter(name, self.place)
        value = self.scope.constant(name)
        if value is None:
            value = CONSTANTS.get(name)
        if value is None:
            if len(self.tokens) == 2:
                return name
            known = [*self.scope.names(), *CONSTANTS]
            raise self.place.error(f"there is no constant and no variable {name!r}{suggest(name, known)}")
        return value

    def _called(self, name: str) -> float | str:
        if name in SPECIES_FUNCTIONS:
            return self._of_species(name)
        arguments: list[Any] = []
        while not self._takes(")"):
            if arguments and not self._takes(","):
                raise self._wrong()
            arguments.append(self._sum())
        if name == "expr" and len(arguments) == 1:
            return arguments[0]  # type: ignore[no-any-return]
        if name in RANDOM:
            return self.random.drawn(name, arguments)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise self.place.error(f"there is no function {name!r}{suggest(name, _FUNCTIONS)}")
        if not function.least <= len(arguments) <= function.most:
            raise self.place.error(f"{name} does not take {len(arguments)} arguments")
        compute: Callable[..., float] = function.compute
        return float(compute(*map(self._number, arguments)))

    def _of_species(self, name: str) -> float | str:
        kind, token = self.tokens[self.at]
        if kind == "name" and self.scope.constant(token) is None:
            self.at += 1
            value: float | str = token
        else:
            value = self._sum()
        if not self._takes(")"):
            raise self._wrong()
        try:
            return SPECIES_FUNCTIONS[name](str(value))
        except CaravalError as error:
            raise self.place.error(str(error)) from None
