"""The plan: what happens to a beam along a lattice, resolved once.

A plan is a sequence of stages. A *step* moves particles; a *map* is a run of linear elements, merged; a *look* is a place
where the beam is observed. Building a plan needs the registry and no numbers beyond those that decide its shape (which
offsets are zero, how many steps an element takes). :meth:`Plan.prepare` fills in the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import maps
from .arrays import Mixed, expand, is_number, namespace
from .element import Element
from .errors import CaravalError, InputError
from .jet import jet_namespace, linear_map, seed
from .loss import GUARD
from .maps import LinearMap
from .methods import TrackingMethod, as_method
from .reference import Reference
from .registry import Registry
from .routine import Composite, Routine, Step, UnknownValueError

MapFunction = Callable[[Element, Reference, Reference, Any], LinearMap]


class StepStage(NamedTuple):
    """A step in an element."""

    element: int
    step: Step


class MapStage(NamedTuple):
    """A run of linear elements: ``(element, map function)`` of each."""

    parts: tuple[tuple[int, MapFunction], ...]


class LookStage(NamedTuple):
    """The beam is looked at after an element."""

    element: int


Stage = StepStage | MapStage | LookStage


class Variant(NamedTuple):
    """What a compiler makes one program of: chains of routines that differ only in their constants."""

    tracks: tuple[Callable[..., Any], ...]
    check: Callable[..., Any] | None
    layout: tuple[Any, ...]

    def size(self) -> int:
        """How many constants a row has."""
        return _size(self.layout)


class Row(NamedTuple):
    """A step with its numbers filled in.

    Attributes
    ----------
    variant : Variant
    constants : tuple
        Of each routine, then of the check.
    code : float
        ``2 element`` for a loss at the entrance of the element, ``2 element + 1`` at its exit.
    """

    variant: Variant
    constants: tuple[Any, ...]
    code: float


class Prepared(NamedTuple):
    """A plan with its numbers: a row, a map or a look (an element's index) for each stage, and the references."""

    stages: tuple[Row | LinearMap | int, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Plan:
    """What happens to a beam along a lattice.

    Attributes
    ----------
    stages : tuple of StepStage, MapStage and LookStage
    registry : Registry
        The one that the plan was resolved with.
    """

    stages: tuple[Stage, ...]
    registry: Registry

    def prepare(self, elements: Sequence[Element], reference: Reference, *, particles: bool = True) -> Prepared:
        """Return the plan with the numbers of these elements.

        Parameters
        ----------
        elements : sequence of Element
            Those that the plan was built for, with the same or other values.
        reference : Reference
            At the start.
        particles : bool
            Whether many particles will go through (settings then get a trailing axis of one), or a single orbit.
        """
        references = reference_pass(self.registry, elements, reference)
        dressed: dict[int, tuple[Element, Reference, Reference, Any]] = {}
        rows: dict[tuple[int, int], Row] = {}

        def dress(index: int, expanded: bool) -> tuple[Element, Reference, Reference, Any]:
            key = index if expanded else ~index
            if key not in dressed:
                dressed[key] = _dress(elements[index], references[index], references[index + 1], expanded)
            return dressed[key]

        out: list[Row | LinearMap | int] = []
        for stage in self.stages:
            if isinstance(stage, LookStage):
                out.append(stage.element)
            elif isinstance(stage, MapStage):
                found = [_named(elements[i], function, dress(i, False)) for i, function in stage.parts]
                out.append(_composed(found))
            else:
                key = (stage.element, id(stage.step))
                if key not in rows:
                    element = elements[stage.element]
                    rows[key] = _named(element, _row, (stage, *dress(stage.element, particles)))
                out.append(rows[key])
        return Prepared(tuple(out), references)


def reference_pass(registry: Registry, elements: Sequence[Element], reference: Reference) -> tuple[Reference, ...]:
    """Return the reference at the start and after every element."""
    out = [reference]
    for element in elements:
        entry = _reference_function(registry, type(element))
        if entry is None:
            reference = reference.drifted(element.length)
        else:
            values = (*element.parameters.values(), reference.p0c, reference.s, reference.t)
            reference = _named(element, entry, (element, reference, namespace(*values)))
        out.append(reference)
    return tuple(out)


def build(
    registry: Registry,
    elements: Sequence[Element],
    *,
    counts: Sequence[int | None] | None = None,
    looks: Sequence[bool] | None = None,
) -> Plan:
    """Resolve a lattice into a plan.

    Parameters
    ----------
    registry : Registry
    elements : sequence of Element
    counts : sequence of int, optional
        Into how many parts each element is divided, see :func:`count`.
    looks : sequence of bool, optional
        After which elements the beam is looked at.

    Raises
    ------
    MethodError
        If an element lacks the method that it asks for.
    """
    stages: list[Stage] = []
    run: list[tuple[int, MapFunction]] = []

    def end_run() -> None:
        if run:
            stages.append(MapStage(tuple(run)))
            run.clear()

    for index, element in enumerate(elements):
        given = counts[index] if counts is not None else None
        resolved = _named(element, _resolve, (registry, element, given))
        for part in resolved:
            if isinstance(part, Step):
                if part.routines or part.check:
                    end_run()
                    stages.append(StepStage(index, part))
            else:
                run.append((index, part))
        if looks is not None and looks[index]:
            end_run()
            stages.append(LookStage(index))
    end_run()
    return Plan(tuple(stages), registry)


def count(registry: Registry, element: Element, reference: Reference | None) -> int | None:
    """Return into how many parts an element's method divides it; None if a trace hides what decides it."""
    _, method, chosen = _method(registry, element)
    if not isinstance(method, Composite) or method.count is None:
        return 1
    try:
        return method.count(element, chosen, reference)
    except UnknownValueError:
        return None


# -------------------------------------------------------------------- resolving


def _method(registry: Registry, element: Element) -> tuple[bool, Any, TrackingMethod]:
    """Return whether an element is tracked by a map, the method's implementation, and the method with its options."""
    chosen = registry.method_of(element)
    methods = registry.methods_of(type(element))
    method = methods.get(chosen.name)
    if isinstance(method, (Routine, Composite)):
        return False, method, chosen
    if chosen.name == "linear":  # the derivative of the particle routine, unless the kind's own map will do
        found = registry.particle_method(type(element))
        if found is not None:
            name, method = found
            return True, method, as_method(name)
    return True, method, chosen


def _resolve(registry: Registry, element: Element, given: int | None) -> Sequence[Step | MapFunction]:
    by_map, method, chosen = _method(registry, element)
    if not by_map:
        return _guarded(_wrap(registry, element, _steps(registry, element, method, chosen, given)))
    own = registry.methods_of(type(element)).get(registry.method_of(element).name)
    if own is not None:
        bare = (_through(own),)
        wrapped = _wrap(registry, element, (Step(bare),))
        moving = [step.routines for step in wrapped if step.routines]
        if moving == [bare] and element.is_plain():
            return _as_map(wrapped, own)
        if method is own:
            return _as_map(wrapped, Derivative(wrapped))
    steps = _wrap(registry, element, _steps(registry, element, method, chosen, given))
    return _as_map(steps, Derivative(steps))


def _steps(registry: Registry, element: Element, method: Any, chosen: TrackingMethod, given: int | None) -> Sequence[Step]:
    if isinstance(method, Routine):
        return (Step((method,)),)
    if given is None and method.count is not None:
        try:
            given = method.count(element, chosen, None)
        except UnknownValueError:
            raise InputError(
                f"into how many steps {element.label} is divided depends on values that a trace hides; "
                "give num_steps to its tracking method, or start from a lattice with plain numbers and use replace()"
            ) from None
    return method.steps(element, chosen, given or 1)


def _wrap(registry: Registry, element: Element, steps: Sequence[Step]) -> Sequence[Step]:
    for wrapper in registry.wrappers:
        steps = wrapper(element, steps)
    return tuple(steps)


def _through(function: Any) -> Routine:
    """Return the routine that moves particles through a kind's own map."""

    def prepare(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        return maps.entries(function(element, reference_in, reference_out, xp), particles=False)

    return Routine(track=maps.track, prepare=prepare)


def _as_map(steps: Sequence[Step], function: Any) -> list[Step | MapFunction]:
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
    """The map function that differentiates the steps of an element at zero coordinates."""

    steps: Sequence[Step]

    def __call__(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearMap:
        """Return the first-order expansion of the element about the reference orbit."""
        q = seed((0.0,) * 6)
        constants: dict[int, list[Any]] = {}
        for step in self.steps:
            if id(step) not in constants:
                constants[id(step)] = [r.constants(element, reference_in, reference_out, xp) for r in step.routines]
            q = run_routines(step.routines, constants[id(step)], q, jet_namespace(xp))
        return linear_map(q)


def run_routines(routines: Sequence[Routine], constants: Sequence[Any], q: Any, xp: Any) -> Any:
    """Run a chain of routines on coordinates."""
    for routine, c in zip(routines, constants, strict=True):
        q = routine.track(c, q, xp)
    return q


# -------------------------------------------------------------------- filling in numbers


def _reference_function(registry: Registry, kind: type[Element]) -> Callable[..., Any] | None:
    for cls in kind.__mro__:
        if cls in registry.references:
            return registry.references[cls].value
    return None


def _dress(element: Element, before: Reference, after: Reference, expanded: bool) -> tuple[Element, Reference, Reference, Any]:
    """Return an element and its references as routines want to see them, and the namespace to compute with."""
    values = (*element.parameters.values(), before.p0c, before.s, before.t, after.p0c, after.s, after.t)
    xp = namespace(*values)
    if expanded and isinstance(xp, Mixed):
        before, after = before.expanded(), after.expanded()
        element = _with_parameters(element, {name: expand(value) for name, value in element.parameters.items()})
    return element.at(before, xp), before, after, xp


def _with_parameters(element: Element, parameters: dict[str, Any]) -> Element:
    new = object.__new__(type(element))
    new.__dict__.update(element.__dict__)
    new.__dict__.update(parameters)
    return new


def _row(stage: StepStage, element: Element, before: Reference, after: Reference, xp: Any) -> Row:
    step = stage.step
    routines = (*step.routines, step.check) if step.check else step.routines
    constants = tuple(routine.constants(element, before, after, xp) for routine in routines)
    variant = Variant(
        tuple(routine.track for routine in step.routines),
        step.check.track if step.check else None,
        layout(constants),
    )
    return Row(variant, constants, float(2 * stage.element + (not step.at_entrance)))


def _composed(found: Sequence[LinearMap]) -> LinearMap:
    total = found[0]
    for following in found[1:]:
        total = total.then(following)
    return total


def _named(element: Element, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call a function and let its errors say which element they are about."""
    try:
        return function(*arguments)
    except CaravalError as error:
        if element.name and element.name not in str(error):
            raise type(error)(f"{element.label}: {error}") from error
        raise
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"{element.label} makes no sense with these values ({error}): {element!r}") from error


# -------------------------------------------------------------------- constants as flat lists


def layout(constants: Any) -> Any:
    """Return the nesting of constants: None for a number or an array, else its class and the nesting of its parts."""
    if not isinstance(constants, tuple):
        return None
    cls = type(constants) if hasattr(constants, "_fields") else tuple
    return (cls, *(layout(part) for part in constants))


def flatten(constants: Any) -> list[Any]:
    """Return the numbers and arrays in constants, in order."""
    if not isinstance(constants, tuple):
        return [constants]
    return [value for part in constants for value in flatten(part)]


def unflatten(nesting: Any, values: Any) -> Any:
    """Put constants together again from an iterator over their numbers."""
    if nesting is None:
        return next(values)
    cls, *parts = nesting
    built = [unflatten(part, values) for part in parts]
    return tuple(built) if cls is tuple else cls(*built)


def _size(nesting: Any) -> int:
    return 1 if nesting is None else sum(_size(part) for part in nesting[1:])


def map_row(m: LinearMap) -> Row:
    """Return the row with which particles go through a map."""
    constants = (maps.entries(m),)
    return Row(Variant((maps.track,), None, layout(constants)), constants, 0.0)


def is_static(prepared: Prepared) -> bool:
    """Whether a prepared plan holds plain numbers alone, so that it may be kept."""
    numbers = [value for r in prepared.references for value in (r.p0c, r.s, r.t)]
    for stage in prepared.stages:
        if isinstance(stage, Row):
            numbers += flatten(stage.constants)
        elif isinstance(stage, LinearMap) and not (isinstance(stage.matrix, np.ndarray) and stage.matrix.ndim == 2):
            return False
    return all(map(is_number, numbers))
