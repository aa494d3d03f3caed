"""The registry: a frozen table of what the plugins brought, and which plugin brought it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Generic, TypeVar

import pluggy

from . import hookspecs
from .arrays import library
from .element import Element
from .errors import BackendError, MethodError, PluginError, PluginWarning, UnknownNameError, suggest
from .formats import BeamReader, BeamWriter, Reader, Writer
from .methods import TrackingMethod, as_method
from .routine import Composite, Routine

BUILT_IN = ("caraval.physics", "caraval.backends", "caraval.converters", "caraval.plugins")
"""Packages whose modules are plugins like any other."""

DISABLE = "CARAVAL_DISABLE_PLUGINS"
"""Environment variable with the names of plugins not to load, separated by commas."""

DERIVED = {"linear": 1, "second_order": 2}
"""Methods that are maps, which follow from any particle routine, and their order."""

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
    kinds, methods, references, backends, readers, writers, beam_readers, beam_writers, effects : mapping
        Of names, for `methods` of ``(kind, name)``, to entries; `references` has functions by kind.
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
    backends: Mapping[str, Entry[str]]
    readers: Mapping[str, Entry[Reader]]
    writers: Mapping[str, Entry[Writer]]
    beam_readers: Mapping[str, Entry[BeamReader]]
    beam_writers: Mapping[str, Entry[BeamWriter]]
    effects: Mapping[str, Entry[Callable[..., Any]]]
    wrappers: tuple[Entry[Callable[..., Any]], ...]
    examples: tuple[Entry[Element | Path], ...]
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
                raise MethodError(f"{element.label} has no tracking method; register one for {element.kind}")
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

    def backend(self, name: str) -> Any:
        """Return the backend of that name, importing it if need be.

        Raises
        ------
        BackendError
            If it is unknown or its library is not installed.
        """
        return _load_backend(self, name)


_loaded_backends: dict[str, Any] = {}


def _load_backend(registry: Registry, name: str) -> Any:
    if name in _loaded_backends:
        return _loaded_backends[name]
    if name not in registry.backends:
        raise BackendError(
            f"unknown backend {name!r}{suggest(name, registry.backends)}; known are {', '.join(registry.backends)}"
        )
    module, _, attribute = registry.backends[name].value.partition(":")
    try:
        backend = getattr(importlib.import_module(module), attribute)()
    except ImportError as error:
        raise BackendError(f"the {name} backend is not installed ({error}); try: pip install 'caraval[{name}]'") from error
    _loaded_backends[name] = backend
    return backend


def backend_of(array: Any) -> Any:
    """Return the backend that an array belongs to.

    Raises
    ------
    BackendError
        If there is none for its library.
    """
    name = library(array)
    if name not in registry().backends:
        kind = f"{type(array).__module__}.{type(array).__qualname__}"
        raise BackendError(f"no backend for values of type {kind}; there are {', '.join(registry().backends)}")
    return registry().backend(name)


# -------------------------------------------------------------------- building it

_added: dict[str, Any] = {}
_registry: Registry | None = None


def registry() -> Registry:
    """Return the registry, building it on first use.

    Raises
    ------
    PluginError
        If two plugins claim the same kind, method, format or backend.
    """
    global _registry
    if _registry is None:
        _registry = _build(*_plugin_manager())
    return _registry


def register_plugin(plugin: Any, name: str | None = None) -> None:
    """Add a plugin that is no installed distribution: a module, or any object with hook functions.

    Raises
    ------
    PluginError
        If a plugin of that name is there already, or it collides with another; it is then not added.
    """
    global _registry
    name = name or getattr(plugin, "__name__", None) or type(plugin).__name__
    if name in _added and _added[name] is not plugin:
        raise PluginError(f"there is a plugin {name!r} already")
    before = _registry
    _added[name] = plugin
    _registry = None
    try:
        registry()
    except Exception:
        del _added[name]
        _registry = before
        raise


def unregister_plugin(name: str) -> None:
    """Take a plugin added with :func:`register_plugin` away again."""
    global _registry
    if name not in _added:
        raise UnknownNameError(f"no plugin {name!r} was added{suggest(name, _added)}")
    del _added[name]
    _registry = None


def reset() -> None:
    """Forget the registry, so that it is built anew from what is installed and from the environment."""
    global _registry
    _registry = None


def _plugin_manager() -> tuple[pluggy.PluginManager, dict[str, str]]:
    """Return the plugins that are there, and why others could not be loaded."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    failed: dict[str, str] = {}
    for name in _disabled():
        manager.set_blocked(name)
    for package in BUILT_IN:
        for module in _modules(package):
            manager.register(module, name=module.__name__)
    for point in _entry_points():
        if manager.is_blocked(point.name):
            continue
        try:
            _add(manager, point.load(), point.name)
        except PluginError:
            raise
        except Exception as error:
            failed[point.name] = f"{type(error).__name__}: {error}"
            _warn(point.name, failed[point.name])
    for name, plugin in _added.items():
        if not manager.is_blocked(name):
            _add(manager, plugin, name)
    return manager, failed


