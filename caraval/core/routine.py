"""Particle routines: the pure functions that a kind registers for a method, and how they combine into steps.

A *routine* turns coordinates into coordinates with a few constants. A *step* is a chain of routines that run in one pass
over the particles; a compiler fuses it. An element is one step, or many: then its method is a *composite*. What needs all
particles at once is a *collective* effect.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from .element import Element
from .reference import Reference

Prepare = Callable[[Any, Reference, Reference, Any], Any]


@dataclass(frozen=True)
class Routine:
    """Four small pure functions.

    Attributes
    ----------
    track : callable
        ``(constants, q, xp) -> q``. Elementwise, no branch on data, no library but `xp`: one source for every backend.
        Functions of `xp` see only what depends on `q`: what depends on constants alone is a constant, too.
    prepare : callable, optional
        ``(element, reference_in, reference_out, xp) -> constants`` (a NamedTuple): once per call, on numbers or batches
        of settings. Left out: the constants are the element's own parameters, by name.
    inverse : callable, optional
        ``element -> element``: the element that undoes this one.
    reference : callable, optional
        ``(element, reference, xp) -> reference`` at the exit, for elements that change more than place and time.
    undo : callable, optional
        ``constants -> constants`` of the same routine run backwards, where no whole element says it (parts of a composite).
        The same function for all elements: of every other one compilers make another program.
    dissipates : bool
        Whether it takes energy away for good, as radiation does. To the optics of a ring it is a fixed change of the orbit, for
        which cavities make up; where there are none, there is none of it.
    """

    track: Callable[[Any, Any, Any], Any]
    prepare: Prepare | None = None
    inverse: Callable[[Any], Any] | None = None
    reference: Callable[[Any, Reference, Any], Reference] | None = None
    undo: Callable[[Any], Any] | None = None
    dissipates: bool = False

    def constants(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        """Return what `track` needs of an element between two reference points."""
        if self.prepare is None:
            return own_parameters(element)
        return self.prepare(element, reference_in, reference_out, xp)

    def inverse_constants(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        """Return the constants with which `track` undoes itself; None if it cannot be undone."""
        if self.undo is not None:
            return self.undo(self.constants(element, reference_in, reference_out, xp))
        if self.inverse is not None:
            return self.constants(self.inverse(element), reference_out, reference_in, xp)
        return None


@dataclass(frozen=True)
class Collective:
    """An effect of the whole bunch: space charge, wakes, coherent radiation. In a plan it stands between runs of rows.

    Attributes
    ----------
    track : callable
        ``(constants, beam, backend) -> Coordinates`` of a :class:`ParticleBeam` as it is there. Its lost particles have no
        charge and wait on the axis; what is returned for them is forgotten. No branch on data; what the array API lacks is
        among the methods of the backend.
    prepare : callable, optional
        ``(element, reference_in, reference_out, xp) -> constants`` (a tuple of numbers and of settings ``(...)`` without an
        axis for particles). Left out: the constants are the element's own parameters, by name.
    moments : callable, optional
        ``(constants, beam, backend) -> MomentBeam`` of a :class:`MomentBeam`; left out: such beams are refused.
    orbit : callable, optional
        ``(constants, beam, backend) -> (jacobian (..., 6, 6), mean (..., 6))`` at the mean of a :class:`MomentBeam`, for what
        acts on every particle by itself: it is then part of the line's maps, and moments follow if `moments` is left out.
    joined : callable, optional
        ``(constants, constants) -> constants`` of one effect that does what two do that follow each other immediately.
    """

    track: Callable[[Any, Any, Any], Any]
    prepare: Prepare | None = None
    moments: Callable[[Any, Any, Any], Any] | None = None
    orbit: Callable[[Any, Any, Any], Any] | None = None
    joined: Callable[[Any, Any], Any] | None = None

    def constants(self, element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        """Return what `track` needs of an element between two reference points."""
        if self.prepare is None:
            return own_parameters(element)
        return self.prepare(element, reference_in, reference_out, xp)


class Step(NamedTuple):
    """Routines that run in one pass over the particles, and the test that a particle must pass afterwards.

    Attributes
    ----------
    routines : tuple of Routine
    check : Routine, optional
        Its `track` returns True for the particles that survive.
    at_entrance : bool
        Whether it stands at the element's entrance rather than its exit: there a particle that fails the test is lost, and
        that is the reference that a collective effect sees.
    collective : Collective, optional
        An effect of the whole bunch, before the routines.
    """

    routines: tuple[Routine, ...] = ()
    check: Routine | None = None
    at_entrance: bool = False
    collective: Collective | None = None


def embraced(steps: Sequence[Step], before: Routine, after: Routine) -> Sequence[Step]:
    """Return steps with a routine before their first one and another after their last; if nothing moves, as they are."""
    moving = [i for i, step in enumerate(steps) if step.routines]
    if not moving:
        return steps
    out = list(steps)
    first, last = moving[0], moving[-1]
    out[first] = out[first]._replace(routines=(before, *out[first].routines))
    out[last] = out[last]._replace(routines=(*out[last].routines, after))
    return out


def conserving(steps: Sequence[Step]) -> Sequence[Step]:
    """Return steps without routines that dissipate; a repeated step stays one object."""
    kept: dict[int, Step] = {}
    for step in steps:
        if id(step) not in kept:
            routines = tuple(routine for routine in step.routines if not routine.dissipates)
            kept[id(step)] = step if len(routines) == len(step.routines) else step._replace(routines=routines)
    return tuple(kept[id(step)] for step in steps)


@dataclass(frozen=True)
class Composite:
    """A method that takes several steps through an element.

    Attributes
    ----------
    steps : callable
        ``(element, method, number) -> sequence of Step``. A step that is repeated is the same object each time, and is
        prepared once.
    count : callable, optional
        ``(element, method, reference) -> int``: into how many parts the method divides the element, from its numbers.
        It may raise :class:`UnknownValueError`.
    stepped : callable, optional
        ``element -> bool``: whether that matters; left out: always.
    reference : callable, optional
        As in :class:`Routine`.
    """

    steps: Callable[[Any, Any, int], Sequence[Step]]
    count: Callable[[Any, Any, Reference | None], int] | None = None
    stepped: Callable[[Any], bool] | None = None
    reference: Callable[[Any, Reference, Any], Reference] | None = None


def name_of(function: Callable[..., Any]) -> str:
    """Return what to call the function of a routine or an effect in messages."""
    function = getattr(function, "func", function)
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"


class UnknownValueError(Exception):
    """A number is needed that a trace hides."""


@cache
def _own_parameters(cls: Any) -> Any:
    return namedtuple(f"{cls.__name__}Parameters", cls.schema().parameters)


def own_parameters(element: Element) -> Any:
    """Return an element's own parameters as constants; absent ones are zero."""
    kind: Any = type(element)
    values = element.parameters.values()
    return _own_parameters(kind)(*(0.0 if value is None else value for value in values))
