"""Lattice files against what MAD-X and PTC make of them: elements, positions, strengths, maps, tracked particles.

The lattices are beside the repository (``../shared/reference``, see its README) and carry their own licences; without them
these tests are skipped. What MAD-X made of them was recorded with its own beam where a file uses none, and without the errors
that files assign.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter

import numpy as np
import pytest

import caraval as cv
from tests.converters.madx_comparison import MAP, REFERENCE, TRACKED, compared, corpus, interpreted, loaded, same

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

SMALL = """
    h6_line impactx_fodo impactx_solenoid iota ng_fodo ng_fodo_script ng_ps_new pimms psb_injection
    sirepo_compact_storage_ring sirepo_test1 sirepo_test4 t_aperture t_aperture_3 t_c6t_3 t_c6t_6 t_coupling t_coupling_2
    t_emit_2 t_line t_makethin t_makethin_4 t_permalign_3 t_permalign_4 t_ptc_twiss_5Dt t_read_write_hex t_rotations
    t_rotations_2 t_sequence t_sequence_10 t_sequence_7 t_sequence_9 t_survey_4 t_thick_dipole t_thick_dipole_2
    t_thick_dipole_3 t_thick_quad_3 t_thick_rbend t_touschek t_track_acd t_translation_2 t_twiss_11 t_twiss_12
    t_xrotation t_yrotation ti8
"""
"""Lattices that are quick to go through, and in which nothing is known to differ."""

MATCH = "strengths that a match finds, which are reported"
RESULT = "strengths from tables of results, which are reported"
PASSED_OVER = "TWISS passes over AC dipoles, and their length"
THICK_CAVITY = "a thick cavity has one kick in MAD-X, and ten in Bmad's model"

KNOWN = {
    "bessy3:sec": "TWISS has series in thin slices of bends with k1; PTC agrees",
    "elena_highenergy:elena": "PTC's integration is off by 2e-8 on the axis, in bends of 60 degrees",
    "sirepo_test2:bl1": "a matrix with terms of 4e5, of which MAD-X and Caraval each lose digits; PTC agrees",
    "t_aperture_4:ss": "MAD-X changed hkick while it interpolated",
    "t_c6t_6:bend_seq": "PTC passes over the angle of a thin dipole; TWISS, TRACK and SURVEY have it",
    "t_c6t_8:testseq": "wires, which are reported",
    "t_elseparator:testseq": "TWISS passes over thin separators, and PTC tracked a particle of the file's own besides",
    "t_error:elseq": "MAD-X's own matrix is of 1e23",
    "t_machine_clear:ca.califes": MATCH,
    "t_machine_clear:ca.clear": MATCH,
    "t_machine_clear:ca.vesper": MATCH,
    "t_match:ffocus": MATCH,
    "t_ptc_track_6Dtl_acd:machine": RESULT,
    "t_ptc_track_acd:ctf": PASSED_OVER,
    "t_ptc_track_acd_2:ctf": PASSED_OVER,
    "t_ptc_trackline_rfcav:ctf": THICK_CAVITY,
    "t_ptc_twiss_accel_56D:l": "a twcavity, which is reported",
    "t_rfmultipole_ptc_1:my_seq": "TWISS passes over the length of rfmultipoles",
    "t_track_6:smach2": RESULT,
}
"""Sequences that are not as recorded, and why."""


@needs_reference
@pytest.mark.parametrize("name", SMALL.split())
def test_lattices(name: str) -> None:
    found = compared(name)
    assert found
    assert {case: different for case, (different, _, _) in found.items() if different and case not in KNOWN} == {}


@needs_reference
@pytest.mark.parametrize("name", ["chicane", "fodo_ring", "fodo_ring_rf"])
def test_translations_by_bmad(name: str) -> None:
    """What Bmad writes for MAD-X is the lattice that it has: misalignments, apertures and cavities included."""
    path = REFERENCE / "own_lattices" / f"{name}.madx"
    with gzip.open(path.with_suffix(".json.gz")) as file:
        branch = json.load(file)["branches"][0]
    lattice = cv.load(path)
    assert not any(loss.is_physics for loss in lattice.losses)
    assert same(lattice.reference.p0c / branch["p0c_start"], 1.0, 1e-12)
    assert lattice.geometry == branch["geometry"].lower()
    start = np.array([particle["initial"] for particle in branch["particles"]]).T
    out = lattice.track(cv.ParticleBeam(*start, reference=lattice.reference))
    np.testing.assert_allclose(
        np.array(out.coordinates).T, [p["final"]["vec"] for p in branch["particles"]], rtol=0, atol=1e-13
    )


@needs_reference
def test_beams() -> None:
    """Momenta are MAD-X's, where a file says them and uses the sequence."""
    seen = 0
    for name in SMALL.split():
        state, recorded = interpreted(name), loaded(name)["sequences"]
        for used in state.used:
            expected, beam = recorded.get(used.name, {}).get("beam"), state.beam_of(used.name)
            if expected is None or expected["energy"] in (450.0, 7000.0) or name in ("h6_line", "psb_injection", "ti8"):
                continue  # recorded with another beam
            seen += 1
            assert same(beam.pc / expected["pc"], 1.0, 1e-14), name
            assert same(beam.reference().p0c / expected["pc"], 1e9, 1e-14), name
    assert seen > 15


@needs_reference
@pytest.mark.slow
def test_whatever_loads_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """Go through the whole corpus: everything loads, and nothing is misunderstood. Prints what differs, and the reasons."""
    refused, wrong = {}, {}
    counts: Counter[str] = Counter()
    for name in corpus():
        try:
            found = compared(name)
        except cv.CaravalError as error:
            refused[name] = str(error)
            continue
        counts["files"] += 1
        for case, (different, maps, particles) in found.items():
            counts["sequences"] += 1
            counts["with maps"] += maps is not None
            counts["maps that agree"] += maps is not None and maps <= MAP
            counts["with particles"] += particles is not None
            counts["particles that agree"] += particles is not None and particles <= TRACKED
            if different:
                wrong[case] = different
    with capsys.disabled():
        print(f"\nMAD-X's corpus: {counts['files']} of {len(corpus())} files load; of {counts['sequences']} sequences", end=" ")
        print(f"{counts['sequences'] - len(wrong)} agree in all; {dict(counts)}")
        for case, different in wrong.items():
            print(f"  {case}: {different} -- {KNOWN.get(case, 'NOT KNOWN')}")
    assert refused == {}
    assert set(wrong) == set(KNOWN)
