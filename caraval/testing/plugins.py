"""The checks of all that a plugin brings."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from caraval.core.element import Element
from caraval.core.errors import PluginError, UnknownNameError, suggest
from caraval.core.hookspecs import PROJECT
from caraval.core.lattice import Lattice
from caraval.core.registered import Registry
from caraval.core.registry import register_plugin, registry
from caraval.io import LOOK_AT

from .backends import LINE, backend_checks
from .bunches import beam_reader_checks, beam_writer_checks
from .checks import Check, CheckFailedError
from .effects import effect_checks
from .elements import REFERENCE, element_checks
from .readers import reader_checks
from .writers import writer_checks

HOW_TO_GIVE_EXAMPLES = (
    "give one with the hook register_examples: an element with settings with which it does something, a short Lattice with an "
    "effect in it, or the Path of a file beside the module"
)


def plugins_of(name: str) -> list[str]:
    """Return the names of the plugins that a name means: of a plugin, a distribution, or a module, which is then registered.

    Raises
    ------
    UnknownNameError
        If there is nothing of that name.
    PluginError
        If the plugin could not be loaded, or the module has no hooks.
    """
    known = registry()
    if name in known.failed:
        raise PluginError(f"plugin {name!r} could not be loaded: {known.failed[name]}")
    if name in known.plugins:
        return [name]
    try:
        points = distribution(name).entry_points.select(group=PROJECT)
    except (PackageNotFoundError, ValueError):
        points = None
    if points:
        return [found for point in points for found in plugins_of(point.name)]
    return [_registered(name)]


def _registered(name: str) -> str:
    """Register a module that is no installed plugin, or find what it is registered as."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise PluginError(f"module {name!r} could not be imported: {error}") from error
        known = [plugin for plugin in registry().plugins if not plugin.startswith("caraval.")]
        raise UnknownNameError(
            f"no plugin, distribution or module {name!r}{suggest(name, known)}; `caraval plugins` lists what is there"
        ) from None
    before = set(registry().plugins)
    try:
        register_plugin(module, name)
    except PluginError as error:
        as_plugin = [plugin for plugin in before if f"as {plugin!r}" in str(error)]
        if not as_plugin:
            raise
        return as_plugin[0]
    return name


def plugin_checks(name: str, *, compiled: bool = True) -> list[Check]:
    """Return the checks of all elements, effects, backends, readers and writers that a plugin brings.

    Parameters
    ----------
    name : str
        Of a plugin, of an installed distribution, or of a module with hooks.
    compiled : bool
        Whether to check what is compiled, too.

    Raises
    ------
    UnknownNameError
        If there is nothing of that name.
    """
    return [check for plugin in plugins_of(name) for check in _checks(registry(), plugin, compiled)]


def _checks(known: Registry, plugin: str, compiled: bool) -> Iterator[Check]:
    examples = [entry.value for entry in known.examples if entry.plugin == plugin]
    elements = [example for example in examples if isinstance(example, Element)]
    owners = {kind: entry.plugin for (kind, _), entry in known.methods.items() if entry.plugin == plugin}
    owners |= {entry.value: plugin for entry in known.kinds.values() if entry.plugin == plugin}
    for kind in owners:
        own = [element for element in elements if type(element) is kind]
        if not own:
            yield _missing(f"element {kind.__name__}")
        for element in own:
            yield from element_checks(element, compiled=compiled)
    lattices = [example for example in examples if isinstance(example, Lattice)]
    for name, effect in known.effects.items():
        if effect.plugin == plugin:
            yield from _of_effect(name, [lattice for lattice in lattices if any(name in e.effects for e in lattice)])
    for name, backend in known.backends.items():
        if backend.plugin == plugin:
            yield from backend_checks(name)
    yield from _of_files(known, plugin, [example for example in examples if isinstance(example, Path)])
    for format, writer in known.writers.items():
        if writer.plugin == plugin:
            lines = [Lattice(elements, reference=REFERENCE)] if elements else []
            yield from writer_checks(format, [LINE.replace(reference=REFERENCE), *lines])
    for format, beam_writer in known.beam_writers.items():
        if beam_writer.plugin == plugin:
            yield from beam_writer_checks(format)


def _of_files(known: Registry, plugin: str, files: list[Path]) -> Iterator[Check]:
    for format, beam_reader in known.beam_readers.items():
        if beam_reader.plugin == plugin:
            own = [file for file in files if file.name.lower().endswith(beam_reader.value.suffixes)]
            yield from beam_reader_checks(format, own) if own else [_missing(f"reader {format}")]
    for format, reader in known.readers.items():
        if reader.plugin != plugin:
            continue
        suffixes = reader.value.suffixes
        own = [file for file in files if file.name.lower().endswith(suffixes)]
        if not own and reader.value.recognises is not None:
            own = [file for file in files if reader.value.recognises(file.read_text(encoding="utf-8")[:LOOK_AT])]
        if not own:
            yield _missing(f"reader {format}")
        yield from reader_checks(format, own)


def _of_effect(name: str, lattices: list[Lattice]) -> Iterator[Check]:
    if not lattices:
        yield _missing(f"effect {name}")
    for lattice in lattices:
        yield from effect_checks(lattice)


def _missing(what: str) -> Check:
    def has_an_example() -> None:
        raise CheckFailedError(f"there is no example to try it out with; {HOW_TO_GIVE_EXAMPLES}")

    return Check(what, "has an example", has_an_example, (), HOW_TO_GIVE_EXAMPLES)
