"""Particles as files have them: in SI units and eV/c, each with its own place and time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

SAME = 1e-12
"""Offsets that differ relatively by less than this are one: Bmad writes reference times with their rounding."""

Array = np.ndarray[Any, np.dtype[Any]]


class Bunch(NamedTuple):
    """What a file says of its particles, arrays (n,): lengths in m, momenta in eV/c, times in s; None where it is silent.

    Attributes
    ----------
    x, y, z, px, py, pz : array
    time : array
        Relative to `time_offset`.
    time_offset : array, optional
        Time of the reference particle.
    excess : array, optional
        Total momentum less `p0c`.
    p0c : array, optional
        Reference momentum.
    s : array, optional
        Place in the line.
    charge : array
        Of each macro-particle [C].
    alive : array of bool
    """

    x: Array
    y: Array
    z: Array
    px: Array
    py: Array
    pz: Array
    time: Array
    time_offset: Array | None
    excess: Array | None
    p0c: Array | None
    s: Array | None
    charge: Array
    alive: Array

    def momentum(self) -> Array:
        """Total momentum."""
        total: Array = np.sqrt(self.px**2 + self.py**2 + self.pz**2)
        return total

    def counted(self) -> Array:
        """Which particles make the reference: the living, or all where none is alive."""
        return self.alive if self.alive.any() else np.ones_like(self.alive)

    def mean(self, values: Array) -> float:
        """Mean over those that count, weighted by charge, unless they have none."""
        counted = self.counted()
        weight = self.charge[counted]
        return float(np.average(values[counted], weights=weight if weight.any() else None))

    def common(self, values: Array | None) -> float | None:
        """Return the value that all who count share, or None."""
        if values is None:
            return None
        counted = values[self.counted()]
        return float(counted[0]) if np.ptp(counted) <= SAME * abs(counted[0]) else None
