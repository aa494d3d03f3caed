"""Slices of elements as elements by themselves, for formats that have no slices."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, sin

from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.core.methods import BmadStandard, KickDriftKick
from caraval.core.reference import Reference
from caraval.core.registry import registry

from .alike import number_of_steps, track_alike


def whole(element: Element, reference: Reference | None, losses: Losses) -> Element:
    """Return what a slice is by itself: with its own misalignment, and its own number of steps.

    Raises
    ------
    LatticeError
        If it is tracked otherwise than as a slice, and that may not be lost.
    """
    if element.slice_of is None:
        return element
    first = None
    for candidate in _candidates(element, reference):
        first = candidate if first is None else first
        if track_alike(element, candidate, reference):
            return candidate
    assert first is not None
    losses.physics(element.name or element.label, "slice_of", element.slice_of, "an element of the slice's length")
    return first


def _candidates(element: Element, reference: Reference | None) -> Iterator[Element]:
    unslipped = {"slips": ()} if getattr(element, "slips", ()) else {}  # which are the whole cavity's, kick by kick
    bare = element.with_values({"slice_start": None, "slice_of": None, **unslipped})
    moved = _about_its_own_centre(element, bare)
    yield moved
    steps = number_of_steps(element, reference)
    method = registry().method_of(element) if steps else None
    if steps and isinstance(method, KickDriftKick | BmadStandard):
        options = {"num_steps": steps} | ({"ds_step": None} if isinstance(method, BmadStandard) else {})
        yield moved.with_values({"tracking_method": method.with_options(**options)})


def _about_its_own_centre(element: Element, bare: Element) -> Element:
    """Return an element whose misalignment is about the slice's centre; in bends it stays about the whole's."""
    if element.is_bent() or not (getattr(element, "x_pitch", 0.0) or getattr(element, "y_pitch", 0.0)):
        return bare
    assert element.slice_start is not None
    assert element.slice_of is not None
    way = element.slice_start + element.length / 2 - element.slice_of / 2
    theta, phi = element.x_pitch, element.y_pitch
    return bare.with_values({
        "x_offset": element.x_offset + way * sin(theta) * cos(phi),
        "y_offset": element.y_offset + way * sin(phi),
        "z_offset": element.z_offset + way * (cos(theta) * cos(phi) - 1),
    })  # fmt: skip
