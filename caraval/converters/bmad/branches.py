"""The lines that are used, with their elements in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caraval.core.errors import UnknownNameError, suggest

from . import forks, multipass
from .definitions import Beamline, Branch, Element, Origin
from .expansion import Expansion
from .patterns import Pattern
from .positions import Mistake, Place

if TYPE_CHECKING:
    from .state import State

END = "end"
"""Name of the marker at the end of a branch."""


def used(state: State, place: Place) -> list[Beamline]:
    """Return the lines that are used.

    Parameters
    ----------
    state : State
    place : Place
        To blame if there is none.

    Raises
    ------
    LatticeError
    """
    names = state.used if state.line is None else [(state.line.lower(), place)]
    if not names:
        raise place.error("the file does not say which line is the lattice; 'use, line' is missing")
    lines = []
    for name, where in names:
        line = state.lines.get(name)
        if line is None:
            raise where.error(f"no line {name!r} is defined{suggest(name, state.lines)}")
        if line.is_list:
            raise where.error(f"{name!r} is a list; a lattice is made from a line")
        lines.append(line)
    return lines


def choose(names: list[str], branch: str | int | None) -> int:
    """Return the number of the branch of that name or number; of the first, if none is said.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    if branch is None:
        return 0
    if isinstance(branch, str) and branch.lower() in names:
        return names.index(branch.lower())
    if not isinstance(branch, str) and 0 <= branch < len(names):
        return branch
    near = suggest(branch, names) if isinstance(branch, str) else ""
    raise UnknownNameError(
        f"no branch {branch!r}{near}; there are {', '.join(f'{i}: {name!r}' for i, name in enumerate(names))}"
    )


def expand(state: State, lines: list[Beamline], *, separate: bool = False) -> list[Branch]:
    """Return lines with their elements in a row, and a marker at the end; after them, those to which forks lead.

    Parameters
    ----------
    state : State
    lines : list of Beamline
    separate : bool
        Whether elements that occur more than once are copied, so that each can be changed by itself.

    Raises
    ------
    LatticeError
    """
    setting = state.parameters["parameter"].get("no_end_marker")
    has_end = setting is None or not setting.logical("no_end_marker")
    expansion = Expansion(state.elements, state.lines)
    branches: list[Branch] = []
    wanted: list[tuple[Beamline, Origin | None]] = [(line, None) for line in lines]
    for line, origin in wanted:  # which grows
        elements = expansion.elements(line)
        if has_end and elements[-1].name != END:
            elements.append(state.elements.get(END) or Element(END, "marker", line.place))
        if separate:
            elements = [element.copy(element.name) for element in elements]
        branches.append(Branch(line.name, line.place, elements, origin))
        wanted.extend(forks.beyond(state, branches[-1], wanted))
    multipass.form(branches)
    return branches


def refuse(state: State, number: int, branch: Branch) -> None:
    """Refuse what would change a branch and is not understood yet.

    Raises
    ------
    LatticeError
    """
    upon = list(state.superimposed)
    for element in state.elements.values():
        setting = element.settings.get("superimpose")
        if setting is not None and setting.logical("superimpose"):
            onto = element.settings.get("ref")
            upon.append(("" if onto is None else str(onto.value), setting.place))
    for reference, place in upon if state.superimposes else ():
        if _is_in(reference.lower(), number, branch, place, state):
            raise place.error("superposition is not understood yet")


def _is_in(reference: str, number: int, branch: Branch, place: Place, state: State) -> bool:
    """Whether a branch has the element that something is placed upon; left out, that is the beginning of the first branch."""
    if not reference:
        return number == 0
    try:
        return bool(Pattern(reference, place.position, state.vocabulary).in_branch(number, branch))
    except Mistake:
        return True
