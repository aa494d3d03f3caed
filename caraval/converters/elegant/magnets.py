"""Quadrupoles, sextupoles, octupoles, multipoles and solenoids."""

from __future__ import annotations

from math import cos, factorial, sin
from typing import Any

from caraval.core.element import Element

from .attributes import Attributes
from .methods import integrator
from .setting import Surroundings

HIGHEST_ORDER = 21
"""Highest order of a multipole."""


def kicks(a: Attributes, tilt: float) -> dict[str, float]:
    """Return the kicks of a magnet, whose axes tilt with it in elegant, along axes that do not."""
    h = a.number("HKICK") * a.number("HCALIBRATION")
    v = a.number("VKICK") * a.number("VCALIBRATION")
    if h == 0 and v == 0:
        return {}
    return {"hkick": h * cos(tilt) - v * sin(tilt), "vkick": h * sin(tilt) + v * cos(tilt)}


def strength(a: Attributes, here: Surroundings, name: str, order: int, field: str) -> dict[str, float]:
    """Return the main strength, or its field where the element says the field at the pole tips."""
    factor = 1 + a.number("FSE")
    bore, tip = a.number("BORE"), a.number("B")
    if bore:
        return {field: factor * factorial(order) * tip / bore**order * here.sign}
    return {name: factor * a.number(name.upper())}


def is_integrated(a: Attributes) -> dict[str, Any]:
    """Return the tracking method of a type that elegant tracks with kicks; of others, none."""
    return {"tracking_method": integrator(a)} if a.element.type.name.startswith("K") else {}


def quadrupole(a: Attributes, here: Surroundings) -> Element:
    """QUAD, KQUAD: edges have an effect where they are given one, and an integral of their field."""
    placed = a.placed()
    given = a.element.number
    if a.element.type.name == "QUAD" and given("FFRINGE") == 0:
        a.passing("EDGE1_EFFECTS", "EDGE2_EFFECTS", "FRINGE_TYPE", *_EDGE_INTEGRALS)
    elif given("EDGE1_EFFECTS") == 0 and given("EDGE2_EFFECTS") == 0:
        a.passing(*_EDGES, *_EDGE_INTEGRALS)
    elif given("EDGE1_EFFECTS") <= 1 and given("EDGE2_EFFECTS") <= 1 and not any(given(name) for name in _EDGE_INTEGRALS):
        a.passing(*_EDGES, "EDGE1_EFFECTS", "EDGE2_EFFECTS")
    if a.number("LEFFECTIVE") > 0 and a.number("LEFFECTIVE") != a.number("L"):
        a.physics("LEFFECTIVE", a.number("LEFFECTIVE"))
    main = strength(a, here, "k1", 1, "b1_gradient")
    return a.make("Quadrupole", **main, **kicks(a, placed["tilt"]), **placed, **is_integrated(a))


_EDGES = tuple(f"EDGE{end}_{word}" for end in "12" for word in ("LINEAR", "NONLINEAR_FACTOR"))
_EDGE_INTEGRALS = ("I0P", "I1P", "I2P", "I3P", "LAMBDA2P", "I0M", "I1M", "I2M", "I3M", "LAMBDA2M")


def quadrupole_sextupole(a: Attributes, here: Surroundings) -> Element:
    """KQUSE: both in one."""
    k2 = a.number("K2") * (1 + a.number("FSE2"))
    multipole = {"scale_multipoles": False, "b2": k2 * a.number("L") / 2} if k2 else {}
    k1 = a.number("K1") * (1 + a.number("FSE1"))
    method = {} if a.integer("MATRIX_TRACKING") else is_integrated(a)
    return a.make("Quadrupole", k1=k1, **multipole, **a.placed(), **method)


def sextupole(a: Attributes, here: Surroundings) -> Element:
    """SEXT, KSEXT; they may have a quadrupole and a skew quadrupole."""
    placed = a.placed()
    length, factor = a.number("L"), 1 + a.number("FSE")
    others = {"b1": factor * a.number("K1") * length, "a1": -factor * a.number("J1") * length}
    gradients = {"scale_multipoles": False, **others} if any(others.values()) else {}
    main = strength(a, here, "k2", 2, "b2_gradient")
    return a.make("Sextupole", **main, **gradients, **kicks(a, placed["tilt"]), **placed, **is_integrated(a))


def octupole(a: Attributes, here: Surroundings) -> Element:
    """OCTU, KOCT."""
    main = strength(a, here, "k3", 3, "b3_gradient")
    return a.make("Octupole", **main, **a.placed(), **is_integrated(a))


def multipole(a: Attributes, here: Surroundings) -> Element:
    """MULT: one multipole, integrated over the length."""
    order, integrated = a.integer("ORDER"), a.number("KNL") * a.number("FACTOR")
    if a.number("BORE"):
        a.physics("BORE", a.number("BORE"))
    if not 0 <= order <= HIGHEST_ORDER:
        raise a.element.place.error(f"{a.element.label}: ORDER must be from 0 to {HIGHEST_ORDER}, not {order}")
    placed = a.placed()
    if integrated == 0:
        return a.make("Drift" if a.number("L") else "Marker", **placed)
    if order == 0:
        return a.make("Kicker", hkick=-integrated, **placed)
    if a.number("L") == 0:
        placed.pop("z_offset")
        return a.make("Multipole", **{f"k{order}l": integrated}, **placed)
    strengths = {f"b{order}": integrated / factorial(order)}
    return a.make("ThickMultipole", **strengths, **placed, tracking_method=integrator(a))


def solenoid(a: Attributes, here: Surroundings) -> Element:
    """SOLE: ``KS`` is what it is in MAD; a field ``B`` makes the opposite of it for a positive charge."""
    offsets = {"x_offset": a.number("DX"), "y_offset": a.number("DY"), "z_offset": a.number("DZ")}
    ks, field = a.number("KS"), a.number("B")
    if ks and field:
        a.physics("B", field)
    given = {"ks": ks} if ks else {"bs_field": -field * here.sign}
    return a.make("Solenoid", **given, **offsets)
