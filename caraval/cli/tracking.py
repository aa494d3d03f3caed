"""Tracking methods as the command line says them: ``Quadrupole=linear``, ``qf*=kick_drift_kick(order=4)``, ``linear``."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from caraval.core.errors import InputError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.methods import TrackingMethod, as_method
from caraval.core.registry import registry

from .messages import say

_ITEM = re.compile(r"(?:(?P<where>[^(=]*)=)?\s*(?P<name>[\w-]+)\s*(?:\((?P<options>.*)\))?\s*")


def with_methods(lattice: Lattice, items: Sequence[str]) -> Lattice:
    """Return the lattice with other tracking methods; what is said for everything comes before what is said for some.

    A method for everything changes the elements that have it, and the others are named; for some, all must have it.

    Raises
    ------
    UnknownNameError
        If there is no such method, option, kind or element.
    MethodError
        If an element lacks the method.
    """
    chosen = [_parsed(item) for item in items]
    for _, method in (pair for pair in chosen if pair[0] is None):
        lattice = _everywhere(lattice, method)
    for where, method in chosen:
        if where is not None:
            _check_where(lattice, where)
            lattice = lattice.with_tracking(method, where=where)
    return lattice


def _everywhere(lattice: Lattice, method: TrackingMethod) -> Lattice:
    known = registry()
    lacking = sorted({e.kind for e in lattice if method.name not in known.method_names(type(e))})
    if lacking:
        say("note", f"{method.name} is not for {', '.join(lacking)}, which stay as they are")
    return lattice.with_tracking(method, where=lambda element: element.kind not in lacking)


def _check_where(lattice: Lattice, where: str) -> None:
    kinds = registry().kinds
    if where.lower() in (kind.lower() for kind in kinds):
        if where.lower() not in (kind.lower() for kind in lattice.kinds):
            say("note", f"there is no {where} in the lattice")
        return
    try:
        lattice.select(where)
    except UnknownNameError:
        near = suggest(where, [*kinds, *lattice.names])
        raise UnknownNameError(f"no element kind and no element in the lattice is called {where!r}{near}") from None


def _parsed(item: str) -> tuple[str | None, TrackingMethod]:
    """Return where, and which method with its options."""
    match = _ITEM.fullmatch(item)
    if match is None or match["where"] == "":
        raise InputError(f"{item!r} is no tracking method; write METHOD or KIND=METHOD, such as Quadrupole=linear")
    name = match["name"].lower().replace("-", "_")
    _check_name(name)
    method = as_method(name)
    return match["where"] and match["where"].strip(), _with_options(method, match["options"])


def _check_name(name: str) -> None:
    known = registry()
    names = dict.fromkeys(name for entry in known.kinds.values() for name in known.method_names(entry.value))
    if name not in names:
        raise UnknownNameError(f"no tracking method {name!r}{suggest(name, names)}; there are {', '.join(names)}")


def _with_options(method: TrackingMethod, text: str | None) -> TrackingMethod:
    items = [item for item in (text or "").split(",") if item.strip()]
    return method.with_options(**dict(_option(item, method.name) for item in items))


def _option(item: str, method: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        raise UnknownNameError(f"an option of {method} is written NAME=VALUE, not {item.strip()!r}")
    return key, _literal(value)


def _literal(text: str) -> Any:
    """Return the number that a text is, or the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
