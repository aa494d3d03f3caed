"""``caraval info``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from caraval.core.arrays import is_number, is_zero, shape_of
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.registry import registry
from caraval.physics.aperture import LIMITS

from . import report
from .files import loaded
from .messages import console
from .tables import count, plain_table, quantity


def info(
    lattice: Annotated[Path, typer.Argument(help="Lattice file.", show_default=False)],
    line: Annotated[str | None, typer.Option(help="Beamline to take; left out: the file's own.")] = None,
    branch: Annotated[str | None, typer.Option(help="Branch to take, by name or number; left out: the first.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="Format of the file; left out: told from it.")] = None,
) -> None:
    """Say what is in a lattice file."""
    found = loaded(lattice, format=file_format, line=line, branch=branch)
    facts = Table.grid(padding=(0, 2))
    for name, text in _facts(found, lattice):
        facts.add_row(name, text)
    console().print(facts)
    report.line("")
    console().print(_kinds(found))


def _facts(lattice: Lattice, path: Path) -> list[tuple[str, str]]:
    is_single = is_number(lattice.length)
    facts = [
        ("lattice", lattice.name or "without name"),
        ("file", str(path)),
        ("geometry", lattice.geometry),
        ("length", f"{lattice.length:.6g} m" if is_single else f"a batch of shape {shape_of(lattice.length)}"),
        ("elements", str(len(lattice))),
    ]
    if lattice.reference is not None:
        facts.append(("species", lattice.reference.species.name))
        facts += _energies(lattice)
    said = [f"{name} = {value:.6g}" for name, value in lattice.beginning.items() if is_number(value)]
    if said:
        facts.append(("at the beginning", ", ".join(said)))
    facts.append(("apertures", _apertures(lattice)))
    batches = _arrays(lattice)
    return [*facts, ("arrays", ", ".join(batches))] if batches else facts


def _energies(lattice: Lattice) -> list[tuple[str, str]]:
    """Return the reference energies at both ends, where they are one number each."""
    facts = []
    for where, reference in zip(("energy", "energy at the end"), report.ends(lattice), strict=True):
        if is_number(reference.p0c):
            text = f"{quantity(reference.energy, 'eV', 7)} total, p0c {quantity(reference.p0c, 'eV', 7)}"
            facts.append((where, f"{text}, gamma {reference.gamma:.6g}"))
    return facts if len(facts) < 2 or facts[0][1] != facts[1][1] else facts[:1]


def _apertures(lattice: Lattice) -> str:
    limited = [(e, [v for n in LIMITS if not is_zero(v := getattr(e, n))]) for e in lattice]
    limited = [(element, limits) for element, limits in limited if limits and element.aperture_at != "no_aperture"]
    if not limited:
        return "none"
    plain = [(min(limits), element) for element, limits in limited if all(map(is_number, limits))]
    text = count(len(limited), "element")
    if plain:
        smallest, element = min(plain, key=lambda pair: pair[0])
        text += f", the narrowest {quantity(smallest, 'm')} from the axis, in {element.label}"
    return text


def _arrays(lattice: Lattice) -> list[str]:
    """Return the parameters that are arrays, with their shapes."""
    found: dict[str, None] = {}
    for element in lattice:
        for name, value in element.parameters.items():
            if value is not None and not is_number(value):
                found[f"{element.name or element.kind}.{name} {shape_of(value)}"] = None
    return list(found)


def _kinds(lattice: Lattice) -> Table:
    """Return a table of the kinds: how many, how long, how tracked."""
    table = plain_table("kind", ">elements", ">length [m]", "tracking methods")
    kinds: dict[str, list[Element]] = {}
    for element in lattice:
        kinds.setdefault(element.kind, []).append(element)
    for kind, elements in sorted(kinds.items(), key=lambda item: -len(item[1])):
        lengths = [element.length for element in elements]
        length = f"{sum(lengths):.3f}" if all(map(is_number, lengths)) else "batch"
        table.add_row(kind, str(len(elements)), length, _methods(elements))
    return table


def _methods(elements: list[Element]) -> str:
    known = registry()
    counts = Counter(str(known.method_of(element)) for element in elements)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{number} {method}" for method, number in counts.most_common())
