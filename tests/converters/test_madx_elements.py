"""What elements, beams, errors and edits of MAD-X become."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.optics import survey

Load = Callable[..., cv.Lattice]

ON_AXIS = np.zeros((6, 1))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, beam: str = "beam, particle=proton, pc=2;", **options: Any) -> cv.Lattice:
        path = tmp_path / "lattice.madx"
        path.write_text(f"{beam}\n{text}")
        return cv.load(path, **options)

    return load


@pytest.fixture
def made(load: Load) -> Callable[..., Any]:
    """Make one element of a class and its attributes."""

    def made(definition: str, before: str = "", **options: Any) -> Any:
        return load(f"{before} e: {definition}; l: line=(e); use, sequence=l;", **options)["e"]

    return made


def off(element: Any) -> dict[str, Any]:
    """The fields of an element that are not as by default."""
    defaults = type(element).schema().defaults
    fields = {**element.parameters, **element.options}
    return {name: value for name, value in fields.items() if value != defaults[name] and name not in ("name", "metadata")}


# -------------------------------------------------------------------- kinds and strengths


@pytest.mark.parametrize(
    ("definition", "kind", "expected"),
    [
        ("drift, l=2", "Drift", {"length": 2}),
        ("marker", "Marker", {}),
        ("monitor, l=0.1", "Monitor", {"length": 0.1}),
        ("hmonitor", "Monitor", {}),
        ("placeholder, l=1", "Instrument", {"length": 1}),
        ("quadrupole, l=1, k1=2, tilt=0.1", "Quadrupole", {"length": 1, "k1": 2, "tilt": 0.1}),
        ("quadrupole, l=1, k1=2, ktap=0.1", "Quadrupole", {"length": 1, "k1": 2.2}),
        ("quadrupole, l=1, k1s=2", "Quadrupole", {"length": 1, "k1": 2, "tilt": -pi / 4}),
        ("sextupole, l=1, k2s=-3, tilt=1", "Sextupole", {"length": 1, "k2": -3, "tilt": 1 - pi / 6}),
        ("octupole, l=1, k3=3, knl={0, 0.5}", "Octupole", {"length": 1, "k3": 3, "b1": 0.5, "scale_multipoles": False}),
        ("multipole, knl={0, 1, 2}, ksl={0, 0, 3}", "Multipole", {"k1l": 1, "k2l": 2, "k2sl": 3, "t1": 0, "t2": 0}),
        ("multipole, knl={0.1}, tilt=0.2", "Multipole", {"k0l": 0.1, "t0": 0.2, "k0l_status": "bends_reference"}),
        ("solenoid, l=1, ks=0.2", "Solenoid", {"length": 1, "ks": 0.2}),
        ("hkicker, l=1, kick=1e-3, tilt=0.1", "HKicker", {"length": 1, "kick": 1e-3, "tilt": 0.1}),
        ("vkicker, kick=1e-3", "VKicker", {"kick": 1e-3}),
        ("hkicker, hkick=1e-3, chkick=1e-4", "HKicker", {"kick": 1.1e-3}),
        ("vkicker, kick=1e-3, vkick=2e-3", "VKicker", {"kick": 1e-3}),
        ("kicker, hkick=1e-3, vkick=-2e-3", "Kicker", {"hkick": 1e-3, "vkick": -2e-3}),
        ("tkicker, l=1, vkick=2e-3", "Kicker", {"length": 1, "vkick": 2e-3}),
        ("sbend, l=2, angle=0.1, e1=0.01, k1=3", "SBend", {"length": 2, "angle": 0.1, "e1": 0.01, "k1": 3}),
        ("sbend, l=2, angle=0.1, k0=0.06", "SBend", {"length": 2, "angle": 0.1, "dg": 0.01}),
        ("sbend, l=2, angle=0.1, fint, hgap=0.02", "SBend", {"length": 2, "angle": 0.1, "fint": 0.5, "hgap": 0.02}),
        ("sbend, l=2, angle=0.1, fint=0.4, fintx=0", "SBend", {"length": 2, "angle": 0.1, "fint": 0.4, "fintx": 0}),
        ("sbend, l=2, angle=0.1, k1s=3, k3=6", "SBend",
         {"length": 2, "angle": 0.1, "a1": 6, "b3": 2, "scale_multipoles": False}),
        ("sbend, l=2, angle=0.1, kill_exi_fringe", "SBend",
         {"length": 2, "angle": 0.1, "fringe_at": "entrance_end"}),
        ("rbend, l=2, angle=0.1, e1=0.01, tilt=1", "SBend",
         {"length": 0.1 / sin(0.05), "angle": 0.1, "e1": 0.06, "e2": 0.05, "ref_tilt": 1}),
        ("dipedge, h=0.1, e1=0.2, fint=0.5, hgap=0.01", "SBend",
         {"dg": 0.1, "e1": 0.2, "fint": 0.5, "hgap": 0.01, "fringe_type": "linear_edge", "fringe_at": "entrance_end"}),
        ("rfcavity, volt=2, lag=0.1, freq=400", "RFCavity", {"voltage": 2e6, "phi0": 0.4, "rf_frequency": 4e8}),
        ("crabcavity, l=1, volt=2, lag=0.1, freq=400", "CrabCavity",
         {"length": 1, "voltage": 2e6, "phi0": 0.4, "rf_frequency": 4e8}),
        ("srotation, angle=0.1", "Patch", {"tilt": 0.1}),
        ("xrotation, angle=0.1", "Patch", {"y_pitch": -0.1}),
        ("yrotation, angle=0.1", "Patch", {"x_pitch": 0.1}),
        ("translation, dx=1, dy=2, ds=3", "Patch", {"x_offset": 1, "y_offset": 2, "z_offset": 3, "user_sets_length": True}),
    ],
)  # fmt: skip
def test_elements(made: Callable[..., Any], definition: str, kind: str, expected: dict[str, Any]) -> None:
    element = made(definition)
    assert element.kind == kind
    found = off(element)
    assert set(found) == {name for name, value in expected.items() if value != 0 or name in found}
    for name, value in found.items():
        assert value == (pytest.approx(expected[name], rel=1e-14) if type(value) is float else expected[name]), name


def test_length_of_rectangular_bends(made: Callable[..., Any]) -> None:
    assert made("rbend, l=2, angle=0.1", "option, rbarc=false;").length == 2
    assert made("rbend, l=2, angle=0.1", "option, -rbarc; option, rbarc;").length == pytest.approx(0.1 / sin(0.05), rel=1e-15)


def test_frequency_from_harmonic(load: Load) -> None:
    lattice = load("c: rfcavity, volt=1, harmon=10; d: drift, l=100; l: line=(c, d); use, sequence=l;")
    beta = lattice.reference.beta
    assert lattice["c"].rf_frequency == pytest.approx(10 * beta * 299792458 / 100, rel=1e-14)


def test_separator(load: Load) -> None:
    """A positive field pushes protons to positive x, electrons to negative x; a thin one has integrated fields."""
    text = "e: elseparator, l=2, ex=0.5; t: elseparator, ey_l=1; l: line=(e, t); use, sequence=l;"
    for beam, sign in (("beam, particle=proton, pc=10;", 1), ("beam, particle=electron, pc=10;", -1)):
        lattice = load(text, beam)
        scale = 1e6 / (lattice.reference.p0c * lattice.reference.beta)  # force times time over momentum
        out = lattice.track(cv.ParticleBeam(*ON_AXIS, reference=lattice.reference))
        assert out.px[0] == pytest.approx(sign * scale, rel=1e-4)
        assert out.py[0] == pytest.approx(sign * scale, rel=1e-4)


def test_thin_dipoles_focus(load: Load) -> None:
    text = "m: multipole, knl={0.1}, ksl={0.2}, lrad=2; l: line=(m); use, sequence=l;"
    with_length, plain = load(text), load("option, thin_foc=false;" + text)
    assert with_length.names == ["l$start", "m", "m_focus", "l$end"]
    assert plain.names == ["l$start", "m", "l$end"]
    focus = with_length.transfer_matrix() - plain.transfer_matrix()
    np.testing.assert_allclose(focus[[1, 1, 3, 3], [0, 2, 0, 2]], [-0.005, 0.01, 0.01, -0.02], atol=1e-15)


def test_thin_dipoles_may_turn_the_line_by_another_angle(load: Load) -> None:
    """What is missing of the angle kicks, and the line turns by all of it, in the plane of the tilt: as in MAD-X 5.09."""
    lattice = load("m: multipole, knl={0.2}, angle=0.3, lrad=2, tilt=pi/2; l: line=(m); use, sequence=l;")
    out = lattice.track(cv.ParticleBeam(x=[0.0, 0.0], y=[0.0, 1e-3], pz=[1e-3, 0.0], reference=lattice.reference))
    np.testing.assert_allclose(out.py, [0.1 + 0.2e-3, 0.1 - 1e-3 * 0.2 * 0.3 / 2], rtol=0, atol=1e-15)
    np.testing.assert_allclose(out.px, 0.0, atol=1e-15)
    assert survey(lattice).phi[-1] == pytest.approx(-0.3, abs=1e-15)
    assert lattice.geometry == "open"


def test_thin_solenoid_is_the_limit_of_a_thick_one(load: Load) -> None:
    thin = load("s: solenoid, ks=500, ksi=5e-2; l: line=(s); use, sequence=l;").transfer_matrix()
    thick = load("s: solenoid, l=1e-4, ks=500; l: line=(s); use, sequence=l;").transfer_matrix()
    np.testing.assert_allclose(thin[:4, :4], thick[:4, :4], rtol=1e-2, atol=2e-4)


def test_matrix(load: Load) -> None:
    """A map in t and pt is the same one in z and pz, to second order."""
    lattice = load(
        "m: matrix, l=2, rm12=2, rm16=0.3, rm51=0.1, rm56=-0.4, kick2=1e-4, tm116=0.7, tm556=5; l: line=(m); use, sequence=l;"
    )
    reference = lattice.reference
    beta = reference.beta
    x, px, t, pt = 1e-4, 2e-4, 3e-4, 4e-4
    pz = sqrt(1 + 2 * pt / beta + pt**2) - 1
    start = [x, px, 0, 0, t * (1 + pz) / (1 / beta + pt), pz]
    out = lattice.track(cv.ParticleBeam(*np.array(start)[:, None], reference=reference))
    pt_out = sqrt((1 + out.pz[0]) ** 2 + 1 / beta**2 - 1) - 1 / beta
    t_out = out.z[0] * (1 / beta + pt_out) / (1 + out.pz[0])
    expected = [x + 2 * px + 0.3 * pt + 0.7 * x * pt, px + 1e-4, 0.1 * x + t - 0.4 * pt + 5 * t * pt, pt]
    np.testing.assert_allclose([out.x[0], out.px[0], t_out, pt_out], expected, rtol=0, atol=1e-9)
    assert lattice.length == 2


def test_beam_beam(made: Callable[..., Any]) -> None:
    element = made("beambeam, sigx=1e-3, sigy=2e-3, xma=1e-4, npart=1e10, charge=1")
    beta = 2 / sqrt(4 + 0.93827208816**2)
    assert (element.sig_x, element.sig_y, element.x_offset, element.charge) == (1e-3, 2e-3, 1e-4, 1)
    assert element.n_particle == pytest.approx(1e10 * (1 + beta**2) / (2 * beta), rel=1e-9)


@pytest.mark.parametrize(
    ("aperture", "expected"),
    [
        ("apertype=circle, aperture={0.1}", ("elliptical", 0.1, 0.1, 0.1, 0.1)),
        ("aperture={0.1}", ("elliptical", 0.1, 0.1, 0.1, 0.1)),
        ("apertype=ellipse, aperture:={0.1, 0.2}", ("elliptical", 0.1, 0.1, 0.2, 0.2)),
        ("apertype=rectangle, aperture={0.1, 0.2}, aper_offset={0.03, 0}", ("rectangular", 0.07, 0.13, 0.2, 0.2)),
        ("apertype=rectellipse, aperture={1, 1, 0.1, 0.2}", ("elliptical", 0.1, 0.1, 0.2, 0.2)),
        ("apertype=rectellipse, aperture={0.1, 0.1, 1, 1}", ("rectangular", 0.1, 0.1, 0.1, 0.1)),
        ("apertype=racetrack, aperture={0.1, 0.2, 0, 0}", ("rectangular", 0.1, 0.1, 0.2, 0.2)),
        ("apertype=circle, aperture={0}", ("elliptical", 0, 0, 0, 0)),
    ],
)
def test_apertures(made: Callable[..., Any], aperture: str, expected: tuple[Any, ...]) -> None:
    element = made(f"collimator, l=1, {aperture}")
    limits = (element.x1_limit, element.x2_limit, element.y1_limit, element.y2_limit)
    assert (element.aperture_type, *limits) == (expected[0], *map(pytest.approx, expected[1:]))
    assert element.kind == ("RCollimator" if "rect" in aperture or "race" in aperture else "ECollimator")


# -------------------------------------------------------------------- misalignments and errors


def test_misalignment_turns_about_the_entrance(made: Callable[..., Any]) -> None:
    quadrupole = made("quadrupole, l=2, k1=1, dx=1e-3, ds=1e-4, dtheta=0.1, dphi=0.2, dpsi=0.3")
    assert (quadrupole.x_pitch, quadrupole.y_pitch, quadrupole.tilt) == (0.1, 0.2, 0.3)
    assert quadrupole.x_offset == pytest.approx(1e-3 + sin(0.1) * np.cos(0.2), rel=1e-14)
    assert quadrupole.y_offset == pytest.approx(sin(0.2), rel=1e-14)
    assert quadrupole.z_offset == pytest.approx(1e-4 + np.cos(0.1) * np.cos(0.2) - 1, rel=1e-12)


def test_assigned_errors(load: Load) -> None:
    text = """
        q: quadrupole, l=1; a: q; m: multipole, knl={0, 1}; l: line=(q, a, q, m); use, sequence=l;
        select, flag=error, class=q; ealign, dx=1e-3;
        select, flag=error, clear; select, flag=error, range=q[2]; ealign, dy=2e-3;
        select, flag=error, clear; select, flag=error, pattern="^m"; efcomp, dkn={0, 0.5}, dks:={0, 0, 3};"""
    lattice = load(text)
    assert [element.x_offset for element in lattice.elements[1:4]] == [1e-3, 1e-3, 0]
    assert [element.y_offset for element in lattice.elements[1:4]] == [0, 0, 2e-3]
    assert (lattice["m"].k1l, lattice["m"].k2sl) == (1.5, 3)
    assert not any(element.x_offset for element in load(text + "use, sequence=l;").elements)  # takes it as it was


def test_direction_turns_all_strengths(load: Load) -> None:
    text = "q: quadrupole, l=1, k1=2; b: sbend, l=1, angle=0.1, e1=0.2; k: hkicker, kick=1; c: rfcavity, lag=0.1;"
    text += "l: line=(q,b,k,c);"
    lattice = load(text, "beam, bv=-1, particle=proton, pc=2;")
    found = lattice["q"].k1, lattice["b"].angle, lattice["b"].e1, lattice["k"].kick, lattice["c"].phi0
    assert found == pytest.approx((-2, -0.1, -0.2, -1, 0.1))


# -------------------------------------------------------------------- beams


@pytest.mark.parametrize(
    ("beam", "species", "p0c"),
    [
        ("", "positron", sqrt(1 - 0.51099895e-3**2) * 1e9),
        ("beam, particle=electron, pc=1;", "electron", 1e9),
        ("beam, particle=proton, energy=2;", "proton", sqrt(4 - 0.93827208816**2) * 1e9),
        ("beam, particle=antiproton, gamma=3;", "antiproton", 0.93827208816e9 * sqrt(8)),
        ("beam, particle=proton, beta=0.6;", "proton", 0.93827208816e9 * 0.75),
        ("beam, particle=posmuon, brho=10;", "antimuon", 2.99792458e9),
        ("beam, particle=proton, pc=3, energy=2;", "proton", sqrt(4 - 0.93827208816**2) * 1e9),
        ("beam, particle=proton, energy=2; beam, ex=1;", "proton", sqrt(4 - 0.93827208816**2) * 1e9),
        ("beam, particle=electron, energy=9; resbeam;", "positron", sqrt(1 - 0.51099895e-3**2) * 1e9),
        ("beam, particle=electron, pc=1; beam, sequence=l, particle=electron, pc=2;", "electron", 2e9),
    ],
)
def test_beams(load: Load, beam: str, species: str, p0c: float) -> None:
    lattice = load("d: drift, l=1; l: line=(d); use, sequence=l;", beam)
    assert lattice.reference.species.name == species
    assert lattice.reference.p0c == pytest.approx(p0c, rel=1e-14)


def test_ions(load: Load) -> None:
    lattice = load("d: drift, l=1; l: line=(d);", "beam, particle=lead, mass=193.7, charge=82, energy=1000;")
    assert (lattice.reference.species.name, lattice.reference.species.charge) == ("lead", 82)
    assert lattice.reference.species.mass == pytest.approx(193.7e9)


@pytest.mark.parametrize(
    ("beam", "mass", "charge"),
    [
        ("beam, mass=2, charge=-1, energy=3;", 2, -1),
        ("beam, particle=proton; beam, mass=2, energy=3;", 2, 1),
        ("beam, mass=2, charge=-1, energy=3; beam, mass=1.5;", 1.5, 1),
        ("beam, mass=2, energy=3; beam, charge=3;", 2, 1),
        ("beam, particle=ion, mass=2, charge=3, energy=5; beam, energy=6;", 2, 3),
        ("beam, particle=ion, mass=2, charge=3, energy=5; beam, charge=2;", 2, 2),
        ("beam, particle=foo, mass=2, charge=3, energy=5; beam, charge=2;", 2, 3),
        ("beam, particle=foo, mass=2, charge=3, energy=5; beam, particle=bar;", 0.51099895e-3, 1),
        ("beam, charge=2, energy=3;", 0.51099895e-3, 1),
    ],
)
def test_masses_that_are_given(load: Load, beam: str, mass: float, charge: float) -> None:
    """As MAD-X 5.09.03 has them."""
    species = load("d: drift, l=1; l: line=(d); use, sequence=l;", beam).reference.species
    assert species.mass == pytest.approx(mass * 1e9, rel=1e-8)
    assert species.charge == charge


def test_rings_are_closed(load: Load) -> None:
    cell = "b: sbend, l=1, angle={}; d: drift, l=1; l: line=({}*(b, d)); use, sequence=l;"
    assert load(cell.format("twopi/8", 8)).geometry == "closed"
    assert load(cell.format("twopi/8", 7)).geometry == "open"


# -------------------------------------------------------------------- editing


EDITED = """
    q: quadrupole, l=1; m: marker;
    s: sequence, l=10; a: q, at=2; b: q, at=3, from=a; c: m, at=8; endsequence;
    seqedit, sequence=s; {} endedit; use, sequence=s;"""


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ("flatten;", "a@2 b@5 c@8"),
        ("install, element=n, class=m, at=1, from=b;", "a@2 b@5 n@6 c@8"),
        ("install, element=n, class=q, at=9;", "a@2 b@5 c@8 n@9"),
        ("remove, element=a;", "b@5 c@8"),
        ("remove, element=nosuch;", "a@2 b@5 c@8"),
        ("select, flag=seqedit, class=q; remove, element=selected;", "c@8"),
        ('select, flag=seqedit, pattern="^[ac]$"; remove, element=selected;', "b@5"),
        ("select, flag=seqedit, range=b/#e; remove, element=selected;", "a@2"),
        ("move, element=a, by=1;", "a@3 b@6 c@8"),
        ("move, element=c, to=1;", "c@1 a@2 b@5"),
        ("move, element=c, to=1, from=a;", "a@2 c@3 b@5"),
        ("replace, element=c, by=q;", "a@2 b@5 q@8"),
        ("flatten; reflect;", "c@2 b@5 a@8"),
        ("flatten; cycle, start=c;", "c@0 a@4 b@7 sc_p_@10"),
    ],
)
def test_editing(load: Load, edits: str, expected: str) -> None:
    lattice = load(EDITED.format(edits))
    end, found = 0.0, []
    for element in lattice.elements[1:-1]:
        end += element.length
        if element.kind != "Drift":
            found.append(f"{element.name}@{end - element.length / 2:g}")
    assert " ".join(found) == expected


def test_extracts(load: Load) -> None:
    text = EDITED.format("install, element=n, class=m, at=3; flatten;") + "extract, sequence=s, from=n, to=c, newname=part;"
    lattice = load(text, line="part")
    assert lattice.names == ["part$start", "n", "drift_0", "b", "drift_1", "c", "part$end"]
    assert lattice.length == 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("knl = {1e-3}", (-1e-3, 0.0)),
        ("ksl = {1e-3}", (0.0, 1e-3)),
        ("knl = {1e-3}, pnl = {0.5}", (1e-3, 0.0)),
        ("knl = {1e-3}, pnl = {0.25}", (0.0, 0.0)),
        ("knl = {1e-3}, tilt = pi/2", (0.0, -1e-3)),
    ],
)
def test_rfmultipole_of_a_dipole(tmp_path: Path, given: str, expected: tuple[float, float]) -> None:
    """On the axis it kicks as a multipole does at that phase: ``dpx - i dpy = -(kn + i ks)``."""
    path = tmp_path / "rf.madx"
    path.write_text(f"beam, energy = 1;\nd: rfmultipole, {given}, freq = 12;\nl: line = (d);\nuse, sequence = l;\n")
    lattice = cv.load(path)
    assert lattice["d"].kind == "CrabCavity"
    out = lattice.track(cv.ParticleBeam(x=[0.0], reference=lattice.reference))
    np.testing.assert_allclose([out.px[0], out.py[0]], expected, rtol=0, atol=1e-18)


def test_macros_as_files_write_them(load: Load) -> None:
    text = "long(n) : macro = { a: drift, l=n; }; other : macro(n, m) = { b: drift, l=n.m; }; bare: macro { c: drift, l=3; };"
    text += "fewer(k, m): macro = { d: drift, l=k+m; };  m = 1;"
    lattice = load(
        f"{text} exec, long(1); exec, other(2, 5); exec, bare(9); exec, fewer(3); l: line=(a, b, c, d); use, sequence=l;"
    )
    assert [element.length for element in lattice.elements[1:5]] == [1.0, 2.5, 3.0, 4.0]
    assert [(loss.element, loss.value) for loss in lattice.losses] == [("bare", "9")]


def test_signs_between_the_items_of_a_line(load: Load) -> None:
    lattice = load("a: drift, l=1; b: quadrupole, l=2; p: line=(a, b); l: line=(p+a-p); use, sequence=l;")
    assert [element.name for element in lattice.elements[1:6]] == ["a", "b", "a", "b", "a"]


def test_misalignments_that_a_kind_has_not_are_losses(load: Load) -> None:
    text = "m: multipole, knl={0.1}, dx=0.1, dtheta=0.6; l: line=(m); use, sequence=l;"
    with pytest.raises(cv.LatticeError, match="x_pitch = "):
        load(text)
    lattice = load(text, on_unsupported="drift")
    assert lattice["m"].x_offset == 0.1
    assert [(loss.attribute, loss.value) for loss in lattice.losses] == [("x_pitch", 0.6)]
