"""Lattice files against what Bmad makes of them: elements, positions, strengths, tracked particles.

The element records are in ``tests/data/elements``. The lattices are beside the repository (``../shared/reference``, see its
README) and carry their own licences; without them these tests are skipped.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import caraval as cv
from caraval.converters.bmad.reader import read
from caraval.core import plan, scalar
from caraval.core.errors import LatticeError
from caraval.core.registry import registry
from caraval.physics.floor import Frame, rotation, standing

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY.parent / "shared" / "reference"
RECORDS = REPOSITORY / "tests" / "data" / "elements"

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

LENGTH = 1e-9
"""Lengths and positions agree to this [m]."""

STRENGTH = 1e-12
"""Strengths agree to this, relatively where they are large."""

TRACKED = 1e-10
"""Tracked particles agree to this, relatively where they are far out."""

STRENGTHS = """
    k1 k2 k3 ks angle e1 e2 fint hgap ref_tilt roll tilt hkick vkick kick voltage phi0 phi0_err rf_frequency
    x_offset y_offset z_offset x_pitch y_pitch x1_limit x2_limit y1_limit y2_limit r0_mag fq1 fq2
"""
"""Attributes that have the same name and meaning in Bmad's evaluated elements."""

MOVED = ["x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt", "roll"]
"""Attributes that count with what a girder adds; but in bends, Bmad's particles feel nothing of a girder's pitch."""


class Evaluated(NamedTuple):
    """An element as Bmad evaluates it."""

    name: str
    keyword: str
    length: float
    end: float
    attributes: dict[str, Any]


class Particle(NamedTuple):
    """A particle at the beginning, and what became of it."""

    start: list[float]
    state: str
    end: list[float]


class Expected(NamedTuple):
    """A branch as Bmad has it."""

    species: str
    p0c: float
    geometry: str
    elements: list[Evaluated]
    particles: list[Particle]


def loaded(path: Path) -> Any:
    """The content of a file of reference data."""
    with gzip.open(path) as file:
        return json.load(file)


def same(a: float, b: float, tolerance: float) -> bool:
    return bool(abs(a - b) <= tolerance * max(1.0, abs(b)))


def differences(lattice: cv.Lattice, expected: Expected, tracked: float = TRACKED) -> list[str]:
    """What is not as Bmad has it."""
    found = lattice_differences(lattice, expected)
    return found if lattice.names != names(expected) else found + particle_differences(lattice, expected, tracked)


def names(expected: Expected) -> list[str]:
    return [element.name.lower() for element in expected.elements]


def lattice_differences(lattice: cv.Lattice, expected: Expected) -> list[str]:
    """What is not as Bmad has it, particles aside."""
    found = []
    reference = lattice.reference
    if reference.species.name.lower() != expected.species.lower():
        found.append(f"species {reference.species.name}, not {expected.species}")
    if not same(reference.p0c / expected.p0c, 1.0, 1e-11):
        found.append(f"p0c {reference.p0c}, not {expected.p0c}")
    if lattice.geometry != expected.geometry.lower():
        found.append(f"geometry {lattice.geometry}, not {expected.geometry}")
    if lattice.names != names(expected):
        return [*found, f"other elements: {lattice.names[:9]}"]
    references = plan.reference_pass(registry(), lattice.elements, reference)
    position = reference.s
    for mine, theirs, here in zip(lattice.elements, expected.elements, references, strict=False):
        position += mine.length
        found += element_differences(mine, theirs, here)
        if not same(position, theirs.end, LENGTH):
            found.append(f"{theirs.name} ends at {position}, not {theirs.end}")
    return found


def element_differences(mine: cv.Element, theirs: Evaluated, reference: cv.Reference) -> list[str]:
    found = []
    if mine.kind.lower() != theirs.keyword.lower().replace("_", ""):
        found.append(f"{theirs.name} is a {mine.kind}, not a {theirs.keyword}")
    if not same(mine.length, theirs.length, LENGTH):
        found.append(f"{theirs.name} is {mine.length} m long, not {theirs.length} m")
    mine = by_its_own_centre(mine)
    normalised = mine.at(reference, scalar)
    attributes = {name.lower(): value for name, value in theirs.attributes.items()}
    for name in STRENGTHS.split():
        # of a separator, Bmad works out the voltage whatever it is given by
        if name in mine.schema().parameters and not (name == "voltage" and mine.kind == "ELSeparator"):
            value, given = getattr(mine, name) or 0.0, attributes.get(name, 0.0)
            if name in MOVED and not (mine.kind == "SBend" and "pitch" in name):
                given = attributes.get(f"{name}_tot", given)
            strength = getattr(normalised, name) or 0.0
            if not (same(value, given, STRENGTH) or same(strength, given, STRENGTH)):
                found.append(f"{theirs.name}: {name} is {strength}, not {given}")
    return found


