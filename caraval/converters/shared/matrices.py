"""Transfer matrices of Cheetah and Ocelot, ``(x, xp, y, yp, tau, delta, 1)``, and terms of maps of ours.

``tau = c (t - t_ref)`` and ``delta = (E - E_ref) / p0c``, of which ``z = -beta tau`` and ``delta = beta pz`` to first order;
``beta`` is taken for one, as nothing in their lattices says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from caraval.physics.taylor import UNIT

SIGNS = np.array([1, 1, 1, 1, -1, 1, 1])
"""Of their coordinates against ours."""


def terms(matrix: np.ndarray, second: np.ndarray | None = None) -> dict[str, float]:
    """Return the terms of a map from a matrix ``(7, 7)``, and the terms of second order ``(6, 6, 6)``."""
    ours = SIGNS[:, None] * matrix * SIGNS
    found = {f"tt{i + 1}{j + 1}": float(ours[i, j]) for i in range(6) for j in range(6)}
    found |= {f"tt{i + 1}": float(ours[i, 6]) for i in range(6)}
    for i, j, k in zip(*np.nonzero(np.zeros((6, 6, 6)) if second is None else second), strict=True):
        name = f"tt{i + 1}{min(j, k) + 1}{max(j, k) + 1}"
        found[name] = found.get(name, 0.0) + float(SIGNS[i] * SIGNS[j] * SIGNS[k] * second[i, j, k])  # type: ignore[index]
    return {name: value for name, value in found.items() if value != UNIT.get(name, 0.0)}


def matrix(terms: Mapping[str, float]) -> np.ndarray | None:
    """Return the matrix ``(7, 7)`` of a map; None: it has terms of higher order."""
    found = np.eye(7)
    for name, value in terms.items():
        if len(name) > 4:
            return None
        column = int(name[3]) - 1 if len(name) == 4 else 6
        found[int(name[2]) - 1, column] = value
    return np.asarray(SIGNS[:, None] * found * SIGNS)
