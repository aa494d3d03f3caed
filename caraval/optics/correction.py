"""Orbit correction: the response of the orbit to correctors, and its inversion by singular values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.names import parameter_of
from caraval.physics.shared.modes import multiplied

from .line import Line
from .twiss import begun

STEP = 1e-5
"""Half the difference of settings from which a corrector's own derivative is taken; kicks act linearly to its square."""


class Response(NamedTuple):
    """How an orbit answers to correctors.

    Attributes
    ----------
    matrix : array (2 m, n)
        Derivatives of x at the monitors, then of y, by the settings.
    orbit : array (2 m,)
        x, then y, as they are [m].
    monitors : list of int
        Places of the elements.
    correctors : list of (int, str)
        Places of the elements, and what is set there.
    """

    matrix: np.ndarray
    orbit: np.ndarray
    monitors: list[int]
    correctors: list[tuple[int, str]]


def orbit_response(lattice: Lattice, correctors: Sequence[str], monitors: Sequence[str]) -> Response:
    """Return the response matrix of the orbit after monitors to correctors.

    The derivative of each corrector's own map goes on by the maps of the line, in a ring round and round: no orbit is searched
    for anew. What changes the length of the way is left out, as with cavities off.

    Parameters
    ----------
    lattice : Lattice
        With a reference; not a batch. Closed, or open with the orbit of its beginning.
    correctors : sequence of str
        Settings, ``"ch*.kick"``; every occurrence is one by itself.
    monitors : sequence of str
        Elements, ``"bpm*"``.

    Raises
    ------
    UnknownNameError
        If nothing has such a name.
    """
    line = Line(lattice)
    begin = begun(line, None) if lattice.geometry == "closed" else begun(line, {"beta_a": 1.0, "beta_b": 1.0})
    places = sorted({place for pattern in monitors for place in lattice.select(pattern)})
    settings = [
        (place, name) for key in correctors for pattern, name in [parameter_of(key)] for place in lattice.select(pattern)
    ]
    orbits, upto = [tuple(begin.orbit)], [np.eye(6)]
    for piece in line.pieces(begin.orbit):
        orbits.append(piece.orbit)
        upto.append(np.array(multiplied(piece.matrix, upto[-1].tolist())))
    total = upto[-1][:4, :4]
    columns = []
    for place, name in settings:
        kick = _own(line, place, name, orbits[place])
        start = np.linalg.inv(upto[place + 1]) @ kick  # as if it came from the start of the line
        turned = np.zeros(6)
        if lattice.geometry == "closed":
            turned[:4] = np.linalg.solve(np.eye(4) - total, (upto[-1] @ start)[:4])
        columns.append([upto[m + 1][plane] @ (turned + (start if m >= place else 0.0)) for plane in (0, 2) for m in places])
    orbit = np.array([orbits[m + 1][plane] for plane in (0, 2) for m in places])
    return Response(np.array(columns).T, orbit, places, settings)


def correct_orbit(
    lattice: Lattice,
    correctors: Sequence[str],
    monitors: Sequence[str],
    *,
    singular_values: int | None = None,
    cutoff: float = 1e-6,
    rounds: int = 3,
) -> Lattice:
    """Return the lattice with correctors set so that the orbit after monitors is as near to the axis as they can bring it.

    Parameters
    ----------
    lattice, correctors, monitors
        As in :func:`orbit_response`.
    singular_values : int, optional
        How many of the largest count; all, if left out.
    cutoff : float
        Singular values below this share of the largest never count.
    rounds : int
        How often: the response changes a little with the orbit.

    Raises
    ------
    InputError
        If `rounds` is not positive.
    """
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, not {rounds!r}")
    for _ in range(rounds):
        response = orbit_response(lattice, correctors, monitors)
        u, s, v = np.linalg.svd(response.matrix, full_matrices=False)
        used = s > cutoff * s.max(initial=0.0)
        if singular_values is not None:
            used[singular_values:] = False
        change = -v[used].T @ ((u[:, used].T @ response.orbit) / s[used])
        elements = list(lattice.elements)
        for (place, name), more in zip(response.correctors, change, strict=True):
            elements[place] = elements[place].replace(**{name: (getattr(elements[place], name) or 0.0) + float(more)})
        lattice = lattice.replace(elements=elements)
    return lattice


def _own(line: Line, place: int, name: str, orbit: Sequence[Any]) -> np.ndarray:
    """Return the derivative of the coordinates after a corrector by its setting."""
    element, reference = line.lattice.elements[place], line.references[place]
    here = getattr(element, name) or 0.0
    ends = []
    for step in (STEP, -STEP):
        one = Lattice([element.replace(**{name: here + step})], reference=reference)
        ends.append(np.array(Line(one).turn(orbit)[1], dtype=float))
    return (ends[0] - ends[1]) / (2 * STEP)
