"""Writes LatticeJSON 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, is_zero
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry

from ..shared.fields import Fields
from ..shared.slices import whole
from .reading import GEV

VERSION = "2.2"

Made = tuple[str, dict[str, Any]]


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    losses : Losses, optional

    Raises
    ------
    LatticeError
        If something changes the tracking, cannot be said in the format and may not be lost.
    """
    Path(path).write_text(text(lattice, losses or Losses()), encoding="utf-8", newline="\n")


def text(lattice: Lattice, losses: Losses) -> str:
    """Return what :func:`write` writes."""
    definitions: dict[str, str] = {}
    names: dict[str, str] = {}
    members: list[str] = []
    for element, reference in zip(lattice.elements, _references(lattice), strict=False):
        kind, values = _element(element, reference, losses)
        body = json.dumps([kind, values])
        mark = f"{element.name} {body}"
        if mark not in names:
            names[mark] = _free(element.name or kind.lower(), definitions)
            definitions[names[mark]] = body
        members.append(names[mark])
    root = lattice.name or "lattice"
    head: dict[str, Any] = {"version": VERSION, "title": str(lattice.metadata.get("title", root))}
    head |= {"info": str(lattice.metadata["info"])} if "info" in lattice.metadata else {}
    head |= _energy(lattice, losses)
    rows = [f'"{key}": {json.dumps(value)}' for key, value in {**head, "root": root}.items()]
    body = ",\n    ".join(f"{json.dumps(name)}: {of}" for name, of in definitions.items())
    rows += [f'"elements": {{\n    {body}\n  }}', f'"lattices": {{\n    {json.dumps(root)}: {json.dumps(members)}\n  }}']
    return "{\n  " + ",\n  ".join(rows) + "\n}\n"


def _references(lattice: Lattice) -> Any:
    if lattice.reference is None:
        return (None,) * len(lattice)
    return reference_pass(registry(), lattice.elements, lattice.reference)


def _energy(lattice: Lattice, losses: Losses) -> dict[str, float]:
    """Return the energy in GeV, and report what else a lattice has."""
    if lattice.geometry == "closed":
        losses.note(lattice.name, "geometry", "closed", "open")
    for name, value in lattice.beginning.items():
        losses.note(lattice.name, name, value)
    reference = lattice.reference
    if reference is None or not is_number(reference.energy):
        return {}
    if reference.species.name != "electron":
        losses.physics(lattice.name, "reference", reference.species.name, "an electron")
    return {"energy": float(reference.energy) / GEV}


def _free(name: str, taken: dict[str, str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _element(element: Element, reference: Reference | None, losses: Losses) -> Made:
    element = whole(element.turned() if element.orientation == -1 else element, reference, losses)
    if reference is not None and any(getattr(element, f, None) is not None for f in getattr(element, "fields", {}).values()):
        element = element.at(reference, np)
    fields = Fields(element, losses)
    fields.passing("is_on", "orientation", "length")
    conversion = CONVERSIONS.get(element.kind, _unknown)
    if not element.is_on:
        fields.passing(*element.schema().fields)
        conversion = _drift
    kind, values = conversion(fields)
    if element.tracking_method is not None:
        fields.note("tracking_method", str(element.tracking_method), "left out")
    places = {"dx": "x_offset", "dy": "y_offset", "ds": "z_offset", "tilt": "ref_tilt" if kind == "Dipole" else "tilt"}
    values |= {theirs: fields[ours] for theirs, ours in places.items() if not is_zero(fields[ours])}
    values = {"length": element.length, **values}
    for name, value in values.items():
        if not is_number(value):
            fields.physics(name, value, "the first of its values")
            values[name] = float(np.ravel(np.asarray(value))[0])
    fields.finish()
    return kind, values


def _drift(fields: Fields) -> Made:
    if fields.element.kind != "Drift":
        fields.note("", fields.element.kind, "a drift")
    return "Drift", {}


def _unknown(fields: Fields) -> Made:
    fields.drift()
    return "Drift", {}


def _magnet(kind: str, strength: str) -> Callable[[Fields], Made]:
    def made(fields: Fields) -> Made:
        fields.passing("fq1", "fq2")
        return kind, {strength: fields[strength]}

    return made


def _dipole(fields: Fields) -> Made:
    element: Any = fields.element
    if element.fringe_at != "both_ends" and not (is_zero(element.e1) and is_zero(element.e2)):
        fields.physics("fringe_at", element.fringe_at, "both ends")
    if is_zero(element.fint) or is_zero(element.hgap):
        fields.passing("fint", "hgap")
    fields.passing("fringe_type") if element.fringe_type in ("basic_bend", "linear_edge") else None
    values = {"angle": fields["angle"], **{name: fields[name] for name in ("k1", "e1", "e2")}}
    return "Dipole", {name: value for name, value in values.items() if name == "angle" or not is_zero(value)}


def _cavity(fields: Fields) -> Made:
    fields.passing("coupler_at", "coupler_angle", "coupler_phase")
    turns = fields["phi0"] + fields["phi0_multipass"]
    values = {"voltage": fields["voltage"] * fields["field_autoscale"], "frequency": fields["rf_frequency"]}
    return "Cavity", {**values, "phase": 360 * (0.5 - turns)}


CONVERSIONS: dict[str, Callable[[Fields], Made]] = {
    **dict.fromkeys(("Drift", "Marker", "Monitor", "Instrument", "Pipe", "Fork", "PhotonFork", "Fixer"), _drift),
    "Quadrupole": _magnet("Quadrupole", "k1"), "Sextupole": _magnet("Sextupole", "k2"), "Octupole": _magnet("Octupole", "k3"),
    "SBend": _dipole, "RFCavity": _cavity,
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
