"""Lattices: immutable lines of elements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from array_api_compat import array_namespace

from . import names as naming
from . import plan as planning
from . import tracking
from .arrays import arrays, is_number, library
from .beam import ParticleBeam
from .element import Element
from .errors import BackendError, InputError, LatticeError, MethodError
from .methods import TrackingMethod, as_method
from .moments import MomentBeam
from .plan import Plan, Prepared
from .reference import Reference
from .registry import backend_of, registry
from .tree import Fixed, tree

if TYPE_CHECKING:
    from .tracker import Tracker

log = logging.getLogger("caraval")

Beam = ParticleBeam | MomentBeam
Where = str | Callable[[Element], bool] | None

SAME_MOMENTUM = 1e-9
"""Reference momenta that differ relatively by less than this are the same (a file round trip keeps 12 digits)."""


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

    def __init__(
        self,
        elements: Iterable[Element | Lattice],
        *,
        reference: Reference | None = None,
        geometry: Literal["open", "closed"] = "open",
        name: str = "",
        beginning: Mapping[str, Any] | None = None,
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
        self._set(line, reference, geometry, name, dict(beginning or {}), None)

    def _set(self, elements: Any, reference: Any, geometry: Any, name: Any, beginning: Any, counts: Any) -> None:
        self.__dict__.update(
            elements=elements, reference=reference, geometry=geometry, name=name, beginning=beginning,
            _given_counts=counts, _counts={}, _plans={}, _prepared={}, _lookup={},
        )  # fmt: skip

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
        start, stop = (self._place(edge) for edge in (key.start, key.stop))
        places = range(len(self))[start : stop : key.step]
        if len(places) == 0:
            raise LatticeError(f"no elements between {key.start!r} and {key.stop!r}")
        reference = self.reference
        if reference is not None and key.step in (None, 1):
            reference = planning.reference_pass(registry(), self.elements[: places[0]], reference)[-1]
        return Lattice((self.elements[i] for i in places), reference=reference, name=self.name)

    def _place(self, edge: int | str | None) -> int | None:
        return self.select(edge)[0] if isinstance(edge, str) else edge

    def select(self, pattern: str) -> list[int]:
        """Return the places of the elements that a name means (``"q1"``, ``"q1##2"``, ``"qf*"``, ``"Quadrupole::q*"``)."""
        cache = self.__dict__["_lookup"]
        if pattern not in cache:
            cache[pattern] = naming.select(pattern, self.names, self.kinds)
        return list(cache[pattern])

    # ---------------------------------------------------------------- new lattices from old

    def replace(self, settings: Mapping[str, Any] | None = None, **changes: Any) -> Lattice:
        """Return the lattice with other settings.

        Parameters
        ----------
        settings : mapping
            ``{"q1.k1": 4.2}``; the key says which elements, as in :meth:`select`.
        **changes
            `reference`, `geometry`, `name`, `beginning` or `elements` of the lattice itself.
        """
        elements = list(self.elements)
        for key, value in (settings or {}).items():
            pattern, parameter = naming.parameter_of(key)
            for i in self.select(pattern):
                elements[i] = elements[i].replace(**{parameter: value})
        values = {
            "elements": elements,
            **{n: getattr(self, n) for n in ("reference", "geometry", "name", "beginning")},
            **changes,
        }
        new = Lattice(values.pop("elements"), **values)
        if "elements" not in changes:
            new.__dict__["_given_counts"] = self._inherited_counts()
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
        known = registry()
        elements = list(self.elements)
        for i in self._where(where):
            element = elements[i].replace(tracking_method=chosen)
            known.method_of(element)
            elements[i] = element
        new = self.replace(elements=elements)
        if chosen.name == "linear":
            self._say_drifts(elements)
        return new

    def _where(self, where: Where) -> list[int]:
        if where is None:
            return list(range(len(self)))
        if callable(where):
            return [i for i, element in enumerate(self.elements) if where(element)]
        kinds = {kind.lower(): kind for kind in registry().kinds}
        if where.lower() in kinds:
            return [i for i, kind in enumerate(self.kinds) if kind.lower() == where.lower()]
        return self.select(where)

    def _say_drifts(self, elements: Sequence[Element]) -> None:
        turned = sorted({e.kind for e in elements if e.only_nonlinear and str(e.tracking_method) == "linear"})
        if turned:
            log.warning("tracked linearly, these act as drifts on the axis: %s", ", ".join(turned))

    def to(self, backend: str, *, device: Any = None, dtype: str = "float64") -> Lattice:
        """Return the lattice with its arrays on another backend; plain numbers stay plain."""
        target = registry().backend(backend)

        def move(value: Any) -> Any:
            if value is None or is_number(value):
                return value
            array = value if library(value) == backend else backend_of(value).to_numpy(value)
            return target.asarray(array, dtype=target.dtype(dtype), device=device)

        elements = [
            element.replace(**{name: move(value) for name, value in element.parameters.items() if arrays([value])})
            for element in self.elements
        ]
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
        observe: str | Sequence[str] | None = None,
        keep: Callable[[Any], Any] = tracking.everything,
        reference: Literal["lattice", "beam"] = "lattice",
    ) -> Any:
        """Track a beam; the backend is the beam's.

        Parameters
        ----------
        beam : ParticleBeam or MomentBeam
        observe : name, pattern, or sequence of them, optional
            Elements after which to keep the beam; ``"all"`` for every element.
        keep : callable, optional
            What to keep of each beam observed, ``beam -> anything``; the beam itself, if left out.
        reference : "lattice" or "beam"
            Whether a lattice that came with a reference insists on it, or the beam's is taken.

        Returns
        -------
        beam
            Or ``(beam, history)`` with `observe`: ``history["bpm1"]`` is a list of beams, one per occurrence.
        """
        plan, keys = self._planned(observe, beam.reference)
        prepared = self.prepare(plan, beam, reference)
        out, looks = run(prepared, beam, backend_of(first_array(beam)), keep)
        return out if observe is None else (out, tracking.observed(looks, keys))

    def transfer_matrix(self, reference: Reference | None = None) -> Any:
        """Return the Jacobian ``(..., 6, 6)`` of the elements' own methods on the reference orbit.

        Parameters
        ----------
        reference : Reference, optional
            At the start; the lattice's own if left out.
        """
        return self.transfer_map(reference).matrix

    def transfer_map(self, reference: Reference | None = None) -> Any:
        """Return the first-order expansion ``matrix, offset`` about the orbit that starts on the axis."""
        start = reference or self.reference
        if start is None:
            raise InputError(
                "the lattice has no reference; give one: lattice.transfer_matrix(cv.Reference('electron', p0c=1e8))"
            )
        plan, _ = self._planned(None, start)
        prepared = plan.prepare(self.elements, start, particles=False)
        found = self._arrays() + arrays((start.p0c, start.s, start.t))
        backend = backend_of(found[0]) if found else registry().backend("numpy")
        zero = backend.asarray(np.zeros(6), dtype=backend.dtype("float64"))
        return tracking.transfer_map(prepared, backend, zero)

    def compile(
        self, backend: str = "numpy", *, parameters: Sequence[str] = (), observe: str | Sequence[str] | None = None
    ) -> Tracker:
        """Return a tracker that is compiled once and called often.

        Parameters
        ----------
        backend : str
            ``"numpy"`` (compiled by Numba), ``"torch"`` or ``"jax"``.
        parameters : sequence of str
            Settings that calls will give: ``["q1.k1", "q2.k1"]``.
        observe
            As in :meth:`track`.
        """
        from .tracker import Tracker

        return Tracker(self, backend, parameters, observe)

    # ---------------------------------------------------------------- plans

    def _planned(self, observe: str | Sequence[str] | None, start: Reference) -> tuple[Plan, dict[int, str]]:
        keys = self.observed(observe)
        counts = self.counts(start)
        key = (frozenset(keys), counts)
        plans = self.__dict__["_plans"]
        plan = plans.get(key)
        if plan is None or plan.registry is not registry():
            looks = [i in keys for i in range(len(self))] if keys else None
            plan = planning.build(registry(), self.elements, counts=counts, looks=looks)
            plans[key] = plan
            self.__dict__["_prepared"].clear()
        return plan, keys

    def observed(self, observe: str | Sequence[str] | None) -> dict[int, str]:
        """Return the places to look at, and the key in the history of each."""
        if observe is None:
            return {}
        patterns = [observe] if isinstance(observe, str) else list(observe)
        keys: dict[int, str] = {}
        for pattern in patterns:
            if pattern == "all" and "all" not in self.names:
                return {i: element.name or f"{element.kind}#{i}" for i, element in enumerate(self.elements)}
            exact = pattern in self.names or "##" in pattern
            for i in self.select(pattern):
                keys[i] = pattern if exact or not naming.is_pattern(pattern) else self.elements[i].name
        return keys

    def counts(self, start: Reference | None = None) -> tuple[int | None, ...]:
        """Return into how many parts each element is divided: by its own numbers, or by those of its forebear.

        Parameters
        ----------
        start : Reference, optional
            Where the lattice has no reference of its own: elements given by fields need the momentum.
        """
        start = self.reference or start
        key = start.p0c if start is not None and is_number(start.p0c) else None
        found = self.__dict__["_counts"]
        if key not in found:
            known = registry()
            references: Sequence[Reference | None] = [None] * len(self)
            if start is not None and key is not None:
                references = planning.reference_pass(known, self.elements, start)[:-1]
            given = self.__dict__["_given_counts"] or [None] * len(self)
            own = [planning.count(known, e, r) for e, r in zip(self.elements, references, strict=True)]
            found[key] = tuple(c if c is not None else g for c, g in zip(own, given, strict=True))
        counts: tuple[int | None, ...] = found[key]
        return counts

    def _inherited_counts(self) -> tuple[int | None, ...] | None:
        try:
            return self.counts()
        except (MethodError, InputError):  # such a lattice cannot be tracked; the error belongs there
            return None

    def prepare(self, plan: Plan, beam: Beam, reference: str = "lattice") -> Prepared:
        """Return a plan with this lattice's numbers for a beam; kept, where they are plain numbers."""
        particles = isinstance(beam, ParticleBeam)
        self._check_reference(beam.reference, reference)
        self._check_library(library(first_array(beam)))
        start = beam.reference
        numbers = (start.p0c, start.s, start.t)
        if not all(map(is_number, numbers)):
            return plan.prepare(self.elements, start, particles=particles)
        cache = self.__dict__["_prepared"]
        key = (id(plan), particles, start)
        if key not in cache:
            prepared = plan.prepare(self.elements, start, particles=particles)
            if not planning.is_static(prepared):
                return prepared
            if len(cache) >= _KEPT:
                cache.clear()
            cache[key] = prepared
        found: Prepared = cache[key]
        return found

    def _check_reference(self, given: Reference, which: str) -> None:
        if which not in ("lattice", "beam"):
            raise InputError(f'reference must be "lattice" or "beam", not {which!r}')
        own = self.reference
        if which == "beam" or own is None:
            return
        known = [_known(p0c) for p0c in (own.p0c, given.p0c)]
        momentum_differs = (
            known[0] is not None and known[1] is not None and bool(np.any(abs(known[0] - known[1]) > SAME_MOMENTUM * known[0]))
        )
        if given.species != own.species or momentum_differs:
            raise InputError(
                f"the beam's reference ({given.species.name}, p0c = {given.p0c} eV) is not the lattice's "
                f"({own.species.name}, p0c = {own.p0c} eV); make the beam with lattice.reference, "
                'or track(..., reference="beam")'
            )

    def _check_library(self, wanted: str) -> None:
        for found, where in self._libraries().items():
            if found != wanted:
                raise BackendError(
                    f"{where} is a {found} array and the beam is on {wanted}; use lattice.to({wanted!r}) or beam.to({found!r})"
                )

    def _libraries(self) -> dict[str, str]:
        """Return the libraries of the arrays among the settings, and where the first of each is."""
        found: dict[str, str] | None = self.__dict__.get("_found_libraries")
        if found is None:
            found = {}
            for element in self.elements:
                for name, value in element.parameters.items():
                    if value is not None and not is_number(value):
                        found.setdefault(library(value), f"{element.label}: {name}")
                        _check_array(f"{element.label}: {name}", value)
            self.__dict__["_found_libraries"] = found
        return found

    def _arrays(self) -> list[Any]:
        return arrays(value for element in self.elements for value in element.parameters.values())

    # ---------------------------------------------------------------- as a tree of arrays

    def tree_flatten(self) -> tuple[tuple[Any, ...], Fixed]:
        """Elements and reference, and the rest."""
        rest = Fixed(geometry=self.geometry, name=self.name, beginning=self.beginning, counts=self._inherited_counts())
        return (self.elements, self.reference), rest

    @classmethod
    def tree_unflatten(cls, rest: Fixed, children: Any) -> Lattice:
        """Put together again, unchecked."""
        lattice = object.__new__(cls)
        elements, reference = children
        values = rest.values
        lattice._set(elements, reference, values["geometry"], values["name"], values["beginning"], values["counts"])
        return lattice

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lattice):
            return NotImplemented
        parts = ("elements", "reference", "geometry", "name", "beginning")
        return all(getattr(self, part) == getattr(other, part) for part in parts)

    def __hash__(self) -> int:
        return hash((self.name, len(self)))

    def __repr__(self) -> str:
        shown = self.length if is_number(self.length) else "batched"
        return f"Lattice({self.name!r}, {len(self)} elements, {shown} m, {self.geometry})"


