"""Elements that are linear maps: given by a matrix, by Twiss parameters, or by a shift."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin, sqrt

import numpy as np

from caraval.core.element import Element
from caraval.core.reference import Reference

from .attributes import Attributes
from .setting import Surroundings

Matrix = dict[tuple[int, int], float]


def terms(constants: Mapping[int, float], matrix: Matrix, length: float, reference: Reference | None) -> dict[str, float]:
    """Return the terms of a map of ours from one of elegant's.

    elegant has slopes where we have ``px = (1 + delta) x' / sqrt(1 + x'^2 + y'^2)``, and ``s = beta c t`` where we have
    ``z = -beta c (t - t_ref)``; the time of flight of other momenta is in no matrix of elegant's.
    """
    momentum = 1 + constants.get(6, 0.0)
    a, b = constants.get(2, 0.0), constants.get(4, 0.0)
    turned, n = _turned(a, b, momentum), sqrt(1 + a * a + b * b)
    start = {2: momentum * a / n, 4: momentum * b / n, 5: length - constants.get(5, 0.0)}
    found: dict[str, float] = {}
    for i, row in turned.items():
        found[f"tt{i}"] = start.get(i, constants.get(i, 0.0))
        for j in range(1, 7):
            value = sum(factor * matrix.get((k, j), 0.0) for k, factor in row.items())
            found[f"tt{i}{j}"] = -value if j == 5 else value
    if reference is not None:
        found["tt56"] += length * (reference.species.mass / reference.energy) ** 2
    unit = {f"tt{i}{i}": 1.0 for i in range(1, 7)}
    return {name: value for name, value in found.items() if value != unit.get(name, 0.0)}


def _turned(a: float, b: float, momentum: float) -> dict[int, dict[int, float]]:
    """Return the derivatives of our coordinates by elegant's at slopes `a` and `b`."""
    n = sqrt(1 + a * a + b * b)
    turned: dict[int, dict[int, float]] = {i: {i: 1.0} for i in range(1, 7)}
    turned[2] = {2: momentum * (1 + b * b) / n**3, 4: -momentum * a * b / n**3, 6: a / n}
    turned[4] = {4: momentum * (1 + a * a) / n**3, 2: -momentum * a * b / n**3, 6: b / n}
    turned[5] = {5: -1.0}
    return turned


def of_terms(terms: Mapping[str, float], length: float, reference: Reference | None) -> tuple[dict[int, float], Matrix]:
    """Return constants and matrix of elegant's from the terms of a map of ours, as far as the first order."""
    unit = {f"tt{i}{i}": 1.0 for i in range(1, 7)}
    found = {**unit, **terms}
    if reference is not None:
        found["tt56"] = found.get("tt56", 0.0) - length * (reference.species.mass / reference.energy) ** 2
    momentum = 1 + found.get("tt6", 0.0)
    px, py = (found.get(name, 0.0) / momentum for name in ("tt2", "tt4"))
    forward = sqrt(1 - px * px - py * py)
    a, b = px / forward, py / forward
    ours, change = np.zeros((6, 6)), np.zeros((6, 6))
    for i, row in _turned(a, b, momentum).items():
        for j in range(1, 7):
            ours[i - 1, j - 1] = found.get(f"tt{i}{j}", 0.0) * (-1 if j == 5 else 1)
            change[i - 1, j - 1] = row.get(j, 0.0)
    theirs = np.linalg.solve(change, ours)
    constants = {1: found.get("tt1", 0.0), 2: a, 3: found.get("tt3", 0.0), 4: b}
    constants |= {5: length - found.get("tt5", 0.0), 6: found.get("tt6", 0.0)}
    return constants, {(i, j): float(theirs[i - 1, j - 1]) for i in range(1, 7) for j in range(1, 7)}


def explicit(a: Attributes, here: Surroundings) -> Element:
    """EMATRIX, to first order."""
    constants = {i: a.number(f"C{i}") for i in range(1, 7)}
    matrix = {(i, j): a.number(f"R{i}{j}") for i in range(1, 7) for j in range(1, 7)}
    length = a.number("L")
    return a.make("Taylor", terms=terms(constants, matrix, length, here.reference), **a.placed())


def lumped(a: Attributes, here: Surroundings) -> Element:
    """ILMATRIX: one turn of a ring, of its linear part at the design momentum."""
    matrix: Matrix = {(5, 5): 1.0, (6, 6): 1.0}
    for axis, i in (("X", 1), ("Y", 3)):
        phase = 2 * pi * a.number(f"NU{axis}")
        beta, alpha = a.number(f"BETA{axis}"), a.number(f"ALPHA{axis}")
        eta, etap = a.number(f"ETA{axis}"), a.number(f"ETAP{axis}")
        if beta == 0 or sin(phase) == 0:
            return a.drift(f"ILMATRIX without beta function or fractional tune in {axis.lower()}")
        s, c = sin(phase), cos(phase)
        r11, r12, r22 = c + alpha * s, beta * s, c - alpha * s
        r21 = (r11 * r22 - 1) / r12
        matrix |= {(i, i): r11, (i, i + 1): r12, (i + 1, i): r21, (i + 1, i + 1): r22}
        across = eta - r11 * eta - r12 * etap, etap - r21 * eta - r22 * etap
        matrix |= {(i, 6): across[0], (i + 1, 6): across[1]}
        along = r21 * across[0] - r11 * across[1], r22 * across[0] - r12 * across[1]
        matrix |= {(5, i): along[0], (5, i + 1): along[1]}
        matrix[5, 6] = matrix.get((5, 6), 0.0) - along[0] * eta - along[1] * etap
    length = a.number("L")
    matrix[5, 6] += a.number("ALPHAC") * length
    placed = {"tilt": a.number("TILT")}
    return a.make("Taylor", terms=terms({5: length}, matrix, length, here.reference), **placed)


def shift(a: Attributes, here: Surroundings) -> Element:
    """MALIGN: the beam is shifted and turned, and its momentum changed."""
    on_pass = a.integer("ON_PASS")
    names = {1: "DX", 2: "DXP", 3: "DY", 4: "DYP", 6: "DP"}
    values = {i: a.number(name) for i, name in names.items()}
    for name in ("DZ", "DT", "DE", "FLOOR"):
        if a.number(name):
            a.physics(name, a.number(name))
    if not any(values.values()) or on_pass > 0:
        a.passing(*names.values())
        return a.make("Marker")
    if on_pass == 0:
        a.physics("ON_PASS", 0, "on every pass")
    unit = {(i, i): 1.0 for i in range(1, 7)}
    return a.make("Taylor", terms=terms(values, unit, 0.0, None))


def rotation(a: Attributes, here: Surroundings) -> Element:
    """ROTATE: the axes are turned."""
    if a.integer("ON_PASS") > 0:
        a.physics("ON_PASS", a.integer("ON_PASS"), "on every pass")
    a.passing("ON_PASS")
    return a.make("Patch", tilt=a.number("TILT"))
