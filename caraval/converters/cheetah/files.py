"""Cheetah's LatticeJSON: ``{"version": "cheetah-0.8", "root": ..., "elements": {...}, "lattices": {...}}``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.errors import suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from ..json.source import Node, parsed, shortly
from ..json.values import data
from ..shared.items import Item
from ..shared.rooted import chosen
from .reading import WHOLE, converted
from .writing import Line, line_of

VERSION = "cheetah-0.8"
"""What Cheetah 0.8 calls its files."""

MEMBERS = 1_000_000
"""So many elements at most a lattice may have, which sublattices of sublattices could make many more."""

DEPTH = 100
"""So deep at most lattices, and elements, may be inside each other."""


def recognises(head: str) -> bool:
    """Whether a file says that it is Cheetah's."""
    return re.search(r'"version"\s*:\s*"cheetah', head) is not None


# -------------------------------------------------------------------- from files


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
    root = parsed(Path(path), allow_infinite=True)
    root.expected(dict, "a lattice is a JSON object")
    name = chosen(root, line, branch)
    elements = converted(_Items(root).of(name), losses or Losses())
    kept = {key: data(root[key]) for key in ("title", "info") if key in root.value}
    if not elements:
        raise root["lattices"][name].error("a lattice needs at least one element")
    return Lattice(elements, name=name, metadata=kept)


class _Items:
    """The elements of a file, each made once."""

    def __init__(self, root: Node) -> None:
        self.elements, self.lattices = root["elements"], root["lattices"]
        self._made: dict[str, Item] = {}
        self._count = 0

    def of(self, name: str, inside: tuple[str, ...] = ()) -> Iterator[Item]:
        """Yield the elements of a lattice and of those inside it."""
        if name in inside:
            raise self.lattices[name].error(f"the lattice {name!r} is inside itself: {' > '.join((*inside, name))}")
        if len(inside) == DEPTH:
            raise self.lattices[name].error(f"lattices are more than {DEPTH} deep inside each other")
        members = self.lattices[name]
        members.expected(list, "a lattice is a list of names")
        for node in members.items():
            member = node.expected(str, "a member is a name")
            self._count += 1
            if self._count > MEMBERS:
                raise node.error(f"there are more than {MEMBERS} elements")
            if member in self.elements.value:
                yield self._item(member)
            elif member in self.lattices.value:
                yield from self.of(member, (*inside, name))
            else:
                known = [*self.elements.value, *self.lattices.value]
                raise node.error(f"there is no element and no lattice {member!r}{suggest(member, known)}")

    def _item(self, name: str, inside: tuple[str, ...] = ()) -> Item:
        if name not in self._made:
            self._made[name] = self._new(name, inside)
        return self._made[name]

    def _new(self, name: str, inside: tuple[str, ...]) -> Item:
        node = self.elements[name]
        if name in inside or len(inside) == DEPTH:
            raise node.error(f"the element {name!r} is inside itself, or too deep")
        if not (isinstance(node.value, list) and len(node.value) == 2 and isinstance(node.value[0], str)):
            raise node.error(f'an element is ["Kind", {{...}}], not {shortly(node.value)}')
        node[1].expected(dict, "the parameters of an element are an object")
        settings: dict[str, Any] = {}
        for key, child in node[1].members():
            if key.endswith("_element"):
                other = child.expected(str, "an element is given by its name")
                if other not in self.elements.value:
                    raise child.error(f"there is no element {other!r}{suggest(other, self.elements.value)}")
                settings[key] = self._item(other, (*inside, name))
            elif key != "metadata":
                settings[key] = data(child) if key in WHOLE else _setting(child)
        metadata = data(node[1]["metadata"]) if "metadata" in node[1].value else {}
        return Item(node.value[0], name, settings, metadata if isinstance(metadata, dict) else {}, lambda: node.place)


def _setting(node: Node) -> Any:
    """Return a number, an array of numbers, or whatever else it is."""
    value = node.value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        try:
            return np.array(value, dtype=float)
        except (ValueError, TypeError):
            raise node.error(f"an array must hold numbers alone, all rows as long, not {shortly(value)}") from None
    return data(node)


# -------------------------------------------------------------------- to files


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    losses : Losses, optional
    """
    Path(path).write_text(text(line_of(lattice, losses or Losses()), lattice), encoding="utf-8", newline="\n")


def text(line: Line, lattice: Lattice) -> str:
    """Return a line of items as Cheetah's LatticeJSON."""
    rows = [f"{json.dumps(item.name)}: {json.dumps([item.kind, _plain(item)])}" for item in line.definitions]
    kept = {key: str(lattice.metadata.get(key, default)) for key, default in (("title", line.name), ("info", ""))}
    parts = {"version": VERSION, **kept, "root": line.name}
    head = ",\n".join(f'    "{key}": {json.dumps(value)}' for key, value in parts.items())
    members = json.dumps(line.members)
    body = ",\n        ".join(rows)
    return (
        f'{{\n{head},\n    "elements": {{\n        {body}\n    }},\n'
        f'    "lattices": {{\n        {json.dumps(line.name)}: {members}\n    }}\n}}\n'
    )


def _plain(item: Item) -> dict[str, Any]:
    found = {name: _listed(value) for name, value in item.settings.items()}
    return {**found, "metadata": _listed(item.metadata)}


def _listed(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Item):
        return value.name
    if isinstance(value, dict):
        return {str(key): _listed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in value]
    if hasattr(value, "shape"):
        return np.asarray(value.detach() if hasattr(value, "detach") else value).tolist()
    return value
