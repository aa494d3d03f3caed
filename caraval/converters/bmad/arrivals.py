"""The reference particle where a branch begins, and along it: branches may come from one another, and share elements."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from caraval.core.element import Element as CaravalElement
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry

from . import directions, flexible, forks, passes, start
from .definitions import Branch, Physical, Setting, Settings
from .elements import Converter
from .state import State


def settings(state: State, branch: Branch) -> Settings:
    """Return what is said of a branch; what is said of the lattice is about the first, energy and species about all.

    A branch that begins at a fork has the species of the one that it comes from, or photons, and an energy of its own.
    """
    of_lattice = {**state.parameters["parameter"], **state.parameters["beginning"]}
    of_line = state.lines[branch.name].settings
    about_all = ("particle",) if branch.origin is not None else (*start.ENERGIES, "particle")
    if branch is not state.branches[0]:
        of_lattice = {name: of_lattice[name] for name in about_all if name in of_lattice}
    if any(name in of_line for name in start.ENERGIES):
        of_lattice = {name: setting for name, setting in of_lattice.items() if name not in start.ENERGIES}
    species = _inherited_species(state, branch)
    return {**of_lattice, **({} if species is None else {"particle": species}), **of_line}


def _inherited_species(state: State, branch: Branch) -> Setting | None:
    if branch.origin is None:
        return None
    if branch.origin.fork.keyword == "photon_fork":
        return Setting("photon", branch.origin.fork.place)
    species = settings(state, branch.origin.branch).get("particle")
    return None if species is None or species.word("particle") == "photon" else species


def at_start(state: State, branch: Branch, losses: Losses) -> Reference:
    """Return the reference where a branch begins: as it is said, or as it comes to the fork that leads there.

    Raises
    ------
    LatticeError
        If it is impossible, or said nowhere.
    """
    said = settings(state, branch)
    if branch.origin is None or any(name in said for name in start.ENERGIES):
        return start.reference(said, branch.place)
    base, fork = branch.origin
    _, references = along(state, base, losses, forks.place_of(base, fork))
    arrival, own = references[-1], start.reference(said, branch.place)
    if not forks.is_at_beginning(fork) or own.species != arrival.species:
        raise branch.place.error(f"the reference energy of line {branch.name!r} is said nowhere; give {branch.name}[e_tot]")
    return replace(own, p0c=arrival.p0c)


def along(
    state: State, branch: Branch, losses: Losses, count: int | None = None
) -> tuple[list[CaravalElement], tuple[Reference, ...]]:
    """Return the first elements of another branch, or all, and the references before and after them."""
    quiet = Losses("drift" if losses.are_allowed else "error")  # what another branch loses is not this one's loss
    convert = Converter(state.vocabulary, quiet).element
    reference = at_start(state, branch, losses)
    elements = directions.told(flexible.converted(branch, convert, count))
    elements = passes.told(branch, elements, reference, partial(first_pass, state, losses))
    return elements, reference_pass(registry(), elements, reference)


def first_pass(state: State, losses: Losses, whole: Physical) -> tuple[CaravalElement, Reference]:
    """Return the first pass of an element, and the reference there."""
    for branch in state.branches:
        here = next((i for i, element in enumerate(branch.elements) if element is whole.passes[0]), None)
        if here is not None:
            elements, references = along(state, branch, losses, here + 1)
            return elements[here], references[here]
    raise whole.place.error(f"{whole.label} is in no branch")
