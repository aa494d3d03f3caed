"""Patches, matches, Taylor maps, and places with a name: what the records cannot show."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import caraval as cv
from caraval.core.reference import C_LIGHT
from caraval.core.registry import registry
from caraval.optics import Table, twiss
from caraval.physics.fiducial import Fiducial
from caraval.physics.fixer import Fixer
from caraval.physics.floor_shift import FloorShift
from caraval.physics.fork import Fork, PhotonFork
from caraval.physics.mask import Mask
from caraval.physics.match import Match
from caraval.physics.patch import Patch
from caraval.physics.shared.modes import columns_of
from caraval.physics.shared.upstream import TWISS as NAMES
from caraval.physics.taylor import Taylor
from caraval.testing.derivatives import S

from ..cases import REFERENCES, particles
from .test_symplectic import symplectic_error

REFERENCE = REFERENCES["proton_1GeV"]
START = particles(8)
TURN = np.array([1, -1, 1, -1, -1, 1])[:, None]

FRAME = {"x_offset": 1e-2, "y_offset": -2e-2, "z_offset": 0.3, "x_pitch": 0.2, "y_pitch": -0.1, "tilt": 0.7}


def out(*elements: cv.Element, start: np.ndarray = START, reference: cv.Reference = REFERENCE) -> cv.ParticleBeam:
    return cv.Lattice(elements).track(cv.ParticleBeam(*start, reference=reference))


def tracked(*elements: cv.Element, start: np.ndarray = START, reference: cv.Reference = REFERENCE) -> np.ndarray:
    return np.array(out(*elements, start=start, reference=reference).coordinates)


def written(folder: Path, element: str, more: str = "") -> Path:
    """Return a file with one element ``e`` between quadrupoles."""
    file = folder / "lattice.bmad"
    file.write_text(
        f"parameter[particle] = proton\nparameter[p0c] = 1e9\nparameter[geometry] = open\n{more}\n"
        f"q: quadrupole, l = 0.5, k1 = 0.8\nd: drift, l = 1\nr: quadrupole, l = 0.2, k1 = -0.6, tilt = 0.2\ne: {element}\n"
        "l: line = (q, d, r, d, e, q)\nuse, l\n"
    )
    return file


# -------------------------------------------------------------------- patches


def test_a_patch_along_the_axis_is_a_drift():
    patched, drifted = (out(element) for element in (Patch(z_offset=0.7), cv.Drift(length=0.7)))
    np.testing.assert_allclose(np.array(patched.coordinates), np.array(drifted.coordinates), rtol=0, atol=1e-17)
    assert (patched.reference.s, patched.reference.t) == pytest.approx((drifted.reference.s, drifted.reference.t), rel=1e-15)


@pytest.mark.parametrize("more", [{}, {"t_offset": 1e-10, "e_tot_offset": 2e7}])
@pytest.mark.parametrize("ref_coords", ["exit_end", "entrance_end"])
def test_through_a_patch_and_back_through_the_reversed_one(ref_coords, more):
    """A particle that turns round at the exit comes back to where it came from; only the clock of the reference went on."""
    patch = Patch(**FRAME, ref_coords=ref_coords, **more)
    there = out(patch)
    back = out(
        patch.replace(orientation=-1, t_offset=-patch.t_offset), start=TURN * there.coordinates, reference=there.reference
    )
    turned_again = TURN * np.array(back.coordinates)
    p = 1 + START[5]
    speed = p / np.sqrt(p**2 + (REFERENCE.species.mass / REFERENCE.p0c) ** 2)
    lag = speed * (2 * C_LIGHT * patch.t_offset + patch.length * (1 / there.reference.beta - 1 / REFERENCE.beta))
    np.testing.assert_allclose(turned_again[[0, 1, 2, 3, 5]], START[[0, 1, 2, 3, 5]], rtol=0, atol=3e-16)
    np.testing.assert_allclose(turned_again[4], START[4] + lag, rtol=0, atol=1e-15)
    assert back.reference.p0c == pytest.approx(REFERENCE.p0c, rel=1e-15)
    assert back.reference.s == pytest.approx(2 * patch.length, rel=1e-15)
    assert patch.turned() is patch
    again = patch.replace(orientation=-1).turned().replace(orientation=-1).turned()
    for name, value in FRAME.items():
        assert getattr(again, name) == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize("x_pitch", [0.2, np.pi + 0.2, np.pi - 0.1])
def test_patches_between_reversed_elements(x_pitch: float, against: bool) -> None:
    """By the manual's equations ("Patch Tracking"), in which the beam has a momentum along or against the z axis."""
    patch = Patch(**{**FRAME, "x_pitch": x_pitch}, against=against)
    x, px, y, py, z, pz = START
    ps = (-1 if against else 1) * np.sqrt((1 + pz) ** 2 - px**2 - py**2)
    vectors = ([0, x_pitch, 0], [-patch.y_pitch, 0, 0], [0, 0, patch.tilt])
    about_y, about_x, about_z = map(Rotation.from_rotvec, vectors)
    turn = about_y * about_x * about_z
    p = turn.inv().apply(np.array([px, py, ps]).T).T
    r = turn.inv().apply(np.array([x, y, 0 * x]).T - np.array(patch.origin)).T
    length = turn.inv().apply(patch.origin)[2]
    beta = (1 + pz) / np.sqrt((1 + pz) ** 2 + (REFERENCE.species.mass / REFERENCE.p0c) ** 2)
    way = r[2] * (1 + pz) / p[2]
    expected = [r[0] - r[2] * p[0] / p[2], p[0], r[1] - r[2] * p[1] / p[2], p[1], z + way + length * beta / REFERENCE.beta, pz]
    np.testing.assert_allclose(tracked(patch), expected, rtol=0, atol=1e-14)
    assert patch.length == pytest.approx(length)
    assert patch.turns() == (x_pitch > 1)


