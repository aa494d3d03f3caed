"""Generalised gradients: a field from what it is on the midplane (Bmad manual, "Generalized Gradient Field Modeling").

On the midplane of a frame of curvature g, ``B_x = sum a_n x^(n-1) / (n-1)!``, ``B_y = sum b_n x^(n-1) / (n-1)!``, and on the
axis ``B_s = b_s``. The functions of s are given with their derivatives on planes of equal distance; between two planes each is
the polynomial that has these values on both. Off the midplane, the field is the gradient of a potential that solves Laplace's
equation, order by order in y:

    (q + 1) (q + 2) phi_(q+2) = -(phi_q,xx + g / h phi_q,x + phi_q,ss / h^2),   h = 1 + g x.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import comb, factorial
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.errors import InputError

from .field_maps import CHECKS, check_numbers, part

KIND = "gen_gradients"

KINDS = ("a", "b", "bs")

HIGHEST = 12
"""Highest power of x and y together (as in Bmad)."""

Polynomial = dict[tuple[int, int], float]
"""Coefficients by the powers of x and y."""


class Source(NamedTuple):
    """A function of s, or a derivative of it: ``a``, ``b`` or ``bs``, its number n, and the order of the derivative."""

    kind: str
    n: int
    order: int


class Parts(NamedTuple):
    """What a source makes of the field: its components."""

    x: Polynomial
    y: Polynomial
    s: Polynomial


# -------------------------------------------------------------------- off the midplane


@cache
def potential(kind: str, n: int, g: float) -> Mapping[int, Polynomial]:
    """Return the potential of a function of s: for each order of its derivative a polynomial.

    That of ``b_s`` begins with its integral, order -1.
    """
    found: dict[int, Polynomial] = {}
    row: dict[int, dict[int, float]]  # of one power of y: by order of the derivative, coefficients by power of x
    if kind == "b":
        power, row = 1, {0: {n - 1: 1 / factorial(n - 1)}}
    else:
        power, row = 0, ({0: {n: 1 / factorial(n)}} if kind == "a" else {-1: {0: 1.0}})
    while row and power <= HIGHEST + 1:
        for order, across in row.items():
            for p, value in across.items():
                if value and p + power <= HIGHEST + 1:
                    found.setdefault(order, {})[p, power] = value
        row, power = _next(row, power, g), power + 2
    return found


def _next(row: dict[int, dict[int, float]], power: int, g: float) -> dict[int, dict[int, float]]:
    """Return the row of the potential two powers of y further."""
    out: dict[int, dict[int, float]] = {}
    scale, most = -1 / ((power + 1) * (power + 2)), HIGHEST + 1 - power - 2

    def add(order: int, p: int, value: float) -> None:
        if p <= most:
            across = out.setdefault(order, {})
            across[p] = across.get(p, 0.0) + scale * value

    for order, across in row.items():
        for p, value in across.items():
            if p >= 2:
                add(order, p - 2, p * (p - 1) * value)
            for k in range(most + 2 if g else 1):  # 1 / h and 1 / h^2 as series in g x
                if g and p >= 1:
                    add(order, p - 1 + k, g * (-g) ** k * p * value)
                add(order + 2, p + k, (k + 1) * (-g) ** k * value)
    return out


@cache
def parts(source: Source, g: float) -> Parts:
    """Return what a source makes of the field: of the gradient, that with this derivative."""
    found = potential(source.kind, source.n, g)
    across, along = found.get(source.order, {}), found.get(source.order - 1, {})
    x = {(p - 1, q): p * value for (p, q), value in across.items() if p}
    y = {(p, q - 1): q * value for (p, q), value in across.items() if q}
    s: Polynomial = {}
    for (p, q), value in along.items():
        for k in range(HIGHEST + 1 - p - q if g else 1):
            s[p + k, q] = s.get((p + k, q), 0.0) + (-g) ** k * value
    return Parts(*({pq: value for pq, value in of.items() if sum(pq) <= HIGHEST} for of in (x, y, s)))


# -------------------------------------------------------------------- along the midplane


def curves(given: Mapping[str, Any]) -> list[tuple[str, int, np.ndarray]]:
    """Return the functions: kind, number, and values with derivatives by plane ``(planes, orders)``."""
    return [(c["kind"], int(c.get("n", 0)), np.array([row[1:] for row in c["derivs"]])) for c in given["curves"]]


def at(given: Mapping[str, Any], s: float) -> dict[Source, float]:
    """Return the functions and their derivatives at a place from the map's origin; one step beyond the planes at most."""
    dz, first = given["dz"], given["curves"][0]["derivs"][0][0]
    out: dict[Source, float] = {}
    for kind, n, values in curves(given):
        planes, orders = values.shape
        i = int(np.floor((s - first) / dz + 1e-9))
        if not -1 <= i <= planes - 1:
            continue
        i = min(max(i, 0), planes - 2)
        polynomial = between(values[i], values[i + 1], dz)
        u = s - first - i * dz
        for order in range(orders):
            terms = (
                value * comb(j, order) * factorial(order) * u ** (j - order) for j, value in enumerate(polynomial) if j >= order
            )
            out[Source(kind, n, order)] = float(sum(terms))
    return out


