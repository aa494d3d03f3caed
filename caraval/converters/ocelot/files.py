"""Ocelot's lattice files, which are Python, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.errors import CaravalError, LatticeError, suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.reference import Reference

from ..shared.items import Item
from .reading import converted
from .source import MOST, Thing, executed
from .vocabulary import GENERATED, GEV, PARAMETERS
from .writing import Line, line_of

TWISS = {f"{name}_{axis}": f"{name}_{mode}" for name in ("beta", "alpha") for axis, mode in (("x", "a"), ("y", "b"))}
DISPERSION = {"Dx": "eta_x", "Dy": "eta_y", "Dxp": "etap_x", "Dyp": "etap_y"}
"""What is known at the beginning, by Ocelot's and by Bmad's names."""

USUAL = ("cell", "sequence", "lattice", "lat")
"""What the line of a file is usually called."""


def recognises(head: str) -> bool | None:
    """Whether a file seems to hold a lattice of Ocelot's; that Python does not cannot be told."""
    return re.search(r"\b(ocelot|MagneticLattice|Drift\s*\(|Quadrupole\s*\()", head) is not None or None


def read(
    path: str | Path, *, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None
) -> Lattice:
    """Read a lattice from a Python file, which is not executed.

    Parameters
    ----------
    path : str or Path
    line, branch : str, optional
        Variable that holds the line; left out: the last ``MagneticLattice``, or ``cell``, or the last list of elements.
    losses : Losses, optional

    Raises
    ------
    LatticeError
        If there is anything in it that is no description of a lattice, with line and column.
    """
    path, losses = Path(path), losses or Losses()
    variables = executed(path)
    name, sequence = _chosen(variables, line if line is not None else branch if branch not in (None, 0) else None, path)
    methods = _methods(sequence)
    items: dict[int, Item] = {}
    members: list[Item] = []
    for thing in _flat(sequence, path, 0):
        if len(members) == MOST:
            raise LatticeError(f"there are more than {MOST} elements", file=str(path))
        if id(thing) not in items:
            items[id(thing)] = _item(thing, path, methods)
        members.append(items[id(thing)])
    elements = converted(members, losses)
    if not elements:
        raise LatticeError(f"the line {name!r} has no elements", file=str(path))
    reference, beginning = _beginning(variables, path)
    return Lattice(elements, name=name, reference=reference, beginning=beginning)


def _chosen(variables: dict[str, Any], wanted: Any, path: Path) -> tuple[str, Any]:
    """Return the line to take, and the name of its variable."""
    lines = {name: value for name, value in variables.items() if _is_line(value)}
    if wanted is not None:
        if wanted not in lines:
            raise LatticeError(f"there is no line {wanted!r}{suggest(str(wanted), lines)}", file=str(path))
        return str(wanted), lines[wanted]
    lattices = [name for name, value in lines.items() if isinstance(value, Thing)]
    names = [*lattices[-1:], *(name for name in USUAL if name in lines), *reversed(lines)]
    if not names:
        raise LatticeError("there is no list of elements and no MagneticLattice in this file", file=str(path))
    return names[0], lines[names[0]]


def _is_line(value: Any) -> bool:
    if isinstance(value, Thing):
        return value.kind == "MagneticLattice" and "sequence" in value.values
    return isinstance(value, (list, tuple)) and any(isinstance(one, (Thing, list, tuple)) for one in value)


def _methods(line: Any) -> dict[str, str]:
    """Return the tracking methods that a lattice gives to classes; ``global``: to all."""
    given = line.values.get("method") if isinstance(line, Thing) else None
    if isinstance(given, Thing):
        return {"global": str(given.values["global_method"])} if "global_method" in given.values else {}
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _flat(line: Any, path: Path, depth: int) -> Iterator[Thing]:
    if depth > 100:
        raise LatticeError("lists are more than 100 deep inside each other", file=str(path))
    if isinstance(line, Thing) and line.kind == "MagneticLattice":
        for name in ("start", "stop"):
            if line.values.get(name) is not None:
                message = f"{name} of a MagneticLattice is not understood; leave it out"
                raise LatticeError(message, file=str(path), line=line.line, column=line.column)
        yield from _flat(line.values["sequence"], path, depth + 1)
    elif isinstance(line, (list, tuple)):
        for one in line:
            yield from _flat(one, path, depth + 1)
    elif isinstance(line, Thing) and line.kind in PARAMETERS:
        yield line
    else:
        raise LatticeError(f"there is a {getattr(line, 'kind', type(line).__name__)} among the elements", file=str(path))


