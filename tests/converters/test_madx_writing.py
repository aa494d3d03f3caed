"""MAD-X lattice files that Caraval writes: they say the same as the lattice, or what they cannot say is listed."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import LatticeError
from tests.converters import round_trips
from tests.converters.round_trips import SAME, through

ELECTRON = cv.Reference("electron", 1e8)

WINDOWS = "px_aperture_width2 py_aperture_width2 pz_aperture_width2"
"""Limits of momenta."""

LOST = {
    "ABMultipole": "ABMultipole tracking_method",
    "ACKicker": "ACKicker",
    "BeamBeam": "BeamBeam beta_a_strong beta_b_strong crossing_time ks n_slice tracking_method",
    "CrabCavity": "hkick multipoles orientation phi0_autoscale tracking_method vkick",
    "Drift": "tracking_method",
    "ECollimator": f"hkick {WINDOWS} tracking_method vkick z_aperture_width2",
    "ELSeparator": "elec fringe_at multipoles tracking_method",
    "Fiducial": "Fiducial",
    "Fixer": "Fixer",
    "FloorShift": "FloorShift",
    "Fork": "Fork",
    "GKicker": "GKicker",
    "HKicker": "elec multipoles tracking_method",
    "Instrument": "hkick tracking_method vkick",
    "Kicker": "elec multipoles tracking_method",
    "LCavity": "LCavity orientation",
    "Marker": "tracking_method",
    "Mask": "Mask",
    "Match": "Match",
    "Monitor": "hkick tracking_method vkick",
    "Multipole": "Multipole tracking_method",
    "Octupole": "elec tracking_method",
    "Patch": "Patch against e_tot_offset length t_offset tracking_method",
    "PhotonFork": "PhotonFork",
    "Pipe": "tracking_method",
    "Quadrupole": "elec fringe_type tracking_method",
    "RCollimator": f"hkick {WINDOWS} tracking_method vkick z_aperture_width2",
    "RFCavity": "coupler_angle coupler_at coupler_phase coupler_strength hkick multipoles tracking_method vkick",
    "SBend": "SBend curvature elec fintx fringe_type hgapx is_on tracking_method x_pitch y_pitch",
    "SadMult": "SadMult",
    "Sextupole": "elec fringe_type tracking_method",
    "SolQuad": "SolQuad",
    "Solenoid": "elec tracking_method",
    "Taylor": "delta_e_ref delta_ref_time px_ref py_ref pz_ref tracking_method tt3336 x_ref y_ref z_ref",
    "ThickMultipole": "ThickMultipole",
    "Undulator": "Undulator",
    "VKicker": "elec multipoles tracking_method",
    "Wiggler": "Wiggler",
}
"""What changes the tracking and MAD-X cannot say, by kind. (A `tracking_method` is none of a lattice's there; kinds that are
markers to the beam are lost with `linear` and a length alone.)"""


def line(*elements: cv.Element, **changes: object) -> cv.Lattice:
    return cv.Lattice(elements, **{"reference": ELECTRON, **changes})  # type: ignore[arg-type]


def said(folder: Path, *elements: cv.Element, **changes: object) -> list[str]:
    """The statements of a file, one in a row."""
    cv.save(line(*elements, **changes), folder / "out.madx", on_unsupported="drift")
    text = (folder / "out.madx").read_text().partition("\n\n")[2]
    return [" ".join(statement.split()) for statement in text.split(";")]


LONG = ("Undulator", "Wiggler")
"""Kinds whose every field makes a map of second order."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in LONG else []) for kind in LOST])
def test_every_field_of_every_kind(kind: str, tmp_path: Path) -> None:
    lost, wrong = round_trips.kind_through(kind, tmp_path / "out.madx")
    assert wrong == []
    assert sorted(lost) == sorted(LOST[kind].split())


# -------------------------------------------------------------------- what MAD-X reads, by hand


