"""What a lattice file has defined: elements, beamlines, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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

    def copy(self, name: str, keyword: str | None = None, place: Place | None = None) -> Element:
        """Return an element of another name with the same attributes."""
        return Element(name, keyword or self.keyword, place or self.place, dict(self.settings), self.reversed)

    def turned(self) -> Element:
        """Return the element the other way round."""
        return Element(self.name, self.keyword, self.place, self.settings, not self.reversed)

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


@dataclass
class Branch:
    """A line with all its elements in a row, what is said of its beginning, and where others may be put upon them."""

    name: str
    place: Place
    elements: list[Element]
    layout: Layout | None = field(default=None, repr=False)

    def everything(self) -> Iterator[Element]:
        """Go through the elements whose attributes can be set: in place of slaves, those of which they are parts."""
        seen: set[int] = set()
        for element in self.elements:
            if not isinstance(element, Slave):
                yield element
                continue
            for part in element.parts:
                if id(part.element) not in seen:
                    seen.add(id(part.element))
                    yield part.element