def by_its_own_centre(element: cv.Element) -> cv.Element:
    """A straight slice with its own misalignment, as Bmad gives it, rather than the whole's."""
    if element.slice_of is None or element.kind == "SBend":
        return element
    off = element.slice_start + element.length / 2 - element.slice_of / 2
    across, up, along = np.sin(element.x_pitch) * np.cos(element.y_pitch), np.sin(element.y_pitch), np.cos(element.x_pitch)
    return element.replace(
        x_offset=element.x_offset + off * across,
        y_offset=element.y_offset + off * up,
        z_offset=element.z_offset + off * (along * np.cos(element.y_pitch) - 1),
    )


def particle_differences(lattice: cv.Lattice, expected: Expected, tracked: float = TRACKED) -> list[str]:
    start = np.array([particle.start for particle in expected.particles]).T
    end = np.array([particle.end for particle in expected.particles]).T
    alive = np.array([particle.state == "Alive" for particle in expected.particles])
    with np.errstate(all="ignore"):  # of particles that are lost on the way
        out = lattice.track(cv.ParticleBeam(*start, reference=lattice.reference))
    if (out.alive != alive).any():
        return [f"alive are {np.flatnonzero(out.alive)}, not {np.flatnonzero(alive)}"]
    error = np.abs(np.array(out.coordinates) - end) / np.maximum(1.0, np.abs(end))
    worst = error[:, alive].max(initial=0.0)
    return [f"particles differ by {worst:.1e}"] if not worst <= tracked else []


# -------------------------------------------------------------------- single elements

SKIPPED = ("runge_kutta",)
"""Tracking methods that are not there."""


