"""What MAD-8 has, and MAD-X has not or means otherwise (MAD 8.13 manual, "Physical Elements and Markers")."""

from __future__ import annotations

from math import pi
from typing import Any

from .values import Made, Values

_MEGA = 1e6

HIGHEST_ORDER = 9


def lcavity(v: Values) -> Made:
    """Accelerating cavity, which changes the reference momentum."""
    v.refuse("eloss")
    values: dict[str, Any] = {
        "voltage": _MEGA * v.number("deltae"),
        "phi0": v.number("phi0"),
        "rf_frequency": _MEGA * v.number("freq"),
        "cavity_type": "standing_wave" if v.number("swave") else "traveling_wave",
    }
    return Made("LCavity", values)


def multipole(v: Values) -> Made:
    """Thin multipole; each order has a strength and a turn of its own."""
    values: dict[str, Any] = {}
    for n in range(HIGHEST_ORDER + 1):
        strength, turn = v.around.direction * v.number(f"k{n}l"), v.number(f"t{n}")
        if v.has(f"t{n}") and v.element.settings[f"t{n}"].value is True:
            turn = pi / (2 * n + 2)
        if strength:
            values |= {f"k{n}l": strength, f"t{n}": turn}
    if values.get("k0l"):
        values["k0l_status"] = "bends_reference"
    return Made("Multipole", values)


def collimator(v: Values) -> Made:
    """Collimator of half openings; one that is left out is no limit."""
    elliptic = v.element.keyword == "ecollimator8"
    values: dict[str, Any] = {"aperture_at": "entrance_end"}
    for axis in "xy":
        size = v.number(f"{axis}size")
        if size:
            values |= {f"{axis}1_limit": size, f"{axis}2_limit": size}
    return Made("ECollimator" if elliptic else "RCollimator", values if len(values) > 1 else {})
