"""Writes lattices: what the standard says as the standard says it, and the rest beside it, under ``TrackingP: Caraval``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, is_zero, same
from caraval.core.element import Element
from caraval.core.errors import LatticeError
from caraval.core.lattice import Lattice
from caraval.core.libraries import needed
from caraval.core.losses import Losses
from caraval.core.methods import as_method
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference, as_species
from caraval.core.registry import registry
from caraval.physics.drift import Drift

from ..json.values import plain
from ..shared.methods import described
from .attributes import KEPT, OWN
from .definitions import Definition
from .expansion import Placed
from .groups import groups_of, kind_of
from .reader import FLOOR, KNOWN, converted
from .tree import YAML, Place
from .values import Labels

CLOSE = 1e-12
"""What part of a value is rounding."""

TWISS = re.compile(r"(alpha|beta|phi)_[ab]|cmat\d\d|etap?_[xy]|deta_[xy]_ds|d(beta|alpha)_[ab]_dpz|detap?_[xy]_dpz")
"""What the standard has of the beam at the beginning."""

SAID = ("fint", "hgap", "fintx", "hgapx", "n_cell", "field_calc", "field_master")
"""Fields of which the standard has what matters: the product of two, how long a field is, or the units that it is given in."""

NOWHERE = Place("", 1, 1)


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    losses : Losses, optional
        Hears of what other programs will not find.

    Raises
    ------
    BackendError
        If PyYAML is not installed.
    LatticeError
        If it holds what no file can hold.
    """
    Path(path).write_text(text(lattice, losses or Losses()), encoding="utf-8", newline="\n")


def text(lattice: Lattice, losses: Losses) -> str:
    """Return what :func:`write` writes."""
    yaml = needed("yaml", *YAML)
    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: Any = type("Dumper", (base,), {"ignore_aliases": lambda self, data: True})
    dumper.add_representer(str, _represented)
    out: str = yaml.dump({"PALS": _root(lattice, losses)}, Dumper=dumper, sort_keys=False, width=120, allow_unicode=True)
    return out


def _represented(dumper: Any, value: str) -> Any:
    """Return a text in quotes, where without them it could be something else."""
    is_plain = re.fullmatch(r"[A-Za-z_][\w ]*", value, re.ASCII) and value.lower() not in ("null", "true", "false", "inf")
    style = None if is_plain and value.lower() not in ("yes", "no", "on", "off", "y", "n") else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _root(lattice: Lattice, losses: Losses) -> dict[str, Any]:
    kept = {key: value for key, value in lattice.metadata.items() if key in KNOWN and key != "facility"}
    others = {key: value for key, value in lattice.metadata.items() if key not in kept}
    names = _Names()
    line_name = names.free(lattice.name or "line")
    own: dict[str, Any] = {"name": lattice.name} if line_name != lattice.name else {}
    own |= {"metadata": plain("metadata", others)} if others else {}
    root: dict[str, Any] = {key: plain(key, value) for key, value in kept.items()}
    if own:
        labels = root.get("extension_labels") or {}
        known = labels.get("names") or {}
        root["extension_labels"] = {**labels, "names": {**known, OWN: "what the standard has no words for"}}
        root[OWN] = own
    facility, line = _elements(lattice, names, Labels({}), losses)
    beamline: dict[str, Any] = {"kind": "BeamLine", "line": line}
    if lattice.geometry == "closed":
        beamline["periodic"] = True
    use = names.free(f"{line_name}_lattice")
    facility += [{line_name: beamline}, {use: {"kind": "Lattice", "branches": [line_name]}}, {"use": use}]
    return {**root, "facility": facility}


def _elements(lattice: Lattice, names: _Names, labels: Labels, losses: Losses) -> tuple[list[Any], list[Any]]:
    """Return the definitions of the elements, and the line."""
    begin = names.free("begin")
    facility: list[Any] = [{begin: _beginning(lattice)}]
    line: list[Any] = [begin]
    start = lattice.reference
    references: Any = (None,) * len(lattice) if start is None else reference_pass(registry(), lattice.elements, start)
    made: dict[tuple[int, Any], tuple[str, int]] = {}
    same_ones: dict[str, str] = {}
    for element, reference in zip(lattice.elements, references, strict=False):
        key = (id(element), None if reference is None else reference.p0c)
        if key not in made:
            body = parameters(element, reference, labels, losses)
            mark = f"{element.name} {body!r}"
            if mark not in same_ones:
                name = same_ones[mark] = names.free(element.name or element.kind.lower())
                if name != element.name:
                    body.setdefault("TrackingP", {}).setdefault(OWN, {})["name"] = element.name
                facility.append({name: body})
            made[key] = (same_ones[mark], element.orientation)
        name, direction = made[key]
        line.append(name if direction == 1 else {name: {"direction": -1}})
    return facility, line


