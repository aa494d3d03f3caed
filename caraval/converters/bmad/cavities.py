"""What elements are told by the whole line: the frequency that a harmonic number means, and how time counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from caraval.core.arrays import is_zero
from caraval.core.element import Element as CaravalElement
from caraval.core.plan import reference_pass
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.registry import registry
from caraval.physics.shared.rf.cavity import Cavity, CoupledCavity

from .definitions import Branch, Element, Setting

log = logging.getLogger("caraval")

HARMONIC = ("harmon", "harmon_master")
"""Attributes by which the frequency is a multiple of that of a turn."""


def told(
    branch: Branch, elements: Sequence[CaravalElement], reference: Reference, absolute: Setting | None, *, closed: bool
) -> list[CaravalElement]:
    """Return elements whose cavities know what the whole line says of them.

    Parameters
    ----------
    branch : Branch
        With the elements as the file has them.
    elements : sequence of Element
        The same in Caraval.
    reference : Reference
        At the beginning.
    absolute : Setting, optional
        Whether time is absolute.
    closed : bool
        Whether the line is a ring.

    Raises
    ------
    LatticeError
        If the line has no length.
    """
    out = list(elements)
    if any(is_harmonic(element) for element in branch.elements):
        length = sum(element.length for element in elements)
        references = reference_pass(registry(), elements, reference)
        for i, (said, element) in enumerate(zip(branch.elements, elements, strict=True)):
            if isinstance(element, Cavity) and is_harmonic(said):
                out[i] = _with_frequency(said, element, references[i], length)
    if absolute is None or not absolute.logical("absolute_time_tracking"):
        return out
    if closed and any(isinstance(element, Cavity) and element.rf_frequency for element in out):
        place = absolute.place
        log.warning("%s line %s: absolute time counts from the reference's arrival in each turn here", *place[:2])
    return [element.replace(absolute_time_tracking=True) if has_clock(element) else element for element in out]


def has_clock(element: CaravalElement) -> bool:
    """Whether it matters to an element if time is absolute, and Caraval knows how."""
    return isinstance(element, CoupledCavity) or not is_zero(getattr(element, "repetition_frequency", 0.0))


def is_harmonic(element: Element) -> bool:
    """Whether the frequency of an element follows from its harmonic number."""
    number, master = (element.settings.get(name) for name in ("harmon", "harmon_master"))
    if number is None or number.value == 0:
        return False
    return master is None or master.logical("harmon_master")


def _with_frequency(said: Element, element: CaravalElement, reference: Reference, length: float) -> CaravalElement:
    number = said.settings["harmon"]
    if length == 0:
        raise number.place.error(f"{said.label}: harmon says nothing in a line without length; give rf_frequency")
    metadata = {name: value for name, value in element.metadata.items() if name not in HARMONIC}
    turns = reference.beta * C_LIGHT / length
    return element.replace(rf_frequency=number.number("harmon") * turns, metadata=metadata)
