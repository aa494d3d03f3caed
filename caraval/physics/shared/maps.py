"""The fields of all field maps of an element together."""

from __future__ import annotations

from functools import cache
from typing import Any

from caraval.core.reference import Reference

from .fields import cartesian_field, cartesian_map, gradients_field, gradients_map
from .fields.field import Field

FIELDS = {cartesian_map.KIND: cartesian_field.of, gradients_map.KIND: gradients_field.of}
"""For each kind of map, what makes its field: ``(map, its number) -> Field``."""


def field_of(element: Any) -> Field:
    """Return the sum of the fields of an element's maps."""
    fields = tuple(FIELDS[given["kind"]](given, number) for number, given in enumerate(element.field_maps))
    return fields[0] if len(fields) == 1 else _sum(fields)


@cache
def _sum(fields: tuple[Field, ...]) -> Field:
    """Return the sum of magnetic fields."""
    value = _summed("value", [field.value for field in fields], ("x", "y", "s"))
    potential = _summed("potential", [field.potential for field in fields], ("x", "y"))

    def at(element: Any, place: float, reference: Reference, xp: Any) -> tuple[Any, ...]:
        return tuple(field.at(element, place, reference, xp) for field in fields)

    return Field(value, at, varies=any(field.varies for field in fields), potential=potential)


def _summed(name: str, functions: list[Any], components: tuple[str, ...]) -> Any:
    lines = [f"def {name}(c, q, xp):"]
    lines += [f"    {', '.join(f'{n}{i}' for n in components)} = f{i}(c[{i}], q, xp)" for i in range(len(functions))]
    sums = (" + ".join(f"{n}{i}" for i in range(len(functions))) for n in components)
    lines.append(f"    return {', '.join(sums)}")
    namespace: dict[str, Any] = {f"f{i}": function for i, function in enumerate(functions)}
    exec(compile("\n".join(lines), "<sum of field maps>", "exec"), namespace)
    return namespace[name]
