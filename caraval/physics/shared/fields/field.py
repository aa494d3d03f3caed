"""What a field is to those who integrate the equations of motion in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from caraval.core.reference import Reference


@dataclass(frozen=True)
class Field:
    """The field of an element, over the rigidity of the reference [1/m].

    Attributes
    ----------
    value : callable
        ``(constants, q, xp) -> (b_x, b_y, b_s)``, or ``(e_x, e_y, e_s, b_x, b_y, b_s)`` if it is `electric`; `q` has in place
        of z how late a particle is. As the `track` of a :class:`Routine`.
    at : callable
        ``(element, place, reference, xp) -> constants`` of the field there: `place` counts from the entrance, in lengths of
        the element; `reference` is at the exit.
    varies : bool
        Whether it depends on the place.
    electric : bool
        Whether there is an electric field.
    follows_design : bool
        Whether the field that bends the reference is there besides.
    potential : callable, optional
        ``(constants, q, xp) -> (a_x, a_y)`` over the rigidity: the vector potential, where the field may end within it. The
        coordinates outside have canonical momenta, as Bmad has them there.
    """

    value: Callable[[Any, Any, Any], Any]
    at: Callable[[Any, float, Reference, Any], Any]
    varies: bool = False
    electric: bool = False
    follows_design: bool = False
    potential: Callable[[Any, Any, Any], Any] | None = None
