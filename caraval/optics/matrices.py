"""Transfer matrices between any two places of a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.maps import IDENTITY, stack_entries
from caraval.physics.shared.modes import multiplied

from .line import Line
from .twiss import begun

Place = str | int | None


def transfer_matrix(lattice: Lattice, start: Place = None, end: Place = None, *, orbit: Sequence[Any] | None = None) -> Any:
    """Return the matrix from the exit of one element to that of another, about an orbit.

    Parameters
    ----------
    lattice : Lattice
        With a reference.
    start, end : str or int, optional
        Elements by name (``"q1"``, ``"q1##2"``) or place; left out: the start of the line, and its end. In a closed lattice the
        end may come before the start: then the way goes on through the start of the line.
    orbit : six numbers, optional
        At the start of the line; left out: the closed orbit of a closed lattice, else the axis.

    Returns
    -------
    array (..., 6, 6)
        Derivatives of ``x, px, y, py, z, pz`` there by those here.

    Raises
    ------
    InputError
        If the end comes before the start in an open line.
    UnknownNameError
        If there is no such element.
    """
    line = Line(lattice)
    if orbit is None:
        orbit = begun(line, None).orbit if lattice.geometry == "closed" else (0.0,) * 6
    first, last = _after(lattice, start, 0), _after(lattice, end, len(lattice))
    maps = [piece.matrix for piece in line.pieces(orbit)]
    if first <= last:
        return stack_entries(_product(maps[first:last]))
    if lattice.geometry != "closed":
        raise InputError(f"{end!r} comes before {start!r}, and the line is open")
    return stack_entries(_product([*maps[first:], *maps[:last]]))


def _after(lattice: Lattice, place: Place, otherwise: int) -> int:
    """Return how many elements there are up to the exit of one."""
    if place is None:
        return otherwise
    if isinstance(place, str):
        return lattice.select(place)[0] + 1
    return range(len(lattice))[place] + 1


def _product(maps: Sequence[Any]) -> Any:
    total: Any = IDENTITY.tolist()
    for one in maps:
        total = multiplied(one, total)
    return total
