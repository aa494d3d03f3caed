"""Ocelot's own objects, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.libraries import needed
from caraval.core.losses import Losses
from caraval.core.reference import Reference

from ..shared.items import Item
from .reading import converted
from .vocabulary import GENERATED, PARAMETERS
from .writing import line_of

LISTED = {"Matrix": (("r", 2), ("t", 3), ("b", 1))}
"""Arrays that stand for many parameters, and how many indices these have."""


def from_ocelot(lattice: Any, *, reference: Reference | None = None, losses: Losses | None = None) -> Lattice:
    """Return a lattice from one of Ocelot's, or from a list of its elements.

    Parameters
    ----------
    lattice : MagneticLattice or sequence of elements
        Lists inside it are put in line.
    reference : Reference, optional
        At the start, of which a lattice of Ocelot's says nothing.
    losses : Losses, optional
        What becomes of things that cannot be carried, see :func:`caraval.load`; they are in ``lattice.losses``.

    Raises
    ------
    LatticeError
        If something changes the tracking, is not understood and may not be left out.
    """
    losses = losses or Losses()
    items: dict[int, Item] = {}
    members = []
    for element in _flat(getattr(lattice, "sequence", lattice)):
        if id(element) not in items:
            items[id(element)] = _item(element)
        members.append(items[id(element)])
    return Lattice(converted(members, losses), reference=reference, losses=losses.found)


def _flat(sequence: Any) -> Iterator[Any]:
    if isinstance(sequence, (list, tuple)):
        for one in sequence:
            yield from _flat(one)
    elif type(sequence).__name__ in PARAMETERS:
        yield sequence
    else:
        raise InputError(f"this takes a MagneticLattice or elements of Ocelot, not a {type(sequence).__name__}")


def _item(element: Any) -> Item:
    kind = type(element).__name__
    inside = getattr(element, "element", element)
    settings: dict[str, Any] = {}
    for name in (*PARAMETERS[kind], "dx", "dy"):
        value = getattr(inside, name, None)
        if isinstance(value, (bool, str, complex)) or value is None:
            settings |= {} if value is None else {name: value}
        else:
            settings[name] = np.asarray(value, float) if np.ndim(value) else float(value)
    for name, indices in LISTED.get(kind, ()):
        array = np.asarray(getattr(inside, name)).reshape((6,) * indices)
        settings |= {
            f"{name}{''.join(str(i + 1) for i in at)}": float(array[at]) for at in zip(*np.nonzero(array), strict=True)
        }
    settings["tm"] = getattr(element, "_tm_class_type", type(None)).__name__
    if settings["tm"] == "NoneType":
        del settings["tm"]
    name = str(getattr(element, "id", "") or "")
    return Item(kind, "" if re.fullmatch(GENERATED, name) else name, settings, code="ocelot")


def to_ocelot(lattice: Lattice, *, losses: Losses | None = None) -> Any:
    """Return a lattice as one of Ocelot's.

    Parameters
    ----------
    lattice : Lattice
    losses : Losses, optional
        What becomes of things that cannot be carried, see :func:`caraval.save`; ``losses.found`` lists them.

    Returns
    -------
    MagneticLattice
        Each of its elements has its own tracking method.

    Raises
    ------
    BackendError
        If Ocelot is not installed.
    LatticeError
        If something changes the tracking, cannot be said in Ocelot and may not be left out.
    """
    ocelot = needed("ocelot", "magnetic lattices need Ocelot", "ocelot-collab")

    def made(item: Item) -> Any:
        values = {name: value for name, value in item.settings.items() if name not in ("tm", "dx", "dy")}
        named = {"eid": item.name} if item.name else {}
        element = getattr(ocelot, item.kind)(**values, **named)
        for name in ("dx", "dy"):
            if name in item.settings:
                setattr(element, name, item.settings[name])
        return element

    line = line_of(lattice, losses or Losses())
    elements = {name: made(item) for name, item in line.definitions.items()}
    found = ocelot.MagneticLattice([elements[name] for name in line.members])
    for name, item in line.definitions.items():
        if "tm" in item.settings:
            elements[name].set_tm(getattr(ocelot, item.settings["tm"]))
    return found
