"""Many settings, some at a time: memory stays bounded, and what is worked on stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from array_api_compat import array_namespace

from .arrays import is_number, shape_of, together
from .beam import ParticleBeam
from .coordinates import Coordinates
from .element import Element
from .moments import MomentBeam
from .reference import Reference

Beam = ParticleBeam | MomentBeam

OWN_AXES: dict[type, tuple[int, ...]] = {ParticleBeam: (1, 0, 1, 1, 1, 1), MomentBeam: (1, 2, 0, 0)}
"""How many axes the parts of a beam (of its tree) have beside those of settings: for particles, or for moments."""


def settings_of(shapes: set[tuple[int, ...]], beam: Beam) -> tuple[int, ...]:
    """Return the shape of all settings together: of elements, whose `shapes` are given, and of the beam."""
    own_shapes = []
    for own, part in zip(OWN_AXES[type(beam)], beam.tree_flatten()[0], strict=True):
        values = part if isinstance(part, Coordinates) else part.tree_flatten()[0] if isinstance(part, Reference) else (part,)
        own_shapes += [shape_of(value)[: max(0, len(shape_of(value)) - own)] for value in values]
    return together((*shapes, *own_shapes))


def parts(
    elements: Sequence[Element], beam: Beam, settings: tuple[int, ...], most: int
) -> Iterator[tuple[list[Element], Beam]]:
    """Yield elements and beam with at most so many of the settings along the first axis."""
    for start in range(0, settings[0], most):
        part = slice(start, start + most)

        def of(own: int, value: Any, part: slice = part) -> Any:
            return value[part] if _is_split(value, own, settings) else value

        yield [_split(element, of, settings) for element in elements], _each(of, beam)


def _split(element: Element, of: Callable[..., Any], settings: tuple[int, ...]) -> Element:
    """Return an element with some of its settings, and of those of elements that it holds."""
    changes = {name: of(0, v) for name, v in element.parameters.items() if v is not None and _is_split(v, 0, settings)}
    changes |= {name: _split(held, of, settings) for name, held in element.trees.items() if isinstance(held, Element)}
    return element.with_values(changes) if changes else element


def joined(beams: Sequence[Beam], settings: tuple[int, ...]) -> Beam:
    """Return the beams of all settings as one."""

    def join(own: int, *values: Any) -> Any:
        first = values[0]
        if is_number(first) or first.ndim - own < len(settings) or sum(v.shape[0] for v in values) != settings[0]:
            return first
        return array_namespace(first).concat(values, axis=0)

    return _each(join, *beams)


def most_at_a_time(beam: Beam, moments: int, lanes: int) -> int:
    """Return how many settings to take at a time: so many `moments`, or with `lanes` particles in all of them together."""
    return max(1, lanes // beam.x.shape[-1]) if isinstance(beam, ParticleBeam) else moments


def _is_split(value: Any, own: int, settings: tuple[int, ...]) -> bool:
    shape = shape_of(value)
    return len(shape) - own == len(settings) and shape[0] == settings[0]


def _each(function: Callable[..., Any], *beams: Any) -> Any:
    """Return the beam whose parts are ``function(own axes, part, ...)`` of the parts of beams of one kind."""
    trees = [beam.tree_flatten()[0] for beam in beams]
    cls = type(beams[0])
    return cls.tree_unflatten(None, [_part(function, own, same) for own, *same in zip(OWN_AXES[cls], *trees, strict=True)])


def _part(function: Callable[..., Any], own: int, values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Coordinates):
        return Coordinates(*(function(own, *same) for same in zip(*values, strict=True)))
    if isinstance(first, Reference):
        numbers = zip(*(value.tree_flatten()[0] for value in values), strict=True)
        return Reference.tree_unflatten(first.species, [function(0, *same) for same in numbers])
    return function(own, *values)
