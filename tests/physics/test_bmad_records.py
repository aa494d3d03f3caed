"""bmad_standard against Bmad: one element, twelve particles in and out, read from the lattice text that Bmad read.

The records are in ``tests/data/elements`` (made for this project with Bmad of 2026-08). The error of a record is the largest
difference over its living particles, each coordinate divided by its largest value in the record, at least 1e-3.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

DATA = Path(__file__).parents[1] / "data" / "elements"
TOLERANCE = 1e-12

NOT_YET = ("quad_reversed",)
"""Cases that need what is not there yet: reversed elements. And ``n_rf_steps = 0``, the older map of cavities."""


def records() -> list[Any]:
    return [
        pytest.param(path, record["id"], record["ref"], record["tracking_method"])
        for path in sorted(DATA.glob("*.json.gz"))
        for record in load(path)
        if not record.get("failed") and "n_rf_steps = 0" not in record["lattice"]
    ]


@cache
def load(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as file:
        return json.load(file)


def chosen(method: str) -> list[Any]:
    return [
        pytest.param(path, name, reference, id=f"{name}-{reference}")
        for path, name, reference, tracked in (p.values for p in records())
        if tracked == method and name not in NOT_YET
    ]


def record_of(path: Path, name: str, reference: str, method: str) -> dict[str, Any]:
    fits = (r for r in load(path) if (r["id"], r["ref"], r["tracking_method"]) == (name, reference, method))
    return next(fits)


def lattice_of(record: dict[str, Any], folder: Path) -> cv.Lattice:
    """Return the record's lattice, with the number of steps that Bmad evaluated."""
    file = folder / "record.bmad"
    file.write_text(record["lattice"])
    lattice = cv.load(file)
    steps = record["elements"][0]["attributes"].get("NUM_STEPS")
    if record["tracking_method"] == "bmad_standard" and steps:
        lattice = lattice.with_tracking(cv.BmadStandard(num_steps=int(steps)), where=lambda element: element.name == "ele")
    return lattice


def error(out: np.ndarray, truth: np.ndarray, alive: np.ndarray) -> float:
    scale = np.maximum(np.abs(truth).max(axis=1, keepdims=True), 1e-3)
    return (np.abs(out - truth) / scale)[:, alive].max()


@pytest.mark.parametrize(("path", "name", "reference"), chosen("bmad_standard"))
def test_bmad_standard_is_bmads(path, name, reference, tmp_path):
    record = record_of(path, name, reference, "bmad_standard")
    lattice = lattice_of(record, tmp_path)
    out = lattice.track(cv.ParticleBeam(*np.array(record["initial"]).T, reference=lattice.reference))
    element = record["elements"][0]
    alive = np.array([particle["state"] == "Alive" for particle in element["final"]])
    truth = np.array([particle["vec"] for particle in element["final"]]).T
    assert np.array_equal(out.alive, alive)
    assert error(np.array(out.coordinates), truth, alive) < TOLERANCE
    assert out.lost_s[~alive] == pytest.approx([p["s"] for p in element["final"] if p["state"] != "Alive"], abs=1e-12)
    assert out.reference.p0c == pytest.approx(element["p0c"], rel=1e-14)
    assert out.reference.t == pytest.approx(element["ref_time"], rel=1e-13, abs=1e-25)


@pytest.mark.parametrize(("path", "name", "reference"), chosen("bmad_standard"))
def test_the_number_of_steps_is_bmads(path, name, reference, tmp_path):
    """Where an element is stepped at all; Bmad evaluates the rest, too, but nothing hangs on it."""
    record = record_of(path, name, reference, "bmad_standard")
    file = tmp_path / "record.bmad"
    file.write_text(record["lattice"])
    lattice = cv.load(file)
    count = lattice.planner.counts()[0]
    if count != 1:
        assert count == record["elements"][0]["attributes"]["NUM_STEPS"]


@pytest.mark.parametrize(("path", "name", "reference"), chosen("linear"))
def test_linear_is_bmads_matrix(path, name, reference, tmp_path):
    record = record_of(path, name, reference, "linear")
    lattice = lattice_of(record, tmp_path)
    found = lattice.transfer_map()
    element = record["elements"][0]
    matrix = np.array(element["mat6"])
    tolerance = 1e-13
    if "bend" in path.name:  # edges of second order: Bmad takes the fifth row from the symplectic condition
        tolerance = 2e-8
    if "exact_multipoles" in record["lattice"]:  # Bmad has another slope of these kicks
        tolerance = 3e-4
    if "lcavity" in path.name and "offset" in record["lattice"]:  # Bmad has the other sign of the edge's energy change
        tolerance = 2e-3
    np.testing.assert_allclose(found.matrix, matrix, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.offset, element["vec0"], rtol=0, atol=1e-13)


def test_there_are_enough_records():
    """Counts what the tests above run over, so that a record that vanishes is noticed."""
    assert len(chosen("bmad_standard")) == 583
    assert len(chosen("linear")) == 466
