"""What elements of PALS are in Caraval, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from caraval.core.element import Element

from . import cavities
from .attributes import Attributes
from .bends import faces, geometry
from .multipoles import electric_errors, errors, integrated, magnetic, main, thin

Conversion = Callable[[Attributes], Element]

ROUNDING = 1e-12
"""What part of a bend's field is none."""

OF_ENERGY = ("dE_ref", "dpc_ref", "E_tot_ref", "pc_ref")
"""What changes the reference energy, of which an element has one."""

TERM = re.compile(r"term\s+(\S+)((?:\s+\d+){6})")
"""A monomial: its coefficient and six exponents."""


def plain(kind: str) -> Conversion:
    """Return the conversion of kinds in which nothing acts, or fields that nobody says."""

    def conversion(a: Attributes) -> Element:
        names = {"pipe": "Pipe", "ecollimator": "ECollimator", "rcollimator": "RCollimator", "monitor": "Monitor"}
        found = names.get(a.code, kind)
        multipoles = magnetic(a)
        if multipoles:
            return multipole(a)
        if found in ("Drift", "Marker"):
            found = "Drift" if a.length else "Marker"
        return a.make(found)

    return conversion


def magnet(kind: str, order: int) -> Conversion:
    """Return the conversion of magnets with a main multipole."""

    def conversion(a: Attributes) -> Element:
        if not a.length:
            return multipole(a)
        return a.make(kind, **main(a, order, f"k{order}", f"b{order}_gradient"))

    return conversion


def multipole(a: Attributes) -> Element:
    """Multipole, thin or thick."""
    if a.length:
        return a.make("ThickMultipole", **errors(a, magnetic(a)))
    found = thin(a)
    if not found:
        return a.make("Marker")
    if a.code == "abmultipole" or "k0l" in found or "k0sl" in found:
        values = errors(a, magnetic(a))
        values.pop("scale_multipoles")
        return a.make("ABMultipole", **values)
    return a.make("Multipole", **found)


def kicker(a: Attributes) -> Element:
    """Kicker: a positive ``Kn0`` kicks towards -x, a positive ``Ks0`` towards +y."""
    strengths = magnetic(a)
    dipole = strengths.pop(0, None)
    kick = integrated(a, 0, dipole) if dipole else 0j
    others = {**errors(a, strengths), **electric_errors(a)}
    if a.code == "hkicker" and not kick.imag:
        return a.make("HKicker", kick=-kick.real, **others)
    if a.code == "vkicker" and not kick.real:
        return a.make("VKicker", kick=kick.imag, **others)
    return a.make("Kicker", hkick=-kick.real, vkick=kick.imag, **others)


def bend(a: Attributes) -> Element:
    """Bend."""
    measures = geometry(a.definition, a.reference)
    a.passing("length", *(f"BendP.{n}" for n in ("g_ref", "Bn0_ref", "radius_ref", "L_chord", "L_rectangle", "angle_ref")))
    e1, e2 = faces(a.definition, measures.angle)
    if a.number("BendP.angle_ref") and not measures.angle:
        a.physics("BendP.angle_ref", a.number("BendP.angle_ref"), "no bend, without a length or a strength")
    a.passing("BendP.ref_geometry", *(f"BendP.e{end}{of}" for end in "12" for of in ("", "_rect")), "BendP.L_sagitta")
    strengths = magnetic(a)
    dipole = strengths.pop(0, None)
    values: dict[str, Any] = {"length": measures.length, "e1": e1, "e2": e2}
    values |= {"b_field": measures.field} if measures.field else {"angle": measures.angle}
    values |= _actual(a, dipole, measures.g, measures.length)
    for order, name in ((1, "k1"), (2, "k2")):
        own = strengths.get(order)
        if own is not None and not own.skew and not own.tilt and measures.length:
            value = own.normal / measures.length if own.is_integrated else own.normal
            values[f"b{order}_gradient" if own.unit == "B" else name] = value
            del strengths[order]
    values |= {**errors(a, strengths), **electric_errors(a)}
    shape = a.choice("BendP.multipole_geometry", "FOLLOWS_REF_GEOMETRY", "VERTICALLY_PURE", "HORIZONTALLY_PURE", "CHORD",
                     "ENTRANCE_COORDS", "EXIT_COORDS")  # fmt: skip
    if shape.endswith("PURE"):
        values["exact_multipoles"] = shape.lower()
    straight = a.definition.group("BendP").get("ref_geometry", "ARC") != "ARC" or shape.endswith(("CHORD", "COORDS"))
    if straight and strengths:
        a.physics("BendP.multipole_geometry", shape, "along the arc")
    values["ref_tilt"] = a.number("BendP.tilt_ref")
    values |= _edges(a)
    if not measures.g:
        a.passing("BendP.h1", "BendP.h2")
    roll = a.number("BodyShiftP.z_rot")
    return a.make("SBend", **values, **({"roll": roll} if roll else {}), tilt=0.0)


