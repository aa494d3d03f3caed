"""Writes Bmad lattice files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from caraval.converters.shared.definitions import Definitions
from caraval.converters.shared.plain import once, plain_element, plain_reference
from caraval.core.element import Element
from caraval.core.errors import UnknownNameError
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import registry
from caraval.core.species import ATOMIC_MASS, ELECTRON_MASS
from caraval.physics.marker import Marker
from caraval.physics.patch import Patch

from . import directions, radiation, spelling
from .attributes import Writer
from .cavities import has_clock
from .parameters import BEGINNING, PARAMETERS
from .pieces import END
from .start import ENERGIES
from .vocabulary import RESERVED, Vocabulary

SETTLED = {
    *ENERGIES, *radiation.SWITCHES, "particle", "geometry", "lattice_type", "no_end_marker", "absolute_time_tracking",
}  # fmt: skip
"""Parameters that the lattice says by itself."""


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice.

    Elements of one name that differ get names of their own. An element that is given partly by strengths and partly by
    fields is written by its strengths.

    Parameters
    ----------
    lattice : Lattice
        With a reference; settings are plain numbers, or arrays of one.
    path : str or Path
    losses : Losses, optional
        Collects what Bmad cannot say; left out: what changes the tracking is an error.

    Raises
    ------
    LatticeError
        If a setting is a batch or hidden by a trace; or if what cannot be carried changes the tracking and may not be lost.
    """
    Path(path).write_text(text(lattice, losses or Losses()), encoding="utf-8", newline="\n")


def text(lattice: Lattice, losses: Losses) -> str:
    """Return what :func:`write` writes."""
    plain = once(plain_element)
    elements = [plain(element) for element in lattice.elements]
    reference = None if lattice.reference is None else plain_reference(lattice.reference)
    if reference is None:
        losses.physics(lattice.name or "lattice", "reference", None, "Bmad's own: positrons of 1000 times their rest energy")
    vocabulary = Vocabulary()
    custom = {n: v for n, v in lattice.metadata.get("parameter", {}).items() if n.startswith("custom_attribute")}
    vocabulary.custom |= {str(value).lower().rpartition("::")[2] for value in custom.values()}
    definitions, line = _defined(elements, reference, vocabulary, losses)
    ends_itself = line[-1] == END and isinstance(elements[-1], Marker)
    if ends_itself and line.count(END) == 1 and definitions.bodies[END] == "marker" and len(line) > 1:
        del line[-1], definitions.bodies[END]  # Bmad has it by itself
    name = _line_name(lattice, definitions)
    statements = [
        *_settings(lattice, elements, reference, losses, ends_itself=ends_itself),
        *(spelling.statement(f"{name}: {body}", ()) for name, body in definitions.bodies.items()),
        spelling.group(f"{name}: line =", line),
        f"use, {name}",
    ]
    return "! Written by Caraval\n\n" + "\n".join(statements) + "\n"


def _defined(
    elements: list[Element], reference: Reference | None, vocabulary: Vocabulary, losses: Losses
) -> tuple[Definitions, list[str]]:
    """Return the definitions of elements, and the line."""
    writer = Writer(vocabulary, losses)
    _check_directions(elements, losses)
    references: tuple[Reference, ...] = ()
    if reference is not None and any(map(writer.depends_on_reference, elements)):
        references = reference_pass(registry(), elements, reference)
    taken = {*RESERVED, *vocabulary.classes, "line", "list"}
    definitions = Definitions((element.name for element in elements), spelling.name, taken, losses)
    if any(element.name != element.name.lower() for element in elements):
        losses.note("lattice", "names", "capital letters", "small ones, which are the same to Bmad")
    bodies: dict[tuple[int, Reference | None], tuple[str, str]] = {}
    line = []
    for place, element in enumerate(elements):
        here = references[place] if references else None
        key = (id(element), here if writer.depends_on_reference(element) else None)
        if key not in bodies:
            keyword, attributes = writer.definition(element, here)
            bodies[key] = keyword, spelling.statement(keyword, attributes)
        keyword, body = bodies[key]
        name = definitions.name(element.name, keyword, body)
        line.append(f"--{name}" if element.orientation == -1 else name)
    return definitions, line


