"""What is defined in a file: elements, lines, lattices, controllers, constants (PALS, "Lattice Elements", "BeamLines")."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .tree import Node, Place

Parameters = dict[str, Any]
"""Parameters, and groups of them, by name."""


@dataclass(slots=True)
class Definition:
    """An element, or a group of parameters that has a name.

    Attributes
    ----------
    name : str
    parameters : dict
        Worked out: numbers, texts, truth values, lists, groups; ``kind`` among them.
    place : Place
    lines : tuple of str
        The line that it is defined in, if it is.
    """

    name: str
    parameters: Parameters
    place: Place
    lines: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Kind of the element."""
        return str(self.parameters.get("kind", ""))

    @property
    def label(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind or 'element'} {self.name!r}"

    def group(self, name: str) -> Parameters:
        """Return a group of parameters; empty, where there is none."""
        found = self.parameters.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self.place.error(f"{self.label}: {name} is a group of parameters, not {found!r}")
        return found

    def copied(self) -> Definition:
        """Return a copy that can be changed."""
        return Definition(self.name, copy.deepcopy(self.parameters), self.place, self.lines)

    def at(self, path: str) -> Any:
        """Return a parameter by ``Group.parameter``; None: it is not set."""
        found: Any = self.parameters
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def put(self, path: str, value: Any) -> None:
        """Set a parameter by ``Group.parameter``."""
        *groups, last = path.split(".")
        inside = self.parameters
        for step in groups:
            found = inside.setdefault(step, {})
            if not isinstance(found, dict):
                raise self.place.error(f"{self.label}: {step} is no group of parameters")
            inside = found
        inside[last] = value


@dataclass(slots=True)
class Item:
    """What stands in a line: an element that is defined there, or the name of an element or of another line."""

    name: str
    place: Place
    own: Definition | None = None
    of: str = ""
    changes: Node | None = None
    repeat: int = 1
    direction: int = 1
    placement: dict[str, Node] | None = None


@dataclass(slots=True)
class Line:
    """A line (PALS, "BeamLine components")."""

    name: str
    items: list[Item]
    place: Place
    is_multipass: bool = False
    is_periodic: bool = False
    length: float | None = None
    zero_point: str = ""


@dataclass(slots=True)
class Root:
    """A branch that a lattice names, and the line that it is made from."""

    name: str
    line: str
    place: Place
    is_periodic: bool | None = None


@dataclass(slots=True)
class Control:
    """What a controller does to one set of parameters."""

    parameter: str
    expression: str
    place: Place


@dataclass(slots=True)
class Controller:
    """Variables, and what follows from them (PALS, "Controllers")."""

    name: str
    variables: dict[str, Any]
    controls: list[Control]
    is_absolute: bool
    place: Place


@dataclass(slots=True)
class Document:
    """Everything that a file defines."""

    constants: dict[str, float | str] = field(default_factory=dict)
    variables: dict[str, float | str] = field(default_factory=dict)
    elements: dict[str, Definition] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    lattices: dict[str, list[Root]] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)
    superpositions: list[tuple[str, dict[str, Node], Place]] = field(default_factory=list)
    late: list[Node] = field(default_factory=list)
    used: str = ""

    def definitions(self) -> Iterator[Definition]:
        """Yield all definitions of elements, those inside of lines included."""
        yield from self.elements.values()
        for line in self.lines.values():
            yield from (item.own for item in line.items if item.own is not None)
