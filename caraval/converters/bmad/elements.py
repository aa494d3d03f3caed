"""From elements as Bmad has them to elements of Caraval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError, suggest
from caraval.core.losses import Losses
from caraval.core.methods import TrackingMethod
from caraval.core.registry import registry
from caraval.physics.drift import Drift

from . import bends, field_maps, overlaps, terms, tracking
from .definitions import Element, Setting, Settings, Slave
from .expressions import Structure
from .field_maps import MAPPED
from .rows import rows
from .vocabulary import BENDS, FIELD_MAPS, INERT, SUPERPOSITION, Vocabulary
from .words import words

OTHER_CHOICES = {name: words("choices", name) for name in ("aperture_type", "fringe_type", "field_calc", "cavity_type")}
"""Values of attributes that Caraval's elements, or some kinds of them, have not."""

SAME_CHOICES = {("aperture_at", "wall_transition"): "continuous"}
"""Values of attributes that mean another one here: with Bmad's closed forms both are tests at both ends."""

OPENINGS = {("mask", "wall"): "an opening given by a wall is not understood; give x_limit and y_limit"}
"""Attributes that say an opening in ways that Caraval has not."""

NEUTRAL = ("f", "false", "off", "none")
"""Words that say that something is not there; zero says so, too."""

BEND_FIELDS = {"g": "b_field", "rho": "b_field", "angle": "b_field"}
"""Attributes of the shape of a bend that a field may stand for."""

WITHOUT_MAPS = (None, "bmad_standard", "linear")
"""Methods that pass over field maps."""


class Converter:
    """Makes elements; one that stands in several places is made once."""

    def __init__(self, vocabulary: Vocabulary, losses: Losses) -> None:
        self._vocabulary = vocabulary
        self._losses = losses
        self._made: dict[int, CaravalElement] = {}
        self._methods: dict[type[CaravalElement], list[str]] = {}

    def element(self, element: Element) -> CaravalElement:
        """Return what one of Bmad's elements is in Caraval.

        Raises
        ------
        LatticeError
            If there is no such kind, or the kind lacks an attribute that changes the tracking.
        """
        made = self._made.get(id(element))
        if made is None:
            made = overlaps.slice_of(element, self.element) if isinstance(element, Slave) else self._make(element)
            self._made[id(element)] = made
        return made

    def _make(self, element: Element) -> CaravalElement:
        kind = self._vocabulary.kind(element.keyword)
        if kind is None or (self._losses.are_allowed and (not registry().method_names(kind) or field_maps.is_empty(element))):
            return self._drift(element)
        known = {*kind.schema().defaults, *kind.shorthands}
        left = {name: setting for name, setting in element.settings.items() if name in known or name not in SUPERPOSITION}
        values: dict[str, Any] = {"name": element.name, "metadata": {}}
        if _resolve_fields(element, kind, left) and "field_master" in known:
            values["field_master"] = True
        if element.keyword in BENDS:
            values.update(_shape(element, left))
        elif "l" in left:
            length = left.pop("l")
            if "user_sets_length" not in known or _is_true(left, "user_sets_length"):
                values["length"] = length.number("l")
            else:  # as Bmad itself writes it
                self._losses.note(element.name, "l", length.value, "it follows from the offsets", place=length.place)
        if self._vocabulary.has_terms(element.keyword):
            values["terms"], values["metadata"] = terms.taken(left)
        if kind not in self._methods:
            self._methods[kind] = registry().method_names(kind)
        if element.reversed:
            values["orientation"] = -1
        methods = self._methods[kind]
        method = self._method(element, left, values.get("length", 0.0), methods)
        maps = field_maps.taken(element, kind, left, method)
        if maps:
            values["field_maps"] = maps
        for name, setting in left.items():
            if (element.keyword, name) in OPENINGS:
                self._lost(element, name, setting, OPENINGS[element.keyword, name])
                values["metadata"][name] = str(setting.value)
            elif name in known and self._is_other_choice(element, kind, name, setting):
                values["metadata"][name] = setting.word(name)
            elif name in known:
                values[name] = _value(element, kind, name, setting)
            else:
                values["metadata"][name] = self._kept(element, name, setting, method)
        try:
            made = kind(**values, tracking_method=method)
            if method is not None and method.name not in methods:
                registry().method_of(made)  # says which there are
        except CaravalError as error:
            raise _blamed(element, str(error)).place.error(str(error)) from None
        return made

    def _drift(self, element: Element) -> CaravalElement:
        """Return a drift in place of an element that there is not, if that is allowed."""
        if not self._losses.are_allowed:
            raise element.place.error(f"{element.label}: Caraval has no elements of class {element.keyword!r} yet")
        self._losses.physics(element.name, "", element.keyword, "a drift", place=element.place)
        settings = element.settings
        length = settings["l"].number("l") if "l" in settings else 0.0
        kept = {name: str(s.value) if isinstance(s.value, str) else s.value for name, s in settings.items() if name != "l"}
        return Drift(name=element.name, length=length, metadata={"class": element.keyword, **kept})

    def _method(self, element: Element, left: Settings, length: float, methods: list[str]) -> TrackingMethod | None:
        """Return the tracking method that an element asks for; its default where it asks in vain and that is allowed."""
        asked = left.get("tracking_method")
        if asked is not None and methods and tracking.is_cut(element, asked.word("tracking_method")):
            self._losses.note(
                element.name, "tracking_method", "taylor", "what makes the map, which is not cut", place=asked.place
            )
        try:
            return tracking.method(element, left, length, methods)
        except CaravalError:
            if asked is None or not self._losses.are_allowed:
                raise
            self._losses.physics(element.name, "tracking_method", asked.value, "the default method", place=asked.place)
            return None

    def _is_other_choice(self, element: Element, kind: type[CaravalElement], name: str, setting: Setting) -> bool:
        """Whether an attribute says what is there in Bmad and not in Caraval, which is a loss."""
        if name not in OTHER_CHOICES or setting.word(name) not in OTHER_CHOICES[name]:
            return False
        word = setting.word(name)
        if word in kind.schema().choices(name):
            return False
        self._lost(element, name, setting, _one_of(name, word, kind.schema().choices(name)))
        return True

    def _lost(self, element: Element, name: str, setting: Setting, message: str) -> None:
        """Report an attribute that changes the tracking, and has no effect here."""
        if not self._losses.are_allowed:
            raise setting.place.error(f"{element.label}: {message}")
        self._losses.physics(element.name, name, setting.value, "kept without effect", place=setting.place)

    def _kept(self, element: Element, name: str, setting: Setting, method: TrackingMethod | None) -> float | str:
        """Return the value of an attribute that does not change the tracking."""
        base = re.split(r"[(%]", name)[0]
        value = str(setting.value) if isinstance(setting.value, str) else setting.value
        is_map = element.keyword in MAPPED and setting.value != 0
        if field_maps.is_empty(element) and base in FIELD_MAPS:  # which says so where it is tracked
            return value
        if base in FIELD_MAPS and (is_map or (method and method.name) not in WITHOUT_MAPS):
            self._lost(element, name, setting, f"field maps ({name}) are not understood yet")
        elif not (
            base in INERT
            or name in self._vocabulary.custom
            or value == 0
            or (isinstance(value, str) and value.lower() in NEUTRAL)
        ):
            self._lost(element, name, setting, f"{name} changes the tracking and is not understood yet")
        return value


