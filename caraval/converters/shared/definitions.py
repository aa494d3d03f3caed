"""Definitions of elements: each under a name of its own, as lattice languages want it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from caraval.core.losses import Losses


class Definitions:
    """Names for elements: elements of one name that differ get different ones, and the losses say so.

    Parameters
    ----------
    names : iterable of str
        What the elements of the line are called; no name that is made up is one of these.
    spelled : callable
        ``name -> name`` as the language can have it; the same for names that it does not tell apart.
    taken : iterable of str
        Names that no element can have, as the language spells them.
    losses : Losses

    Attributes
    ----------
    bodies : dict
        What defines each name, in the order of first use.
    """

    def __init__(self, names: Iterable[str], spelled: Callable[[str], str], taken: Iterable[str], losses: Losses) -> None:
        self._spelled = spelled
        self._losses = losses
        self._forbidden = set(taken)
        self._own = {spelled(name) for name in names if spelled(name).lower() == name.lower()}
        self._last: Counter[str] = Counter()
        self._names: dict[tuple[str, str], str] = {}
        self._used: set[str] = set()
        self.bodies: dict[str, str] = {}

    def name(self, wanted: str, otherwise: str, body: str) -> str:
        """Return the name for what an element is, and define it if it is new.

        Parameters
        ----------
        wanted : str
            What the element is called.
        otherwise : str
            What elements without name are called, followed by a number.
        body : str
            What it is, as the file says it.
        """
        key = (self._spelled(wanted), body)
        if key not in self._names:
            self._names[key] = found = self._new(wanted, otherwise)
            self.bodies[found] = body
            if found.lower() != wanted.lower():
                self._losses.note(wanted or otherwise, "name", wanted, f"called {found}")
        return self._names[key]

    def _new(self, wanted: str, otherwise: str) -> str:
        found = self._spelled(wanted) if wanted else ""
        is_own = found.lower() == wanted.lower() or found not in self._own
        if found and is_own and found not in self._used and found not in self._forbidden:
            self._used.add(found)
            return found
        stem = found or otherwise
        while True:
            self._last[stem] += 1
            name = f"{stem}_{self._last[stem] + bool(found)}"
            if not any(name in names for names in (self._used, self._own, self._forbidden)):
                self._used.add(name)
                return name
