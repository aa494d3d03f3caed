"""Reads lattices."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

from caraval.core.element import Element
from caraval.core.errors import CaravalError, LatticeError, suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference, as_species
from caraval.core.registry import registry

from .attributes import OWN, Attributes
from .branches import Branch, branches, chosen
from .definitions import Definition, Document, Root
from .expansion import Placed
from .facility import Facility
from .kinds import CONVERSIONS, unknown
from .loading import Files, place_of
from .tree import Node
from .values import Labels, Values

KNOWN = ("version", "authors", "notes", "reminders", "phase_space_coordinates", "extension_labels", "facility")
"""What stands under ``PALS``."""

FLOOR = {"x": "x_position", "y": "y_position", "z": "z_position", "theta": "theta_position", "phi": "phi_position",
         "psi": "psi_position"}  # fmt: skip
"""Where a line begins, by PALS's and by Bmad's names."""


def recognises(head: str) -> bool:
    """Whether a file says that it is PALS's."""
    return "\nPALS:" in f"\n{head}"


def read(
    path: str | Path, *, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None
) -> Lattice:
    """Read a lattice.

    Parameters
    ----------
    path : str or Path
    line : str, optional
        The lattice, or the line, to take; left out: what the file uses, or its last lattice.
    branch : str or int, optional
        The branch, by name or number; left out: the first.
    losses : Losses, optional

    Raises
    ------
    LatticeError
        If the file makes no sense, or changes the tracking in a way that is not understood, with line and column.
    """
    path, losses = Path(path), losses or Losses()
    root = Files().root(path)
    labels = Labels(root)
    for key, node in root.items():
        if key not in KNOWN and not labels.have(key):
            losses.note("PALS", key, node.shown, "kept", place=node.place)
    document = Document()
    values = Values(document, labels)
    facility = Facility(values, losses)
    facility.read(root["facility"].items("facility") if "facility" in root else [])
    everything = branches(_roots(document, line, path), document, facility, values, losses)
    taken = chosen(everything, branch)
    if values.random.is_used:
        losses.note(taken.name, "random", "numbers", "the same ones every time", place=place_of(path))
    return _lattice(taken, root, labels, losses)


def _roots(document: Document, wanted: str | None, path: Path) -> list[Root]:
    """Return the branches to make: of a lattice, or of a line alone."""
    name = wanted or document.used or next(reversed(document.lattices), "") or next(reversed(document.lines), "")
    if name in document.lattices:
        return document.lattices[name]
    if name in document.lines:
        return [Root(name, name, document.lines[name].place)]
    if not name:
        raise place_of(path).error("there is no lattice and no line in this file")
    raise place_of(path).error(f"there is no lattice {name!r}{suggest(name, [*document.lattices, *document.lines])}")


def _lattice(branch: Branch, root: dict[str, Node], labels: Labels, losses: Losses) -> Lattice:
    start, beginning, reference = _beginning(branch, labels)
    turn = _turn(branch.elements[start:], reference, labels)
    elements = _converted(branch.elements[start:], reference, labels, losses, turn)
    place = branch.place or (branch.elements[0].definition.place if branch.elements else None)
    if not elements:
        raise LatticeError(f"the branch {branch.name!r} has no elements", file=place.file if place else None)
    metadata = {key: node.plain() for key, node in root.items() if key != "facility" and node.value is not None}
    geometry: Any = "closed" if branch.is_periodic else "open"
    own = _own(metadata)
    metadata |= own.get("metadata", {})
    name = str(own.get("name", branch.name))
    return Lattice(elements, name=name, geometry=geometry, reference=reference, beginning=beginning, metadata=metadata)


def _own(metadata: dict[str, Any]) -> dict[str, Any]:
    """Take out what we wrote beside the standard."""
    own = metadata.pop(OWN, None)
    if not isinstance(own, dict):
        return {}
    labels = metadata.get("extension_labels")
    if isinstance(labels, dict) and isinstance(labels.get("names"), dict):
        labels["names"].pop(OWN, None)
        for name in [name for name, group in labels.items() if not group]:
            del labels[name]
        if not labels:
            del metadata["extension_labels"]
    return own


def _beginning(branch: Branch, labels: Labels) -> tuple[int, dict[str, Any], Reference | None]:
    """Return where elements start, what is known there, and the reference."""
    if not branch.elements:
        return 0, {}, None
    first = branch.elements[0].definition
    reference = _reference(first)
    if branch.origin is not None and reference is None:
        source, fork = branch.origin
        first_of, _, before = _beginning(source, labels)
        if before is not None:
            elements = _converted(source.elements[first_of:fork], before, labels, Losses("drift"))
            out = reference_pass(registry(), elements, before)[-1]
            reference = Reference(out.species, out.p0c, 0.0, out.t)
    if first.kind != "BeginningEle":
        return 0, {}, reference
    start = 1 if len(branch.elements) > 1 else 0  # a lattice has at least one element
    beginning = {name: value for name, value in first.group("TwissP").items() if isinstance(value, (int, float))}
    floor = first.group("FloorP")
    beginning |= {ours: floor[theirs] for theirs, ours in FLOOR.items() if isinstance(floor.get(theirs), (int, float))}
    particle = {f"particle_{n}": v for n, v in first.group("ParticleP").items() if isinstance(v, (int, float))}
    own = first.at(f"TrackingP.{OWN}.beginning")
    return start, {**beginning, **particle, **(own if isinstance(own, dict) else {})}, reference


def _reference(first: Definition) -> Reference | None:
    group = first.group("ReferenceP")
    species = group.get("species_ref")
    momentum, energy = group.get("pc_ref"), group.get("E_tot_ref")
    if not species or (not momentum and not energy):
        return None
    if momentum and energy:
        raise first.place.error(f"{first.label}: only one of pc_ref and E_tot_ref can be given")
    s, t = first.parameters.get("s_position") or 0.0, group.get("time_ref") or 0.0
    try:
        if momentum:
            return Reference(as_species(str(species)), float(momentum), float(s), float(t))
        return Reference.from_energy(str(species), float(energy or nan), float(s), float(t))
    except (CaravalError, TypeError, ValueError) as error:
        raise first.place.error(f"{first.label}: {error}") from None


def _turn(placed: list[Placed], reference: Reference | None, labels: Labels) -> float | None:
    """Return how long the reference takes from the beginning to the end [s], where harmonic numbers ask for it."""
    if reference is None or not any(one.definition.at("RFP.harmon") for one in placed):
        return None
    elements = _converted(placed, reference, labels, Losses("drift"))
    return float(reference_pass(registry(), elements, reference)[-1].t - reference.t)


def converted(
    placed: Placed, reference: Reference | None, labels: Labels, losses: Losses, turn: float | None = None
) -> Element:
    """Return an element of Caraval's."""
    return CONVERSIONS.get(placed.kind, unknown)(Attributes(placed, reference, labels, losses, turn))


def _converted(
    placed: list[Placed], reference: Reference | None, labels: Labels, losses: Losses, turn: float | None = None
) -> list[Element]:
    """Return elements of Caraval's; what changes the reference changes what fields say after it."""
    made: dict[tuple[Any, ...], Element] = {}
    found: list[Element] = []
    for one in placed:
        key = (id(one.definition), one.direction, one.multipass, one.part, None if reference is None else reference.p0c)
        if key not in made:
            made[key] = converted(one, reference, labels, losses, turn)
        found.append(made[key])
        if reference is not None and registry().reference_of(type(made[key])) is not None:
            reference = reference_pass(registry(), [made[key]], reference)[-1]
    return found
