"""The lines that are used, with their elements in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from caraval.core.errors import UnknownNameError, suggest

from . import control, controllers, forks, multipass
from .definitions import Beamline, Branch, Element, Origin
from .expansion import Expansion, Member
from .pieces import END
from .placement import placements
from .positions import Place
from .superposition import Layout

if TYPE_CHECKING:
    from .state import State


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


def expand(state: State, lines: Sequence[Beamline], *, separate: bool = False) -> list[Branch]:
    """Return lines with their elements in a row, and what is superimposed; after them, those to which forks lead.

    At the end of each there is a marker.

    Parameters
    ----------
    state : State
    lines : sequence of Beamline
    separate : bool
        Whether elements that occur more than once are copied, so that each can be changed by itself.

    Raises
    ------
    LatticeError
    """
    setting = state.parameters["parameter"].get("no_end_marker")
    has_end = setting is None or not setting.logical("no_end_marker")
    for lord in control.controllers(state):
        controllers.freeze(state, lord)
    expansion = Expansion(state.elements, state.lines)
    superimposed = placements(state)
    state.superimposed_before = len(superimposed)
    branches: list[Branch] = []
    wanted: list[tuple[Beamline, Origin | None]] = [(line, None) for line in lines]
    for line, origin in wanted:  # which grows
        members = expansion.members(line)
        if has_end and members[-1].element.name != END:
            members.append(Member(state.elements.get(END) or Element(END, "marker", line.place), False, END))
        layout = Layout(state, len(branches), line, members, separate=separate)
        layout.superimpose(superimposed)
        layout.settle()
        branches.append(Branch(line.name, line.place, [], layout, origin))
        wanted.extend(forks.beyond(state, branches[-1], wanted))
    multipass.form(branches)
    arrange(branches)
    return branches


def arrange(branches: Iterable[Branch]) -> None:
    """Put the elements of branches in a row as they lie there now."""
    for branch in branches:
        assert branch.layout is not None
        branch.elements = branch.layout.elements()


def superimpose_others(state: State, branches: Sequence[Branch]) -> None:
    """Superimpose on expanded lines what the file asks for after they were expanded.

    Raises
    ------
    LatticeError
    """
    wanted = placements(state)[state.superimposed_before :]
    if not wanted:
        return
    for branch in branches:
        assert branch.layout is not None
        branch.layout.superimpose(wanted)
    multipass.form(branches)
    arrange(branches)
