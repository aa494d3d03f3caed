"""Losses in bends: what all places along half of a bend add up to at its end, to first order in the coordinates.

With ``T`` the matrix from the entrance to a place and ``d`` what is lost there, the first half adds up to the integral of
``T^-1 d T`` at the entrance, and the second one likewise at the exit (Bmad manual, "Transport Map with Radiation Included").
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from caraval.core import maps
from caraval.core.maps import LinearMap
from caraval.core.reference import Reference
from caraval.core.routine import Routine
from caraval.physics.sbend import SBend, linear
from caraval.physics.shared.emission import mean_loss_in
from caraval.physics.shared.special import quotient

NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)
"""Of Gauss and Legendre's quadrature along half a bend: to 1e-8 in bends of a radian."""

Side = Literal["entrance_end", "exit_end"]


@cache
def halves_of_bend() -> tuple[Routine, Routine]:
    """Return what is lost before and after a bend."""
    return _half("entrance_end"), _half("exit_end")


def _half(side: Side) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        return maps.constants(half_loss(bend, side, reference_in, xp), particles=False)

    return Routine(track=maps.track, prepare=prepare, dissipates=True)


def half_loss(bend: SBend, side: Side, reference: Reference, xp: Any) -> LinearMap:
    """Return the map that stands at one end of a bend for what is lost in the half next to it."""
    lost = _lost(bend, mean_loss_in(bend, reference), xp)
    matrix = [[float(i == j) for j in range(6)] for i in range(6)]
    offset = [0.0] * 6
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        to, back = _ways(bend, side, float(1 + node) / 4, reference, xp)
        there, length = to.then(lost).then(back), float(weight) / 4 * bend.length
        matrix = [[m + length * t for m, t in zip(*rows, strict=True)] for rows in zip(matrix, there.entries, strict=True)]
        offset = [o + length * t for o, t in zip(offset, there.shift, strict=True)]
    if bend.fringe_at in (side, "both_ends"):  # outside, a face that is turned outwards is met later, or left earlier
        matrix[5][0] = matrix[5][0] - lost.shift[5] * xp.tan(bend.e1 if side == "entrance_end" else bend.e2)
    return LinearMap.from_entries(matrix, offset)


def _lost(bend: SBend, loss: Any, xp: Any) -> LinearMap:
    """Return what momenta lose per length along the axis, as it depends on the coordinates."""
    found = bend.strengths(xp)
    (a0, b0), (a1, b1) = ([quotient(v, bend.length, xp) for v in found.get(n, (0.0, 0.0))] for n in (0, 1))
    gx, gy = bend.g + b0, -a0
    g2 = gx * gx + gy * gy
    # the path is longer on the outside, and the field another one
    along_x, along_y = bend.g * g2 + 2 * (gx * b1 - gy * a1), -2 * (gx * a1 + gy * b1)
    rate = -loss * g2
    matrix = [[0.0] * 6 for _ in range(6)]
    matrix[1][1] = matrix[3][3] = rate
    matrix[5] = [-loss * along_x, 0.0, -loss * along_y, 0.0, 0.0, 2 * rate]
    return LinearMap.from_entries(matrix, [0.0, 0.0, 0.0, 0.0, 0.0, rate])


def _ways(bend: SBend, side: Side, share: float, reference: Reference, xp: Any) -> tuple[LinearMap, LinearMap]:
    """Return the maps from an end of a bend to a place in it that is a share of its length away, and back."""
    edge = side if bend.fringe_at in (side, "both_ends") else "no_end"
    piece: Any = bend.with_values({"length": bend.length * share, "angle": bend.angle * share, "fringe_at": edge})
    forward = linear(piece, reference, reference, xp)
    m = forward.entries
    # the inverse of a symplectic matrix is -S m^T S
    backward = LinearMap.from_entries([[m[j ^ 1][i ^ 1] * (-1) ** (i + j) for j in range(6)] for i in range(6)])
    return (forward, backward) if side == "entrance_end" else (backward, forward)
