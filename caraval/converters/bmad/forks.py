"""Branches that begin at forks of others (Bmad manual, "Fork and Photon_Fork")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from caraval.core.errors import suggest
from caraval.physics.shared.upstream import OTHERWISE, TWISS

from . import start
from .definitions import Beamline, Branch, Element, Origin

if TYPE_CHECKING:
    from .state import State

FORKS = ("fork", "photon_fork")

OPTICS = frozenset({*TWISS, *OTHERWISE.values(), "mode_flip"})
"""Twiss parameters that may be said of a line."""

MOST = 10_000
"""How many branches a lattice may have."""


def beyond(state: State, branch: Branch, wanted: Sequence[tuple[Beamline, Origin | None]]) -> Iterator[tuple[Beamline, Origin]]:
    """Go through the lines that become branches of their own at the forks of a branch, and say where they begin.

    A line that leads back to one from which it has come is that one again.

    Parameters
    ----------
    state : State
    branch : Branch
    wanted : sequence of (Beamline, Origin)
        The lines of all branches so far.

    Raises
    ------
    LatticeError
        If there is no such line, or forks make branches without end.
    """
    assert branch.layout is not None
    for whole in branch.layout.called(FORKS):
        if "to_line" not in whole.element.settings:
            continue
        element = whole.element = whole.element.copy(whole.element.name)  # each fork by itself
        setting = element.settings["to_line"]
        name = setting.word("to_line")
        line = state.lines.get(name)
        if line is None or line.is_list:
            raise setting.place.error(f"{element.label}: no line {name!r} is defined{suggest(name, state.lines)}")
        new = element.settings.get("new_branch")
        is_there = any(other.name == name for other, _ in wanted)
        if name in _way(branch) or (is_there and new is not None and not new.logical("new_branch")):
            continue
        if len(wanted) >= MOST:
            raise setting.place.error(f"forks make more than {MOST} branches")
        yield line, Origin(branch, element)


def _way(branch: Branch | None) -> list[str]:
    """Return the names of a branch and those from which it has come."""
    names = []
    while branch is not None:
        names.append(branch.name)
        branch = branch.origin.branch if branch.origin is not None else None
    return names


def is_at_beginning(fork: Element) -> bool:
    """Whether a fork leads to the beginning of its line."""
    to, direction = fork.settings.get("to_element"), fork.settings.get("direction")
    forwards = direction is None or direction.number("direction") > 0
    return forwards if to is None else to.word("to_element") in ("", "beginning", "0")


def inherits(line: Beamline, fork: Element) -> bool:
    """Whether a branch has the optics of the fork at its beginning: if its line says neither an energy nor its own."""
    said = line.settings.get("inherit_from_fork")
    own = line.settings.keys() & OPTICS.union(start.ENERGIES)
    return is_at_beginning(fork) and (not own if said is None else said.logical("inherit_from_fork"))


def place_of(branch: Branch, fork: Element) -> int:
    """Return the number of a fork in its branch."""
    return next(i for i, element in enumerate(branch.elements) if element is fork)
