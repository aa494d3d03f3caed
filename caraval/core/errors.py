"""What Caraval says when it cannot go on.

Every message names what was wrong, where, and what would be right.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 1000
"""How much is said of what is wrong in a file [characters]."""


class CaravalError(Exception):
    """Base of all errors that Caraval raises on purpose."""

    def __str__(self) -> str:  # KeyError would show the representation of the message
        return str(self.args[0]) if self.args else ""


class InputError(CaravalError, ValueError):
    """A value that cannot be used: wrong type, shape, range, or not a number."""


class UnknownNameError(CaravalError, KeyError, AttributeError):
    """A name that nothing carries: of an element, parameter, method, format, backend, species."""


class MethodError(CaravalError, TypeError):
    """A tracking method that an element does not have."""


class BackendError(CaravalError, TypeError):
    """Arrays of different backends together, or a backend that is not installed or cannot do what is asked."""


class PluginError(CaravalError):
    """Two plugins that claim the same thing, or a plugin that returns what a hook does not take."""


class PluginWarning(UserWarning):
    """A plugin that could not be loaded. The others are."""


class LatticeError(CaravalError, ValueError):
    """A lattice file, or a lattice, that makes no sense; with file, line and column where they are known."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, column: int | None = None) -> None:
        self.file, self.line, self.column = file, line, column
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        text = message if len(message) <= LONGEST else f"{message[:LONGEST]}..."  # files can have names of a million letters
        super().__init__(f"{place}: {text}" if place else text)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and show the caller's own line in place of one of Caraval's."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'k1'?"`` for the known name nearest to `name`, or an empty string."""
    by_lower = {other.lower(): other for other in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
