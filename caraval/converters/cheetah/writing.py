"""What elements of Caraval are in Cheetah, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.methods import BmadStandard
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry

from ..shared.cavities import without_pipes
from ..shared.fields import Fields
from ..shared.items import OWN, Item
from ..shared.methods import described
from ..shared.slices import whole
from . import kinds

METHODICAL = (
    "Drift", "Quadrupole", "Sextupole", "Dipole", "Solenoid", "Undulator", "TransverseDeflectingCavity",
    "HorizontalCorrector", "VerticalCorrector", "CombinedCorrector",
)  # fmt: skip
"""Kinds that have the same tracking method when they come back."""


class Line(NamedTuple):
    """A lattice of Cheetah: its name, its elements once each under names of their own, and their names in order."""

    name: str
    definitions: list[Item]
    members: list[str]


def line_of(lattice: Lattice, losses: Losses) -> Line:
    """Return a lattice as items of Cheetah.

    Raises
    ------
    LatticeError
        If something that changes the tracking cannot be said in Cheetah, and may not be lost.
    """
    _own_things(lattice, losses)
    start = lattice.reference
    references: Any = (None,) * len(lattice) if start is None else reference_pass(registry(), lattice.elements, start)
    made: dict[tuple[int, Any], list[Item]] = {}
    named = _Names()
    members: list[str] = []
    for element, reference in zip(lattice.elements, references, strict=False):
        key = (id(element), None if reference is None or not _has_fields(element) else reference.p0c)
        if key not in made:
            made[key] = [named.entered(item) for item in items_of(element, reference, losses)]
        members += [item.name for item in made[key]]
    return Line(named.free(lattice.name or "lattice"), named.items, members)


def _own_things(lattice: Lattice, losses: Losses) -> None:
    """Report what a lattice has besides its elements."""
    if lattice.reference is not None:
        species, p0c = lattice.reference.species.name, lattice.reference.p0c
        losses.note(lattice.name, "reference", f"{species}, p0c = {p0c} eV", "left to the beam")
    for name in ("beginning", "metadata"):
        kept = {key: value for key, value in getattr(lattice, name).items() if key not in ("title", "info")}
        for key, value in kept.items():
            losses.note(lattice.name, key, value)
    if lattice.geometry == "closed":
        losses.note(lattice.name, "geometry", "closed", "open")


def _has_fields(element: Element) -> bool:
    return any(getattr(element, name, None) is not None for name in getattr(element, "fields", {}).values())


def items_of(element: Element, reference: Reference | None, losses: Losses) -> list[Item]:
    """Return what an element is in Cheetah, apertures before and after it included."""
    if element.orientation == -1:
        element = element.turned()
    element = whole(element, reference, losses)
    if _has_fields(element) and reference is not None:
        element = element.at(reference, np)
    pipe, element = without_pipes(element)
    fields = Fields(element, losses)
    fields.passing("is_on", "orientation", "length")
    before, after = _apertures(fields)
    body = list(_body(fields))
    fields.finish()
    if pipe:
        body = [kinds.pipe(f"{element.name}_a", pipe), *body, kinds.pipe(f"{element.name}_b", pipe)]
    return [*before, *body, *after]


def _body(fields: Fields) -> Iterator[Item]:
    element = fields.element
    if not element.is_on and element.kind not in ("LCavity", "Taylor", "Match", "Patch"):
        fields.note("is_on", False, "a drift")
        fields.passing(*element.schema().fields)
        yield from _own(element, kinds.empty(fields))
        return
    conversion = CONVERSIONS.get(element.kind)
    if conversion is None:
        fields.drift()
        yield from kinds.empty(fields)
    else:
        yield from _own(element, conversion(fields))


def _own(element: Element, items: list[Item]) -> Iterator[Item]:
    """Add to the metadata what Cheetah's own parameters do not say: kind, name and method of tracking."""
    for item in items:
        own: dict[str, Any] = {}
        if len(items) == 1 and element.kind in kinds.ALIKE and is_zero(element.length) == (item.kind != "Drift"):
            own["kind"] = element.kind
        method = registry().method_of(element)
        if item.kind == "TransverseDeflectingCavity":
            is_usual = method == BmadStandard(num_steps=1)
        else:
            is_usual = kinds.USUAL.get(item.settings.get("tracking_method", "linear")) == method
        if not is_usual and item.kind in METHODICAL:
            own["tracking_method"] = described(method)
        user = element.metadata.get("metadata")
        written = dict(user) if isinstance(user, Mapping) else {}
        yield replace(item, metadata={**written, **({OWN: own} if own else {})})