def _actual(a: Attributes, dipole: Any, g: float, length: float) -> dict[str, Any]:
    """Return the field beyond that of the reference, and the skew one."""
    follows = a.flag("BendP.Kn0_from_g_ref", True)
    if dipole is None:
        return {} if follows or not g else {"dg": -g}
    if not length:
        return {}
    if dipole.unit == "B" and a.reference is None:
        a.physics("MagneticMultipoleP.Bn0", dipole.normal, "the field of the reference")
        return {}
    value = integrated(a, 0, dipole) / length
    found: dict[str, Any] = {"dg": value.real - g} if abs(value.real - g) > ROUNDING * abs(g) else {}
    return found | ({"a0": value.imag * length, "scale_multipoles": False} if value.imag else {})


def _edges(a: Attributes) -> dict[str, Any]:
    """Return the field integrals, of which only the product with the gap is known."""
    first, last = a.number("BendP.edge1_int"), a.number("BendP.edge2_int")
    found = {"fint": 1.0, "hgap": first} if first else {}
    return found if last == first else {**found, "fintx": 1.0, "hgapx": last}


def solenoid(a: Attributes) -> Element:
    """Solenoid, which with a quadrupole is a `SolQuad`."""
    strengths = magnetic(a)
    normalised, field = a.value("SolenoidP.Ksol"), a.value("SolenoidP.Bsol")
    if normalised is not None and field is not None:
        raise a.definition.place.error(f"{a.definition.label}: only one of Ksol and Bsol can be given")
    values = {"bs_field": a.number("SolenoidP.Bsol")} if field is not None else {"ks": a.number("SolenoidP.Ksol")}
    gradient = strengths.get(1)
    kind = "Solenoid"
    if gradient is not None and not gradient.skew and not gradient.tilt and gradient.unit == "K" and a.length:
        values["k1"] = gradient.normal / a.length if gradient.is_integrated else gradient.normal
        kind = "SolQuad"
        del strengths[1]
    return a.make(kind, **values, **errors(a, strengths), **electric_errors(a))


def patch(a: Attributes) -> Element:
    """Patch, ReferenceChange."""
    values = {name: a.number(f"PatchP.{name}") for name in ("x_offset", "y_offset", "z_offset")}
    values |= {"x_pitch": a.number("PatchP.y_rot"), "y_pitch": -a.number("PatchP.x_rot"), "tilt": a.number("PatchP.z_rot")}
    if a.flag("PatchP.flexible", False):
        a.physics("PatchP.flexible", True, "as it is given")
    ends = {"EXIT_END": "exit_end", "ENTRANCE_END": "entrance_end"}
    options = {"ref_coords": ends[a.choice("PatchP.ref_coords", *ends)]}
    is_set = a.flag("PatchP.user_sets_length", False)
    given = [name for name in OF_ENERGY if a.value(f"ReferenceChangeP.{name}") is not None]
    if len(given) > 1:
        raise a.definition.place.error(f"{a.definition.label}: only one of {', '.join(given)} can be given")
    changes = {"e_tot_offset": a.number("ReferenceChangeP.dE_ref"), "e_tot_set": a.number("ReferenceChangeP.E_tot_ref")}
    changes |= {"p0c_set": a.number("ReferenceChangeP.pc_ref"), "t_offset": a.number("ReferenceChangeP.dtime_ref")}
    if (step := a.number("ReferenceChangeP.dpc_ref")) and a.reference is None:
        a.physics("ReferenceChangeP.dpc_ref", step, "left out, without a reference momentum")
    elif step:
        changes["p0c_set"] = float(a.reference.p0c) + step  # type: ignore[union-attr]
    a.passing("BodyShiftP", "length")
    length = {"length": a.length} if is_set else {"length": 0.0}
    return a.make("Patch", **values, **options, **changes, **length, user_sets_length=is_set)


