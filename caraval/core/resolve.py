"""From an element and its method to steps or a map: which routine, how many steps, and what wraps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import maps
from .element import Element
from .errors import InputError, UnknownNameError, suggest
from .jet import jet_namespace, lifted, linear_map, second_order_map, seed
from .loss import GUARD, ORBIT_LOST
from .maps import LinearMap, Map, SecondOrderMap
from .methods import TrackingMethod, as_method
from .reference import Reference
from .registered import DERIVED, Registry
from .routine import Composite, Routine, Step, UnknownValueError, conserving


@dataclass(frozen=True)
class MapFunction:
    """What makes an element's map: ``(element, reference_in, reference_out, xp) -> map``, of order 1 or 2."""

    function: Callable[..., Any]
    order: int = 1

    def __call__(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Map:
        """Return the element's map.

        Raises
        ------
        InputError
            If the function returned something else.
        """
        found = self.function(element, reference_in, reference_out, xp)
        expected = _MAPS[self.order]
        if not isinstance(found, expected):
            raise InputError(f"the map of a {element.kind} must be a {expected.__name__}, not {type(found).__name__}")
        return found


_MAPS: dict[int, type[Map]] = {1: LinearMap, 2: SecondOrderMap}


def resolve(registry: Registry, element: Element, number: int | None, conserves: bool = False) -> Sequence[Step | MapFunction]:
    """Return what an element contributes to a plan.

    Parameters
    ----------
    registry : Registry
    element : Element
    number : int, optional
        Into how many parts it is divided, see :func:`count`; None: not known, which matters only if it is stepped.
    conserves : bool
        Whether to leave out what dissipates.

    Raises
    ------
    MethodError
        If the element lacks the method that it asks for.
    InputError
        If the number of steps is needed and not known.
    """
    element = element.turned()
    by_map, method, chosen = _method(registry, element)

    def wrapped_around(steps: Sequence[Step]) -> Sequence[Step]:
        wrapped = _wrap(registry, element, steps)
        return conserving(wrapped) if conserves and element.effects else wrapped

    if not by_map:
        return _guarded(wrapped_around(_steps(element, method, chosen, number)))
    name = registry.method_of(element).name
    order = DERIVED.get(name, 1)
    own: Any = registry.methods_of(type(element)).get(name)
    if own is not None:
        bare = (_through(own, order),)
        wrapped = wrapped_around((Step(bare),))
        moving = [step.routines for step in wrapped if step.routines]
        if moving == [bare] and element.is_plain():
            return _as_map(wrapped, MapFunction(own, order))
        if method is own:
            return _as_map(wrapped, MapFunction(Derivative(wrapped, order), order))
    steps = wrapped_around(_steps(element, method, chosen, number))
    return _as_map(steps, MapFunction(Derivative(steps, order), order))


def count(
    registry: Registry, element: Element, reference: Reference | None, standing: Element | None = None, *, anyway: bool = False
) -> int | None:
    """Return into how many parts an element's method divides it.

    Parameters
    ----------
    registry : Registry
    element : Element
        Whose numbers decide.
    reference : Reference, optional
        At its entrance, for elements given by fields.
    standing : Element, optional
        The same with some values open, which says whether the number matters.
    anyway : bool
        Whether to count even where it does not.

    Returns
    -------
    int or None
        One where it does not matter, None if a trace hides what decides.
    """
    _, method, chosen = _method(registry, element)
    if not isinstance(method, Composite) or method.count is None:
        return 1
    if not anyway and method.stepped is not None and not method.stepped(standing or element):
        return 1
    try:
        return method.count(element, chosen, reference)
    except UnknownValueError:
        return None


def _method(registry: Registry, element: Element) -> tuple[bool, Any, TrackingMethod]:
    """Return whether an element is tracked by a map, the method's implementation, and the method with its options."""
    chosen = registry.method_of(element)
    method = registry.methods_of(type(element)).get(chosen.name)
    if isinstance(method, (Routine, Composite)):
        return False, method, chosen
    if chosen.name in DERIVED:  # the derivative of the particle routine, unless the kind's own map will do
        found = registry.particle_method(type(element))
        if found is not None:
            name, method = found
            return True, method, as_method(name)
    return True, method, chosen


def _steps(element: Element, method: Any, chosen: TrackingMethod, number: int | None) -> Sequence[Step]:
    if isinstance(method, Routine):
        return (Step((method,)),)
    if number is None and (method.stepped is None or method.stepped(element)):
        raise InputError(
            f"into how many steps {element.label} is divided depends on values that a trace hides; "
            "give num_steps to its tracking method, or start from a lattice with plain numbers and use replace()"
        )
    return method.steps(element, chosen, number or 1)


def _wrap(registry: Registry, element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    for name in element.effects:
        if name not in registry.effects:
            raise UnknownNameError(
                f"{element.label} has an effect {name!r} that no plugin brings{suggest(name, registry.effects)}; "
                f"there are {', '.join(registry.effects) or 'none'}"
            )
    for wrapper in registry.wrappers:
        steps = wrapper.value(element, steps)
    return tuple(steps)


def _through(function: Any, order: int) -> Routine:
    """Return the routine that moves particles through a kind's own map."""
    track, constants_of = maps.THROUGH[_MAPS[order]]

    def prepare(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        return constants_of(MapFunction(function, order)(element, reference_in, reference_out, xp), particles=False)

    return Routine(track=track, prepare=prepare)


def _as_map(steps: Sequence[Step], function: MapFunction) -> list[Step | MapFunction]:
    """Return a map in place of an element's moving steps; the tests before and after them stay."""
    moving = [index for index, step in enumerate(steps) if step.routines]
    if not moving:
        return list(steps)
    last = steps[moving[-1]]
    after = [last._replace(routines=())] if last.check else []
    return [*steps[: moving[0]], function, *after, *steps[moving[-1] + 1 :]]


def _guarded(steps: Sequence[Step]) -> Sequence[Step]:
    """Test particles for plain nonsense after every step that has no other test; a repeated step stays one object."""
    guarded: dict[int, Step] = {}
    for step in steps:
        if id(step) not in guarded:
            needs = step.routines and not step.check
            guarded[id(step)] = step._replace(check=GUARD) if needs else step
    return tuple(guarded[id(step)] for step in steps)


@dataclass(frozen=True)
class Derivative:
    """The function that differentiates the steps of an element at zero coordinates, once or twice."""

    steps: Sequence[Step]
    order: int = 1

    def __call__(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Map:
        """Return the expansion of the element about the reference orbit.

        Raises
        ------
        InputError
            If that orbit leaves the region where tracking has values.
        """
        q, space = seed((0.0,) * 6, self.order), jet_namespace(xp, self.order)
        constants: dict[int, list[Any]] = {}
        for step in self.steps:
            if id(step) not in constants:
                prepared = (r.constants(element, reference_in, reference_out, xp) for r in step.routines)
                constants[id(step)] = [lifted(c, self.order) for c in prepared]
            for routine, c in zip(step.routines, constants[id(step)], strict=True):
                try:
                    q = routine.track(c, q, space)
                except (ArithmeticError, ValueError) as error:  # plain numbers have no infinity to grow into
                    raise InputError(f"{element.label}: {ORBIT_LOST}") from error
        return linear_map(q) if self.order == 1 else second_order_map(q)
