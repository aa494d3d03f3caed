"""Whole lattices against the particles that Bmad tracked through them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import caraval as cv


class Outcome(NamedTuple):
    """A lattice: its largest difference, relative where coordinates are large, or why it is not read."""

    name: str
    elements: int
    worst: float
    problem: str = ""


def cases(reference: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield name, lattice file and expected results of the lattices in the reference data."""
    for path in sorted((reference / "own_lattices").glob("*.source.bmad")):
        name = path.name.partition(".")[0]
        yield name, path, path.with_name(f"{name}.json.gz")
    for entry in json.loads((reference / "index.json").read_text())["bmad"]:
        expected = reference / "lattices" / "bmad" / f"{entry['name']}.json.gz"
        if expected.is_file():
            yield entry["name"], reference / "corpus" / "bmad" / entry["name"] / entry["main"][0], expected


def outcomes(reference: Path, backend: str) -> list[Outcome]:
    """Return what becomes of all lattices."""
    return [outcome(*case, backend) for case in cases(reference)]


def outcome(name: str, path: Path, expected: Path, backend: str) -> Outcome:
    """Read a lattice, track the particles of its first branch, and compare."""
    try:
        lattice = cv.load(path, format="bmad")
    except cv.CaravalError as error:
        return Outcome(name, 0, float("nan"), _reason(str(error)))
    with gzip.open(expected) as file:
        start, alive, end = _particles(json.load(file)["branches"][0])
    if any(loss.element == "bmad_com" for loss in lattice.losses):
        return Outcome(name, len(lattice), float("nan"), "Bmad's particles radiate")
    try:
        with np.errstate(all="ignore"):  # of particles that are lost on the way
            out = lattice.track(cv.ParticleBeam(*start, reference=lattice.reference).to(backend=backend))
    except cv.MethodError as error:
        return Outcome(name, len(lattice), float("nan"), str(error))
    if not np.array_equal(np.asarray(out.alive), alive):
        return Outcome(name, len(lattice), float("inf"), "other particles survive")
    coordinates = np.array([np.asarray(values) for values in out.coordinates])
    error = np.abs(coordinates - end) / np.maximum(1.0, np.abs(end))
    return Outcome(name, len(lattice), float(error[:, alive].max(initial=0.0)))


def _particles(branch: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coordinates before, which survive, and coordinates after; the two kinds of files say it differently."""
    if "tracked" in branch:
        found = [(particle["in"], particle["state"], particle["out"]) for particle in branch["tracked"]]
    else:
        found = [(p["initial"], p["final"]["state"], p["final"]["vec"]) for p in branch["particles"]]
    start, states, end = zip(*found, strict=True)
    return np.array(start).T, np.array([state == "Alive" for state in states]), np.array(end).T


def _reason(message: str) -> str:
    """Return what a message says, without the place in the file."""
    return message.partition(": ")[2].partition(": ")[2] or message
