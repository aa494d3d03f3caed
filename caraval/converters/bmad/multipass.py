"""Elements that the beam passes several times (Bmad manual, "Multipass")."""

from __future__ import annotations

from collections.abc import Sequence

from .definitions import Branch, Physical
from .pieces import Whole
from .vocabulary import OF_PASSES

ENERGIES = ("p0c", "e_tot", "p0c_start", "e_tot_start")
"""Attributes of the whole that say for which reference energy its strengths are."""

OF_WHOLE = (*ENERGIES, "multipass_ref_energy", "n_ref_pass")
"""Attributes that are about the whole; the last two say nothing here."""


def form(branches: Sequence[Branch]) -> None:
    r"""Make one of elements of multipass lines that are the same; its passes are called ``name\1``, ``name\2``.

    The same are those that have the same name and the same place in their lines; one that is passed once has a pass, too.
    (So does Bmad; its manual says otherwise.)
    """
    groups: dict[tuple[str, int], list[Whole]] = {}
    layouts = [branch.layout for branch in branches if branch.layout is not None and branch.layout.has_passes]
    for layout in layouts:
        for whole in layout.track.standing():
            element = whole.element
            if element.place_in_line is not None and element.lord is None and element.keyword != "null_ele":
                groups.setdefault((element.name, element.place_in_line), []).append(whole)
    for (name, _), wholes in groups.items():
        first = wholes[0].element
        lord = Physical(name, first.keyword, first.place, dict(first.settings))
        for number, whole in enumerate(wholes, 1):
            whole.element.name, whole.element.lord = f"{name}\\{number}", lord
            lord.passes.append(whole.element)


def share(branches: Sequence[Branch]) -> None:
    """Give all passes of an element what it says itself, but for attributes in which they may differ."""
    for branch in branches:
        for element in branch.everything():
            if element.lord is not None:
                own = {name: setting for name, setting in element.settings.items() if name in OF_PASSES}
                whole = {name: setting for name, setting in element.lord.settings.items() if name not in OF_WHOLE}
                element.settings = {**whole, **own}
                element.keyword = element.lord.keyword
