"""Space charge of a bunch of which only the moments are known: that of a uniform ellipsoid, which is linear.

Inside of an ellipsoid of charge Q, uniformly filled, with second moments S (its half axes squared are the eigenvalues of
A = 5 S), the field is ``Q / (4 pi eps0) M x`` with::

    M = 3/2 integral from 0 to infinity of (A + u)^-1 det(A + u)^-1/2 du

(O. D. Kellogg, Foundations of Potential Theory, VII.6.) In the ellipsoid's own axes those are Carlson's integrals R_D. The
bunch's rms motion depends on little else than its second moments (F. J. Sacherer, IEEE Trans. Nucl. Sci. 18, 1105, 1971).
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, device

import caraval as cv

NODES = 161
"""Of the trapezoidal rule in ln u, which converges like exp(-2 pi^2 / step)."""

TAILS = (1e-13, 1e9)
"""From where to where u goes, of the smallest and the largest axis squared: what is left out is 1e-13 of the integral."""

FLATTEST = 1e-14
"""Smallest second moment, of the largest: of a flat or a cold bunch the field is that of a very thin one."""


def form_factors(second: list[list[Any]]) -> list[list[Any]]:
    """Return M [1/m^3], symmetric, of the second moments (...) in three dimensions [m^2], symmetric."""
    xp = array_namespace(second[0][0])
    trace = second[0][0] + second[1][1] + second[2][2]
    floor = xp.where(trace > 0, FLATTEST * trace, xp.ones_like(trace))
    a = [[5 * (second[i][j] + (floor if i == j else 0.0)) for j in range(3)] for i in range(3)]
    _, determinant = _inverse(a)
    largest = a[0][0] + a[1][1] + a[2][2]
    start, end = xp.log(determinant / largest**2 * TAILS[0]), xp.log(largest * TAILS[1])
    numbers = xp.arange(NODES, dtype=trace.dtype, device=device(trace))
    step = (end - start) / (NODES - 1)
    u = xp.exp(start[..., None] + step[..., None] * numbers)
    inverse, determinant = _inverse([[a[i][j][..., None] + (u if i == j else 0.0) for j in range(3)] for i in range(3)])
    weight = 1.5 * step[..., None] * u / xp.sqrt(determinant)
    return [[xp.sum(inverse[i][j] * weight, axis=-1) for j in range(3)] for i in range(3)]


def _inverse(a: list[list[Any]]) -> tuple[list[list[Any]], Any]:
    """Return the inverse of a symmetric 3x3 matrix, and the determinant."""

    def minor(i: int, j: int) -> Any:
        r, s = [k for k in range(3) if k != i]
        p, q = [k for k in range(3) if k != j]
        return (-1) ** (i + j) * (a[r][p] * a[s][q] - a[r][q] * a[s][p])

    cofactors = [[minor(i, j) for j in range(3)] for i in range(3)]
    determinant = sum(a[0][j] * cofactors[0][j] for j in range(3))
    return [[cofactors[i][j] / determinant for j in range(3)] for i in range(3)], determinant


def kicked_moments(constants: tuple[Any], beam: cv.MomentBeam, backend: Any) -> cv.MomentBeam:
    """Return the moments after the push of a uniform ellipsoid along a length [m]."""
    from .kick import COULOMB  # which needs what is here

    xp, reference = array_namespace(beam.mean), beam.reference
    mass = reference.species.mass / reference.p0c
    momentum = 1 + beam.mean[..., 5]
    gamma = xp.sqrt(1 + (momentum / mass) ** 2)
    beta = momentum / (mass * gamma)
    # at one time, about the centre, in the rest frame
    scale = (xp.ones_like(gamma), xp.ones_like(gamma), gamma)
    second = [[scale[i] * scale[j] * beam.covariance[..., 2 * i, 2 * j] for j in range(3)] for i in range(3)]
    m = form_factors(second)
    push = COULOMB * abs(reference.species.charge) * beam.charge * constants[0] / (beta * reference.p0c)
    rows = [[push * m[i][j] * scale[j] / (1 if i == 2 else gamma) for j in range(3)] for i in range(3)]
    # in x', y' and s at the same time; z = -beta c (t - t_ref) goes with beta
    faster = beam.mean[..., 4] / (momentum * gamma**2)
    zero, one = xp.zeros_like(rows[0][0]), xp.ones_like(rows[0][0])
    matrix = [[one if i == j else zero for j in range(6)] for i in range(6)]
    for j in range(3):
        for i in range(3):
            matrix[2 * i + 1][2 * j] = rows[i][j]
        matrix[4][2 * j] = matrix[4][2 * j] + faster * rows[2][j]
    r = xp.stack([xp.stack(row, axis=-1) for row in matrix], axis=-2)
    covariance = r @ beam.covariance @ xp.matrix_transpose(r)
    return cv.MomentBeam(beam.mean, covariance, reference=reference, charge=beam.charge)


__all__ = ["form_factors", "kicked_moments"]
