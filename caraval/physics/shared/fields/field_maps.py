"""Field maps: fields that are not ideal, given by what somebody computed or measured (Bmad manual, "Field Maps").

An element holds its maps as data, with the names that Bmad has for their parts. What kinds of maps there are, and how the field
of each is worked out, is said in a file for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import InputError, suggest

ANCHORS = {"beginning": 0.0, "center": 0.5, "end": 1.0}
"""Points of an element from which a map's place counts, in lengths from its entrance."""

COMMON = {
    "field_type": "magnetic",
    "field_scale": 1.0,
    "master_parameter": "",
    "ele_anchor_pt": "beginning",
    "r0": (0.0, 0.0, 0.0),
}
"""What maps of all kinds have, and what it is where nothing is said."""

Check = Callable[[str, Mapping[str, Any]], None]

CHECKS: dict[str, Check] = {}
"""For each kind of map, what checks it: ``(where, map) -> None``; it raises :class:`InputError`."""


class Mapped(Element):
    """An element that may have field maps.

    Attributes
    ----------
    field_maps : tuple of mapping
        Maps whose fields add up, in place of the ideal field, for ``runge_kutta`` and in wigglers for ``kick_drift_kick``;
        other methods pass over them, as Bmad's ``bmad_standard`` does. Each has a ``kind``, the common parts (``field_type``:
        "magnetic"; ``field_scale``; ``master_parameter``: a parameter of the element that multiplies the field;
        ``ele_anchor_pt``: "beginning", "center" or "end"; ``r0``: the map's origin from there [m]) and those of its kind.
    """

    field_maps: tuple[Any, ...] = ()

    def validate(self) -> None:
        """Check the maps."""
        super().validate()
        for number, given in enumerate(self.field_maps, 1):
            self._check_map(f"{self.label}: field map {number}", given)

    def _check_map(self, where: str, given: Any) -> None:
        if not isinstance(given, Mapping) or given.get("kind") not in CHECKS:
            raise InputError(f"{where} must be a mapping whose kind is one of {', '.join(CHECKS)}, not {str(given)[:60]}")
        check_common(where, given)
        master = given.get("master_parameter", "")
        if master and master not in self.schema().parameters:
            hint = suggest(master, self.schema().parameters)
            raise InputError(f"{where}: its master_parameter must be a parameter of a {self.kind}, not {master!r}{hint}")
        CHECKS[given["kind"]](where, given)

    def turned(self) -> Element:
        """Return what a reversed element is to the particles; what a map is backwards, nobody has said yet."""
        if self.orientation == -1 and self.field_maps:
            raise InputError(f"{self.label}: an element with field maps cannot be reversed")
        return super().turned()


def check_common(where: str, given: Mapping[str, Any]) -> None:
    """Check what maps of all kinds have.

    Raises
    ------
    InputError
    """
    for name, allowed in (("field_type", ("magnetic", "electric")), ("ele_anchor_pt", tuple(ANCHORS))):
        if part(given, name) not in allowed:
            raise InputError(f"{where}: {name} must be one of {', '.join(allowed)}, not {part(given, name)!r}")
    check_numbers(f"{where}: field_scale", [part(given, "field_scale")])
    check_numbers(f"{where}: r0", part(given, "r0"), 3)


def check_numbers(where: str, values: Any, how_many: int | None = None) -> None:
    """Check that there are finite numbers.

    Raises
    ------
    InputError
    """
    listed = list(values) if isinstance(values, (tuple, list)) else None
    if listed is None or not all(is_number(v) and v - v == 0 for v in listed) or len(listed) != (how_many or len(listed)):
        raise InputError(f"{where} must be {how_many or 'only'} finite numbers, not {str(values)[:60]}")


def part(given: Mapping[str, Any], name: str) -> Any:
    """Return what a map says, or its default."""
    return given.get(name, COMMON[name])


def scale(element: Any, given: Mapping[str, Any]) -> Any:
    """Return the factor on the field of a map."""
    master = part(given, "master_parameter")
    return part(given, "field_scale") * (getattr(element, master) if master else 1.0)


def origin(element: Any, given: Mapping[str, Any]) -> tuple[float, float, Any]:
    """Return where the origin of a map is: x and y, and s from the entrance of the element, which may be a slice [m]."""
    x, y, along = part(given, "r0")
    whole = element.length if element.slice_of is None else element.slice_of
    start = 0.0 if element.slice_start is None else element.slice_start
    return x, y, ANCHORS[part(given, "ele_anchor_pt")] * whole + along - start
