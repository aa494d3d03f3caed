"""``caraval methods`` and ``caraval plugins``: what there is to track with, and where it came from."""

from __future__ import annotations

import importlib.util
import warnings
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.table import Table

from caraval.core.discovery import BUILT_IN
from caraval.core.element import Element
from caraval.core.errors import PluginWarning
from caraval.core.hookspecs import PROJECT
from caraval.core.methods import as_method
from caraval.core.registered import Registry
from caraval.core.registry import registry

from . import report
from .messages import console
from .tables import plain_table

FEATURES = {
    "backends": "backend", "readers": "reads lattices", "writers": "writes lattices", "beam_readers": "reads beams",
    "beam_writers": "writes beams",
}  # fmt: skip
"""Tables of the registry besides kinds and methods, and what they mean."""

DERIVED = "derived"
"""Stands in the registry's table for a map that follows from a particle routine."""


def methods(
    kind: Annotated[str | None, typer.Argument(help="Element kind; left out: all.", show_default=False)] = None,
) -> None:
    """Say which element kind has which tracking method, and from which plugin."""
    if kind is not None:
        console().print(_methods_of(registry().kind(kind)))
        return
    found: dict[str, dict[str, list[str]]] = {}
    for name, method, plugin in registry().rows():
        found.setdefault(name, {}).setdefault(plugin, []).append(method)
    table = plain_table("kind", "methods", "plugin")
    for name, by_plugin in found.items():
        derived = [f"{method} ({DERIVED})" for method in by_plugin.pop(DERIVED, [])]
        home = registry().kinds[name].plugin
        by_plugin.setdefault(home if home in by_plugin else next(iter(by_plugin), home), []).extend(derived)
        for number, (plugin, its) in enumerate(by_plugin.items()):
            table.add_row(name if number == 0 else "", ", ".join(its), plugin)
    console().print(table)
    report.line(f"\n{DERIVED}: the map is the derivative of the particle routine. `caraval methods KIND` says more")


def _methods_of(kind: type[Element]) -> Table:
    """Return a table of the methods of one kind, with their options."""
    default = registry().method_of(kind()).name
    table = plain_table("method", "", "plugin", "options")
    for name, method, plugin in registry().rows():
        if name == kind.__name__:
            options = as_method(method).options
            said = ", ".join(f"{key}={value!r}" for key, value in options.items())
            table.add_row(method, "default" if method == default else "", plugin, said)
    return table


def plugins(context: typer.Context) -> None:
    """Say which plugins there are, and what each brought."""
    if context.invoked_subcommand is not None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # it is said in the table
        known = registry()
    brought = _brought(known)
    table = plain_table("plugin", "brought")
    for name in known.plugins:
        if name in brought or not name.startswith(BUILT_IN):  # modules of helpers bring nothing
            table.add_row(name, "; ".join(brought.get(name, ["nothing"])))
    for name in known.blocked:
        table.add_row(name, "blocked" if _exists(name) else "blocked, but there is none of this name")
    for name, reason in known.failed.items():
        table.add_row(name, f"failed: {reason}")
    console().print(table)


def _brought(known: Registry) -> dict[str, list[str]]:
    """Return by plugin what it brought, in words."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, kind in known.kinds.items():
        found.setdefault(kind.plugin, {}).setdefault(name, [])
    for (owner, method), routine in known.methods.items():
        found.setdefault(routine.plugin, {}).setdefault(owner.__name__, []).append(method)
    for wrapper in known.wrappers:
        found.setdefault(wrapper.plugin, {}).setdefault("steps of the plan", [])
    for attribute, what in FEATURES.items():
        for name, entry in getattr(known, attribute).items():
            found.setdefault(entry.plugin, {}).setdefault(what, []).append(name)
    return {
        plugin: [" ".join((what, ", ".join(names))).strip() for what, names in its.items()] for plugin, its in found.items()
    }


def _exists(name: str) -> bool:
    if any(point.name == name for point in entry_points(group=PROJECT)):
        return True
    return name.startswith(BUILT_IN) and importlib.util.find_spec(name) is not None
