"""What controllers make of the attributes of others (Bmad manual, "Overlay", "Group")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from . import edges, settled
from .controllers import Controlled, Controller
from .definitions import Element, Setting
from .parameters import GROUPS
from .patterns import Pattern
from .positions import Mistake, Place
from .start import ENERGIES
from .syntax import Given
from .vocabulary import CONTROLLERS

if TYPE_CHECKING:
    from .state import State

ACTING = ("overlay", "group")
"""Controllers that act when a lattice is expanded; rampers act in programs that ramp."""


class Target(NamedTuple):
    """An attribute of one element, by all the names that it stands for."""

    element: Element
    names: tuple[str, ...]


def controllers(state: State) -> list[Controller]:
    """Return the controllers that a file defines."""
    return [element for element in state.elements.values() if isinstance(element, Controller)]


def act(state: State) -> None:
    """Set what overlays and groups control, and remember what groups have changed.

    Raises
    ------
    LatticeError
        If something controlled does not exist, or controllers control each other in a circle.
    """
    acting = [lord for lord in controllers(state) if lord.keyword in ACTING and lord.is_true("is_on")]
    finder = _Finder(state)
    targets = {lord.name: [finder.targets(lord, controlled) for controlled in lord.controlled] for lord in acting}
    for lord in acting:
        _check_gang(lord, targets[lord.name])
    imposed: dict[tuple[int, str], float] = {}
    for lord in _from_above(acting, targets):
        if not (any(targets[lord.name]) and lord.has_something_to_say()):
            continue
        now = lord.values()
        if lord.keyword == "overlay":
            for value, meant in zip(now, targets[lord.name], strict=True):
                _impose(lord, value, meant, imposed)
        else:
            before = lord.values(old=True)
            for i, meant in enumerate(targets[lord.name]):
                _shift(state, lord, lord.controlled[i].attribute, now[i] - before[i], meant)
            lord.settings.update({f"old_{name}": Setting(lord.number(name), lord.place) for name in lord.variables})


def _check_gang(lord: Controller, targets: Sequence[Sequence[Target]]) -> None:
    """Check that there are as many elements of one name as of another where each has a controller of its own.

    Raises
    ------
    LatticeError
    """
    counts = {controlled.names: len(meant) for controlled, meant in zip(lord.controlled, targets, strict=True) if meant}
    if not lord.is_true("gang") and len(set(counts.values())) > 1:
        shown = ", ".join(f"{count} of {names!r}" for names, count in counts.items())
        raise lord.settings["gang"].place.error(f"{lord.label}: without gang there must be as many of each; there are {shown}")


def _impose(lord: Controller, value: float, targets: Sequence[Target], imposed: dict[tuple[int, str], float]) -> None:
    """Set attributes to the sum of what overlays say."""
    for element, names in targets:
        for name in names:
            total = imposed[id(element), name] = imposed.get((id(element), name), 0.0) + value
            settled.write(element, name, total, lord.place)


def _shift(state: State, lord: Controller, attribute: str, change: float, targets: Sequence[Target]) -> None:
    """Add to attributes what a group says; where it says nothing, they stay as they are."""
    for element, names in targets if change else ():
        if attribute in edges.EDGES:
            edges.move(state.branches, element, attribute, change, lord)
            continue
        for name in names:
            before = settled.read(element, name)
            value = state.vocabulary.default(element.keyword, name) if before is None else before
            if isinstance(value, str):
                raise lord.place.error(f"{lord.label}: {name} of {element.label} is {value!r}, no number")
            settled.write(element, name, value + change, lord.place)


def _from_above(lords: Sequence[Controller], targets: Mapping[str, list[list[Target]]]) -> list[Controller]:
    """Return controllers in an order in which each comes after all those that control it."""
    by_name = {lord.name: lord for lord in lords}
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(by_name, ()))
    for lord in lords:
        for target in chain.from_iterable(targets[lord.name]):
            if by_name.get(target.element.name) is target.element:
                order.add(target.element.name, lord.name)
    try:
        return [by_name[name] for name in order.static_order()]
    except CycleError as error:
        circle = error.args[1]
        raise by_name[circle[0]].place.error(
            f"controllers cannot control themselves: {' controls '.join(map(repr, circle))}"
        ) from None


class _Finder:
    """Finds what is controlled in the expanded lattice."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_name: dict[str, list[Element]] = {}
        for element in chain.from_iterable(branch.everything() for branch in state.branches):
            known = self._by_name.setdefault(element.name, [])
            if not any(element is other for other in known[-1:]):
                known.append(element)

    def targets(self, lord: Controller, controlled: Controlled) -> list[Target]:
        """Return the attributes that an entry of a controller means; of what is not in the lattice, none."""
        place = Place(lord.place.file, *controlled.position)
        if controlled.names in GROUPS:
            return [self._parameter(controlled, place)]
        try:
            pattern = Pattern(controlled.names, controlled.position, self._state.vocabulary)
            elements = self._elements(pattern)
        except Mistake as mistake:
            raise place.error(mistake.message) from None
        found = [Target(element, self._names(element, controlled.attribute)) for element in elements]
        having = [target for target in found if target.names]
        if len(having) < len(found) and not (having and pattern.has_wildcards):
            bare = next(target.element for target in found if not target.names)
            raise place.error(self._state.no_attribute(bare, Given(controlled.position, controlled.attribute, None)).message)
        return having

    def _elements(self, pattern: Pattern) -> list[Element]:
        state = self._state
        if not pattern.is_plain:
            return [element for element in pattern.within(state.branches) if element.lord is None]
        name = pattern.name
        lords = [state.elements[name]] if name in state.elements and state.elements[name].keyword in CONTROLLERS else []
        found = self._by_name.get(name, []) + lords
        if not found and name not in state.elements:
            raise state.no_element(name, pattern.position)
        return found

    def _names(self, element: Element, attribute: str) -> tuple[str, ...]:
        return (attribute,) if attribute in edges.EDGES else self._state.names(element, attribute)

    def _parameter(self, controlled: Controlled, place: Place) -> Target:
        """Return a parameter of the lattice as an attribute."""
        group, given = GROUPS[controlled.names], Given(controlled.position, controlled.attribute, None)
        if given.name in ENERGIES:
            group = "beginning"
        try:
            settings = self._state.parameters[self._state.group_of(group, given)]
        except Mistake as mistake:
            raise place.error(mistake.message) from None
        return Target(Element(controlled.names, group, place, settings), (controlled.attribute,))
