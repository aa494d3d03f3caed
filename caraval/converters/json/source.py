"""The text of a file, and the values in it, which know where they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, isnan
from pathlib import Path
from typing import Any, NamedTuple

from caraval.converters.files import raw
from caraval.core.errors import CaravalError, LatticeError, suggest

from . import places
from .vocabulary import AROUND, DEEPEST

LISTED = 12
"""So many names at most are listed in an error."""


class Source(NamedTuple):
    """A file's name and its text."""

    file: str
    text: str

    def position(self, at: int) -> tuple[int, int]:
        """Return the line and the column of a place in the text."""
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def error(self, at: int, message: str) -> LatticeError:
        """Return an error that names the line and the column of a place in the text."""
        line, column = self.position(at)
        return LatticeError(message, file=self.file, line=line, column=column)


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and the way to it: keys and indices."""

    value: Any
    source: Source
    path: tuple[str | int, ...] = ()

    def __getitem__(self, key: str | int) -> Node:
        """Return the value under a key or an index."""
        return Node(self.value[key], self.source, (*self.path, key))

    def members(self) -> Iterator[tuple[str, Node]]:
        """Yield what an object has."""
        return ((key, self[key]) for key in self.value)

    def items(self) -> Iterator[Node]:
        """Yield what a list has."""
        return (self[i] for i in range(len(self.value)))

    @property
    def place(self) -> tuple[str, int, int]:
        """File, line and column."""
        return (self.source.file, *self.source.position(places.offset(self.source.text, self.path)))

    def error(self, message: str) -> LatticeError:
        """Return an error that names the place of the value."""
        return self.source.error(places.offset(self.source.text, self.path), message)

    @contextmanager
    def blamed(self, errors: tuple[type[Exception], ...] = (CaravalError,)) -> Iterator[None]:
        """Let such errors name the place of the value, unless they name one already."""
        try:
            yield
        except LatticeError:
            raise
        except errors as error:
            raise self.error(str(error)) from error

    def expected(self, kind: type, what: str) -> Any:
        """Return the value, if it is of a kind."""
        if not isinstance(self.value, kind):
            raise self.error(f"{what}, not {shortly(self.value)}")
        return self.value

    def only(self, keys: Iterable[str], what: str) -> None:
        """Refuse keys that mean nothing here."""
        known = list(keys)
        for key in self.value:
            if key not in known:
                listed = f"; there are {', '.join(known)}" if len(known) <= LISTED else ""
                raise self[key].error(f"{what} has no {key!r}{suggest(key, known)}{listed}")


def parsed(path: Path, *, allow_infinite: bool = False) -> Node:
    """Return the whole file.

    Parameters
    ----------
    path : Path
    allow_infinite : bool
        Whether a number may be ``Infinity``, which is no JSON, but what Python writes.
    """
    data = raw(path, str(path))
    try:
        source = Source(str(path), data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise LatticeError("this is no text in UTF-8", file=str(path), line=line, column=column) from None
    too_deep = places.nested(source.text, DEEPEST + AROUND)
    if too_deep is not None:
        raise source.error(too_deep, f"lists and objects are nested more than {DEEPEST + AROUND} deep here")
    try:
        number, whole = (_number_or_infinity, _whole_or_infinity) if allow_infinite else (_number, _whole)
        value = json.loads(source.text, object_pairs_hook=_once, parse_float=number, parse_constant=number, parse_int=whole)
    except _FaultError:
        raise source.error(*next(places.faults(source.text, allow_infinite))) from None
    except json.JSONDecodeError as error:
        raise source.error(error.pos, f"this is no JSON: {error.msg}") from None
    return Node(value, source)


class _FaultError(ValueError):
    """Something that JSON's syntax allows, and lattices do not."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _FaultError
    return found


def _number(written: str) -> float:
    number = float(written)
    if not isfinite(number):
        raise _FaultError
    return number


def _number_or_infinity(written: str) -> float:
    number = float(written)
    if isnan(number):
        raise _FaultError
    return number


def _whole(written: str) -> int:
    try:
        return int(written)
    except ValueError:  # of thousands of digits, which Python refuses
        raise _FaultError from None


def _whole_or_infinity(written: str) -> int | float:
    try:
        return int(written)
    except ValueError:
        return float(written)


def dump(value: Any) -> str:
    """Return a value as JSON's text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def shortly(value: Any) -> str:
    """Return a value for an error's message."""
    shown = (
        json.dumps(value, ensure_ascii=False)
        if value is None or isinstance(value, (bool, int, float, str))
        else f"a {type(value).__name__}"
    )
    return shown if len(shown) <= 40 else shown[:37] + "..."
