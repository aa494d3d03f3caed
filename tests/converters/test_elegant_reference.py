"""Real lattice files against what elegant makes of them: elements, floor, transfer matrices, tracked particles.

The lattices are beside the repository (``../shared/reference``, see its README) and carry their own licences; without them
these tests are skipped.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import caraval as cv
from tests.converters.elegant_matrices import matrix_difference
from tests.converters.elegant_reference import (
    REFERENCE,
    as_run,
    corpus,
    element_differences,
    floor_difference,
    made,
    own_error,
    particle_difference,
    type_of,
)

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

MATRIX = 1e-9
"""Transfer matrices agree to this, relatively where they are large."""

TRACKED = 1e-9
"""Particles agree to this, over the largest of each coordinate, through magnets that do not bend."""

NEAR = 1e-6
"""Where particles agree to this, nothing is said about them."""

FLOOR = 1e-11
"""The end is where it should be to this, over the length of the lattice."""

EXPLAINED = {
    "alphaMagnet": "ALPH is not understood",
    "cwiggler": "Bmad's wiggler is averaged over its period",
    "dcls": "ten kicks of a corrector with a sextupole",
    "rfDeflectingCavity": "elegant finds the matrix of a deflecting cavity from particles that it tracks",
    "twoCavityMoments": "elegant's matrix has the energy lost by radiation",
}
"""Why transfer matrices differ by more, by part of the lattice's name."""

SMALL = [
    "cheetah_tests_resources_cavity", "ex_matching_betaMatching_one", "ex_bendErrors_chicane", "ex_geneticOptimizer1_fodo",
    "ex_PAR_synchrotronTune_parTrack", "ex_injRingMatch_injRingMatch2_par", "ex_scriptElement_mergeBeams_lattice",
    "beamline_contrib_sxfel_LTU_ltu", "ex_transportLineSteering_twoPlaneSteering_lattice", "sirepo_elegant_import_data_slc",
]  # fmt: skip
"""Lattices that are checked in every run."""

STRAIGHT = {"Drift", "Quadrupole", "Sextupole", "Octupole", "Marker", "Monitor", "RCollimator", "ECollimator"}
"""Kinds that track to the last digits as elegant does, in as many steps."""


def load(name: str, expected: dict[str, Any]) -> cv.Lattice:
    return cv.load(corpus()[name], format="elegant", line=expected["beamline"], on_unsupported="drift")


def explained(name: str) -> str:
    return next((reason for part, reason in EXPLAINED.items() if part in name), "")


@pytest.mark.parametrize("name", SMALL)
def test_small_lattices(name: str) -> None:
    expected = made(name)
    lattice = load(name, expected)
    assert element_differences(lattice, expected) == []
    assert floor_difference(lattice, expected) < FLOOR * max(1.0, lattice.length)
    assert matrix_difference(as_run(lattice, matrices=True), expected) < MATRIX


def test_energy_and_line_of_command_files() -> None:
    name = "ex_LCLS_LCLS04NOV07_CSR"
    lattice = cv.load(corpus()[name].with_name("LCLS04NOV07.ele"), on_unsupported="drift")
    assert lattice.names == [element["name"] for element in made(name)["runs"]["o1"]["elements"][1:]]
    assert lattice.reference is not None
    assert lattice.reference.p0c == pytest.approx(124.34 * lattice.reference.species.mass, rel=1e-15)
    assert lattice.beginning["beta_a"] == 17.197


@pytest.mark.slow
def test_the_whole_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    """Every lattice loads, and is what elegant makes of it. Prints how far particles agree, and what is not understood.

    ``orbit`` is how far elegant's own integrators, with the few slices that they had, take a particle from the orbit.
    """
    wrong: dict[str, Any] = {}
    losses: Counter[str] = Counter()
    rows, strict = [], 0
    for name in corpus():
        expected = made(name)
        lattice = load(name, expected)
        unknown = sorted({loss.attribute or str(loss.value) for loss in lattice.losses if loss.is_physics})
        losses.update(unknown)
        strict += not unknown
        found = element_differences(lattice, expected)
        floor = floor_difference(lattice, expected) / max(1.0, lattice.length)
        matrix = matrix_difference(as_run(lattice, matrices=True), expected)
        tracked = particle_difference(as_run(lattice, matrices=False), expected, "exact")
        reason = explained(name)
        exact = set(lattice.kinds) <= STRAIGHT and not unknown
        if found or (floor > FLOOR and not reason) or (matrix > MATRIX) != bool(reason) or (exact and tracked > TRACKED):
            wrong[name] = found[:3], floor, matrix, tracked
        text = ", ".join(filter(None, (reason, _about_tracking(lattice, tracked))))
        rows.append((name, floor, matrix, tracked, own_error(expected), text))
    with capsys.disabled():
        print(f"\nelegant's corpus: {len(rows)} load, {strict} of them without loss of physics. Differences of")
        print(f"{'lattice':58} {'floor':>7} {'matrix':>7} {'tracked':>7} {'orbit':>7}")
        for name, *numbers, reason in rows:
            print(f"{name[:58]:58} {' '.join(f'{number:7.0e}' for number in numbers)}  {reason}")
        print("not understood: " + ", ".join(f"{what} ({count})" for what, count in losses.most_common()))
    assert wrong == {}


def _about_tracking(lattice: cv.Lattice, tracked: float) -> str:
    """Say what is different in tracking, where it is."""
    if tracked < NEAR:
        return ""
    if any(type_of(e) in ("SBEN", "CSBEND", "CSRCSBEND", "KSBEND") for e in lattice):
        return "bends: elegant's slices, and edges off momentum"
    return "" if set(lattice.kinds) <= STRAIGHT else "another model"
