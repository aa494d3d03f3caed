"""What the statements so far have defined, and what names in expressions mean by it."""

from __future__ import annotations

from pathlib import Path

from caraval.core.errors import suggest
from caraval.core.losses import Losses

from . import settled, start, terms
from .components import component
from .definitions import LOGICALS, Beamline, Branch, Element, Lord, Setting, Settings
from .expressions import Name, Node, Reference, Structure, Value, Vector, number
from .functions import CONSTANTS
from .parameters import BEAM, GEV, GROUPS, LINE, PARAMETERS, Wanted, wanted
from .patterns import Pattern
from .positions import Mistake, Place, Position
from .rows import worked_out
from .syntax import Given
from .vocabulary import FORMER_SWITCHES, OF_PASSES, VECTORS, Vocabulary


class State:
    """Constants, elements, lines and parameters; the scope of expressions.

    Parameters
    ----------
    line : str, optional
        Line to use, whatever the file says.
    """

    def __init__(self, line: str | None = None, losses: Losses | None = None) -> None:
        self.file = ""
        self.losses = losses or Losses()
        self.files: list[Path] = []
        self.vocabulary = Vocabulary()
        self.constants: dict[str, Value] = {}
        self.elements: dict[str, Element] = {}
        self.lines: dict[str, Beamline] = {}
        self.parameters: dict[str, Settings] = {name: {} for name in PARAMETERS}
        self.line = line
        self.title = ""
        self.used: list[tuple[str, Place]] = []
        self.superimposed: list[tuple[int, Element]] = []
        self.superimposed_before = 0
        self.branches: list[Branch] = []
        self.environment: dict[str, str] = {}
        self.superimposes = True
        self.undefined_are_zero = False
        self.looks_here_first = False
        self._current: Element | None = None

    def place(self, position: Position) -> Place:
        """Return a position with the file that is being read."""
        return Place(self.file, *position)

    # ---------------------------------------------------------------- the scope of expressions

    def knows(self, name: str) -> bool:
        """Whether there is a constant of that name."""
        return name in self.constants or name in CONSTANTS

    def constant(self, name: str, position: Position) -> Value:
        """Return the value of a constant.

        Raises
        ------
        Mistake
            If it is not defined so far.
        """
        if name in self.constants:
            return self.constants[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if self.undefined_are_zero:
            return 0.0
        raise Mistake(f"{name!r} is not defined before this{suggest(name, [*self.constants, *CONSTANTS])}", position)

    def attribute(self, element: str, attribute: str, position: Position) -> Value:
        """Return what an attribute or a parameter is set to, or what it is by default.

        Raises
        ------
        Mistake
            If there is no such element, or no such attribute.
        """
        given = Given(position, attribute, None)
        if element in GROUPS:
            return self._parameter(GROUPS[element], given)
        if element == "beam" and attribute in BEAM:
            return number(Reference(position, "beginning", BEAM[attribute]), self) / GEV
        if element in self.lines:
            if attribute not in LINE:
                raise Mistake(f"a line has no parameter {attribute!r}{suggest(attribute, LINE)}", position)
            return _set_to(self.lines[element].settings, attribute, 0.0)
        return self._of_element(self._element(element, position), given)

    def _parameter(self, group: str, given: Given) -> Value:
        """Return a parameter; the energy of ``parameter`` is zero where it was given to ``beginning``."""
        group = self.group_of(group, given)
        known = self.parameters[group]
        if given.name in start.ENERGIES and (group == "beginning" or any(name in known for name in start.ENERGIES)):
            reference = start.reference({**self.parameters["parameter"], **known}, self.place(given.position))
            return float(reference.p0c if given.name == "p0c" else reference.energy)
        return _set_to(self.parameters[group], given.name, start.SPECIES if given.name == "particle" else 0.0)

    def _element(self, name: str, position: Position) -> Element:
        """Return the element that a name in an expression means; of several that are called so, the first."""
        if name == "%":
            if self._current is None:
                raise Mistake("'%' means the element that is being set, and here none is", position)
            return self._current
        if not self.branches and name in self.elements:
            return self.elements[name]
        if self._current is not None and name == self._current.name and name not in self.elements:
            return self._current  # which is being defined
        found = Pattern(name, position, self.vocabulary).within(self.branches)
        if not found:
            raise self.no_element(name, position)
        return found[0]

    def _of_element(self, element: Element, given: Given) -> Value:
        names = self.names(element, given.name)
        if not names:
            raise self.no_attribute(element, given)
        if len(names) > 1:
            raise Mistake(f"{given.name} stands for {', '.join(names)}; read one of them", given.position)
        name = names[0]
        if self.branches or component(element, name):
            value = settled.read(element, name)
            return self.vocabulary.default(element.keyword, name) if value is None else value
        return _set_to(element.settings, name, self.vocabulary.default(element.keyword, name))

    # ---------------------------------------------------------------- setting attributes and parameters

    def names(self, element: Element, word: str) -> tuple[str, ...]:
        """Return the attributes of an element that a word means; none: it has no such attribute."""
        if isinstance(element, Lord):
            return element.names(word, self.vocabulary.custom)
        if component(element, "".join(word.split())):
            return ("".join(word.split()),)
        return self.vocabulary.meaning(element.keyword, word)

    def evaluate(self, node: Node, wanted: Wanted, what: str) -> Value:
        """Return a value; where that may be, a name alone is a word rather than a constant.

        Raises
        ------
        Mistake
            If a number is wanted and it is none.
        """
        if isinstance(node, Name) and wanted != "number":
            is_constant = wanted == "either" and self.knows(node.name) and node.name not in LOGICALS
            return node.value(self) if is_constant else node.name
        value = node.value(self)
        if wanted == "number" and isinstance(value, str):
            raise Mistake(f"{what} must be a number, not {value!r}", node.position)
        return value

    def give(self, element: Element, given: Given) -> bool:
        """Set an attribute of an element, and return whether elements of its class have such an attribute.

        Raises
        ------
        Mistake
            If the value cannot be worked out.
        """
        if not given.name and self.vocabulary.has_terms(element.keyword):
            given = terms.named(given)
        if given.name in VECTORS and isinstance(given.value, Vector):
            parts = zip(VECTORS[given.name], given.value.of_length(len(VECTORS[given.name])), strict=True)
            return all(self.give(element, Given(given.position, name, part)) for name, part in parts)
        if element.keyword == "match" and given.name in FORMER_SWITCHES:
            name, word = FORMER_SWITCHES[given.name]
            is_on = self.parameter(given).logical(given.name)
            return not is_on or self.give(element, Given(given.position, name, Name(given.position, word)))
        names = self.names(element, given.name)
        if not names or (element.lord is not None and not OF_PASSES.issuperset(names)):
            return False
        self._current = element
        value = self._value(element, names[0], given)
        self._current = None
        place = self.place(given.position if given.value is None else given.value.position)
        for name in names:
            if isinstance(value, float) and (self.branches or component(element, name)):
                settled.write(element, name, value, place)
            else:
                start.put(element.settings, name, Setting(value, place))
        return True

    def _value(self, element: Element, name: str, given: Given) -> Value:
        if given.value is None:
            default = self.vocabulary.without_value(element.keyword, name)
            if default is None:
                raise Mistake(f"{element.label}: {name} needs a value, {name} = ...", given.position)
            return default
        if isinstance(given.value, Vector) and self.vocabulary.kind(element.keyword) is None:
            return self._listed(given.value)
        value = self.evaluate(given.value, self.vocabulary.wanted(element.keyword, name), f"{element.label}: {name}")
        if isinstance(value, Structure) and self.vocabulary.is_table(element.keyword, name):
            return worked_out(value, given.value.position, self)
        return value

    def _listed(self, vector: Vector) -> str:
        return f"({', '.join(f'{number(part, self):.17g}' for part in vector.parts)})"

    def parameter(self, given: Given) -> Setting:
        """Return a parameter of the lattice or of a line as a setting; without a value, it is true."""
        if given.value is None:
            return Setting("T", self.place(given.position))
        if isinstance(given.value, Vector):  # of a grid
            return Setting(self._listed(given.value), self.place(given.position))
        value = self.evaluate(given.value, wanted(given.name), given.name)
        return Setting(value, self.place(given.value.position))

    def set_parameter(self, group: str, given: Given) -> None:
        """Set a parameter of the lattice.

        Raises
        ------
        Mistake
            If there is none of that name.
        """
        setting = self.parameter(given)
        start.put(self.parameters[self.group_of(group, given)], given.name, setting)
        if given.name in start.ENERGIES:
            start.put(self.parameters["beginning"], given.name, setting)
        if given.name.startswith("custom_attribute"):
            self.vocabulary.custom.add(str(setting.value).lower().rpartition("::")[2])

    def group_of(self, group: str, given: Given) -> str:
        """Return the group in which a parameter is kept.

        Raises
        ------
        Mistake
            If there is no such parameter.
        """
        name = given.name
        known = PARAMETERS[group] | (self.vocabulary.custom if group == "parameter" else frozenset())
        if name not in known and not name.startswith("custom_attribute"):
            raise Mistake(f"{group} has no parameter {name!r}{suggest(name, known)}", given.position)
        return group

    # ---------------------------------------------------------------- what is not there

    def no_element(self, name: str, position: Position) -> Mistake:
        """Return the mistake that there is no such element."""
        if self.branches:
            names = {element.name for branch in self.branches for element in branch.elements}
            return Mistake(f"no element {name!r} is in the expanded lattice{suggest(name, names)}", position)
        return Mistake(f"no element {name!r} is defined before this{suggest(name, [*self.elements, *GROUPS])}", position)

    def no_attribute(self, element: Element, given: Given) -> Mistake:
        """Return the mistake that an element has no such attribute."""
        if element.lord is not None and self.names(element, given.name):
            whole = element.lord.name
            return Mistake(f"{element.name!r} is a pass of {whole!r}; set {whole}[{given.name}]", given.position)
        if not given.name:
            return Mistake(f"{element.label}: {{...}} as an attribute is not understood yet", given.position)
        known = element.known() if isinstance(element, Lord) else self.vocabulary.attributes(element.keyword)
        near = suggest(given.name, known)
        return Mistake(f"{element.label} has no attribute {given.name!r}{near}", given.position)


def _set_to(settings: Settings, name: str, default: Value) -> Value:
    return settings[name].value if name in settings else default