def test_half_a_turn() -> None:
    """Looking back, the x axis points the other way; another half turn undoes that."""
    half = Patch(x_pitch=np.pi)
    np.testing.assert_allclose(tracked(half), START * np.array([-1, -1, 1, 1, 1, 1])[:, None], rtol=0, atol=1e-15)
    np.testing.assert_allclose(tracked(half, half.replace(against=True)), START, rtol=0, atol=1e-15)


def test_length_follows_from_the_frame():
    """The example of the Bmad manual, "Patch" (with sin 0.4 = 0.389418)."""
    patch = Patch(x_offset=1.0, x_pitch=0.4)
    assert patch.length == pytest.approx(np.sin(0.4))
    assert patch.replace(ref_coords="entrance_end").length == 0
    assert patch.replace(user_sets_length=True, length=0.3).length == 0.3
    assert cv.Lattice([patch, patch]).length == pytest.approx(2 * np.sin(0.4))
    moved = out(patch.replace(user_sets_length=True, length=0.3))
    plain = out(patch)
    beta = (1 + START[5]) / np.sqrt((1 + START[5]) ** 2 + (REFERENCE.species.mass / REFERENCE.p0c) ** 2)
    np.testing.assert_allclose(moved.z - plain.z, (0.3 - np.sin(0.4)) * beta / REFERENCE.beta, rtol=0, atol=1e-15)


@pytest.mark.parametrize("given", [{"e_tot_offset": 3e7}, {"e_tot_set": 1.5e9}, {"p0c_set": 1.2e9}])
def test_a_change_of_energy_leaves_the_particle_as_it_is(given):
    result = out(Patch(**given))
    reference = result.reference
    energy = {"e_tot_offset": REFERENCE.energy + 3e7, "e_tot_set": 1.5e9}.get(*given, reference.energy)
    assert reference.energy == pytest.approx(energy, rel=1e-15)
    assert reference.p0c == pytest.approx(given.get("p0c_set", reference.p0c), rel=1e-15)
    np.testing.assert_allclose(result.px * reference.p0c, START[1] * REFERENCE.p0c, rtol=1e-15)
    np.testing.assert_allclose((1 + result.pz) * reference.p0c, (1 + START[5]) * REFERENCE.p0c, rtol=1e-15)
    np.testing.assert_allclose(result.z, START[4], rtol=1e-15)


