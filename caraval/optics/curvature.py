"""What bends the orbit, and with it makes particles radiate: where in a magnet to look, and the curvature there.

(Bmad manual, "Synchrotron Radiation Integrals".)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, cos, floor, pi, sin
from typing import Any, NamedTuple

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.methods import KickDriftKick
from caraval.core.reference import Reference
from caraval.physics.hkicker import HKicker
from caraval.physics.kicker import Kicker
from caraval.physics.quadrupole import Quadrupole
from caraval.physics.sad_mult import SadMult
from caraval.physics.sbend import SBend
from caraval.physics.sol_quad import SolQuad
from caraval.physics.vkicker import VKicker
from caraval.physics.wiggler import Wiggler

from .table import Table

NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
"""Of Gauss and Legendre's quadrature: to 1e-9 in bends of a tenth of a radian, and over a quarter of a period of a wiggler."""

ASIDE = 1e-12
"""An orbit nearer to the axis of a quadrupole [m] than this is on it."""

SHARE = 1e-4
"""Of a magnet, about the places where the curvature is measured: its error is of second order, 1e-8 of its change."""

APART = 1e-9
"""Of a wiggler: a crest of its field that is nearer than this to an end is there but for rounding errors."""

MEASURED = (Kicker, HKicker, VKicker, SolQuad, SadMult)
"""Kinds of which the curvature is that of the orbit as it is tracked; the others have it in closed form, unless they kick."""


class Look(NamedTuple):
    """A place in a magnet where it is looked at.

    Attributes
    ----------
    s : float
        From its entrance [m].
    weight : float
        In integrals [m].
    around : float
        How far before and after it the orbit is to be known, too; zero: it need not be [m].
    """

    s: float
    weight: float
    around: float = 0.0

    @property
    def edges(self) -> tuple[float, ...]:
        """Where to cut the magnet [m]."""
        return (self.s - self.around, self.s, self.s + self.around) if self.around else (self.s,)


class Bending:
    """A magnet that bends the orbit.

    Parameters
    ----------
    magnet : Element
        In normalised strengths, as the particles see it.
    reference : Reference
        At its entrance.
    """

    def __init__(self, magnet: Any, reference: Reference) -> None:
        self.magnet = magnet
        c, s = cos(magnet.plane), sin(magnet.plane)
        self.axes = np.array([c, s]), np.array([-s, c])
        self.k1 = float(getattr(magnet, "k1", None) or 0.0)
        self.charge = reference.species.charge

    @property
    def is_mean(self) -> bool:
        """Whether the motion is one in the mean over periods, beside which particles wiggle."""
        return isinstance(self.magnet, Wiggler) and not isinstance(self.magnet.tracking_method, KickDriftKick)

    @property
    def looks(self) -> list[Look]:
        """Where to look."""
        length = self.magnet.length
        edges = [0.0, length]
        if isinstance(self.magnet, Wiggler):
            edges = [0.0, *self._quarters(), length]
        around = SHARE * length if _is_measured(self.magnet) else 0.0
        return [
            Look(float(a + (b - a) * (1 + node) / 2), float(weight * (b - a) / 2), around)
            for a, b in pairwise(edges)
            for node, weight in zip(NODES, WEIGHTS, strict=True)
        ]

    def curvature(self, look: Look, table: Table, row: int) -> np.ndarray:
        """Return the curvature of the orbit at a row of a table [1/m], from the centre of curvature, along x and y."""
        magnet = self.magnet
        design = (magnet.g + getattr(magnet, "dg", 0.0)) * self.axes[0]
        if isinstance(magnet, Wiggler):
            phase = self._phase(look.s)
            across = sin(phase) if magnet.is_helical() else 0.0
            return self._field() * (cos(phase) * self.axes[0] + across * self.axes[1])
        if look.around:
            step = np.array([table[p][row + 1] - table[p][row - 1] for p in ("px", "py")])
            found: np.ndarray = magnet.g * self.axes[0] - step / (2 * look.around)
            return found
        orbit = np.array([table.x[row] - magnet.x_offset, table.y[row] - magnet.y_offset])
        bent: np.ndarray = design + self.k1 * ((self.axes[0] @ orbit) * self.axes[0] - (self.axes[1] @ orbit) * self.axes[1])
        return bent

    def gradient(self, curvature: np.ndarray) -> np.ndarray:
        """Return the gradient of the square of the curvature [1/m^3]."""
        along, across = self.axes
        slope: np.ndarray = 2 * self.k1 * ((along @ curvature) * along - (across @ curvature) * across)
        return slope

    def wiggled(self) -> tuple[float, float, float, float]:
        """Return the first integrals (of ``g``, ``g . eta``, ``g^2``, ``|g|^3``) of the wiggling beside a mean motion."""
        magnet, g = self.magnet, abs(self._field())
        length, wave = magnet.length, g * magnet.reduced_period(scalar)
        if magnet.is_helical():
            return length * g, -length * wave**2, length * g**2, length * g**3
        return length * 2 * g / pi, -length * wave**2 / 2, length * g**2 / 2, length * 4 * g**3 / (3 * pi)

    def _field(self) -> float:
        return float(self.magnet.polarity * self.magnet.g_max * self.charge)

    def _phase(self, s: float) -> float:
        """Return the phase of the field of a wiggler, which is zero in the middle of the whole."""
        start = self.magnet.slice_start or 0.0
        return float((start + s - (self.magnet.slice_of or self.magnet.length) / 2) / self.magnet.reduced_period(scalar))

    def _quarters(self) -> list[float]:
        """Return where the field of a wiggler changes its sign or is largest [m]."""
        first, last = sorted(self._phase(s) / (pi / 2) for s in (0.0, self.magnet.length))
        start, reduced = self._phase(0.0), self.magnet.reduced_period(scalar)
        found = sorted(float((n * pi / 2 - start) * reduced) for n in range(floor(first) + 1, ceil(last)))
        return [s for s in found if APART < s / self.magnet.length < 1 - APART]


def bends(magnet: Any, orbits: Sequence[tuple[Any, Any]]) -> bool:
    """Whether a magnet bends the orbit, which has these x and y at its ends.

    Those do that Bmad counts: bends, wigglers, correctors, whatever has `hkick` or `vkick`, and quadrupoles off their axis.
    """
    if not (magnet.is_on and magnet.length):
        return False
    if isinstance(magnet, SBend):
        return bool(magnet.g + magnet.dg) or _is_measured(magnet)
    if isinstance(magnet, Wiggler):
        return bool(magnet.g_max) and bool(magnet.reduced_period(scalar))
    if _is_measured(magnet):
        return True
    aside = max(abs(magnet.x_offset), abs(magnet.y_offset), *(abs(value) for orbit in orbits for value in orbit))
    return isinstance(magnet, Quadrupole) and bool(magnet.k1) and aside > ASIDE


def _is_measured(magnet: Element) -> bool:
    """Whether the curvature is that of the orbit as it is tracked."""
    if isinstance(magnet, Wiggler):
        return False
    if isinstance(magnet, MEASURED):
        return True
    return not all(is_zero(getattr(magnet, name, None)) for name in ("hkick", "vkick", "a0", "b0"))
