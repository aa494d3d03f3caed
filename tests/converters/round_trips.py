"""Elements of every kind with each of their fields set, and what must be the same after a file."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import caraval as cv
from caraval.core.errors import CaravalError, InputError
from caraval.core.losses import Loss, OnUnsupported
from caraval.core.registry import registry
from caraval.physics.match import Match

SAME = 1e-12
"""Fields, and tracked particles, agree to this relatively."""

P0C = 1e8

TOGETHER: dict[str, dict[str, Any]] = {
    "t": {"k1l": 0.3, "k2l": 0.4},
    "hgap": {"fint": 0.4},
    "fint": {"hgap": 0.02},
    "hgapx": {"fint": 0.4, "hgap": 0.02},
    "fintx": {"fint": 0.4, "hgap": 0.02},
    "coupler": {"coupler_strength": 0.01},
    "limit": {"x1_limit": 0.01, "x2_limit": 0.01, "y1_limit": 0.01, "y2_limit": 0.01},
}
"""What fields need to have an effect, by part of their name."""

BASES: dict[str, dict[str, Any]] = {
    "SBend": {"length": 0.7, "angle": 0.1},
    "Quadrupole": {"length": 0.7, "k1": 1.3},
    "Sextupole": {"length": 0.7, "k2": 3.0},
    "Octupole": {"length": 0.7, "k3": 30.0},
    "SolQuad": {"length": 0.7, "k1": 1.3, "ks": 0.1},
    "Solenoid": {"length": 0.7, "ks": 0.1},
    "RFCavity": {"length": 0.7, "voltage": 1e6, "rf_frequency": 5e8},
    "LCavity": {"length": 0.7, "voltage": 1e6, "rf_frequency": 5e8},
    "CrabCavity": {"length": 0.7, "voltage": 1e6, "rf_frequency": 5e8},
    "Wiggler": {"length": 0.7, "b_max": 0.5, "l_period": 0.1},
    "Undulator": {"length": 0.7, "b_max": 0.5, "l_period": 0.1},
    "ELSeparator": {"length": 0.7, "hkick": 1e-3, "gap": 0.05},
    "BeamBeam": {"sig_x": 1e-3, "sig_y": 2e-3, "n_particle": 1e9},
    "Multipole": {"k1l": 0.3, "k0l_status": "bends_reference"},
    "Match": {},
    "Patch": {},
    "Marker": {},
    "Mask": {},
    "GKicker": {},
    "ABMultipole": {"b1": 0.2},
    "Taylor": {"terms": {"tt11": 0.9, "tt12": 0.3, "tt216": -0.2, "tt3336": 0.1}},
}
"""Settings with which elements of a kind do something; others get a length."""

VALUES: dict[str, Any] = {
    "amp_vs_time": ((0.0, 0.5), (1e-6, 1.0)),
    "frequencies": ((1e6, 0.5, 0.1),),
    "num_steps": 3,
    "species_strong": "proton",
    "direction": -1,
    "n_slice": 3,
    "n_cell": 2,
    "n_rf_steps": 4,
    "terms": {"tt11": 0.9, "tt26": 0.1},
}
"""Values of fields that are neither numbers nor choices."""

METHODS = (
    None,
    cv.BmadStandard(),
    cv.BmadStandard(num_steps=3),
    cv.BmadStandard(ds_step=0.05),
    cv.KickDriftKick(order=4, num_steps=3),
    cv.KickDriftKick(order=6, num_steps=2, split="matrix"),
    cv.KickDriftKick(),
    cv.KickDriftKick(order=4, num_steps=2, split="free"),
    cv.Linear(),
)


def kinds() -> list[str]:
    """Names of the kinds that come with Caraval."""
    return sorted(name for name, entry in registry().kinds.items() if entry.plugin.startswith("caraval."))


def elements(kind: str) -> Iterator[cv.Element]:
    """Elements of a kind: as it is by default, and with each of its fields set."""
    cls = registry().kind(kind)
    schema = cls.schema()
    base = BASES.get(kind, {"length": 0.7})
    yield cls(name="el", **base)
    for name in schema.fields:
        if name in ("name", "metadata", "slice_start", "slice_of"):
            continue
        together = {k: v for part, v in TOGETHER.items() if part in name for k, v in v.items() if k in schema.fields}
        for value in _values(schema, name):
            try:
                yield cls(**{**base, **together, "name": "el", name: value})
            except InputError:  # fields that say the same as others, or do not go together
                rest = {key: v for key, v in base.items() if key not in ("angle", "k1", "k2", "k3", "ks", "hkick", "length")}
                try:
                    yield cls(**{**rest, **together, "name": "el", name: value})
                except InputError:
                    continue


def together(kind: str, draw: random.Random) -> cv.Element | None:
    """An element with several of its fields set, by chance; None, where they do not go together."""
    cls = registry().kind(kind)
    schema = cls.schema()
    values = dict(BASES.get(kind, {"length": 0.7}))
    fields = [name for name in schema.fields if name not in ("name", "length", "metadata", "slice_start", "slice_of")]
    for name in draw.sample(fields, draw.randint(1, 6)):
        if found := _values(schema, name):
            values[name] = draw.choice(found)
    try:
        return _tracked(cls(name="el", **values))
    except InputError:
        return None


def _values(schema: Any, name: str) -> list[Any]:
    if name == "tracking_method":
        return list(METHODS)
    if schema.choices(name):
        return [choice for choice in schema.choices(name) if choice != schema.defaults[name]]
    if name in VALUES:
        return [VALUES[name]]
    if name in schema.parameters:
        return [1.2345678901234567e-3, -2.5e-3] if name != "length" else [0.123456789012345678]
    return []


def particles(lattice: cv.Lattice) -> cv.ParticleBeam:
    """A few particles about the axis, and one far from it."""
    rng = np.random.default_rng(5)
    q = rng.normal(size=(6, 20)) * np.array([1e-3, 1e-4, 1e-3, 1e-4, 1e-3, 1e-3])[:, None]
    q[:, 0] = 0.0
    return cv.ParticleBeam(*q, reference=lattice.reference)


def through(lattice: cv.Lattice, path: Path, on_unsupported: OnUnsupported = "error") -> tuple[cv.Lattice, tuple[Loss, ...]]:
    """A lattice after a file, and what the file could not carry."""
    losses = cv.save(lattice, path, on_unsupported=on_unsupported)
    return cv.load(path, on_unsupported=on_unsupported), losses


def is_close(a: Any, b: Any) -> bool:
    """Whether two fields are the same, numbers to :data:`SAME`."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return bool(abs(a - b) <= SAME * max(abs(a), abs(b)))
    return bool(a == b)