@pytest.mark.parametrize(
    ("element", "text"),
    [
        (cv.Quadrupole(name="q", length=0.5, k1=1.25), "q: quadrupole, l = 0.5, k1 = 1.25"),
        (cv.Sextupole(name="q", length=0.5, k2=-8.0, tilt=0.5), "q: sextupole, l = 0.5, k2 = -8.0, tilt = 0.5"),
        # k2 l = 2 b2, relative to k1 l = 0.5 at 1 m
        (cv.Quadrupole(name="q", length=0.5, k1=1.0, b2=3.0), "q: quadrupole, l = 0.5, k1 = 1.0, knl = {0.0, 0.0, 3.0}"),
        (cv.Octupole(name="q", length=0.5, a1=0.5, scale_multipoles=False), "q: octupole, l = 0.5, ksl = {0.0, 0.5}"),
        # a kick moves px by hkick, and px by -knl[0]
        (cv.Quadrupole(name="q", length=0.5, hkick=1e-3), "q: quadrupole, l = 0.5, knl = {-0.001}"),
        (
            cv.SBend(name="b", length=2.0, angle=0.5, dg=0.25, e1=0.1, hgap=0.02, fint=0.4, fringe_at="exit_end"),
            "b: sbend, l = 2.0, angle = 0.5, e1 = 0.1, hgap = 0.02, fint = 0.4, k0 = 0.5, kill_ent_fringe = true",
        ),
        # 90 degrees behind the crest of Bmad's sine is nothing; MAD-X counts the other way round
        (
            cv.RFCavity(name="c", length=1.0, voltage=2e6, phi0=0.1, rf_frequency=5e8),
            "c: rfcavity, l = 1.0, volt = 2.0, lag = 0.4, freq = 500.0",
        ),
        (cv.Multipole(name="m", k1l=0.5, k2sl=0.25), "m: multipole, knl = {0.0, 0.5, 0.0}, ksl = {0.0, 0.0, 0.25}"),
        # the entrance of a magnet that is turned about its middle is off
        (
            cv.Solenoid(name="s", length=2.0, ks=0.5, x_pitch=pi / 6),
            "s: solenoid, l = 2.0, ks = 0.5, dx = -0.49999999999999994, ds = 0.1339745962155613, dtheta = 0.5235987755982988",
        ),
        (
            cv.Monitor(name="m", x_limit=0.02, y_limit=0.01),
            "m: monitor, apertype = \"rectangle\", aperture = {0.02, 0.01}",
        ),
        (cv.Quadrupole(name="q", length=0.5, k1=1.0, is_on=False), "q: drift, l = 0.5"),
        (cv.Quadrupole(name="q", length=0.5, k1=1.0, orientation=-1), "q: quadrupole, l = 0.5, k1 = -1.0"),
        (cv.Patch(name="p", tilt=0.1), "p: srotation, angle = 0.1"),
        (cv.Patch(name="p", y_pitch=0.1), "p: xrotation, angle = -0.1"),
    ],
)  # fmt: skip
def test_elements(element: cv.Element, text: str, tmp_path: Path) -> None:
    assert said(tmp_path, element)[1] == text


def test_beam_and_line(tmp_path: Path) -> None:
    found = said(tmp_path, cv.Drift(name="d", length=1.0), name="ring", reference=cv.Reference("positron", 2.5e9))
    assert found == [
        'beam, particle = "positron", pc = 2.5',
        "d: drift, l = 1.0",
        "ring: line = ( d)",
        "use, sequence = ring",
        "",
    ]


@pytest.mark.parametrize(
    "species", ["electron", "antiproton", "muon", cv.Species("#12C+6", 1.1e10, 6), cv.Species("ion", 1e9, 2)]
)
def test_reference(species: Any, tmp_path: Path) -> None:
    reference = cv.Reference(species, 1.2345678901234567e9)
    back, _ = through(line(cv.Drift(name="d", length=1.0), reference=reference), tmp_path / "out.madx")
    assert back.reference.p0c == pytest.approx(reference.p0c, rel=SAME)  # by way of the energy
    assert back.reference.species.mass == pytest.approx(reference.species.mass, rel=1e-15)
    assert back.reference.species.charge == reference.species.charge


