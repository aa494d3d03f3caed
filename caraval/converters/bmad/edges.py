"""Edges that a group moves: the element grows, shrinks or wanders, and its neighbours make room (Bmad manual, "Group")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import settled
from .definitions import Branch, Element, bodies

if TYPE_CHECKING:
    from .controllers import Controller

EDGES = {
    "start_edge": (1, -1, 0), "end_edge": (0, 1, -1), "accordion_edge": (-1, 2, -1), "s_position": (1, 0, -1),
}  # fmt: skip
"""By how much the element before, the element itself and the one after it become longer."""

WITHOUT_LENGTH = (
    "marker",
    "fork",
    "photon_fork",
    "fiducial",
    "floor_shift",
    "multipole",
    "ab_multipole",
    "beambeam",
    "gkicker",
)
"""Classes whose elements are passed over where a neighbour is looked for."""


def move(branches: Sequence[Branch], element: Element, attribute: str, change: float, lord: Controller) -> None:
    """Move the edges of an element, wherever it is.

    Raises
    ------
    LatticeError
        If there is no neighbour that can make room.
    """
    before, itself, after = EDGES[attribute]
    longer: dict[int, tuple[Element, int]] = {id(element): (element, itself)}  # once, wherever a beam passes
    for branch in branches:
        for first, last in _places(branch, element):
            for i, step, share in ((first, -1, before), (last, 1, after)):
                neighbour = _neighbour(branch, i, step) if share else element
                if neighbour is None:
                    raise lord.place.error(f"{lord.label}: {attribute} needs an element beside {element.name!r} to make room")
                longer.setdefault(id(neighbour), (neighbour, share))
    for changed, share in longer.values():
        length = settled.read(changed, "l")
        settled.write(changed, "l", (length if isinstance(length, float) else 0.0) + share * change, lord.place)


def _places(branch: Branch, element: Element) -> list[tuple[int, int]]:
    """Return where an element begins and ends, for each time that the branch comes through it."""
    found: dict[int, tuple[int, int]] = {}
    for i, here in enumerate(branch.elements):
        for part in bodies(here):
            if element is part or element is part.lord:
                found[id(part)] = found.get(id(part), (i, i))[0], i
    return list(found.values())


def _neighbour(branch: Branch, i: int, step: int) -> Element | None:
    """Return the next element that has a length."""
    i += step
    while 0 <= i < len(branch.elements) and branch.elements[i].keyword in WITHOUT_LENGTH:
        i += step
    if not 0 <= i < len(branch.elements):
        return None
    body = bodies(branch.elements[i])[0]
    return body.lord or body