def different_fields(before: cv.Element, after: cv.Element) -> list[str]:
    """Names of the fields that are not the same; the kind, if that is another one."""
    if type(before) is not type(after):
        return ["kind"]
    names = before.schema().fields.keys() - {"name", "metadata"}
    return sorted(n for n in names if not is_close(before.__dict__[n], after.__dict__[n]))


def tracked_difference(before: cv.Lattice, after: cv.Lattice) -> float:
    """How far tracked particles are apart, over the largest of each coordinate; infinity, if others are lost."""
    beam = particles(before)
    try:
        first = before.track(beam)
    except CaravalError as error:
        try:
            after.track(beam, reference="beam")
        except CaravalError:
            return 0.0  # neither can be tracked
        raise AssertionError(f"only one can be tracked: {error}") from error
    second = after.track(beam, reference="beam")
    if not (np.array_equal(first.alive, second.alive) and np.allclose(first.lost_s, second.lost_s, rtol=SAME, atol=SAME)):
        return float("inf")
    momenta = abs(first.p0c / second.p0c - 1), abs(first.t - second.t) / max(abs(first.t), 1e-12)
    alive = first.alive
    if not alive.any():
        return float(max(momenta))
    a, b = (np.stack([np.asarray(c)[alive] for c in beam.coordinates]) for beam in (first, second))
    scale = np.maximum(np.abs(a).max(axis=1), np.array([1e-3, 1e-4, 1e-3, 1e-4, 1e-3, 1e-3]))
    return float(max(*momenta, (np.abs(a - b).max(axis=1) / scale).max()))


MULTIPOLE = re.compile(r"[ab]\d+(_elec)?")


def kind_through(kind: str, path: Path) -> tuple[set[str], list[Any]]:
    """Take elements of a kind with each of their fields through one file.

    Returns
    -------
    set of str
        What the file says not to carry of what changes the tracking: names of fields (multipoles in one), or of the kind.
    list
        Elements that changed although nothing was lost: with how far particles are apart.
    """
    known = {element.label: element for element in map(_tracked, elements(kind)) if element is not None}
    named = [element.replace(name=f"el{number}x") for number, element in enumerate(known.values())]
    lattice = cv.Lattice(named, reference=cv.Reference("electron", P0C))
    back, losses = through(lattice, path, "drift")
    lost: set[str] = set()
    spoilt: set[str] = set()
    for loss in losses:
        if loss.is_physics:
            found = MULTIPOLE.fullmatch(loss.attribute)
            lost.add((found[1] or "multipoles").strip("_") if found else loss.attribute or str(loss.value))
            spoilt.add(re.split("(?<=x)", loss.element)[0])
    parts: dict[str, list[cv.Element]] = {}
    for element in back:
        parts.setdefault(re.split("(?<=x)", element.name.lower())[0], []).append(element)
    wrong = []
    for element in named:
        after = parts.get(element.name, [])
        if element.name in spoilt or (len(after) == 1 and not different_fields(element, after[0])):
            continue
        around = cv.Drift(name="before", length=0.1), cv.Drift(name="behind", length=0.1)
        first, second = (lattice.replace(elements=[around[0], *e, around[1]]) for e in ([element], after))
        difference = tracked_difference(first, second)
        if not difference <= SAME:
            wrong.append((element, difference))
    return lost, wrong


