"""Space charge: the particles of a bunch push each other.

Particles in cells: their charge goes to the nodes of a grid that follows the bunch, in its rest frame, where the field is
that of charges at rest with nothing around them; every particle gets the push of the field where it is. Of a
:class:`MomentBeam`, which has no particles, the field is that of the uniform ellipsoid with the same second moments.

Two ways to have it: :class:`SpaceChargeKick` in a line by itself, and ``lattice.with_space_charge(every=0.02)``, which takes
every element in slices with half a kick at both of their ends.

What particles in the rest frame do to each other by moving there is left out, as are the walls of the beam pipe; in bends the
bunch is taken as straight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import caraval as cv

from .along import EFFECT, with_space_charge, wrap
from .element import SpaceChargeKick, steps

__all__ = ["SpaceChargeKick", "with_space_charge"]


@cv.hookimpl
def register_tracking_methods() -> dict[tuple[type[cv.Element], str], Any]:
    """The same kick whatever the method."""
    return {(SpaceChargeKick, "bmad_standard"): cv.Composite(steps), (SpaceChargeKick, "kick_drift_kick"): cv.Composite(steps)}


@cv.hookimpl
def register_effects() -> dict[str, Callable[..., Any]]:
    """``lattice.with_space_charge(...)``."""
    return {EFFECT: with_space_charge}


@cv.hookimpl
def plan_steps() -> list[Any]:
    """Kicks at both ends of the slices of elements with space charge."""
    return [wrap]
