"""The parameters of one element on their way into an element of Caraval, and what becomes of those that find no place."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np

from caraval.core.element import Element
from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.reference import Reference
from caraval.core.registry import registry

from ..shared.methods import from_description
from .apertures import aperture
from .expansion import Placed
from .values import Labels

OWN = "Caraval"
"""Our part of ``TrackingP``: kind, method of tracking, and fields that the standard has no words for."""

OUTPUT = ("FloorP", "ReferenceP", "TwissP", "ParticleP", "ForkFromP", "s_position", "multipass_index")
"""What programs write for others to read: it does not change the element."""

KEPT = ("MetaP", "TrackingP", "field_master", "name")
"""What does not change the tracking, and is kept."""


class Attributes:
    """An element's parameters; each that is asked for counts as understood.

    Parameters
    ----------
    placed : Placed
    reference : Reference, optional
        At its entrance.
    labels : Labels
    losses : Losses
    turn : float, optional
        Time that the reference takes from the beginning of the branch to its end [s].
    """

    def __init__(
        self, placed: Placed, reference: Reference | None, labels: Labels, losses: Losses, turn: float | None = None
    ) -> None:
        self.placed, self.definition, self.reference = placed, placed.definition, reference
        self.labels, self.losses, self.turn = labels, losses, turn
        self._understood: set[str] = {"kind"}

    @property
    def length(self) -> float:
        """Length [m]."""
        return self.number("length")

    @property
    def code(self) -> str:
        """What we, or Bmad, call the element, if we or it have written the file; in lower case."""
        if "kind" in self._own():
            return str(self._own()["kind"]).lower()
        found = self.definition.parameters.get("Bmad")
        return str(found.get("Bmad_key", "")).lower().replace("_", "") if isinstance(found, dict) else ""

    def value(self, path: str) -> Any:
        """Return a parameter by ``Group.parameter``; None: it is not given, or ``null``."""
        self._understood.add(path)
        return self.definition.at(path)

    def number(self, path: str, default: float = 0.0) -> float:
        """Return a number, or its default."""
        value = self.value(path)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.definition.place.error(f"{self.definition.label}: {path} must be a number, not {value!r}")
        return float(value)

    def flag(self, path: str, default: bool) -> bool:
        """Return whether something is so."""
        value = self.value(path)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.definition.place.error(f"{self.definition.label}: {path} is true or false, not {value!r}")
        return value

    def choice(self, path: str, *choices: str) -> str:
        """Return one of some texts; the first, if none is given."""
        value = self.value(path)
        if value is None:
            return choices[0]
        if value not in choices:
            raise self.definition.place.error(f"{self.definition.label}: {path} is {', '.join(choices)}, not {value!r}")
        return str(value)

    def text(self, path: str) -> str:
        """Return a text; empty, where it is not given."""
        value = self.value(path)
        return "" if value is None else str(value)

    def passing(self, *paths: str) -> None:
        """Take parameters, or whole groups, as understood that say nothing here."""
        self._understood.update(paths)

    def note(self, attribute: str, value: Any, instead: str) -> None:
        """Report something that does not change the tracking."""
        self.losses.note(self.definition.name, attribute, value, instead, place=self.definition.place)

    def physics(self, attribute: str, value: Any, instead: str = "left out") -> None:
        """Report something that changes the tracking, unless our own part says what it is."""
        self._understood.add(attribute)
        if self._own().keys() & {"kind", "fields"}:
            self.note(attribute, value, f"what TrackingP.{OWN} says")
            return
        self.losses.physics(self.definition.name, attribute, value, instead, place=self.definition.place)

    # ---------------------------------------------------------------- making elements

    def make(self, kind: str, **values: Any) -> Element:
        """Return an element of a kind, with what all have, and whatever is left as metadata.

        Raises
        ------
        LatticeError
            If values do not fit together, or something that changes the tracking is left and may not be.
        """
        own = self._own()
        cls = registry().kind(str(own.get("kind", kind)))
        fields = cls.schema().fields
        values = {"length": self.length, **self._placed(), **values}
        if not self.flag("is_on", True):
            values["is_on"] = False
        if self.placed.direction < 0:
            values["orientation"] = -1
        for name in [n for n, v in values.items() if n not in fields and n not in cls.shorthands]:
            if values.pop(name) and "kind" not in own:
                self.physics(name, self.definition.kind, f"a {cls.__name__}, which has no {name}")
        values |= {name: _own_value(cls, name, value) for name, value in own.get("fields", {}).items() if name in fields}
        metadata = {**self._rest(), **own.get("metadata", {})}
        try:
            method = from_description(own["tracking_method"]) if "tracking_method" in own else None
            element = cls(
                name=own.get("name", self.definition.name), metadata=metadata, **{"tracking_method": method, **values}
            )
        except CaravalError as error:
            raise self.definition.place.error(f"{self.definition.label}: {error}") from None
        return element if self.placed.part is None else element.cut(*self.placed.part)

    def drift(self, what: str) -> Element:
        """Return a drift or a marker in place of an element that is not understood."""
        if "kind" not in self._own():
            self.losses.physics(self.definition.name, "", what, "a drift", place=self.definition.place)
        self.passing(*self.definition.parameters)
        return self.make("Drift" if self.length else "Marker")

    def _own(self) -> Mapping[str, Any]:
        found = self.definition.at(f"TrackingP.{OWN}")
        return found if isinstance(found, Mapping) else {}

    def _rest(self) -> dict[str, Any]:
        """Return what is no physics here; what is left of the physics is reported."""
        kept: dict[str, Any] = {"pals_kind": self.definition.kind}
        if self.placed.multipass is not None:
            line, number, index = self.placed.multipass
            kept["multipass"] = {"line": line, "pass": number, "element": index}
        for name, value in self.definition.parameters.items():
            if name in self._understood:
                continue
            if name == "TrackingP" and isinstance(value, dict):
                value = {key: item for key, item in value.items() if key != OWN}
            is_kept = name in KEPT or name in OUTPUT or self.labels.have(name) or name == "Bmad"
            if is_kept or (isinstance(value, dict) and "extension" in value):
                if value not in ({}, None):
                    kept[name] = value
                continue
            self._report(name, value)
        return kept

    def _report(self, name: str, value: Any) -> None:
        inside = value.items() if isinstance(value, dict) else [("", value)]
        for key, item in inside:
            path = f"{name}.{key}" if key else name
            if path not in self._understood and item not in (None, 0, "", False, [], {}):
                self.physics(path, item)

    # ---------------------------------------------------------------- what all have

    def _placed(self) -> dict[str, Any]:
        """Return misalignment and aperture."""
        found = {name: self.number(f"BodyShiftP.{name}") for name in ("x_offset", "y_offset", "z_offset")}
        found["x_pitch"] = self.number("BodyShiftP.y_rot")
        found["y_pitch"] = -self.number("BodyShiftP.x_rot")
        found["tilt"] = self.number("BodyShiftP.z_rot")
        found = {name: value for name, value in found.items() if value}
        return {**found, **aperture(self)}


def _own_value(cls: type[Element], name: str, value: Any) -> Any:
    """Return what a field was before it was written: lists are arrays, or tuples."""
    if not isinstance(value, list):
        return value
    return np.array(value, dtype=float) if name in cls.schema().parameters else _tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def turns(value: float) -> float:
    """Return an angle in turns as radians."""
    return 2 * pi * value
