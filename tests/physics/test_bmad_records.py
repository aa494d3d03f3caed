"""Single elements against Bmad: twelve particles in and out, read from the lattice text that Bmad read.

The records are in ``tests/data/elements`` (made for this project with Bmad of 2026-08); see :mod:`validation.records`.
"""

from typing import Any

import numpy as np
import pytest

from validation.records import RECORDS, records

TOLERANCE = 1e-12

BMAD = ("bmad_standard", "taylor")
"""Bmad's methods that are our bmad_standard."""


def chosen(*methods: str) -> list[Any]:
    return [pytest.param(record, id=record.label) for record in records(RECORDS) if record.method in methods]


@pytest.mark.parametrize("record", chosen(*BMAD))
def test_bmad_standard_is_bmads(record):
    lattice = record.lattice()
    out = record.track(lattice)
    assert record.error(out) < TOLERANCE
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


DEFECTS = {
    # edges of second order: the fifth row is taken from the symplectic condition
    "sbend_all_misalign": 2e-8,
    "sbend_dg_neg": 3e-9,
    "sbend_kicks": 1e-10,
    "sbend_pitch": 5e-12,
    "sbend_roll": 2e-12,
    # kicks of exact multipoles have another slope
    "sbend_exact_mult_horizontally_pure": 2e-4,
    "sbend_exact_mult_vertically_pure": 2e-4,
    # the energy change at a cavity's edge has the other sign off axis
    "lcav_standing_wave_misalign": 5e-4,
    "lcav_traveling_wave_misalign": 5e-4,
    # no dependence on the momentum, and none of z
    "multipole_k0l_straight": 2e-2,
    # the fifth row
    "elsep_h": 5e-7,
    "elsep_v": 5e-7,
    "elsep_tilt": 6e-7,
    # the sign of the drifts of reversed elements
    "quad_reversed": 8e-6,
    # the dependence of the focusing on the momentum
    "wig_planar_tilt": 2e-2,
    "wig_helical": 7e-5,
    "wig_planar": 4e-5,
    "wig_planar_kx": 4e-7,
    "wig_planar_vertical": 4e-7,
    "wig_polarity": 4e-7,
    "wig_n_period": 2e-7,
    "und_planar": 2e-7,
}
"""How far Bmad's matrix is from the derivative of its own tracking at most, by case: twice to three times what was measured."""


@pytest.mark.parametrize("record", chosen("linear"))
def test_linear_is_bmads_matrix(record):
    found = record.lattice().transfer_map()
    tolerance = DEFECTS.get(record.name, 1e-13)
    np.testing.assert_allclose(found.matrix, record.element["mat6"], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.offset, record.element["vec0"], rtol=0, atol=1e-13)


def test_there_are_enough_records():
    """Counts what the tests above run over, so that a record that vanishes is noticed."""
    assert len(chosen(*BMAD)) == 910
    assert len(chosen("linear")) == 679
