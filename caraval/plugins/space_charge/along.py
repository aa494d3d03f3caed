"""Space charge along the elements of a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

import caraval as cv

from .kick import kick_of
from .options import checked

EFFECT = "space_charge"

WHOLE = 1e-9
"""Part of a slice by which an element may be longer and still have one slice less."""


def with_space_charge(
    lattice: cv.Lattice,
    every: float = 0.02,
    grid: Sequence[int] = (32, 32, 32),
    extent: float | Sequence[float] | None = None,
    where: Any = None,
) -> cv.Lattice:
    """Return the lattice with space charge in its elements, whatever their kind and method.

    An element is taken in slices of equal length, and the bunch is kicked for half of it at both ends of each: second order in
    the step, if the bunch's own way through the slice is.

    Parameters
    ----------
    lattice : Lattice
    every : float
        Longest slice [m].
    grid : sequence of int
        Nodes in x, y and z.
    extent : float or sequence of float, optional
        Half the size of the grid, in standard deviations of the bunch; particles outside neither push nor are pushed. Left
        out: all particles are inside.
    where : str or callable, optional
        Which elements: an element kind, a name pattern, or a predicate of the element; all, if left out.

    Raises
    ------
    InputError
        If a value cannot be used, or the length of an element is hidden by a trace.
    """
    if not cv.is_number(every) or not 0 < every < float("inf"):
        raise cv.InputError(f"with_space_charge: every must be a length in m, not {every!r}")
    nodes, sizes = checked(grid, extent, "with_space_charge")
    options = {"grid": nodes, "extent": sizes}
    elements = list(lattice.elements)
    for place in lattice.places(where):
        element = elements[place]
        length = _longest(element)
        if length > 0:
            number = max(element.num_slices, ceil(length / every - WHOLE)) if element.can_be_cut else 1
            elements[place] = element.replace(effects={**element.effects, EFFECT: options}, num_slices=number)
    return lattice.replace(elements=elements)


def _longest(element: cv.Element) -> float:
    """Return the length [m], of several settings the longest."""
    values = cv.value_of(element.length)
    if values is None:
        raise cv.InputError(f"{element.label}: its length decides about its slices, and a trace hides it")
    return float(np.abs(values).max())


def _half(element: cv.Element, reference_in: cv.Reference, reference_out: cv.Reference, xp: Any) -> tuple[Any]:
    return (element.length / 2,)


def wrap(element: cv.Element, steps: Sequence[cv.Step]) -> Sequence[cv.Step]:
    """Put half a kick at both ends of an element that has space charge."""
    if EFFECT not in element.effects:
        return steps
    kick = kick_of(_half, *checked(*_given(element), element.label))
    return [cv.Step(collective=kick, at_entrance=True), *steps, cv.Step(collective=kick)]


def _given(element: cv.Element) -> tuple[Any, Any]:
    options = element.effects[EFFECT]
    return options.get("grid", (32, 32, 32)), options.get("extent")