_KEPT = 8
"""Prepared plans kept for beams of different reference."""


def run(prepared: Prepared, beam: Beam, backend: Any, keep: tracking.Keep = tracking.everything) -> tuple[Any, Any]:
    """Track a beam of either kind along a prepared plan."""
    if isinstance(beam, ParticleBeam):
        return tracking.track_particles(prepared, beam, backend, keep)
    return tracking.track_moments(prepared, beam, backend, keep)


def _elements(items: Iterable[Any]) -> Iterator[Element]:
    for item in items:
        if isinstance(item, Element):
            yield item
        elif isinstance(item, Lattice):
            yield from item.elements
        else:
            raise InputError(f"a lattice is made of elements, not of {item!r}")


def first_array(beam: Any) -> Any:
    """Return an array of a beam, by which its backend is known."""
    if isinstance(beam, ParticleBeam):
        return beam.x
    if isinstance(beam, MomentBeam):
        return beam.mean
    raise InputError(f"a ParticleBeam or a MomentBeam can be tracked, not {type(beam).__name__}")


def _check_array(label: str, array: Any) -> None:
    if not array_namespace(array).isdtype(array.dtype, "real floating"):
        raise InputError(f"{label} must hold floating-point numbers, not {array.dtype}")
    values = backend_of(array).value(array)
    if values is not None and not np.isfinite(values).all():
        raise InputError(f"{label} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")


def _known(value: Any) -> Any:
    """Return a number or an array's values, or None where a trace hides them."""
    return value if is_number(value) else backend_of(value).value(value)
