"""What elements of Ocelot are in Caraval, class by class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from math import inf, pi, radians, sin
from typing import Any

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.core.methods import KickDriftKick, Linear, SecondOrder, TrackingMethod
from caraval.core.reference import C_LIGHT, as_species

from ..shared.items import Given, Item
from ..shared.matrices import terms
from .vocabulary import COMMON, GEV, METHODS, PARAMETERS

Conversion = Callable[[Given], Element]

USUAL: dict[str, TrackingMethod | None] = {
    "TransferMap": Linear(),
    "SecondTM": SecondOrder(),
    "KickTM": KickDriftKick(),
    **dict.fromkeys(("CavityTM", "TWCavityTM", "MultipoleTM")),
}
"""What Ocelot's methods are here; those that only one class has are what that class has here."""

CAVITY_STEPS = 100
"""Steps through a cavity, in which ours comes within 3e-6 of the closed form that Ocelot has."""

AXIS = 1e-9
"""What part of a deflector's voltage is no kick on the axis."""

COUPLER = tuple(f"{name}_{end}" for name in ("vx", "vy", "vxx", "vxy") for end in ("up", "down"))

ELEMENT = re.compile(r"([rt])([1-6])([1-6])([1-6]?)|b([1-6])")
"""Names of the elements of a matrix."""


def converted(items: Iterable[Item], losses: Losses) -> list[Element]:
    """Return the elements of a line.

    Raises
    ------
    LatticeError
        If an element makes no sense, or changes the tracking in a way that is not understood and may not be left out.
    """
    made: dict[int, Element] = {}
    found = []
    for item in items:
        if id(item) not in made:
            made[id(item)] = _converted(Given(item, losses))
        found.append(made[id(item)])
    return found


def _converted(given: Given) -> Element:
    return CONVERSIONS[given.item.kind](given)


def _make(given: Given, kind: str, *, method: bool = True, **values: Any) -> Element:
    """Return an element with its tracking method; attributes that Ocelot does not know are metadata."""
    chosen = given.choice("tm", "TransferMap", *USUAL, *METHODS)
    if method and chosen not in USUAL:
        given.note("tracking_method", chosen, "as the kind is tracked here")
    known = (*PARAMETERS[given.item.kind], *COMMON)
    unfelt = [name for name in given.item.settings if name not in known and not ELEMENT.fullmatch(name)]
    for axis in "xy":
        offset = given.number(f"d{axis}")
        if not is_zero(offset):
            values[f"{axis}_offset"] = offset
            if method and chosen == "TransferMap" and given.item.kind in ("Sextupole", "Octupole"):
                given.note(f"d{axis}", offset, "with the focusing off the axis that Ocelot's linear maps leave out")
    found = USUAL.get(chosen) if method else None
    return given.make(kind, *unfelt, **({"tracking_method": found} if found else {}), **values)


def drift(given: Given) -> Element:
    """Drift."""
    return _make(given, "Drift", length=given.number("l"))


def marker(given: Given) -> Element:
    """Marker."""
    return _make(given, "Marker", method=False)


def monitor(given: Given) -> Element:
    """Monitor."""
    return _make(given, "Monitor", length=given.number("l"), method=not is_zero(given.number("l")))


def quadrupole(given: Given) -> Element:
    """Quadrupole, which may have a sextupole."""
    values = {"length": given.number("l"), "k1": given.number("k1"), "tilt": given.number("tilt")}
    k2 = given.number("k2")
    multipole = {} if is_zero(k2) else {"scale_multipoles": False, "b2": k2 * values["length"] / 2}
    return _make(given, "Quadrupole", **values, **multipole)


def sextupole(given: Given) -> Element:
    """Sextupole."""
    return _make(given, "Sextupole", length=given.number("l"), k2=given.number("k2"), tilt=given.number("tilt"))


def octupole(given: Given) -> Element:
    """Octupole."""
    return _make(given, "Octupole", length=given.number("l"), k3=given.number("k3"), tilt=given.number("tilt"))


def multipole(given: Given) -> Element:
    """Multipole: integrated strengths, of which the first bends the reference."""
    strengths = np.atleast_1d(np.asarray(given.number("kn"), dtype=float))
    found = {f"k{n}l": float(value) for n, value in enumerate(strengths) if value}
    if not found:
        return _make(given, "Marker", method=False)
    bends = {"k0l_status": "bends_reference"} if "k0l" in found else {}
    return _make(given, "Multipole", method=False, **found, **bends)


def bend(given: Given) -> Element:
    """Bend, SBend, RBend."""
    values = {"length": given.number("l"), "angle": given.number("angle"), "ref_tilt": given.number("tilt")}
    values |= {name: given.number(name) for name in ("k1", "k2", "e1", "e2", "fint")}
    fintx = given.number("fintx", values["fint"])
    values |= {"hgap": given.number("gap") / 2, **({"fintx": fintx} if fintx != values["fint"] else {})}
    for name in ("h_pole1", "h_pole2"):
        if not is_zero(given.number(name)):
            given.physics(name, given.number(name), "a straight pole face")
    if any(not is_zero(given.number(f"d{axis}")) for axis in "xy"):
        given.physics("dx", (given.number("dx"), given.number("dy")), "along the axes at the middle of the arc")
    return _make(given, "SBend", fringe_type="linear_edge", **values)


def corrector(kind: str) -> Conversion:
    """Return the conversion of a corrector."""
    return lambda given: _make(given, kind, length=given.number("l"), kick=given.number("angle"))


def solenoid(given: Given) -> Element:
    """Solenoid, whose ``k`` is half of what the field is over the rigidity."""
    return _make(given, "Solenoid", length=given.number("l"), ks=2 * given.number("k"))


