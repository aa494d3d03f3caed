"""The parameters of one element on their way into an element of Caraval, and what becomes of those that find no place."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.registry import registry
from caraval.physics.shared.emission import radiating
from caraval.physics.shared.multipoles import Kicked

from .alignment import CENTRE, displaced
from .definitions import Element
from .words import EXPANSIONS, INERT, RADIATION, of_type

NEGLIGIBLE = 1e-12
"""What counts as nothing."""


class Attributes:
    """An element's parameters; each that is asked for counts as understood.

    Parameters
    ----------
    element : Element
    losses : Losses
        Hears of what is not understood.
    """

    def __init__(self, element: Element, losses: Losses) -> None:
        self.element = element
        self.losses = losses
        self._understood: set[str] = set()

    @property
    def name(self) -> str:
        """Name of the element."""
        return self.element.name

    def number(self, name: str) -> float:
        """Return a number, or its default; zero, where the type has no such parameter."""
        self._understood.add(name)
        return self.element.number(name)

    def integer(self, name: str) -> int:
        """Return a whole number, or its default."""
        return int(self.number(name))

    def text(self, name: str) -> str:
        """Return a text; empty, where it is not given."""
        self._understood.add(name)
        return self.element.text(name)

    def passing(self, *names: str) -> None:
        """Take parameters as understood that say nothing."""
        self._understood.update(names)

    def note(self, attribute: str, value: Any, instead: str) -> None:
        """Report something that does not change the tracking."""
        self.losses.note(self.name, attribute, value, instead, place=self.element.place)

    def physics(self, attribute: str, value: Any, instead: str = "left out") -> None:
        """Report something that changes the tracking."""
        setting = self.element.settings.get(attribute)
        place = self.element.place if setting is None else setting.place
        self._understood.add(attribute)
        self.losses.physics(self.name, attribute, value, instead, place=place)

    # ---------------------------------------------------------------- making elements

    def make(self, kind: str, **values: Any) -> CaravalElement:
        """Return an element of a kind, with the name, the length, and whatever is left as metadata.

        Raises
        ------
        LatticeError
            If values do not fit together, or something that changes the tracking is left and may not be.
        """
        found = registry().kinds.get(kind)
        if found is None:
            return self.drift(f"{self.element.type.name}, for which there is no {kind}")
        length = {} if "length" in values else {"length": self.number("L")}
        radiates = issubclass(found.value, Kicked) and "SYNCH_RAD" in self.element.type.parameters and self.number("SYNCH_RAD")
        made = self._made(found.value, {**length, **values}, self._rest())
        return radiating(made) if radiates else made

    def drift(self, what: str, instead: str = "a drift") -> CaravalElement:
        """Return a drift in place of an element that is not understood."""
        self.losses.physics(self.name, "", what, instead, place=self.element.place)
        return self.empty()

    def empty(self) -> CaravalElement:
        """Return a drift or a marker; what is given of the element is its metadata."""
        length = self.number("L")
        self._understood.discard("L") if length == 0 else None
        rest = {name: setting.value for name, setting in self.element.settings.items() if name not in self._understood}
        kind = registry().kinds["Drift" if length else "Marker"].value
        return self._made(kind, {"length": length}, rest)

    def _made(self, kind: type[CaravalElement], values: dict[str, Any], rest: dict[str, Any]) -> CaravalElement:
        metadata = {"elegant_type": self.element.type.name, **rest}
        if self.element.group:
            metadata["GROUP"] = self.element.group
        try:
            return kind(name=self.name, metadata=metadata, **values)
        except CaravalError as error:
            raise self.element.place.error(f"{self.element.label}: {error}") from None

    def _rest(self) -> dict[str, Any]:
        """Return what has not been understood and does not change the tracking; the others are reported."""
        kept: dict[str, Any] = {}
        own = of_type(self.element.type.name)
        for name, (value, place) in self.element.settings.items():
            if name in self._understood:
                continue
            kept[name] = value
            if name in INERT or name in own or value == "" or self._is_default(name, value):
                continue
            if name in RADIATION or name in EXPANSIONS:
                instead = "tracked without it" if name in RADIATION else "tracked exactly"
                self.losses.note(self.name, name, value, instead, place=place)
            else:
                self.losses.physics(self.name, name, value, place=place)
        return kept

    def _is_default(self, name: str, value: Any) -> bool:
        default = self.element.type.parameter(name).default
        return not isinstance(value, str) and abs(value - default) <= NEGLIGIBLE * max(1.0, abs(default))

    # ---------------------------------------------------------------- what many have

    def placed(self) -> dict[str, float]:
        """Return misalignment and tilt of a straight element."""
        shift, tilt = (self.number("DX"), self.number("DY"), self.number("DZ")), {"tilt": self.number("TILT")}
        if "MALIGN_METHOD" not in self.element.type.parameters:
            return {**displaced(shift, (0.0, 0.0, 0.0), 0.0), **tilt}
        method, turn = self.integer("MALIGN_METHOD"), (self.number("PITCH"), self.number("YAW"), 0.0)
        if method == 0:  # which ignores rotations
            turn = (0.0, 0.0, 0.0)
        return {**displaced(shift, turn, 0.0 if method in CENTRE else self.number("L") / 2), **tilt}
