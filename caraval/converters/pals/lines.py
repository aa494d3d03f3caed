"""Lines and lattices as they are defined (PALS, "BeamLines", "Constructing a Lattice")."""

from __future__ import annotations

from typing import Protocol

from .definitions import Definition, Item, Line, Root
from .tree import Node
from .values import Values

OF_ITEMS = ("repeat", "direction", "placement", "inherit", "kind")
"""What a line item has that is no parameter of an element."""


class Define(Protocol):
    """Makes elements of what is said of them."""

    def __call__(self, name: str, body: Node, lines: tuple[str, ...] = (), base: Definition | None = None) -> Definition:
        """Return an element with what it inherits and what is given of it."""


class Lines:
    """Enters lines and lattices into a document.

    Parameters
    ----------
    values : Values
    definition : callable
        Makes elements that are defined in lines.
    """

    def __init__(self, values: Values, definition: Define) -> None:
        self.values, self.document, self.definition = values, values.document, definition

    def line(self, name: str, body: Node) -> None:
        """Enter a line."""
        if name in self.document.lines:
            raise body.place.error(f"the line {name!r} is defined twice")
        given = body.value
        if "line" not in given:
            raise body.place.error(f"the line {name!r} has no list of elements, line")
        line = Line(name, [], body.place)
        line.is_multipass = self._flag(given, "multipass") or False
        line.is_periodic = self._flag(given, "periodic") or False
        line.length = (
            self.values.number(given["length"]) if given.get("length", Node(None, body.place)).value is not None else None
        )
        line.zero_point = given["zero_point"].text("zero_point") if "zero_point" in given else ""
        self.document.lines[name] = line
        line.items = [self._item(node, name) for node in given["line"].items("line")]

    @staticmethod
    def _flag(given: dict[str, Node], name: str) -> bool | None:
        if name not in given or given[name].value is None:
            return None
        if not isinstance(given[name].value, bool):
            raise given[name].place.error(f"{name} is true or false, not {given[name].shown}")
        return bool(given[name].value)

    def _item(self, node: Node, line: str) -> Item:
        if isinstance(node.value, str):
            return Item(node.value, node.place)
        found = node.mapping("an item of a line")
        if len(found) != 1:
            raise node.place.error(f"an item of a line has one name, not {', '.join(found) or 'none'}")
        name, body = next(iter(found.items()))
        given = body.mapping(f"what is said of {name!r}")
        item = Item(name, node.place)
        item.repeat = self._whole(given, "repeat", body)
        item.direction = self._whole(given, "direction", body)
        if item.direction not in (1, -1):
            raise given["direction"].place.error(f"direction is +1 or -1, not {item.direction}")
        item.placement = given["placement"].mapping("placement") if "placement" in given else None
        rest = [key for key in given if key not in OF_ITEMS]
        if "kind" in given:
            item.own = self.definition(name, body, (line,))
        elif "inherit" in given:
            item.of = given["inherit"].text("inherit")
            item.changes = body
        elif rest:
            item.changes = body
        if item.own is None and item.changes is not None and (item.of or name) in self.document.elements:
            base = None if item.of else self.document.elements[name]
            item.own = self.definition(name, body, (line,), base)
        return item

    def _whole(self, given: dict[str, Node], name: str, body: Node) -> int:
        if name not in given:
            return 1
        value = self.values.number(given[name])
        if value != int(value):
            raise given[name].place.error(f"{name} is a whole number, not {value}")
        return int(value)

    def lattice(self, name: str, body: Node) -> None:
        """Enter a lattice, and the lines that are defined among its branches."""
        if "branches" not in body.value:
            raise body.place.error(f"the lattice {name!r} has no list of branches")
        given = body.value["branches"]
        roots: list[Root] = []
        for node in [given] if isinstance(given.value, str) else given.items("branches"):
            if isinstance(node.value, str):
                roots.append(Root(node.value, node.value, node.place))
                continue
            for branch, inside in node.mapping("a branch").items():
                of = inside.mapping(f"the branch {branch!r}")
                if "line" in of:
                    self.line(branch, inside)
                line = of["inherit"].text("inherit") if "inherit" in of else branch
                roots.append(Root(branch, line, node.place, self._flag(of, "periodic")))
        if len({root.name for root in roots}) < len(roots):
            raise body.place.error(f"two branches of the lattice {name!r} have the same name")
        self.document.lattices[name] = roots
