"""The field of a cartesian map: the gradients of its terms, see :mod:`.cartesian_map`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from caraval.core.reference import C_LIGHT, Reference

from . import cartesian_map
from .field import Field
from .field_maps import origin, scale

SMALLEST = 1e-12
"""In place of smaller wave numbers [1/m]: there, ``sin(k x) / k`` is x to rounding."""


class TermConstants(NamedTuple):
    """Wave numbers [1/m], phases on the axis, and amplitudes of the components of the field and of the vector potential."""

    kx: Any
    ky: Any
    x0: Any
    y0: Any
    x: Any
    y: Any
    s: Any
    ax: Any
    ay: Any


_WAVES = {"y": ("cos", "sin", "cosh", "sinh"), "xy": ("cosh", "sinh", "cosh", "sinh"), "x": ("cosh", "sinh", "cos", "sin")}
"""By where terms grow: cosine and sine in x, and in y."""

_FACTORS = {"x": (("c", "c"), ("s", "s"), ("s", "c")), "y": (("s", "s"), ("c", "c"), ("c", "s")),
            "qu": (("c", "s"), ("s", "c"), ("s", "s")), "sq": (("s", "c"), ("c", "s"), ("c", "c"))}  # fmt: skip
"""By family: the factors of the three components in x and in y, each a cosine or a sine."""

_POTENTIALS = {"x": (("s", "s"), None), "y": (None, ("s", "s")), "qu": (("s", "c"), ("c", "s")), "sq": (("c", "s"), ("s", "c"))}
"""By family: the factors of the potential across, if there is one."""

Shape = tuple[tuple[str, str, int], ...]
"""Family, where terms grow, and how many of them follow each other."""


def _summed(shape: Shape, names: tuple[str, ...], factors: Mapping[str, Any]) -> Any:
    """Return what sums components over terms of these families and forms, those of each group in a loop."""
    lines = ["def summed(c, q, xp):", f"    {' = '.join(names)} = 0.0 * q.x"]
    first = 0
    for family, grows, number in shape:
        cx, sx, cy, sy = _WAVES[grows]
        lines += [f"    for j in range({first}, {first + number}):", "        t = c[j]"]
        lines += ["        a, b = t.kx * q.x + t.x0, t.ky * q.y + t.y0"]
        lines += [f"        cx, sx, cy, sy = xp.{cx}(a), xp.{sx}(a), xp.{cy}(b), xp.{sy}(b)"]
        there = [(name, found) for name, found in zip(names, factors[family], strict=True) if found]
        lines += [f"        {name} = {name} + t.{name} * {f}x * {g}y" for name, (f, g) in there]
        first += number
    lines.append(f"    return {', '.join(names)}")
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<field of a cartesian map>", "exec"), namespace)
    return namespace["summed"]


def _kind(term: cartesian_map.Term) -> tuple[str, str]:
    return term.family, term.grows


def of(given: Mapping[str, Any], number: int) -> Field:
    """Return the field of a map, the one of that number of an element."""
    terms = sorted(cartesian_map.terms(given), key=_kind)
    shape = tuple((*kind, len(list(group))) for kind, group in groupby(terms, _kind))
    return _field(shape, number)


@cache
def _field(shape: Shape, number: int) -> Field:
    def at(element: Any, place: float, reference: Reference, xp: Any) -> tuple[TermConstants, ...]:
        given = element.field_maps[number]
        x, y, s = origin(element, given)
        factor = scale(element, given) * reference.species.charge * C_LIGHT / reference.p0c
        along = place * element.length - s
        terms = sorted(cartesian_map.terms(given), key=_kind)
        return tuple(_constants(term, factor, x, y, along, xp) for term in terms)

    value, potential = _summed(shape, ("x", "y", "s"), _FACTORS), _summed(shape, ("ax", "ay"), _POTENTIALS)
    return Field(value, at, varies=True, potential=potential)


def _constants(term: cartesian_map.Term, factor: Any, x: float, y: float, along: Any, xp: Any) -> TermConstants:
    kx, ky = (max(abs(k), SMALLEST) for k in (term.kx, term.ky))
    strength, phase = factor * term.strength, term.kz * along + term.phase
    cosine, sine = strength * xp.cos(phase), -strength * term.kz * xp.sin(phase)
    sign_x, sign_y = ((1.0 if axis in term.grows else -1.0) for axis in "xy")
    over_x, over_y = (1 / kx if term.family in ("x", "qu") else 1.0), (1 / ky if term.family in ("y", "qu") else 1.0)
    in_x = over_y * (1.0 if term.family in ("x", "qu") else sign_x * kx)
    in_y = over_x * (1.0 if term.family in ("y", "qu") else sign_y * ky)
    lags = strength * (xp.sin(phase) / term.kz if term.kz else along)  # the integral of the cosine
    ax, ay = {
        "x": (-sine * over_x / ky, 0.0),
        "y": (0.0, sine * over_y / kx),
        "qu": (lags * over_x, -lags * over_y),
        "sq": (sign_y * ky * lags, -sign_x * kx * lags),
    }[term.family]
    field = cosine * in_x, cosine * in_y, sine * over_x * over_y
    return TermConstants(kx, ky, kx * (term.x0 - x), ky * (term.y0 - y), *field, ax, ay)
