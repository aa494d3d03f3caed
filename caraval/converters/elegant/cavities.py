"""Cavities."""

from __future__ import annotations

from math import ceil, pi, sin
from typing import Any

from caraval.core.element import Element
from caraval.core.methods import BmadStandard, CenterPhase, KickDriftKick
from caraval.core.reference import C_LIGHT

from .attributes import Attributes
from .setting import Surroundings

ENDS = {(True, True): "both_ends", (True, False): "entrance_end", (False, True): "exit_end", (False, False): "no_end"}

STEPS = 10
"""How many steps a cavity takes at least that elegant kicks, and exactly, where nothing else is said."""

MATRIX = CenterPhase()
"""The method of cavities without kicks: elegant's matrix for each particle."""


def focusing(kicks: int) -> KickDriftKick:
    """Return the method of cavities with kicks that focus and leave the reference momentum alone; Bmad's does not focus."""
    return KickDriftKick(order=4, num_steps=max(STEPS, kicks))


GAIN = 1e-9
"""What part of the voltage is no gain of energy."""


def cavity(a: Attributes, here: Surroundings) -> Element:
    """RFCA, RFCW. A particle gains ``VOLT sin(PHASE + 2 pi FREQ t)``; the field is as long as the element.

    Without kicks, as by default, each particle has a matrix of its own (:class:`~caraval.core.methods.CenterPhase`).

    Those that change the reference momentum are an :class:`~caraval.physics.lcavity.LCavity`, the others an
    :class:`~caraval.physics.rfcavity.RFCavity`. Ends focus where they should. The body does as Rosenzweig and Serafini say in a
    standing wave, which is what stands for that model, and not at all in a traveling wave.
    """
    if a.element.type.name == "RFCW" and any(a.element.text(f"{kind}WAKEFILE") for kind in ("", "Z", "TR")):
        a.note("WAKEFILE", "wakes", "tracked without wakes")
    if a.number("LSC") > 0:
        a.note("LSC", a.number("LSC"), "tracked without space charge")
    if a.number("FREQ") == 0 and a.number("VOLT"):
        return a.drift(f"{a.element.type.name} without frequency")
    _check(a)
    ends = (bool(a.integer("END1_FOCUS")), bool(a.integer("END2_FOCUS")))
    model = a.text("BODY_FOCUS_MODEL").lower()
    if model not in ("", "none", "srs"):
        a.physics("BODY_FOCUS_MODEL", model, "a body that does not focus")
    a.passing("STANDING_WAVE")
    is_standing = model == "srs" and a.number("L") > 0
    values: dict[str, Any] = {"voltage": a.number("VOLT"), "rf_frequency": a.number("FREQ"), "fringe_at": ENDS[ends]}
    values |= {"x_offset": a.number("DX"), "y_offset": a.number("DY")}
    values |= {"cavity_type": "standing_wave" if is_standing else "traveling_wave"}
    phase, kicks, has_body = a.number("PHASE"), a.integer("N_KICKS"), a.number("L") > 0 and a.number("VOLT") != 0
    if has_body and kicks <= 0:
        values["tracking_method"] = MATRIX
    if a.integer("CHANGE_P0") or here.always_change_p0:
        return a.make("LCavity", phi0=(phase - 90) / 360, n_rf_steps=max(STEPS, kicks), field_calc="custom", **values)
    if values["voltage"] and abs(sin(phase / 180 * pi)) > GAIN:
        here.has_own_gain = True
    if has_body and kicks > 0:
        values |= _kicked(a, kicks, focuses=is_standing or any(ends))
    return a.make("RFCavity", phi0=0.5 - phase / 360, **values)


def _kicked(a: Attributes, kicks: int, *, focuses: bool) -> dict[str, Any]:
    """Return how a cavity with kicks is tracked that leaves the reference momentum alone."""
    if focuses:
        return {"tracking_method": focusing(kicks), "n_cell": ceil(2 * a.number("L") * a.number("FREQ") / C_LIGHT)}
    return {} if kicks == STEPS else {"tracking_method": BmadStandard(num_steps=kicks)}


def _check(a: Attributes) -> None:
    if a.number("Q") > 0:
        a.physics("Q", a.number("Q"), "a constant voltage")
    if a.number("T_REFERENCE") != -1:
        a.physics("T_REFERENCE", a.number("T_REFERENCE"), "phased for the reference particle")
    if a.integer("LINEARIZE"):
        a.physics("LINEARIZE", 1, "the whole wave")


def deflector(a: Attributes, here: Surroundings) -> Element:
    """RFDF: a particle is kicked by ``VOLTAGE cos(PHASE + 2 pi FREQUENCY t)``, along x unless tilted."""
    values: dict[str, Any] = {"voltage": a.number("VOLTAGE") * (1 + a.number("FSE")), "rf_frequency": a.number("FREQUENCY")}
    values["phi0"] = 0.25 - a.number("PHASE") / 360
    if a.integer("STANDING_WAVE"):
        a.physics("STANDING_WAVE", 1, "a traveling wave")
    if a.integer("N_KICKS") > 0:
        values["tracking_method"] = BmadStandard(num_steps=a.integer("N_KICKS"))
    return a.make("CrabCavity", **values, **a.placed())
