"""Which classes, attributes and commands there are."""

from __future__ import annotations

import re

from .words import keys, words

CLASSES = frozenset(keys("elements"))
EVERYWHERE = frozenset(
    word for group in ("placing", "misalignment", "aperture", "inert") for word in words("attributes", group)
)
"""Attributes that all elements have."""

MISALIGNMENT = words("attributes", "misalignment")
"""Where an element is misplaced, in this order: dx, dy, ds, dtheta, dphi, dpsi."""

INERT = frozenset(words("attributes", "inert"))
TEXTS = frozenset(words("attributes", "texts"))
IGNORED = frozenset(words("commands", "ignored"))
ERRORS = frozenset(words("commands", "errors"))
CHANGING = frozenset(words("commands", "changing"))
OF_VARIABLES = frozenset(words("commands", "variables"))
MINIMISING = frozenset(words("commands", "minimising"))
MATCHING = MINIMISING | frozenset(words("commands", "matching"))
TABLES = frozenset(words("commands", "tables"))
EDIT = frozenset(words("commands", "edit"))
COMMANDS = IGNORED | ERRORS | CHANGING | OF_VARIABLES | EDIT | MATCHING | TABLES | frozenset(words("commands", "other"))

_OWN = {name: frozenset(words("elements", name)) for name in CLASSES}
_TERM = re.compile(r"kick[1-6]|rm[1-6]{2}|tm[1-6]{3}")


def has(keyword: str, attribute: str) -> bool:
    """Return whether elements of a class have an attribute."""
    if attribute in EVERYWHERE or attribute in _OWN[keyword]:
        return True
    return keyword == "matrix" and _TERM.fullmatch(attribute) is not None


def attributes(keyword: str) -> list[str]:
    """Return the attributes that elements of a class have."""
    return sorted(EVERYWHERE | _OWN[keyword])
