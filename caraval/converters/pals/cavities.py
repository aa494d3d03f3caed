"""Cavities (PALS, "RFP")."""

from __future__ import annotations

from math import cos
from typing import Any

from caraval.core.element import Element
from caraval.core.reference import C_LIGHT

from .attributes import Attributes, turns
from .multipoles import errors, magnetic

CLOSE = 1e-9
"""What part of a voltage or a length is none."""


def cavity(a: Attributes) -> Element:
    """RFCavity: one that changes the reference energy is an `LCavity`.

    ``V cos 2 pi (phase + f t)``, where zero phase is on the crest.
    """
    zero = a.choice("RFP.zero_phase", "ACCELERATING", "BELOW_TRANSITION", "ABOVE_TRANSITION")
    crest = {"ACCELERATING": 0.0, "BELOW_TRANSITION": -0.25, "ABOVE_TRANSITION": 0.25}[zero]
    raw, voltage = a.value("RFP.phi0"), _voltage(a)
    phase = a.number("RFP.phase") + crest
    gain = a.number("RFP.dE_ref")
    values: dict[str, Any] = {"voltage": voltage, "rf_frequency": _frequency(a)}
    values["cavity_type"] = a.choice("RFP.cavity_type", "STANDING_WAVE", "TRAVELING_WAVE").lower()
    is_accelerating = bool(gain) or a.code == "lcavity"
    if is_accelerating:
        if raw is not None:
            phase = a.number("RFP.phi0")
        if gain and abs(gain - voltage * cos(turns(phase))) > CLOSE * abs(voltage):
            a.physics("RFP.dE_ref", gain, f"a gain of {voltage * cos(turns(phase)):g} eV")
        values |= {"phi0": phase, "phi0_multipass": a.number("RFP.multipass_phase"), **_active(a, values["rf_frequency"])}
        values |= {
            key: value for key, value in (("bs_field", a.number("SolenoidP.Bsol")), ("ks", a.number("SolenoidP.Ksol"))) if value
        }
        return a.make("LCavity", **values, **errors(a, magnetic(a)))
    phi0 = 0.25 - phase if raw is None else a.number("RFP.phi0")
    values |= {"phi0": phi0, "phi0_multipass": -a.number("RFP.multipass_phase")}
    cells = a.value("RFP.num_cells")
    a.passing("RFP.L_active")
    values |= {"n_cell": int(cells)} if cells else {}
    multipoles = errors(a, magnetic(a))
    multipoles.pop("scale_multipoles", None)
    return a.make("RFCavity", **values, **multipoles)


def _voltage(a: Attributes) -> float:
    voltage, gradient = a.number("RFP.voltage"), a.number("RFP.gradient")
    active = a.number("RFP.L_active", a.length)
    if gradient and voltage and abs(gradient * active - voltage) > CLOSE * abs(voltage):
        raise a.definition.place.error(f"{a.definition.label}: voltage and gradient contradict each other; give one")
    return voltage or gradient * active


def _frequency(a: Attributes) -> float:
    """Return the frequency, which may be given by how many periods it has in a turn of the reference."""
    harmonic, frequency = a.number("RFP.harmon"), a.number("RFP.frequency") or a.number("RFP.rf_frequency")
    if harmonic and frequency:
        raise a.definition.place.error(f"{a.definition.label}: only one of frequency and harmon can be given")
    if harmonic and not a.turn:
        a.physics("RFP.harmon", harmonic, "no frequency, without a reference and a length of the line")
        return 0.0
    return harmonic / a.turn if harmonic and a.turn else frequency


def _active(a: Attributes, frequency: float) -> dict[str, Any]:
    """Return how long the field is: all of the length, or as long as its cells."""
    active, cells = a.number("RFP.L_active", a.length), a.value("RFP.num_cells")
    found: dict[str, Any] = {"n_cell": int(cells)} if cells else {}
    if abs(active - a.length) <= CLOSE * a.length:
        return {**found, "field_calc": "custom"}
    fitting = 2 * frequency * active / C_LIGHT
    if frequency and abs(fitting - round(fitting)) < 1e-6 and round(fitting) > 0:
        return {"n_cell": round(fitting)}
    a.physics("RFP.L_active", active, "as long as the element")
    return {**found, "field_calc": "custom"}


def crab(a: Attributes) -> Element:
    """CrabCavity, which kicks by ``V sin 2 pi phase`` where ``phase + f t`` goes on."""
    values = {"voltage": _voltage(a), "rf_frequency": _frequency(a)}
    phi0 = -a.number("RFP.phase") if a.value("RFP.phi0") is None else a.number("RFP.phi0")
    a.passing("RFP.zero_phase", "RFP.cavity_type", "RFP.num_cells", "RFP.L_active")
    return a.make("CrabCavity", **values, phi0=phi0, phi0_multipass=-a.number("RFP.multipass_phase"))
