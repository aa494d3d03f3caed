"""The field of generalised gradients: at every place a polynomial of x and y, see :mod:`.gradients_map`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import C_LIGHT, Reference

from .. import steps
from . import gradients_map
from .field import Field
from .field_maps import origin, scale
from .gradients_map import Parts, Polynomial, Source

Powers = tuple[tuple[int, int], ...]


class GradientConstants(NamedTuple):
    """Origin [m], and the coefficients of the components, normalised, power by power."""

    x0: Any
    y0: Any
    x: tuple[Any, ...]
    y: tuple[Any, ...]
    s: tuple[Any, ...]


def of(given: Mapping[str, Any], number: int) -> Field:
    """Return the field of a map, the one of that number of an element."""
    sources = [Source(kind, n, order) for kind, n, values in gradients_map.curves(given) for order in range(values.shape[1])]
    found = [gradients_map.parts(source, given.get("g_ref", 0.0)) for source in sources]
    shape = tuple(tuple(sorted({powers for parts in found for powers in parts[i]})) or ((0, 0),) for i in range(3))
    return _field(shape, number)


@cache
def _field(shape: tuple[Powers, ...], number: int) -> Field:
    def at(element: Any, place: float, reference: Reference, xp: Any) -> GradientConstants:
        given = element.field_maps[number]
        x, y, s = origin(element, given)
        factor = scale(element, given) * reference.species.charge * C_LIGHT / reference.p0c
        values = gradients_map.at(given, steps.number(place * element.length - s))
        sums: Parts = Parts({}, {}, {})
        for source, value in values.items():
            for total, polynomial in zip(sums, gradients_map.parts(source, given.get("g_ref", 0.0)), strict=True):
                _add(total, polynomial, value)
        rows = (tuple(factor * total.get(pq, 0.0) for pq in powers) for total, powers in zip(sums, shape, strict=True))
        return GradientConstants(x, y, *rows)

    return Field(_value(shape), at, varies=True, potential=_potential(shape[2]))


def _add(total: Polynomial, polynomial: Polynomial, value: float) -> None:
    for powers, coefficient in polynomial.items():
        total[powers] = total.get(powers, 0.0) + coefficient * value


def _value(shape: tuple[Powers, ...]) -> Any:
    """Return the function that evaluates the components."""
    sums = (_sum(f"c.{name}", powers, [1.0] * len(powers)) for name, powers in zip("xys", shape, strict=True))
    return _compiled(
        "value", [*_monomials(max(map(sum, (pq for powers in shape for pq in powers)))), f"return {', '.join(sums)}"]
    )


def _potential(powers: Powers) -> Any:
    """Return the function that evaluates ``a_x``, minus the integral of ``b_s`` over y; there is no ``a_y``."""
    raised = tuple((p, q + 1) for p, q in powers)
    body = _sum("c.s", raised, [-1 / q for _, q in raised])
    return _compiled("potential", [*_monomials(max(map(sum, raised))), f"return {body}, 0.0 * q.y"])


def _monomials(highest: int) -> list[str]:
    lines = ["x1, y1 = q.x - c.x0, q.y - c.y0"]
    return lines + [f"{a}{n} = {a}{n - 1} * {a}1" for n in range(2, highest + 1) for a in "xy"]


def _sum(row: str, powers: Powers, factors: list[float]) -> str:
    terms = []
    for i, ((p, q), factor) in enumerate(zip(powers, factors, strict=True)):
        product = [f"{row}[{i}]", *([repr(factor)] * (factor != 1.0)), *([f"x{p}"] * (p > 0)), *([f"y{q}"] * (q > 0))]
        terms.append(" * ".join(product))
    return " + ".join([*terms, "0.0 * x1"])


def _compiled(name: str, lines: list[str]) -> Any:
    source = "\n    ".join([f"def {name}(c, q, xp):", *lines])
    namespace: dict[str, Any] = {"Coordinates": Coordinates}
    exec(compile(source, f"<{name} of generalised gradients>", "exec"), namespace)
    return namespace[name]
