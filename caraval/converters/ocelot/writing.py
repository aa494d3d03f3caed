"""What elements of Caraval are in Ocelot, kind by kind."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from math import cos, factorial, pi, sin
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number, is_zero
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import C_LIGHT, Reference, as_species
from caraval.core.registry import registry

from ..shared.fields import Fields
from ..shared.items import Item
from ..shared.matrices import matrix
from .reading import USUAL
from .vocabulary import GEV, METHODS

SETTINGS = dict[str, Any]

KICKED = ("Octupole",)
"""Classes whose field begins so high that only kicks show it."""

GAIN = 1e-9
"""What part of the voltage is no gain of energy."""


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
    element = element.turned() if element.orientation == -1 else element
    if reference is not None and any(getattr(element, f, None) is not None for f in getattr(element, "fields", {}).values()):
        element = element.at(reference, np)
    for name, value in element.parameters.items():
        if value is not None and not is_number(value):
            losses.physics(element.name, name, value, "the first of its values")
            element = element.with_values({name: float(np.ravel(np.asarray(value))[0])})
    fields = Fields(element, losses)
    fields.passing("is_on", "orientation", "length")
    around = _apertures(fields)
    conversion = CONVERSIONS.get(element.kind)
    if conversion is None or (not element.is_on and element.kind != "LCavity"):
        if conversion is None:
            fields.drift()
        fields.passing(*element.schema().fields)
        conversion = _empty
    kind, settings = conversion(fields)
    body = [Item(kind, element.name, _method(fields, kind) | _placed(fields) | settings, code="ocelot")] if kind else []
    fields.finish()
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


# -------------------------------------------------------------------- kinds

Made = tuple[str, SETTINGS]


def _empty(fields: Fields) -> Made:
    element = fields.element
    if not type(element).feels_misalignment or element.kind in ("Marker", "Instrument", "Pipe", "Fork", "PhotonFork"):
        names = ("to_line", "to_element", "direction", "new_branch", "origin_ele", "origin_ele_ref_pt")
        fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt", *names)
        element = element.with_values({"x_offset": 0.0, "y_offset": 0.0})
        fields.element = element
    return ("Marker", {}) if is_zero(element.length) else ("Drift", {"l": element.length})


def _collimator(fields: Fields) -> Made:
    if is_zero(fields.element.length):
        fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
        has_limits = any(fields[f"{axis}2_limit"] for axis in "xy") and fields.element.aperture_at != "no_aperture"
        return ("", {}) if has_limits else ("Marker", {})
    return _empty(fields)


def _monitor(fields: Fields) -> Made:
    return "Monitor", {"l": fields.element.length}


def _magnet(kind: str, strength: str) -> Callable[[Fields], Made]:
    def made(fields: Fields) -> Made:
        element: Any = fields.element
        values = {"l": element.length, strength: fields[strength]}
        fields.passing("fq1", "fq2") if getattr(element, "fringe_type", "none") == "none" else None
        if kind == "Quadrupole" and not element.scale_multipoles and fields["b2"]:
            values["k2"] = 2 * fields["b2"] / element.length
        return kind, {**values, **({"tilt": fields["tilt"]} if fields["tilt"] else {})}

    return made


def _bend(fields: Fields) -> Made:
    element: Any = fields.element
    values = {"l": element.length, "angle": fields["angle"]}
    e1, e2, fint, hgap = (fields[name] for name in ("e1", "e2", "fint", "hgap"))
    fintx = fint if element.fintx is None else fields["fintx"]
    if element.hgapx is not None and fields["hgapx"] != hgap:
        fields.physics("hgapx", element.hgapx, "the gap of the entrance")
    if element.fringe_at in ("no_end", "exit_end"):
        e1, fint = 0.0, 0.0
    if element.fringe_at in ("no_end", "entrance_end"):
        e2, fintx = 0.0, 0.0
    if fields["fringe_type"] not in ("linear_edge", "basic_bend"):
        fields.physics("fringe_type", element.fringe_type, "linear edges")
    values |= {"k1": fields["k1"], "k2": fields["k2"], "e1": e1, "e2": e2, "tilt": fields["ref_tilt"], "gap": 2 * hgap}
    values |= {"fint": fint, "fintx": fintx}
    needed = ("l", "angle") if fint == fintx == 0 else ("l", "angle", "fint", "fintx")
    return "SBend", {name: value for name, value in values.items() if value or name in needed}


def _corrector(fields: Fields) -> Made:
    element = fields.element
    fields.passing("x_offset", "y_offset", "z_offset")
    fields.element = element.with_values({"x_offset": 0.0, "y_offset": 0.0})
    if element.kind == "Kicker":
        h, v = fields["hkick"], fields["vkick"]
    else:
        tilt, kick = fields["tilt"], fields["kick"]
        along = (cos(tilt), sin(tilt)) if element.kind == "HKicker" else (-sin(tilt), cos(tilt))
        h, v = (0.0 if abs(part) < 1e-16 else kick * part for part in along)
    if h and v:
        fields.physics("vkick", v, "a corrector in x alone")
    return ("Hcor", {"l": element.length, "angle": h}) if h or element.kind == "HKicker" else (
        "Vcor", {"l": element.length, "angle": v})  # fmt: skip


def _solenoid(fields: Fields) -> Made:
    fields.passing("tilt")
    return "Solenoid", {"l": fields.element.length, "k": fields["ks"] / 2}


def _cavity(fields: Fields) -> Made:
    element: Any = fields.element
    fields.passing("n_rf_steps", "n_cell", "field_calc", "fringe_type", "coupler_at", "coupler_angle", "coupler_phase")
    if element.cavity_type == "traveling_wave":
        fields.physics("cavity_type", "traveling_wave", "a standing wave")
    if element.fringe_at != "both_ends":
        fields.physics("fringe_at", element.fringe_at, "both ends")
    fields.passing("cavity_type")
    voltage = fields["voltage"] * fields["field_autoscale"] / GEV
    phase = -360 * (fields["phi0"] + fields["phi0_multipass"])
    return "Cavity", {"l": element.length, "v": voltage, "phi": phase, "freq": fields["rf_frequency"]}


def _rfcavity(fields: Fields) -> Made:
    element: Any = fields.element
    turns = fields["phi0"] + fields["phi0_multipass"]
    if element.voltage and abs(sin(2 * pi * turns)) > GAIN:
        fields.physics("phi0", turns, "a cavity that changes the reference momentum")
    fields.passing("n_cell", "fringe_type", "coupler_at", "coupler_angle", "coupler_phase", "cavity_type")
    voltage = fields["voltage"] * fields["field_autoscale"] / GEV
    return "Cavity", {"l": element.length, "v": voltage, "phi": 360 * turns - 90, "freq": fields["rf_frequency"]}


def _deflector(fields: Fields) -> Made:
    phase = 360 * (fields["phi0"] + fields["phi0_multipass"] + fields["phi0_autoscale"])
    values = {"l": fields.element.length, "v": fields["voltage"] / GEV, "phi": phase, "freq": fields["rf_frequency"]}
    return "TDCavity", {**values, **({"tilt": fields["tilt"]} if fields["tilt"] else {})}


def _undulator(fields: Fields) -> Made:
    element: Any = fields.element
    length, periods = element.length, fields["n_period"]
    period = fields["l_period"] if element.l_period is not None else length / periods if periods else 0.0
    fields.passing("polarity")
    if element.kx or element.g_max is not None or not period:
        if element.b_max or element.g_max is not None:
            fields.drift()
        fields.passing("b_max")
        return "Drift", {"l": length}
    strength = fields["b_max"] * period * C_LIGHT / (2 * pi * as_species("electron").mass)
    values = {"lperiod": period, "nperiods": length / period}
    angle = fields["tilt"] % pi
    if element.field_calc == "helical_model":
        fields.passing("field_calc")
        return "Undulator", {**values, "Kx": strength, "Ky": strength}
    if angle and abs(angle - pi / 2) > 1e-12:
        fields.physics("tilt", element.tilt, "not turned")
    return "Undulator", {**values, "Ky" if abs(angle - pi / 2) <= 1e-12 else "Kx": strength}


def _multipole(fields: Fields) -> Made:
    element: Any = fields.element
    if element.kind == "ABMultipole":
        strengths = [fields[f"b{n}"] * factorial(n) for n in range(22)]
        if strengths[0]:
            fields.physics("b0", strengths[0])
            strengths[0] = 0.0
    else:
        strengths = [fields[f"k{n}l"] for n in range(22)]
        if strengths[0] and element.k0l_status != "bends_reference":
            fields.physics("k0l_status", element.k0l_status, "bends_reference")
        fields.passing("k0l_status")
    while strengths and not strengths[-1]:
        strengths.pop()
    return ("Multipole", {"kn": np.array(strengths, dtype=float)}) if strengths else ("Marker", {})


def _taylor(fields: Fields) -> Made:
    found = matrix(fields["terms"])
    if found is None:
        fields.drift()
        return _empty(fields)
    fields.passing("delta_ref_time")
    values: SETTINGS = {"l": fields.element.length}
    if fields["delta_e_ref"]:
        values["delta_e"] = fields["delta_e_ref"] / GEV
    values |= {f"r{i + 1}{j + 1}": float(found[i, j]) for i in range(6) for j in range(6) if found[i, j]}
    return "Matrix", values | {f"b{i + 1}": float(found[i, 6]) for i in range(6) if found[i, 6]}


CONVERSIONS: dict[str, Callable[[Fields], Made]] = {
    **dict.fromkeys(("Drift", "Pipe", "Marker", "Instrument", "Fork", "PhotonFork", "Fiducial", "Fixer", "FloorShift"), _empty),
    **dict.fromkeys(("ECollimator", "RCollimator"), _collimator), "Monitor": _monitor,
    "Quadrupole": _magnet("Quadrupole", "k1"), "Sextupole": _magnet("Sextupole", "k2"), "Octupole": _magnet("Octupole", "k3"),
    "SBend": _bend, **dict.fromkeys(("HKicker", "VKicker", "Kicker"), _corrector), "Solenoid": _solenoid,
    "LCavity": _cavity, "RFCavity": _rfcavity, "CrabCavity": _deflector,
    **dict.fromkeys(("Wiggler", "Undulator"), _undulator), **dict.fromkeys(("Multipole", "ABMultipole"), _multipole),
    "Taylor": _taylor,
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
