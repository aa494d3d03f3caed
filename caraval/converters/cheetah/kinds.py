"""Elements of Cheetah out of fields of Caraval's elements."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, inf, pi, sin
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, is_zero, namespace
from caraval.core.methods import BmadStandard, Linear, SecondOrder, TrackingMethod
from caraval.core.reference import C_LIGHT, as_species
from caraval.core.registry import registry

from ..shared import cavities
from ..shared.fields import Fields
from ..shared.items import Item
from ..shared.matrices import matrix
from .reading import CAVITY_STEPS

USUAL: Mapping[str, TrackingMethod] = {
    "linear": Linear(),
    "second_order": SecondOrder(),
    "drift_kick_drift": BmadStandard(),
}
"""What Cheetah's methods are here when its files are read."""

ALIKE = ("Pipe", "Instrument", "Fork", "PhotonFork", "Fiducial", "Fixer", "FloorShift")
"""Kinds that Cheetah has no names for; to it they are drifts, or markers."""

ENDS = {"both_ends": "both", "entrance_end": "entrance", "exit_end": "exit", "no_end": "neither"}

GAIN = 1e-9
"""What part of the voltage is no gain of energy."""


def method(fields: Fields, *, has_particles: bool = True) -> str:
    """Return the method of Cheetah's that is nearest to an element's own."""
    chosen = registry().method_of(fields.element)
    name = next((theirs for theirs, ours in USUAL.items() if ours.name == chosen.name), "drift_kick_drift")
    found = name if has_particles or name != "drift_kick_drift" else "second_order"
    if found not in USUAL or USUAL[found] != chosen:
        fields.note("tracking_method", str(chosen), f"{found} in Cheetah")
    return found


def placed(fields: Fields) -> dict[str, Any]:
    """Return the misalignment of an element."""
    x, y = fields["x_offset"], fields["y_offset"]
    if is_number(x) and is_number(y):
        return {"misalignment": [x, y]}
    xp = namespace(x, y)
    x, y = (xp.asarray(value) for value in (x, y))
    return {"misalignment": xp.stack(xp.broadcast_arrays(x, y), axis=-1)}


def empty(fields: Fields) -> list[Item]:
    """Return a drift or a marker; where nothing acts, it does not matter where the element stands."""
    element = fields.element
    if not type(element).feels_misalignment or element.kind in (*ALIKE, "Marker"):
        fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
    if is_zero(element.length):
        return [Item("Marker", element.name, {})]
    return [Item("Drift", element.name, {"tracking_method": method(fields), "length": element.length})]


