"""Cavities on the way to elegant."""

from __future__ import annotations

from math import ceil
from typing import Any

from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields, phase_seen
from caraval.core.methods import BmadStandard, CenterPhase, KickDriftKick
from caraval.core.reference import C_LIGHT

from .cavities import ENDS, MATRIX, STEPS, focusing
from .saying_parts import finished, placed


def accelerating(f: WeighedFields) -> list[Said]:
    """LCavity: RFCA that changes the reference momentum; elegant's field is as long as the element."""
    if not f.are_alike(field_calc="custom"):
        f.physics("field_calc", f.element.field_calc, "a field as long as the cavity")  # type: ignore[attr-defined]
    f.passing("field_calc", "n_cell") if f.are_alike(field_calc="custom", n_cell=-1) else f.passing("field_calc")
    values = {**_common(f), "PHASE": 360 * phase_seen(f) + 90, "CHANGE_P0": 1, **_focusing(f)}
    steps = f.element.n_rf_steps  # type: ignore[attr-defined]
    if isinstance(f.method(), CenterPhase):
        f.passing("n_rf_steps")
        return finished(f, "RFCA", values, MATRIX)
    if steps >= STEPS:
        f.passing("n_rf_steps")
    return finished(f, "RFCA", {**values, "N_KICKS": max(STEPS, steps)})


def cavity(f: WeighedFields) -> list[Said]:
    """RFCavity: RFCA that leaves the reference momentum alone."""
    method, element = f.method(), f.element
    values = {**_common(f), "PHASE": 360 * (0.5 - phase_seen(f))}
    if isinstance(method, CenterPhase):
        f.passing("n_cell")
        return finished(f, "RFCA", {**values, **_focusing(f)}, MATRIX)
    if isinstance(method, KickDriftKick):
        frequency: float = element.rf_frequency  # type: ignore[attr-defined]
        if element.n_cell == ceil(2 * f.length * frequency / C_LIGHT):  # type: ignore[attr-defined]
            f.passing("n_cell")
        kicked = focusing(method.num_steps)
        return finished(f, "RFCA", {**values, **_focusing(f), "N_KICKS": kicked.num_steps}, kicked)
    plain = {"fringe_at": "no_end", "cavity_type": "traveling_wave", "n_cell": 1}
    if f.are_alike(**plain):
        f.passing(*plain)
    steps = (method.num_steps if isinstance(method, BmadStandard) else None) or STEPS
    kicks = {"N_KICKS": steps} if f.length else {}
    return finished(f, "RFCA", {**values, **kicks}, None if steps == STEPS else BmadStandard(num_steps=steps))


def deflector(f: WeighedFields) -> list[Said]:
    """CrabCavity: RFDF."""
    values: dict[str, Any] = {"VOLTAGE": f.number("voltage"), "FREQUENCY": f.number("rf_frequency")}
    phase = phase_seen(f)
    method = f.method()
    steps = method.num_steps if isinstance(method, BmadStandard) else None
    values |= {"PHASE": 360 * (0.25 - phase), "N_KICKS": steps or 0, **placed(f)}
    return finished(f, "RFDF", values, BmadStandard(num_steps=steps) if steps else None)


def _common(f: WeighedFields) -> dict[str, Any]:
    values = {"VOLT": f.number("voltage"), "FREQ": f.number("rf_frequency")}
    return {**values, "DX": f.number("x_offset"), "DY": f.number("y_offset")}


def _focusing(f: WeighedFields) -> dict[str, Any]:
    """Return where a cavity focuses, and how its body does."""
    ends = next(pair for pair, word in ENDS.items() if word == f.get("fringe_at"))
    if f.element.fringe_type == "none" and f.are_alike(fringe_type="full", fringe_at="no_end"):  # type: ignore[attr-defined]
        f.passing("fringe_type")
        ends = (False, False)
    is_standing = f.element.cavity_type == "standing_wave" and f.length > 0  # type: ignore[attr-defined]
    if f.element.cavity_type in ("standing_wave", "traveling_wave"):  # type: ignore[attr-defined]
        f.passing("cavity_type")
    return {"END1_FOCUS": int(ends[0]), "END2_FOCUS": int(ends[1]), "BODY_FOCUS_MODEL": "SRS" if is_standing else ""}
