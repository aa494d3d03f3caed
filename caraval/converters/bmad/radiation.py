"""Radiation: switches of the lattice in Bmad, an effect of elements here (Bmad manual, "Radiation Damping and Excitation").

Bmad's particles radiate as on the axis, to first order about it: in bends, and nowhere else but in wigglers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.physics.sbend import SBend
from caraval.physics.shared.emission import EFFECT, radiating
from caraval.physics.wiggler import Wiggler

from .definitions import Settings

SWITCHES = ("radiation_damping_on", "synch_rad_scale")
"""What is said by the effect in elements."""


def told(switches: Settings, elements: list[Element], losses: Losses) -> list[Element]:
    """Return elements that radiate if the switches say so."""
    damping = switches.get("radiation_damping_on")
    if damping is None or not damping.logical("radiation_damping_on"):
        return elements
    scale = switches.get("synch_rad_scale")
    factor = 1.0 if scale is None else scale.number("synch_rad_scale")
    average = switches.get("radiation_zero_average")
    if average is not None and average.logical("radiation_zero_average"):
        losses.physics("bmad_com", "radiation_zero_average", True, "what is lost on average is lost", place=average.place)
    for element in elements:
        if isinstance(element, Wiggler):
            losses.note(element.name, "radiation_damping_on", True, "a wiggler that does not radiate", place=damping.place)
    known: dict[int, Element] = {}
    for element in elements:
        if isinstance(element, SBend) and id(element) not in known:
            known[id(element)] = radiating(element, factor)
    return [known.get(id(element), element) for element in elements]


def said(elements: Sequence[Element], losses: Losses) -> Iterator[str]:
    """Return the statements for elements that radiate, and report what they do not say."""
    scales = {element.effects[EFFECT].get("scale", 1.0) for element in elements if EFFECT in element.effects}
    if not scales:
        return
    scale = max(scales)
    for element in elements:
        own = element.effects[EFFECT].get("scale", 1.0) if EFFECT in element.effects else 0.0
        expected = scale if isinstance(element, SBend) and element.length else 0.0
        if own != expected:
            losses.physics(element.name, EFFECT, own, f"{expected:g}, as Bmad has it for all bends alike and for them alone")
    yield "bmad_com[radiation_damping_on] = T"
    if scale != 1:
        yield f"bmad_com[synch_rad_scale] = {scale!r}"


def unsaid(effects: Mapping[str, Any]) -> dict[str, Any]:
    """Return the effects of an element that no switch says."""
    return {name: options for name, options in effects.items() if name != EFFECT}
