"""Records of single elements: what Bmad, and PTC inside it, make of twelve particles.

A record holds the lattice text that Bmad read, the particles before and after, the matrix about the reference orbit, and
the attributes as Bmad evaluated them.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

import caraval as cv

REPOSITORY = Path(__file__).resolve().parents[1]

RECORDS = REPOSITORY / "tests" / "data" / "elements"
"""The records that come with the repository."""

REFERENCE = REPOSITORY.parent / "shared" / "reference"
"""All reference data, where they are at hand."""

LEAST_SCALE = 1e-3
"""Differences are relative to a coordinate's largest value in a record, but at least to this."""

PTC_MASSES = {"electron": 510998.9461, "positron": 510998.9461, "proton": 938272081.3}
"""Masses in PTC [eV]: those of CODATA 2014, while Bmad has those of 2022."""


@dataclass(frozen=True, eq=False)
class Record:
    """One element, tracked by one method of Bmad's with one reference particle.

    Attributes
    ----------
    content : dict
        The record as it is in the file.
    """

    content: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the case: ``"quad_tilt"``."""
        return str(self.content["id"])

    @property
    def kind(self) -> str:
        """Bmad's key word of the element."""
        return str(self.content["key"])

    @property
    def method(self) -> str:
        """Bmad's tracking method."""
        return str(self.content["tracking_method"])

    @property
    def label(self) -> str:
        """Case, reference particle and method."""
        return f"{self.name}-{self.content['ref']}-{self.method}"

    @property
    def element(self) -> dict[str, Any]:
        """The element as Bmad evaluated it."""
        return self.content["elements"][0]  # type: ignore[no-any-return]

    @property
    def attributes(self) -> dict[str, Any]:
        """Evaluated attributes, by their names in capitals."""
        return self.element["attributes"]  # type: ignore[no-any-return]

    @cached_property
    def start(self) -> np.ndarray:
        """Coordinates ``(6, n)`` before."""
        return np.array(self.content["initial"]).T

    @cached_property
    def end(self) -> np.ndarray:
        """Coordinates ``(6, n)`` after; those of a lost particle are where it was lost."""
        return np.array([particle["vec"] for particle in self.element["final"]]).T

    @cached_property
    def alive(self) -> np.ndarray:
        """Which particles survive."""
        return np.array([particle["state"] == "Alive" for particle in self.element["final"]])

    def lattice(self, method: str | None = None) -> cv.Lattice:
        """Return the lattice, from Bmad's text, with the number of steps that Bmad evaluated.

        Parameters
        ----------
        method : str, optional
            Bmad's name of another tracking method to read instead of the record's own.
        """
        text = self.content["lattice"]
        if method is not None:
            text = text.replace(f"tracking_method = {self.method}", f"tracking_method = {method}")
        lattice = self.read(text)
        steps = self.attributes.get("NUM_STEPS")
        if lattice.elements[0].tracking_method in (None, cv.BmadStandard()) and steps:
            return self._with(lattice, cv.BmadStandard(num_steps=int(steps)))
        return lattice

    @staticmethod
    def read(text: str) -> cv.Lattice:
        """Return the lattice of a text in Bmad's language."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "record.bmad"
            file.write_text(text)
            return cv.load(file)

    def symplectic(self) -> cv.Lattice:
        """Return the lattice with the symplectic integrator as PTC was told to use it, and PTC's mass."""
        split = "drift" if self.element["ptc_integration_type"] == "Drift_Kick" else "matrix"
        order, steps = self.attributes.get("INTEGRATOR_ORDER"), self.attributes.get("NUM_STEPS")
        method = cv.KickDriftKick(order=int(order or 2), num_steps=int(steps or 1), split=split)  # type: ignore[arg-type]
        lattice = self._with(self.lattice("bmad_standard"), method)
        return lattice.replace(reference=self.ptc_reference())

    def ptc_reference(self) -> cv.Reference:
        """Return the reference particle with PTC's mass."""
        name = self.content["species"].lower()
        species = cv.Species(name, PTC_MASSES[name], cv.Reference(name, 1e9).species.charge)
        return cv.Reference(species, self.content["p0c_start"])

    def _with(self, lattice: cv.Lattice, method: cv.TrackingMethod) -> cv.Lattice:
        kind = lattice.elements[0].kind
        return lattice.with_tracking(method, where=lambda element: element.kind == kind)

    def track(self, lattice: cv.Lattice, backend: str = "numpy") -> cv.ParticleBeam:
        """Return the record's particles after a lattice."""
        beam = cv.ParticleBeam(*self.start, reference=lattice.reference)
        with np.errstate(all="ignore"):  # of particles that are lost on the way
            return lattice.track(beam.to(backend=backend))

    def error(self, out: cv.ParticleBeam, among: np.ndarray | None = None) -> float:
        """Return the largest difference over the living, each coordinate relative to its scale; infinity if others live.

        Parameters
        ----------
        out : ParticleBeam
        among : array of bool, optional
            Those of the living that count; all by default.
        """
        alive = np.asarray(out.alive)
        if not np.array_equal(alive, self.alive):
            return float("inf")
        alive = alive if among is None else alive & among
        coordinates = np.array([np.asarray(values) for values in out.coordinates])
        scale = np.maximum(np.abs(self.end).max(axis=1, keepdims=True), LEAST_SCALE)
        return float((np.abs(coordinates - self.end) / scale)[:, alive].max(initial=0.0))


def folder() -> Path:
    """Return where the records are: all of them, or those in the repository."""
    return REFERENCE / "elements" if REFERENCE.is_dir() else RECORDS


@cache
def load(path: Path) -> tuple[Record, ...]:
    """Return the records of a file, without those that Bmad failed on."""
    with gzip.open(path) as file:
        return tuple(Record(content) for content in json.load(file) if not content.get("failed"))


def records(where: Path = RECORDS) -> Iterator[Record]:
    """Yield all records in a folder."""
    for path in sorted(where.glob("*.json.gz")):
        yield from load(path)
