"""Trackers: a lattice compiled once and called often, with new settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tracking
from .beam import ParticleBeam
from .element import Element
from .errors import BackendError, InputError, UnknownNameError, suggest
from .names import parameter_of
from .particles import everything
from .plan import Plan, Prepared
from .planner import Observe, check_array
from .registry import backend_of, registry
from .tracking import Beam
from .turns import ObserveTurns, Progress, track_turns, watched
from .varying import VARYING

if TYPE_CHECKING:
    from .lattice import Lattice


EFFECTS_AT_ONCE = 2
"""Effects of the whole bunch that are compiled in one program with all else; with more of them that would take minutes."""


class Tracker:
    """A lattice compiled for a backend. Made by :meth:`Lattice.compile`.

    Calling it tracks a beam: ``tracker(beam, {"q1.k1": 1.2})``, with the lattice's own values for what is left out.
    """

    def __init__(self, lattice: Lattice, backend: str, parameters: Sequence[str], observe: Observe) -> None:
        self.lattice = lattice
        self.backend = backend
        self.parameters = tuple(parameters)
        self._compiled = registry().backend(backend).compiled()
        self._observe = observe
        self._keys = lattice.planner.stops(observe)
        self._elements = list(lattice.elements)
        self._differentiated: dict[Any, Callable[..., Any]] = {}
        self._places: dict[str, tuple[str, list[int]]] = {}
        for key in self.parameters:
            pattern, name = parameter_of(key)
            self._places[key] = name, lattice.select(pattern)
            for place in self._places[key][1]:
                self._elements[place] = self._elements[place].with_open(name, VARYING)

    def __call__(
        self,
        beam: Beam,
        settings: Mapping[str, Any] | None = None,
        *,
        turns: int = 1,
        observe_turns: ObserveTurns = None,
        keep: Callable[[Any], Any] = everything,
        reference: str = "lattice",
        progress: Progress | None = None,
    ) -> Any:
        """Track a beam.

        Parameters
        ----------
        beam : ParticleBeam or MomentBeam
            On the tracker's backend.
        settings : mapping
            New values of the `parameters` that the tracker was compiled for; numbers, or arrays of settings; of weights a
            mapping of arrays.
        turns, observe_turns, keep, reference, progress
            As in :meth:`Lattice.track`.

        Returns
        -------
        beam
            Or ``(beam, history)`` if the tracker was compiled with `observe`.
        """
        used = backend_of(tracking.first_array(beam)).name
        if used != self.backend:
            raise BackendError(
                f"the tracker is compiled for {self.backend}, the beam is on {used}; use beam.to({self.backend!r})"
            )
        planner = self.lattice.planner
        plan = self._plan(beam)
        elements = self._with(self._known(settings), used) if settings else None
        if turns == 1 and observe_turns is None:
            given = [value for value in (settings or {}).values() if not isinstance(value, Mapping)]
            out, looks = planner.track(plan, beam, self._compiled, keep, reference, elements, given)
        else:
            quiet, watching = (
                self._prepared(planner.plan(places, beam.reference, self._elements), beam, elements, reference)
                for places in ([], list(self._keys))
            )
            wanted = watched(turns, observe_turns) if self._keys else []
            out, looks = track_turns(quiet, watching, beam, self._compiled, keep, turns, wanted, progress)
        return out if self._observe is None else (out, tracking.observed(looks, self._keys))

    def _prepared(self, plan: Plan, beam: Beam, elements: Sequence[Element] | None, reference: str) -> Prepared:
        """Return a plan with the numbers of these elements, or with the lattice's own."""
        prepared = self.lattice.planner.prepare(plan, beam, reference, backend=self._compiled)
        if elements is None:
            return prepared
        pieces = self.lattice.planner.numbers(elements)
        particles = isinstance(beam, ParticleBeam)
        return plan.prepare(pieces, beam.reference, particles=particles, known=prepared, backend=self._compiled)

    def value_and_grad(self, function: Callable[[Any], Any]) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(beam, settings) -> (value, gradients)`` of a scalar function of what tracking returns.

        The gradients are those with respect to the settings given, by the same names.
        """
        key = _identity(function)

        def evaluate(beam: Beam, settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
            known = self._known(settings or {})
            if not known:
                raise InputError(
                    "give the settings to differentiate with respect to: tracker.value_and_grad(f)(beam, settings)"
                )
            value, gradients = self._derivatives(key, function, beam)(known, beam)
            return value, {key: gradients[key] for key in known}

        return evaluate

    def _derivatives(self, key: Any, function: Callable[[Any], Any], beam: Beam) -> Callable[..., Any]:
        in_pieces = self._plan(beam).effects > EFFECTS_AT_ONCE
        if (key, in_pieces) not in self._differentiated:
            backend = registry().backend(self.backend)
            objective = partial(self._objective, function)
            self._differentiated[key, in_pieces] = backend.differentiated(objective, in_pieces=in_pieces)
        return self._differentiated[key, in_pieces]

    def _objective(self, function: Callable[[Any], Any], settings: Mapping[str, Any], beam: Beam) -> Any:
        return function(self(beam, settings))

    def _plan(self, beam: Beam) -> Plan:
        return self.lattice.planner.plan(list(self._keys), beam.reference, self._elements)

    def _with(self, settings: Mapping[str, Any], backend: str) -> list[Element]:
        """Return the lattice's elements with other settings, numbers or arrays of the beam's backend."""
        elements = list(self.lattice.elements)
        for key, value in settings.items():
            if isinstance(value, Mapping):  # weights: those of NumPy act everywhere
                for name, array in value.items():
                    check_array(f"{key}: {name}", array, None if isinstance(array, np.ndarray) else backend)
            elif hasattr(value, "dtype"):
                check_array(key, value, backend)
            name, places = self._places[key]
            for place in places:
                elements[place] = elements[place].replace_checked(name, value)
        return elements

    def _known(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        for key in settings:
            if key not in self.parameters:
                raise UnknownNameError(
                    f"the tracker was not compiled for {key!r}{suggest(key, self.parameters)}; "
                    f"compile with parameters={[*self.parameters, key]!r}"
                )
        return dict(settings)


def _identity(function: Callable[..., Any]) -> Any:
    """Return what a function is to the eye: one written in a loop is the same each time, if it sees the same things."""
    if not isinstance(function, FunctionType):
        return function
    seen = (cell.cell_contents for cell in function.__closure__ or ())
    return function.__code__, function.__defaults__, tuple(_Seen(thing) for thing in seen)


class _Seen:
    """A thing that is equal to itself alone; kept, so that its identity is not given to another."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Seen) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)
