"""Flexible patches: they lead from where the line is to where the next element stands already (Bmad manual, "Patch")."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from caraval.core.element import Element as CaravalElement
from caraval.physics import floor
from caraval.physics.floor import FLOOR, Frame

from .definitions import Branch, Element


def converted(branch: Branch, convert: Callable[[Element], CaravalElement], count: int | None = None) -> list[CaravalElement]:
    """Return what the first elements of a branch, or all, are in Caraval, with flexible patches led where they should be.

    Raises
    ------
    LatticeError
        If it is not known where the element after a patch stands.
    """
    _take(branch)
    out: list[CaravalElement] = []
    frames = [FLOOR]
    for i, element in enumerate(islice(branch.elements, count)):
        made = convert(element)
        if branch.flexible:
            made = made.replace(**_between(frames[i], frames[_first_pass(branch, i)])) if i in branch.flexible else made
            frames.append(floor.standing([made], frames[i])[0].exit)
        out.append(made)
    return out


def _take(branch: Branch) -> None:
    """Take from flexible patches that they are; the branch knows it."""
    for i, element in enumerate(branch.elements):
        setting = element.settings.get("flexible") if element.keyword == "patch" else None
        if setting is not None and setting.logical("flexible"):
            branch.elements[i] = taken = element.copy(element.name)
            branch.flexible[i] = taken.settings.pop("flexible")
            if element.lord is not None:
                element.lord.passes = [taken if each is element else each for each in element.lord.passes]


def _first_pass(branch: Branch, patch: int) -> int:
    """Return the number of the first pass of the element after a patch."""
    following = branch.elements[patch + 1] if patch + 1 < len(branch.elements) else None
    if following is not None and following.lord is not None:
        first = following.lord.passes[0]
        found = [i for i in range(patch) if branch.elements[i] is first and first.reversed == following.reversed]
        if found:
            return found[0]
    label = branch.elements[patch].label
    raise branch.flexible[patch].place.error(
        f"{label}: a flexible patch is understood before an element that the line has passed already; give the offsets"
    )


def _between(here: Frame, there: Frame) -> dict[str, Any]:
    """Return offsets and angles of the patch from one frame to another."""
    turn, step = here.axes.T @ there.axes, here.axes.T @ (there.origin - here.origin)
    angles = dict(zip(("x_pitch", "y_pitch", "tilt"), floor.angles(turn), strict=True))
    return {**dict(zip(("x_offset", "y_offset", "z_offset"), map(float, step), strict=True)), **angles}