def _is_true(left: Settings, name: str) -> bool:
    return name in left and left[name].logical(name)


def _resolve_fields(element: Element, kind: type[CaravalElement], left: Settings) -> bool:
    """Settle whether an element is given by its strengths or by its fields, and return whether it is by fields.

    Fields make `field_master` true; with that alone, all fields are zero (Bmad manual, "Field_Master").
    """
    pairs = {**getattr(kind, "fields", {}), **(BEND_FIELDS if element.keyword in BENDS else {})}
    if not pairs:
        return False
    fields = [name for name in left if name in pairs.values()]
    strengths = [name for name in left if name in pairs and left[name].value != 0]
    master = left.pop("field_master", None)
    by_fields = bool(fields) if master is None else master.logical("field_master")
    if fields and (strengths or not by_fields):
        said = f"{strengths[0]} is a strength" if strengths else "field_master says that strengths count"
        raise left[fields[0]].place.error(
            f"{element.label}: {said} and {fields[0]} is a field; give strengths or fields, not both"
        )
    if by_fields:
        for name in [name for name in left if name in pairs]:
            del left[name]
    return by_fields


def _shape(element: Element, left: Settings) -> dict[str, float]:
    """Return length, angle and face angles of a bend."""
    field = left.get("b_field")
    if field is not None and element.keyword == "rbend":
        raise field.place.error(
            f"{element.label}: Bmad cannot make a rectangular bend from b_field; use an sbend with e1 and e2"
        )
    shape = bends.shape(element, left)
    faces = {name: left.pop(name).number(name) if name in left else 0.0 for name in ("e1", "e2")}
    values = {"length": shape.length, "e1": faces["e1"] + shape.e1, "e2": faces["e2"] + shape.e2}
    if shape.length != 0:
        return values if field is not None else {**values, "angle": shape.angle}
    # There is no way to bend along, and the edges do not ask which part of the field is the design's.
    rest, design = ("dg", shape.g) if field is None else ("db_field", left.pop("b_field").number("b_field"))
    return {**values, rest: design + (left.pop(rest).number(rest) if rest in left else 0.0)}


def _value(element: Element, kind: type[CaravalElement], name: str, setting: Setting) -> Any:
    """Return the value of an attribute that the kind has, in the type that it has there."""
    schema = kind.schema()
    choices = schema.choices(name)
    if choices == (True, False):
        return setting.logical(name)
    if choices:
        word = SAME_CHOICES.get((name, setting.word(name)), setting.word(name))
        if word not in choices:
            raise setting.place.error(f"{element.label}: {_one_of(name, word, choices)}")
        return word
    if type(schema.defaults.get(name)) is int:
        number = setting.number(name)
        if number != int(number):
            raise setting.place.error(f"{element.label}: {name} must be a whole number, not {number}")
        return int(number)
    if name in schema.parameters or name in kind.shorthands:
        return setting.number(name)
    if isinstance(setting.value, Structure) and isinstance(schema.defaults.get(name), tuple):
        return rows(setting.value)
    return setting.value


def _one_of(name: str, word: str, choices: Sequence[Any]) -> str:
    return f"{name} must be one of {', '.join(map(str, choices))}, not {word!r}{suggest(word, choices)}"


def _blamed(element: Element, message: str) -> Element | Setting:
    """Return the attribute that an error is about, or the element."""
    words = set(re.findall(r"\w+", message))
    return next((setting for name, setting in element.settings.items() if name in words), element)
