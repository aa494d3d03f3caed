"""Maps in MAD-X's longitudinal coordinates as maps in Caraval's, to second order.

With ``t = -c dt`` and ``pt = dE / p0c`` of MAD-X: ``z = beta t``, ``(1 + pz)^2 = 1 + 2 pt / beta0 + pt^2``.
"""

from __future__ import annotations

import re
from collections import defaultdict

from .state import DEFAULTS
from .values import Values

Polynomial = dict[str, float]
"""Coefficients by the coordinates that are multiplied, as digits from 1 to 6 in order."""

_NAME = re.compile(r"rm([1-6])([1-6])|tm([1-6])([1-6])([1-6])|kick([1-6])")


def taylor_terms(v: Values) -> dict[str, float]:
    """Return the terms of a ``matrix`` of MAD-X as those of a :class:`~caraval.physics.taylor.Taylor`."""
    beta, gamma = float(v.around.reference.beta), float(v.around.reference.gamma)
    slip = 1 / (gamma * gamma)
    before: list[Polynomial] = [{str(i): 1.0} for i in range(1, 5)]
    before += [{"5": 1 / beta, "56": -slip / beta}, {"6": beta, "66": 0.5 * beta * slip}]
    after = [_row(v, number, before) for number in range(1, 7)]
    t, pt = after[4], after[5]
    after[4] = _sum((beta, t), (slip, _product(t, pt)))
    after[5] = _sum((1 / beta, pt), (-0.5 * slip / (beta * beta), _product(pt, pt)))
    found = {f"tt{i}{factors}": value for i, row in enumerate(after, 1) for factors, value in row.items() if value}
    return found | {f"tt{i}{i}": after[i - 1].get(str(i), 0.0) for i in range(1, 7)}


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