def between(left: Any, right: Any, step: float) -> np.ndarray:
    """Return the coefficients of the polynomial that has these values and derivatives at both ends (Hermite)."""
    orders = len(left)
    low = [left[j] * step**j / factorial(j) for j in range(orders)]
    rows = [[comb(j, m) for j in range(2 * orders)] for m in range(orders)]  # derivatives at the end, over m!
    target = [right[m] * step**m / factorial(m) - sum(row[j] * low[j] for j in range(orders)) for m, row in enumerate(rows)]
    high = np.linalg.solve(np.array(rows, dtype=float)[:, orders:], target)
    return np.array([*low, *high]) / step ** np.arange(2 * orders)


# -------------------------------------------------------------------- checks


def _check(where: str, given: Mapping[str, Any]) -> None:
    if part(given, "field_type") != "magnetic":
        raise InputError(f"{where}: only magnetic gen_gradients are understood")
    check_numbers(f"{where}: dz and g_ref", [given.get("dz"), given.get("g_ref", 0.0)])
    found = given.get("curves")
    if not isinstance(found, (tuple, list)) or not found or given["dz"] <= 0:
        raise InputError(f"{where} needs a positive dz, and curves")
    for number, curve in enumerate(found, 1):
        _check_curve(f"{where}: curve {number}", curve, given)


def _check_curve(where: str, curve: Any, given: Mapping[str, Any]) -> None:
    if not isinstance(curve, Mapping) or curve.get("kind") not in KINDS:
        raise InputError(f"{where} must be a mapping with a kind, one of {', '.join(KINDS)}, n, and derivs")
    kind, n, rows = curve["kind"], curve.get("n", 0), curve.get("derivs")
    if not is_number(n) or (kind == "bs") != (n == 0) or n not in range(HIGHEST + 2):
        raise InputError(f"{where}: n must be a whole number from 1 to {HIGHEST + 1}, and zero for bs, not {n}")
    if kind == "bs" and given.get("g_ref", 0.0):
        raise InputError(f"{where}: bs in a curved frame is not understood")
    if not isinstance(rows, (tuple, list)) or len(rows) < 2:
        raise InputError(f"{where}: derivs must be rows (z, value, derivative, ...) of two planes or more")
    for i, row in enumerate(rows):
        check_numbers(f"{where}: row {i + 1}", row, len(rows[0]))
        place = given["curves"][0]["derivs"][0][0] + i * given["dz"]
        if len(row) < 2 or abs(row[0] - place) > 1e-6 * given["dz"]:
            raise InputError(f"{where}: row {i + 1} must be of the plane at {place} and have a value, not {row}")


CHECKS[KIND] = _check