def _check_directions(elements: list[Element], losses: Losses) -> None:
    """Report patches that do not go the way that the line says."""
    plain = [element.with_values({"against": False}) if isinstance(element, Patch) else element for element in elements]
    for element, told in zip(elements, directions.told(plain), strict=True):
        if isinstance(element, Patch) and element.against != told.against:  # type: ignore[attr-defined]
            losses.physics(element.name, "against", element.against, "as the elements before it say")


def _line_name(lattice: Lattice, definitions: Definitions) -> str:
    wanted = spelling.name(lattice.name) if lattice.name else "lattice"
    taken = {*definitions.bodies, *RESERVED, *Vocabulary().classes, "line", "list"}
    return next(name for name in (wanted, *(f"{wanted}_{i}" for i in range(1, len(taken) + 2))) if name not in taken)


# -------------------------------------------------------------------- what is said of the lattice


def _settings(
    lattice: Lattice, elements: list[Element], reference: Reference | None, losses: Losses, *, ends_itself: bool
) -> Iterator[str]:
    """Return the statements about the lattice as a whole."""
    title = lattice.metadata.get("title")
    if isinstance(title, str) and title and '"' not in title and "\n" not in title:
        yield f'title, "{title}"'
    elif title:
        losses.note("lattice", "title", title)
    own: dict[str, Any] = {"geometry": lattice.geometry}
    if not ends_itself:
        own["no_end_marker"] = True
    if reference is not None:
        own |= {"particle": _species(reference.species, losses), "p0c": reference.p0c}
        times = {"s": reference.s, "ref_time": reference.t}
        yield from _group("beginning", {name: value for name, value in times.items() if value != 0}, losses)
    yield from _group("parameter", own, losses)
    if _has_absolute_time(elements, losses):
        yield "bmad_com[absolute_time_tracking] = T"
    yield from radiation.said(elements, losses)
    yield from _group("beginning", dict(lattice.beginning), losses, known=BEGINNING - {*ENERGIES, "s", "ref_time"})
    for name, values in lattice.metadata.items():
        if name in PARAMETERS and isinstance(values, Mapping):
            rest = {key: value for key, value in values.items() if key not in SETTLED}
            yield from _group(name, rest, losses, known=PARAMETERS[name])
        elif name != "title":
            losses.note("lattice", name, values)


def _group(group: str, values: Mapping[str, Any], losses: Losses, known: frozenset[str] | None = None) -> Iterator[str]:
    written = {}
    for name, value in values.items():
        text = spelling.value(name, value)
        if text is None or not (known is None or name in known or name.startswith("custom_attribute")):
            losses.note(group, name, value)
        else:
            written[name] = text
    return spelling.settings(group, written)


def _species(species: Species, losses: Losses) -> str:
    """Return the name of a species; one that has no name in Bmad is written by its mass."""
    try:
        if as_species(species.name) == species:
            return species.name
    except UnknownNameError:
        pass
    units = (species.mass + species.charge * ELECTRON_MASS) / ATOMIC_MASS
    name = f"@M{units:.20f}{round(species.charge):+d}"
    losses.note("reference", "species", species.name, f"written as {name}")
    if species.charge != round(species.charge):
        losses.physics("reference", "charge", species.charge, f"{round(species.charge)}")
    return name


def _has_absolute_time(elements: list[Element], losses: Losses) -> bool:
    """Whether elements go with absolute time: in Bmad all do, or none."""
    timed = [element for element in elements if has_clock(element)]
    absolute = [element for element in timed if element.__dict__["absolute_time_tracking"]]
    for element in absolute if len(absolute) < len(timed) else ():
        losses.physics(element.name, "absolute_time_tracking", True, "relative time, as other elements have")
    return bool(absolute) and len(absolute) == len(timed)
