"""Which members of a row names and ranges mean (MAD-X manual, "Selection Statements")."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMED = re.compile(r"([^\[]+)\[(\d{1,9})\]")


class Names:
    """The names of what stands in a row.

    Parameters
    ----------
    sequence : str
        Name of the sequence, of which the ends are called.
    names : iterable of str
    """

    def __init__(self, sequence: str, names: Iterable[str]) -> None:
        self._sequence = sequence
        self._numbers: dict[str, list[int]] = {}
        self._last = -1
        for self._last, name in enumerate(names):
            self._numbers.setdefault(name, []).append(self._last)

    def number(self, name: str) -> int | None:
        """Return the number of what has a name, or of that occurrence of it: ``qf[2]``."""
        named = _NAMED.fullmatch(name.strip())
        wanted, count = (named[1], int(named[2])) if named else (name.strip(), 1)
        found = self._numbers.get(wanted, ())
        return found[count - 1] if 0 < count <= len(found) else None

    def range(self, text: str) -> tuple[int, int]:
        """Return the numbers of the first and the last of a range: ``qf[2]/#e``; an empty range: (1, 0)."""
        first, slash, last = text.lower().partition("/")
        start, end = (self._end(name.strip()) for name in (first, last if slash else first))
        return (1, 0) if start is None or end is None else (start, end)

    def _end(self, name: str) -> int | None:
        if name in ("#s", f"{self._sequence}$start"):
            return 0
        if name in ("#e", f"{self._sequence}$end"):
            return self._last
        return self.number(name)
