"""The fields of all field maps of an element together."""

from __future__ import annotations

from functools import cache
from typing import Any

from caraval.core.reference import Reference

from . import cartesian_field
from .cartesian_map import KIND as CARTESIAN
from .field import Field

FIELDS = {CARTESIAN: cartesian_field.of}
"""For each kind of map, what makes its field: ``(map, its number) -> Field``."""


def field_of(element: Any) -> Field:
    """Return the sum of the fields of an element's maps."""
    fields = tuple(FIELDS[given["kind"]](given, number) for number, given in enumerate(element.field_maps))
    return fields[0] if len(fields) == 1 else _sum(fields)


@cache
def _sum(fields: tuple[Field, ...]) -> Field:
    electric = any(field.electric for field in fields)
    namespace: dict[str, Any] = {f"field{i}": field.value for i, field in enumerate(fields)}
    names = ("ex", "ey", "es", "bx", "by", "bs") if electric else ("bx", "by", "bs")
    lines = ["def value(c, q, xp):"]
    for i, field in enumerate(fields):
        there = names if field.electric or not electric else names[3:]
        lines.append(f"    {', '.join(f'{name}{i}' for name in there)} = field{i}(c[{i}], q, xp)")
    sums = (" + ".join(f"{n}{i}" for i, f in enumerate(fields) if f.electric or n[0] == "b") or "0.0" for n in names)
    lines.append(f"    return {', '.join(sums)}")
    exec(compile("\n".join(lines), "<sum of field maps>", "exec"), namespace)

    def at(element: Any, place: float, reference: Reference, xp: Any) -> tuple[Any, ...]:
        return tuple(field.at(element, place, reference, xp) for field in fields)

    return Field(namespace["value"], at, any(f.varies for f in fields), electric)
