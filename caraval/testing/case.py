"""What the checks of an element are about: the element with one of its methods, and particles to take through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.beam import ParticleBeam
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.methods import TrackingMethod
from caraval.core.particles import everything
from caraval.core.reference import Reference
from caraval.core.registry import backend_of, registry
from caraval.core.routine import Composite, Routine

from .beams import beam_of, particles

NAME = "e"
"""What the element is called while it is checked."""


class Case(NamedTuple):
    """An element with one of its methods.

    Attributes
    ----------
    element : Element
        Called :data:`NAME`, and with its method chosen.
    reference : Reference
        At its entrance.
    scale : float
        How far particles go, in units of :data:`~caraval.testing.beams.SPREAD`.
    singular : tuple of str
        Settings of which zero is nothing near a little.
    """

    element: Element
    reference: Reference
    scale: float
    singular: tuple[str, ...] = ()

    @property
    def method(self) -> TrackingMethod:
        """The method that the element is tracked with."""
        return registry().method_of(self.element)

    def is_map(self) -> bool:
        """Whether the method is a map, rather than a routine for particles."""
        found = registry().methods_of(type(self.element)).get(self.method.name)
        return not isinstance(found, (Routine, Composite))

    @property
    def lattice(self) -> Lattice:
        """The element as a line of its own."""
        return Lattice([self.element])

    def with_element(self, **changes: Any) -> Case:
        """Return the case with other fields of its element."""
        return self._replace(element=self.element.replace(**changes))

    def coordinates(self, n: int = 40) -> np.ndarray:
        """Return coordinates ``(6, n)`` of particles at the entrance."""
        return particles(n, scale=self.scale)

    def beam(self, backend: str = "numpy", dtype: str = "float64", n: int = 40) -> ParticleBeam:
        """Return a beam of these particles."""
        return beam_of(self.coordinates(n), self.reference, backend, dtype)

    def track(self, beam: ParticleBeam, settings: Mapping[str, Any] | None = None) -> ParticleBeam:
        """Track a beam through the element, with other settings by their names, in as many steps as without them."""
        planner, backend = self.lattice.planner, backend_of(beam.x)
        elements = [self.element.replace(**settings)] if settings else None
        plan = planner.plan([], beam.reference)
        out, _ = planner.track(plan, beam, backend, everything, "lattice", elements, (settings or {}).values())
        return out  # type: ignore[no-any-return]

    def settings(self) -> dict[str, float]:
        """Return the parameters that are set to anything but zero, and are plain numbers."""
        return {name: float(v) for name, v in self.element.parameters.items() if v is not None and is_number(v) and v != 0}

    def optional(self) -> dict[str, float]:
        """Return those of the settings whose default is zero, where the element has to make sense, too."""
        defaults = self.element.schema().defaults
        zero = [name for name in defaults if is_number(defaults[name]) and defaults[name] == 0]
        return {name: value for name, value in self.settings().items() if name in zero and name not in self.singular}
