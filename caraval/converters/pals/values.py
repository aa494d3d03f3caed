"""Parameters as they are given, and what they are worth."""

from __future__ import annotations

import re
from typing import Any

from .definitions import Definition, Document
from .expressions import Random, evaluated
from .names import matched
from .tree import Node, Place

TEXTS = frozenset(
    (
        "kind", "inherit", "name", "shape", "location", "material", "cavity_type", "zero_phase", "ref_geometry", "ref_coords",
        "multipole_geometry", "to_line", "destination_element", "new_branch", "direction", "species_ref", "species_out",
        "forked_to", "x_out", "px_out", "y_out", "py_out", "z_out", "pz_out", "S_q1_out", "S_qx_out", "S_qy_out", "S_qz_out",
    )
)  # fmt: skip
"""Parameters that are texts."""

SPECIES = ("species_ref", "species_out")
"""Texts that may be the name of a constant which has the text."""

AS_THEY_ARE = frozenset(("MetaP", "TrackingP", "ForkFromP"))
"""Groups that are not looked into."""


class Labels:
    """Names of extensions (PALS, "Extension Syntax")."""

    def __init__(self, root: dict[str, Node]) -> None:
        labels = root["extension_labels"].mapping("extension_labels") if "extension_labels" in root else {}
        kinds = {kind: set(labels[kind].mapping(kind)) for kind in ("names", "prefixes", "suffixes") if kind in labels}
        self.names = kinds.get("names", set()) | (labels.keys() - kinds.keys())
        self.prefixes = tuple(kinds.get("prefixes", ()))
        self.suffixes = tuple(kinds.get("suffixes", ()))

    def have(self, name: str) -> bool:
        """Whether a name is one of an extension."""
        return name in self.names or name.startswith(self.prefixes) or name.endswith(self.suffixes)


class Scope:
    """What names mean, to the expressions of one element.

    Parameters
    ----------
    document : Document
    itself : Definition, optional
        What ``SELF`` is.
    parameter : object, optional
        What ``PARAMETER`` is.
    variables : dict, optional
        Of a controller.
    """

    def __init__(
        self,
        document: Document,
        itself: Definition | None = None,
        parameter: Any = None,
        variables: dict[str, Any] | None = None,
    ) -> None:
        self.document, self.itself, self.current, self.variables = document, itself, parameter, variables or {}

    def constant(self, name: str) -> float | str | None:
        """Return a constant or a variable; None: there is none."""
        for table in (self.variables, self.document.variables, self.document.constants):
            if name in table:
                return table[name]
        return None

    def names(self) -> list[str]:
        """Return the names of all constants and variables."""
        return [*self.variables, *self.document.variables, *self.document.constants]

    def parameter(self, name: str, place: Place) -> float:
        """Return a parameter of an element; zero, where it is not set."""
        if name.upper() == "PARAMETER":
            return self._number(self.current, name, place)
        if name.upper().startswith(("SELF.", "SELF>")):
            if self.itself is None:
                raise place.error("there is no SELF here")
            return self._number(self.itself.at(name[5:]), name, place)
        pattern, path = split(name, place)
        controller = self.document.controllers.get(pattern)
        if controller is not None:
            return self._number(controller.variables.get(path), name, place)
        known = list(self.document.definitions())
        found = matched(pattern, known, place)
        if len(found) != 1:
            raise place.error(f"{name!r}: {len(found) or 'no'} elements are called {pattern!r}")
        return self._number(known[found[0]].at(path), name, place)

    @staticmethod
    def _number(value: Any, name: str, place: Place) -> float:
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise place.error(f"{name!r} is {value!r}, no number")
        return float(value)


def split(name: str, place: Place) -> tuple[str, str]:
    """Return the pattern of elements and the path of a parameter in ``{elements}>{Group}.{parameter}``."""
    found = re.fullmatch(r"(.*[^>])>([^>]+)", name.strip())
    if found is None:
        raise place.error(f"{name!r} is no parameter: that is element>Group.parameter")
    return found[1].strip(), found[2].strip()


class Values:
    """Works out what is given."""

    def __init__(self, document: Document, labels: Labels) -> None:
        self.document, self.labels, self.random = document, labels, Random()

    def expression(self, text: str, place: Place, scope: Scope | None = None) -> float | str:
        """Return what an expression is worth."""
        return evaluated(text, place, scope or Scope(self.document), self.random)

    def number(self, node: Node, scope: Scope | None = None) -> float:
        """Return a number that may be given as an expression."""
        value = self.expression(node.value, node.place, scope) if isinstance(node.value, str) else node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise node.place.error(f"there must be a number, not {node.shown}")
        return value

    def of(self, key: str, node: Node, itself: Definition | None = None) -> Any:
        """Return the value of a parameter or of a group."""
        if key in AS_THEY_ARE or self.labels.have(key):
            return node.plain()
        if isinstance(node.value, dict):
            if "extension" in node.value:
                return node.plain()
            return {name: self.of(name, child, itself) for name, child in node.value.items()}
        if isinstance(node.value, list):
            return [self.of(key, child, itself) for child in node.value]
        if not isinstance(node.value, str):
            return node.value
        if key in TEXTS:
            known = Scope(self.document).constant(node.value) if key in SPECIES else None
            return known if isinstance(known, str) else node.value
        return self.expression(node.value, node.place, Scope(self.document, itself))
