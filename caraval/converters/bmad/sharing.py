"""Which class a piece of the line has that several elements share (Bmad manual, "Superposition Fundamentals")."""

from __future__ import annotations

from .definitions import Element
from .vocabulary import BENDS

FIELD = "em_field"
"""The class of what no other class can be; its field is integrated."""

EMPTY = ("drift", "pipe")
"""Classes that give way to all others, the former to the latter."""

HOUSINGS = ("ecollimator", "rcollimator", "monitor", "instrument")
"""Classes that give way to what has a field."""

MINOR = ("pipe", *HOUSINGS)
"""Classes that bring nothing along but their apertures and kicks."""

KICKERS = ("kicker", "hkicker", "vkicker")
"""Classes whose kick any magnet may have in addition."""

SOLENOIDAL = ("quadrupole", "solenoid", "sol_quad")
"""Classes that are a `sol_quad` together."""

ALONE = (
    "overlay", "group", "ramper", "girder", "taylor", "match", "patch", "fiducial", "floor_shift", "multipole",
    "ab_multipole",
)  # fmt: skip
"""Classes whose elements share their place with nothing."""

UNLIKE = ("rfcavity", "lcavity", "wiggler", "undulator", FIELD)
"""Classes of which even two together are of no class but that of any field."""

MISALIGNMENTS = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch")
"""Attributes that move an element out of line with others."""


def is_misaligned(element: Element) -> bool:
    """Whether an element stands out of line."""
    return any(element.settings[name].value != 0 for name in MISALIGNMENTS if name in element.settings)


def keyword(below: str, above: str, *, misaligned: bool) -> str | None:
    """Return the class of a piece that two share; None: they cannot.

    Parameters
    ----------
    below : str
        Class of what is there.
    above : str
        Class of what is put upon it.
    misaligned : bool
        Whether one stands out of line with the other.
    """
    both = (below, above)
    if any(word in ALONE for word in both):
        return None
    if any(word in EMPTY for word in both):
        return _stronger(below, above, EMPTY)
    if any(word in (*BENDS, "rf_bend") for word in both):
        return None
    if misaligned:
        return FIELD
    if below == above:
        return FIELD if below in UNLIKE else below
    if any(word in HOUSINGS for word in both):
        return above if below in HOUSINGS else below
    if all(word in KICKERS for word in both):
        return "kicker"
    if any(word in KICKERS for word in both):
        return above if below in KICKERS else below
    return "sol_quad" if all(word in SOLENOIDAL for word in both) else FIELD


def main(keyword: str, elements: list[Element]) -> Element:
    """Return the element from which a slave of some class has its attributes."""
    same = (element for element in elements if element.keyword == keyword)
    major = (element for element in elements if element.keyword not in MINOR)
    return next(same, None) or next(major, elements[0])


def _stronger(below: str, above: str, order: tuple[str, ...]) -> str:
    """Return the class that comes later in an order of yielding; those that are not in it do not yield."""
    rank = {word: number for number, word in enumerate(order)}
    return below if rank.get(below, len(order)) > rank.get(above, len(order)) else above
