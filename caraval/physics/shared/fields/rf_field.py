"""The field of a cavity: where it is, and what it does, in numbers for the routines."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any, NamedTuple

from caraval.core.arrays import namespace
from caraval.core.reference import C_LIGHT, Reference

from ...drift import mass2
from ..multipoles import Kick
from ..rf.kicks import GainConstants, Lens
from ..special import quotient

ALMOST = 1e-9
"""Length [m] by which the active part falls short of a cavity without frequency or with a field map, as in Bmad."""


def of_energy(reference: Reference, energy: Any) -> Reference:
    """Return the reference with an energy between such as have been checked, at any place."""
    mass = reference.species.mass
    p0c = namespace(energy).sqrt((energy - mass) * (energy + mass))
    return Reference.tree_unflatten(reference.species, (p0c, reference.s, reference.t))


class Active(NamedTuple):
    """Length of the active part and of the pipe before and after it [m], field over charge in it [V/m], wave number [1/m]."""

    length: Any
    pipe: Any
    field: Any
    wave_number: Any


def active(cavity: Any, xp: Any) -> Active:
    """Return the active part: as many half wavelengths as there are cells, or as fit (Bmad manual, "Lcavity")."""
    length, frequency = cavity.length, cavity.rf_frequency
    half_wave = quotient(C_LIGHT, 2 * frequency, xp)
    cells = 1.0 * cavity.n_cell
    if cavity.n_cell < 0 or cavity.cells_are_whole:
        fitting = xp.floor(quotient(length, half_wave, xp))
        cells = fitting if cavity.n_cell < 0 else xp.minimum(cells, 1.0 * fitting)
    inside = length - ALMOST
    if not cavity.is_filled():
        inside = xp.where(frequency == 0, inside, xp.minimum(cells * half_wave, 1.0 * length))
    inside = xp.maximum(inside, 0.0)
    return Active(inside, (length - inside) / 2, quotient(cavity.total_voltage, inside, xp), 2 * pi * frequency / C_LIGHT)


def has_ends(cavity: Any) -> tuple[bool, bool]:
    """Return whether there is something where the field begins, and where it ends."""
    has = cavity.fringe_type != "none"
    return has and cavity.fringe_at in ("entrance_end", "both_ends"), has and cavity.fringe_at in ("exit_end", "both_ends")


def gained(cavity: Any, before: Reference, after: Reference, share: Any, xp: Any) -> GainConstants:
    """Return the kick in energy of a share of the voltage, from one reference to another."""
    voltage, phase = cavity.total_voltage * share, cavity.phase
    cosine = xp.cos(phase)
    excess = (voltage * cosine - (after.energy - before.energy)) / before.p0c
    return GainConstants(
        voltage / before.p0c, cosine, xp.sin(phase), 2 * pi * cavity.rf_frequency / C_LIGHT, excess,
        before.p0c / after.p0c, mass2(before), mass2(after), before.energy / before.p0c, after.energy / after.p0c,
    )  # fmt: skip


def lens(cavity: Any, part: Active, side: Any, here: Reference, xp: Any) -> Lens:
    """Return the focusing at an end of the field; `side` is its sign."""
    strength = 0.5 * side * part.field / here.p0c
    return Lens(strength, xp.cos(cavity.phase), xp.sin(cavity.phase), part.wave_number, mass2(here))


def backward(part: Active, here: Reference) -> Any:
    """Return the focusing of the backward wave over the active part [1/m] (Rosenzweig and Serafini, PRE 49, 1599)."""
    return part.length * (part.field / here.p0c) ** 2 / 8


def scaled(found: Mapping[int, tuple[Any, Any]], size: int, weight: Any) -> Kick:
    """Return the kick of a share of multipoles."""
    pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
    return Kick(tuple(b * weight for _, b in pairs), tuple(a * weight for a, _ in pairs))
