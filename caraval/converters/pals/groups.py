"""Groups of parameters out of fields of Caraval's elements."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, factorial, floor
from typing import Any

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.reference import C_LIGHT

from .attributes import turns

Groups = dict[str, Any]

KINDS = {
    "Pipe": "Drift", "ECollimator": "Drift", "RCollimator": "Drift", "EMField": "Drift", "Monitor": "Instrument",
    "Fixer": "Marker", "SBend": "Bend", "SolQuad": "Solenoid", "ABMultipole": "Multipole", "ThickMultipole": "Multipole",
    "SadMult": "Multipole", "HKicker": "Kicker", "VKicker": "Kicker", "GKicker": "Kicker", "ELSeparator": "Kicker",
    "LCavity": "RFCavity", "Undulator": "Wiggler", "PhotonFork": "Fork",
}  # fmt: skip
"""Kinds that the standard calls otherwise; others it calls as we do, or has not."""

STANDARD = (
    "ACKicker", "BeamBeam", "Bend", "CrabCavity", "Drift", "EGun", "Fiducial", "FloorShift", "Fork", "Instrument", "Kicker",
    "Marker", "Mask", "Match", "Multipole", "Octupole", "Patch", "Quadrupole", "RFCavity", "Sextupole", "Solenoid", "Taylor",
    "Wiggler",
)  # fmt: skip
"""Kinds of the standard that we write."""


def kind_of(element: Element) -> str:
    """Return the kind that an element has in the standard."""
    kind = KINDS.get(element.kind, element.kind)
    if kind == "Drift" and element.length == 0 and element.kind != "Drift":
        return "Marker"
    return kind if kind in STANDARD else "Drift"


def groups_of(element: Element) -> Groups:
    """Return what the standard can say of an element besides its kind; arrays it cannot."""
    found: Groups = {"length": _number(element, "length")} if element.kind != "Patch" else {}
    if element.kind in GROUPS:
        found |= GROUPS[element.kind](element)
    found |= {"BodyShiftP": _shift(element), "ApertureP": _aperture(element)}
    if not element.is_on:
        found["is_on"] = False
    return {name: value for name, value in found.items() if value not in (0.0, {})}


def _number(element: Element, name: str) -> float:
    """Return a field, if it is a plain number; zero, if it is absent or an array."""
    value = getattr(element, name, None)
    return float(value) if value is not None and is_number(value) else 0.0


def _some(**values: Any) -> Groups:
    """Return what is not zero."""
    return {name: value for name, value in values.items() if value not in (0.0, None)}


def _shift(element: Element) -> Groups:
    if element.kind in ("Patch", "FloorShift"):
        return {}
    return _some(
        x_offset=_number(element, "x_offset"), y_offset=_number(element, "y_offset"), z_offset=_number(element, "z_offset"),
        x_rot=-_number(element, "y_pitch"), y_rot=_number(element, "x_pitch"),
        z_rot=_number(element, "roll" if element.kind == "SBend" else "tilt"),
    )  # fmt: skip


LOCATIONS = {"entrance_end": "ENTRANCE_END", "exit_end": "EXIT_END", "both_ends": "BOTH_ENDS", "continuous": "EVERYWHERE",
             "no_aperture": "NOWHERE"}  # fmt: skip


def _aperture(element: Element) -> Groups:
    limits: Groups = {}
    for axis in "xy":
        low, high = _number(element, f"{axis}1_limit"), _number(element, f"{axis}2_limit")
        limits |= _some(**{f"{axis}_min": -low if low else None, f"{axis}_max": high})
    if not limits:
        return {}
    is_round = element.aperture_type == "elliptical" or element.kind == "ECollimator"
    shape = {"shape": "ELLIPTICAL" if is_round else "RECTANGULAR", "location": LOCATIONS[element.aperture_at]}
    return {**limits, **shape, **({"aperture_shifts_with_body": True} if element.offset_moves_aperture else {})}


# -------------------------------------------------------------------- magnets


def _errors(element: Element, besides: int | None = None) -> Groups:
    """Return multipoles besides the main one, where they are normalised and refer to nothing."""
    found: Groups = {}
    is_plain = not (getattr(element, "scale_multipoles", False) or element.field_master) and not _number(element, "r0_mag")  # type: ignore[attr-defined]
    for n in range(22) if is_plain and getattr(element, "multipoles_on", True) else ():
        if n != besides:
            normal, skew = _number(element, f"b{n}"), _number(element, f"a{n}")
            found |= _some(**{f"Kn{n}L": normal * factorial(n), f"Ks{n}L": skew * factorial(n)})
    return found


def _electric(element: Element) -> Groups:
    found: Groups = {}
    for n in range(22) if not _number(element, "r0_elec") else ():
        normal, skew = _number(element, f"b{n}_elec"), _number(element, f"a{n}_elec")
        found |= _some(**{f"En{n}": normal * factorial(n), f"Es{n}": skew * factorial(n)})
    return found


def _magnetic(element: Element, besides: int | None = None, **main: float) -> Groups:
    return {
        "MagneticMultipoleP": {**_some(**main), **_errors(element, besides)},
        "ElectricMultipoleP": _electric(element),
    }


def _main(order: int) -> Callable[[Element], Groups]:
    def groups(element: Element) -> Groups:
        normalised, field = _number(element, f"k{order}"), _number(element, f"b{order}_gradient")
        return _magnetic(element, order, **{f"Kn{order}": normalised, f"Bn{order}": field})

    return groups


def _bend(element: Element) -> Groups:
    of = {name: _number(element, name) for name in ("angle", "length", "b_field", "dg", "e1", "e2", "fint", "hgap")}
    fintx = of["fint"] if element.fintx is None else _number(element, "fintx")  # type: ignore[attr-defined]
    hgapx = of["hgap"] if element.hgapx is None else _number(element, "hgapx")  # type: ignore[attr-defined]
    bend = _some(angle_ref=of["angle"], Bn0_ref=of["b_field"], e1=of["e1"], e2=of["e2"], tilt_ref=_number(element, "ref_tilt"))
    bend |= _some(edge1_int=of["fint"] * of["hgap"], edge2_int=fintx * hgapx)
    actual = of["angle"] / of["length"] + of["dg"] if of["dg"] and of["length"] else 0.0
    pure = {"vertically_pure": "VERTICALLY_PURE", "horizontally_pure": "HORIZONTALLY_PURE"}
    bend |= _some(multipole_geometry=pure.get(element.exact_multipoles))  # type: ignore[attr-defined]
    main = {f"{unit}{n}": _number(element, name) for unit, n, name in (
        ("Kn", 1, "k1"), ("Kn", 2, "k2"), ("Bn", 1, "b1_gradient"), ("Bn", 2, "b2_gradient"))}  # fmt: skip
    found = _magnetic(element, None, Kn0=actual)
    for name, value in main.items():
        if value and not {f"Kn{name[2]}L", f"Ks{name[2]}L"} & found["MagneticMultipoleP"].keys():
            found["MagneticMultipoleP"][name] = value
    if actual:
        for name in ("Kn0L", "Ks0L"):
            found["MagneticMultipoleP"].pop(name, None)
    return {"BendP": bend, **found}


def _solenoid(element: Element) -> Groups:
    strength = _some(Ksol=_number(element, "ks"), Bsol=_number(element, "bs_field"))
    return {"SolenoidP": strength, **_magnetic(element, 1 if element.kind == "SolQuad" else None, Kn1=_number(element, "k1"))}


def _kicker(element: Element) -> Groups:
    kick = _number(element, "kick")
    horizontal = kick if element.kind == "HKicker" else _number(element, "hkick")
    vertical = kick if element.kind == "VKicker" else _number(element, "vkick")
    return _magnetic(element, 0, Kn0L=-horizontal, Ks0L=vertical)


def _thin(element: Element) -> Groups:
    found: Groups = {}
    for n in range(22):
        normal, skew = _number(element, f"k{n}l"), _number(element, f"k{n}sl")
        found |= _some(**{f"Kn{n}L": normal, f"Ks{n}L": skew})
        if normal or skew:
            found |= _some(**{f"tilt{n}": _number(element, f"t{n}")})
    return {"MagneticMultipoleP": found}


def _ab(element: Element) -> Groups:
    return {"MagneticMultipoleP": _errors(element)}


# -------------------------------------------------------------------- cavities and the rest


def _cavity(element: Element) -> Groups:
    voltage, phi0 = _number(element, "voltage"), _number(element, "phi0")
    found = _some(frequency=_number(element, "rf_frequency"), voltage=voltage)
    cells = element.n_cell  # type: ignore[attr-defined]
    found |= _some(num_cells=cells if cells > 0 else None)
    kind = element.cavity_type  # type: ignore[attr-defined]
    found["cavity_type"] = "TRAVELING_WAVE" if kind == "traveling_wave" else "STANDING_WAVE"
    if element.kind == "LCavity":
        found |= _some(phase=phi0, multipass_phase=_number(element, "phi0_multipass"))
        found |= _some(dE_ref=voltage * cos(turns(phi0)))
        if element.field_calc == "bmad_standard":  # type: ignore[attr-defined]
            found |= _some(L_active=_active_length(element))
        solenoid = _some(Ksol=_number(element, "ks"), Bsol=_number(element, "bs_field"))
    else:
        found |= _some(phase=-phi0, multipass_phase=-_number(element, "phi0_multipass"))
        found["zero_phase"] = "ABOVE_TRANSITION"
        solenoid = {}
    return {"RFP": found, "SolenoidP": solenoid}


def _active_length(cavity: Element) -> float:
    """Return how long the field is: so many half waves as there are cells, or as fit."""
    frequency, length = _number(cavity, "rf_frequency"), _number(cavity, "length")
    if not frequency:
        return length
    cell = C_LIGHT / (2 * frequency)
    cells = cavity.n_cell  # type: ignore[attr-defined]
    return min(length, (cells if cells >= 0 else floor(length / cell)) * cell)


def _crab(element: Element) -> Groups:
    values = {"frequency": _number(element, "rf_frequency"), "voltage": _number(element, "voltage")}
    return {"RFP": _some(**values, phase=-_number(element, "phi0"), multipass_phase=-_number(element, "phi0_multipass"))}


def _patch(element: Element) -> Groups:
    names = {"x_offset": "x_offset", "y_offset": "y_offset", "z_offset": "z_offset", "y_rot": "x_pitch", "z_rot": "tilt"}
    patch = _some(**{theirs: _number(element, ours) for theirs, ours in names.items()}, x_rot=-_number(element, "y_pitch"))
    changes = {"dE_ref": "e_tot_offset", "E_tot_ref": "e_tot_set", "pc_ref": "p0c_set", "dtime_ref": "t_offset"}
    found = {"PatchP": patch, "ReferenceChangeP": _some(**{theirs: _number(element, ours) for theirs, ours in changes.items()})}
    if element.user_sets_length:  # type: ignore[attr-defined]
        patch["user_sets_length"] = True
        found["length"] = _number(element, "length")  # type: ignore[assignment]
    if element.ref_coords == "entrance_end":  # type: ignore[attr-defined]
        patch["ref_coords"] = "ENTRANCE_END"
    return found


def _floor_shift(element: Element) -> Groups:
    names = {"x_offset": "x_offset", "y_offset": "y_offset", "z_offset": "z_offset", "y_rot": "x_pitch", "z_rot": "tilt"}
    values = {theirs: _number(element, ours) for theirs, ours in names.items()}
    return {"FloorShiftP": _some(**values, x_rot=-_number(element, "y_pitch"))}


def _fork(element: Element) -> Groups:
    fork: Any = element
    found = {"to_line": fork.to_line, **({"destination_element": fork.to_element} if fork.to_element else {})}
    found |= {} if fork.new_branch else {"new_branch": None}
    return {"ForkP": found | ({"direction": "BACKWARDS"} if fork.direction == -1 else {})}


def _beam_beam(element: Element) -> Groups:
    values = {f"sigma_{axis}": _number(element, f"sig_{axis}") for axis in "xyz"}
    for theirs, ours in (("x", "a"), ("y", "b")):
        values |= {f"{n}_{theirs}": _number(element, f"{n}_{ours}_strong") for n in ("alpha", "beta")}
    found = _some(**values, N_particle=_number(element, "n_particle"))
    return {"BeamBeamP": {**found, "charge": _number(element, "charge")}}


def _taylor(element: Element) -> Groups:
    terms: dict[str, float] = {**{f"tt{i}{i}": 1.0 for i in range(1, 7)}, **element.terms}  # type: ignore[attr-defined]
    names = ("x", "px", "y", "py", "z", "pz")
    found: Groups = {}
    for i, name in enumerate(names, 1):
        mine = {term[3:]: value for term, value in terms.items() if term[2] == str(i) and value}
        rows = [f"term {value!r} {' '.join(str(digits.count(str(k))) for k in range(1, 7))}" for digits, value in mine.items()]
        found[f"{name}_out"] = rows
    reference = _some(**{name: _number(element, f"{name}_ref") for name in names})
    return {"TaylorP": {**found, **({"ref_in": reference} if reference else {})}}


GROUPS: dict[str, Callable[[Element], Groups]] = {
    "Quadrupole": _main(1), "Sextupole": _main(2), "Octupole": _main(3), "SBend": _bend, "Solenoid": _solenoid,
    "SolQuad": _solenoid, "HKicker": _kicker, "VKicker": _kicker, "Kicker": _kicker, "Multipole": _thin, "ABMultipole": _ab,
    "ThickMultipole": _ab, "LCavity": _cavity, "RFCavity": _cavity, "CrabCavity": _crab, "Patch": _patch,
    "FloorShift": _floor_shift, "Fork": _fork, "PhotonFork": _fork, "BeamBeam": _beam_beam, "Taylor": _taylor,
}  # fmt: skip
"""What the standard can say of each kind."""
