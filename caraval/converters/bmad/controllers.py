"""Elements that set attributes of others (Bmad manual, "Group, Overlay, and Ramper Element Syntax").

Here they are understood as they are defined; ``control`` makes them act.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from .braces import expression, members
from .definitions import Lord, Setting
from .expressions import Literal, Name, Node, Product, Reference, SpeciesCall, Value, number
from .knots import INTERPOLATIONS, interpolated
from .positions import Mistake, Place, Position
from .syntax import Control, Given

if TYPE_CHECKING:
    from .state import State

COMMAND = "command"
"""The variable of a group that names none."""

COMMON = ("is_on", "gang", "interpolation", "type", "alias", "descrip")
"""What a controller may have besides variables and knots."""

_ENTRY = re.compile(r"(?P<names>(?:[^\s:\[/]|::)+)\s*(?:\[(?P<attribute>[^\]]*)\])?\s*(?:[:/](?P<value>.*))?", re.DOTALL)
_KNOT = re.compile(r"x_knot\(\d+\)|slave\(\d+\)%y_knot\(\d+\)")


class Controlled(NamedTuple):
    """An attribute of elements, and the expression that it follows; none: it goes from knot to knot."""

    names: str
    attribute: str
    position: Position
    text: str
    node: Node | None = None


@dataclass
class Controller(Lord):
    """An overlay, a group or a ramper.

    Attributes
    ----------
    variables : tuple of str
        Names of what can be varied; their values are attributes.
    controlled : tuple of Controlled
    constants : dict
        Values of everything else in the expressions, as they are where the lattice is expanded; see :func:`freeze`.
    """

    variables: tuple[str, ...] = ()
    controlled: tuple[Controlled, ...] = ()
    constants: dict[str | tuple[str, str], Value] = field(default_factory=dict)

    def names(self, word: str, custom: set[str]) -> tuple[str, ...]:
        """Return the name of the attribute that a word means; none: there is none."""
        word = "interpolation" if word == "interpolate" else "".join(word.split())
        is_variable = word in self.variables or (self.keyword == "group" and word.removeprefix("old_") in self.variables)
        known = is_variable or word in COMMON or word in custom
        return (word,) if known or (_KNOT.fullmatch(word) and word in self.settings) else ()

    def known(self) -> tuple[str, ...]:
        """Return the names of variables and other attributes."""
        return (*self.variables, *COMMON)

    def entries(self) -> list[str]:
        """Return what it controls, and how."""
        return [f"{names}[{attribute}]" + (f": {text}" if text else "") for names, attribute, _, text, _ in self.controlled]

    def number(self, name: str) -> float:
        """Return the value of a variable; left out, it is zero."""
        return self.settings[name].number(name) if name in self.settings else 0.0

    def has_something_to_say(self) -> bool:
        """Whether the variables of a group have changed; an overlay always sets what it controls."""
        return self.keyword != "group" or any(self.number(name) != self.number(f"old_{name}") for name in self.variables)

    def is_true(self, name: str) -> bool:
        """Return a logical attribute, which is true by default."""
        return name not in self.settings or self.settings[name].logical(name)

    def values(self, *, old: bool = False) -> list[float]:
        """Return what the variables, or those before, make of each attribute.

        Raises
        ------
        LatticeError
            If that cannot be worked out.
        """
        values = {name: self.number(f"old_{name}" if old else name) for name in self.variables}
        scope = _Scope(values, self.constants)
        out = []
        for i, controlled in enumerate(self.controlled, 1):
            try:
                follows = controlled.node
                out.append(self._between_knots(i, values) if follows is None else number(follows, scope))
            except (Mistake, ValueError) as error:
                at = ", ".join(f"{name} = {value:g}" for name, value in values.items())
                raise self.place.error(f"{self.label}: {controlled.text!r} with {at}: {error}") from None
        return out

    def _between_knots(self, slave: int, values: Mapping[str, float]) -> float:
        x, y = self._knots("x_knot"), self._knots(f"slave({slave})%y_knot")
        how = self.settings.get("interpolation")
        word = INTERPOLATIONS[0] if how is None else str(how.value).strip("{} \t").lower()
        if word not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be {' or '.join(INTERPOLATIONS)}, not {word!r}")
        return interpolated(x, y, values[self.variables[0]], cubic=word == "cubic")

    def _knots(self, name: str) -> list[float]:
        found: list[float] = []
        while (knot := f"{name}({len(found) + 1})") in self.settings:
            found.append(self.settings[knot].number(knot))
        return found


class _Scope(NamedTuple):
    """What names in the expressions of a controller mean."""

    variables: Mapping[str, float]
    constants: Mapping[str | tuple[str, str], Value]

    def knows(self, name: str) -> bool:
        return name in self.variables or name in self.constants

    def constant(self, name: str, position: Position) -> Value:
        return self.variables[name] if name in self.variables else self.constants[name]

    def attribute(self, element: str, attribute: str, position: Position) -> Value:
        return self.constants[element, attribute]


def defined(state: State, statement: Control, keyword: str) -> Controller:
    """Return an overlay, a group or a ramper as it is defined.

    Raises
    ------
    Mistake
        If that makes no sense.
    """
    listed, *attributes = statement.attributes
    said = {given.name: given for given in attributes}
    variables, default, former = _variables(said, statement, keyword)
    lord = Controller(statement.name, keyword, state.place(statement.position), variables=variables)
    if "x_knot" in said:
        _keep_knots(state, lord, "x_knot", said["x_knot"].value, said["x_knot"].position)
    entries = [_entry(lord, default, *member) for member in members(listed.value, listed.position)]
    spread = (controlled for entry in entries for controlled in _spread(lord, entry))
    lord.controlled = tuple(_understood(state, lord, i, controlled) for i, controlled in enumerate(spread, 1))
    for given in attributes:
        if given.name in ("var", "x_knot"):
            continue
        given = replace(given, name=variables[0]) if given.name == former else given
        if given.value is None and given.name in variables:
            continue
        if not state.give(lord, given):
            raise state.no_attribute(lord, given)
    if state.branches:
        freeze(state, lord)
    return lord


def freeze(state: State, lord: Controller) -> None:
    """Keep the values of what is no variable in the expressions of a controller, as they are now.

    Raises
    ------
    LatticeError
        If something has none.
    """
    for controlled in lord.controlled:
        try:
            for part in _parts(controlled.node):
                _freeze(state, lord, part)
        except Mistake as mistake:
            raise Place(lord.place.file, *controlled.position).error(mistake.message) from None


def _parts(node: Node | None) -> Iterator[Node]:
    """Go through an expression."""
    nodes = [] if node is None else [node]
    while nodes:
        part = nodes.pop()
        nodes += part.inside
        yield part


def _freeze(state: State, lord: Controller, part: Node) -> None:
    if isinstance(part, Name) and part.name not in lord.variables:
        lord.constants[part.name] = part.value(state)
    elif isinstance(part, Reference):
        lord.constants[part.element, part.attribute] = part.value(state)
    elif isinstance(part, SpeciesCall) and isinstance(part.species, str) and state.knows(part.species.lower()):
        lord.constants[part.species.lower()] = state.constant(part.species.lower(), part.position)


def _variables(said: Mapping[str, Given], statement: Control, keyword: str) -> tuple[tuple[str, ...], str, str]:
    """Return the variables, the attribute that is controlled where none is named, and the variable by its former name.

    Formerly there was one variable, called as the attribute and that of a group `command`; it is recognised as what is
    given and has no meaning of its own.
    """
    if "var" in said:
        names = tuple(name.lower() for _, name in members(said["var"].value, said["var"].position))
        if not names and keyword != "ramper":
            raise Mistake(f"{keyword} {statement.name!r} has no variables; var = {{a}} would be one", said["var"].position)
        return names, names[0] if names else "", ""
    former = next((name for name in said if name not in (*COMMON, "interpolate", "x_knot")), "")
    if not former and keyword != "ramper":
        raise Mistake(f"{keyword} {statement.name!r} has no variables; say which, as in var = {{a}}", statement.position)
    return (COMMAND if keyword == "group" else former,), former, former


def _entry(lord: Controller, default: str, position: Position, text: str) -> Controlled:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise Mistake(f"{text!r} is nothing to control; 'q1[k1]: 2*a' would be", position)
    attribute = default if found["attribute"] is None else "".join(found["attribute"].lower().split())
    return Controlled(found["names"].lower(), attribute, position, (found["value"] or "").strip())


def _spread(lord: Controller, entry: Controlled) -> Iterator[Controlled]:
    """Give an entry that controls an attribute for each variable its attributes."""
    if entry.attribute != "*":
        return iter((entry,))
    return (entry._replace(attribute=name, text=name) for name in lord.variables)


def _understood(state: State, lord: Controller, place: int, entry: Controlled) -> Controlled:
    """Return an entry with its expression; knots become attributes of the controller."""
    if lord.keyword == "ramper":  # acts in programs that ramp
        return entry
    knots = f"slave({place})%y_knot"
    if entry.text.startswith("{"):
        _keep_knots(state, lord, knots, Literal(entry.position, entry.text), entry.position)
        return entry
    if "x_knot(1)" in lord.settings and not entry.text:  # the same as before
        before = f"slave({place - 1})%y_knot"
        for i in count(1):
            if f"{before}({i})" not in lord.settings:
                return entry
            lord.settings[f"{knots}({i})"] = lord.settings[f"{before}({i})"]
    node = expression(entry.text or "1", entry.position)
    varies = any(isinstance(part, Name) and part.name in lord.variables for part in _parts(node))
    if not varies:  # a coefficient
        node = Product(entry.position, node.depth + 1, (("*", node), ("*", Name(entry.position, lord.variables[0]))))
    return entry._replace(node=node)


def _keep_knots(state: State, lord: Controller, name: str, node: Node | None, position: Position) -> None:
    for i, (where, text) in enumerate(members(node, position), 1):
        lord.settings[f"{name}({i})"] = Setting(number(expression(text, where), state), state.place(where))
