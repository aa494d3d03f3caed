"""What bends the orbit, and with it makes particles radiate: where in a magnet to look, and the curvature there.

(Bmad manual, "Synchrotron Radiation Integrals".)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, pi
from typing import Any, NamedTuple

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import is_number, is_zero, namespace
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.methods import KickDriftKick
from caraval.core.reference import Reference
from caraval.core.registry import value_of
from caraval.physics.hkicker import HKicker
from caraval.physics.kicker import Kicker
from caraval.physics.quadrupole import Quadrupole
from caraval.physics.sad_mult import SadMult
from caraval.physics.sbend import SBend
from caraval.physics.sol_quad import SolQuad
from caraval.physics.vkicker import VKicker
from caraval.physics.wiggler import Wiggler

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
    s : number
        From its entrance [m].
    weight : number
        In integrals [m].
    around : number
        How far before and after it the orbit is to be known, too; zero: it need not be [m].
    """

    s: Any
    weight: Any
    around: Any = 0.0

    @property
    def edges(self) -> tuple[Any, ...]:
        """Where to cut the magnet [m]."""
        return (self.s,) if is_zero(self.around) else (self.s - self.around, self.s, self.s + self.around)


class Bent(NamedTuple):
    """What bends the orbit at a look: numbers, or arrays of all looks ``(..., looks)``.

    Attributes
    ----------
    weight : number
        In integrals [m].
    x, y : number
        The curvature on the axis [1/m], from its centre.
    k1 : number
        The gradient [1/m^2].
    feels : number
        The same, if the orbit's distance from the axis counts; zero where the curvature is measured.
    cosine, sine : number
        Of the angle by which the magnet is turned.
    x_offset, y_offset : number
        Of its axis [m].
    across : number
        Twice the length over which the change of the momenta is measured [m]; infinite where it is not.
    """

    weight: Any
    x: Any
    y: Any
    k1: Any
    feels: Any
    cosine: Any
    sine: Any
    x_offset: Any
    y_offset: Any
    across: Any = float("inf")

    def curvature(self, orbit: tuple[Any, Any], steps: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return the curvature of an orbit [1/m], along x and y.

        Parameters
        ----------
        orbit : two numbers
            x and y [m].
        steps : two numbers
            Changes of px and py.
        """
        x, y = self._quadrupole((orbit[0] - self.x_offset, orbit[1] - self.y_offset))
        return self.x + self.feels * x - steps[0] / self.across, self.y + self.feels * y - steps[1] / self.across

    def gradient(self, bend: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return the gradient of the square of a curvature [1/m^3]."""
        x, y = self._quadrupole(bend)
        return 2 * self.k1 * x, 2 * self.k1 * y

    def _quadrupole(self, vector: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return a vector as a quadrupole of unit strength bends the orbit there."""
        along = self.cosine * vector[0] + self.sine * vector[1]
        aside = self.cosine * vector[1] - self.sine * vector[0]
        return along * self.cosine + aside * self.sine, along * self.sine - aside * self.cosine


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
        self.xp = namespace(*magnet.parameter_values(), reference.p0c)
        self.cosine, self.sine = self.xp.cos(magnet.plane), self.xp.sin(magnet.plane)
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
            Look(a + (b - a) * float(1 + node) / 2, float(weight) * (b - a) / 2, around)
            for a, b in pairwise(edges)
            for node, weight in zip(NODES, WEIGHTS, strict=True)
        ]

    def at(self, look: Look) -> Bent:
        """Return what bends the orbit at a look."""
        magnet, c, s = self.magnet, self.cosine, self.sine
        k1 = getattr(magnet, "k1", 0.0)
        turned = c, s, magnet.x_offset, magnet.y_offset
        if isinstance(magnet, Wiggler):
            phase, field = self._phase(look.s), self._field()
            along, across = field * self.xp.cos(phase), field * self.xp.sin(phase) if magnet.is_helical() else 0.0
            return Bent(look.weight, along * c - across * s, along * s + across * c, k1, 0.0, *turned)
        if not is_zero(look.around):
            return Bent(look.weight, magnet.g * c, magnet.g * s, k1, 0.0, *turned, 2 * look.around)
        g = magnet.g + getattr(magnet, "dg", 0.0)
        return Bent(look.weight, g * c, g * s, k1, k1, *turned)

    def wiggled(self) -> tuple[Any, Any, Any, Any]:
        """Return the first integrals (of ``g``, ``g . eta``, ``g^2``, ``|g|^3``) of the wiggling beside a mean motion."""
        magnet, g = self.magnet, abs(self._field())
        length, wave = magnet.length, g * magnet.reduced_period(self.xp)
        if magnet.is_helical():
            return length * g, -length * wave**2, length * g**2, length * g**3
        return length * 2 * g / pi, -length * wave**2 / 2, length * g**2 / 2, length * 4 * g**3 / (3 * pi)

    def _field(self) -> Any:
        return self.magnet.polarity * self.magnet.g_max * self.charge

    def _phase(self, s: Any) -> Any:
        """Return the phase of the field of a wiggler, which is zero in the middle of the whole."""
        start = self.magnet.slice_start or 0.0
        whole = self.magnet.length if self.magnet.slice_of is None else self.magnet.slice_of
        return (start + s - whole / 2) / self.magnet.reduced_period(self.xp)

    def _quarters(self) -> list[Any]:
        """Return where the field of a wiggler changes its sign or is largest [m]."""
        length, start = self.magnet.length, self._phase(0.0)
        first, last = sorted(known(self._phase(s), self.magnet) / (pi / 2) for s in (0.0, length))
        reduced = self.magnet.reduced_period(self.xp)
        found = [(n * pi / 2 - start) * reduced for n in range(floor(first) + 1, ceil(last))]
        return sorted(
            (s for s in found if APART < known(s / length, self.magnet) < 1 - APART), key=lambda s: known(s, self.magnet)
        )


def known(value: Any, magnet: Element) -> float:
    """Return the value of a number that decides where to look.

    Raises
    ------
    InputError
        If a trace hides it, or it is a batch.
    """
    found = value_of(value)
    if found is None or np.ndim(found):
        raise InputError(f"{magnet.label}: where to look at a wiggler depends on values that are hidden by a trace, or a batch")
    return float(found)


def bends(magnet: Any, orbits: Sequence[tuple[Any, Any]]) -> bool:
    """Whether a magnet bends the orbit, which has these x and y at its ends.

    Those do that Bmad counts: bends, wigglers, correctors, whatever has `hkick` or `vkick`, and quadrupoles off their axis.
    """
    if not (magnet.is_on and _may_be(magnet.length)):
        return False
    if isinstance(magnet, SBend):
        return _may_be(magnet.g + magnet.dg) or _is_measured(magnet)
    if isinstance(magnet, Wiggler):
        return _may_be(magnet.g_max) and _may_be(magnet.reduced_period(scalar if is_number(magnet.length) else np))
    if _is_measured(magnet):
        return True
    aside = (magnet.x_offset, magnet.y_offset, *(value for orbit in orbits for value in orbit))
    return isinstance(magnet, Quadrupole) and _may_be(magnet.k1) and any(_may_be(value, ASIDE) for value in aside)


def _may_be(value: Any, more_than: float = 0.0) -> bool:
    """Whether a number may be larger than something; of arrays whether one is, and it may if a trace hides them."""
    found = value_of(value)
    return found is None or bool(np.any(np.abs(found) > more_than))


def _is_measured(magnet: Element) -> bool:
    """Whether the curvature is that of the orbit as it is tracked."""
    if isinstance(magnet, Wiggler):
        return False
    if isinstance(magnet, MEASURED):
        return True
    return not all(is_zero(getattr(magnet, name, None)) for name in ("hkick", "vkick", "a0", "b0"))
