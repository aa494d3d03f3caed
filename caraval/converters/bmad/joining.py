"""Elements that follow each other as one (Bmad manual, "Combine_Consecutive_Elements Statement")."""

from __future__ import annotations

from .definitions import Element, Setting
from .vocabulary import BENDS

LENGTHS = ("l", "l_arc", "l_chord", "l_rectangle")

INTEGRATED = (
    *LENGTHS, "angle", "hkick", "vkick", "kick", "bl_hkick", "bl_vkick", "bl_kick", "voltage", "voltage_err", "e_loss",
    "n_period", "n_cell",
)  # fmt: skip
"""Attributes that add up along an element."""

FACES = {"e1": "e2", "fint": "fintx", "hgap": "hgapx", "h1": "h2"}
"""Attributes of the two ends of a bend; those of the inner ends vanish."""


def joined(first: Element, second: Element) -> Element | None:
    """Return two elements of the same name as one; None if they are not alike, or have no length."""
    alike = (first.name, first.keyword, first.reversed) == (second.name, second.keyword, second.reversed)
    ends = FACES.keys() | FACES.values() if first.keyword in BENDS else set()
    added = set(INTEGRATED) & first.settings.keys()
    if not alike or first.settings.keys() - ends != second.settings.keys() - ends or not added & {*LENGTHS}:
        return None
    for name, setting in first.settings.items():
        if name not in (*INTEGRATED, *ends) and setting.value != second.settings[name].value:
            return None
    found = first.copy(first.name)
    for name in added:
        total = first.settings[name].number(name) + second.settings[name].number(name)
        found.settings[name] = Setting(total, first.settings[name].place)
    for name in FACES.values() if ends else ():
        found.settings.pop(name, None)
        if name in second.settings:
            found.settings[name] = second.settings[name]
    return found
