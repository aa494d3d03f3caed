"""The calculator in reverse Polish notation of the lattice language (SDDS Toolkit manual, "rpn Calculator Module").

Of its commands there are those that make numbers of numbers. Those that read, write, or run something are not understood, and
nothing here can reach a file or a program.
"""

from __future__ import annotations

import re
from math import isfinite

from caraval.core.errors import suggest
from caraval.core.losses import Losses

from .positions import Place
from .rpn_functions import CONSTANTS, FUNCTIONS, RANDOM

NUMBER = re.compile(r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?", re.ASCII)

TOKEN = re.compile(r'"[^"]*"|[^\s,;"]+')

MOST = 10_000
"""How many numbers the stack may hold."""


class Calculator:
    """Memories, and the stacks of an expression: each begins with empty ones.

    Parameters
    ----------
    losses : Losses, optional
        Hears of what is not read as it is meant.
    """

    def __init__(self, losses: Losses | None = None) -> None:
        self._losses = losses or Losses()
        self.memories: dict[str, float] = dict(CONSTANTS)
        self._numbers: list[float] = []
        self._truths: list[bool] = []

    def value(self, expression: str, place: Place) -> float:
        """Return what is on top of the stack after an expression.

        Raises
        ------
        LatticeError
            If the expression makes no sense.
        """
        self.run(expression, place)
        if not self._numbers:
            raise place.error(f"the expression {expression!r} leaves no number")
        value = self._numbers[-1]
        if not isfinite(value):
            raise place.error(f"the value of {expression!r} is not finite")
        return value

    def run(self, expression: str, place: Place) -> None:
        """Carry out an expression.

        Raises
        ------
        LatticeError
            If it makes no sense.
        """
        self._numbers, self._truths = [], []
        tokens = TOKEN.findall(expression)
        i = 0
        while i < len(tokens):
            i = self._step(tokens, i, place)
            if len(self._numbers) > MOST:
                raise place.error(f"the expression leaves more than {MOST} numbers on the stack")

    def _step(self, tokens: list[str], i: int, place: Place) -> int:
        """Carry out a token, and return the place of the next."""
        token = tokens[i]
        if token in self.memories:
            self._numbers.append(self.memories[token])
        elif token in FUNCTIONS:
            self._call(token, place)
        elif token == "sto":
            self._store(tokens[i + 1] if i + 1 < len(tokens) else "", place)
            return i + 2
        elif token == "?":
            return self._branch(tokens, i, place)
        elif token == ":":
            return _matching(tokens, i, ("$",), place) + 1
        elif token == "$":
            pass
        elif token in _STACK:
            getattr(self, _STACK[token])(place)
        elif number := NUMBER.match(token):
            self._numbers.append(float(number[0]))
            if number[0] != token:
                self._losses.note("expression", "", repr(token), f"read as {number[0]}, as elegant does", place=place)
        else:
            raise place.error(self._unknown(token))
        return i + 1

    def _unknown(self, token: str) -> str:
        if token in RANDOM:
            return f"{token} is another number whenever the file is read; write the number"
        near = suggest(token, [*self.memories, *FUNCTIONS, *_STACK])
        return f"{token!r} is neither a number, nor stored before this, nor a function that is understood{near}"

    def _pop(self, place: Place, what: str) -> float:
        if not self._numbers:
            raise place.error(f"too few numbers before {what!r}")
        return self._numbers.pop()

    def _call(self, name: str, place: Place) -> None:
        count, function = FUNCTIONS[name]
        if len(self._numbers) < count:
            raise place.error(f"{name!r} takes {count} number{'s' * (count > 1)}, and there are {len(self._numbers)}")
        arguments = self._numbers[len(self._numbers) - count :]
        del self._numbers[len(self._numbers) - count :]
        try:
            self._numbers.append(float(function(*arguments)))
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            shown = ", ".join(f"{argument:g}" for argument in arguments)
            raise place.error(f"{name}({shown}) is not defined") from None

    def _store(self, name: str, place: Place) -> None:
        if not re.match(r"[A-Za-z_]", name):
            raise place.error(f"'sto' needs a name that begins with a letter, not {name!r}")
        if name in FUNCTIONS or name in _STACK:
            raise place.error(f"{name!r} is a function and cannot be a name")
        if not self._numbers:
            raise place.error(f"there is no number to store as {name!r}")
        self.memories[name] = self._numbers[-1]

    def _branch(self, tokens: list[str], i: int, place: Place) -> int:
        if not self._truths:
            raise place.error("'?' needs a comparison before it")
        return i + 1 if self._truths.pop() else _matching(tokens, i, (":", "$"), place) + 1

    # ---------------------------------------------------------------- the stacks

    def _duplicate(self, place: Place) -> None:
        self._numbers.append(self._pop(place, "="))
        self._numbers.append(self._numbers[-1])

    def _swap(self, place: Place) -> None:
        top, below = self._pop(place, "swap"), self._pop(place, "swap")
        self._numbers += [top, below]

    def _drop(self, place: Place) -> None:
        self._pop(place, "pop")

    def _clear(self, place: Place) -> None:
        self._numbers.clear()

    def _over(self, place: Place) -> None:
        self._need(2, "over", place)
        self._numbers.append(self._numbers[-2])

    def _up(self, place: Place) -> None:
        """Put the top at the bottom."""
        self._numbers.insert(0, self._pop(place, "rup"))

    def _down(self, place: Place) -> None:
        """Put the bottom on top."""
        self._need(1, "rdn", place)
        self._numbers.append(self._numbers.pop(0))

    def _level(self, place: Place) -> None:
        self._numbers.append(float(len(self._numbers)))

    def _less(self, place: Place) -> None:
        self._compare("<", place)

    def _greater(self, place: Place) -> None:
        self._compare(">", place)

    def _equal(self, place: Place) -> None:
        self._compare("==", place)

    def _compare(self, how: str, place: Place) -> None:
        """Compare the two numbers on top, which stay."""
        self._need(2, how, place)
        below, top = self._numbers[-2:]
        self._truths.append({"<": below < top, ">": below > top, "==": below == top}[how])

    def _and(self, place: Place) -> None:
        first, second = self._two_truths("&&", place)
        self._truths.append(first and second)

    def _or(self, place: Place) -> None:
        first, second = self._two_truths("||", place)
        self._truths.append(first or second)

    def _not(self, place: Place) -> None:
        if not self._truths:
            raise place.error("'!' needs a comparison before it")
        self._truths[-1] = not self._truths[-1]

    def _two_truths(self, what: str, place: Place) -> tuple[bool, bool]:
        if len(self._truths) < 2:
            raise place.error(f"{what!r} needs two comparisons before it")
        return self._truths.pop(), self._truths.pop()

    def _need(self, count: int, what: str, place: Place) -> None:
        if len(self._numbers) < count:
            raise place.error(f"too few numbers before {what!r}")


_STACK = {
    "=": "_duplicate", "swap": "_swap", "pop": "_drop", "cle": "_clear", "clr": "_clear", "over": "_over", "rup": "_up",
    "rdn": "_down", "stlv": "_level", "<": "_less", ">": "_greater", "==": "_equal", "&&": "_and", "||": "_or", "!": "_not",
}  # fmt: skip
"""Commands about the stacks, and what carries them out."""


def _matching(tokens: list[str], i: int, ends: tuple[str, ...], place: Place) -> int:
    """Return the place of the token that ends what begins at `i`; conditions inside are passed over."""
    depth = 0
    for j in range(i + 1, len(tokens)):
        if depth == 0 and tokens[j] in ends:
            return j
        depth += (tokens[j] == "?") - (tokens[j] == "$")
    raise place.error(f"{tokens[i]!r} without {' or '.join(map(repr, ends))}: a condition is '? if true : if false $'")
