"""The attributes of one element as numbers, and which of them were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.reference import Reference

from .definitions import Assigned, Element, Quantity, Setting
from .state import DEFAULTS

if TYPE_CHECKING:
    from .interpreter import Interpreter


class Surroundings(NamedTuple):
    """What elements hang on besides their attributes.

    Attributes
    ----------
    reference : Reference
    direction : float
        The beam's `bv`: -1 turns all fields round.
    charge : float
        Of the particles, in elementary charges.
    particles : float
        How many of them are in a bunch.
    length : float
        Of the whole sequence [m].
    thin_foc : bool
        Whether thin dipoles focus as thick ones do (MAD-X manual, "OPTION").
    """

    reference: Reference
    direction: float
    charge: float
    particles: float
    length: float
    thin_foc: bool = True


class Made(NamedTuple):
    """A kind of Caraval, by name, and the values of its fields; and what stands behind it, by the ending of its name."""

    kind: str
    values: dict[str, Any]
    behind: dict[str, Made] = {}  # type: ignore[misc]  # noqa: RUF012


class Values:
    """Works out the attributes of an element.

    Attributes
    ----------
    length : float
        Of the element, bends along their arc [m].
    around : Surroundings
    errors : Assigned, optional
        Errors that commands gave it.
    """

    def __init__(
        self, state: Interpreter, element: Element, length: float, around: Surroundings, errors: Assigned | None = None
    ) -> None:
        self._state = state
        self._asked: set[str] = {"l", "at", "from"}
        self.element = element
        self.length = length
        self.around = around
        self.errors = errors

    def number(self, name: str, default: float | None = None) -> float:
        """Return an attribute that is a number."""
        value = self._given(name)
        if value is None:
            return DEFAULTS.get(name, 0.0) if default is None else default
        if isinstance(value, bool):
            return float(value)
        if not isinstance(value, Quantity):
            raise self._place(name).error(f"{self.element.label}: {name} must be a number")
        return self._number(name, value)

    def numbers(self, name: str) -> list[float]:
        """Return an attribute that is a list of numbers; one number is a list, too."""
        value = self._given(name)
        if isinstance(value, Quantity):
            return [self._number(name, value)]
        return [self._number(name, part) for part in value] if isinstance(value, list) else []

    def text(self, name: str) -> str:
        """Return an attribute that is a word, in lower case."""
        value = self._given(name)
        return value.lower() if isinstance(value, str) else ""

    def has(self, name: str) -> bool:
        """Return whether an attribute is set."""
        return name in self.element.settings

    def lose(self, name: str, value: Any, instead: str = "left out") -> None:
        """Report an attribute that changes the tracking and that is not carried.

        Raises
        ------
        LatticeError
            Unless such losses are allowed.
        """
        self._state.losses.physics(self.element.name, name, value, instead, place=self._place(name))

    def note(self, name: str, value: Any, instead: str = "left out") -> None:
        """Report an attribute that does not change the tracking."""
        self._state.losses.note(self.element.name, name, value, instead, place=self._place(name))

    def refuse(self, *names: str) -> None:
        """Report those of some attributes that are set and not zero."""
        for name in names:
            given = self._given(name)
            found = self.numbers(name) if isinstance(given, (Quantity, list)) else [1.0] if given else []
            if any(found):
                self.lose(name, given if isinstance(given, (str, bool)) else found[0] if len(found) == 1 else found)

    def ask_all(self) -> None:
        """Take all attributes as asked for."""
        self._asked.update(self.element.settings)

    def left(self) -> dict[str, Setting]:
        """Return the attributes that nothing has asked for."""
        return {name: setting for name, setting in self.element.settings.items() if name not in self._asked}

    def plain(self, name: str) -> Any:
        """Return the value of an attribute, whatever it is, for people to read; what is doubtful in it does not matter."""
        value = self.element.settings[name].value
        if isinstance(value, Quantity):
            return self._state.number(value)[0]
        return [self._state.number(part)[0] for part in value] if isinstance(value, list) else value

    def _given(self, name: str) -> Any:
        self._asked.add(name)
        setting = self.element.settings.get(name)
        return None if setting is None else setting.value

    def _number(self, name: str, quantity: Quantity) -> float:
        value, doubts = self._state.number(quantity)
        if doubts:
            self._state.report(self.element.name, name, doubts, self._place(name))
        return value

    def _place(self, name: str) -> Any:
        setting = self.element.settings.get(name)
        return self.element.place if setting is None else setting.place
