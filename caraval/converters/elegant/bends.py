"""Dipole bends."""

from __future__ import annotations

from math import factorial
from typing import Any

from caraval.core.element import Element

from .alignment import CENTRE, at_centre, displaced, half_chord, sagitta
from .attributes import Attributes
from .methods import integrator
from .setting import Surroundings

MATRIX = ("SBEN", "NIBEND")
"""Types that elegant does not track with kicks."""

SHORTEST = 1e-10
"""Smallest angle [rad] with which elegant takes a bend for one."""

EDGE_INTEGRALS = tuple(f"FRINGE{end}K{n}" for end in "12" for n in range(7))


def bend(a: Attributes, here: Surroundings) -> Element:
    """SBEN, CSBEND, CSRCSBEND, KSBEND, NIBEND; `RBEN` is an SBEN by now."""
    type = a.element.type.name
    if type == "CSRCSBEND" and a.integer("CSR"):
        a.note("CSR", 1, "tracked without coherent radiation")
    if type == "NIBEND":
        a.physics("", "NIBEND", "a bend with short edges")
    length, angle = a.number("L"), a.number("ANGLE")
    if abs(angle) < SHORTEST:
        angle = 0.0
    if length == 0 and angle:
        raise a.element.place.error(f"{a.element.label}: a bend needs a length")
    values = {"angle": angle, "ref_tilt": a.number("TILT"), **_errors(a, angle, length), **_multipoles(a, angle, length)}
    values |= {**_faces(a, here), **_displaced(a, angle)}
    if type not in MATRIX:
        values["tracking_method"] = integrator(a)
    return a.make("SBend", **values)


def straight_bend(a: Attributes, here: Surroundings) -> Element:
    """CCBEND: a bend with straight poles, whose faces are parallel; here its multipoles follow the curve."""
    a.physics("", "CCBEND", "a bend with parallel faces and curved poles")
    a.passing("FRINGEMODEL", "OPTIMIZE_FSE", "OPTIMIZE_DX", "OPTIMIZE_FSE_ONCE", "OPTIMIZE_DX_ONCE", "COMPENSATE_KN")
    a.passing("REFERENCE_ORDER", "DX_DY_SIGN", "EDGE_ORDER")
    length, angle = a.number("L"), a.number("ANGLE")
    values = {"angle": angle, "ref_tilt": a.number("TILT"), "e1": angle / 2, "e2": angle / 2, **_multipoles(a, angle, length)}
    values |= {"hgap": a.number("HGAP"), "fint": a.number("FINT1"), "fintx": a.number("FINT2")}
    return a.make("SBend", **values, **_errors(a, angle, length), **_displaced(a, angle), tracking_method=integrator(a))


def _errors(a: Attributes, angle: float, length: float) -> dict[str, float]:
    """Return the field beyond that of the design."""
    error = a.number("FSE") + a.number("FSE_DIPOLE")
    return {"dg": error * angle / length} if error and length else {}


def _multipoles(a: Attributes, angle: float, length: float) -> dict[str, Any]:
    """Return the gradients: geometric ones, or ``B_n`` times the curvature."""
    if a.integer("USE_BN") and length:
        given = [a.number(f"B{n}") * angle / length for n in range(1, 9)]
        a.passing(*(f"K{n}" for n in range(1, 9)))
    else:
        given = [a.number(f"K{n}") for n in range(1, 9)]
        a.passing(*(f"B{n}" for n in range(1, 9)))
    if "NONLINEAR" in a.element.type.parameters and not a.integer("NONLINEAR"):
        given = [given[0], *[0.0] * 7]
    factor = 1 + a.number("FSE")
    values: dict[str, Any] = {"k1": given[0] * (factor + a.number("FSE_QUADRUPOLE")), "k2": given[1] * factor}
    higher = {f"b{n}": k * factor * length / factorial(n) for n, k in enumerate(given[2:], 3) if k}
    values = {name: value for name, value in values.items() if value != 0}
    return {**values, **higher, "scale_multipoles": False} if higher else values


def _faces(a: Attributes, here: Surroundings) -> dict[str, Any]:
    """Return faces and edges; of a reversed bend those of the two ends are exchanged."""
    fint = a.number("FINT")
    fints = [value if (value := _own(a, f"FINT{end}")) >= 0 else fint for end in "12"]
    faces = [a.number("E1"), a.number("E2")]
    effects = [a.integer(f"EDGE{end}_EFFECTS") for end in "12"] if "EDGE1_EFFECTS" in a.element.type.parameters else [1, 1]
    if here.is_reversed:
        for pair in (fints, faces, effects):
            pair.reverse()
    for end, effect in enumerate(effects):
        if effect > 1:
            a.physics(f"EDGE{end + 1}_EFFECTS", effect, "edges of the usual model")
    if all(effect <= 1 for effect in effects):
        a.passing(*EDGE_INTEGRALS)
    entrance, exit = (bool(effects[0]) and not here.follows_itself, bool(effects[1]) and not here.precedes_itself)
    ends = {(True, True): "both_ends", (True, False): "entrance_end", (False, True): "exit_end", (False, False): "no_end"}
    values: dict[str, Any] = {"e1": faces[0], "e2": faces[1], "fringe_at": ends[entrance, exit]}
    if a.number("HGAP"):
        values |= {"hgap": a.number("HGAP"), "fint": fints[0]}
        if fints[1] != fints[0]:
            values["fintx"] = fints[1]
    if a.integer("EDGE_ORDER") == 1:
        values["fringe_type"] = "linear_edge"
    return values


def _own(a: Attributes, name: str) -> float:
    """Return a parameter that only some types have; negative: it is not given."""
    return a.number(name) if name in a.element.type.parameters else -1.0


def _displaced(a: Attributes, angle: float) -> dict[str, float]:
    """Return misalignment and rotation about the centre."""
    method, length = a.integer("MALIGN_METHOD"), a.number("L")
    shift = (a.number("DX"), a.number("DY"), a.number("DZ"))
    turn = (a.number("EPITCH"), a.number("EYAW"), a.number("ETILT"))
    if method == 0:  # which ignores pitch and yaw
        turn = (0.0, 0.0, turn[2] * (a.integer("ETILT_SIGN") if "ETILT_SIGN" in a.element.type.parameters else 1))
    if not any((*shift, *turn)):
        return {}
    if a.number("TILT"):
        a.physics("DX" if any(shift) else "ETILT", shift[0] if any(shift) else turn[2], "displaced as if it were not tilted")
    if method in CENTRE:
        return displaced(shift, turn, 0.0, sagitta(length, angle))
    return displaced(at_centre(shift, angle), at_centre(turn, angle), half_chord(length, angle), sagitta(length, angle))