def _tracked(element: cv.Element) -> cv.Element | None:
    """An element that can be tracked, under a name of its own; None: it cannot."""
    methods = registry().method_names(type(element))
    method = element.tracking_method
    if not methods or (method is not None and method.name not in methods):  # type: ignore[union-attr]
        return None
    if isinstance(element, Match) and element.asks_upstream():
        return None
    if any(not element.__dict__.get(name, 0.0) >= 0 for name in ("e_tot_set", "p0c_set")) or is_tiny(element):
        return None
    return element.replace(name=repr(element))


def is_tiny(element: cv.Element) -> bool:
    """Whether an element asks for an energy below the rest energy."""
    return 0 < element.__dict__.get("e_tot_set", 0.0) < 1e6 or 0 < element.__dict__.get("p0c_set", 0.0) < 1e6


# -------------------------------------------------------------------- lattices


REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY.parent / "shared" / "reference"

FORMATS = ("bmad", "elegant", "madx")

MATRIX = 1e-9
"""Transfer matrices agree to this, relatively where they are large."""

SAMPLE = """
    own_lattices/chicane.bmad own_lattices/fodo_ring_rf.bmad own_lattices/linac.bmad own_lattices/linac.lte
    own_lattices/fodo_ring.madx corpus/bmad/coord_test_coord_test corpus/bmad/jlab_fel_bates
    corpus/bmad/tutorial_ring_design_09_RF_orbit corpus/elegant/ex_bendErrors_chicane
    corpus/elegant/cheetah_tests_resources_cavity
"""
"""Lattices that are checked in every run."""


def corpus() -> dict[str, Path]:
    """Main files of all lattices, by folder and name."""
    index = json.loads((REFERENCE / "index.json").read_text())
    own = (REFERENCE / "own_lattices").glob("*")
    found = {f"own_lattices/{p.name}": p for p in sorted(own) if p.suffix in (".bmad", ".lte", ".madx")}
    for name in FORMATS:
        folder = REFERENCE / "corpus" / name
        entries = [entry for entry in index[name] if len(entry["main"]) == 1]
        found |= {f"corpus/{name}/{entry['name']}": folder / entry["name"] / entry["main"][0] for entry in entries}
    return found


def corpus_lattice(name: str, path: Path) -> cv.Lattice:
    """A lattice of the corpus, with a reference if it has none."""
    kind = name.split("/")[1] if name.startswith("corpus/") else None
    lattice = cv.load(path, format=kind, on_unsupported="drift")
    return lattice if lattice.reference is not None else lattice.replace(reference=cv.Reference("electron", P0C))


def matrix_difference(before: cv.Lattice, after: cv.Lattice) -> float:
    """How far transfer matrices are apart, over the largest entry if that is large."""
    return _apart(matrix_of(before), matrix_of(after))


def matrix_of(lattice: cv.Lattice) -> np.ndarray:
    """The transfer matrix."""
    with np.errstate(all="ignore"):  # second derivatives may overflow where the first do not
        return np.asarray(lattice.transfer_matrix())


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).max() / max(1.0, np.abs(first).max()))


def go_through_corpus(path: Path, capsys: Any) -> dict[str, Any]:
    """Take all lattices that load and can be tracked through a file, and return those that differ and lost nothing."""
    wrong: dict[str, Any] = {}
    numbers: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for name, source in corpus().items():
        try:
            lattice = corpus_lattice(name, source)
            matrix = matrix_of(lattice)
        except CaravalError:
            numbers["do not load"] += 1
            continue
        if not np.isfinite(matrix).all():
            numbers["overflow"] += 1
            continue
        back, losses = through(lattice, path, "drift")
        physics = {loss.attribute or str(loss.value) for loss in losses if loss.is_physics}
        lost.update(physics)
        difference = _apart(matrix, matrix_of(back))
        numbers["are the same" if difference <= MATRIX else "differ" if not physics else "differ, with losses"] += 1
        numbers["lose something"] += bool(physics)
        if difference > MATRIX and not physics:
            wrong[name] = difference
    with capsys.disabled():
        print(f"\nThrough {path.suffix}: {', '.join(f'{number} {what}' for what, number in numbers.items())}")
        print(f"lost, in so many lattices: {', '.join(f'{what} {number}' for what, number in lost.most_common()) or 'nothing'}")
    return wrong
