"""Command files (``.ele``): ``&command name = value, ... &end`` (User's Manual for elegant, "Namelist Command Dictionary")."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from caraval.converters.files import contents

from .positions import Place
from .rpn import NUMBER, Calculator
from .source import without_comment
from .syntax import QUOTED, unquoted

COMMAND = re.compile(r"&\s*(\w+)", re.ASCII)

VALUE = re.compile(rf"(?<!\w)([A-Za-z_]\w*+)\s*+(?:\[[^\]\n]*+\])?\s*+=\s*+((?:{QUOTED}|[^\s,\"&])*+)", re.ASCII)

END = re.compile(rf"(?:{QUOTED}|[^\"&])*+&\s*+end\b", re.IGNORECASE)

RUN_SETUP = re.compile(r"^\s*&\s*run_setup\b", re.IGNORECASE | re.MULTILINE)

MACRO = re.compile(r"<\w+>|\$\w+")

EXPRESSION = re.compile(r"\{\s*+rpnl\s(.*)\}|\((.*)\)", re.DOTALL)
"""``"(1 2 +)"``, and the call of the calculator that means the same."""


@dataclass
class Namelist:
    """A command and what is given to it, as it stands there, quotes taken off."""

    command: str
    place: Place
    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text; empty, if it is not given.

        Raises
        ------
        LatticeError
            If it has a macro in it, whose value only the command line of elegant says.
        """
        value = self.values.get(name, "")
        macro = MACRO.search(value)
        if macro:
            raise self.places[name].error(f"{name} depends on the macro {macro[0]}, which elegant takes from its command line")
        return value

    def number(self, name: str, calculator: Calculator) -> float:
        """Return a number; zero, if it is not given.

        Raises
        ------
        LatticeError
            If it is none.
        """
        value = self.text(name).strip()
        if not value:
            return 0.0
        expression = EXPRESSION.fullmatch(value)
        if expression:
            return calculator.value(expression[1] or expression[2], self.places[name])
        if not NUMBER.fullmatch(value):
            raise self.places[name].error(f"{name} must be a number, not {value!r}")
        return float(value)


def namelists(path: Path, shown: str, calculator: Calculator) -> Iterator[Namelist]:
    """Yield the commands of a file, with the macro of its own name filled in; calculations are carried out on the way.

    Raises
    ------
    LatticeError
        If a command is not ended.
    """
    lines = contents(path, shown).split("\n")
    text: list[str] = []
    for i, line in enumerate(lines):
        if line.startswith("%"):
            text.append("")
            calculator.run(line[1:], Place(shown, i + 1, 1))
        else:
            text.append(without_comment(line).replace("<INPUTFILENAME>", path.name))
    yield from _commands("\n".join(text), shown)


def _commands(text: str, shown: str) -> Iterator[Namelist]:
    place = _Places(text, shown)
    start = 0
    while found := COMMAND.search(text, start):
        end = END.match(text, found.end())
        if end is None:
            raise place(found.start()).error(f"&{found[1]} is not ended by &end")
        command = Namelist(found[1].lower(), place(found.start()))
        for value in VALUE.finditer(text, found.end(), end.end()):
            name = value[1].lower()
            command.values[name] = unquoted(value[2])
            command.places[name] = place(value.start(2))
        yield command
        start = end.end()


class _Places:
    """Tells places in a text."""

    def __init__(self, text: str, shown: str) -> None:
        self._shown = shown
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def __call__(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(self._shown, line, offset - self._starts[line - 1] + 1)
