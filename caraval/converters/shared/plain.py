"""Settings as files have them: one plain number each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from caraval.core.arrays import is_number, same
from caraval.core.element import Element
from caraval.core.errors import LatticeError
from caraval.core.reference import Reference
from caraval.core.registry import backend_of


def plain_number(where: str, value: Any) -> float:
    """Return a number, or an array that holds one, as a plain number.

    Raises
    ------
    LatticeError
        If it is a batch, or hidden by a trace.
    """
    if is_number(value):
        return value  # type: ignore[no-any-return]
    values = backend_of(value).value(value)
    if values is None:
        raise LatticeError(f"{where} cannot be written: a trace hides its value")
    if values.size != 1:
        raise LatticeError(f"{where} is a batch of shape {values.shape}, and a file holds one value; write one at a time")
    return float(values.reshape(()))


def plain_element(element: Element) -> Element:
    """Return an element whose parameters are plain numbers.

    Raises
    ------
    LatticeError
    """
    found = {name: element.__dict__[name] for name in element.schema().parameters}
    arrays = {name: value for name, value in found.items() if value is not None and not is_number(value)}
    if not arrays:
        return element
    return element.with_values({n: plain_number(f"{element.label}: {n}", value) for n, value in arrays.items()})


def plain_reference(reference: Reference) -> Reference:
    """Return a reference whose momentum, place and time are plain numbers.

    Raises
    ------
    LatticeError
    """
    p0c, s, t = (plain_number(f"reference: {name}", getattr(reference, name)) for name in ("p0c", "s", "t"))
    return replace(reference, p0c=p0c, s=s, t=t)


def changed(element: Element) -> dict[str, Any]:
    """Return the fields of an element that are not as they are where nothing is said."""
    defaults = element.schema().defaults
    return {n: value for n, value in element.__dict__.items() if not (value is defaults[n] or same(value, defaults[n]))}


Once = Callable[[Element], Any]


def once(function: Once) -> Once:
    """Return a function that works an element out once, however often it stands in the line."""
    known: dict[int, tuple[Element, Any]] = {}  # with the element, so that its number stays its own

    def remembered(element: Element) -> Any:
        if id(element) not in known:
            known[id(element)] = element, function(element)
        return known[id(element)][1]

    return remembered
