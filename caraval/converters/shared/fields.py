"""The fields of an element on their way out of Caraval, and what becomes of those that find no place."""

from __future__ import annotations

from typing import Any

from caraval.core.arrays import is_zero, same
from caraval.core.element import Element
from caraval.core.losses import Losses

UNFELT = frozenset(("name", "metadata", "tracking_method", "slice_start", "slice_of", "field_master", "fringe_at"))
"""Fields that say nothing by themselves."""

OF_MULTIPOLES = frozenset(("multipoles_on", "scale_multipoles", "r0_mag", "r0_elec"))
"""Fields that say something of multipoles, which are reported themselves."""

OF_APERTURES = frozenset(("aperture_type", "aperture_at", "offset_moves_aperture"))
"""Fields that say something of limits, which are reported themselves."""

BOOKKEEPING = frozenset(("Fork", "PhotonFork", "Fiducial", "Fixer", "FloorShift"))
"""Kinds of whose own fields a beam feels nothing."""


class Fields:
    """An element's fields; each that is asked for counts as carried.

    Parameters
    ----------
    element : Element
    losses : Losses
        Hears of what is not carried.
    """

    def __init__(self, element: Element, losses: Losses) -> None:
        self.element = element
        self.losses = losses
        self._carried: set[str] = set()
        if element.kind in BOOKKEEPING:
            self.passing(*(name for name in element.schema().fields if name not in Element.schema().fields))

    def __getitem__(self, name: str) -> Any:
        """Return a field, which counts as carried from now on; zero, where it is absent or the kind has none."""
        self._carried.add(name)
        value = getattr(self.element, name, None)
        return 0.0 if value is None else value

    def passing(self, *names: str) -> None:
        """Take fields as carried that say nothing here."""
        self._carried.update(names)

    def note(self, attribute: str, value: Any, instead: str = "left out") -> None:
        """Report something that does not change the tracking."""
        self.losses.note(self.element.name or self.element.label, attribute, value, instead)

    def physics(self, attribute: str, value: Any, instead: str = "left out") -> None:
        """Report something that changes the tracking."""
        self._carried.add(attribute)
        self.losses.physics(self.element.name or self.element.label, attribute, value, instead)

    def drift(self) -> None:
        """Report an element that becomes a drift, whatever its fields."""
        self.losses.physics(self.element.name, "", self.element.kind, "a drift")
        self.passing(*self.element.schema().fields)

    def finish(self) -> None:
        """Report what says something and has not been asked for."""
        defaults = self.element.schema().defaults
        for name, value in self.element.__dict__.items():
            if name in self._carried or name in UNFELT | OF_MULTIPOLES | OF_APERTURES:
                continue
            if name not in defaults or same(value, defaults[name]) or (is_zero(value) and is_zero(defaults[name])):
                continue
            self.physics(name, value)
