"""Dipole bends on the way to elegant."""

from __future__ import annotations

from typing import Any

from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields

from .alignment import EXACT, at_centre, sagitta
from .bends import MATRIX, SHORTEST
from .cavities import ENDS
from .saying_parts import finished, gradients, method_of, multipoles

EDGE_ORDERS = {"linear_edge": 1, "basic_bend": 2}
"""Orders of the edges, by our name of their model."""

HIGHEST = 8
"""Highest order of a gradient."""


def bend(f: WeighedFields) -> list[Said]:
    """SBend: SBEN, or CSBEND where it is tracked by a symplectic integrator."""
    angle, steps = f.number("angle"), method_of(f)
    if f.length == 0:
        return []
    if 0 < abs(angle) < SHORTEST:
        f.physics("angle", angle, "straight")
    type = _type(f, steps is not None)
    values: dict[str, Any] = {"ANGLE": angle, "E1": f.number("e1"), "E2": f.number("e2"), "TILT": f.number("ref_tilt")}
    values |= {"K1": f.number("k1"), "K2": f.number("k2"), **_higher(f, type), **_edges(f, type), **_displaced(f, type, angle)}
    if f.element.dg and angle:  # type: ignore[attr-defined]
        values["FSE_DIPOLE"] = f.number("dg") * f.length / angle
    return finished(f, type, {**values, **(steps.values if steps else {})}, steps and steps.method)


def _type(f: WeighedFields, is_integrated: bool) -> str:
    original = f.element.metadata.get("elegant_type")
    if is_integrated:
        return original if original in ("CSBEND", "CSRCSBEND") and original not in MATRIX else "CSBEND"
    return "SBEN"


def _higher(f: WeighedFields, type: str) -> dict[str, float]:
    """Return gradients beyond that of a sextupole, if there are no others."""
    strengths = multipoles(f)
    has = type == "CSBEND" and all(2 < n <= HIGHEST and not skew for n, (_, skew) in strengths.items())
    if not (strengths and has):
        return {}
    gradients(f)
    return {f"K{n}": normal / f.length for n, (normal, _) in strengths.items()}


def _edges(f: WeighedFields, type: str) -> dict[str, Any]:
    entrance, exit = next(pair for pair, word in ENDS.items() if word == f.get("fringe_at"))
    values: dict[str, Any] = {"EDGE1_EFFECTS": int(entrance), "EDGE2_EFFECTS": int(exit)}
    model = f.element.fringe_type  # type: ignore[attr-defined]
    values["EDGE_ORDER"] = EDGE_ORDERS.get(model, 2)
    if model in EDGE_ORDERS:
        f.passing("fringe_type")
    if not f.element.hgap:  # type: ignore[attr-defined]
        return values
    values |= {"HGAP": f.number("hgap"), "FINT": f.number("fint")}
    fintx = f.element.fintx  # type: ignore[attr-defined]
    if fintx is not None and type == "CSBEND" and fintx >= 0:
        values["FINT2"] = f.number("fintx")
    return values


def _displaced(f: WeighedFields, type: str, angle: float) -> dict[str, float]:
    """Return the misalignment along the axes at the entrance; with rotations, about the centre."""
    bend: Any = f.element
    if bend.ref_tilt:  # elegant's axes do not turn with the bend
        return {}
    x, y, z = (f.number(f"{axis}_offset") for axis in "xyz")
    if type == "CSBEND" and (bend.x_pitch or bend.y_pitch or bend.roll):
        yaw = f.number("x_pitch")
        turn = {"EYAW": yaw, "EPITCH": -f.number("y_pitch"), "ETILT": f.number("roll")}
        return {"DX": x, "DY": y, "DZ": z + yaw * sagitta(f.length, angle), **turn, "MALIGN_METHOD": EXACT}
    x, y, z = at_centre((x, y, z), -angle)
    return {"DX": x, "DY": y, "DZ": z}
