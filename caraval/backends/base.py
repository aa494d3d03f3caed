"""The protocol of backends: an array library with a way to run rows of routines over particles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, library
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, InputError, suggest
from caraval.core.loss import ALIVE
from caraval.core.plan import Row

PRECISIONS = ("float64", "float32")


class Backend:
    """An array library. This base runs eagerly on any library of the array API standard; backends override.

    Attributes
    ----------
    name : str
    xp : namespace
        The array API namespace.
    chunk : int
        How many particles are taken through the whole line at a time, so that they stay in the cache; 0: all.
    """

    name: str
    xp: Any
    chunk = 0

    # ---------------------------------------------------------------- arrays

    def dtype(self, name: Any) -> Any:
        """Return the library's dtype for ``"float64"`` or ``"float32"``.

        Raises
        ------
        InputError
            If it is another.
        """
        name = str(name).rpartition(".")[2]
        if name not in PRECISIONS:
            raise InputError(f"dtype must be float64 or float32, not {name!r}{suggest(name, PRECISIONS)}")
        return getattr(self.xp, name)

    def device(self, device: Any) -> Any:
        """Return the library's device of that name (None: its default)."""
        return device

    def asarray(self, value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return numbers, or an array of this library or NumPy, as an array here."""
        return self.xp.asarray(value, dtype=dtype, device=self.device(device))

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return an array's values in NumPy."""
        return np.asarray(array)

    def value(self, array: Any) -> np.ndarray | None:
        """Return an array's values, or None where a trace hides them."""
        return self.to_numpy(array)

    def all_true(self, mask: Any) -> bool | None:
        """Whether a mask is True throughout; None where a trace hides it."""
        return bool(self.xp.all(mask))

    # ---------------------------------------------------------------- running

    def cast(self, row: Row, dtype: Any, device: Any) -> Row:
        """Bring the arrays among a row's constants to a precision and place; plain numbers fit everywhere."""
        return row._replace(constants=_mapped(row.constants, lambda value: self._cast(value, dtype, device)))

    def _cast(self, value: Any, dtype: Any, device: Any) -> Any:
        if is_number(value):
            return value
        if library(value) != self.name:
            if library(value) != "numpy":
                raise BackendError(f"the lattice holds {library(value)} arrays and the beam {self.name} arrays")
            return self.xp.asarray(value, dtype=dtype, device=device)
        return value if value.dtype == dtype else self.xp.astype(value, dtype)

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        """Take particles through rows.

        Parameters
        ----------
        rows : sequence of Row
        q : Coordinates
            Arrays ``(..., n)``.
        lost : array or None
            Where each particle was lost (see :mod:`caraval.core.loss`); None: all are alive.

        Returns
        -------
        q, lost
            A lost particle keeps the coordinates that it was lost with.
        """
        n = q.x.shape[-1]
        if not self.chunk or n <= self.chunk or not self._may_chunk(rows, q):
            return self._run(rows, q, lost)
        pieces = []
        for start in range(0, n, self.chunk):
            part = slice(start, start + self.chunk)
            piece = Coordinates(*(a[..., part] for a in q))
            pieces.append(self._run(rows, piece, None if lost is None else lost[..., part]))
        return self._joined(pieces)

    def _may_chunk(self, rows: Sequence[Row], q: Coordinates) -> bool:
        return True

    def _run(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        for row in rows:
            q, lost = self._step(row, q, lost)
        return q, lost

    def _step(self, row: Row, q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        """Run one row; particles already lost are carried along untouched, where there are any."""
        xp = self.xp
        tracks, check, _ = row.variant
        alive = None if lost is None else lost == ALIVE
        moved = q if alive is None else Coordinates(*(xp.where(alive, a, xp.zeros_like(a)) for a in q))
        for track, c in zip(tracks, row.constants, strict=False):
            moved = track(c, moved, xp)
        q = moved if alive is None else Coordinates(*(xp.where(alive, a, b) for a, b in zip(moved, q, strict=True)))
        if check is None:
            return q, lost
        passed = check(row.constants[-1], q, xp)
        if lost is None:
            if self.all_true(passed):
                return q, None
            lost = xp.full(passed.shape, ALIVE, dtype=q.x.dtype, device=getattr(q.x, "device", None))
        return q, xp.where(passed | (lost != ALIVE), lost, xp.full_like(lost, row.code))

    def _joined(self, pieces: Sequence[tuple[Coordinates, Any]]) -> tuple[Coordinates, Any]:
        xp = self.xp
        joined = Coordinates(*(xp.concat(_level(parts, xp), axis=-1) for parts in zip(*(q for q, _ in pieces), strict=True)))
        losts = [lost for _, lost in pieces]
        if all(lost is None for lost in losts):
            return joined, None
        full = [
            xp.full(q.x.shape, ALIVE, dtype=q.x.dtype, device=getattr(q.x, "device", None)) if lost is None else lost
            for q, lost in pieces
        ]
        return joined, xp.concat(_level(full, xp), axis=-1)

    def compiled(self) -> Backend:
        """Return a backend that runs the same routines compiled.

        Raises
        ------
        BackendError
            If there is no compiler.
        """
        raise BackendError(f"the {self.name} backend has no compiler")

    def value_and_grad(self, function: Callable[..., Any], settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return ``function(settings)`` and its derivatives with respect to the settings.

        Raises
        ------
        BackendError
            If the library has no derivatives.
        """
        raise BackendError(f"the {self.name} backend has no gradients; use a beam with backend='torch' or backend='jax'")


def _mapped(constants: Any, function: Callable[[Any], Any]) -> Any:
    if not isinstance(constants, tuple):
        return function(constants)
    parts = [_mapped(part, function) for part in constants]
    return type(constants)(*parts) if hasattr(constants, "_fields") else tuple(parts)


def _level(parts: Sequence[Any], xp: Any) -> list[Any]:
    """Give arrays the same leading axes."""
    shapes = {part.shape[:-1] for part in parts}
    if len(shapes) == 1:
        return list(parts)
    leading = np.broadcast_shapes(*shapes)
    return [xp.broadcast_to(part, (*leading, part.shape[-1])) for part in parts]
