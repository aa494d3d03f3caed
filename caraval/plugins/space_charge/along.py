"""Space charge along the elements of a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.reference import Reference
from caraval.core.registry import backend_of
from caraval.core.routine import Step

from .kick import kick_of
from .options import checked

EFFECT = "space_charge"

WHOLE = 1e-9
"""Part of a slice by which an element may be longer and still have one slice less."""


def with_space_charge(
    lattice: Lattice,
    every: float = 0.02,
    grid: Sequence[int] = (32, 32, 32),
    extent: float | Sequence[float] | None = None,
    where: Any = None,
) -> Lattice:
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
    if not is_number(every) or not 0 < every < float("inf"):
        raise InputError(f"with_space_charge: every must be a length in m, not {every!r}")
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


def _longest(element: Element) -> float:
    """Return the length [m], of several settings the longest."""
    if is_number(element.length):
        return abs(element.length)
    values = backend_of(element.length).value(element.length)
    if values is None:
        raise InputError(f"{element.label}: its length decides about its slices, and a trace hides it")
    return float(np.abs(values).max())


def _half(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> tuple[Any]:
    return (element.length / 2,)


def wrap(element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    """Put half a kick at both ends of an element that has space charge."""
    if EFFECT not in element.effects:
        return steps
    kick = kick_of(_half, *checked(*_given(element), element.label))
    return [Step(collective=kick, at_entrance=True), *steps, Step(collective=kick)]


def _given(element: Element) -> tuple[Any, Any]:
    options = element.effects[EFFECT]
    return options.get("grid", (32, 32, 32)), options.get("extent")
