"""Whether two elements do the same to particles: by the routines that track them, and the numbers that go into these."""

from __future__ import annotations

from math import isclose
from typing import Any

import numpy as np

from caraval.core.element import Element
from caraval.core.errors import CaravalError
from caraval.core.lattice import Lattice
from caraval.core.plan import Act, Prepared
from caraval.core.reference import Reference, as_species
from caraval.core.rows import Row, flatten
from caraval.physics.drift import Drift

from . import openings

MISALIGNMENT = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt", "roll")

TOLERANCE = 1e-12
"""Numbers that differ relatively by less are the same, but for their rounding."""

STAND_IN = Reference(as_species("electron"), 1e9)
"""The reference where a lattice has none."""


def track_alike(first: Element, second: Element, reference: Reference | None) -> bool:
    """Whether particles are tracked the same by both elements, whatever their coordinates.

    Parameters
    ----------
    first, second : Element
        With plain numbers.
    reference : Reference, optional
        At the entrance.

    Returns
    -------
    bool
        False, if one of them cannot be tracked at all.
    """
    start = reference or STAND_IN
    a, b = (_prepared(_aligned(element, start), start) for element in (first, second))
    if a is None or b is None:
        return False
    if len(a.stages) != len(b.stages) or not _same_reference(a.references[-1], b.references[-1]):
        return False
    return all(map(_same_stage, a.stages, b.stages))


def _aligned(element: Element, start: Reference) -> Element:
    """Return an element as if it stood where it should, if it is empty space, which does not feel where it stands."""
    moved = {name: 0.0 for name in MISALIGNMENT if getattr(element, name, None)}
    if not moved or openings.has_opening(element):
        return element
    aligned = element.with_values({name: 0.0 for name in moved if name in element.__dict__})
    return aligned if track_alike(aligned, Drift(length=element.length), start) else element


def _prepared(element: Element, reference: Reference) -> Prepared | None:
    try:
        element.validate()  # values may not go together, as nobody has looked at them yet
        lattice = Lattice([element.with_values({"name": "", "metadata": {}})], reference=reference)
        return lattice.planner.plan((), reference).prepare(lattice.planner.numbers(), reference)
    except CaravalError:
        return None


def _same_reference(a: Reference, b: Reference) -> bool:
    return _close(a.p0c, b.p0c) and _close(a.s, b.s) and _close(a.t, b.t)


def _same_stage(a: Any, b: Any) -> bool:
    if isinstance(a, Row) and isinstance(b, Row):
        return a.variant == b.variant and all(map(_close, flatten(a.constants), flatten(b.constants)))
    if isinstance(a, Act) and isinstance(b, Act):
        return a.effect == b.effect and all(map(_close, flatten(a.constants), flatten(b.constants)))
    return type(a) is type(b) and not isinstance(a, (Row, Act)) and all(map(_close_arrays, a, b))


def _close(a: Any, b: Any) -> bool:
    return isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-300)


def _close_arrays(a: Any, b: Any) -> bool:
    return bool(np.allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=TOLERANCE, atol=1e-15))


def number_of_steps(element: Element, reference: Reference | None) -> int:
    """Return into how many steps an element is divided; zero, if it cannot be tracked."""
    start = reference or STAND_IN
    try:
        count = Lattice([element], reference=start).planner.counts(start)[0]
    except CaravalError:
        return 0
    return count or 0