@pytest.mark.parametrize("kind", sorted(path.name.partition(".")[0] for path in RECORDS.glob("*.json.gz")))
def test_element_records(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "record.bmad"
    seen = 0
    for record in loaded(RECORDS / f"{kind}.json.gz"):
        text = record["lattice"]
        if record.get("failed") or any(part in text for part in SKIPPED):
            continue
        path.write_text(text)
        lattice, evaluated = read(path), record["elements"][0]
        theirs = Evaluated("ELE", evaluated["key"], evaluated["L"], evaluated["s"], evaluated["attributes"])
        assert element_differences(lattice.elements[0], theirs, lattice.reference) == [], text
        assert same(lattice.reference.p0c / record["p0c_start"], 1.0, 1e-11)
        seen += 1
    assert seen > 0


# -------------------------------------------------------------------- lattices of our own


@needs_reference
@pytest.mark.parametrize("form", ["source.bmad", "bmad"])
@pytest.mark.parametrize("name", ["chicane", "fodo_ring", "linac"])
def test_own_lattices(name: str, form: str) -> None:
    """Bmad's own rewriting, flattened and expanded, is the same lattice as the source."""
    branch = loaded(REFERENCE / "own_lattices" / f"{name}.json.gz")["branches"][0]
    elements = [Evaluated(e["name"], e["key"], e["L"], e["s"], e["attributes"]) for e in branch["elements"][1:]]
    particles = [Particle(p["initial"], p["final"]["state"], p["final"]["vec"]) for p in branch["particles"]]
    expected = Expected(branch["species"], branch["p0c_start"], branch["geometry"], elements, particles)
    assert differences(read(REFERENCE / "own_lattices" / f"{name}.{form}"), expected) == []


# -------------------------------------------------------------------- real lattices

MUST_AGREE = """
    Dragt_PSR_small_ring_Dragt_PSR_small_ring bookkeeper_test_bookkeeper_test1 bsim_spin_stroboscope_HERA_p_hp96lu820yhof
    cheetah_tests_resources_bmad_tutorial_lattice code_beam_track_lat code_csr_lat code_parallel_track_lat
    coord_test_coord_test cppbmad_branch_fork cppbmad_data_csr_lat csr_time_test_csr_time_test
    exact_bend_edge_test_exact_bend_edge_test facet2_bmad_master_F2_ELEC facet2_bmad_master_F2_POSI
    facet2_bmad_master_F2_S10AIP facet2_bmad_master_F2_SCAV fringe_test_fringe_test girder_test_girder_test
    jlab_cebaf_NEsplitter_NESplitter_test jlab_fel_bates multipass_test_branch_fork parse_test_common_name
    parse_test_overlap pipe_test_grid_test pipe_test_wall3d_test ptc_test_single_quad pytao_bookkeeping_stale_bookkeeping
    pytao_lcavity_lat4 radiation_test_radiation_test sad_sher_5764 sad_sher_5768 simple_erl_erl slice_test_slice_test
    spin_map_test_spin_map_test superimpose_test_superimpose_test synrad3d_test_branch tutorial_bmad_tao_fork
    tutorial_bmad_tao_geometry tutorial_bmad_tao_misalign tutorial_bmad_tao_multiple_universes_lat1
    tutorial_bmad_tao_multiple_universes_lat2 tutorial_bmad_tao_orbit tutorial_bmad_tao_simple
    tutorial_bmad_tao_superimpose1 tutorial_bmad_tao_superimpose2 tutorial_bmad_tao_twiss_correction_lat
    tutorial_ring_design_01_FODO_Exercise_solutions_fodoAF tutorial_ring_design_01_FODO_Exercise_solutions_fodoAR
    tutorial_ring_design_01_FODO_Exercise_solutions_fodoSSF tutorial_ring_design_01_FODO_Exercise_solutions_fodoSSR
    tutorial_ring_design_01_FODO_a_Arc_fodoAR0 tutorial_ring_design_02_DispSuppress_Exercise_solutions_dispsupF
    tutorial_ring_design_02_DispSuppress_Exercise_solutions_dispsupR tutorial_ring_design_02_DispSuppress_F_dispsupF0
    tutorial_ring_design_02_DispSuppress_R_dispsupR0 tutorial_ring_design_03_MatchToSS_Exercise_solutions_mSSF
    tutorial_ring_design_03_MatchToSS_Exercise_solutions_mSSR tutorial_ring_design_03_MatchToSS_F_mSSF0
    tutorial_ring_design_03_MatchToSS_R_mSSR0 tutorial_ring_design_04_MachineCoords_misalign
    tutorial_ring_design_04_MachineCoords_simple tutorial_ring_design_05_Ring_exercise_solutions_ring
    tutorial_ring_design_06_IP_a_IP0_IP0 tutorial_ring_design_06_IP_b_IPF_IP0 tutorial_ring_design_06_IP_c_IPR_IP0
    tutorial_ring_design_06_IP_d_IP_IP tutorial_ring_design_06_IP_e_RingWithIP_ring tutorial_ring_design_07_TuneCell_ring
    tutorial_ring_design_08_PhaseSpace_orbit tutorial_ring_design_09_RF_orbit
    ptc_test_tiny_ring tutorial_ring_design_10_LongTermTracking_AveragesOutput_simple_ring twiss_test_twiss_test
"""
"""The lattices of the corpus that use nothing but what is understood."""

WITH_LORDS = """
    bsim_envelope_ibs_test_dc12c bsim_moga_dc12a_alt3 bsim_moga_quads_dc12a_alt3
    figure_8_figure_8 geometry_test_geometry_test jlab_ep_collider_e_p_ring_ptc_like_combined multipass_test_patch
    parse_test_common_name parse_test_control parse_test_overlap ptc_test_figure_8 tao_erl_lat tutorial_bmad_tao_control
    tutorial_bmad_tao_multipass
    tutorial_ring_design_04_MachineCoords_Exercise_solutions_simple
    tutorial_ring_design_12_DynamicAperture_12_3_ChromaticityCorrection_ring
    tutorial_ring_design_12_DynamicAperture_12_4_AdvancedDA_ring
    tutorial_ring_design_12_DynamicAperture_Exercise_solutions_ring_w_correct
"""
"""Those with overlays, groups, girders, multipass lines, or patches that turn back."""


@cache
def corpus() -> dict[str, Path]:
    """Main files of the corpus, by name."""
    entries = json.loads((REFERENCE / "index.json").read_text())["bmad"]
    return {entry["name"]: REFERENCE / "corpus" / "bmad" / entry["name"] / entry["main"][0] for entry in entries}


def expected_of(name: str, number: int = 0) -> Expected:
    branch = loaded(REFERENCE / "lattices" / "bmad" / f"{name}.json.gz")["branches"][number]
    tracked = branch["elements"][1 : branch["n_ele_track"] + 1]
    elements = [Evaluated(e["name"], e["key"], e["l"], e["s"], e["attrib"]) for e in tracked]
    particles = [Particle(p["in"], p["state"], p["out"]) for p in branch["tracked"]]
    return Expected(branch["particle"], branch["p0c_start"], branch["geometry"], elements, particles)


def floor_of(name: str) -> list[dict[str, Any]]:
    """The elements of the first branch, its beginning included."""
    branch = loaded(REFERENCE / "lattices" / "bmad" / f"{name}.json.gz")["branches"][0]
    elements: list[dict[str, Any]] = branch["elements"][: branch["n_ele_track"] + 1]
    return elements


RADIATION = {
    "tutorial_ring_design": (2e-9, "z by the velocity: the losses do not lower Bmad's everywhere; where was not shown"),
    "fixer_test": (5e-6, "at rotated pole faces Bmad's losses have a term that changes sign with y; y itself is not explained"),
    "radiation_test_sigma": (
        2e-5,
        "as fixer_test; and Bmad's losses are linear about the axis outside, 0.1 m off the magnets'",
    ),
}
"""How far particles that radiate are off, and why, by the beginning of the lattice's name."""

SYMPLECTIC_ROW = (
    "Bmad's matrices of bends with pole faces are made symplectic, which its edges of second order are not off the axis"
)

OTHERS = {
    "backwards_time_track_test_s_to_s": "electron guns are not tracked",
    "bookkeeper_test_bookkeeper_test": "a solenoid upon a cavity, whose fields are not integrated",
    "geometry_test": "Bmad's matrices of misaligned reversed elements, and R56 of pitched bends, are no derivatives",
    "tutorial_ring_design_04": SYMPLECTIC_ROW,
}
"""Why lattices differ that lose nothing, by the beginning of their names."""


def of_radiation(lattice: cv.Lattice, name: str) -> tuple[float, str]:
    """How far particles may be off for their radiation, and why."""
    known = RADIATION if any(element.effects for element in lattice) else {}
    return next((found for part, found in known.items() if name.startswith(part)), (TRACKED, ""))


INTEGRATED = (1e-9, "Bmad integrates with a tolerance of 1e-8, and its matrices are differences of what that gives")
"""How far particles are off that go through fields in Bmad's own, adaptive steps, and why."""

CUT = (2e-5, "Bmad's wigglers are Taylor maps cut after the third order; the same cut of Caraval's steps agrees to 1e-12")
"""How far particles are off that go through such a map, and why; Caraval does all the steps that it is made from."""

SLICED = "bsim_ibs_ring_test"
"""Lattice with wigglers in slices, of which cutting the maps is not all."""


def of_fields(lattice: cv.Lattice) -> tuple[float, str]:
    """How far particles may be off for the way that Bmad goes through fields, and why."""
    if any(loss.value == "taylor" for loss in lattice.losses):
        return CUT
    return INTEGRATED if any(isinstance(element.tracking_method, cv.RungeKutta) for element in lattice) else (TRACKED, "")


def known(lattice: cv.Lattice, name: str) -> tuple[float, str]:
    """How far particles may be off, and why."""
    off, why = max(of_radiation(lattice, name), of_fields(lattice))
    if name.startswith(SLICED):
        return off, "wigglers as Taylor maps in slices: not explained"
    return off, why or next((cause for part, cause in OTHERS.items() if name.startswith(part)), "")


LONG = ("sad_sher_5764", "sad_sher_5768")
"""Lattices of thousands of elements, which take long."""

REAL = [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in (MUST_AGREE + WITH_LORDS).split()]


@needs_reference
@pytest.mark.parametrize("name", REAL)
def test_real_lattices(name: str) -> None:
    assert differences(cv.load(corpus()[name]), expected_of(name)) == []


@needs_reference
@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("radiation_test_radiation_test", number) for number in (1, 2)),
        *(("superimpose_test_superimpose_test", number) for number in (1, 2, 3, 4, 5)),
        *(("slice_test_slice_test", number) for number in (2, 3)),
        *(("bookkeeper_test_bookkeeper_test1", number) for number in (1, 2)),
        ("multipole_test_multipole", 1),
        ("geometry_test_geometry_test", 1),
        ("girder_test_girder_test", 1),
        ("parse_test_overlap", 2),
        ("multipass_test_patch", 1),
        ("parse_test_overlap", 1),
        ("patch_test_patch_test", 1),
        ("patch_test_patch_test", 2),
        ("radiation_test_radiation_test", 1),
        ("radiation_test_radiation_test", 2),
        ("wall3d_test_wall3d_test", 1),
    ],
)
def test_other_branches(name: str, number: int) -> None:
    assert differences(cv.load(corpus()[name], branch=number), expected_of(name, number)) == []


