"""Lattices: immutable lines of elements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from . import names as naming
from . import tracking
from .arrays import arrays, is_number, library, same
from .element import Element, deciding
from .errors import InputError, LatticeError, UnknownNameError, suggest
from .losses import Loss
from .maps import LinearMap, Map, SecondOrderMap
from .methods import TrackingMethod, as_method
from .particles import everything
from .plan import reference_pass
from .planner import Observe, Planner
from .reference import Reference
from .registry import backend_of, registry
from .tracker import Tracker
from .tracking import Beam
from .tree import Fixed, tree
from .turns import ObserveTurns, Progress, track_turns, watched

log = logging.getLogger("caraval")

Where = str | Callable[[Element], bool] | None

_OWN = ("reference", "geometry", "name", "beginning", "metadata", "losses")
"""What a lattice has besides its elements."""


@tree
class Lattice:
    """An immutable line of elements.

    Parameters
    ----------
    elements : iterable of Element or Lattice
        Lattices are inserted element by element.
    reference : Reference, optional
        At the start.
    geometry : "open" or "closed"
    name : str
    beginning : mapping
        What else is known at the start, by Bmad's names: ``beta_a``, ``alpha_a``, ..., floor position.
    metadata : mapping
        What a lattice file says besides: its title, parameters of the program that it was written for.
    losses : sequence of Loss
        What the reader of a file could not carry.

    Raises
    ------
    LatticeError
        If there are no elements.
    InputError
        If something in the line is no element.
    """

    elements: tuple[Element, ...]
    reference: Reference | None
    geometry: str
    name: str
    beginning: Mapping[str, Any]
    metadata: Mapping[str, Any]
    losses: tuple[Loss, ...]
    planner: Planner

    def __init__(
        self,
        elements: Iterable[Element | Lattice],
        *,
        reference: Reference | None = None,
        geometry: Literal["open", "closed"] = "open",
        name: str = "",
        beginning: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        losses: Sequence[Loss] = (),
    ) -> None:
        line = tuple(_elements(elements))
        if not line:
            raise LatticeError(f"lattice {name!r} has no elements" if name else "a lattice needs at least one element")
        if geometry not in ("open", "closed"):
            raise InputError(f'geometry must be "open" or "closed", not {geometry!r}')
        if not isinstance(name, str):
            raise InputError(f"name must be text, not {name!r}")
        if reference is not None and not isinstance(reference, Reference):
            raise InputError(f"reference must be a Reference, not {type(reference).__name__}")
        self.__dict__.update(elements=line, reference=reference, geometry=geometry, name=name)
        self.__dict__.update(beginning=dict(beginning or {}), metadata=dict(metadata or {}), losses=tuple(losses))
        self.__dict__["planner"] = Planner(self)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a lattice is immutable; use lattice.replace(...)")

    # ---------------------------------------------------------------- what is in it

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[Element]:
        return iter(self.elements)

    @property
    def names(self) -> list[str]:
        """Names of the elements, in order."""
        return [element.name for element in self.elements]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the elements, in order."""
        return [element.kind for element in self.elements]

    @property
    def length(self) -> Any:
        """Arc length [m]."""
        return sum((element.length for element in self.elements), 0.0)

    @overload
    def __getitem__(self, key: int | str) -> Element: ...
    @overload
    def __getitem__(self, key: slice) -> Lattice: ...
    def __getitem__(self, key: int | str | slice) -> Element | Lattice:
        """Return an element by place or by name, or a part of the line by a slice of places or of names.

        Raises
        ------
        UnknownNameError
            If there is no such element.
        LatticeError
            If elements of one name differ: then ``"q1##2"`` is the second.
        """
        if isinstance(key, slice):
            return self._part(key)
        if isinstance(key, str):
            found = self.select(key)
            first = self.elements[found[0]]
            if any(self.elements[i] != first for i in found[1:]):
                raise LatticeError(
                    f"{len(found)} elements are called {key!r} and they differ; "
                    f"{key}##1 to {key}##{len(found)} are the single ones"
                )
            return first
        return self.elements[key]

    def _part(self, key: slice) -> Lattice:
        start, stop = (self.select(edge)[0] if isinstance(edge, str) else edge for edge in (key.start, key.stop))
        places = range(len(self))[start : stop : key.step]
        if len(places) == 0:
            raise LatticeError(f"no elements between {key.start!r} and {key.stop!r}")
        reference = self.reference
        if reference is not None and key.step in (None, 1):
            reference = reference_pass(registry(), self.elements[: places[0]], reference)[-1]
        elements = self.planner.local() if self.planner.asking else self.elements  # what was upstream is then gone
        return Lattice((elements[i] for i in places), reference=reference, name=self.name)

    def select(self, pattern: str) -> list[int]:
        """Return the places of the elements that a name means (``"q1"``, ``"q1##2"``, ``"qf*"``, ``"Quadrupole::q*"``).

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        return naming.select(pattern, self.names, self.kinds)

    # ---------------------------------------------------------------- new lattices from old

    def replace(self, settings: Mapping[str, Any] | None = None, **changes: Any) -> Lattice:
        """Return the lattice with other settings.

        Parameters
        ----------
        settings : mapping
            ``{"q1.k1": 4.2}``; the key says which elements, as in :meth:`select`.
        **changes
            `elements`, `reference`, `geometry`, `name`, `beginning`, `metadata` or `losses` of the lattice itself.
        """
        own = {name: getattr(self, name) for name in _OWN}
        unknown = set(changes) - set(own) - {"elements"}
        if unknown:
            raise UnknownNameError(
                f"a lattice has no {', '.join(sorted(unknown))} to replace; settings of elements go in a mapping: "
                'lattice.replace({"q1.k1": 4.2})'
            )
        elements = list(self.elements)
        for key, value in (settings or {}).items():
            pattern, parameter = naming.parameter_of(key)
            for i in self.select(pattern):
                elements[i] = elements[i].replace(**{parameter: value})
        new = Lattice(**{**own, "elements": elements, **changes})
        if "elements" not in changes:
            if settings or "reference" in changes:
                new.__dict__["planner"] = Planner(new, self.planner.inheritance()[1])
            else:  # what is divided, and into how many parts, is the same
                new.__dict__["planner"] = Planner(new, self.planner.forebear, self.planner.fixed)
        return new

    def with_tracking(self, method: TrackingMethod | str, where: Where = None) -> Lattice:
        """Return the lattice with another tracking method.

        Parameters
        ----------
        method : TrackingMethod or str
        where : str or callable, optional
            An element kind (``"Quadrupole"``), a name pattern (``"q*"``), or a predicate of the element; all, if left out.

        Raises
        ------
        MethodError
            If an element lacks the method.
        """
        chosen = as_method(method)
        elements = list(self.elements)
        for i in self.places(where):
            elements[i] = elements[i].replace(tracking_method=chosen)
            registry().method_of(elements[i])
        if chosen.name == "linear":
            turned = sorted({elements[i].kind for i in self.places(where) if elements[i].only_nonlinear})
            if turned:
                log.warning("tracked linearly, these act as drifts on the axis: %s", ", ".join(turned))
        return self.replace(elements=elements)

    def without_effects(self) -> Lattice:
        """Return the lattice of the whole elements, without effects that plugins added along them."""
        if not any(element.effects or element.num_slices > 1 for element in self.elements):
            return self
        return self.replace(elements=[element.replace(effects={}, num_slices=1) for element in self.elements])

    def __getattr__(self, name: str) -> Any:
        """Return ``with_NAME`` of an effect that a plugin brought: a function that returns the lattice with the effect."""
        if name.startswith("with_"):
            known = registry().effects
            if name[5:] in known:
                return partial(known[name[5:]].value, self)
            message = f"a lattice has no {name!r}{suggest(name, [f'with_{effect}' for effect in known])}"
            raise AttributeError(message)
        raise AttributeError(f"a lattice has no {name!r}")

    def places(self, where: Where = None) -> list[int]:
        """Return the places of elements by kind, by name pattern, or by a predicate of the element; all, if left out."""
        if where is None:
            return list(range(len(self)))
        if callable(where):
            return [i for i, element in enumerate(self.elements) if where(element)]
        if where.lower() in {kind.lower() for kind in registry().kinds}:
            return [i for i, kind in enumerate(self.kinds) if kind.lower() == where.lower()]
        return self.select(where)

    def to(self, backend: str, *, device: Any = None, dtype: str = "float64") -> Lattice:
        """Return the lattice with its arrays on another backend; plain numbers stay plain.

        Arrays of a tree, such as weights, that are of the backend already stay what they are: somebody trains them.
        """
        target = registry().backend(backend)

        def move(value: Any) -> Any:
            if value is None or is_number(value):
                return value
            array = value if library(value) == backend else backend_of(value).to_numpy(value)
            return target.asarray(array, dtype=target.dtype(dtype), device=device)

        def moved(element: Element) -> Element:
            changes = {name: move(value) for name, value in element.parameters.items() if arrays([value])}
            for name, held in element.trees.items():
                if isinstance(held, Element):
                    changes[name] = moved(held)
                elif held is not None:
                    changes[name] = {key: v if library(v) == backend else move(v) for key, v in held.items()}
            return element.replace(**changes)

        elements = list(map(moved, self.elements))
        reference = self.reference
        if reference is not None:
            reference = Reference(reference.species, *(move(v) for v in (reference.p0c, reference.s, reference.t)))
        return self.replace(elements=elements, reference=reference)

    def __add__(self, other: Lattice) -> Lattice:
        if not isinstance(other, Lattice):
            return NotImplemented
        return self.replace(elements=(*self.elements, *other.elements))

    # ---------------------------------------------------------------- tracking

    def track(
        self,
        beam: Beam,
        *,
        turns: int = 1,
        observe: Observe = None,
        observe_turns: ObserveTurns = None,
        keep: Callable[[Any], Any] = everything,
        reference: Literal["lattice", "beam"] = "lattice",
        progress: Progress | None = None,
    ) -> Any:
        """Track a beam; the backend is the beam's.

        Parameters
        ----------
        beam : ParticleBeam or MomentBeam
        turns : int
            How often to go round, always from the same reference, from which z counts. The lost keep their places in the beam,
            and ``lost_turn`` says when they were lost. What is much is compiled.
        observe : name, pattern, place, or sequence of them, optional
            Elements after which to keep the beam; ``"all"`` for every element.
        observe_turns : int or sequence of int, optional
            In which turns, counted from one: every so many, or these; in all, if left out.
        keep : callable, optional
            What to keep of each beam observed, ``beam -> anything``; the beam itself, if left out.
        reference : "lattice" or "beam"
            Whether a lattice that came with a reference insists on it, or the beam's is taken.
        progress : callable, optional
            Told on the way ``(turns done, turns)``, a hundred times or so.

        Returns
        -------
        beam
            Or ``(beam, history)`` with `observe`: ``history["bpm1"]`` is a list of beams, one per turn and occurrence.

        Raises
        ------
        InputError
            If several turns are asked for, and the reference momentum is not the same after one.
        """
        backend = backend_of(tracking.first_array(beam))
        keys = self.planner.stops(observe)
        plan = self.planner.plan(list(keys), beam.reference)
        if turns == 1 and observe_turns is None:
            out, looks = self.planner.track(plan, beam, backend, keep, reference)
        else:
            quiet = self.planner.prepare(self.planner.plan([], beam.reference), beam, reference, backend=backend)
            watching = self.planner.prepare(plan, beam, reference, backend=backend)
            wanted = watched(turns, observe_turns) if keys else []
            out, looks = track_turns(quiet, watching, beam, backend, keep, turns, wanted, progress)
        return out if observe is None else (out, tracking.observed(looks, keys))

    def transfer_matrix(self, reference: Reference | None = None) -> Any:
        """Return the Jacobian ``(..., 6, 6)`` of the elements' own methods on the reference orbit.

        Parameters
        ----------
        reference : Reference, optional
            At the start; the lattice's own if left out.
        """
        return self.transfer_map(reference).matrix

    @overload
    def transfer_map(self, reference: Reference | None = None, *, order: Literal[1] = 1) -> LinearMap: ...
    @overload
    def transfer_map(self, reference: Reference | None = None, *, order: Literal[2]) -> SecondOrderMap: ...
    def transfer_map(self, reference: Reference | None = None, *, order: int = 1) -> Map:
        """Return the expansion about the orbit that starts on the axis, of the elements' own methods.

        Parameters
        ----------
        reference : Reference, optional
            At the start; the lattice's own if left out.
        order : 1 or 2
            To second order it has the ``T_ijk``, half the second derivatives, as well.
        """
        if order not in (1, 2):
            raise InputError(f"order must be 1 or 2, not {order!r}")
        start = reference or self.reference
        if start is None:
            raise InputError(
                "the lattice has no reference; give one: lattice.transfer_matrix(cv.Reference('electron', p0c=1e8))"
            )
        self.planner.libraries()
        prepared = self.planner.plan([], start).prepare(self.planner.numbers(), start, particles=False)
        found = arrays([*deciding(self.elements), start.p0c, start.s, start.t])
        backend = backend_of(found[0]) if found else registry().backend("numpy")
        zero = backend.asarray(np.zeros(6), dtype=backend.dtype("float64"))
        expand = tracking.transfer_map if order == 1 else tracking.second_order_map_of
        return expand(prepared, backend, zero)

    def compile(self, backend: str = "numpy", *, parameters: Sequence[str] = (), observe: Observe = None) -> Tracker:
        """Return a tracker that is compiled once and called often.

        Parameters
        ----------
        backend : str
            ``"numpy"`` (compiled by Numba), ``"torch"`` or ``"jax"``.
        parameters : sequence of str
            Settings that calls will give: ``["q1.k1", "q2.k1"]``.
        observe
            As in :meth:`track`.

        Notes
        -----
        Into how many steps an element is divided, its values in this lattice decide, whatever calls give: what is compiled
        stays the same, and goes smoothly from one setting to the next. Bmad's rules of that number go by strength, so
        :meth:`replace` may come to another, and the results then differ by the error of integration: of a kicker of 0.3 m with
        1 mrad, three steps instead of one change z by 1e-8 m. Compile the lattice with typical values, or give `num_steps`.
        """
        return Tracker(self, backend, parameters, observe)

    # ---------------------------------------------------------------- as a tree of arrays

    def tree_flatten(self) -> tuple[tuple[Any, ...], Fixed]:
        """Elements and reference, and the rest; step counts, too, which nothing could decide inside a trace."""
        rest = {name: getattr(self, name) for name in _OWN if name != "reference"}
        counts, of_all = self.planner.inheritance()
        return (self.elements, self.reference), Fixed(aside=of_all, **rest, counts=counts)

    @classmethod
    def tree_unflatten(cls, rest: Fixed, children: Any) -> Lattice:
        """Put together again, unchecked."""
        lattice = object.__new__(cls)
        values = dict(rest.values)
        counts = values.pop("counts")
        elements, reference = children
        lattice.__dict__.update(values, elements=elements, reference=reference)
        lattice.__dict__["planner"] = Planner(lattice, rest.aside, counts)
        return lattice

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lattice):
            return NotImplemented
        return all(same(getattr(self, part), getattr(other, part)) for part in ("elements", *_OWN) if part != "losses")

    def __hash__(self) -> int:
        return hash((self.name, len(self)))

    def __repr__(self) -> str:
        shown = self.length if is_number(self.length) else "batched"
        return f"Lattice({self.name!r}, {len(self)} elements, {shown} m, {self.geometry})"


def _elements(items: Iterable[Any]) -> Iterator[Element]:
    for item in items:
        if isinstance(item, Element):
            yield item
        elif isinstance(item, Lattice):
            yield from item.elements
        else:
            raise InputError(f"a lattice is made of elements, not of {item!r}")
