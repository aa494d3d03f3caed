"""What is worked out about a lattice and kept: step counts, plans, and plans with their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import batches, resolve
from . import names as naming
from .arrays import is_number, library, shape_of
from .beam import ParticleBeam
from .element import Element
from .errors import BackendError, InputError, MethodError
from .particles import Keep, Looks, everything
from .plan import Plan, Prepared, build, named, reference_pass
from .reference import Reference
from .registry import backend_of, registry, value_of
from .tracking import Beam, first_array, track

if TYPE_CHECKING:
    from .lattice import Lattice

Counts = tuple[int | None, ...]
Observe = str | int | Sequence[str | int] | None
Keys = dict[int, tuple[str, ...]]

SAME_MOMENTUM = 1e-9
"""Reference momenta that differ relatively by less than this are the same (a file round trip keeps 12 digits)."""

KEPT = 8
"""Prepared plans kept for beams of different reference."""


class Planner:
    """Plans of one lattice, made when they are asked for.

    Parameters
    ----------
    lattice : Lattice
    forebear : tuple of int, optional
        Step counts of the lattice that this one was made from, for elements whose own numbers a trace hides.
    fixed : tuple of int, optional
        Step counts that hold in any case: of a lattice that a transformation took apart and put together.
    """

    def __init__(self, lattice: Lattice, forebear: Counts | None = None, fixed: Counts | None = None) -> None:
        self.lattice = lattice
        self.forebear = forebear
        self.fixed = fixed
        self._counts: dict[Any, tuple[object, Counts]] = {}
        self._plans: dict[Any, Plan] = {}
        self._prepared: dict[Any, Prepared] = {}
        self._libraries: dict[str, str] | None = None
        self._with_trees: list[Element] = []
        self._shapes: set[tuple[int, ...]] = set()
        self._pieces: tuple[Element, ...] | None = None
        self._local: tuple[Element, ...] | None = None
        self.derived: dict[str, Any] = {}
        """Lattices made from this one that are asked for again and again, by what they are."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what can be worked out again: plans hold functions that no pickle takes, and keys of this process."""
        return {
            **self.__dict__,
            "_counts": {},
            "_plans": {},
            "_prepared": {},
            "_libraries": None,
            "_local": None,
            "derived": {},
        }

    # ---------------------------------------------------------------- what a plan is made of

    def pieces(self, elements: Sequence[Element] | None = None) -> tuple[Element, ...]:
        """Return what a plan takes one after the other: elements, some of them in slices.

        Parameters
        ----------
        elements : sequence of Element, optional
            The lattice's own with some values changed.
        """
        if elements is None:
            if self._pieces is None:
                self._pieces = tuple(piece for element in self.lattice.elements for piece in element.slices())
            return self._pieces
        if len(self.pieces()) == len(elements):  # nothing is in slices
            return tuple(elements)
        own = iter(self.pieces())
        out: list[Element] = []
        for element, before in zip(elements, self.lattice.elements, strict=True):
            known = tuple(next(own) for _ in range(before.num_slices))
            out += known if element is before else element.slices()  # what did not change stays the same object
        return tuple(out)

    @cached_property
    def asking(self) -> tuple[int, ...]:
        """Places of the elements that depend on what is upstream."""
        return tuple(place for place, element in enumerate(self.lattice.elements) if element.asks_upstream())

    def local(self, elements: Sequence[Element] | None = None) -> tuple[Element, ...]:
        """Return elements that stand by themselves: of those that depend on what is upstream, what that makes of them.

        Plain numbers are kept. Arrays are worked out each time, for they may be differentiated.

        Parameters
        ----------
        elements : sequence of Element, optional
            The lattice's own with some values changed.
        """
        found = list(self.lattice.elements if elements is None else elements)
        if not self.asking:
            return tuple(found)
        if elements is None and self._local is not None:
            return self._local
        for place in self.asking:
            asking = found[place]
            function = registry().upstream_of(type(asking))
            found[place] = named(asking, function, (asking, self._before(place, found)))
        if elements is None and all(is_number(v) for place in self.asking for v in found[place].parameters.values()):
            self._local = tuple(found)
        return tuple(found)

    def _before(self, place: int, elements: Sequence[Element]) -> Lattice:
        """Return the lattice of what is upstream of a place, divided as it is here."""
        if place == 0:
            return self.lattice.replace(elements=[registry().kind("Marker")()])
        before = self.lattice.replace(elements=elements[:place])
        of_all = self.inheritance()[1]
        if of_all is not None:
            before.__dict__["planner"] = Planner(before, of_all[: sum(e.num_slices for e in before)])
        return before

    def numbers(self, elements: Sequence[Element] | None = None) -> tuple[Element, ...]:
        """Return the pieces whose numbers fill a plan, see :meth:`pieces` and :meth:`local`."""
        return self.pieces(self.local(elements) if self.asking else elements)

    # ---------------------------------------------------------------- what decides the shape of a plan

    def counts(self, start: Reference | None = None, standing: Sequence[Element] | None = None) -> Counts:
        """Return into how many parts each element is divided: by its own numbers, or by those of its forebear.

        Parameters
        ----------
        start : Reference, optional
            Where the lattice has no reference of its own: elements given by fields need the momentum.
        standing : sequence of Element, optional
            The elements with some values open: a kick that may come counts as there.
        """
        if self.fixed is not None:
            return self.forebear or self.fixed
        return self._counted(start, standing, anyway=False)

    def _counted(self, start: Reference | None, standing: Sequence[Element] | None, *, anyway: bool) -> Counts:
        start = self.lattice.reference or start
        momentum = start.p0c if start is not None and is_number(start.p0c) else None
        key = (momentum, anyway, None if standing is None else id(standing))
        if key not in self._counts:
            elements = self.pieces()
            references: Sequence[Reference | None] = [None] * len(elements)
            if start is not None and momentum is not None:
                references = reference_pass(registry(), elements, start)[:-1]
            own = [
                resolve.count(registry(), element, reference, open_, anyway=anyway)
                for element, reference, open_ in zip(elements, references, self.pieces(standing), strict=True)
            ]
            given = self.forebear if self.forebear and len(self.forebear) == len(elements) else [None] * len(elements)
            # kept beside the elements that they are for, so that no others get the same identity
            self._counts[key] = standing, tuple(c if c is not None else g for c, g in zip(own, given, strict=True))
        return self._counts[key][1]

    def inheritance(self) -> tuple[Counts | None, Counts | None]:
        """Return the step counts that matter here, and those of all elements, for lattices made from this one.

        A lattice that cannot be tracked has none; the error belongs to tracking it.
        """
        if self.fixed is not None:
            return self.fixed, self.forebear
        try:
            return self.counts(), self._counted(None, None, anyway=True)
        except (MethodError, InputError):
            return None, None

    def keys(self, observe: Observe) -> Keys:
        """Return the places to look at, and the names in the history of each.

        Raises
        ------
        UnknownNameError
            If nothing has a name that is asked for.
        """
        if observe is None:
            return {}
        elements, names = self.lattice.elements, self.lattice.names
        keys: dict[int, list[str]] = {}

        def look(place: int, key: str) -> None:
            if key not in keys.setdefault(place, []):
                keys[place].append(key)

        for pattern in [observe] if isinstance(observe, (str, int)) else observe:
            if isinstance(pattern, int):
                place = range(len(elements))[pattern]
                look(place, _label(elements[place], place))
            elif pattern == "all" and "all" not in names:
                for place, element in enumerate(elements):
                    look(place, _label(element, place))
            else:
                for place in self.lattice.select(pattern):
                    look(place, names[place] if naming.is_pattern(pattern) and "##" not in pattern else pattern)
        return {place: tuple(found) for place, found in keys.items()}

    def stops(self, observe: Observe) -> Keys:
        """Return the same by the pieces after which to look."""
        after = list(accumulate(element.num_slices for element in self.lattice.elements))
        return {after[place] - 1: found for place, found in self.keys(observe).items()}

    # ---------------------------------------------------------------- plans

    def plan(
        self, places: Sequence[int], start: Reference, elements: Sequence[Element] | None = None, *, conserves: bool = False
    ) -> Plan:
        """Return the plan that looks at these places.

        Parameters
        ----------
        places : sequence of int
            Of pieces.
        start : Reference
        elements : sequence of Element, optional
            The lattice's with some values open, for trackers that are compiled for any.
        conserves : bool
            Whether to leave out what dissipates.
        """
        counts = self.counts(start, elements)
        key = (frozenset(places), counts, elements is None, conserves)
        plan = self._plans.get(key)
        if plan is None or plan.registry is not registry():
            wanted = set(places)
            pieces = self.pieces(elements)
            looks = [i in wanted for i in range(len(pieces))]
            if plan is not None:  # numbers are kept by the identity of a plan, which is free when it is gone
                self._prepared.clear()
            plan = build(registry(), pieces, counts=counts, looks=looks, conserves=conserves)
            self._plans[key] = plan
        return plan

    def prepare(
        self, plan: Plan, beam: Beam, which: str = "lattice", known: Prepared | None = None, backend: Any = None
    ) -> Prepared:
        """Return a plan with this lattice's numbers for a beam; kept, where they are plain numbers.

        The other parameters are those of :meth:`Plan.prepare`.

        Raises
        ------
        InputError
            If the beam's reference is not the lattice's, and `which` does not say "beam".
        BackendError
            If lattice and beam hold arrays of different libraries.
        """
        self._check(beam, which)
        start, particles = beam.reference, isinstance(beam, ParticleBeam)
        return self.filled(plan, start, particles=particles, known=known, backend=backend)

    def filled(
        self, plan: Plan, start: Reference, *, particles: bool, known: Prepared | None = None, backend: Any = None
    ) -> Prepared:
        """Return a plan with this lattice's numbers; kept, where they are plain numbers.

        Parameters
        ----------
        plan : Plan
        start : Reference
        particles, known, backend
            As in :meth:`Plan.prepare`.
        """
        if not all(map(is_number, (start.p0c, start.s, start.t))):
            return plan.prepare(self.numbers(), start, particles=particles, backend=backend)
        key = (id(plan), particles, start)
        prepared = self._prepared.get(key)
        if prepared is None:  # held by name: another thread may clear what is kept at any time
            prepared = plan.prepare(self.numbers(), start, particles=particles, known=known, backend=backend)
            if not prepared.is_static():
                return prepared
            if len(self._prepared) >= KEPT:
                self._prepared.clear()
            self._prepared[key] = prepared
        return prepared

    def track(
        self,
        plan: Plan,
        beam: Beam,
        backend: Any,
        keep: Keep,
        which: str,
        elements: Sequence[Element] | None = None,
        given: Iterable[Any] = (),
    ) -> tuple[Any, Looks]:
        """Take a beam along a plan, many settings some at a time; return it, and what was kept of it on the way.

        Parameters
        ----------
        plan : Plan
        beam : ParticleBeam or MomentBeam
        backend : Backend
            Runs the rows, eagerly or compiled.
        keep : callable
            What to keep of a beam that is looked at.
        which : "lattice" or "beam"
            Whose reference holds, see :meth:`Lattice.track`.
        elements : sequence of Element, optional
            The lattice's with other settings.
        given : iterable
            Those settings.
        """
        self.libraries()
        settings = batches.settings_of(
            {*self._shapes, *(tuple(np.shape(value)) for value in given if not is_number(value))}, beam
        )
        moments = backend.chain_settings if backend.has_chains and plan.is_linear() else backend.settings
        if settings and isinstance(beam, ParticleBeam):
            backend = backend.for_turns(prod(settings) * beam.x.shape[-1], len(plan.stages))
        most = batches.most_at_a_time(beam, moments, backend.lanes)
        if not settings or settings[0] <= most or keep is not everything or backend.value(first_array(beam)) is None:
            prepared = self.prepare(plan, beam, which, backend=backend)
            if elements is not None:
                changed, particles = self.numbers(elements), isinstance(beam, ParticleBeam)
                prepared = plan.prepare(changed, beam.reference, particles=particles, known=prepared, backend=backend)
            return track(prepared, beam, backend, keep)
        self._check(beam, which)

        def of_some(part: tuple[Sequence[Element], Beam]) -> tuple[Any, Looks]:
            some, of_those = part
            prepared = plan.prepare(some, of_those.reference, particles=isinstance(beam, ParticleBeam), backend=backend)
            return track(prepared, of_those, backend, keep)

        parts = batches.parts(self.numbers(elements), beam, settings, most)
        outs, looks = zip(*backend.each(of_some, parts), strict=True)
        seen = [(same[0][0], batches.joined([beam for _, beam in same], settings)) for same in zip(*looks, strict=True)]
        return batches.joined(outs, settings), seen

    # ---------------------------------------------------------------- checks

    def _check(self, beam: Beam, which: str) -> None:
        self._check_reference(beam.reference, which)
        self._check_libraries(library(first_array(beam)))

    def _check_reference(self, given: Reference, which: str) -> None:
        if which not in ("lattice", "beam"):
            raise InputError(f'reference must be "lattice" or "beam", not {which!r}')
        own = self.lattice.reference
        if which == "beam" or own is None or given is own:
            return
        mine, yours = value_of(own.p0c), value_of(given.p0c)
        differs = mine is not None and yours is not None and np.any(np.abs(mine - yours) > SAME_MOMENTUM * np.abs(mine))
        if given.species != own.species or differs:
            raise InputError(
                f"the beam's reference ({given.species.name}, p0c = {given.p0c} eV) is not the lattice's "
                f"({own.species.name}, p0c = {own.p0c} eV); make the beam with lattice.reference, "
                'or track(..., reference="beam")'
            )

    def _check_libraries(self, wanted: str) -> None:
        libraries = self.libraries()
        for element in self._with_trees:
            element.check_library(wanted)
        for found, where in libraries.items():
            _check_library(where, found, wanted)

    def libraries(self) -> dict[str, str]:
        """Return the libraries of the lattice's arrays, and where the first of each is; all are checked."""
        if self._libraries is None:
            found: dict[str, str] = {}
            self._with_trees = [element for element in self.lattice.elements if element.schema().trees]
            for element in self.lattice.elements:
                for name, value in element.arrays():
                    where = f"{element.label}: {name}"
                    check_array(where, value)
                    if name in element.schema().parameters or isinstance(element.trees[name], Element):
                        self._shapes.add(shape_of(value))
                    elif library(value) == "numpy":  # as they come from files; every library takes them
                        continue
                    found.setdefault(library(value), where)
            self._libraries = found
        return self._libraries


def _label(element: Element, place: int) -> str:
    return element.name or f"{element.kind}#{place}"


def _check_library(where: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise BackendError(
            f"{where} is a {found} array and the beam is on {wanted}; use lattice.to({wanted!r}) or beam.to({found!r})"
        )


def check_array(label: str, array: Any, wanted: str | None = None) -> None:
    """Check that an array of settings can be used, and that it is of the library that is wanted.

    Raises
    ------
    InputError
        If it does not hold finite floating-point numbers.
    BackendError
        If it is of another library.
    """
    if wanted is not None:
        _check_library(label, library(array), wanted)
    backend = backend_of(array)
    if not _is_floating(backend.xp, array.dtype):
        raise InputError(f"{label} must hold floating-point numbers, not {array.dtype}")
    values = backend.value(array)
    if values is not None and not np.isfinite(values).all():
        raise InputError(f"{label} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")


@cache
def _is_floating(xp: Any, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "real floating"))
