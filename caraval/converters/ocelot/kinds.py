"""Elements of Ocelot out of fields of Caraval's elements: a class, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, factorial, pi, sin
from typing import Any

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.reference import C_LIGHT, as_species

from ..shared import cavities
from ..shared.fields import Fields
from ..shared.matrices import matrix
from .reading import CAVITY_STEPS
from .vocabulary import GEV

GAIN = 1e-9
"""What part of the voltage is no gain of energy."""

Made = tuple[str, dict[str, Any]]


def empty(fields: Fields) -> Made:
    """Return a drift or a marker; where nothing acts, it does not matter where the element stands."""
    element = fields.element
    length = element.length
    if not type(element).feels_misalignment or element.kind in ("Marker", "Instrument", "Pipe", "Fork", "PhotonFork"):
        fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
        fields.element = element.with_values({"x_offset": 0.0, "y_offset": 0.0})
    return ("Marker", {}) if is_zero(length) else ("Drift", {"l": length})


def _collimator(fields: Fields) -> Made:
    if is_zero(fields.element.length):
        fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
        has_limits = any(fields[f"{axis}2_limit"] for axis in "xy") and fields.element.aperture_at != "no_aperture"
        return ("", {}) if has_limits else ("Marker", {})
    return empty(fields)


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
    cavities.report(fields, CAVITY_STEPS)
    if element.cavity_type == "traveling_wave":
        fields.physics("cavity_type", "traveling_wave", "a standing wave")
    fields.passing("cavity_type")
    voltage = fields["voltage"] * fields["field_autoscale"] / GEV
    phase = -360 * (fields["phi0"] + fields["phi0_multipass"])
    return "Cavity", {"l": element.length, "v": voltage, "phi": phase, "freq": fields["rf_frequency"]}


def _rfcavity(fields: Fields) -> Made:
    element: Any = fields.element
    turns = fields["phi0"] + fields["phi0_multipass"]
    if element.voltage and abs(sin(2 * pi * turns)) > GAIN:
        fields.physics("phi0", turns, "a cavity that changes the reference momentum")
    if element.voltage:
        fields.note("", "RFCavity", "a Cavity at a zero crossing")
    fields.passing("n_cell", "fringe_type", "coupler_at", "coupler_angle", "coupler_phase", "cavity_type")
    voltage = fields["voltage"] * fields["field_autoscale"] / GEV
    return "Cavity", {"l": element.length, "v": voltage, "phi": 360 * turns - 90, "freq": fields["rf_frequency"]}


def _deflector(fields: Fields) -> Made:
    turns = fields["phi0"] + fields["phi0_multipass"] + fields["phi0_autoscale"]
    if fields["voltage"] and abs(sin(2 * pi * turns)) > GAIN:
        fields.physics("phi0", turns, "no kick on the axis, which Ocelot's deflectors have not")
    values = {"l": fields.element.length, "v": fields["voltage"] / GEV, "phi": 360 * turns, "freq": fields["rf_frequency"]}
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
        return empty(fields)
    fields.passing("delta_ref_time")
    values: dict[str, Any] = {"l": fields.element.length}
    if fields["delta_e_ref"]:
        values["delta_e"] = fields["delta_e_ref"] / GEV
    values |= {f"r{i + 1}{j + 1}": float(found[i, j]) for i in range(6) for j in range(6) if found[i, j]}
    return "Matrix", values | {f"b{i + 1}": float(found[i, 6]) for i in range(6) if found[i, 6]}


CONVERSIONS: dict[str, Callable[[Fields], Made]] = {
    **dict.fromkeys(("Drift", "Pipe", "Marker", "Instrument", "Fork", "PhotonFork", "Fiducial", "Fixer", "FloorShift"), empty),
    **dict.fromkeys(("ECollimator", "RCollimator"), _collimator), "Monitor": _monitor,
    "Quadrupole": _magnet("Quadrupole", "k1"), "Sextupole": _magnet("Sextupole", "k2"), "Octupole": _magnet("Octupole", "k3"),
    "SBend": _bend, **dict.fromkeys(("HKicker", "VKicker", "Kicker"), _corrector), "Solenoid": _solenoid,
    "LCavity": _cavity, "RFCavity": _rfcavity, "CrabCavity": _deflector,
    **dict.fromkeys(("Wiggler", "Undulator"), _undulator), **dict.fromkeys(("Multipole", "ABMultipole"), _multipole),
    "Taylor": _taylor,
}  # fmt: skip
"""What becomes of each kind."""