def test_a_patch_is_symplectic_and_keeps_single_precision():
    patch = Patch(**FRAME, t_offset=1e-10, e_tot_offset=2e7)
    assert symplectic_error(patch, REFERENCE) < 1e-15
    beam = cv.ParticleBeam(*START, reference=REFERENCE)
    double = np.array(cv.Lattice([patch]).track(beam).coordinates)
    single = np.array(cv.Lattice([patch]).track(beam.to(dtype="float32")).coordinates)
    scale = np.abs(double).max(axis=1, keepdims=True)
    np.testing.assert_allclose(single / scale, double / scale, rtol=0, atol=2 * np.finfo("float32").eps)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"flexible": True}, "flexible"),
        ({"e_tot_offset": 1e6, "p0c_set": 1e9}, "e_tot_offset and p0c_set"),
        ({"length": 1.0}, "user_sets_length"),
        ({"x_pitch": np.pi / 2}, "turn the beam aside"),
    ],
)
def test_patches_that_make_no_sense_are_refused(given, what):
    with pytest.raises(cv.InputError, match=what):
        Patch(**given)
    with pytest.raises(cv.InputError, match="cannot be cut"):
        Patch(z_offset=1.0).cut(0.0, 0.5)


# -------------------------------------------------------------------- matches

TWISS = {"beta_a0": 10.0, "alpha_a0": -1.0, "beta_b0": 4.0, "alpha_b0": 0.5,
         "beta_a1": 3.0, "alpha_a1": 0.5, "beta_b1": 7.0, "alpha_b1": -0.4, "dphi_a": 0.3, "dphi_b": 1.1}  # fmt: skip
MORE = {"eta_x0": 0.1, "etap_x0": 0.02, "eta_y1": -0.3, "etap_y1": 0.01, "c12_mat0": 0.2, "c21_mat1": -0.3, "c11_mat1": 0.1}
ORBIT = {"x0": 1e-3, "px0": 2e-4, "y1": 1e-3, "py1": -3e-4, "z1": 2e-3, "pz1": 1e-3, "pz0": -2e-3}


def at(table: Table, row: int) -> dict[str, float]:
    """Return the optics at a place by their names in a match."""
    return {name: table[name][row] for name in (*NAMES, "mode_flip")}


def carried(match: Match, start: dict[str, float]) -> dict[str, float]:
    return at(twiss(cv.Lattice([match], reference=REFERENCE), start), -1)


@pytest.mark.parametrize("flips", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("more", [{}, MORE])
def test_a_match_carries_its_parameters_at_the_entrance_to_those_at_the_exit(more, flips):
    match = Match(**TWISS, **more, mode_flip0=flips[0], mode_flip1=flips[1])
    start, end = ({name: getattr(match, name + which) for name in (*NAMES, "mode_flip")} for which in "01")
    found = carried(match, start)
    if found["mode_flip"] == end["mode_flip"]:  # else the same modes have other names
        assert found == pytest.approx(end, abs=1e-13)
    columns = cv.Lattice([match], reference=REFERENCE).transfer_matrix()[:4, :4] @ np.array(columns_of(start, np))
    turn = np.linalg.inv(columns_of(end, np)) @ columns
    for number, phase in enumerate((0.3, 1.1)):
        block = turn[2 * number : 2 * number + 2, 2 * number : 2 * number + 2]
        c, s = np.cos(phase), np.sin(phase)
        np.testing.assert_allclose(block, [[c, s], [-s, c]], rtol=0, atol=1e-14)


def test_a_match_is_symplectic_and_takes_orbit_to_orbit():
    match = Match(**TWISS, **MORE, **ORBIT, delta_time=1e-11)
    matrix = cv.Lattice([match.replace(delta_time=0.0)], reference=REFERENCE).transfer_matrix()
    np.testing.assert_allclose(matrix.T @ S @ matrix, S, rtol=0, atol=1e-14)
    start, end = (np.array([[getattr(match, f"{n}{i}")] for n in ("x", "px", "y", "py", "z", "pz")]) for i in "01")
    early = match.replace(delta_time=0.0)
    np.testing.assert_allclose(tracked(early, start=start), end, rtol=0, atol=1e-17)
    speed = tracked(early, start=start)[4] - tracked(match, start=start)[4]
    p = 1 + start[5]
    np.testing.assert_allclose(speed, 1e-11 * C_LIGHT * p / np.sqrt(p**2 + (REFERENCE.species.mass / 1e9) ** 2), rtol=1e-12)


def test_match_orbit_takes_everybody_to_the_exit_and_the_optics_through_the_matrix():
    match = Match(**TWISS, **ORBIT, kick0="match_orbit")
    assert np.abs(tracked(match) - [[0], [0], [1e-3], [-3e-4], [2e-3], [1e-3]]).max() == 0
    plain = Match(**TWISS, **ORBIT, kick0="zero")
    linear = [cv.Lattice([m.replace(tracking_method="linear")], reference=REFERENCE).transfer_map() for m in (match, plain)]
    np.testing.assert_array_equal(linear[0].matrix, linear[1].matrix)
    assert linear[0].offset[2] == 1e-3
    frozen = match.replace(recalc=False)
    np.testing.assert_array_equal(tracked(frozen), tracked(Match(**TWISS, **ORBIT)))


def test_a_match_that_is_off_or_has_no_betas_leaves_particles_alone():
    for match in (Match(**TWISS, is_on=False), Match(), Match(matrix="identity", **TWISS)):
        np.testing.assert_array_equal(tracked(match), START)
    np.testing.assert_array_equal(tracked(Match(length=0.5)), START)
    assert out(Match(length=0.5)).reference.s == 0.5
    pieces = [Match(length=0.5, **TWISS).cut(a, b) for a, b in ((0.0, 0.2), (0.2, 0.5))]
    np.testing.assert_array_equal(tracked(*pieces), tracked(Match(length=0.5, **TWISS)))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"beta_a0": 1.0}, "beta_b0, beta_a1, beta_b1"),
        ({"delta_time": 1e-9, "kick0": "match_orbit"}, "of its own"),
        ({"delta_time": 1e-9, "matrix": "match_twiss"}, "of its own"),
    ],
)
def test_matches_that_make_no_sense_are_refused(given, what):
    with pytest.raises(cv.InputError, match=what):
        Match(**given)


