"""The lines that are used, with their elements in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caraval.core.errors import UnknownNameError, suggest

from .definitions import Beamline, Branch, Element
from .expansion import Expansion
from .patterns import Pattern
from .positions import Mistake, Place, Position
from .vocabulary import CONTROLLERS

if TYPE_CHECKING:
    from .state import State

END = "end"
"""Name of the marker at the end of a branch."""


def expand(state: State, place: Place, *, separate: bool = False) -> list[Branch]:
    """Return the branches of the lattice.

    Parameters
    ----------
    state : State
    place : Place
        To blame if no line is used.
    separate : bool
        Whether elements that occur more than once are copied, so that each can be changed by itself.

    Raises
    ------
    LatticeError
    """
    expansion = Expansion(state.elements, state.lines)
    found = []
    for line in _lines(state, place):
        elements = expansion.elements(line)
        if separate:
            elements = [element.copy(element.name) for element in elements]
        if not _has_no_end(state) and elements[-1].name != END:
            elements.append(state.elements.get(END) or Element(END, "marker", line.place))
        found.append(Branch(line.name, line.place, elements))
    return found


def _lines(state: State, place: Place) -> list[Beamline]:
    """Return the lines that are used."""
    used = state.used if state.line is None else [(state.line.lower(), Place(place.file, 1, 1))]
    if not used:
        raise place.error("the file does not say which line to use; 'use, line' is missing")
    lines = []
    for name, where in used:
        line = state.lines.get(name)
        if line is None:
            raise where.error(f"no line {name!r} is defined{suggest(name, state.lines)}")
        if line.is_list:
            raise where.error(f"{name!r} is a list; a lattice is made from a line")
        lines.append(line)
    return lines


def _has_no_end(state: State) -> bool:
    setting = state.parameters["parameter"].get("no_end_marker")
    return setting is not None and setting.logical("no_end_marker")


def choose(branches: list[Branch], branch: str | int | None) -> int:
    """Return the number of the branch of that name or number; of the first, if none is said.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    names = [found.name for found in branches]
    if branch is None:
        return 0
    if isinstance(branch, str) and branch.lower() in names:
        return names.index(branch.lower())
    if not isinstance(branch, str) and 0 <= branch < len(branches):
        return branch
    near = suggest(branch, names) if isinstance(branch, str) else ""
    raise UnknownNameError(f"no branch {branch!r}{near}; there are {', '.join(f'{i}: {name!r}' for i, name in enumerate(names))}")


def refuse(state: State, branches: list[Branch], chosen: int) -> None:
    """Refuse what would change a branch and is not understood yet.

    Raises
    ------
    LatticeError
    """
    for element in state.elements.values():
        if element.keyword in CONTROLLERS:
            raise element.place.error(f"{element.label}: elements that control others are not understood yet")
    if not state.superimposes:
        return
    for element in state.elements.values():
        setting = element.settings.get("superimpose")
        if setting is not None and setting.logical("superimpose"):
            reference = element.settings.get("ref")
            _refuse_upon(state, branches, chosen, setting.place, "" if reference is None else str(reference.value))
    for place, attributes in state.superimposed:
        reference_text = next((str(given.value.value(state)) for given in attributes if given.name == "ref" and given.value), "")
        _refuse_upon(state, branches, chosen, place, reference_text)


def _refuse_upon(state: State, branches: list[Branch], chosen: int, place: Place, reference: str) -> None:
    """Refuse superposition upon an element of the chosen branch; without a reference it is upon the first branch."""
    try:
        upon = Pattern(reference.lower(), Position(*place[1:]), state.vocabulary).within(branches) if reference else []
    except Mistake:
        upon = branches[chosen].elements
    in_branch = {id(element) for element in branches[chosen].elements}
    if any(id(element) in in_branch for element in upon) or (not reference and chosen == 0):
        raise place.error("superposition is not understood yet")
