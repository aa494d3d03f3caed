"""Undulators."""

from __future__ import annotations

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from .wiggler import Wiggler


class Undulator(Wiggler):
    """A wiggler of a weak field (Bmad manual, "Wiggler and Undulator"): only its light is another."""


@hookimpl
def register_elements() -> list[type[Element]]:
    """One kind; it is tracked as a wiggler."""
    return [Undulator]