def test_what_comes_from_upstream_must_be_there():
    for matrix in ("match_twiss", "phase_trombone"):
        with pytest.raises(cv.InputError, match="upstream; say those at the start"):
            tracked(Match(matrix=matrix, dphi_a=0.1))
        with pytest.raises(cv.InputError, match="reversed"):
            tracked(Match(matrix=matrix, orientation=-1))
    with pytest.raises(cv.InputError, match="reversed"):
        tracked(Match(kick0="match_orbit", orientation=-1))


BEGINNING = (
    "beginning[beta_a] = 8\nbeginning[alpha_a] = -0.6\nbeginning[beta_b] = 5\nbeginning[alpha_b] = 0.3\n"
    "beginning[eta_x] = 0.2\nbeginning[cmat_12] = 0.1\n"
)


def at_match(lattice: cv.Lattice) -> tuple[dict[str, float], dict[str, float]]:
    """Return the Twiss parameters before and after the match of :func:`written`."""
    table = twiss(lattice)
    return at(table, 4), at(table, 5)


def test_reading_matches_the_optics_upstream(tmp_path):
    match = "match, matrix = match_twiss, beta_a1 = 3, beta_b1 = 7, alpha_b1 = -0.4, eta_y1 = 0.1, c11_mat1 = 0.2"
    lattice = cv.load(written(tmp_path, match, BEGINNING))
    _, after = at_match(lattice)
    wanted = {"beta_a": 3.0, "alpha_a": 0.0, "beta_b": 7.0, "alpha_b": -0.4, "eta_x": 0.0, "eta_y": 0.1, "c11_mat": 0.2}
    assert {name: after[name] for name in wanted} == pytest.approx(wanted, abs=1e-13)
    assert lattice["e"].matrix == "match_twiss"


def test_reading_makes_a_trombone_of_the_optics_upstream(tmp_path):
    lattice = cv.load(written(tmp_path, "match, matrix = phase_trombone, dphi_a = 0.3, dphi_b = 1.1", BEGINNING))
    before, after = at_match(lattice)
    assert abs(before["c12_mat"]) > 0.03
    assert after == pytest.approx(before, abs=1e-13)
    place = lattice.names.index("e")
    matrix = lattice[place : place + 1].transfer_matrix()[:4, :4]
    phases = np.sort(np.angle(np.linalg.eigvals(matrix)))
    np.testing.assert_allclose(phases, [-1.1, -0.3, 0.3, 1.1], atol=1e-13)