@needs_reference
@pytest.mark.parametrize(
    "name",
    [
        "field_test_field_test",
        "generalized_gradient_test_generalized_gradient_test",
        "patch_test_patch_test",
        "pipe_test_em_field",
        "util_programs_gen_gradients_end_to_end_check_gg_smoke",
    ],
)
def test_fields_that_are_integrated(name: str) -> None:
    lattice = cv.load(corpus()[name])
    assert differences(lattice, expected_of(name), known(lattice, name)[0]) == []


@needs_reference
@pytest.mark.parametrize(
    ("which", "name", "orientation", "entries"),
    [
        ("tutorial_ring_design_04_MachineCoords_Exercise_solutions_simple", "b", 1, np.s_[[0, 1, 2, 3, 5], :]),
        ("geometry_test_geometry_test", "b1", 1, np.s_[:, :5]),
        ("geometry_test_geometry_test", "b3", 1, np.s_[:, :5]),
        ("geometry_test_geometry_test", "pr", -1, np.s_[:, :5]),
    ],
)
def test_matrices_but_for_what_is_no_derivative(which: str, name: str, orientation: int, entries: Any) -> None:
    """Where Bmad's matrix has entries by other rules, the others agree, and so does where a particle from the axis goes."""
    lattice = cv.load(corpus()[which])
    (place,) = (i for i, e in enumerate(lattice) if (e.name, e.orientation) == (name, orientation))
    here = plan.reference_pass(registry(), lattice.elements, lattice.reference)[place]
    found, theirs = cv.Lattice([lattice.elements[place]]).transfer_map(here), floor_of(which)[place + 1]
    np.testing.assert_allclose(found.matrix[entries], np.array(theirs["mat6"])[entries], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found.offset, theirs["vec0"], rtol=0, atol=1e-14)


