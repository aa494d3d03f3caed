"""Reads LatticeJSON 2: ``{"version": "2.1", "root": ..., "elements": {...}, "lattices": {...}}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from caraval.core.element import Element
from caraval.core.errors import suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.reference import Reference

from ..json.source import Node, parsed, shortly
from ..shared.items import Given, Item
from ..shared.rooted import chosen

CODE = "latticejson"

GEV = 1e9
"""Unit of the energy [eV]."""

MEMBERS, DEEPEST = 1_000_000, 100
"""So many elements at most may a lattice have, and so deep may lattices be inside each other."""

UNFELT = ("info", "conversion_factor_ps_value", "fiducial")
"""What the beam does not feel."""


def recognises(head: str) -> bool:
    """Whether a file says that it is of this format."""
    return re.search(r'"version"\s*:\s*"2\.', head) is not None or (
        re.search(r'"(root|lattices|elements)"\s*:', head) is not None and "caraval" not in head and "cheetah" not in head
    )


def read(
    path: str | Path, *, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None
) -> Lattice:
    """Read a lattice.

    Parameters
    ----------
    path : str or Path
    line, branch : str, optional
        Name of the lattice to take; left out (or branch 0): the file's ``root``.
    losses : Losses, optional

    Raises
    ------
    LatticeError
        If the file makes no sense, or changes the tracking in a way that is not understood, with line and column.
    """
    root = parsed(Path(path))
    root.expected(dict, "a lattice is a JSON object")
    root.only(("version", "title", "info", "energy", "root", "lattices", "elements"), "LatticeJSON")
    version = root.value.get("version", "2")
    if not str(version).startswith("2"):
        raise root["version"].error(f"version 2 of LatticeJSON is read, not {shortly(version)}")
    name = chosen(root, line, branch)
    elements = list(_Line(root, losses or Losses()).of(name))
    if not elements:
        raise root["lattices"][name].error("a lattice needs at least one element")
    metadata = {key: root.value[key] for key in ("title", "info") if key in root.value}
    return Lattice(elements, name=name, reference=_reference(root), metadata=metadata)


def _reference(root: Node) -> Reference | None:
    if not root.value.get("energy"):
        return None
    node = root["energy"]
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        raise node.error(f"energy is a number of GeV, not {shortly(node.value)}")
    with node.blamed():
        return Reference.from_energy("electron", GEV * float(node.value))


class _Line:
    """The elements of a file, each made once."""

    def __init__(self, root: Node, losses: Losses) -> None:
        self.elements, self.lattices, self.losses = root["elements"], root["lattices"], losses
        self._made: dict[str, Element] = {}
        self._count = 0

    def of(self, name: str, inside: tuple[str, ...] = ()) -> Iterator[Element]:
        """Yield the elements of a lattice and of those inside it; one with a minus sign is reversed."""
        if name in inside or len(inside) == DEEPEST:
            raise self.lattices[name].error(f"the lattice {name!r} is inside itself, or too deep")
        self.lattices[name].expected(list, "a lattice is a list of names")
        for node in self.lattices[name].items():
            member = node.expected(str, "a member is a name")
            self._count += 1
            if self._count > MEMBERS:
                raise node.error(f"there are more than {MEMBERS} elements")
            is_reversed = member.startswith("-") and member[1:] in (self.elements.value.keys() | self.lattices.value.keys())
            member = member[1:] if is_reversed else member
            if member in self.elements.value:
                found = [self._element(member)]
            elif member in self.lattices.value:
                found = list(self.of(member, (*inside, name)))
            else:
                known = [*self.elements.value, *self.lattices.value]
                raise node.error(f"there is no element and no lattice {member!r}{suggest(member, known)}")
            yield from (e.replace(orientation=-e.orientation) for e in reversed(found)) if is_reversed else found

    def _element(self, name: str) -> Element:
        if name not in self._made:
            node = self.elements[name]
            if not (isinstance(node.value, list) and len(node.value) == 2 and isinstance(node.value[0], str)):
                raise node.error(f'an element is ["Kind", {{...}}], not {shortly(node.value)}')
            node[1].expected(dict, "the parameters of an element are an object")
            item = Item(node.value[0], name, node.value[1], {}, lambda: node.place, CODE)
            with node.blamed():
                self._made[name] = _converted(Given(item, self.losses))
        return self._made[name]


def _converted(given: Given) -> Element:
    conversion = CONVERSIONS.get(given.item.kind)
    if conversion is None:
        given.physics("", given.item.kind, "a drift")
        return given.make("Drift", *given.item.settings, length=given.number("length"))
    return conversion(given)


def _make(given: Given, kind: str, *, tilt: str = "tilt", **values: Any) -> Element:
    """Return an element with its length and where it is."""
    places = {"x_offset": "dx", "y_offset": "dy", "z_offset": "ds", tilt: "tilt"}
    placed = {ours: given.number(theirs) for ours, theirs in places.items()}
    placed = {name: value for name, value in placed.items() if value}
    return given.make(kind, *UNFELT, length=given.number("length"), **placed, **values)


def _magnet(kind: str, strength: str) -> Callable[[Given], Element]:
    return lambda given: _make(given, kind, **{strength: given.number(strength)})


def _drift(given: Given) -> Element:
    return _make(given, "Drift")


def _dipole(given: Given) -> Element:
    """Dipole, by its angle or its radius."""
    length, angle, radius = (given.number(name) for name in ("length", "angle", "radius"))
    if "angle" in given.item.settings and radius and abs(length - radius * angle) > 1e-9 * abs(length):
        raise given.item.error("angle and radius contradict each other; give one")
    if radius and "angle" not in given.item.settings:
        angle = length / radius
    values = {name: given.number(name) for name in ("k1", "e1", "e2")}
    return _make(given, "SBend", tilt="ref_tilt", angle=angle, **values)


def _cavity(given: Given) -> Element:
    """Cavity, whose phase [degrees] is that of a sine, as elegant's."""
    values = {"voltage": given.number("voltage"), "rf_frequency": given.number("frequency")}
    focus = (bool(given.number("end1_focus")), bool(given.number("end2_foucs") or given.number("end2_focus")))
    if any(focus):
        given.note("end1_focus", focus, "ends as they are in an RFCavity")
    return _make(given, "RFCavity", phi0=0.5 - given.number("phase") / 360, **values)


CONVERSIONS: dict[str, Callable[[Given], Element]] = {
    "Drift": _drift, "Dipole": _dipole, "Quadrupole": _magnet("Quadrupole", "k1"), "Sextupole": _magnet("Sextupole", "k2"),
    "Octupole": _magnet("Octupole", "k3"), "Cavity": _cavity,
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