def test_where_there_are_no_optics_upstream_nothing_is_matched(tmp_path):
    match = "match, matrix = match_twiss, beta_a1 = 3, beta_b1 = 7"
    assert cv.load(written(tmp_path, match))["e"].matrix == "identity"
    file = written(tmp_path, match, BEGINNING)
    file.write_text(file.read_text().replace("= open", "= closed"))
    with pytest.raises(cv.LatticeError, match="closed lattice"):
        cv.load(file)
    file.write_text(file.read_text().replace("= match_twiss", "= phase_trombone"))
    assert abs(cv.load(file).transfer_matrix()[0, 1]) > 0  # a trombone that turns nothing


# -------------------------------------------------------------------- Taylor maps


def test_terms_take_the_place_of_those_of_the_unit_map():
    orbit = {"x_ref": 1e-3, "pz_ref": 2e-3, "py_ref": -1e-3}
    taylor = Taylor(
        terms={"tt1": 1e-3, "tt11": 0.9, "tt12": 2.0, "tt2336": 2.7, "tt3": -1e-4, "tt33": 0.0, "tt6": 0.1}, **orbit
    )
    x, px, y, py, z, pz = START - np.array([[1e-3], [0], [0], [-1e-3], [0], [2e-3]])
    truth = [1e-3 + 0.9 * x + 2 * px, px + 2.7 * y * y * pz, -1e-4 + 0 * y, py, z, pz + 0.1]
    np.testing.assert_allclose(tracked(taylor), truth, rtol=0, atol=1e-17)
    same = Taylor(terms={"tt2633": 2.7})
    np.testing.assert_array_equal(tracked(same), tracked(Taylor(terms={"tt2336": 2.7})))


def test_a_reversed_taylor_map_is_that_of_particles_along_the_line():
    values = {"length": 0.5, "terms": {"tt1": 1e-4, "tt12": 0.5, "tt2336": 2.7}, "x_ref": 1e-4, "delta_e_ref": 1e7}
    np.testing.assert_array_equal(tracked(Taylor(**values, orientation=-1)), tracked(Taylor(**values)))
    turned, mirrored = ({"x_offset": 1e-3, "x_pitch": sign * 2e-3, "z_offset": sign * 1e-2, "tilt": 0.3} for sign in (1, -1))
    np.testing.assert_array_equal(tracked(Taylor(**values, **turned, orientation=-1)), tracked(Taylor(**values, **mirrored)))


def test_a_taylor_map_has_its_time_and_energy():
    taylor = Taylor(length=0.5, delta_e_ref=1e7, delta_ref_time=1e-9)
    result = out(taylor)
    np.testing.assert_array_equal(np.array(result.coordinates), START)
    assert result.reference.energy == pytest.approx(REFERENCE.energy + 1e7, rel=1e-15)
    assert result.reference.t == pytest.approx(0.5 / (result.reference.beta * C_LIGHT), rel=1e-14)
    assert out(Taylor(delta_ref_time=1e-9)).reference.t == 1e-9
    np.testing.assert_array_equal(tracked(Taylor(terms={"tt11": 2.0}, is_on=False)), START)


def test_slices_of_a_map_do_together_what_the_whole_does():
    taylor = Taylor(length=0.5, terms={"tt12": 0.5, "tt2113": -3.0}, x_offset=1e-3, x_pitch=2e-3, tilt=0.3)
    pieces = [taylor.cut(a, b) for a, b in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5))]
    np.testing.assert_allclose(tracked(*pieces), tracked(taylor), rtol=0, atol=1e-16)


@pytest.mark.parametrize(
    ("terms", "what"),
    [({"tt71": 1.0}, "digits"), ({"x": 1.0}, "digits"), ({"tt112": 1.0, "tt121": 2.0}, "same term"), ({"tt1": "a"}, "finite")],
)
def test_terms_that_make_no_sense_are_refused(terms, what):
    with pytest.raises(cv.InputError, match=what):
        Taylor(terms=terms)


