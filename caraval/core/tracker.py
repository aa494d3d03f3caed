"""Trackers: a lattice compiled once and called often, with new settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import plan as planning
from . import tracking
from .errors import BackendError, InputError, UnknownNameError, suggest
from .lattice import Beam, Lattice, first_array, run
from .names import parameter_of
from .registry import backend_of, registry

if TYPE_CHECKING:
    from .element import Element


class Varying:
    """Stands in a plan for a setting that calls will give; nothing is known of its value."""

    def __init__(self, key: str) -> None:
        self.key = key


class Tracker:
    """A lattice compiled for a backend. Made by :meth:`Lattice.compile`.

    Calling it tracks a beam: ``tracker(beam, {"q1.k1": 1.2})``, with the lattice's own values for what is left out.
    """

    def __init__(self, lattice: Lattice, backend: str, parameters: Sequence[str], observe: str | Sequence[str] | None) -> None:
        self.lattice = lattice
        self.backend = backend
        self.parameters = tuple(parameters)
        self._compiled = registry().backend(backend).compiled()
        self._observe = observe
        self._targets = {key: (lattice.select(parameter_of(key)[0]), parameter_of(key)[1]) for key in self.parameters}
        elements = list(lattice.elements)
        for key, (places, name) in self._targets.items():
            for i in places:
                elements[i].replace(**{name: 0.0})  # says so if there is no such parameter
                elements[i] = _with_varying(elements[i], name, Varying(key))
        self._keys = lattice.observed(observe)
        self._elements = elements
        self._plans: dict[Any, planning.Plan] = {}

    def __call__(self, beam: Beam, settings: Mapping[str, Any] | None = None) -> Any:
        """Track a beam.

        Parameters
        ----------
        beam : ParticleBeam or MomentBeam
            On the tracker's backend.
        settings : mapping
            New values of the `parameters` that the tracker was compiled for; numbers, or arrays of settings.

        Returns
        -------
        beam
            Or ``(beam, history)`` if the tracker was compiled with `observe`.
        """
        used = backend_of(first_array(beam)).name
        if used != self.backend:
            raise BackendError(
                f"the tracker is compiled for {self.backend}, the beam is on {used}; use beam.to({self.backend!r})"
            )
        lattice = self.lattice.replace(self._known(settings)) if settings else self.lattice
        prepared = lattice.prepare(self._planned(beam), beam)
        out, looks = run(prepared, beam, self._compiled)
        return out if self._observe is None else (out, tracking.observed(looks, self._keys))

    def value_and_grad(self, function: Callable[[Any], Any]) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(beam, settings) -> (value, gradients)`` of a scalar function of what tracking returns.

        The gradients are those with respect to the settings given, by the same names.
        """
        differentiated = registry().backend(self.backend).differentiated(lambda s, beam: function(self(beam, s)))

        def evaluate(beam: Beam, settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
            known = self._known(settings)
            if not known:
                raise InputError(
                    "give the settings to differentiate with respect to: tracker.value_and_grad(f)(beam, settings)"
                )
            result: tuple[Any, dict[str, Any]] = differentiated(known, beam)
            return result

        return evaluate

    def _planned(self, beam: Beam) -> planning.Plan:
        counts = self.lattice.counts(beam.reference)
        if counts not in self._plans:
            looks = [i in self._keys for i in range(len(self.lattice))] if self._keys else None
            self._plans[counts] = planning.build(registry(), self._elements, counts=counts, looks=looks)
        return self._plans[counts]

    def _known(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        for key in settings:
            if key not in self._targets:
                raise UnknownNameError(
                    f"the tracker was not compiled for {key!r}{suggest(key, self._targets)}; "
                    f"compile with parameters={[*self.parameters, key]!r}"
                )
        return dict(settings)


def _with_varying(element: Element, name: str, value: Varying) -> Element:
    new = object.__new__(type(element))
    new.__dict__.update(element.__dict__)
    new.__dict__[name] = value
    return new