@needs_reference
@pytest.mark.parametrize("name", ["WIG1_14W", "WIG3_18E"])
def test_wigglers_with_terms(name: str) -> None:
    """One by PTC's integrator, which made a Taylor map, and one by Bmad's: matrix, orbit and reference time, about the axis.

    Bmad's own z of the particle whose time that is comes to 4e-14 m.
    """
    which = "cesr_test_bmad_12wig_20050626"
    wiggler = cv.load(corpus()[which])[name.lower()]
    theirs = next(element for element in floor_of(which) if element["name"] == name)
    attributes = theirs["attrib"]
    reference = cv.Reference("positron", attributes["P0C"])
    lattice = cv.Lattice([wiggler])
    found = lattice.transfer_map(reference)
    np.testing.assert_allclose(found.matrix, theirs["mat6"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.offset, theirs["vec0"], rtol=0, atol=1e-13)
    time = plan.reference_pass(registry(), lattice.elements, reference)[-1].t
    assert abs(time / attributes["DELTA_REF_TIME"] - 1) < 1e-13


@needs_reference
@pytest.mark.parametrize("name", WITH_LORDS.split())
def test_where_elements_stand(name: str) -> None:
    """Places and axes on the floor, from which girders and flexible patches are worked out."""
    lattice = cv.load(corpus()[name])
    begin, *expected = (Frame(np.array(e["floor"][:3]), rotation(*e["floor"][3:])) for e in floor_of(name))
    references = plan.reference_pass(registry(), lattice.elements, lattice.reference)
    elements = [element.at(here, scalar) for element, here in zip(lattice.elements, references, strict=False)]
    for mine, theirs in zip(standing(elements, begin), expected, strict=True):
        np.testing.assert_allclose(mine.exit.origin, theirs.origin, rtol=0, atol=1e-10)
        np.testing.assert_allclose(mine.exit.axes, theirs.axes, rtol=0, atol=1e-12)


@needs_reference
@pytest.mark.slow
def test_whatever_loads_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """Go through the whole corpus: what is not understood is refused, and nothing is misunderstood. Prints the reasons."""
    reasons: Counter[str] = Counter()
    wrong, agree = {}, []
    for name, path in corpus().items():
        try:
            lattice = cv.load(path, format="bmad")
        except LatticeError as error:
            reasons[re.sub(r"'[^']*'", "...", re.sub(r"^.*?:\d+:\d+: ", "", str(error)))] += 1
            continue
        try:
            found = differences(lattice, expected_of(name), known(lattice, name)[0])
        except cv.MethodError as error:  # what Bmad tracks through field maps
            reasons[re.sub(r"'[^']*'", "...", str(error))] += 1
            continue
        if any(loss.element == "bmad_com" for loss in lattice.losses):  # Bmad's particles radiated at random
            found = [difference for difference in found if "particles" not in difference]
        if found:
            wrong[name] = found[:3]
        else:
            agree.append(name)
    with capsys.disabled():
        print(f"\nBmad's corpus: {len(agree)} of {len(corpus())} load and agree; refused are")
        for reason, count in reasons.most_common():
            print(f"{count:5d}  {reason}")
    assert not wrong
    assert {*MUST_AGREE.split(), *WITH_LORDS.split()} <= set(agree)
