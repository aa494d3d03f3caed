"""The branches of a lattice, those that forks lead to included (PALS, "Forking")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from caraval.core.losses import Losses

from .controllers import control
from .definitions import Definition, Document, Root
from .expansion import Expansion, Placed
from .facility import Facility
from .placement import superimposed
from .tree import Place
from .values import Values


@dataclass(slots=True)
class Branch:
    """A branch.

    Attributes
    ----------
    name : str
    elements : list of Placed
    is_periodic : bool
    origin : tuple, optional
        The branch and the place of the fork that its reference comes from.
    """

    name: str
    elements: list[Placed]
    is_periodic: bool = False
    origin: tuple[Branch, int] | None = None
    place: Place | None = field(default=None, repr=False)


def branches(roots: list[Root], document: Document, facility: Facility, values: Values, losses: Losses) -> list[Branch]:
    """Return the branches of a lattice, finished: superpositions, controllers and late sets done.

    Raises
    ------
    LatticeError
        If a line or an element is not there, or one is inside itself.
    """
    expansion = Expansion(document, facility)
    found: dict[str, Branch] = {}
    for root in roots:
        found[root.name] = _branch(root.name, root.line, root.place, expansion, root.is_periodic)
    waiting = list(found.values())
    while waiting:
        branch = waiting.pop(0)
        for i, placed in enumerate(branch.elements):
            if placed.kind == "Fork":
                new = _forked(branch, i, found, expansion, losses)
                if new is not None:
                    found[new.name] = new
                    waiting.append(new)
    everything = list(found.values())
    if document.superpositions:
        for branch in everything:
            branch.elements = superimposed(branch.elements, expansion)
    _finish(everything, facility, values)
    return everything


def _branch(name: str, line: str, place: Place, expansion: Expansion, is_periodic: bool | None = None) -> Branch:
    elements = expansion.branch(name, line, place)
    if is_periodic is None:
        is_periodic = expansion.document.lines[line].is_periodic
    return Branch(name, elements, is_periodic, place=place)


def _forked(source: Branch, i: int, found: dict[str, Branch], expansion: Expansion, losses: Losses) -> Branch | None:
    """Return the branch that a fork leads to, if that is new and there is a line for it."""
    fork = source.elements[i].definition
    group = fork.group("ForkP")
    line, new = str(group.get("to_line")), group.get("new_branch", "SELF")
    if (line not in found) if new is None else (line not in expansion.document.lines):
        losses.note(fork.name, "to_line", line, "a fork to nowhere: there is no such line", place=fork.place)
        return None
    name = line if new == "SELF" else str(new)
    if new is None or name in found:
        return None
    branch = _branch(name, line, fork.place, expansion)
    destination = group.get("destination_element")
    is_beginning = not destination or (branch.elements and branch.elements[0].name == destination)
    if is_beginning and group.get("propagate_reference", True):
        branch.origin = (source, i)
    return branch


def _finish(everything: list[Branch], facility: Facility, values: Values) -> None:
    """Let controllers and late sets do what they do, to elements of which each has parameters of its own then."""
    flat = [placed for branch in everything for placed in branch.elements]
    own: set[int] = set()

    def changed(i: int) -> Definition:
        if i not in own:
            flat[i].definition = flat[i].definition.copied()
            own.add(i)
        return flat[i].definition

    control(values, flat, changed)
    facility.set_late(flat, changed)
    if values.document.late:
        control(values, flat, changed)


def chosen(everything: list[Branch], wanted: str | int | None) -> Branch:
    """Return a branch by its name or its number; the first, if none is wanted.

    Raises
    ------
    LatticeError
    """
    if wanted is None:
        return everything[0]
    for branch in _fitting(everything, wanted):
        return branch
    place = everything[0].place or Place("", 1, 1)
    raise place.error(f"there is no branch {wanted!r}, only {', '.join(branch.name for branch in everything)}")


def _fitting(everything: list[Branch], wanted: str | int) -> Iterator[Branch]:
    for i, branch in enumerate(everything):
        if branch.name == wanted or (i == wanted and not isinstance(wanted, bool)):
            yield branch
