"""What a lattice file has defined: elements, beamlines, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from .expressions import Value
from .positions import Place
from .syntax import Item

if TYPE_CHECKING:
    from .superposition import Layout


class Setting(NamedTuple):
    """A value, and where it was given."""

    value: Value
    place: Place

    def number(self, name: str) -> float:
        """Return the value, which must be a number.

        Raises
        ------
        LatticeError
        """
        if isinstance(self.value, str):
            raise self.place.error(f"{name} must be a number, not {self.value!r}")
        return self.value

    def word(self, name: str) -> str:
        """Return the value, which must be a word, in lower case.

        Raises
        ------
        LatticeError
        """
        if not isinstance(self.value, str):
            raise self.place.error(f"{name} must be a word, not {self.value:g}")
        return self.value.strip().lower()

    def logical(self, name: str) -> bool:
        """Return the value, which must be true or false.

        Raises
        ------
        LatticeError
        """
        word = self.value.strip().lower() if isinstance(self.value, str) else ""
        if word not in LOGICALS:
            raise self.place.error(f"{name} must be T or F, not {self.value!r}")
        return LOGICALS[word]


LOGICALS = {"t": True, "true": True, "f": False, "false": False}
"""The words for true and false."""

Settings = dict[str, Setting]


@dataclass
class Element:
    """An element as the file has it: its class and its attributes, by their names in the language."""

    name: str
    keyword: str
    place: Place
    settings: Settings = field(default_factory=dict)
    reversed: bool = False
    lord: Physical | None = field(default=None, repr=False)
    """What it is a pass of."""
    place_in_line: int | None = None
    """Its number in the multipass line that it is from."""

    def copy(self, name: str, keyword: str | None = None, place: Place | None = None) -> Element:
        """Return an element of another name with the same attributes."""
        keyword, place = keyword or self.keyword, place or self.place
        return replace(self, name=name, keyword=keyword, place=place, settings=dict(self.settings))

    def turned(self) -> Element:
        """Return the element the other way round."""
        return replace(self, reversed=not self.reversed)

    @property
    def label(self) -> str:
        """Class and name, for messages."""
        return f"{self.keyword} {self.name!r}"


class Part(NamedTuple):
    """What of an element lies in a slave.

    Attributes
    ----------
    element : Element
        The whole.
    start, end : float
        From where to where it reaches, from its entrance [m].
    """

    element: Element
    start: float
    end: float


@dataclass
class Slave(Element):
    """A part of an element, or of several that lie upon each other there (Bmad manual, "Superposition").

    Its attributes are those of the element from which it has its class. They are set there.
    """

    parts: tuple[Part, ...] = ()
    length: float = 0.0

    @property
    def main(self) -> Part:
        """What lies there of the element from which it has its class."""
        return next(part for part in self.parts if part.element.settings is self.settings)


def body(element: Element) -> Element:
    """Return what a slave is a part of; of other elements, themselves."""
    return element.main.element if isinstance(element, Slave) else element


def bodies(element: Element) -> list[Element]:
    """Return everything of which a slave is a part; of other elements, themselves."""
    return [part.element for part in element.parts] if isinstance(element, Slave) else [element]


@dataclass
class Physical(Element):
    """An element that the beam passes several times (Bmad manual, "Multipass Fundamentals").

    Attributes
    ----------
    passes : list of Element
        The same in the lines, in order.
    """

    passes: list[Element] = field(default_factory=list, repr=False)


@dataclass
class Lord(Element):
    """An element that stands in no line, and sets what others do."""

    def names(self, word: str, custom: set[str]) -> tuple[str, ...]:
        """Return the name of the attribute that a word means; none: there is none."""
        raise NotImplementedError

    def known(self) -> tuple[str, ...]:
        """Return the names of its attributes."""
        raise NotImplementedError

    def entries(self) -> list[str]:
        """Return its list: what it acts on, and perhaps how."""
        raise NotImplementedError


@dataclass
class Beamline:
    """A line, or a replacement list, as the file has it."""

    name: str
    place: Place
    items: tuple[Item, ...]
    arguments: tuple[str, ...] | None = None
    option: str = ""
    is_list: bool = False
    settings: Settings = field(default_factory=dict)


class Origin(NamedTuple):
    """The fork at which a branch begins, and the branch in which it stands."""

    branch: Branch
    fork: Element


@dataclass
class Branch:
    """A line with all its elements in a row, what is said of its beginning, and where others may be put upon them."""

    name: str
    place: Place
    elements: list[Element]
    layout: Layout | None = field(default=None, repr=False)
    origin: Origin | None = field(default=None, repr=False)
    flexible: dict[int, Setting] = field(default_factory=dict, repr=False)
    _known: list[Element] | None = field(default=None, repr=False)
    _by_name: dict[str, list[Element]] = field(default_factory=dict, repr=False)

    def called(self, name: str) -> list[Element]:
        """Return those of :meth:`everything` that have a name."""
        if self._known is not self.elements:
            self._known, self._by_name = self.elements, {}
            for element in self.everything():
                self._by_name.setdefault(element.name, []).append(element)
        return self._by_name.get(name, [])

    def everything(self) -> Iterator[Element]:
        """Go through the elements, and their lords, each where it begins; in place of slaves, that of which they are parts."""
        seen: set[int] = set()
        for element in self.elements:
            for part in bodies(element):
                for found in (part.lord, part):
                    if found is not None and (found is element or id(found) not in seen):
                        seen.add(id(found))
                        yield found