class _Names:
    """Names that the standard allows, each given once."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def free(self, name: str) -> str:
        """Return a name that has not been given."""
        wanted = re.sub(r"\W", "_", name, flags=re.ASCII)
        wanted = wanted if wanted[:1].isalpha() or wanted[:1] == "_" else f"_{wanted}"
        found = wanted
        while found in self._taken:
            self._taken[wanted] += 1
            found = f"{wanted}_{self._taken[wanted]}"
        self._taken[found] = 1
        return found


def _beginning(lattice: Lattice) -> dict[str, Any]:
    """Return the element that a branch begins with."""
    found: dict[str, Any] = {"kind": "BeginningEle"}
    reference = lattice.reference
    if reference is not None:
        if not all(is_number(value) for value in (reference.p0c, reference.s, reference.t)):
            raise LatticeError("a reference of several momenta cannot be written; the standard has plain numbers")
        if reference.species != as_species(reference.species.name):
            raise LatticeError(f"the species {reference.species.name!r} is not what its name says, so it cannot be written")
        found["ReferenceP"] = {"species_ref": reference.species.name, "pc_ref": float(reference.p0c)}
        found["ReferenceP"] |= {"time_ref": float(reference.t)} if reference.t else {}
        found |= {"s_position": float(reference.s)} if reference.s else {}
    places = {theirs: theirs_here for theirs_here, theirs in FLOOR.items()}
    given = {name: value for name, value in lattice.beginning.items() if is_number(value)}
    groups = {
        "TwissP": {name: float(value) for name, value in given.items() if TWISS.fullmatch(name)},
        "FloorP": {places[name]: float(value) for name, value in given.items() if name in places},
        "ParticleP": {n.removeprefix("particle_"): float(v) for n, v in given.items() if n.startswith("particle_")},
    }
    carried = {*(n for n in given if TWISS.fullmatch(n) or n in places or n.startswith("particle_"))}
    rest = {name: plain(name, value) for name, value in lattice.beginning.items() if name not in carried}
    found |= {name: group for name, group in groups.items() if group}
    return {**found, **({"TrackingP": {OWN: {"beginning": rest}}} if rest else {})}


def parameters(element: Element, reference: Reference | None, labels: Labels, losses: Losses) -> dict[str, Any]:
    """Return what an element is in the standard, and beside it what is lost when that is read."""
    if element.schema().trees:  # networks: arrays by thousands are no lattice for people to read
        losses.physics(element.name, "", element.kind, "a drift")
        element = Drift(name=element.name, length=element.length)
    body: dict[str, Any] = {"kind": kind_of(element), **groups_of(element)}
    own: dict[str, Any] = {}
    back = _read(element, body, reference, labels)
    if back.kind != element.kind:
        own["kind"] = element.kind
        back = _read(element, {**body, "TrackingP": {OWN: own}}, reference, labels)
    fields = {}
    for name, value in element.__dict__.items():
        if name in ("name", "metadata", "orientation", "tracking_method") or same(value, getattr(back, name)):
            continue
        is_nothing = is_zero(value) and is_zero(getattr(back, name))
        if is_nothing and value is not None and getattr(back, name) is not None:
            continue
        fields[name] = _listed(element, name, value)
        if not is_nothing and name not in SAID and not _is_close(value, getattr(back, name)):
            losses.note(element.name, name, value, f"under TrackingP.{OWN}, where other programs do not look")
    if element.tracking_method is not None:
        own["tracking_method"] = described(as_method(element.tracking_method))
    if fields:
        own["fields"] = fields
    _describe(element, body, own)
    if own:
        body["TrackingP"] = {**body.get("TrackingP", {}), OWN: own}
    return body


def _describe(element: Element, body: dict[str, Any], own: dict[str, Any]) -> None:
    """Add what is said of an element that is no physics."""
    for name, value in element.metadata.items():
        if name in ("pals_kind", "multipass"):
            continue
        if name in KEPT or name == "Bmad":
            body[name] = plain(name, value)
        else:
            own.setdefault("metadata", {})[name] = plain(f"{element.label}: {name}", value)


def _read(element: Element, body: dict[str, Any], reference: Reference | None, labels: Labels) -> Element:
    """Return what is read from what is written."""
    definition = Definition(element.name, body, NOWHERE)
    return converted(Placed(definition, (), element.orientation), reference, labels, Losses("drift"))


def _listed(element: Element, name: str, value: Any) -> Any:
    """Return a field as YAML has it."""
    if hasattr(value, "shape"):
        array = plain(f"{element.label}: {name}", value)
        return array["$array"] if isinstance(array, Mapping) else array
    if isinstance(value, (tuple, list)):
        return [_listed(element, name, item) for item in value]
    return {key: _listed(element, name, item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _is_close(a: Any, b: Any) -> bool:
    if not (is_number(a) and is_number(b)):
        return False
    return bool(np.isclose(a, b, rtol=CLOSE, atol=0))
