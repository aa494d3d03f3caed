"""Where things are in a text that is JSON: what its parser does not say, and errors should."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from math import isfinite, isinf

_decoder = json.JSONDecoder(parse_int=float)  # of as many digits as there are
_space = re.compile(r"[ \t\n\r]*")
_brackets = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def offset(text: str, path: Iterable[str | int]) -> int:
    """Return where something is in a text that is JSON: its key, if it has one."""
    place = start = _skipped(text, 0)
    for step in path:
        if isinstance(step, str):
            place, start = next((at, value) for key, at, value in _members(text, start) if key == step)
        else:
            place = start = next(at for i, at in enumerate(_items(text, start)) if i == step)
    return place


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield the keys of an object, and where each key and each value begins."""
    at = _skipped(text, start + 1)
    while text[at] == '"':
        key, end = _decoder.raw_decode(text, at)
        value = _skipped(text, _skipped(text, end) + 1)
        yield key, at, value
        at = _after(text, value)


def _items(text: str, start: int) -> Iterator[int]:
    """Yield where the items of a list begin."""
    at = _skipped(text, start + 1)
    while text[at] not in "]}":
        yield at
        at = _after(text, at)


def _after(text: str, start: int) -> int:
    """Return where the next item begins after the value at `start`, or the list or object ends."""
    at = _skipped(text, _decoder.raw_decode(text, start)[1])
    return _skipped(text, at + 1) if text[at] == "," else at


def _skipped(text: str, at: int) -> int:
    return _space.match(text, at).end()  # type: ignore[union-attr]


def nested(text: str, most: int) -> int | None:
    """Return where lists and objects are nested deeper than allowed; None: nowhere."""
    deep = 0
    for bracket in _brackets.finditer(text):
        deep += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket[0], 0)
        if deep > most:
            return bracket.start()
    return None


def faults(text: str, allow_infinite: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the places of keys that are there twice and of numbers that are not finite, and what to say of them."""
    return _faults(text, _skipped(text, 0), allow_infinite)


def _faults(text: str, start: int, allow_infinite: bool) -> Iterator[tuple[int, str]]:
    if text[start] == "{":
        seen = set()
        for key, at, value in _members(text, start):
            if key in seen:
                yield at, f"{key!r} is there twice"
            seen.add(key)
            yield from _faults(text, value, allow_infinite)
    elif text[start] == "[":
        for at in _items(text, start):
            yield from _faults(text, at, allow_infinite)
    else:
        value, _ = _decoder.raw_decode(text, start)
        if isinstance(value, float) and not isfinite(value) and not (allow_infinite and isinf(value)):
            yield start, "numbers must be finite"
