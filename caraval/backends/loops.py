"""NumPy's compiled loops for the arrays of other libraries, in the memory that these have.

They are the quickest at hand, whichever library holds the numbers. What they take is plain: in the computer's own memory, and
neither traced nor differentiated. All else goes the library's own way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.coordinates import Coordinates
from caraval.core.rows import Row, Variant

from .base import Backend
from .numpy import A_CALL, WORTH_COMPILING, NumpyBackend, has_compiler

_REFUSED: set[tuple[tuple[Variant, ...], str]] = set()
"""Variants and precisions that Numba could not compile: routines may do what only their own library knows."""


class Looping(Backend, ABC):
    """A backend whose plain numbers go through NumPy's loops, where these have a compiler.

    Attributes
    ----------
    enough : float
        Particles times steps from which on they do: compiling, which takes seconds, should pay at once.
    """

    enough: float = WORTH_COMPILING

    @abstractmethod
    def seen(self, array: Any) -> np.ndarray | None:
        """Return an array's own memory, as NumPy's; None: it is elsewhere, or traced, or differentiated."""

    @abstractmethod
    def made(self, array: np.ndarray, like: Any) -> Any:
        """Return an array of this library where another is, of memory that nobody else knows."""

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int = 1) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        found = self.looped(rows, q, lost, first)
        return self._run_itself(rows, q, lost, first) if found is None else found

    def _run_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        """Take particles through rows without NumPy."""
        return super().run(rows, q, lost, first)

    def _round(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times, see :meth:`Backend.run_turns`."""
        found = self.looped(rows, q, lost, 1, turns)
        return self._round_itself(rows, q, lost, turns) if found is None else found

    def _round_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times without NumPy."""
        return super()._round(rows, q, lost, turns)

    def for_turns(self, particles: int, steps: int) -> Backend:
        """Return the backend that leaves what is much to the loops, see :meth:`Backend.for_turns`."""
        if (particles + A_CALL) * steps < self.enough:
            return self
        found = type(self)()
        found.enough = 0
        return found

    def looped(
        self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int, turns: int = 1
    ) -> tuple[Coordinates, Any] | None:
        """Return what :meth:`Backend.run` does by NumPy's loops; None: they are not worth while, or cannot do it."""
        if not rows or prod(q.x.shape) * len(rows) * turns < self.enough or not has_compiler():
            return None
        unique = {id(row): row for row in rows}
        opened = (value for row in unique.values() if not row.is_plain for value in row.values if not is_number(value))
        views = self._views([*q, *([] if lost is None else [lost]), *opened])
        if views is None:
            return None

        def view(value: Any) -> Any:
            return views.get(id(value), value)

        kind = view(q.x).dtype
        if not _compiles(tuple(dict.fromkeys(row.variant for row in unique.values())), str(kind)):
            return None
        numpy = NumpyBackend().compiled()
        moved = {key: row if row.is_plain else numpy.cast(row.mapped(view), kind, None) for key, row in unique.items()}
        state = Coordinates(*map(view, q)), view(lost)
        out, gone = numpy.run([moved[id(row)] for row in rows] * turns, *state, first)
        return Coordinates(*(self.made(a, q.x) for a in out)), None if gone is None else self.made(gone, q.x)

    def _views(self, arrays: Sequence[Any]) -> dict[int, np.ndarray] | None:
        """Return the memory of arrays, by their identities; None: of one of them it is not seen."""
        views = {}
        for array in arrays:
            view = self.seen(array)
            if view is None:
                return None
            views[id(array)] = view
        return views

    def looping(self, name: str, program: Callable[..., Any]) -> Callable[..., Any]:
        """Return what runs recorded functions, ``(recorded, arrays (n,), *arrays)``.

        Parameters
        ----------
        name : str
            Of the function of :mod:`caraval.backends.numba_chains` that does it with plain arrays.
        program : callable
            The library's own one.
        """

        def run(recorded: Any, lines: Sequence[Any], *more: Any) -> Any:
            like = lines[0]
            views = self._views([*lines, *more]) if like.shape[0] >= self.enough and has_compiler() else None
            if views is None:
                return program(recorded, lines, *more)
            from . import numba_chains

            found = getattr(numba_chains, name)(recorded, [views[id(a)] for a in lines], *(views[id(a)] for a in more))
            return self.made(found, like) if name == "evaluate" else tuple(self.made(a, like) for a in found)

        return run


def _compiles(variants: tuple[Variant, ...], kind: str) -> bool:
    """Whether Numba compiles these variants; if it does, they are compiled now."""
    from numba.core.errors import NumbaError

    from .numba import driver

    if (variants, kind) in _REFUSED:
        return False
    try:
        driver(variants, kind)
    except (NumbaError, AttributeError):  # the latter is how it says that plain numbers lack a function
        _REFUSED.add((variants, kind))
        return False
    return True
