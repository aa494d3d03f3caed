"""Real lattices of all languages through files of elegant and of MAD-X."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.converters import round_trips
from tests.converters.round_trips import MATRIX, REFERENCE, through

SUFFIXES = (".lte", ".madx")

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", round_trips.SAMPLE.split())
def test_sample_of_the_corpus(name: str, suffix: str, tmp_path: Path) -> None:
    lattice = round_trips.corpus_lattice(name, round_trips.corpus()[name])
    back, losses = through(lattice, tmp_path / f"out{suffix}", "drift")
    if not any(loss.is_physics for loss in losses):
        assert round_trips.matrix_difference(lattice, back) <= MATRIX
    assert back.length == pytest.approx(lattice.length, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_whole_corpus(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever loads is the same after the file, or lost something; prints what."""
    assert round_trips.go_through_corpus(tmp_path / f"out{suffix}", capsys) == {}
