"""Which way the beam goes against the z axis, as patches need to know (Bmad manual, "Reflection Patch")."""

from __future__ import annotations

from collections.abc import Sequence

from caraval.core.element import Element
from caraval.physics.patch import Patch


def told(elements: Sequence[Element]) -> list[Element]:
    """Return elements whose patches know whether the beam comes to them out of reversed elements."""
    out, direction = list(elements), 1
    for i, element in enumerate(elements):
        if not isinstance(element, Patch):
            direction = element.orientation
            continue
        if direction != element.orientation:
            out[i] = element.replace(against=True)
        direction = -direction if element.turns() else direction
    return out
