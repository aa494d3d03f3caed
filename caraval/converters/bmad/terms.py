"""Terms of Taylor maps, in braces: ``{2: 2.7 | 336}`` or ``{2: 2.7, 0 0 2 0 0 1}``; by name: ``tt2336 = 2.7``."""

from __future__ import annotations

import re
from dataclasses import replace

from .definitions import Settings
from .expressions import Literal
from .parser import parse
from .positions import Mistake
from .syntax import Assignment, Given

NAME = re.compile(r"tt([1-6]|s[1xyz])([1-6]*)")
"""Names of terms; those of a quaternion are about spin."""

_BRACES = re.compile(
    r"\{\s*([1-6]|s[1xyz])(?:\s*:|\s)(.*?)(?:\|([1-6\s]*)|,\s*(\d+(?:\s+\d+){5}))\s*\}", re.IGNORECASE | re.DOTALL
)


def ordered(name: str) -> str:
    """Return the name of a term with its factors in order."""
    found = NAME.fullmatch(name)
    return name if found is None else f"tt{found[1]}{''.join(sorted(found[2]))}"


def named(given: Given) -> Given:
    """Return a term in braces as what it is by name.

    Raises
    ------
    Mistake
        If it is no term.
    """
    text = given.value.text.replace("&", " ") if isinstance(given.value, Literal) else ""
    found = _BRACES.fullmatch(text)
    if found is None:
        raise Mistake(f"{text!r} is no term of a map; '{{2: 2.7 | 336}}' would be one", given.position)
    out, coefficient, factors, exponents = found.groups()
    if factors is None:
        factors = "".join(str(i) * int(power) for i, power in enumerate(exponents.split(), 1))
    line = "\n" * (given.position.line - 1)  # so that mistakes in it are found there
    statement, *others = parse(f"{line}coefficient = {' '.join(coefficient.split())}\n")
    if others or not isinstance(statement, Assignment):
        raise Mistake(f"{coefficient.strip()!r} is no number", given.position)
    return replace(given, name=ordered(f"tt{out.lower()}{''.join(factors.split())}"), value=statement.value)


def taken(settings: Settings) -> tuple[dict[str, float], dict[str, float]]:
    """Take the terms out of an element's attributes, and return those of the coordinates and those of spin."""
    terms = {name: settings.pop(name).number(name) for name in list(settings) if NAME.fullmatch(name)}
    spin = {name: value for name, value in terms.items() if name[2] == "s"}
    return {name: value for name, value in terms.items() if name not in spin}, spin
