"""The reference particle where a branch begins, and along it: branches may come from one another, and share elements."""

from __future__ import annotations

from dataclasses import replace

from caraval.core.element import Element as CaravalElement
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry

from . import directions, flexible, forks, passes, start
from .definitions import Branch, Element, Physical, Setting, Settings, Slave, bodies
from .elements import Converter
from .overlaps import Convert
from .state import State


def settings_of(state: State, branch: Branch) -> Settings:
    """Return what is said of a branch; what is said of the lattice is about the first, energy and species about all.

    A branch that begins at a fork has the species of the one that it comes from, or photons, and an energy of its own.
    """
    of_all = {name: setting for name, setting in state.parameters["parameter"].items() if name not in start.ENERGIES}
    of_lattice = {**of_all, **state.parameters["beginning"]}
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
    if "particle" in branch.origin.fork.settings:
        return branch.origin.fork.settings["particle"]
    if branch.origin.fork.keyword == "photon_fork":
        return Setting("photon", branch.origin.fork.place)
    species = settings_of(state, branch.origin.branch).get("particle")
    return None if species is None or species.word("particle") == "photon" else species


_Way = tuple[list[CaravalElement], tuple[Reference, ...], Convert]


class Arrivals:
    """The reference particle in the branches of a lattice; another branch is gone through once.

    Parameters
    ----------
    state : State
    losses : Losses
        Of the branch that is wanted; what another branch loses is not this one's loss.
    """

    def __init__(self, state: State, losses: Losses) -> None:
        self._state = state
        self._losses = Losses("drift" if losses.are_allowed else "error")
        self._places: dict[int, tuple[Branch, int]] = {}
        for branch in state.branches:
            for i, element in enumerate(branch.elements):
                for part in bodies(element):
                    self._places.setdefault(id(part), (branch, i))
        self._gone_through: dict[int, _Way] = {}

    def at_start(self, branch: Branch, losses: Losses | None = None) -> Reference:
        """Return the reference where a branch begins: as it is said, or as it comes to the fork that leads there.

        Parameters
        ----------
        branch : Branch
        losses : Losses, optional
            Hears that photons are not tracked.

        Raises
        ------
        LatticeError
            If it is impossible, or said nowhere.
        """
        said = start.with_mass(settings_of(self._state, branch), losses or self._losses)
        if branch.origin is None or any(name in said for name in start.ENERGIES):
            return start.reference(said, branch.place, _gun(branch))
        base, fork = branch.origin
        _, references, _ = self._along(base, forks.place_of(base, fork))
        arrival, own = references[-1], start.reference(said, branch.place)
        if not forks.is_at_beginning(fork) or own.species != arrival.species:
            name = branch.name
            raise branch.place.error(f"the reference energy of line {name!r} is said nowhere; give {name}[e_tot]")
        return replace(own, p0c=arrival.p0c)

    def first_pass(self, whole: Physical) -> tuple[CaravalElement, Reference]:
        """Return the first pass of an element, and the reference there."""
        first = whole.passes[0]
        branch, here = self._places[id(first)]
        if id(branch) not in self._gone_through:
            firsts = (i for i, e in enumerate(branch.elements) if any(_is_first(part) for part in bodies(e)))
            self._gone_through[id(branch)] = self._along(branch, 1 + max(firsts))
        elements, references, known = self._gone_through[id(branch)]
        is_cut = isinstance(branch.elements[here], Slave)
        return known(first) if is_cut else elements[here], references[here]

    def _along(self, branch: Branch, count: int) -> _Way:
        """Return the first elements of another branch, the references before and after them, and what converts others so."""
        convert = Converter(self._state.vocabulary, self._losses).element
        reference = self.at_start(branch)
        elements = directions.told(flexible.converted(branch, convert, count))
        elements, known = passes.told(branch, elements, reference, self.first_pass, convert)
        return elements, reference_pass(registry(), elements, reference), known


def _gun(branch: Branch) -> Element | None:
    """Return the electron gun with which a branch begins, markers aside."""
    first = next((element for element in branch.elements if element.keyword not in ("marker", "null_ele")), None)
    return first if first is not None and first.keyword == "e_gun" else None


def _is_first(element: Element) -> bool:
    """Whether an element is the first pass of something."""
    return element.lord is not None and element.lord.passes[0] is element
