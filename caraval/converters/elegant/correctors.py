"""Correctors and monitors."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.methods import BmadStandard

from .attributes import Attributes
from .setting import Surroundings

STEPS = 10
"""How many steps a corrector takes whose kick is not the same everywhere."""


def corrector(a: Attributes, here: Surroundings) -> Element:
    """HKICK, VKICK, EHKICK, EVKICK: one kick, along an axis that tilts."""
    kick = a.number("KICK") * a.number("CALIBRATION")
    is_horizontal = a.element.type.name.endswith("HKICK")
    return a.make("HKicker" if is_horizontal else "VKicker", kick=kick, **_sextupole(a, kick, is_horizontal), **_placed(a))


def kicker(a: Attributes, here: Surroundings) -> Element:
    """KICKER, EKICKER: two kicks."""
    h, v = (a.number(f"{axis}KICK") * a.number(f"{axis}CALIBRATION") for axis in "HV")
    multipole = _sextupole(a, h, True) if v == 0 else {}
    return a.make("Kicker", hkick=h, vkick=v, **multipole, **_placed(a))


def _placed(a: Attributes) -> dict[str, float]:
    if "DX" in a.element.type.parameters:
        return a.placed()
    return {"tilt": a.number("TILT")}


def _sextupole(a: Attributes, kick: float, is_horizontal: bool) -> dict[str, Any]:
    """Return the sextupole of a corrector whose kick goes as ``1 + B2 x^2``."""
    b2 = a.number("B2") if is_horizontal or kick == 0 else 0.0
    if not (b2 and kick):
        return {}
    return {"scale_multipoles": False, "b2": -kick * b2, "tracking_method": BmadStandard(num_steps=STEPS)}


def monitor(a: Attributes, here: Surroundings) -> Element:
    """MONI, HMON, VMON: where they stand does not matter to the beam."""
    return a.make("Monitor")
