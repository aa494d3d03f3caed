"""Radiation along the elements of a lattice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.routine import Routine, Step, embraced
from caraval.physics.sbend import SBend
from caraval.physics.shared.emission import EFFECT, radiating
from caraval.physics.shared.multipoles import Kicked, present
from caraval.physics.wiggler import Wiggler

from .bends import halves_of_bend
from .magnets import half_of_magnet


def with_radiation(lattice: Lattice, where: Any = None, scale: float = 1.0) -> Lattice:
    """Return the lattice with the mean loss of energy by synchrotron radiation in its magnets.

    Bends count with their gradients and pole faces, all other magnets by the field of their multipoles and kicks at the
    particle. What solenoids and the edges of magnets bend is left out, and so is the spread of what is radiated.

    Parameters
    ----------
    lattice : Lattice
    where : str or callable, optional
        Which elements: an element kind, a name pattern, or a predicate of the element; all magnets, if left out.
    scale : float
        Factor of the energy that is lost, for instance to damp in fewer turns.

    Raises
    ------
    InputError
        If there is a wiggler among them, whose radiation is not understood here, or `scale` cannot be used.
    """
    if not is_number(scale) or not 0 <= scale < float("inf"):
        raise InputError(f"with_radiation: scale must be a number of zero or more, not {scale!r}")
    elements = list(lattice.elements)
    for place in lattice.places(where):
        element = elements[place]
        if isinstance(element, Wiggler) and element.is_on:
            raise InputError(f"{element.label}: the radiation of wigglers is not understood; leave it out with where=...")
        elements[place] = radiating(element, float(scale))
    return lattice.replace(elements=elements)


def wrap(element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    """Put half of what an element that radiates loses before it, and half after."""
    if EFFECT not in element.effects:
        return steps
    halves = _halves(element)
    return embraced(steps, *halves) if halves else steps


def _halves(element: Any) -> tuple[Routine, Routine] | None:
    """Return what happens before and after an element; None if it does not radiate."""
    if not (isinstance(element, Kicked) and element.is_on):
        return None
    if isinstance(element, SBend):
        return halves_of_bend()
    orders = present(element)
    return (half_of_magnet(max(orders)),) * 2 if orders else None
