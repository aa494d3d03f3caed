"""Where items of lines are (PALS, "Line item placement", "Superposition")."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from .bends import geometry
from .definitions import Definition, Item, Line
from .names import matched
from .tree import Node, Place

if TYPE_CHECKING:
    from .expansion import Expansion, Placed

CLOSE = 1e-9
"""How far apart [m] places may be that are the same."""

POINTS = {"ENTRANCE_END": 0.0, "CENTER": 0.5, "EXIT_END": 1.0}


class Block(NamedTuple):
    """An item of a line, and the elements that it stands for."""

    item: Item
    elements: list[Placed]


def length_of(definition: Definition) -> float:
    """Return the length of an element [m]."""
    if definition.kind == "Bend":
        return geometry(definition, None).length
    value = definition.parameters.get("length") or 0.0
    if not isinstance(value, (int, float)):
        raise definition.place.error(f"{definition.label}: length must be a number, not {value!r}")
    return value


def long(elements: list[Placed]) -> float:
    """Return the length of a row of elements [m]."""
    return sum(e.part[1] - e.part[0] if e.part else length_of(e.definition) for e in elements)


def drift(length: float, place: Place) -> Definition:
    """Return the space between elements."""
    return Definition("", {"kind": "Drift", "length": length}, place)


def filled(blocks: list[Block], line: Line, expansion: Expansion) -> list[Placed]:
    """Return the elements of a line, with drifts in between where items are placed apart."""
    plain = [element for block in blocks for element in block.elements]
    if all(block.item.placement is None for block in blocks):
        return [*plain, *_rest(plain, line)]
    starts: list[float] = []
    for i, block in enumerate(blocks):
        at = starts[i - 1] + long(blocks[i - 1].elements) if i else 0.0
        if block.item.placement is not None:
            at = _start(i, blocks, starts, expansion)
        starts.append(at)
    order = sorted(range(len(blocks)), key=lambda i: starts[i])
    found: list[Placed] = []
    end = 0.0
    for i in order:
        gap = starts[i] - end
        if gap < -CLOSE:
            found = _shortened(found, -gap, blocks[i].item)
        elif gap > CLOSE:
            found.append(_new(drift(gap, blocks[i].item.place)))
        found += blocks[i].elements
        end = starts[i] + long(blocks[i].elements)
    return [*found, *_rest(found, line)]


def _new(definition: Definition) -> Placed:
    from .expansion import Placed

    return Placed(definition, ())


def _rest(elements: list[Placed], line: Line) -> list[Placed]:
    """Return the drift to the end of a line whose length is given."""
    rest = (line.length or 0.0) - (long(elements) if line.length else 0.0)
    if rest < -CLOSE:
        raise line.place.error(f"the line {line.name!r} is {-rest:g} m longer than its length, {line.length} m")
    return [_new(drift(rest, line.place))] if rest > CLOSE else []


def _shortened(elements: list[Placed], by: float, item: Item) -> list[Placed]:
    """Take length off a drift at the end, over which the next item is placed."""
    last = elements[-1] if elements else None
    if last is None or last.kind != "Drift" or length_of(last.definition) < by - CLOSE:
        raise item.place.error(f"{item.name!r} overlaps what is before it by {by:g} m")
    rest = length_of(last.definition) - by
    shorter = last.definition.copied()
    shorter.parameters["length"] = rest
    return [*elements[:-1], *([replace(last, definition=shorter)] if rest > CLOSE else [])]


def _start(i: int, blocks: list[Block], starts: list[float], expansion: Expansion) -> float:
    """Return where an item starts in its line [m]."""
    item = blocks[i].item
    offset, to, base_name, from_ = _placement(item.placement or {}, expansion)
    base = i - 1
    if base_name:
        named = [j for j, block in enumerate(blocks[:i]) if block.item.name == base_name]
        if not named:
            raise item.place.error(f"there is no item {base_name!r} before {item.name!r} in this line")
        base = named[-1]
    at = starts[base] + _point(blocks[base], from_, item, expansion) if base >= 0 else 0.0
    return at + offset - _point(blocks[i], to, item, expansion)


def _placement(given: dict[str, Node], expansion: Expansion) -> tuple[float, str, str, str]:
    texts = {name: given[name].text(name) for name in ("to_point", "base_item", "from_point") if name in given}
    offset = expansion.facility.values.number(given["offset"]) if "offset" in given else 0.0
    return offset, texts.get("to_point", "ENTRANCE_END"), texts.get("base_item", ""), texts.get("from_point", "EXIT_END")


def _point(block: Block, point: str, item: Item, expansion: Expansion) -> float:
    """Return how far a point of a block is from its beginning [m]."""
    if point in POINTS:
        return POINTS[point] * long(block.elements)
    line = expansion.document.lines.get(block.item.of or block.item.name)
    if point != "ZERO_POINT" or line is None or not line.zero_point:
        raise item.place.error(f"{point!r} is none of {', '.join(POINTS)}, and {block.item.name!r} has no zero_point")
    for j, element in enumerate(block.elements):
        if element.name == line.zero_point:
            return long(block.elements[:j])
    raise item.place.error(f"there is no {line.zero_point!r}, the zero_point, in the line {line.name!r}")


# -------------------------------------------------------------------- superposition


def superimposed(elements: list[Placed], expansion: Expansion) -> list[Placed]:
    """Return the elements of a branch with those that are put over others."""
    for name, given, place in expansion.document.superpositions:
        definition = expansion.document.elements.get(name)
        if definition is None:
            raise place.error(f"there is no element {name!r} to superimpose")
        offset, to, base, from_ = _placement(given, expansion)
        if to not in POINTS or from_ not in POINTS:
            raise place.error(f"to_point and from_point are {', '.join(POINTS)}")
        for i in reversed(matched(base or ".*", elements, place)[: None if base else 1]):
            start = long(elements[:i]) + POINTS[from_] * long([elements[i]]) + offset
            start -= POINTS[to] * length_of(definition)
            elements = _over(elements, definition, start, i, place)
    return elements


def _over(elements: list[Placed], definition: Definition, start: float, near: int, place: Place) -> list[Placed]:
    """Put one element over others; drifts and what has no length make room, others only for what has none."""
    length, at = length_of(definition), 0.0
    before: list[Placed] = []
    after: list[Placed] = []
    lines = elements[near].lines
    for i, element in enumerate(elements):
        end = at + long([element])
        if end <= start + CLOSE and (end < start - CLOSE or length or i <= near):
            before.append(element)
        elif at >= start + length - CLOSE:
            after.append(element)
        elif element.kind != "Drift" and length:
            raise place.error(f"{definition.name!r} would lie over {element.name!r}, which is no drift")
        else:
            low, high = (element.part or (0.0, 0.0))[0], at
            if start - high > CLOSE:
                before.append(replace(element, part=(low, low + start - high)))
            if end - start - length > CLOSE:
                after.append(replace(element, part=(low + start + length - high, low + end - high)))
        at = end
    if start < -CLOSE or start + length > at + CLOSE:
        raise place.error(f"{definition.name!r} would lie outside of its line")
    from .expansion import Placed

    return [*before, Placed(definition, lines), *after]
