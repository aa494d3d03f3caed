"""Element classes and their attributes: which there are, and what they take."""

from __future__ import annotations

import re
from math import pi

from caraval.core.element import Element
from caraval.core.registry import registry

from . import terms
from .parameters import Wanted
from .words import words

CONTROLLERS = words("classes", "controllers")
CLASSES = (*CONTROLLERS, *words("classes", "others"))
_CLASS_OF = {word.replace("_", ""): word for word in CLASSES}
RESERVED = frozenset(words("reserved"))

TRACKING = frozenset(words("attributes", "tracking"))
SUPERPOSITION = frozenset(words("attributes", "superposition"))
FIELD_MAPS = frozenset(words("attributes", "field_maps"))
INERT = FIELD_MAPS | frozenset(words("attributes", "inert"))
PHYSICS = frozenset(words("attributes", "physics"))

OF_PASSES = frozenset(words("attributes", "of_passes"))
"""Attributes in which the passes of an element may differ."""

BENDS = ("sbend", "rbend")
CAVITIES = ("lcavity", "rfcavity", "crab_cavity")
BEND_SHAPE = frozenset(words("attributes", "bend_shape"))
DEPENDENT = {**dict.fromkeys(BENDS, BEND_SHAPE), **dict.fromkeys(CAVITIES, frozenset(words("attributes", "cavity_voltage")))}
"""Attributes, by class, of which some follow from the others when the lattice is expanded."""

MULTIPOLE = re.compile(r"[ab]\d+(_elec)?")
"""Names of magnetic and electric multipoles."""

SEVERAL = {
    "x_limit": ("x1_limit", "x2_limit"),
    "y_limit": ("y1_limit", "y2_limit"),
    "aperture": ("x1_limit", "x2_limit", "y1_limit", "y2_limit"),
    "reference": ("ref",),
}
"""Attributes that stand for others."""

FORMER = {"g_err": "dg", "b_field_err": "db_field"}
"""Former names of attributes."""

FORMER_SWITCHES = {"match_end": ("matrix", "match_twiss"), "match_end_orbit": ("kick0", "match_orbit")}
"""Attributes of a `match` that were switches once, and what they mean when they are on."""

WITHOUT_VALUE = {
    "tilt": {"quadrupole": pi / 4, "sol_quad": pi / 4, "sextupole": pi / 6, "octupole": pi / 8},
    "fint": dict.fromkeys(BENDS, 0.5),
    "fintx": dict.fromkeys(BENDS, 0.5),
}
"""What an attribute means without a value, by class."""

VECTORS = {"ref_orbit": ("x_ref", "px_ref", "y_ref", "py_ref", "z_ref", "pz_ref")}
"""Attributes that take numbers in parentheses, and those that stand for these numbers."""

SHORTEST = 4
"""How many letters of an attribute's name must be given at least."""

_WORDS = frozenset(words("attributes", "words"))
_NUMBERS = frozenset(words("attributes", "numbers"))
NOT_IN_FILES = {
    "name", "length", "metadata", "slice_start", "slice_of", "orientation", "terms", "absolute_time_tracking", "against",
    "slips", "pass_delay", "field_maps",
}  # fmt: skip
"""Fields of elements that are no attributes."""


