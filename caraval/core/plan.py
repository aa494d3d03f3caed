"""The plan: what happens to a beam along a lattice, resolved once.

A plan is a sequence of stages. A *step* moves particles; a *map* is a run of linear elements, merged, or one element to
second order; a *collective* stage needs the whole bunch; a *look* is a place where the beam is observed. Building a plan
needs the registry and no numbers beyond those that decide its shape (which offsets are zero, how many steps an element takes).
:meth:`Plan.prepare` fills in the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, NamedTuple

from .arrays import Mixed, expand, is_number, namespace
from .element import Element
from .errors import CaravalError, InputError
from .maps import LinearMap, Map, is_static
from .recording import UnrecordableError
from .reference import Reference
from .registered import Registry
from .resolve import MapFunction, count, resolve
from .routine import Collective, Step
from .rows import Row, Undo, flatten, row_of
from .runs import Run
from .varying import Varying


class StepStage(NamedTuple):
    """A step in an element."""

    element: int
    step: Step


class MapStage(NamedTuple):
    """A run of linear elements, or one of second order: ``(element, map function)`` of each."""

    parts: tuple[tuple[int, MapFunction], ...]

    @property
    def order(self) -> int:
        """Of the map."""
        return self.parts[0][1].order


class CollectiveStage(NamedTuple):
    """An effect of the whole bunch, in elements that follow each other; `place` is the reference point that it stands at."""

    effect: Collective
    elements: tuple[int, ...]
    place: int


class LookStage(NamedTuple):
    """The beam is looked at after an element."""

    element: int


Stage = StepStage | MapStage | CollectiveStage | LookStage


class Act(NamedTuple):
    """A collective stage with its numbers: the effect, its constants, and the reference point that it stands at."""

    effect: Collective
    constants: Any
    place: int

    def is_static(self) -> bool:
        """Whether there are plain numbers alone."""
        return all(map(is_number, flatten(self.constants)))


Filled = Row | Map | Act | int
"""A stage with its numbers; of a look, the element's place."""


class Prepared(NamedTuple):
    """A plan with its numbers.

    Attributes
    ----------
    stages : tuple
        A row, a map, an act or a look (an element's place) for each stage of the plan.
    references : tuple of Reference
        At the start and after every element.
    elements : tuple of Element
        Those whose numbers they are.
    """

    stages: tuple[Filled, ...]
    references: tuple[Reference, ...]
    elements: tuple[Element, ...]

    def is_collective(self) -> bool:
        """Whether something in it needs the whole bunch."""
        return any(isinstance(stage, Act) for stage in self.stages)

    def is_static(self) -> bool:
        """Whether there are plain numbers alone, so that it may be kept."""
        if not all(is_number(value) for r in self.references for value in (r.p0c, r.s, r.t)):
            return False
        return all(map(_is_static, self.stages))


def _is_static(stage: Filled) -> bool:
    if isinstance(stage, Row):
        return stage.is_plain
    return isinstance(stage, int) or (stage.is_static() if isinstance(stage, Act) else is_static(stage))