def _entry_points() -> list[EntryPoint]:
    """Return the installed plugins by name.

    Raises
    ------
    PluginError
        If two distributions call theirs the same.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=hookspecs.PROJECT), key=lambda p: p.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            both = " and ".join(repr(p.dist.name if p.dist else p.value) for p in (other, point))
            raise PluginError(f"two distributions, {both}, have a plugin called {point.name!r}; uninstall one")
    return list(found.values())


def _add(manager: pluggy.PluginManager, plugin: Any, name: str) -> None:
    """Add a plugin, and make sure that all its hooks are hooks."""
    if manager.has_plugin(name) or manager.is_registered(plugin):
        other = name if manager.has_plugin(name) else manager.get_name(plugin)
        raise PluginError(f"plugin {name!r} is there already, as {other!r}")
    manager.register(plugin, name=name)
    known = [n for n in vars(hookspecs) if n.startswith("register_")] + ["plan_steps"]
    for hook in vars(manager.hook).values():
        if isinstance(hook, pluggy.HookCaller) and not hook.has_spec():
            manager.unregister(plugin)
            raise PluginError(f"plugin {name!r} has a hook {hook.name!r} that does not exist{suggest(hook.name, known)}")


def _disabled() -> list[str]:
    return [name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip()]


def _warn(plugin: str, reason: str) -> None:
    warnings.warn(f"plugin {plugin!r} could not be loaded and is left out: {reason}", PluginWarning, stacklevel=2)


def _modules(package: str) -> Iterator[ModuleType]:
    """Yield a package and the modules directly in it; those of the backends load their libraries and wait."""
    parent = importlib.import_module(package)
    yield parent
    if package == "caraval.backends":
        return
    for info in pkgutil.iter_modules(parent.__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package}.{info.name}")


def _build(manager: pluggy.PluginManager, failed: Mapping[str, str]) -> Registry:
    methods: dict[tuple[type[Element], str], Entry[Method]] = {}
    kinds: dict[str, Entry[type[Element]]] = {}
    for plugin, returned in _results(manager, "register_tracking_methods", Mapping):
        for key, method in returned.items():
            _check_method(plugin, key, method)
            _enter(methods, key, Entry(method, plugin), lambda k: f"the method {k[1]!r} of {k[0].__name__}")
            known = kinds.get(key[0].__name__)
            if known is None or known.value is not key[0]:
                _enter(kinds, key[0].__name__, Entry(key[0], plugin), lambda k: f"the element kind {k!r}")
    for plugin, returned in _results(manager, "register_elements", Iterable):
        for kind in returned:
            if not (isinstance(kind, type) and issubclass(kind, Element)):
                raise PluginError(f"plugin {plugin!r}: register_elements returns subclasses of Element, not {kind!r}")
            known = kinds.get(kind.__name__)
            if known is None or known.value is not kind:
                _enter(kinds, kind.__name__, Entry(kind, plugin), lambda k: f"the element kind {k!r}")
    backends: dict[str, Entry[str]] = {}
    for plugin, returned in _results(manager, "register_backends", Mapping):
        for name, target in returned.items():
            if not isinstance(target, str) or target.count(":") != 1:
                raise PluginError(f'plugin {plugin!r}: backend {name!r} must be given as "module:Class", not {target!r}')
            _enter(backends, name, Entry(target, plugin), lambda k: f"the backend {k!r}")
    return Registry(
        kinds=MappingProxyType(kinds),
        methods=MappingProxyType(methods),
        references=MappingProxyType(_references(methods)),
        backends=MappingProxyType(backends),
        readers=MappingProxyType(_formats(manager, "register_readers", Reader)),
        writers=MappingProxyType(_formats(manager, "register_writers", Writer)),
        beam_readers=MappingProxyType(_formats(manager, "register_beam_readers", BeamReader)),
        beam_writers=MappingProxyType(_formats(manager, "register_beam_writers", BeamWriter)),
        effects=MappingProxyType(_effects(manager)),
        wrappers=tuple(_wrappers(manager)),
        examples=tuple(_examples(manager)),
        plugins=tuple(name for name, plugin in manager.list_name_plugin() if plugin is not None),
        blocked=tuple(_disabled()),
        failed=MappingProxyType(dict(failed)),
    )


def _results(manager: pluggy.PluginManager, hook: str, expected: type) -> Iterator[tuple[str, Any]]:
    """Yield the plugin's name and what it returned, in the order of registration."""
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        name = implementation.plugin_name
        try:
            returned = implementation.function()
        except Exception as error:
            raise PluginError(f"plugin {name!r}: {hook} failed: {type(error).__name__}: {error}") from error
        if not isinstance(returned, expected) or isinstance(returned, str):
            raise PluginError(f"plugin {name!r}: {hook} returned {type(returned).__name__}, not a {expected.__name__.lower()}")
        yield name, returned