class Vocabulary:
    """The words that elements of the kinds in the registry understand; so the kinds of plugins have theirs, too."""

    def __init__(self) -> None:
        kinds = registry().kinds
        self._kinds = {name.lower(): entry.value for name, entry in kinds.items()}
        of_bmad = {word.replace("_", "") for word in CLASSES}
        others = [name for name in kinds if name.lower() not in of_bmad]
        self.classes = (*CLASSES, *map(str.lower, others), *map(_in_words, others))
        self.custom: set[str] = set()
        self._attributes: dict[str, frozenset[str]] = {}

    def keyword(self, word: str) -> str | None:
        """Return the class that a word means, which may be abbreviated; None: there is none, or not one alone."""
        if word in self.classes:
            return word
        fitting = self.abbreviated(word)
        return fitting[0] if len(fitting) == 1 else None

    def abbreviated(self, word: str) -> list[str]:
        """Return the classes that a word may be short for."""
        return [known for known in self.classes if known.startswith(word)]

    def kind(self, keyword: str) -> type[Element] | None:
        """Return the element kind of a class, if Caraval has it; an `rbend` is an :class:`SBend` here."""
        return self._kinds.get("sbend" if keyword == "rbend" else keyword.replace("_", ""))

    def class_of(self, kind: type[Element]) -> str | None:
        """Return the class of a kind: one that Bmad has, or None."""
        return _CLASS_OF.get(kind.__name__.lower()) if self._kinds.get(kind.__name__.lower()) is kind else None

    def attributes(self, keyword: str) -> frozenset[str]:
        """Return the names of the attributes that elements of a class may have, so far as they are known here."""
        if keyword not in self._attributes:
            kind = self.kind(keyword)
            fields = {*kind.schema().fields, *kind.shorthands} - NOT_IN_FILES if kind is not None else set()
            shape = BEND_SHAPE if keyword in BENDS else {"l"}
            self._attributes[keyword] = frozenset({*fields, *shape, *SEVERAL}) | TRACKING | SUPERPOSITION | INERT | PHYSICS
        return self._attributes[keyword]

    def meaning(self, keyword: str, word: str) -> tuple[str, ...]:
        """Return the attributes that a word means, which may be abbreviated; none: the class has no such attribute.

        For a class that Caraval does not have, every word is taken as it is.
        """
        if self.kind(keyword) is None:
            return SEVERAL.get(word, (word,))
        word = FORMER.get(word, word)
        if self.has_terms(keyword) and terms.NAME.fullmatch(word):
            return (terms.ordered(word),)
        known = self.attributes(keyword)
        base = re.split(r"[(%]", word)[0]
        is_part = base in PHYSICS and base != word
        if not (word in known or is_part or base in INERT or base in self.custom or MULTIPOLE.fullmatch(word)):
            fitting = [name for name in known if name.startswith(word)] if len(word) >= SHORTEST else []
            if len(fitting) != 1:
                return ()
            word = fitting[0]
        return SEVERAL.get(word, (word,))

    def wanted(self, keyword: str, name: str) -> Wanted:
        """Return what an attribute takes."""
        kind = self.kind(keyword)
        if kind is None:
            return "either"
        schema = kind.schema()
        if name in _WORDS or schema.choices(name):
            return "word"
        of_bend = keyword in BENDS and name in BEND_SHAPE
        of_kind = name in schema.parameters or name in kind.shorthands or type(schema.defaults.get(name)) is int
        of_map = self.has_terms(keyword) and terms.NAME.fullmatch(name)
        return "number" if name in _NUMBERS or of_bend or of_kind or of_map or MULTIPOLE.fullmatch(name) else "either"

    def has_terms(self, keyword: str) -> bool:
        """Whether elements of a class are given by the terms of their map."""
        kind = self.kind(keyword)
        return kind is not None and "terms" in kind.schema().fields

    def is_table(self, keyword: str, name: str) -> bool:
        """Whether an attribute takes rows of numbers in braces."""
        kind = self.kind(keyword)
        return kind is not None and isinstance(kind.schema().defaults.get(name), tuple)

    def default(self, keyword: str, name: str) -> float | str:
        """Return the value of an attribute that is not set."""
        kind = self.kind(keyword)
        default = None if kind is None else kind.schema().defaults.get("length" if name == "l" else name)
        if isinstance(default, bool):
            return "T" if default else "F"
        return float(default) if isinstance(default, (int, float)) else default if isinstance(default, str) else 0.0

    def without_value(self, keyword: str, name: str) -> float | str | None:
        """Return what an attribute means that is given without a value; None: it needs one."""
        if name in WITHOUT_VALUE and keyword in WITHOUT_VALUE[name]:
            return WITHOUT_VALUE[name][keyword]
        order = re.fullmatch(r"t(\d{1,2})", name) if keyword == "multipole" else None
        if order:
            return pi / (2 * int(order[1]) + 2)
        wanted, kind = self.wanted(keyword, name), self.kind(keyword)
        is_logical = wanted == "word" and kind is not None and kind.schema().choices(name) == (True, False)
        return "T" if wanted == "either" or is_logical else None


def _in_words(name: str) -> str:
    """Return ``plasma_lens`` for ``PlasmaLens``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
