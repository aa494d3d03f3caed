"""Single elements against Bmad: twelve particles in and out, read from the lattice text that Bmad read.

The records are in ``tests/data/elements`` (made for this project with Bmad of 2026-08); see :mod:`validation.records`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from validation.records import RECORDS, Record, records

TOLERANCE = 1e-12

BMAD = ("bmad_standard", "taylor")
"""Bmad's methods that are our bmad_standard."""


def chosen(*methods: str) -> list[Any]:
    return [pytest.param(record, id=record.label) for record in records(RECORDS) if record.method in methods]


@pytest.mark.parametrize("record", chosen(*BMAD))
def test_bmad_standard_is_bmads(record):
    lattice = record.lattice()
    out = record.track(lattice)
    old_cavity = "n_rf_steps = 0" in record.content["lattice"]  # whose phase Bmad itself searches to 1e-4 only
    assert record.error(out) < (1e-4 if old_cavity else TOLERANCE)
    lost = [particle["s"] for particle in record.element["final"] if particle["state"] != "Alive"]
    assert out.lost_s[~record.alive] == pytest.approx(lost, abs=1e-12)
    assert out.reference.p0c == pytest.approx(record.element["p0c"], rel=1e-14)
    assert out.reference.t == pytest.approx(record.element["ref_time"], rel=1e-13, abs=1e-25)


@pytest.mark.parametrize("record", chosen(*BMAD))
def test_the_number_of_steps_is_bmads(record):
    """Where an element is stepped at all; Bmad evaluates the rest, too, but nothing hangs on it."""
    text = record.content["lattice"]
    lattice = record.read(text)
    count = lattice.planner.counts()[0]
    if count != 1:
        assert count == record.attributes["NUM_STEPS"]


def in_bends(record: Record) -> float:
    """Edges of second order: Bmad takes the fifth row from the symplectic condition; exact multipoles have another slope."""
    return 3e-4 if "exact_multipoles" in record.content["lattice"] else 2e-8


DEFECTS: dict[str, Callable[[Record], float]] = {
    "sbend": in_bends,
    "rbend": in_bends,
    # the edge's energy change has the other sign off axis
    "lcavity": lambda record: 2e-3 if "offset" in record.content["lattice"] else 1e-13,
    "multipole": lambda record: 2e-2 if "k0l" in record.name else 1e-13,
    "elseparator": lambda record: 1e-6,
    # the dependence of the focusing on the momentum
    "wiggler": lambda record: 2e-2,
    "undulator": lambda record: 2e-2,
    # the sign of the drifts of reversed elements
    "quadrupole": lambda record: 1e-2 if record.name == "quad_reversed" else 1e-13,
}
"""How far Bmad's matrix is from the derivative of its own tracking, by kind."""


@pytest.mark.parametrize("record", chosen("linear"))
def test_linear_is_bmads_matrix(record):
    found = record.lattice().transfer_map()
    tolerance = DEFECTS[record.kind](record) if record.kind in DEFECTS else 1e-13
    scale = np.abs(record.element["mat6"]).max()
    np.testing.assert_allclose(found.matrix, record.element["mat6"], rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(found.offset, record.element["vec0"], rtol=0, atol=1e-13)


def test_there_are_enough_records():
    """Counts what the tests above run over, so that a record that vanishes is noticed."""
    assert len(chosen(*BMAD)) == 910
    assert len(chosen("linear")) == 679
