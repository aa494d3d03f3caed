"""Synchrotron radiation of every particle by itself: the energy that it loses on average, by which rings damp.

``lattice.with_radiation()`` gives magnets the effect, whatever their tracking method: a particle loses half of what it
radiates in a magnet just before and half just after it, in the magnet's own frame (Bmad manual, "Radiation Damping and
Excitation"). In bends each half is what all places along the half add up to, to first order in the coordinates. In other
magnets it is what the field at the particle makes it lose, to all orders in the coordinates and to second in the length; long
ones are better taken in slices (`num_slices`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from caraval.core.hookspecs import hookimpl
from caraval.physics.shared.emission import EFFECT

from .along import with_radiation, wrap

__all__ = ["with_radiation"]


@hookimpl
def register_effects() -> dict[str, Callable[..., Any]]:
    """``lattice.with_radiation(...)``."""
    return {EFFECT: with_radiation}


@hookimpl(trylast=True)  # which comes first in the list: misalignment goes around what is lost inside
def plan_steps() -> list[Any]:
    """Losses at both ends of the magnets that radiate."""
    return [wrap]