def _item(thing: Thing, path: Path, methods: dict[str, str]) -> Item:
    place = (str(path), thing.line, thing.column)
    settings = {name: value for name, value in thing.values.items() if name not in ("eid", "name")}
    if isinstance(settings.get("kn"), (list, tuple)):
        settings["kn"] = _array(settings["kn"], thing, path)
    settings.setdefault("tm", methods.get(thing.kind, methods.get("global", "TransferMap")))
    settings["tm"] = str(settings["tm"])
    if thing.kind == "RBend" and all(isinstance(settings.get(n, 0.0), (int, float)) for n in ("angle", "e1", "e2")):
        half = settings.get("angle", 0.0) / 2
        settings |= {name: settings.get(name, 0.0) + half for name in ("e1", "e2")}
    name = str(thing.values.get("eid") or "")
    return Item(thing.kind, "" if re.fullmatch(GENERATED, name) else name, settings, {}, lambda: place, "ocelot")


def _array(values: Any, thing: Thing, path: Path) -> Any:
    """Return the strengths of a multipole."""
    if not all(isinstance(value, (int, float)) for value in values):
        raise LatticeError("kn must be numbers", file=str(path), line=thing.line, column=thing.column)
    return np.array(values, dtype=float)


def _beginning(variables: dict[str, Any], path: Path) -> tuple[Reference | None, dict[str, Any]]:
    """Return what a file's Twiss parameters say: energy, and functions at the beginning."""
    found = next((value for value in variables.values() if isinstance(value, Thing) and value.kind == "Twiss"), None)
    if found is None:
        return None, {}
    values = {name: float(v) for name, v in found.values.items() if isinstance(v, (int, float))}
    beginning = {ours: values[theirs] for theirs, ours in (TWISS | DISPERSION).items() if values.get(theirs)}
    if not values.get("E"):
        return None, beginning
    try:
        return Reference.from_energy("electron", GEV * values["E"], s=values.get("s", 0.0)), beginning
    except CaravalError as error:
        raise LatticeError(str(error), file=str(path), line=found.line, column=found.column) from None


# -------------------------------------------------------------------- to files


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice as Python for Ocelot.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    losses : Losses, optional
    """
    Path(path).write_text(text(line_of(lattice, losses or Losses()), lattice), encoding="utf-8", newline="\n")


def text(line: Line, lattice: Lattice) -> str:
    """Return a line of items as Python for Ocelot."""
    rows = ["from ocelot import *", "", *_twiss(lattice)]
    for variable, item in line.definitions.items():
        rows.append(f"{variable} = {_call(item)}")
        if item.kind != "Aperture":
            rows += [f"{variable}.{name} = {item.settings[name]!r}" for name in ("dx", "dy") if name in item.settings]
    rows += ["", "cell = ("]
    row = "   "
    for member in line.members:
        if len(row) + len(member) > 118:
            rows.append(row)
            row = "   "
        row += f" {member},"
    return "\n".join([*rows, row, ")", ""])


def _twiss(lattice: Lattice) -> list[str]:
    values = {theirs: lattice.beginning[ours] for theirs, ours in (TWISS | DISPERSION).items() if ours in lattice.beginning}
    reference = lattice.reference
    if reference is not None and reference.species.name == "electron":
        values["E"] = float(reference.energy) / GEV
    if not values:
        return []
    return ["tws0 = Twiss()", *(f"tws0.{name} = {float(value)!r}" for name, value in values.items()), ""]


def _call(item: Item) -> str:
    values = {name: value for name, value in item.settings.items() if name not in ("dx", "dy") or item.kind == "Aperture"}
    given = [f"{name}={_written(name, value)}" for name, value in values.items()]
    named = [f"eid={item.name!r}"] if item.name else []
    return f"{item.kind}({', '.join([*given, *named])})"


def _written(name: str, value: Any) -> str:
    if name == "tm":
        return str(value)
    if isinstance(value, np.ndarray):
        return repr([float(one) for one in value])
    if isinstance(value, float) and np.isinf(value):
        return "np.inf"
    return repr(float(value) if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, int)) else value)