def collimator(fields: Fields) -> list[Item]:
    """Return what a collimator is besides its aperture."""
    fields.passing("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
    return [] if is_zero(fields.element.length) else empty(fields)


def monitor(fields: Fields) -> list[Item]:
    """Return a screen or a position monitor, in the middle of drifts if it has a length."""
    element = fields.element
    for name in ("z_offset", "x_pitch", "y_pitch", "tilt"):
        if not is_zero(fields[name]):
            fields.note(name, fields[name], "left out")
    is_screen = element.metadata.get("cheetah_type") == "Screen"
    names = ("resolution", "pixel_size", "binning", "method", "kde_bandwidth", "is_active") if is_screen else ("is_active",)
    known = {name: element.metadata[name] for name in names if name in element.metadata}
    seen = Item("Screen" if is_screen else "BPM", element.name, {**known, **(placed(fields) if is_screen else {})})
    if not is_screen and not (is_zero(fields["x_offset"]) and is_zero(fields["y_offset"])):
        fields.note("x_offset", (fields["x_offset"], fields["y_offset"]), "left out, as in Cheetah's own files")
    if is_zero(element.length):
        return [seen]
    half = {"tracking_method": method(fields), "length": element.length / 2}
    return [Item("Drift", f"{element.name}_a", half), seen, Item("Drift", f"{element.name}_b", half)]


def quadrupole(fields: Fields) -> list[Item]:
    """Return a quadrupole."""
    _no_edges(fields, "none")
    values = {"tracking_method": method(fields), "length": fields["length"], "k1": fields["k1"], **placed(fields)}
    return [Item("Quadrupole", fields.element.name, {**values, "tilt": fields["tilt"], "num_steps": 1})]


def sextupole(fields: Fields) -> list[Item]:
    """Return a sextupole."""
    _no_edges(fields, "none")
    values = {"tracking_method": method(fields, has_particles=False), "length": fields["length"], "k2": fields["k2"]}
    return [Item("Sextupole", fields.element.name, {**values, **placed(fields), "tilt": fields["tilt"]})]


def _no_edges(fields: Fields, usual: str) -> None:
    """Report edges that Cheetah has not."""
    kind = fields["fringe_type"]
    fields.passing("fq1", "fq2") if kind == usual else None
    if kind != usual and fields.element.fringe_at != "no_end":  # type: ignore[attr-defined]
        fields.physics("fringe_type", kind, usual)


def dipole(fields: Fields) -> list[Item]:
    """Return a dipole: the maps of Cheetah's have a gradient, and edges at both ends; its particle routine has no gradient."""
    element: Any = fields.element
    k1, at = fields["k1"], element.fringe_at
    chosen = method(fields, has_particles=is_zero(k1))
    e1, e2, fint, hgap = (fields[name] for name in ("e1", "e2", "fint", "hgap"))
    fintx = fint if element.fintx is None else fields["fintx"]
    hgapx = hgap if element.hgapx is None else fields["hgapx"]
    if fields["fringe_type"] not in ("linear_edge", "basic_bend"):
        fields.physics("fringe_type", element.fringe_type, "linear edges")
    elif element.fringe_type == "basic_bend" and chosen != "linear":
        fields.note("fringe_type", "basic_bend", "linear edges, which differ at second order")
    if chosen != "drift_kick_drift":
        if at != "both_ends":
            fields.note("fringe_at", at, "faces without angle, where there is no edge")
            e1, e2 = (e if at in (end, "both_ends") else 0.0 for e, end in ((e1, "entrance_end"), (e2, "exit_end")))
        at = "both_ends"
        if not np.array_equal(hgap, hgapx):
            fields.physics("hgapx", hgapx, "that of the entrance, which is all that Cheetah's maps have")
    edges = {"gap": 2 * hgap, "gap_exit": 2 * hgapx, "fringe_integral": fint, "fringe_integral_exit": fintx}
    values = {"tracking_method": chosen, "length": fields["length"], "angle": fields["angle"], "k1": k1}
    values |= {"dipole_e1": e1, "dipole_e2": e2, "tilt": fields["ref_tilt"], **edges}
    return [Item("Dipole", element.name, {**values, "fringe_at": ENDS[at], "fringe_type": "linear_edge"})]


def solenoid(fields: Fields) -> list[Item]:
    """Return a solenoid."""
    fields.passing("tilt")
    return [Item("Solenoid", fields.element.name, {"length": fields["length"], "k": fields["ks"] / 2, **placed(fields)})]


def corrector(fields: Fields) -> list[Item]:
    """Return a corrector, along both axes where it is turned."""
    element, tilt = fields.element, fields["tilt"]
    fields.passing("x_offset", "y_offset", "z_offset")
    values = {"length": fields["length"]}
    if element.kind == "Kicker":
        values |= {"horizontal_angle": fields["hkick"], "vertical_angle": fields["vkick"]}
        return [Item("CombinedCorrector", element.name, values)]
    is_horizontal, kick = element.kind == "HKicker", fields["kick"]
    if is_zero(tilt):
        name = "HorizontalCorrector" if is_horizontal else "VerticalCorrector"
        return [Item(name, element.name, {**values, "angle": kick})]
    along = (cos(tilt), sin(tilt)) if is_horizontal else (-sin(tilt), cos(tilt))
    angles = {"horizontal_angle": kick * along[0], "vertical_angle": kick * along[1]}
    return [Item("CombinedCorrector", element.name, {**values, **angles})]


def cavity(fields: Fields) -> list[Item]:
    """Return an accelerating cavity."""
    cavities.report(fields, CAVITY_STEPS)
    voltage = fields["voltage"] * fields["field_autoscale"]
    values = {"length": fields["length"], "voltage": voltage, "phase": -360 * (fields["phi0"] + fields["phi0_multipass"])}
    values |= {"frequency": fields["rf_frequency"], "cavity_type": fields["cavity_type"]}
    return [Item("Cavity", fields.element.name, values)]


def pipe(name: str, length: float) -> Item:
    """Return the pipe on one side of a cavity's field, through which our cavities are tracked as through any drift."""
    return Item("Drift", name, {"tracking_method": "drift_kick_drift", "length": length})


def rfcavity(fields: Fields) -> list[Item]:
    """Return a cavity at a zero crossing; one that would change the reference momentum cannot be said."""
    element: Any = fields.element
    turns = fields["phi0"] + fields["phi0_multipass"]
    if not is_zero(element.voltage) and np.any(np.abs(np.sin(2 * pi * np.asarray(turns))) > GAIN):
        fields.physics("phi0", turns, "a cavity that changes the reference momentum")
    if not is_zero(element.voltage):
        fields.note("", "RFCavity", "a Cavity at a zero crossing")
    fields.passing("n_cell", "fringe_type", "coupler_at", "coupler_angle", "coupler_phase")
    kind = "traveling_wave" if fields["cavity_type"] == "traveling_wave" else "standing_wave"
    values = {"length": fields["length"], "voltage": fields["voltage"] * fields["field_autoscale"], "phase": 360 * turns - 90}
    return [Item("Cavity", element.name, {**values, "frequency": fields["rf_frequency"], "cavity_type": kind})]


def deflector(fields: Fields) -> list[Item]:
    """Return a deflecting cavity."""
    steps = getattr(registry().method_of(fields.element), "num_steps", None)
    phase = fields["phi0"] + fields["phi0_multipass"] + fields["phi0_autoscale"]
    values = {"length": fields["length"], "voltage": fields["voltage"], "phase": phase, "frequency": fields["rf_frequency"]}
    values |= {**placed(fields), "tilt": fields["tilt"], "num_steps": steps or 1, "tracking_method": "drift_kick_drift"}
    return [Item("TransverseDeflectingCavity", fields.element.name, values)]


def undulator(fields: Fields) -> list[Item]:
    """Return an undulator, whose field is along x or y, or turns."""
    element: Any = fields.element
    field, periods, tilt = fields["b_max"], fields["n_period"], fields["tilt"]
    fields.passing("polarity")
    period = fields["l_period"] if element.l_period is not None else element.length / periods if periods else 0.0
    if not is_zero(element.kx) or element.g_max is not None or is_zero(period):
        if not is_zero(field) or element.g_max is not None:
            fields.drift()
        return [Item("Undulator", element.name, {"length": element.length})]
    strength = field * period * C_LIGHT / (2 * pi * as_species("electron").mass)
    angle = tilt % pi if is_number(tilt) else inf
    if element.field_calc == "helical_model":
        both = {"kx": strength, "ky": strength}
    elif angle == 0:
        both = {"kx": strength}
    elif abs(angle - pi / 2) < 1e-12:
        both = {"ky": strength}
    else:
        fields.physics("tilt", tilt, "not turned")
        both = {"kx": strength}
    return [Item("Undulator", element.name, {"length": fields["length"], "period": period, **both})]


def custom(fields: Fields) -> list[Item]:
    """Return a transfer map, if that is linear."""
    element: Any = fields.element
    found = matrix(fields["terms"])
    if found is None:
        fields.drift()
        return empty(fields)
    fields.passing("delta_ref_time")
    return [Item("CustomTransferMap", element.name, {"length": fields["length"], "predefined_transfer_map": found})]
