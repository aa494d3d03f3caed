"""The longitudinal mode of a ring: synchrotron tune, momentum compaction, phase slip."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, namespace
from caraval.core.maps import stack_entries
from caraval.core.registry import backend_of

from .equations import solved

UNIT = np.kron(np.eye(3), [[0.0, 1.0], [-1.0, 0.0]])
"""The symplectic form."""

LEAST_SHARE = 0.3
"""A mode with less than this in the plane of z and pz is not the longitudinal one, which then is not stable."""


def synchrotron_tune(matrix: Sequence[Sequence[Any]]) -> Any:
    """Return the tune of the longitudinal mode of a one-turn map, negative where it turns backwards (above transition).

    Parameters
    ----------
    matrix : 6 x 6 numbers
        Plain, or arrays of settings.

    Returns
    -------
    number
        In (-1/2, 1/2); zero where the motion is not stable.
    """
    stacked = stack_entries(matrix)
    tune = backend_of(stacked).in_numpy(_longitudinal, stacked, tuple(stacked.shape[:-2]))
    if all(is_number(value) for row in matrix for value in row):
        return float(tune)
    return _attached(matrix, tune)


def _longitudinal(matrix: np.ndarray) -> np.ndarray:
    """Return the tune of the mode that moves most in z and pz.

    The parts that three stable modes have in the plane of z and pz are one together: one has a third at least.
    """
    values, vectors = np.linalg.eig(matrix)
    sense = np.imag(np.einsum("...ij,ik,...kj->...j", np.conj(vectors), UNIT, vectors))
    invariant = 2 * np.abs(np.imag(np.conj(vectors[..., 4, :]) * vectors[..., 5, :]))
    share = np.where(np.abs(sense) > 1e-12, invariant / np.where(sense == 0, 1.0, np.abs(sense)), 0.0)
    share = np.where(np.imag(values) != 0, share, 0.0)
    best = np.argmax(share, axis=-1)[..., None]
    value = np.take_along_axis(values, best, axis=-1)[..., 0]
    orientation = np.sign(np.take_along_axis(sense, best, axis=-1)[..., 0])
    is_stable = np.take_along_axis(share, best, axis=-1)[..., 0] > LEAST_SHARE
    return np.where(is_stable, orientation * np.angle(value) / (2 * pi), 0.0)


def _attached(matrix: Sequence[Sequence[Any]], tune: Any) -> Any:
    """Return a tune with its derivatives: one step of Newton's method on the characteristic polynomial.

    With ``x = lambda + 1/lambda`` it is ``x^3 - e1 x^2 + (e2 - 3) x + 2 e1 - e3``, since eigenvalues come in pairs.
    """
    size = range(6)
    square = [[sum(matrix[i][k] * matrix[k][j] for k in size) for j in size] for i in size]
    p1, p2 = sum(matrix[i][i] for i in size), sum(square[i][i] for i in size)
    p3 = sum(square[i][k] * matrix[k][i] for i in size for k in size)
    e1, e2, e3 = p1, (p1 * p1 - p2) / 2, (p1 * p1 * p1 - 3 * p1 * p2 + 2 * p3) / 6
    like = namespace(p1, tune)
    x = 2 * like.cos(2 * pi * tune)
    per_tune = -4 * pi * like.sin(2 * pi * tune)
    value = x * x * x - e1 * x * x + (e2 - 3) * x + 2 * e1 - e3
    derivative = 3 * x * x - 2 * e1 * x + e2 - 3
    is_still = tune == 0
    return like.where(is_still, 0.0 * value, tune - value / like.where(is_still, 1.0, derivative * per_tune))


def slip_of(matrix: Sequence[Sequence[Any]]) -> Any:
    """Return by how much z changes in a turn with pz [m], on the closed orbits of that momentum."""
    size = range(4)
    eta = solved([[(1.0 if i == j else 0.0) - matrix[i][j] for j in size] for i in size], [matrix[i][5] for i in size], None)
    return sum(matrix[4][j] * eta[j] for j in size) + matrix[4][5]
