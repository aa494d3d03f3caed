"""Finding the plugins that are there, and entering what they bring into a table."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pluggy

from . import hookspecs
from .element import Element
from .errors import PluginError, PluginWarning, suggest, warn
from .formats import BeamReader, BeamWriter, Reader, Writer
from .registered import Entry, Method, Registry
from .routine import Composite, Routine

BUILT_IN = ("caraval.physics", "caraval.backends", "caraval.converters", "caraval.plugins")
"""Packages whose modules are plugins like any other."""

DISABLE = "CARAVAL_DISABLE_PLUGINS"
"""Environment variable with the names of plugins not to load, separated by commas."""


def discover(added: Mapping[str, Any]) -> Registry:
    """Return the table of what the built-in plugins, the installed ones and `added` bring.

    Raises
    ------
    PluginError
        If two plugins claim the same kind, method, format or backend, or one brings what is none.
    """
    return _build(*_plugin_manager(added))


def _plugin_manager(added: Mapping[str, Any]) -> tuple[pluggy.PluginManager, dict[str, str]]:
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
            warn(f"plugin {point.name!r} could not be loaded and is left out: {failed[point.name]}", PluginWarning)
    for name, plugin in added.items():
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
            _check_target(plugin, f"backend {name!r}", target, "module:Class")
            _enter(backends, name, Entry(target, plugin), lambda k: f"the backend {k!r}")
    upstream: dict[type[Element], Entry[str]] = {}
    for plugin, returned in _results(manager, "register_upstream", Mapping):
        for kind, target in returned.items():
            _check_target(plugin, f"what is upstream of {kind!r}", target, "module:function")
            _enter(upstream, kind, Entry(target, plugin), lambda k: f"what is upstream of {k.__name__}")
    return Registry(
        kinds=MappingProxyType(kinds),
        methods=MappingProxyType(methods),
        references=MappingProxyType(_references(methods)),
        upstream=MappingProxyType(upstream),
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


def _examples(manager: pluggy.PluginManager) -> Iterator[Entry[Any]]:
    from .lattice import Lattice  # which needs what is here

    for plugin, found in _results(manager, "register_examples", Iterable):
        for example in found:
            if not isinstance(example, (Element, Lattice, Path)):
                raise PluginError(
                    f"plugin {plugin!r}: register_examples returns elements, lattices and paths of files, not {example!r}"
                )
            yield Entry(example, plugin)


def _enter(table: dict[Any, Entry[Any]], key: Any, entry: Entry[Any], describe: Callable[[Any], str]) -> None:
    if key in table:
        first, second = table[key].plugin, entry.plugin
        raise PluginError(
            f"{describe(key)} is claimed by two plugins, {first!r} and {second!r}; "
            f"uninstall one or leave it out: {DISABLE}={second}"
        )
    table[key] = entry


def _check_target(plugin: str, what: str, target: Any, form: str) -> None:
    if not isinstance(target, str) or target.count(":") != 1:
        raise PluginError(f'plugin {plugin!r}: {what} must be given as "{form}", not {target!r}')


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
