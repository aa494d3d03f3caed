"""Electric multipoles in a bend, as Maxwell has them there (Bmad manual, "Exact Multipole Fields").

On the midplane ``E_x = sum b_n x^n`` and ``E_y = sum a_n x^n``; off it the potential phi obeys
``h (phi_xx + phi_yy) = -g phi_x`` with ``h = 1 + g x``. Multipoles that are pure off the plane are McMillan's functions, with
the roles of normal and skew ones exchanged against magnetic multipoles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from .. import drift
from .curvilinear import BEYOND_MAIN, CurvedKick, Rows, gradient, gradient_of, off_midplane, polynomial, vertically_pure
from .electric import Model, gained, kicked, strengths, time_in_bend


class CurvedElectricKick(NamedTuple):
    """Gradient of the potential, integrated, over the reference momentum; ``(m c / P0)^2``; the design curvature [1/m]."""

    slope: CurvedKick
    mass2: Any
    g: Any


def curved_electric_kick(c: CurvedElectricKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick for as long as the particle takes."""
    along_x, along_y = gradient(c.slope, q)
    time = time_in_bend(c, q, xp)
    return kicked(-time * along_x, -time * along_y, c.mass2, q, xp)


class CurvedElectricEdge(NamedTuple):
    """Coefficients of the energy gained over the reference momentum: of what is even in y, and of what is odd, over y."""

    even: Rows
    odd: Rows
    mass2: Any


def curved_electric_edge(c: CurvedElectricEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Pass the potential at an edge."""
    y2 = q.y * q.y
    return gained(polynomial(c.even, q.x, y2) + q.y * polynomial(c.odd, q.x, y2), c.mass2, q, xp)


def _potential(bend: Any, size: int, reference: Reference, xp: Any) -> tuple[dict[tuple[int, int], Any], int]:
    """Return the coefficients of ``x^i y^j`` in the potential over the reference momentum [1/m], and their degree."""
    found = strengths(bend, reference, xp)
    a, b = zip(*(found.get(n, (0.0, 0.0)) for n in range(size)), strict=True)
    if bend.exact_multipoles == "vertically_pure":
        a, b = vertically_pure(a, b, bend.g)
    c = {(n + 1, 0): -b[n] / (n + 1) for n in range(len(b))} | {(n, 1): -a[n] for n in range(len(a))}
    degree = size + BEYOND_MAIN
    return off_midplane(c, bend.g, degree, magnetic=False), degree


def kick(size: int, weight: float) -> Routine:
    """Return the kick of a share of the length by multipoles below an order."""

    def prepare(bend: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> CurvedElectricKick:
        c, degree = _potential(bend, size, reference_in, xp)
        length = bend.length * weight
        slope = gradient_of({key: value * length for key, value in c.items()}, degree)
        return CurvedElectricKick(slope, drift.mass2(reference_in), bend.g)

    return Routine(track=curved_electric_kick, prepare=prepare)


def edge(size: int, side: int) -> Routine:
    """Return the edge on a side of multipoles below an order."""

    def prepare(bend: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> CurvedElectricEdge:
        c, degree = _potential(bend, size, reference_in, xp)
        even, odd = (
            tuple(tuple(-side * c.get((i, j), 0.0) for i in range(degree + 1)) for j in range(first, degree + 1, 2))
            for first in (0, 1)
        )
        return CurvedElectricEdge(even, odd, drift.mass2(reference_in))

    return Routine(track=curved_electric_edge, prepare=prepare, undo=_undo_edge)


def _undo_edge(c: CurvedElectricEdge) -> CurvedElectricEdge:
    even, odd = (tuple(tuple(-v for v in row) for row in part) for part in (c.even, c.odd))
    return CurvedElectricEdge(even, odd, c.mass2)


EXACT = Model(kick, edge)
"""Fields that obey Maxwell's equations in the bend."""
