"""Elements that a language has no word for, as the map that they are near the axis."""

from __future__ import annotations

from typing import Literal

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.element import Element
from caraval.core.errors import CaravalError
from caraval.core.lattice import Lattice
from caraval.core.maps import SecondOrderMap
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.taylor import UNIT, Taylor

from .openings import OF_OPENINGS
from .weighed import WeighedFields

ORDERS = {1: "its matrix", 2: "its map to second order"}

SOMEWHERE = 1e-3 * np.array([[1.0, -2, 3], [2, 1, -3], [-1, 3, 2], [3, -1, 1], [2, 3, -1], [-3, 2, 1]])
"""Coordinates of particles off the axis."""

SAME_MAP = 1e-15
"""Terms below this, over the largest, are rounding."""


def as_map(f: WeighedFields, order: Literal[1, 2], *, same_coordinates: bool) -> WeighedFields | None:
    """Return the fields of a Taylor element that does what an element does, up to an order, and report that this is all.

    Parameters
    ----------
    f : WeighedFields
    order : 1 or 2
    same_coordinates : bool
        Whether the map of the language is in our coordinates, so that nothing is lost of what has no higher order.

    Returns
    -------
    WeighedFields or None
        None: nothing does, as the element cannot be tracked, or changes the reference.
    """
    terms = None if f.given_reference is None else _terms(f.element, f.given_reference, order)
    if f.given_reference is None or terms is None:
        return None
    element = f.element
    kept = {name: getattr(element, name) for name in (*OF_OPENINGS, "metadata")}
    made = Taylor(name=element.name, length=element.length, terms=terms, **kept)
    is_exact = same_coordinates and _is_same(element, made, f.given_reference)
    report = f.note if is_exact else f.physics
    report("", element.kind, ORDERS[order])
    return WeighedFields(made, f.given_reference, f.losses)


def _terms(element: Element, reference: Reference, order: Literal[1, 2]) -> dict[str, float] | None:
    """Return the terms of an element's map about the axis; None: it has none, or another reference behind it."""
    lattice = Lattice([element], reference=reference)
    try:
        found = lattice.transfer_map(reference, order=order)
        behind = reference_pass(registry(), lattice.elements, reference)[-1]
    except CaravalError:
        return None
    if behind.p0c != reference.p0c:
        return None
    offset, matrix = np.asarray(found.offset), np.asarray(found.matrix)
    terms = {f"tt{i + 1}": float(offset[i]) for i in range(6)}
    terms |= {f"tt{i + 1}{j + 1}": float(matrix[i, j]) for i in range(6) for j in range(6)}
    if isinstance(found, SecondOrderMap):
        second = np.asarray(found.quadratic)
        for i in range(6):
            for j in range(6):
                for k in range(j, 6):
                    terms[f"tt{i + 1}{j + 1}{k + 1}"] = float(second[i, j, k]) * (1 if j == k else 2)
    if not all(np.isfinite(value) for value in terms.values()):
        return None
    least = SAME_MAP * max(map(abs, terms.values()))
    return {name: value for name, value in terms.items() if abs(value - UNIT.get(name, 0.0)) > least or name in UNIT}


def _is_same(element: Element, made: Element, reference: Reference) -> bool:
    """Whether a map does the same to particles off the axis."""
    beam = ParticleBeam(*SOMEWHERE, reference=reference)
    first, second = (np.array(Lattice([one], reference=reference).track(beam).coordinates) for one in (element, made))
    return bool(np.allclose(first, second, rtol=1e-12, atol=SAME_MAP))