def floor_shift(a: Attributes) -> Element:
    """FloorShift, which particles do not feel."""
    names = {"x_offset": "x_offset", "y_offset": "y_offset", "z_offset": "z_offset", "y_rot": "x_pitch", "z_rot": "tilt"}
    values = {ours: a.number(f"FloorShiftP.{theirs}") or a.number(f"BodyShiftP.{theirs}") for theirs, ours in names.items()}
    values["y_pitch"] = -(a.number("FloorShiftP.x_rot") or a.number("BodyShiftP.x_rot"))
    if a.number("FloorShiftP.t_offset"):
        a.note("FloorShiftP.t_offset", a.number("FloorShiftP.t_offset"), "left out")
    return a.make("FloorShift", **values)


def fork(a: Attributes) -> Element:
    """Fork, which the beam that goes on does not feel."""
    values: dict[str, Any] = {"to_line": a.text("ForkP.to_line"), "to_element": a.text("ForkP.destination_element")}
    values["direction"] = 1 if a.choice("ForkP.direction", "FORWARDS", "BACKWARDS") == "FORWARDS" else -1
    a.passing("ForkP.propagate_reference", "ForkP.forked_to")
    values["new_branch"] = not ("new_branch" in a.definition.group("ForkP") and a.value("ForkP.new_branch") is None)
    return a.make("Fork", **values)


def beam_beam(a: Attributes) -> Element:
    """BeamBeam."""
    values = {f"sig_{axis}": a.number(f"BeamBeamP.sigma_{axis}") for axis in "xyz"}
    values |= {"n_particle": a.number("BeamBeamP.N_particle"), "charge": a.number("BeamBeamP.charge", -1.0)}
    for theirs, ours in (("x", "a"), ("y", "b")):
        values |= {f"{n}_{ours}_strong": a.number(f"BeamBeamP.{n}_{theirs}") for n in ("alpha", "beta")}
    if a.number("BeamBeamP.energy"):
        a.note("BeamBeamP.energy", a.number("BeamBeamP.energy"), "as fast as the reference")
    return a.make("BeamBeam", **values)


def taylor(a: Attributes) -> Element:
    """Taylor."""
    terms: dict[str, float] = {}
    for i, name in enumerate(("x", "px", "y", "py", "z", "pz"), 1):
        given = a.value(f"TaylorP.{name}_out")
        text = " ".join(map(str, given)) if isinstance(given, list) else str(given or "")
        if TERM.sub("", text).strip():
            raise a.definition.place.error(f"{a.definition.label}: TaylorP.{name}_out has terms 'term coefficient e1 ... e6'")
        if given is not None:
            terms[f"tt{i}{i}"] = 0.0
        for coefficient, exponents in TERM.findall(text):
            digits = "".join(str(k) * int(power) for k, power in enumerate(exponents.split(), 1))
            terms[f"tt{i}{digits}"] = _coefficient(a, coefficient)
    references = {f"{n}_ref": a.number(f"TaylorP.ref_in.{n}") for n in ("x", "px", "y", "py", "z", "pz")}
    a.passing("TaylorP")
    if any(f"S_{q}_out" in a.definition.group("TaylorP") for q in ("q1", "qx", "qy", "qz")):
        a.note("TaylorP", "spin", "tracked without spin")
    return a.make("Taylor", terms=terms, **references)


def _coefficient(a: Attributes, written: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise a.definition.place.error(f"{a.definition.label}: the coefficient {written!r} is no number") from None


def unknown(a: Attributes) -> Element:
    """Return a drift in place of kinds that are under construction in the standard, or not understood."""
    return a.drift(a.definition.kind)


CONVERSIONS: dict[str, Conversion] = {
    "Drift": plain("Drift"), "Marker": plain("Marker"), "Instrument": plain("Instrument"), "Match": plain("Marker"),
    "Mask": plain("Drift"), "Placeholder": plain("Marker"), "BeginningEle": plain("Marker"), "Fiducial": plain("Fiducial"),
    "Quadrupole": magnet("Quadrupole", 1), "Sextupole": magnet("Sextupole", 2), "Octupole": magnet("Octupole", 3),
    "Multipole": multipole, "Kicker": kicker, "Bend": bend, "Solenoid": solenoid, "RFCavity": cavities.cavity,
    "CrabCavity": cavities.crab,
    "Patch": patch, "ReferenceChange": patch, "FloorShift": floor_shift, "Fork": fork, "BeamBeam": beam_beam, "Taylor": taylor,
    **dict.fromkeys(("Wiggler", "ACKicker", "Converter", "EGun", "Foil", "UnionEle"), unknown),
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
