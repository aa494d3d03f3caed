"""Lattices of Caraval as items of Ocelot: elements by the names of variables, their methods, apertures beside them."""

from __future__ import annotations

import keyword
import re
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number, is_zero
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry

from ..shared.cavities import without_pipes
from ..shared.fields import Fields
from ..shared.items import Item
from ..shared.slices import whole
from .kinds import CONVERSIONS, empty
from .reading import USUAL
from .vocabulary import METHODS

SETTINGS = dict[str, Any]

KICKED = ("Octupole",)
"""Classes whose field begins so high that only kicks show it."""


class Line(NamedTuple):
    """A lattice of Ocelot: its elements by the names of variables, and these in order."""

    definitions: dict[str, Item]
    members: list[str]


def line_of(lattice: Lattice, losses: Losses) -> Line:
    """Return a lattice as items of Ocelot.

    Raises
    ------
    LatticeError
        If something that changes the tracking cannot be said in Ocelot, and may not be lost.
    """
    start = lattice.reference
    if start is not None and start.species.name != "electron":
        losses.physics(lattice.name, "reference", start.species.name, "an electron, which is all that Ocelot has")
    if lattice.geometry == "closed":
        losses.note(lattice.name, "geometry", "closed", "open")
    references: Any = (None,) * len(lattice) if start is None else reference_pass(registry(), lattice.elements, start)
    made: dict[tuple[int, Any], list[str]] = {}
    definitions: dict[str, Item] = {}
    known: dict[str, str] = {}
    members: list[str] = []
    for element, reference in zip(lattice.elements, references, strict=False):
        key = (id(element), None if reference is None else reference.p0c)
        if key not in made:
            made[key] = []
            for item in items_of(element, reference, losses):
                mark = f"{item.name} {item.kind} {item.settings!r}"
                if mark not in known:
                    known[mark] = _variable(item, definitions)
                    definitions[known[mark]] = item
                made[key].append(known[mark])
        members += made[key]
    return Line(definitions, members)


def _variable(item: Item, taken: dict[str, Item]) -> str:
    """Return the name of a variable that is free."""
    wanted = re.sub(r"\W", "_", item.name or item.kind, flags=re.ASCII).lower()
    if not wanted[:1].isalpha() or keyword.iskeyword(wanted) or wanted in ("cell", "tws0"):
        wanted = f"e_{wanted}"
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}_{number}"
    return found


def items_of(element: Element, reference: Reference | None, losses: Losses) -> list[Item]:
    """Return what an element is in Ocelot, apertures before and after it included."""
    element = whole(element.turned() if element.orientation == -1 else element, reference, losses)
    if reference is not None and any(getattr(element, f, None) is not None for f in getattr(element, "fields", {}).values()):
        element = element.at(reference, np)
    for name, value in element.parameters.items():
        if value is not None and not is_number(value):
            losses.physics(element.name, name, value, "the first of its values")
            element = element.with_values({name: float(np.ravel(np.asarray(value))[0])})
    pipe, element = without_pipes(element)
    fields = Fields(element, losses)
    fields.passing("is_on", "orientation", "length")
    around = _apertures(fields)
    conversion = CONVERSIONS.get(element.kind)
    if conversion is None or (not element.is_on and element.kind != "LCavity"):
        if conversion is None:
            fields.drift()
        fields.passing(*element.schema().fields)
        conversion = empty
    kind, settings = conversion(fields)
    body = [Item(kind, element.name, _method(fields, kind) | _placed(fields) | settings, code="ocelot")] if kind else []
    fields.finish()
    if pipe:
        fields.note("tracking_method", "bmad_standard", "SecondTM in Ocelot, before and behind the field")
        ends = (Item("Drift", f"{element.name}_{end}", {"l": pipe, "tm": "SecondTM"}, code="ocelot") for end in "ab")
        body = [next(ends), *body, next(ends)]
    return [*around[0], *body, *around[1]]


def _method(fields: Fields, kind: str) -> SETTINGS:
    """Return the method of Ocelot's that is nearest to an element's own."""
    if kind in ("Marker", "Cavity", "Multipole", "Aperture", "TWCavity", "Matrix") or is_zero(fields.element.length):
        return {}
    chosen = registry().method_of(fields.element)
    names = {"linear": "TransferMap", "second_order": "SecondTM", "kick_drift_kick": "KickTM"}
    found = names.get(chosen.name, "KickTM" if kind in KICKED else "SecondTM")
    if found == "KickTM" and kind not in ("Drift", "Quadrupole", "Sextupole", "Octupole", "SBend"):
        found = "SecondTM"
    if USUAL[found] != chosen:
        fields.note("tracking_method", str(chosen), f"{found} in Ocelot")
    return {"tm": found} if found != METHODS[0] else {}


def _placed(fields: Fields) -> SETTINGS:
    found = {"dx": fields["x_offset"], "dy": fields["y_offset"]}
    return {name: value for name, value in found.items() if value}


def _apertures(fields: Fields) -> tuple[list[Item], list[Item]]:
    element = fields.element
    limits: SETTINGS = {}
    for axis in "xy":
        low, high = fields[f"{axis}1_limit"], fields[f"{axis}2_limit"]
        if low != high:
            fields.physics(f"{axis}1_limit", low, f"as on the other side, {high}")
        limits |= {f"{axis}max": high} if high else {}
    is_collimator = element.kind in ("ECollimator", "RCollimator") and is_zero(element.length)
    if not limits or element.aperture_at == "no_aperture":
        return [], []
    is_round = element.aperture_type == "elliptical" or element.kind == "ECollimator"
    item = Item("Aperture", element.name if is_collimator else f"{element.name}_aperture", {**limits}, code="ocelot")
    item.settings["type"] = "ellipt" if is_round else "rect"  # type: ignore[index]
    if is_collimator:
        return [item], []
    before = element.aperture_at in ("entrance_end", "both_ends", "continuous")
    return [item] if before else [], [item] if element.aperture_at != "entrance_end" else []
