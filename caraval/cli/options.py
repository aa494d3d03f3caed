"""Values of options: numbers that are numbers, and lists of NAME=VALUE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

import numpy as np
import typer

from caraval.core.errors import suggest

MOST = 10**12
"""No machine's memory has so many particles or settings, and nobody waits for so many turns."""

_APART = re.compile(r",(?![^(]*\))")  # commas outside of parentheses


def number(text: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None
    if not isfinite(value):
        raise typer.BadParameter(f"it must be finite, not {text}")
    return value


def count(text: str) -> int:
    """Return a positive whole number, which may be written ``1e6`` or ``100_000``."""
    value = number(text)
    if value < 1 or value != int(value):
        raise typer.BadParameter(f"it must be a positive whole number, not {text}")
    if value > MOST:
        raise typer.BadParameter(f"{text} is more than can be; {MOST:.0e} is the most")
    return int(value)


def separate(values: Sequence[str] | None) -> list[str]:
    """Return the items of an option that may be repeated, and separated by commas."""
    return [item.strip() for value in values or () for item in _APART.split(value) if item.strip()]


def named_numbers(values: Sequence[str] | None, known: Sequence[str], option: str) -> dict[str, float]:
    """Return ``{name: number}`` of items ``NAME=VALUE``."""
    found: dict[str, float] = {}
    for item in separate(values):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value:
            raise typer.BadParameter(f"{item!r} must be NAME=VALUE, such as {known[0]}=1e-4", param_hint=option)
        if name not in known:
            near = suggest(name, known)
            raise typer.BadParameter(f"there is no {name!r}{near}; there are {', '.join(known)}", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint=option)
        try:
            found[name] = number(value)
        except typer.BadParameter as error:
            raise typer.BadParameter(f"{name}: {error.message}", param_hint=option) from None
    return found


def ranges(values: Sequence[str] | None, option: str) -> dict[str, np.ndarray]:
    """Return ``{name: numbers}`` of items ``NAME=FIRST:LAST:COUNT`` or ``NAME=VALUE``; both ends belong to a range."""
    found: dict[str, np.ndarray] = {}
    for item in separate(values):
        name, _, text = (part.strip() for part in item.partition("="))
        parts = text.split(":")
        if not name or not text or len(parts) not in (1, 3):
            raise typer.BadParameter(
                f"{item!r} must be NAME=FIRST:LAST:COUNT, such as q1.k1=1:2:100, or NAME=VALUE", param_hint=option
            )
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint=option)
        try:
            first, last = number(parts[0]), number(parts[1] if len(parts) == 3 else parts[0])
            steps = count(parts[2]) if len(parts) == 3 else 1
        except typer.BadParameter as error:
            raise typer.BadParameter(f"{name}: {error.message}", param_hint=option) from None
        if steps == 1 and first != last:
            raise typer.BadParameter(f"{name}: one value cannot be both {parts[0]} and {parts[1]}", param_hint=option)
        found[name] = np.linspace(first, last, steps)
    return found
