"""Maps in MAD-X's longitudinal coordinates as maps in Caraval's, to second order.

With ``t = -c dt`` and ``pt = dE / p0c`` of MAD-X: ``z = beta t``, ``(1 + pz)^2 = 1 + 2 pt / beta0 + pt^2``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import reduce

from caraval.core.reference import Reference
from caraval.physics.taylor import ordered

from .state import DEFAULTS
from .values import Values

Polynomial = dict[str, float]
"""Coefficients by the coordinates that are multiplied, as digits from 1 to 6 in order."""

_NAME = re.compile(r"rm([1-6])([1-6])|tm([1-6])([1-6])([1-6])|kick([1-6])")


def taylor_terms(v: Values) -> dict[str, float]:
    """Return the terms of a ``matrix`` of MAD-X as those of a :class:`~caraval.physics.taylor.Taylor`."""
    to_madx, from_madx = _coordinates(v.around.reference)
    before = [to_madx.get(i, {str(i): 1.0}) for i in range(1, 7)]
    after = _changed([_row(v, number, before) for number in range(1, 7)], from_madx)
    found = {f"tt{i}{factors}": value for i, row in enumerate(after, 1) for factors, value in row.items() if value}
    return found | {f"tt{i}{i}": after[i - 1].get(str(i), 0.0) for i in range(1, 7)}


def matrix_of(terms: Mapping[str, float], reference: Reference) -> dict[str, float]:
    """Return the attributes of the ``matrix`` that is a map of Caraval's, as far as the second order."""
    to_madx, from_madx = _coordinates(reference)
    before = [from_madx.get(i, {str(i): 1.0}) for i in range(1, 7)]
    unit = {f"tt{i}{i}": 1.0 for i in range(1, 7)}
    rows: list[list[tuple[float, Polynomial]]] = [[] for _ in range(6)]
    for name, value in {**unit, **{ordered(name): value for name, value in terms.items()}}.items():
        factors = [before[int(digit) - 1] for digit in name[3:]]
        if len(factors) <= 2:
            rows[int(name[2]) - 1].append((value, reduce(_product, factors, {"": 1.0})))
    after = _changed([_sum(*row) for row in rows], to_madx)
    names = ("kick{}", "rm{}{}", "tm{}{}{}")
    found = {names[len(k)].format(i, *k): value for i, row in enumerate(after, 1) for k, value in row.items() if value}
    return found | {f"rm{i}{i}": after[i - 1].get(str(i), 0.0) for i in range(1, 7)}


def _coordinates(reference: Reference) -> tuple[dict[int, Polynomial], dict[int, Polynomial]]:
    """Return MAD-X's fifth and sixth coordinates in those of Caraval, and the other way round."""
    beta, gamma = float(reference.beta), float(reference.gamma)
    slip = 1 / (gamma * gamma)
    return (
        {5: {"5": 1 / beta, "56": -slip / beta}, 6: {"6": beta, "66": 0.5 * beta * slip}},
        {5: {"5": beta, "56": slip}, 6: {"6": 1 / beta, "66": -0.5 * slip / (beta * beta)}},
    )


def _changed(rows: list[Polynomial], change: dict[int, Polynomial]) -> list[Polynomial]:
    """Return coordinates with the last two in other ones."""

    def of(polynomial: Polynomial) -> Polynomial:
        parts = ((value, reduce(_product, (rows[int(digit) - 1] for digit in k))) for k, value in polynomial.items())
        return _sum(*parts)

    return [of(change[i]) if i in change else row for i, row in enumerate(rows, 1)]


def _row(v: Values, number: int, before: list[Polynomial]) -> Polynomial:
    """Return a coordinate after the map, as a polynomial of those before."""
    names = [name for name in DEFAULTS if name.startswith(f"rm{number}")]
    names += [name for name in v.element.settings if name not in names]
    parts: list[tuple[float, Polynomial]] = []
    for name in names:
        found = _NAME.fullmatch(name)
        if found is None or next(part for part in found.groups() if part) != str(number):
            continue
        if found[6]:
            parts.append((v.number(name), {"": 1.0}))
        elif found[1]:
            parts.append((v.number(name), before[int(found[2]) - 1]))
        else:
            parts.append((v.number(name), _product(before[int(found[4]) - 1], before[int(found[5]) - 1])))
    return _sum(*parts)


def _sum(*parts: tuple[float, Polynomial]) -> Polynomial:
    found: defaultdict[str, float] = defaultdict(float)
    for factor, polynomial in parts:
        for factors, value in polynomial.items():
            found[factors] += factor * value
    return dict(found)


def _product(first: Polynomial, second: Polynomial) -> Polynomial:
    """Return a product without what is beyond second order."""
    found: defaultdict[str, float] = defaultdict(float)
    for a, x in first.items():
        for b, y in second.items():
            if len(a + b) <= 2:
                found["".join(sorted(a + b))] += x * y
    return dict(found)
