"""What the statements so far have defined, and what names in expressions mean by it."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

from caraval.core.errors import suggest

from .beams import Beam
from .definitions import Deferred, Doubt, Doubts, Element, Line, Quantity, Sequence, Setting, Used
from .expressions import Node, Number
from .functions import CONSTANTS
from .source import Place, Source
from .syntax import Command, Given, Macro
from .tables import Table

DEEPEST = 450
"""How deep expressions may lead to one another, all their parts counted."""

DEFAULTS = {"rm11": 1.0, "rm22": 1.0, "rm33": 1.0, "rm44": 1.0, "rm55": 1.0, "rm66": 1.0, "sigx": 1.0, "sigy": 1.0}
"""Attributes that are not zero unless something else is said."""

_INDEXED = re.compile(r"(\w+)\[(\d+)\]")


class State:
    """Variables, elements, sequences, lines and beams; the scope of expressions."""

    def __init__(self) -> None:
        self.variables: dict[str, Quantity] = {}
        self.constants = set(CONSTANTS)
        self.elements: dict[str, Element] = {}
        self.sequences: dict[str, Sequence] = {}
        self.lines: dict[str, Line] = {}
        self.order: dict[str, None] = {}
        self.macros: dict[str, Macro] = {}
        self.commands: dict[str, Command] = {}
        self.beams: dict[str, Beam] = {"": Beam()}
        self.used: list[Used] = []
        self.rbarc = self.thin_foc = True
        self.results: set[str] = set()
        self.tables: dict[str, Table] = {}
        self._source = Source("", "")
        self._doubts: dict[Doubt, None] = {}
        self._cache: dict[Hashable, tuple[float, Doubts]] = {}
        self._open: set[Hashable] = set()
        self._weight = 0

    # ---------------------------------------------------------------- values

    def changed(self) -> None:
        """Forget values that have been worked out: something that they may hang on is another."""
        if self._cache:
            self._cache = {}

    def set_variable(self, name: str, quantity: Quantity) -> None:
        """Give a variable a value or an expression."""
        self.variables[name] = quantity
        self.changed()

    def number(self, quantity: Quantity) -> tuple[float, Doubts]:
        """Return the value of a quantity, and why it may be another.

        Raises
        ------
        LatticeError
            If expressions lead to themselves.
        """
        if not isinstance(quantity.value, Deferred):
            return quantity.value, quantity.doubts
        return self._evaluated(None, quantity)

    def fixed(self, node: Node, source: Source) -> Quantity:
        """Return the present value of an expression."""
        if isinstance(node, Number):
            return Quantity(node.number)
        return Quantity(*self.number(Quantity(Deferred(node, source))))

    def quantity(self, node: Node, source: Source, deferred: bool) -> Quantity:
        """Return an expression, or its present value."""
        if isinstance(node, Number):
            return Quantity(node.number)
        return Quantity(Deferred(node, source)) if deferred else self.fixed(node, source)

    def setting(self, given: Given, source: Source) -> Setting:
        """Return the value that an attribute is given."""
        place, value = source.place(given.offset), given.value
        if isinstance(value, Node):
            return Setting(self.quantity(value, source, given.deferred), place)
        if isinstance(value, list):
            return Setting([self.quantity(node, source, given.deferred) for node in value], place)
        return Setting(value, place)

    def _evaluated(self, key: Hashable, quantity: Quantity) -> tuple[float, Doubts]:
        """Return the value of an expression; one that belongs to something with a key is worked out once."""
        cached = self._cache.get(key) if key is not None else None
        if cached is not None:
            return cached
        assert isinstance(quantity.value, Deferred)
        node, source = quantity.value
        weight = node.depth + 3
        if key is not None and key in self._open:
            raise source.place(node.offset).error("this expression leads back to itself; use '=' where the value is meant")
        if self._weight + weight > DEEPEST:
            raise source.place(node.offset).error("too many expressions lead to one another here; use '=' for some")
        outer = self._source, self._doubts
        self._source, self._doubts = source, dict.fromkeys(quantity.doubts)
        self._weight += weight
        self._open.add(key)
        try:
            value = node.value(self)
            cached = value, tuple(self._doubts)
        finally:
            self._source, self._doubts = outer
            self._weight -= weight
            self._open.discard(key)
        if key is not None:
            self._cache[key] = cached
        return cached

    # ---------------------------------------------------------------- the scope of expressions

    def variable(self, name: str, offset: int) -> float:
        """Return the value of a variable; of one that nothing defines, zero."""
        quantity = self.variables.get(name)
        if quantity is not None:
            return self._part(name, quantity)
        if name in CONSTANTS:
            return CONSTANTS[name]
        return self._doubt("undefined", name, offset)

    def attribute(self, owner: str, name: str, offset: int) -> float:
        """Return the value of an attribute of an element, a sequence or a beam."""
        if owner == "beam" or owner.startswith("beam%"):
            return self._of_beam(owner[5:], name, offset)
        if owner in self.sequences and owner not in self.elements:
            sequence = self.sequences[owner]
            return (
                self._part((owner, name), sequence.length)
                if name == "l"
                else self._doubt("undefined", f"{owner}->{name}", offset)
            )
        if owner not in self.elements:
            return self._doubt("unknown" if owner in self.results else "undefined", f"{owner}->{name}", offset)
        indexed = _INDEXED.fullmatch(name)
        setting = self.elements[owner].settings.get(indexed[1] if indexed else name)
        value = setting.value if setting is not None else None
        if indexed and isinstance(value, list):
            number = int(indexed[2]) - 1
            value = value[number] if 0 <= number < len(value) else None
        if isinstance(value, Quantity):
            return self._part((owner, name), value)
        return float(value) if isinstance(value, bool) else DEFAULTS.get(name, 0.0)

    def cell(self, arguments: tuple[str, ...], why: str, offset: int) -> float:
        """Return a value of a table; zero, if only MAD-X knows it."""
        table = self.tables.get(arguments[0])
        quantity = table.value(*arguments[1:]) if table is not None and len(arguments) == 3 else None
        return self.unknown(why, offset) if quantity is None else self._part(arguments, quantity)

    def unknown(self, why: str, offset: int) -> float:
        """Take note that a part of the expression is not known, and return zero."""
        return self._doubt("unknown", why, offset)

    def wrong(self, why: str, offset: int) -> float:
        """Take note that the expression has no value, and return zero."""
        return self._doubt("wrong", why, offset)

    def _part(self, key: Hashable, quantity: Quantity) -> float:
        if isinstance(quantity.value, Deferred):
            value, doubts = self._evaluated(key, quantity)
        else:
            value, doubts = quantity.value, quantity.doubts
        if doubts:
            self._doubts.update(dict.fromkeys(doubts))
        return value

    def _of_beam(self, sequence: str, name: str, offset: int) -> float:
        beam = self.beams.get(sequence)
        if beam is None:
            return self._doubt("undefined", f"beam%{sequence}->{name}", offset)
        value = beam.numbers().get(name)
        if value is None:
            return self._doubt("unknown", f"beam->{name} is a result of MAD-X", offset)
        self._doubts.update(dict.fromkeys(beam.doubts))
        return value

    def _doubt(self, kind: Any, why: str, offset: int) -> float:
        self._doubts[Doubt(kind, why, self._source.place(offset))] = None
        return 0.0

    # ---------------------------------------------------------------- what is there

    def beam_of(self, sequence: str) -> Beam:
        """Return the beam that belongs to a sequence, or the one for all."""
        return self.beams.get(sequence, self.beams[""])

    def define(self, name: str) -> None:
        """Take note that a sequence or a line is defined, after all others."""
        self.order.pop(name, None)
        self.order[name] = None

    def use(self, name: str, place: Place, range: str = "") -> None:
        """Take a sequence or a line for work.

        Raises
        ------
        LatticeError
            If there is none of that name.
        """
        if name not in self.sequences and name not in self.lines:
            near = suggest(name, [*self.sequences, *self.lines])
            raise place.error(f"there is no sequence or line {name!r} to use{near}")
        self.used = [used for used in self.used if used.name != name]
        self.used.append(Used(name, place, range))