def _wrappers(manager: pluggy.PluginManager) -> Iterator[Entry[Callable[..., Any]]]:
    for plugin, found in _results(manager, "plan_steps", Iterable):
        for wrapper in found:
            if not callable(wrapper):
                raise PluginError(f"plugin {plugin!r}: plan_steps returns functions, not {wrapper!r}")
            yield Entry(wrapper, plugin)


def _examples(manager: pluggy.PluginManager) -> Iterator[Entry[Element | Path]]:
    for plugin, found in _results(manager, "register_examples", Iterable):
        for example in found:
            if not isinstance(example, (Element, Path)):
                raise PluginError(f"plugin {plugin!r}: register_examples returns elements and paths of files, not {example!r}")
            yield Entry(example, plugin)


def _enter(table: dict[Any, Entry[Any]], key: Any, entry: Entry[Any], describe: Callable[[Any], str]) -> None:
    if key in table:
        first, second = table[key].plugin, entry.plugin
        raise PluginError(
            f"{describe(key)} is claimed by two plugins, {first!r} and {second!r}; "
            f"uninstall one or leave it out: {DISABLE}={second}"
        )
    table[key] = entry


def _check_method(plugin: str, key: Any, method: Any) -> None:
    fits = isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], type) and isinstance(key[1], str)
    if not fits or not issubclass(key[0], Element):
        raise PluginError(f"plugin {plugin!r}: a tracking method is registered under (element class, name), not {key!r}")
    if not (isinstance(method, (Routine, Composite)) or callable(method)):
        raise PluginError(
            f"plugin {plugin!r}: {key[0].__name__} {key[1]!r} must be a Routine, a Composite or a map function, not {method!r}"
        )


def _references(methods: Mapping[tuple[type[Element], str], Entry[Method]]) -> dict[type[Element], Entry[Callable[..., Any]]]:
    """How a kind changes the reference does not depend on how it is tracked: one function for all its methods."""
    found: dict[type[Element], Entry[Callable[..., Any]]] = {}
    for (kind, _), entry in methods.items():
        function = getattr(entry.value, "reference", None)
        if function is None or (kind in found and found[kind].value is function):
            continue
        _enter(found, kind, Entry(function, entry.plugin), lambda k: f"the change of the reference in {k.__name__}")
    return found


def _formats(manager: pluggy.PluginManager, hook: str, cls: Any) -> dict[str, Entry[Any]]:
    table: dict[str, Entry[Any]] = {}
    what = {Reader: "reader", Writer: "writer", BeamReader: "beam reader", BeamWriter: "beam writer"}[cls]
    for plugin, returned in _results(manager, hook, Iterable):
        for item in returned:
            if not isinstance(item, cls):
                raise PluginError(f"plugin {plugin!r}: {hook} returns objects of class {cls.__name__}, not {item!r}")
            _enter(table, item.format, Entry(item, plugin), lambda k: f"the {what} of format {k!r}")
    return table


def _effects(manager: pluggy.PluginManager) -> dict[str, Entry[Callable[..., Any]]]:
    table: dict[str, Entry[Callable[..., Any]]] = {}
    for plugin, returned in _results(manager, "register_effects", Mapping):
        for name, function in returned.items():
            if not (isinstance(name, str) and name.isidentifier() and callable(function)):
                raise PluginError(f"plugin {plugin!r}: an effect is a name and a function, not {name!r}: {function!r}")
            _enter(table, name, Entry(function, plugin), lambda k: f"the effect {k!r}")
    return table


def methods_table() -> Sequence[tuple[str, str, str]]:
    """Return (kind, method, plugin) for every row of the registry, by kind."""
    found = registry()
    rows = [(kind.__name__, method, entry.plugin) for (kind, method), entry in found.methods.items()]
    for name, entry in found.kinds.items():
        names = found.method_names(entry.value)
        rows += [(name, m, "derived") for m in DERIVED if m in names and (entry.value, m) not in found.methods]
    return sorted(rows)