def cavity(given: Given) -> Element:
    """Cavity, TWCavity: a positive phase is late."""
    values = {"length": given.number("l"), "voltage": GEV * given.number("v"), "rf_frequency": given.number("freq")}
    values["phi0"] = -given.number("phi") / 360
    for name in COUPLER:
        value = given.item.settings.get(name, 0)
        if value != 0:
            given.physics(name, value)
    given.passing(*COUPLER)
    is_standing = given.item.kind == "Cavity" and not is_zero(values["length"])  # a standing wave has a length
    wave = "standing_wave" if is_standing else "traveling_wave"
    return _make(given, "LCavity", method=False, cavity_type=wave, field_calc="custom", n_rf_steps=CAVITY_STEPS, **values)


def deflector(given: Given) -> Element:
    """TDCavity, whose map in Ocelot is that about the axis: it does not kick what is there, whatever its phase."""
    values = {"length": given.number("l"), "voltage": GEV * given.number("v"), "rf_frequency": given.number("freq")}
    if values["voltage"] and abs(sin(radians(given.number("phi")))) > AXIS:
        given.note("phi", given.number("phi"), "with the kick on the axis that Ocelot leaves out")
    return _make(given, "CrabCavity", phi0=given.number("phi") / 360, tilt=given.number("tilt"), **values)


def undulator(given: Given) -> Element:
    """Undulator: ``K = e B lambda / (2 pi m c)``, of an electron."""
    period, number = given.number("lperiod"), given.number("nperiods")
    kx, ky = given.number("Kx"), given.number("Ky")
    for name in ("field_file", "mag_field"):
        if given.item.settings.get(name) is not None:
            given.physics(name, given.item.settings[name], "a field of one sine")
    given.passing("field_file", "mag_field", "phase", "end_poles")
    length = period * number
    if (is_zero(kx) and is_zero(ky)) or is_zero(period):
        return _make(given, "Marker" if is_zero(length) else "Drift", length=length)
    field = 2 * pi * as_species("electron").mass / C_LIGHT / period
    shape: dict[str, Any] = {"b_max": kx * field}
    if is_zero(kx):
        shape = {"b_max": ky * field, "tilt": pi / 2}
    elif kx == ky:
        shape["field_calc"] = "helical_model"
    elif not is_zero(ky):
        given.physics("Ky", ky, "left out beside another Kx")
    return _make(given, "Undulator", length=length, l_period=period, **shape)


def aperture(given: Given) -> Element:
    """Aperture."""
    limits = {name: given.number(theirs, inf) for name, theirs in (("x_limit", "xmax"), ("y_limit", "ymax"))}
    closed = {name: value for name, value in limits.items() if value != inf}
    if any(value <= 0 for value in closed.values()):
        raise given.item.error("an aperture of no size, which nothing passes, cannot be said in Caraval")
    is_round = given.choice("type", "rect", "ellipt", "elliptical") != "rect" and len(closed) == 2
    moved = {"offset_moves_aperture": True} if given.item.settings.get("dx") or given.item.settings.get("dy") else {}
    return _make(given, "ECollimator" if is_round else "RCollimator", method=False, **closed, **moved)


def matrix(given: Given) -> Element:
    """Matrix, whose elements are zero where they are not given."""
    first, second = np.zeros((7, 7)), np.zeros((6, 6, 6))
    first[6, 6] = 1
    for name in given.item.settings:
        found = ELEMENT.fullmatch(name)
        if found is None:
            continue
        value = given.number(name)
        if found[5]:
            first[int(found[5]) - 1, 6] = value
        elif found[1] == "r" and not found[4]:
            first[int(found[2]) - 1, int(found[3]) - 1] = value
        elif found[1] == "t" and found[4]:
            second[int(found[2]) - 1, int(found[3]) - 1, int(found[4]) - 1] = value
        else:
            raise given.item.error(f"{name} is no element of a matrix")
    if np.any(first[:4, 4:6]) or np.any(first[4:6, :4]) or np.any(first[4:6, 4:6] != np.eye(2)) or np.any(second):
        given.note("r", "of time and energy", "taken for particles at the speed of light")
    gain = {} if is_zero(given.number("delta_e")) else {"delta_e_ref": GEV * given.number("delta_e")}
    found_terms = {f"tt{i}{i}": 0.0 for i in range(1, 7) if first[i - 1, i - 1] == 0} | terms(first, second)
    return _make(given, "Taylor", method=False, length=given.number("l"), terms=found_terms, **gain)


def unknown(given: Given) -> Element:
    """XYQuadrupole and UnknownElement, which have no more than a length here, if they do anything."""
    length = given.number("l")
    acting = [name for name in PARAMETERS[given.item.kind] if name != "l" and not is_zero(given.item.settings.get(name, 0))]
    if acting:
        given.physics("", given.item.kind, "a drift")
    given.passing(*PARAMETERS[given.item.kind])
    return _make(given, "Marker" if is_zero(length) else "Drift", length=length)


CONVERSIONS: dict[str, Conversion] = {
    "Drift": drift, "Marker": marker, "Monitor": monitor, "Quadrupole": quadrupole, "Sextupole": sextupole,
    "Octupole": octupole, "Multipole": multipole, "Bend": bend, "SBend": bend, "RBend": bend,
    "Hcor": corrector("HKicker"), "Vcor": corrector("VKicker"), "Solenoid": solenoid, "Cavity": cavity, "TWCavity": cavity,
    "TDCavity": deflector, "Undulator": undulator, "Aperture": aperture, "Matrix": matrix, "XYQuadrupole": unknown,
    "UnknownElement": unknown,
}  # fmt: skip
"""What becomes of each class."""