def test_reading_terms_in_all_their_forms(tmp_path):
    taylor = (
        "taylor, l = 0.5, {1: 1e-4 |}, {2: -k*atan2(1, 2) | 3 36}, {4: 2*k, 0 0 2 0 0 1}, tt53 = k^2, {S1 1 |},\n"
        " ttSx13 = 0.4, {6: (1 + k)/2,\n 1 0 0 0 0 1}, ref_orbit = (0.01, 0, -k, 0.001, 0, 0.2), tracking_method = taylor"
    )
    file = written(tmp_path, taylor, "k = 3")
    file.write_text(file.read_text() + "e[tt12] = 0.25\n")
    element = cv.load(file)["e"]
    terms = {"tt1": 1e-4, "tt2336": -3 * np.arctan2(1, 2), "tt4336": 6.0, "tt53": 9.0, "tt616": 2.0, "tt12": 0.25}
    assert dict(element.terms) == terms
    assert (element.x_ref, element.y_ref, element.py_ref, element.pz_ref) == (0.01, -3.0, 0.001, 0.2)
    assert element.metadata == {"tts1": 1.0, "ttsx13": 0.4}
    assert str(registry().method_of(element)) == "bmad_standard"


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ("{7: 1 | 2}", "no term"),
        ("{1: 1, 1 0 0 0 0}", "no term"),
        ("{1: kk | 1}", "'kk' is not defined"),
        ("{1: 1 +* 2 | 1}", "unexpected"),
        ("ref_orbit = (1, 2)", "6 numbers"),
        ("x_ref = (1, 2)", "one value"),
        ("tt17 = 1", "no attribute 'tt17'"),
        ("terms = 1", "no attribute 'terms'"),
    ],
)
def test_terms_that_cannot_be_read_are_refused_where_they_stand(attributes, what, tmp_path):
    with pytest.raises(cv.LatticeError, match=what) as error:
        cv.load(written(tmp_path, f"taylor, {attributes}"))
    assert error.value.line == 8


def test_json_keeps_terms(tmp_path):
    lattice = cv.Lattice([Taylor(name="t", length=0.1, terms={"tt2336": 2.7, "tt1": 1e-4}), Patch(**FRAME), Match(**TWISS)])
    cv.save(lattice, tmp_path / "lattice.json")
    assert cv.load(tmp_path / "lattice.json") == lattice


# -------------------------------------------------------------------- places with a name


@pytest.mark.parametrize("kind", [FloorShift, Fiducial, Fork, PhotonFork, Fixer, Mask])
@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick", "linear"])
def test_places_leave_particles_alone(kind, method):
    misplaced = kind(x_offset=1e-2, x_pitch=0.1, tilt=0.3, tracking_method=method)
    atol = 1e-16 if kind is Mask else 0
    np.testing.assert_allclose(tracked(misplaced), START, rtol=0, atol=atol)


def test_a_floor_shift_only_adds_length():
    shift = FloorShift(length=3.2, x_pitch=0.3)
    result = out(shift)
    np.testing.assert_array_equal(np.array(result.coordinates), START)
    assert result.reference.s == 3.2
    first, second = shift.cut(0.0, 1.0), shift.cut(1.0, 3.2)
    assert (first.x_pitch, second.x_pitch) == (0.3, 0.0)


def test_a_mask_has_the_opening_of_its_limits():
    start = np.zeros((6, 3))
    start[0] = [0.0, 1.9e-3, 2.1e-3]
    assert out(Mask(x_limit=2e-3), start=start).alive.tolist() == [True, True, False]
    assert out(Mask(x_limit=2e-3, x_offset=1e-3), start=start).alive.tolist() == [True, True, True]
    with pytest.raises(cv.InputError, match="wall"):
        Mask(wall="{section = {}}")


def test_reading_places(tmp_path):
    said = "fork, to_line = other, to_element = there, direction = -1, new_branch = F"
    fork = cv.load(written(tmp_path, said, "there: marker; other: line = (there)"))["e"]
    assert (fork.kind, fork.to_line, fork.to_element, fork.direction, fork.new_branch) == ("Fork", "other", "there", -1, False)
    fixer = cv.load(written(tmp_path, "fixer, beta_a_stored = 11.37, cmat_12_stored = 0.1"))["e"]
    assert (fixer.beta_a_stored, fixer.cmat_12_stored, fixer.is_on) == (11.37, 0.1, False)
    fiducial = cv.load(written(tmp_path, "fiducial, origin_ele = q, dx_origin = 1"))["e"]
    assert (fiducial.origin_ele, fiducial.dx_origin) == ("q", 1.0)
    with pytest.raises(cv.LatticeError, match="wall"):
        cv.load(written(tmp_path, "mask, wall = {section = {type = clear}}"))
    with pytest.raises(cv.InputError, match="direction"):
        Fork(direction=2)
