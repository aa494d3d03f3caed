"""From the elements of a lattice to the definitions and the line of a file, for languages that say less than Caraval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.drift import Drift
from caraval.physics.marker import Marker

from .alike import track_alike
from .plain import once, plain_element, plain_reference
from .weighed import WeighedFields, forward


class Said(NamedTuple):
    """An element of the language.

    Attributes
    ----------
    keyword : str
        Its class.
    values : mapping
        Its attributes.
    ending : str
        What its name has besides, where one element of Caraval becomes several.
    """

    keyword: str
    values: Mapping[str, Any]
    ending: str = ""


class Language(NamedTuple):
    """How a language says elements.

    Attributes
    ----------
    says : mapping
        By the names of the kinds: ``fields -> list of Said``; nothing, if it cannot.
    openings : callable
        ``(element, losses) -> (before, element, behind)``: which openings are elements of their own.
    drift, marker : str
        Classes of elements that do nothing.
    length : str
        Attribute that is the length.
    has_negative_lengths : bool
    """

    says: Mapping[str, Callable[[WeighedFields], list[Said]]]
    openings: Callable[[Element, Losses], tuple[list[Element], Element, list[Element]]]
    drift: str
    marker: str
    length: str
    has_negative_lengths: bool


class Member(NamedTuple):
    """An element of the language, and what it is called in the lattice."""

    name: str
    said: Said


def members(lattice: Lattice, language: Language, losses: Losses) -> list[Member]:
    """Return what the elements of a lattice become, in order.

    Raises
    ------
    LatticeError
        If something that changes the tracking cannot be said, and may not be lost.
    """
    plain = once(plain_element)
    elements = [plain(element) for element in lattice.planner.local()]  # no other language has Bmad's matches
    start = None if lattice.reference is None else plain_reference(lattice.reference)
    references = None if start is None else reference_pass(registry(), elements, start)
    known: dict[tuple[int, float | None], list[Member]] = {}
    found: list[Member] = []
    for place, element in enumerate(elements):
        here = None if references is None else references[place]
        key = id(element), None if here is None else here.p0c
        if key not in known:
            known[key] = _members(element, here, language, losses)
        found += known[key]
    return found


def _members(element: Element, reference: Reference | None, language: Language, losses: Losses) -> list[Member]:
    if not language.has_negative_lengths and element.length < 0:
        losses.physics(element.name or element.label, "length", element.length, "a marker")
        return [Member(element.name, Said(language.marker, {}))]
    before, element, behind = language.openings(forward(element, reference, losses), losses)
    found = []
    for part in (*before, element, *behind):
        fields = WeighedFields(part, reference, losses)
        found += [Member(part.name + said.ending if part.name else "", said) for said in _said(fields, language)]
    return found


def _said(fields: WeighedFields, language: Language) -> list[Said]:
    """Return what an element is in the language: what its kind is; or nothing, which some are; or a drift, which is a loss."""
    element = fields.element
    length = {language.length: element.length} if element.length else {}
    nothing = Said(language.drift if length else language.marker, length)
    says = language.says.get(element.kind)
    if not element.is_on and _is_nothing(fields):
        says = None
    said = says(fields) if says is not None else []
    if said:
        return said
    what = "a drift" if length else "a marker"
    if _is_nothing(fields):
        name = "is_on" if not element.is_on else ""
        fields.note(name, False if name else element.kind, what)
    else:
        fields.physics("", element.kind, what)
    fields.report_metadata({})
    return [nothing]


def _is_nothing(fields: WeighedFields) -> bool:
    """Whether an element does to particles what empty space does."""
    element = fields.element
    empty = Drift(length=element.length) if element.length else Marker()
    return track_alike(element, empty, fields.reference)
