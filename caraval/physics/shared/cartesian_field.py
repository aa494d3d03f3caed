"""The field of a cartesian map: the gradients of its terms, see :mod:`.cartesian_map`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import C_LIGHT, Reference

from . import cartesian_map
from .field import Field
from .field_maps import origin, part, scale

SMALLEST = 1e-12
"""In place of smaller wave numbers [1/m]: there, ``sin(k x) / k`` is x to rounding."""


class TermConstants(NamedTuple):
    """Wave numbers [1/m], phases on the axis, and what of the field has which amplitude."""

    kx: Any
    ky: Any
    x0: Any
    y0: Any
    x: Any
    y: Any
    s: Any


_WAVES = {"y": ("cos", "sin", "cosh", "sinh"), "xy": ("cosh", "sinh", "cosh", "sinh"), "x": ("cosh", "sinh", "cos", "sin")}
"""By where terms grow: cosine and sine in x, and in y."""

_FACTORS = {"x": (("c", "c"), ("s", "s"), ("s", "c")), "y": (("s", "s"), ("c", "c"), ("c", "s")),
            "qu": (("c", "s"), ("s", "c"), ("s", "s")), "sq": (("s", "c"), ("c", "s"), ("c", "c"))}  # fmt: skip
"""By family: the factors of the three components in x and in y, each a cosine or a sine."""

Shape = tuple[tuple[str, str, int], ...]
"""Family, where terms grow, and how many of them follow each other."""


@cache
def _value(shape: Shape, electric: bool) -> Any:
    """Return the field of terms of these families and forms, that of each group in a loop."""
    lines = ["def value(c, q, xp):", "    x = y = s = 0.0 * q.x"]
    first = 0
    for family, grows, number in shape:
        cx, sx, cy, sy = _WAVES[grows]
        lines += [f"    for j in range({first}, {first + number}):", "        t = c[j]"]
        lines += ["        a, b = t.kx * q.x + t.x0, t.ky * q.y + t.y0"]
        lines += [f"        cx, sx, cy, sy = xp.{cx}(a), xp.{sx}(a), xp.{cy}(b), xp.{sy}(b)"]
        lines += [f"        {n} = {n} + t.{n} * {f}x * {g}y" for n, (f, g) in zip("xys", _FACTORS[family], strict=True)]
        first += number
    lines.append("    return x, y, s, 0.0, 0.0, 0.0" if electric else "    return x, y, s")
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<field of a cartesian map>", "exec"), namespace)
    return namespace["value"]


def _kind(term: cartesian_map.Term) -> tuple[str, str]:
    return term.family, term.grows


def of(given: Mapping[str, Any], number: int) -> Field:
    """Return the field of a map, the one of that number of an element."""
    terms = sorted(cartesian_map.terms(given), key=_kind)
    shape = tuple((*kind, len(list(group))) for kind, group in groupby(terms, _kind))
    return _field(shape, part(given, "field_type") == "electric", number)


@cache
def _field(shape: Shape, electric: bool, number: int) -> Field:
    def at(element: Any, place: float, reference: Reference, xp: Any) -> tuple[TermConstants, ...]:
        given = element.field_maps[number]
        x, y, s = origin(element, given)
        factor = scale(element, given) * reference.species.charge * (1.0 if electric else C_LIGHT) / reference.p0c
        along = place * element.length - s
        terms = sorted(cartesian_map.terms(given), key=_kind)
        return tuple(_constants(term, factor, x, y, along, xp) for term in terms)

    return Field(_value(shape, electric), at, varies=True, electric=electric)


def _constants(term: cartesian_map.Term, factor: Any, x: float, y: float, along: Any, xp: Any) -> TermConstants:
    kx, ky = (max(abs(k), SMALLEST) for k in (term.kx, term.ky))
    strength, phase = factor * term.strength, term.kz * along + term.phase
    cosine, sine = strength * xp.cos(phase), -strength * term.kz * xp.sin(phase)
    sign_x, sign_y = ((1.0 if axis in term.grows else -1.0) for axis in "xy")
    over_x, over_y = (1 / kx if term.family in ("x", "qu") else 1.0), (1 / ky if term.family in ("y", "qu") else 1.0)
    in_x = over_y * (1.0 if term.family in ("x", "qu") else sign_x * kx)
    in_y = over_x * (1.0 if term.family in ("y", "qu") else sign_y * ky)
    return TermConstants(kx, ky, kx * (term.x0 - x), ky * (term.y0 - y), cosine * in_x, cosine * in_y, sine * over_x * over_y)
