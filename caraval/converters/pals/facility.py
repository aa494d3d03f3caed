"""Goes through the facility, entry by entry (PALS, "Lattice Expansion": the list before the expansion)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.reference import as_species

from .definitions import Control, Controller, Definition
from .expressions import CONSTANTS
from .lines import OF_ITEMS, Lines
from .names import matched
from .tree import Node, Place
from .values import Scope, Values, split

LINES = ("BeamLine", "Beamline")
"""What a line may call its kind; the latter is in the standard's text, too."""


class Facility:
    """What the entries of a facility do.

    Parameters
    ----------
    values : Values
    losses : Losses
    """

    def __init__(self, values: Values, losses: Losses) -> None:
        self.values, self.document, self.losses = values, values.document, losses
        self.lines = Lines(values, self.definition)

    def read(self, entries: list[Node]) -> None:
        """Go through the entries; those after ``expand_lattice`` are kept for later."""
        for i, entry in enumerate(entries):
            name, body = self._entry(entry)
            if name == "expand_lattice":
                self.document.late = entries[i + 1 :]
                self._late_definitions()
                return
            self._read(name, body, entry.place)

    def _late_definitions(self) -> None:
        """Do what does not wait for the expansion: everything but sets."""
        for entry in self.document.late:
            name, body = self._entry(entry)
            if name not in ("set", "sets", "expand_lattice"):
                self._read(name, body, entry.place)

    def set_late(self, elements: Sequence[Any], changed: Callable[[int], Definition]) -> None:
        """Carry out the sets after the expansion, on the elements of the branches."""
        for entry in self.document.late:
            name, body = self._entry(entry)
            if name in ("set", "sets"):
                for parameter, value, place in self._sets(name, body):
                    self._set(parameter, value, place, elements, changed)

    def _entry(self, entry: Node) -> tuple[str, Node]:
        if isinstance(entry.value, str):
            return entry.value, Node(None, entry.place)
        found = entry.mapping("an entry of the facility")
        if len(found) != 1:
            raise entry.place.error(f"an entry of the facility has one name, not {', '.join(found) or 'none'}")
        return next(iter(found.items()))

    def _read(self, name: str, body: Node, place: Place) -> None:
        if name in ("constants", "variables"):
            for key, node in self._pairs(name, body):
                self._constant(name, key, node)
        elif name in ("set", "sets"):
            known = list(self.document.definitions())
            for parameter, value, at in self._sets(name, body):
                self._set(parameter, value, at, known, known.__getitem__)
        elif name == "use":
            self.document.used = body.text("what is used")
        elif name == "superimpose":
            given = body.mapping("superimpose")
            if not {"place", "placement"} <= given.keys():
                raise body.place.error("superimpose needs place and placement")
            where = given["placement"].mapping("placement")
            self.document.superpositions.append((given["place"].text("place"), where, body.place))
        elif not isinstance(body.value, dict):
            raise place.error(f"{name!r} means nothing in a facility")
        elif "extension" not in body.value and not self.values.labels.have(name):
            self._defined(name, body)

    def _defined(self, name: str, body: Node) -> None:
        kind = body.value["kind"].text("kind") if "kind" in body.value else ""
        if kind in ("constant", "variable"):
            if "value" not in body.value:
                raise body.place.error(f"the {kind} {name!r} has no value")
            self._constant(f"{kind}s", name, body.value["value"])
        elif kind in LINES:
            self.lines.line(name, body)
        elif kind == "Lattice":
            self.lines.lattice(name, body)
        elif kind == "Controller":
            self._controller(name, body)
        elif not kind and "inherit" not in body.value:
            if not all(self.values.labels.have(key) for key in body.value):
                self.losses.note(name, "", "an entry without kind", place=body.place)
        else:
            if name in self.document.elements:
                raise body.place.error(f"{name!r} is defined twice")
            self.document.elements[name] = self.definition(name, body)

    def _pairs(self, what: str, body: Node) -> list[tuple[str, Node]]:
        maps = body.value if isinstance(body.value, list) else [body]
        return [(key.rstrip(":"), node) for child in maps for key, node in child.mapping(what).items()]

    def _constant(self, what: str, name: str, node: Node) -> None:
        if isinstance(node.value, str):
            value = node.value if self._is_species(node.value) else self.values.expression(node.value, node.place)
        else:
            value = node.number(name)
        if what == "constants" and self.document.constants.get(name, value) != value:
            raise node.place.error(f"the constant {name!r} has another value already, {self.document.constants[name]}")
        getattr(self.document, what)[name] = value

    def _is_species(self, text: str) -> bool:
        """Whether a text is the name of a species, and of nothing else."""
        if Scope(self.document).constant(text) is not None or text in CONSTANTS:
            return False
        try:
            as_species(text)
        except CaravalError:
            return False
        return True

    # ---------------------------------------------------------------- elements

    def definition(self, name: str, body: Node, lines: tuple[str, ...] = (), base: Definition | None = None) -> Definition:
        """Return an element with what it inherits and what is given of it."""
        found = Definition(name, {}, body.place, lines)
        given = {key: node for key, node in body.value.items() if key not in OF_ITEMS or key == "kind"}
        if "inherit" in body.value:
            base = self._base(body.value["inherit"])
        if base is not None:
            found.parameters = copy.deepcopy(base.parameters)
        for key, node in given.items():
            if isinstance(node.value, dict) and "inherit" in node.value and key.endswith("P"):
                found.parameters[key] = self._group(key, node.value["inherit"])
                node = Node({k: n for k, n in node.value.items() if k != "inherit"}, node.place)
            value = self.values.of(key, node, found)
            known = found.parameters.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                known.update(value)
            else:
                found.parameters[key] = value
        if "kind" not in found.parameters:
            raise body.place.error(f"the element {name!r} has no kind")
        return found

    def _base(self, node: Node) -> Definition:
        name = node.text("inherit")
        known = list(self.document.definitions()) if ">" in name or "#" in name else list(self.document.elements.values())
        found = matched(name, known, node.place)
        if not found:
            raise node.place.error(f"there is no element {name!r} to inherit from")
        return known[found[0]]

    def _group(self, key: str, node: Node) -> dict[str, Any]:
        name = node.text("inherit")
        element, dot, group = name.partition(".")
        base = self.document.elements.get(element)
        if base is None or (group if dot else base.kind) != key:
            raise node.place.error(f"there is no group {name!r} of parameters {key} to inherit from")
        found = base.group(key) if dot else {k: v for k, v in base.parameters.items() if k not in ("kind", "inherit")}
        return dict(found)

    # ---------------------------------------------------------------- what changes others

    def _controller(self, name: str, body: Node) -> None:
        given = body.value
        variables: dict[str, Any] = {}
        for key, node in self._pairs("variables", given["variables"]) if "variables" in given else []:
            variables[key] = self.values.number(node, Scope(self.document, variables=variables))
        controls = []
        for node in given["controls"].items("controls") if "controls" in given else []:
            of = node.mapping("a control")
            if not {"parameter", "expression"} <= of.keys():
                raise node.place.error("a control has a parameter and an expression")
            controls.append(Control(of["parameter"].text("parameter"), str(of["expression"].value), node.place))
        kind = given["control_type"].text("control_type") if "control_type" in given else "ABSOLUTE"
        if kind not in ("ABSOLUTE", "RELATIVE"):
            raise given["control_type"].place.error(f"control_type is ABSOLUTE or RELATIVE, not {kind!r}")
        self.document.controllers[name] = Controller(name, variables, controls, kind == "ABSOLUTE", body.place)

    def _sets(self, name: str, body: Node) -> list[tuple[str, Node, Place]]:
        if name == "sets":
            return [(key, node, node.place) for key, node in self._pairs("sets", body)]
        given = body.mapping("set")
        if not {"parameter", "value"} <= given.keys():
            raise body.place.error("a set has a parameter and a value")
        return [(given["parameter"].text("parameter"), given["value"], body.place)]

    def _set(
        self, parameter: str, value: Node, place: Place, elements: Sequence[Any], changed: Callable[[int], Definition]
    ) -> None:
        if parameter in self.document.variables:
            self.document.variables[parameter] = self.values.number(value)
            return
        pattern, path = split(parameter, place)
        controller = self.document.controllers.get(pattern)
        if controller is not None:
            controller.variables[path] = self.values.number(value)
            return
        found = matched(pattern, elements, place)
        if not found:
            self.losses.note(pattern, path, value.value, "nothing is called so", place=place)
        for i in found:
            definition = changed(i)
            before = definition.at(path)
            scope = Scope(self.document, definition, before)
            text = isinstance(value.value, str)
            definition.put(path, self.values.expression(value.value, value.place, scope) if text else value.plain())
