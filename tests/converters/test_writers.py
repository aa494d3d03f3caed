"""What all writers of lattices have in common: elements with several fields set by chance, big lattices, shared parts."""

from __future__ import annotations

import random
from pathlib import Path
from time import process_time

import pytest

import caraval as cv
from caraval.converters.shared.alike import track_alike
from tests.converters import round_trips
from tests.converters.round_trips import P0C, SAME, through

SUFFIXES = (".bmad", ".lte", ".madx")

HOW_MANY = 300

REFERENCE = cv.Reference("electron", P0C)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_fields_together(suffix: str, tmp_path: Path) -> None:
    """An element is tracked the same after a file, or the file says what it could not carry."""
    draw = random.Random(7)
    kinds = [kind for kind in round_trips.kinds() if kind not in ("EGun", "EMField")]
    same = 0
    for _ in range(HOW_MANY):
        element = round_trips.together(draw.choice(kinds), draw)
        if element is None:
            continue
        ends = cv.Drift(name="before", length=0.1), cv.Drift(name="behind", length=0.1)
        lattice = cv.Lattice([ends[0], element.replace(name="el"), ends[1]], reference=REFERENCE)
        back, losses = through(lattice, tmp_path / f"out{suffix}", "drift")
        if not any(loss.is_physics for loss in losses):
            same += 1
            assert round_trips.tracked_difference(lattice, back) <= SAME, element
    assert same > HOW_MANY / 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ten_thousand_elements_are_written_in_seconds(suffix: str, tmp_path: Path) -> None:
    cells = [
        element
        for i in range(2500)
        for element in (
            cv.Quadrupole(name=f"q{i}", length=0.2, k1=1.0 + 1e-4 * i),
            cv.Drift(name=f"d{i}", length=0.5),
            cv.SBend(name=f"b{i}", length=1.0, angle=0.001, metadata={"type": "long"} if suffix == ".bmad" else {}),
            cv.Marker(name=f"m{i}"),
        )
    ]
    lattice = cv.Lattice(cells, reference=REFERENCE)
    start = process_time()
    losses = cv.save(lattice, tmp_path / f"out{suffix}")
    assert process_time() - start < 20  # a few seconds, on a machine that has nothing else to do
    assert losses == ()


def test_what_counts_as_alike() -> None:
    q = cv.Quadrupole(length=0.2, k1=1.0)
    assert track_alike(q, q.replace(name="other", fringe_at="no_end", metadata={"type": "x"}), REFERENCE)
    assert not track_alike(q, q.replace(k1=1.0 + 1e-9), REFERENCE)
    assert not track_alike(q, q.replace(fringe_type="full"), REFERENCE)
    assert not track_alike(q, q.replace(tracking_method="linear"), REFERENCE)
    assert track_alike(q.replace(is_on=False), cv.Drift(length=0.2), REFERENCE)
    assert track_alike(cv.Monitor(length=0.2, x_offset=0.1, x_pitch=0.1), cv.Drift(length=0.2), REFERENCE)
    assert not track_alike(cv.Monitor(length=0.2, x_offset=0.1, x_limit=0.1), cv.Drift(length=0.2), REFERENCE)
    gun = cv.EGun(length=0.2)
    assert not track_alike(gun, gun, REFERENCE)  # it cannot be tracked at all


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cavities_that_slip(suffix: str, tmp_path: Path) -> None:
    """Phases of later passes are those of kicks: they go with the number of steps, and no format has them."""
    slips = tuple(1e-3 * i for i in range(5))
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9, n_rf_steps=4, slips=slips, field_calc="custom")
    losses = cv.save(cv.Lattice([cavity], reference=REFERENCE), tmp_path / f"out{suffix}", on_unsupported="drift")
    assert any(loss.is_physics and loss.attribute == ("" if suffix == ".madx" else "slips") for loss in losses)


@pytest.mark.parametrize("suffix", [".cheetah.json", ".py"])
def test_cavities_of_formats_whose_field_is_as_long_as_they_are(suffix: str, tmp_path: Path) -> None:
    """What is beside the field is pipe; what else the formats have no words for is reported."""
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e7, phi0=0.05, rf_frequency=1.3e9, n_rf_steps=100, x_limit=0.02)
    lattice = cv.Lattice([cavity], reference=REFERENCE)
    back, losses = through(lattice, tmp_path / f"out{suffix}")
    assert not any(loss.is_physics for loss in losses)
    pipes = back["c_a"].length + back["c_b"].length
    assert 0 < pipes < 299792458 / 2.6e9
    assert pipes + back["c"].length == pytest.approx(1.0, rel=1e-15)
    assert round_trips.matrix_difference(lattice, back.replace(reference=REFERENCE)) <= round_trips.MATRIX
    ours = lattice.with_tracking("center_phase")
    noted = cv.save(ours.replace({"c.field_calc": "custom"}), tmp_path / f"out{suffix}")
    assert "tracking_method" in {loss.attribute for loss in noted}
    for other, lost in (
        (cavity.replace(fringe_type="none"), "fringe_type"),
        (cavity.replace(fringe_at="no_end"), "fringe_at"),
        (cavity.cut(0.2, 0.7), "slice_of"),
        (cavity.replace(length=0.1), "field_calc"),  # not even one cell
    ):
        found = cv.save(lattice.replace(elements=[other]), tmp_path / f"out{suffix}", on_unsupported="drift")
        assert lost in {loss.attribute for loss in found if loss.is_physics}
