"""The registry: the one table of what the plugins brought, built on first use."""

from __future__ import annotations

from typing import Any

from .arrays import is_number, library
from .discovery import discover
from .errors import BackendError, PluginError, UnknownNameError, suggest
from .registered import Registry

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
        _registry = discover(_added)
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


def value_of(value: Any) -> Any:
    """Return a number, or an array's values in NumPy; None where a trace hides them (`jax.jit`, `torch.compile`)."""
    return value if is_number(value) else backend_of(value).value(value)