def _apertures(fields: Fields) -> tuple[list[Item], list[Item]]:
    """Return an element's apertures, at its two ends."""
    element = fields.element
    limits: dict[str, Any] = {}
    for axis in "xy":
        low, high = fields[f"{axis}1_limit"], fields[f"{axis}2_limit"]
        if low is not high and not np.array_equal(low, high):
            fields.physics(f"{axis}1_limit", low, f"as on the other side, {high}")
        if not is_zero(high):
            limits[f"{axis}_max"] = high
    at = element.aperture_at
    is_thin_collimator = element.kind in ("ECollimator", "RCollimator") and is_zero(element.length)
    if not is_thin_collimator and (not limits or at == "no_aperture"):
        return [], []
    if element.offset_moves_aperture and not all(is_zero(getattr(element, n)) for n in ("x_offset", "y_offset", "tilt")):
        fields.physics("offset_moves_aperture", True)
    shape = "elliptical" if element.aperture_type == "elliptical" or element.kind == "ECollimator" else "rectangular"
    settings = {**limits, "shape": shape, "is_active": at != "no_aperture"}
    item = Item("Aperture", element.name if is_thin_collimator else f"{element.name}_aperture", settings)
    if at == "continuous" and not is_zero(element.length):
        fields.note("aperture_at", at, "at both ends")
    is_before = at in ("entrance_end", "both_ends", "continuous") and not is_thin_collimator
    return [item] if is_before else [], [] if at == "entrance_end" and is_before else [item]


class _Names:
    """Names of elements, each given once."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._taken: dict[str, int] = {}
        self._same: dict[Any, Item] = {}

    def entered(self, item: Item) -> Item:
        """Return the item under a name that is free; its own is in its metadata, if that is another."""
        key = (item.kind, item.name, _comparable(item.settings), _comparable(item.metadata))
        if key not in self._same:
            self._same[key] = self._new(item)
        return self._same[key]

    def _new(self, item: Item) -> Item:
        name = self.free(item.name or item.kind.lower())
        if name != item.name:
            own = {**item.metadata.get(OWN, {}), "name": item.name}
            item = replace(item, name=name, metadata={**item.metadata, OWN: own})
        self.items.append(item)
        return item

    def free(self, name: str) -> str:
        """Return a name that has not been given."""
        found = name
        while found in self._taken:
            self._taken[name] += 1
            found = f"{name}_{self._taken[name]}"
        self._taken[found] = 1
        return found


def _comparable(value: Any) -> Any:
    """Return something that is the same for the same values; what is differentiated by is the same only as itself."""
    if isinstance(value, Mapping):
        return tuple((name, _comparable(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_comparable, value))
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return id(value) if hasattr(value, "shape") else value


CONVERSIONS: dict[str, Callable[[Fields], list[Item]]] = {
    "Drift": kinds.empty, "Pipe": kinds.empty, "Marker": kinds.empty, "Instrument": kinds.empty, "Monitor": kinds.monitor,
    **dict.fromkeys(("Fork", "PhotonFork", "Fiducial", "Fixer", "FloorShift"), kinds.empty),
    **dict.fromkeys(("ECollimator", "RCollimator"), kinds.collimator),
    "Quadrupole": kinds.quadrupole, "Sextupole": kinds.sextupole, "SBend": kinds.dipole, "Solenoid": kinds.solenoid,
    **dict.fromkeys(("HKicker", "VKicker", "Kicker"), kinds.corrector), "LCavity": kinds.cavity, "RFCavity": kinds.rfcavity,
    "CrabCavity": kinds.deflector, **dict.fromkeys(("Wiggler", "Undulator"), kinds.undulator), "Taylor": kinds.custom,
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
