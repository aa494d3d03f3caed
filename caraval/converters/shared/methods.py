"""Tracking methods as plain data: a name, or a name with the options that are not its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caraval.core.errors import InputError
from caraval.core.methods import TrackingMethod, as_method


def described(method: TrackingMethod) -> str | dict[str, Any]:
    """Return a method as plain data."""
    usual = as_method(method.name).options
    changed = {name: value for name, value in method.options.items() if value != usual.get(name)}
    return {"name": method.name, **changed} if changed else method.name


def from_description(value: Any) -> TrackingMethod:
    """Return a method from what :func:`described` makes of it.

    Raises
    ------
    InputError
        If it is no such thing.
    UnknownNameError
        If the method has no such option.
    """
    if isinstance(value, str):
        return as_method(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise InputError(f'a tracking method is a name or {{"name": ..., options}}, not {value!r}')
    return as_method(value["name"]).with_options(**{key: item for key, item in value.items() if key != "name"})
