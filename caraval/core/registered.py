"""The table of what the plugins brought, and which plugin brought it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .element import Element
from .errors import BackendError, MethodError, UnknownNameError, suggest
from .formats import BeamReader, BeamWriter, Reader, Writer
from .methods import TrackingMethod, as_method
from .routine import Composite, Routine

DERIVED = {"linear": 1, "second_order": 2}
"""Methods that are maps, which follow from any particle routine, and their order."""

_loaded_backends: dict[str, Any] = {}

T = TypeVar("T")
Method = Routine | Composite | Callable[..., Any]


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A thing in the registry, and the plugin that it came from."""

    value: T
    plugin: str


@dataclass(frozen=True)
class Registry:
    """What there is to track with, and to read and write.

    Attributes
    ----------
    kinds, methods, references, upstream, backends, readers, writers, beam_readers, beam_writers, effects : mapping
        Of names, for `methods` of ``(kind, name)``, to entries; `references` has functions by kind, and `upstream` says where
        functions are.
    wrappers : tuple of Entry
        Functions that wrap the steps of every element.
    examples : tuple of Entry
        Elements and files to try plugins out with.
    plugins, blocked : tuple of str
        Names of the plugins that are in, and of those that the environment keeps out.
    failed : mapping
        Of names of plugins that could not be loaded to the reason.
    """

    kinds: Mapping[str, Entry[type[Element]]]
    methods: Mapping[tuple[type[Element], str], Entry[Method]]
    references: Mapping[type[Element], Entry[Callable[..., Any]]]
    upstream: Mapping[type[Element], Entry[str]]
    backends: Mapping[str, Entry[str]]
    readers: Mapping[str, Entry[Reader]]
    writers: Mapping[str, Entry[Writer]]
    beam_readers: Mapping[str, Entry[BeamReader]]
    beam_writers: Mapping[str, Entry[BeamWriter]]
    effects: Mapping[str, Entry[Callable[..., Any]]]
    wrappers: tuple[Entry[Callable[..., Any]], ...]
    examples: tuple[Entry[Any], ...]
    plugins: tuple[str, ...]
    blocked: tuple[str, ...]
    failed: Mapping[str, str]
    _known: dict[type[Element], dict[str, Method]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def kind(self, name: str) -> type[Element]:
        """Return the element kind of that name, whatever the case of its letters.

        Raises
        ------
        UnknownNameError
        """
        if name in self.kinds:
            return self.kinds[name].value
        for known, entry in self.kinds.items():
            if known.lower() == name.lower():
                return entry.value
        raise UnknownNameError(f"unknown element kind {name!r}{suggest(name, self.kinds)}")

    def methods_of(self, kind: type[Element]) -> dict[str, Method]:
        """Return the methods of a kind by name, its own before those of its bases, in the order of registration."""
        if kind in self._known:
            return self._known[kind]
        found: dict[str, Method] = self._known.setdefault(kind, {})
        for cls in kind.__mro__:
            for (owner, name), entry in self.methods.items():
                if owner is cls:
                    found.setdefault(name, entry.value)
        return found

    def method_names(self, kind: type[Element]) -> list[str]:
        """Return the names of all methods in which an element of the kind can be tracked.

        Maps follow from any particle routine, so a kind that has one has ``linear`` and ``second_order`` too.
        """
        names = list(self.methods_of(kind))
        if self.particle_method(kind) is not None:
            names += [name for name in DERIVED if name not in names]
        return names

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (kind, method, plugin) for every method of every kind, by kind."""
        found = [(kind.__name__, method, entry.plugin) for (kind, method), entry in self.methods.items()]
        for name, entry in self.kinds.items():
            names = self.method_names(entry.value)
            found += [(name, m, "derived") for m in DERIVED if m in names and (entry.value, m) not in self.methods]
        return sorted(found)

    def method_of(self, element: Element) -> TrackingMethod:
        """Return the method that an element is tracked with: its own choice, or its kind's default.

        Raises
        ------
        MethodError
            If the kind has no such method; the message names those it has.
        """
        names = self.method_names(type(element))
        chosen = element.tracking_method
        if chosen is None:
            if not names:
                raise MethodError(
                    f"{element.label} has no tracking method; register one for {element.kind}: a plugin returns "
                    f'{{({element.kind}, "kick_drift_kick"): cv.Routine(track=...)}} from register_tracking_methods'
                )
            return as_method("bmad_standard" if "bmad_standard" in names else names[0])
        if not isinstance(chosen, TrackingMethod):
            chosen = as_method(chosen)
        if chosen.name not in names:
            raise MethodError(
                f"{element.label} has no tracking method {chosen.name!r}{suggest(chosen.name, names)}; "
                f"it has {', '.join(names) or 'none'}"
            )
        return chosen

    def particle_method(self, kind: type[Element]) -> tuple[str, Routine | Composite] | None:
        """Return the name and the routine that a kind's maps are the derivatives of, if it has one."""
        methods = self.methods_of(kind)
        for name in ("bmad_standard", *methods):
            method = methods.get(name)
            if isinstance(method, (Routine, Composite)):
                return name, method
        return None

    def reference_of(self, kind: type[Element]) -> Callable[..., Any] | None:
        """Return how a kind changes the reference, if it does more than let it drift."""
        for cls in kind.__mro__:
            if cls in self.references:
                return self.references[cls].value
        return None

    def upstream_of(self, kind: type[Element]) -> Callable[..., Any]:
        """Return the function ``(element, before) -> element`` of a kind that may depend on what is upstream.

        Raises
        ------
        MethodError
            If there is none.
        """
        for cls in kind.__mro__:
            if cls in self.upstream:
                module, _, function = self.upstream[cls].value.partition(":")
                found: Callable[..., Any] = getattr(importlib.import_module(module), function)
                return found
        raise MethodError(
            f"a {kind.__name__} depends on what is upstream, and nobody says how; a plugin returns "
            f'{{{kind.__name__}: "module:function"}} from register_upstream'
        )

    def backend(self, name: str) -> Any:
        """Return the backend of that name, importing it if need be.

        Raises
        ------
        BackendError
            If it is unknown or its library is not installed.
        """
        if name in _loaded_backends:
            return _loaded_backends[name]
        if name not in self.backends:
            raise BackendError(f"unknown backend {name!r}{suggest(name, self.backends)}; known are {', '.join(self.backends)}")
        module, _, attribute = self.backends[name].value.partition(":")
        try:
            backend = getattr(importlib.import_module(module), attribute)()
        except ImportError as error:
            raise BackendError(f"the {name} backend is not installed ({error}); try: pip install 'caraval[{name}]'") from error
        _loaded_backends[name] = backend
        return backend