def test_openings_at_exits_are_collimators(tmp_path: Path) -> None:
    q = cv.Quadrupole(name="q", length=0.5, k1=1.0, x1_limit=0.01, x2_limit=0.02, aperture_at="both_ends")
    found = said(tmp_path, q)
    opening = 'apertype = "rectangle", aperture = {0.015, 999.0}, aper_offset = {0.005, 0.0}'
    assert found[1:3] == [f"q: quadrupole, l = 0.5, k1 = 1.0, {opening}", f"q_out: rcollimator, {opening}"]


def test_names(tmp_path: Path) -> None:
    names = ["Q 1", "e", "quadrupole", "1b", "$x", "", "use"]
    back, losses = through(line(*(cv.Drift(name=n, length=1.0 + i) for i, n in enumerate(names))), tmp_path / "out.madx")
    assert [element.length for element in back if element.length] == [1.0 + i for i in range(len(names))]
    assert {loss.value for loss in losses if loss.attribute == "name"} == set(names)


def test_names_that_repeat(tmp_path: Path) -> None:
    q = cv.Quadrupole(name="q", length=0.1, k1=1.0)
    back, losses = through(line(q, q.replace(k1=2.0), q), tmp_path / "out.madx")
    assert back.names[1:-1] == ["q", "q_2", "q"]
    assert [(loss.element, loss.attribute, loss.instead) for loss in losses] == [("q", "name", "called q_2")]


def test_markers_at_the_ends_stay_two(tmp_path: Path) -> None:
    lattice, _ = through(line(cv.Drift(name="d", length=1.0), name="ring"), tmp_path / "out.madx")
    again, losses = through(lattice, tmp_path / "out.madx")
    assert again.names == lattice.names == ["ring$start", "d", "ring$end"]
    assert losses == ()


def test_what_is_lost_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9)
    with pytest.raises(LatticeError, match="c: LCavity changes the tracking and cannot be carried"):
        cv.save(line(cavity), tmp_path / "out.madx")
    assert list(tmp_path.iterdir()) == []
    losses = cv.save(line(cavity), tmp_path / "out.madx", on_unsupported="drift")
    assert [(loss.element, loss.value, loss.instead, loss.is_physics) for loss in losses] == [("c", "LCavity", "a drift", True)]


def test_what_the_lattice_says_besides(tmp_path: Path) -> None:
    d = cv.Drift(name="d", length=1.0, metadata={"origin": "there", "type": "pipe"})
    reference = cv.Reference("electron", 1e8, s=2.0)
    lattice = line(d, geometry="closed", beginning={"beta_a": 1.0}, metadata={"title": "t"}, reference=reference)
    back, losses = through(lattice, tmp_path / "out.madx")
    assert back["d"].metadata == {"type": "pipe"}
    assert {loss.attribute: loss.value for loss in losses} == {
        "origin": "there", "s": 2.0, "geometry": "closed", "beta_a": 1.0, "title": "t",
    }  # fmt: skip


def test_maps_with_constants(tmp_path: Path) -> None:
    """To second order a map and its coordinates change together without rest, if it keeps the origin."""
    rng = np.random.default_rng(1)
    terms = {f"tt{i}{j}": float(rng.normal()) for i in range(1, 7) for j in range(1, 7)}
    terms |= {f"tt{i}{j}{k}": float(rng.normal()) for i in range(1, 7) for j in range(1, 7) for k in range(j, 7)}
    slow = cv.Reference("proton", 3e8)
    for constants in ({}, {"tt1": 1e-3, "tt4": -1e-4}):
        taylor = cv.Taylor(name="t", length=0.5, terms={**terms, **constants})
        back, losses = through(line(taylor, reference=slow), tmp_path / "out.madx")
        assert losses == ()
        for name, value in taylor.terms.items():
            assert back["t"].terms.get(name, 0.0) == pytest.approx(value, rel=1e-12, abs=1e-12)
