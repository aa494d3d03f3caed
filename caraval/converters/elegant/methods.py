"""Tracking methods: elegant's matrices are tracked by Bmad's closed forms, its symplectic integrators by ours."""

from __future__ import annotations

from math import ceil
from typing import Literal, cast

from caraval.core.methods import KickDriftKick

from .attributes import Attributes

ORDERS = (2, 4, 6)

BENDS = ("CSBEND", "CSRCSBEND", "KSBEND", "CCBEND")
"""Types that have the dipole among the kicks."""


def integrator(a: Attributes) -> KickDriftKick:
    """Return the integrator of an element that is tracked with kicks (in elegant, the types with a K, and `CSBEND`).

    `N_KICKS`, where the type has it in its own right, is a number of kicks, of which the higher orders make several in a slice.
    """
    order = a.integer("INTEGRATION_ORDER") if "INTEGRATION_ORDER" in a.element.type.parameters else 4
    if order not in ORDERS:
        a.physics("INTEGRATION_ORDER", order, "order 4")
        order = 4
    kicks = 0 if "N_KICKS" in a.element.type.same else a.integer("N_KICKS")
    slices = a.integer("N_SLICES") if kicks <= 0 else ceil(kicks / order) if order > 2 else kicks
    if slices < 1:
        raise a.element.place.error(f"{a.element.label}: N_SLICES must be positive, not {slices}")
    return KickDriftKick(order=cast(Literal[2, 4, 6], order), num_steps=slices, split=split_of(a.element.type.name))


def split_of(type: str) -> Literal["drift", "free"]:
    """Return what elements of a type solve exactly between their kicks."""
    return "free" if type in BENDS else "drift"
