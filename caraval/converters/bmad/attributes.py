"""The attributes of an element: from Caraval's fields, which have Bmad's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from caraval.converters.shared.alike import MISALIGNMENT
from caraval.converters.shared.plain import changed
from caraval.converters.shared.slices import whole
from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.core.methods import KickDriftKick, TrackingMethod, as_method
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.fork import Fork
from caraval.physics.sbend import SBend
from caraval.physics.shared.multipoles import MULTIPOLES
from caraval.physics.shared.rf.cavity import CoupledCavity

from . import field_maps, radiation, spelling, terms, tracking
from .cavities import HARMONIC
from .elements import BEND_FIELDS
from .vocabulary import INERT, NOT_IN_FILES, PHYSICS, Vocabulary

OF_FORKS = Fork.schema().fields.keys() - Element.schema().fields.keys()
"""What only forks have."""


class Writer:
    """Makes the definitions of elements.

    Parameters
    ----------
    vocabulary : Vocabulary
    losses : Losses
    """

    def __init__(self, vocabulary: Vocabulary, losses: Losses) -> None:
        self._vocabulary = vocabulary
        self._losses = losses

    def definition(self, element: Element, reference: Reference | None) -> tuple[str, list[str]]:
        """Return the class of an element and its attributes, ``name = value``.

        Parameters
        ----------
        element : Element
            With plain numbers.
        reference : Reference, optional
            At its entrance.

        Raises
        ------
        LatticeError
            If Bmad cannot say something that changes the tracking, and that may not be lost.
        """
        keyword = self._vocabulary.class_of(type(element))
        if keyword is None:
            self._losses.physics(element.name, "", element.kind, "a drift")
            length = {} if is_zero(element.length) else {"l": element.length}
            return "drift", list(self._written(element, length))
        if isinstance(element, Fork):  # the other line is not here
            for name in sorted(changed(element).keys() & {*OF_FORKS, *MISALIGNMENT}):
                self._losses.note(element.name, name, getattr(element, name), "a marker")
            self._losses.note(element.name, "", element.kind, "a marker, as its line is not in the file")
            keyword = "marker"
            element = element.with_values({n: 0.0 for n in MISALIGNMENT if element.__dict__.get(n)})  # a fork does not feel it
        element = self._as_files_have_it(whole(element, reference, self._losses))
        given = self._by_strengths(element, reference) if self.is_given_both_ways(element) else element
        values = {n: v for n, v in changed(given).items() if n not in NOT_IN_FILES and n in self._fields(keyword)}
        if not radiation.unsaid(values.get("effects", {})):
            values.pop("effects", None)
        values.update(self._method(element, keyword, values.pop("tracking_method", None)))
        length = given.__dict__["length"]
        if not is_zero(length):
            values = {"l": length, **values}
        if self._vocabulary.has_terms(keyword):
            values.update({terms.ordered(n): v for n, v in given.terms.items()})  # type: ignore[attr-defined]
        values.update(field_maps.attributes(element))
        return keyword, [*self._written(element, values), *self._written(element, self._kept(element, keyword))]

    def _fields(self, keyword: str) -> set[str]:
        kind = self._vocabulary.kind(keyword)
        assert kind is not None
        return set(kind.schema().fields)

    def depends_on_reference(self, element: Element) -> bool:
        """Whether what is written of an element depends on the reference there."""
        return element.slice_of is not None or self.is_given_both_ways(element)

    def is_given_both_ways(self, element: Element) -> bool:
        """Whether an element is given partly by strengths and partly by fields, which Bmad cannot have."""
        pairs, values = self._pairs(element), element.__dict__
        by_fields = any(values.get(name) is not None for name in pairs.values())
        by_strengths = any(not is_zero(values.get(name)) for name in pairs)
        master = bool(values.get("field_master"))
        if by_strengths:
            return by_fields or master
        return by_fields and not master and "field_master" in values and any(not is_zero(values.get(n)) for n in MULTIPOLES)

    def _pairs(self, element: Element) -> dict[str, str]:
        return {**getattr(element, "fields", {}), **(BEND_FIELDS if isinstance(element, SBend) else {})}

    def _by_strengths(self, element: Element, reference: Reference | None) -> Element:
        """Return an element with strengths in place of fields (Bmad manual, "Field_Master")."""
        fields = [name for name in self._pairs(element).values() if element.__dict__.get(name) is not None]
        if reference is not None:
            for name in fields or ["field_master"]:
                self._losses.note(element.name, name, element.__dict__[name], "strengths at the reference momentum")
            return element.at(reference, scalar)
        for name in fields or ["field_master"]:
            self._losses.physics(element.name, name, element.__dict__[name], "left out, as there is no reference")
        return element.with_values({**dict.fromkeys(fields), **({"field_master": False} if not fields else {})})

    def _method(self, element: Element, keyword: str, method: TrackingMethod | str | None) -> dict[str, Any]:
        """Return the attributes that say the tracking method."""
        chosen = None if method is None else as_method(method)
        if isinstance(chosen, KickDriftKick) and chosen.split == "free":  # which Bmad does not know
            chosen = chosen.with_options(split="drift")
            report = self._losses.physics if isinstance(element, SBend) else self._losses.note
            report(element.name, "tracking_method", str(as_method(method or chosen)), str(chosen))
        found = tracking.settings_of(chosen, keyword, registry().method_names(type(element)))
        if found is None:
            self._losses.physics(element.name, "tracking_method", str(chosen), "the default method")
        return found or {}

    def _as_files_have_it(self, element: Element) -> Element:
        """Return an element without what follows from the line, and report what then follows otherwise."""
        changes: dict[str, Any] = {}
        if isinstance(element, CoupledCavity) and not is_zero(element.pass_delay):
            changes = {"pass_delay": 0.0} | ({"phi0": element.turns} if element.absolute_time_tracking else {})
        if getattr(element, "slips", ()):
            self._losses.physics(element.name, "slips", element.slips, "phases that do not slip")  # type: ignore[attr-defined]
            changes["slips"] = ()
        return element.with_values(changes) if changes else element

    def _kept(self, element: Element, keyword: str) -> dict[str, Any]:
        """Return what the metadata have of Bmad's attributes."""
        found = {}
        for name, value in element.metadata.items():
            base = str(name).partition("(")[0]
            known = base in INERT or base in PHYSICS or base in self._vocabulary.custom or terms.NAME.fullmatch(base)
            own = self._fields(keyword)
            if name in HARMONIC and not is_zero(getattr(element, "rf_frequency", 0.0)):
                known = None
            if known and name not in own and self._vocabulary.meaning(keyword, name) == (name,):
                found[name] = value
            else:
                self._losses.note(element.name, str(name), value)
        return found

    def _written(self, element: Element, values: dict[str, Any]) -> Iterator[str]:
        for name, value in values.items():
            text = spelling.value(name, value)
            if text is None:
                report = self._losses.physics if name == "effects" else self._losses.note
                report(element.name, name, value)
            else:
                yield f"{name} = {text}"