@dataclass(frozen=True)
class Plan:
    """What happens to a beam along a lattice.

    Attributes
    ----------
    stages : tuple of StepStage, MapStage, CollectiveStage and LookStage
    registry : Registry
        The one that the plan was resolved with.
    given : tuple of tuple of str
        Of every element the parameters that calls will give.
    asking : set of int
        Elements that change with what is upstream.
    runs : dict
        Of every run of maps, by its identity and by whether what is given is plain numbers, what was recorded of it; None: it
        cannot be.
    """

    stages: tuple[Stage, ...]
    registry: Registry
    given: tuple[tuple[str, ...], ...] = ()
    asking: frozenset[int] = frozenset()
    runs: dict[tuple[int, bool], Run | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def effects(self) -> int:
        """How many times something in it needs the whole bunch."""
        return sum(isinstance(stage, CollectiveStage) for stage in self.stages)

    def is_linear(self) -> bool:
        """Whether there is nothing but linear maps, and looks."""
        return all(isinstance(stage, LookStage) or (isinstance(stage, MapStage) and stage.order == 1) for stage in self.stages)

    def prepare(
        self,
        elements: Sequence[Element],
        reference: Reference,
        *,
        particles: bool = True,
        known: Prepared | None = None,
        backend: Any = None,
    ) -> Prepared:
        """Return the plan with the numbers of these elements.

        Parameters
        ----------
        elements : sequence of Element
            Those that the plan was built for, with the same or other values.
        reference : Reference
            At the start.
        particles : bool
            Whether many particles will go through (settings then get a trailing axis of one), or a single orbit.
        known : Prepared, optional
            The same plan with other numbers: what did not change is taken from there.
        backend : Backend, optional
            May have a quicker way to compose maps of many settings.
        """
        references = reference_pass(self.registry, elements, reference, known)
        changed = _changed(elements, references, known)
        dress = _Dresser(elements, references)
        rows: dict[tuple[int, int], Row] = {}

        def fill(stage: Stage, before: Filled | None) -> Filled:
            if isinstance(stage, LookStage):
                return stage.element
            if before is not None and not any(changed[i] for i in _places(stage)):
                return before
            if isinstance(stage, MapStage):
                found = None
                if backend is not None and backend.has_chains and stage.order == 1:
                    plain = known is not None and self._is_plain(stage, elements, references, known)
                    found = self._chained(stage, elements, references, backend, plain)
                if found is not None:
                    return found
                return _composed(named(elements[i], function, dress(i, expanded=False)) for i, function in stage.parts)
            if isinstance(stage, CollectiveStage):
                constants = [named(elements[i], stage.effect.constants, dress(i, expanded=False)) for i in stage.elements]
                return Act(stage.effect, reduce(stage.effect.joined or _alone, constants), stage.place)
            key = (stage.element, id(stage.step))
            if key not in rows:
                rows[key] = named(elements[stage.element], _row, (stage, *dress(stage.element, expanded=particles)))
            return rows[key]

        old = known.stages if known is not None else (None,) * len(self.stages)
        return Prepared(tuple(map(fill, self.stages, old)), references, tuple(elements))

    def _is_plain(self, stage: MapStage, elements: Sequence[Element], references: Sequence[Reference], known: Prepared) -> bool:
        """Whether a run differs from the one known in plain numbers that calls give, and in nothing else that it is made of."""
        if any(references[j] is not known.references[j] for i, _ in stage.parts for j in (i, i + 1)):
            return False
        if self.asking and any(i in self.asking for i, _ in stage.parts):
            return False
        changed = [i for i, _ in stage.parts if elements[i] is not known.elements[i]]
        return all(is_number(elements[i].__dict__[name]) for i in changed for name in self.given[i])

    def _chained(
        self, stage: MapStage, elements: Sequence[Element], references: Sequence[Reference], backend: Any, plain: bool
    ) -> LinearMap | None:
        """Return the map of a run of many settings, or of one, by the backend's program; None: it has none for it."""
        key = id(stage), plain
        if key not in self.runs:
            parts = ((i, partial(_bare, function), self.given[i] if plain else ()) for i, function in stage.parts)
            self.runs[key] = Run(list(parts))
        run, chain, found = self.runs[key], None, None
        if run is not None:
            try:
                chain = run.chain(elements, references)
            except UnrecordableError:
                self.runs[key] = None
        if chain is not None:
            found = backend.merged(chain) if plain else backend.composed(chain)
        if plain and found is None:  # there are other arrays, or there is no such program
            self.runs[key] = None
            return self._chained(stage, elements, references, backend, False)
        return found


def _bare(function: MapFunction, element: Element, before: Reference, after: Reference) -> Any:
    """Return an element's map, not merged with any other."""
    return function(*_Dresser.dressed(element, before, after, expanded=False))


def _changed(elements: Sequence[Element], references: Sequence[Reference], known: Prepared | None) -> list[bool]:
    """Say of each element whether its numbers differ from those known."""
    if known is None:
        return [True] * len(elements)
    moved = [a is not b and a != b for a, b in zip(references, known.references, strict=True)]
    return [
        element is not before or moved[i] or moved[i + 1]
        for i, (element, before) in enumerate(zip(elements, known.elements, strict=True))
    ]


def _places(stage: Stage) -> Sequence[int]:
    if isinstance(stage, CollectiveStage):
        return stage.elements
    return [i for i, _ in stage.parts] if isinstance(stage, MapStage) else [stage.element]


def _alone(constants: Any, others: Any) -> Any:
    raise AssertionError("effects that cannot be joined stand alone")


def reference_pass(
    registry: Registry, elements: Sequence[Element], reference: Reference, known: Prepared | None = None
) -> tuple[Reference, ...]:
    """Return the reference at the start and after every element; what did not change is taken from what is known."""
    if known is not None and reference == known.references[0]:
        reference = known.references[0]
    out = [reference]
    for place, element in enumerate(elements):
        function = registry.reference_of(type(element))
        if known is not None and reference is known.references[place]:
            before = known.elements[place]
            if element is before or (function is None and element.length is before.length):
                reference = known.references[place + 1]
                out.append(reference)
                continue
        if function is None:
            reference = reference.drifted(element.length)
        else:
            values = (*element.parameter_values(), reference.p0c, reference.s, reference.t)
            reference = named(element, function, (element, reference, namespace(*values)))
        out.append(reference)
    return tuple(out)


def build(
    registry: Registry,
    elements: Sequence[Element],
    *,
    counts: Sequence[int | None] | None = None,
    looks: Sequence[bool] | None = None,
    conserves: bool = False,
) -> Plan:
    """Resolve a lattice into a plan.

    Parameters
    ----------
    registry : Registry
    elements : sequence of Element
    counts : sequence of int, optional
        Into how many parts each element is divided, see :func:`caraval.core.resolve.count`.
    looks : sequence of bool, optional
        After which elements the beam is looked at.
    conserves : bool
        Whether to leave out what dissipates.

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
        number = counts[index] if counts is not None else count(registry, element, None)
        for part in named(element, resolve, (registry, element, number, conserves)):
            if isinstance(part, Step):
                if part.collective:
                    end_run()
                    _add_collective(stages, part.collective, index, 0 if part.at_entrance else 1)
                if part.routines or part.check:
                    end_run()
                    stages.append(StepStage(index, part))
            elif part.order == 1:
                run.append((index, part))
            else:  # the map of two such elements in a row is of higher order
                end_run()
                stages.append(MapStage(((index, part),)))
        if looks is not None and looks[index]:
            end_run()
            stages.append(LookStage(index))
    end_run()
    given = tuple(tuple(name for name, value in e.__dict__.items() if isinstance(value, Varying)) for e in elements)
    asking = frozenset(i for i, element in enumerate(elements) if element.asks_upstream())
    return Plan(tuple(stages), registry, given, asking)


def _add_collective(stages: list[Stage], effect: Collective, index: int, end: int) -> None:
    """Add an effect to a plan, joined with the same one before if nothing is between the two."""
    last = stages[-1] if stages else None
    if isinstance(last, CollectiveStage) and last.effect == effect and effect.joined and last.place == index + end:
        stages[-1] = last._replace(elements=(*last.elements, index))
    else:
        stages.append(CollectiveStage(effect, (index,), index + end))


# -------------------------------------------------------------------- filling in numbers


class _Dresser:
    """Shows elements to routines as they want to see them: in normalised strengths, settings with an axis for particles."""

    def __init__(self, elements: Sequence[Element], references: Sequence[Reference]) -> None:
        self.elements = elements
        self.references = references
        self.found: dict[tuple[int, bool], tuple[Element, Reference, Reference, Any]] = {}

    def __call__(self, index: int, *, expanded: bool) -> tuple[Element, Reference, Reference, Any]:
        """Return element, references before and after, and the namespace to compute with."""
        key = (index, expanded)
        if key not in self.found:
            self.found[key] = self.dressed(self.elements[index], self.references[index], self.references[index + 1], expanded)
        return self.found[key]

    @staticmethod
    def dressed(
        element: Element, before: Reference, after: Reference, expanded: bool
    ) -> tuple[Element, Reference, Reference, Any]:
        values = (*element.parameter_values(), before.p0c, before.s, before.t, after.p0c, after.s, after.t)
        xp = namespace(*values)
        if expanded and isinstance(xp, Mixed):
            before, after = before.expanded(), after.expanded()
            element = element.with_values({name: expand(value) for name, value in element.parameters.items()})
        return element.at(before, xp).turned(), before, after, xp


def _row(stage: StepStage, element: Element, before: Reference, after: Reference, xp: Any) -> Row:
    step = stage.step
    routines = (*step.routines, step.check) if step.check else step.routines
    constants = [routine.constants(element, before, after, xp) for routine in routines]
    undos: list[Undo] = []
    for routine in step.routines:
        undos.append(routine.undo)
        if routine.undo is None and routine.inverse is not None:
            undos[-1] = len(constants)
            constants.append(routine.inverse_constants(element, before, after, xp))
    tracks = tuple(routine.track for routine in step.routines)
    check = step.check.track if step.check else None
    row = row_of(tracks, check, tuple(constants), tuple(undos), 2 * stage.element + (not step.at_entrance))
    losing = tuple(i for i, routine in enumerate(step.routines) if routine.dissipates)
    return row._replace(dissipates=losing) if losing else row


def _composed(found: Iterable[Any]) -> Map:
    """Return maps as one. Each is made when its turn comes: of many settings, what is at hand is still in the cache."""
    return reduce(lambda total, following: total.then(following), found)


def named(element: Element, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call a function and let its errors say which element they are about."""
    try:
        return function(*arguments)
    except CaravalError as error:
        if element.name and element.label not in str(error):
            raise type(error)(f"{element.label}: {error}") from error
        raise
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"{element.label} makes no sense with these values ({error}): {element!r}") from error
