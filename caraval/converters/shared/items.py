"""Elements of another code as plain data: what its files say of them, and what its objects hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import CaravalError, LatticeError
from caraval.core.losses import Losses
from caraval.core.registry import registry

Place = tuple[Any, ...]
"""File, line and column, as far as they are known."""

OWN = "caraval"
"""Key of metadata under which stands what the other code's own parameters cannot say."""


@dataclass(frozen=True)
class Item:
    """An element of another code.

    Attributes
    ----------
    kind : str
        Its class.
    name : str
    settings : mapping
        Parameters by the code's names: numbers, arrays, texts; items in place of other elements.
    metadata : mapping
        What the user wrote down.
    where : callable
        Returns file, line and column, as far as they are known.
    code : str
        Name of the other code.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    where: Callable[[], Place] = tuple
    code: str = "cheetah"

    @property
    def place(self) -> Place:
        """File, line and column, as far as they are known."""
        return self.where()

    @property
    def label(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind} {self.name!r}"

    def error(self, message: str) -> LatticeError:
        """Return the error that says what is wrong with the item."""
        return LatticeError(f"{self.label}: {message}", **dict(zip(("file", "line", "column"), self.place, strict=False)))


class Given:
    """An item's parameters on their way into an element of Caraval; each that is asked for counts as understood."""

    def __init__(self, item: Item, losses: Losses) -> None:
        self.item = item
        self.losses = losses
        self._understood: set[str] = set()

    def number(self, name: str, default: float = 0.0) -> Any:
        """Return a number, or an array of numbers."""
        value = self._value(name, default)
        if isinstance(value, (bool, str, list, tuple, Mapping, Item)):
            raise self.item.error(f"{name} must be a number or an array, not {value!r}")
        if 0 in getattr(value, "shape", ()):
            raise self.item.error(f"{name} must be a number or an array, not an array of nothing")
        return value

    def pair(self, name: str) -> tuple[Any, Any]:
        """Return the two numbers, or arrays, of a vector along x and y."""
        value = self._value(name, (0.0, 0.0))
        if getattr(value, "shape", (len(value),) if isinstance(value, (tuple, list)) else ())[-1:] != (2,):
            raise self.item.error(f"{name} must be two numbers, along x and y, not {value!r}")
        x, y = (value[..., 0], value[..., 1]) if hasattr(value, "shape") else value
        return plain(x), plain(y)

    def choice(self, name: str, *choices: str) -> str:
        """Return one of some texts; the first, where nothing is said."""
        value = self._value(name, choices[0])
        if not isinstance(value, str) or value not in choices:
            raise self.item.error(f"{name} must be {', '.join(dict.fromkeys(choices))}, not {value!r}")
        return str(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return whether something is so."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise self.item.error(f"{name} must be true or false, not {value!r}")
        return value

    def _value(self, name: str, default: Any) -> Any:
        self._understood.add(name)
        value = self.item.settings.get(name, default)
        return default if value is None else value

    def passing(self, *names: str) -> None:
        """Take parameters as understood that say nothing."""
        self._understood.update(names)

    def note(self, attribute: str, value: Any, instead: str) -> None:
        """Report something that does not change the tracking."""
        self.losses.note(self.item.name, attribute, value, instead, place=self.item.place)

    def physics(self, attribute: str, value: Any, instead: str = "left out") -> None:
        """Report something that changes the tracking."""
        self.losses.physics(self.item.name, attribute, value, instead, place=self.item.place)

    def make(self, kind: str, *unfelt: str, **values: Any) -> Element:
        """Return an element of a kind of Caraval's.

        Parameters
        ----------
        kind : str
        *unfelt : str
            Parameters that the beam does not feel, which become metadata.
        **values
            Its fields.

        Raises
        ------
        LatticeError
            If values do not fit together, or something is left that changes the tracking and may not be.
        """
        kept = {name: _listed(self.item.settings[name]) for name in unfelt if name in self.item.settings}
        for name, value in self.item.settings.items():
            if name not in self._understood and name not in kept:
                self.physics(name, value)
                kept[name] = value
        own = self.item.metadata.get(OWN)
        own = own if isinstance(own, Mapping) else {}
        user = {name: value for name, value in self.item.metadata.items() if name != OWN}
        metadata = {f"{self.item.code}_type": self.item.kind, **kept, **({"metadata": user} if user else {})}
        try:
            return registry().kind(own.get("kind", kind))(name=own.get("name", self.item.name), metadata=metadata, **values)
        except CaravalError as error:
            raise self.item.error(str(error)) from None


def plain(value: Any) -> Any:
    """Return a value as a number, if it is a single one that nothing is differentiated by."""
    if is_number(value):
        return float(value)
    if getattr(value, "shape", None) == () and not getattr(value, "requires_grad", False):
        return float(value)
    return np.asarray(value, dtype=float) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    """Return an array as a list: metadata are plain."""
    return value.tolist() if hasattr(value, "tolist") else value
