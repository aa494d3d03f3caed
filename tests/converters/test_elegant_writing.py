"""elegant's lattice files that Caraval writes: they say the same as the lattice, or what they cannot say is listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import caraval as cv
from caraval.core.errors import LatticeError
from tests.converters import round_trips
from tests.converters.round_trips import MATRIX, SAME, through

ELECTRON = cv.Reference("electron", 1e8)

WINDOWS = "px_aperture_width2 py_aperture_width2 pz_aperture_width2"
"""Limits of momenta."""

LOST = {
    "ABMultipole": "ABMultipole tracking_method z_offset",
    "ACKicker": "ACKicker",
    "BeamBeam": "BeamBeam",
    "CrabCavity": "hkick multipoles orientation phi0_autoscale tracking_method vkick x_pitch y_pitch",
    "Drift": "tracking_method",
    "ECollimator": f"hkick {WINDOWS} tracking_method vkick z_aperture_width2",
    "ELSeparator": "ELSeparator",
    "Fiducial": "Fiducial",
    "Fixer": "Fixer",
    "FloorShift": "FloorShift",
    "Fork": "Fork",
    "GKicker": "GKicker",
    "HKicker": "elec multipoles tracking_method",
    "Instrument": "Instrument",
    "Kicker": "elec multipoles tracking_method",
    "LCavity": """
        coupler_angle coupler_at coupler_phase coupler_strength field_autoscale field_calc hkick ks multipoles n_rf_steps
        orientation phi0_err tilt tracking_method vkick voltage_err x_pitch y_pitch z_offset""",
    "Marker": "tracking_method",
    "Mask": "Mask",
    "Match": "Match",
    "Monitor": "hkick tracking_method vkick",
    "Multipole": "Multipole tracking_method z_offset",
    "Octupole": "elec hkick multipoles tracking_method vkick x_pitch y_pitch",
    "Patch": "Patch against e_tot_offset t_offset tracking_method x_offset x_pitch y_offset y_pitch",
    "PhotonFork": "PhotonFork",
    "Pipe": "Pipe",
    "Quadrupole": "elec fringe_type multipoles tracking_method",
    "RCollimator": f"hkick {WINDOWS} tracking_method vkick z_aperture_width2",
    "RFCavity": """
        coupler_angle coupler_at coupler_phase coupler_strength hkick multipoles tilt tracking_method vkick x_pitch y_pitch
        z_offset""",
    "SBend": "SBend curvature elec fintx fringe_type hgapx hkick is_on multipoles roll tracking_method vkick x_pitch y_pitch",
    "SadMult": "SadMult",
    "Sextupole": "elec fringe_type hkick multipoles tracking_method vkick x_pitch y_pitch",
    "SolQuad": "SolQuad",
    "Solenoid": "elec hkick multipoles tracking_method vkick x_pitch y_pitch",
    "Taylor": """
        delta_e_ref delta_ref_time px_ref py_ref pz_ref tracking_method tt216 tt3336 x_pitch x_ref y_pitch y_ref
        z_ref""",
    "ThickMultipole": "ThickMultipole",
    "Undulator": "Undulator g_max hkick is_on kx multipoles tracking_method vkick x_pitch y_pitch",
    "VKicker": "elec multipoles tracking_method",
    "Wiggler": "Wiggler g_max hkick is_on kx multipoles tracking_method vkick x_pitch y_pitch",
}
"""What changes the tracking and elegant cannot say, by kind: methods are those of its types, and kinds that are empty space to
the beam are lost with `linear` alone."""


def line(*elements: cv.Element, **changes: object) -> cv.Lattice:
    return cv.Lattice(elements, **{"reference": ELECTRON, **changes})  # type: ignore[arg-type]


def said(folder: Path, *elements: cv.Element) -> list[str]:
    """The definitions in a file, one in a row."""
    cv.save(line(*elements), folder / "out.lte", on_unsupported="drift")
    return [" ".join(row.split()) for row in (folder / "out.lte").read_text().replace("&\n", "").splitlines()[2:]]


@pytest.mark.parametrize("kind", LOST)
def test_every_field_of_every_kind(kind: str, tmp_path: Path) -> None:
    lost, wrong = round_trips.kind_through(kind, tmp_path / "out.lte")
    assert wrong == []
    assert sorted(lost) == sorted(LOST[kind].split())


KICKS = cv.KickDriftKick(order=4, num_steps=5)
FREE = cv.KickDriftKick(order=4, num_steps=5, split="free")


@pytest.mark.parametrize(
    ("element", "text"),
    [
        (cv.Drift(name="d", length=0.5), '"d": EDRIFT, L=0.5'),
        (cv.Quadrupole(name="Q", length=0.5, k1=1.25), '"Q": QUAD, L=0.5, K1=1.25'),
        (cv.Quadrupole(name="q", length=0.5, k1=1.25, tracking_method=KICKS), '"q": KQUAD, L=0.5, K1=1.25, N_SLICES=5'),
        (
            cv.Quadrupole(name="q", length=0.5, k1=1.0, b2=3.0, tracking_method=KICKS),  # k2 l = 2 b2 k1 l
            '"q": KQUSE, L=0.5, K1=1, K2=6, N_SLICES=5',
        ),
        (cv.Octupole(name="o", length=0.5, k3=8.0, tracking_method=KICKS), '"o": KOCT, L=0.5, K3=8, N_KICKS=0, N_SLICES=5'),
        (
            cv.SBend(name="b", length=2.0, angle=0.5, dg=0.0625, e1=0.1, hgap=0.02, fint=0.4, fringe_at="exit_end"),
            '"b": SBEN, L=2, ANGLE=0.5, E1=0.1, EDGE1_EFFECTS=0, EDGE_ORDER=2, HGAP=0.02, FINT=0.4, FSE_DIPOLE=0.25',
        ),
        (
            cv.SBend(name="b", length=2.0, angle=0.5, fringe_type="linear_edge", tracking_method=FREE),
            '"b": CSBEND, L=2, ANGLE=0.5, N_SLICES=5',
        ),
        # on crest at 90 degrees
        (
            cv.LCavity(name="c", length=1.0, voltage=2e6, phi0=0.125, rf_frequency=1e9, field_calc="custom"),
            '"c": RFCA, L=1, VOLT=2000000, FREQ=1000000000.0, PHASE=135, CHANGE_P0=1, END1_FOCUS=1, END2_FOCUS=1, '
            'BODY_FOCUS_MODEL="SRS", N_KICKS=10',
        ),
        (
            cv.LCavity(name="c", length=1.0, voltage=2e6, rf_frequency=1e9, fringe_at="no_end", tracking_method="center_phase"),
            '"c": RFCA, L=1, VOLT=2000000, FREQ=1000000000.0, PHASE=90, CHANGE_P0=1, BODY_FOCUS_MODEL="SRS"',
        ),
        (
            cv.RFCavity(name="c", length=1.0, voltage=2e6, phi0=0.0, rf_frequency=5e8),
            '"c": RFCA, L=1, VOLT=2000000, PHASE=180, N_KICKS=10',
        ),
        (
            cv.RFCavity(name="c", length=1.0, voltage=2e6, rf_frequency=5e8, tracking_method="center_phase"),
            '"c": RFCA, L=1, VOLT=2000000, PHASE=180, END1_FOCUS=1, END2_FOCUS=1, BODY_FOCUS_MODEL="SRS"',
        ),
        (cv.HKicker(name="h", length=0.5, kick=1e-3, tilt=0.5), '"h": EHKICK, L=0.5, KICK=0.001, TILT=0.5'),
        (cv.RCollimator(name="r", length=0.5, x_limit=0.02, aperture_at="both_ends"), '"r": RCOL, L=0.5, X_MAX=0.02'),
        (cv.Quadrupole(name="q", length=0.5, k1=1.0, is_on=False), '"q": EDRIFT, L=0.5'),
        (cv.Quadrupole(name="q", length=0.5, k1=1.0, orientation=-1), '"q": QUAD, L=0.5, K1=-1'),
        (cv.Patch(name="p", tilt=0.5), '"p": ROTATE, TILT=0.5'),
        (cv.Marker(name="w", metadata={"elegant_type": "WATCH", "FILENAME": "%s.w1"}), '"w": WATCH, FILENAME="%s.w1"'),
    ],
)  # fmt: skip
def test_elements(element: cv.Element, text: str, tmp_path: Path) -> None:
    assert said(tmp_path, element)[0] == text


def test_openings_are_collimators(tmp_path: Path) -> None:
    d = cv.Drift(name="d", length=0.5, x1_limit=0.25, x2_limit=0.75, y_limit=0.5, aperture_type="elliptical")
    assert said(tmp_path, d)[:2] == ['"d": EDRIFT, L=0.5', '"d_out": ECOL, X_MAX=0.5, Y_MAX=0.5, DX=0.25']


def test_bend_that_follows_itself_keeps_its_edges(tmp_path: Path) -> None:
    b, m = cv.SBend(name="b", length=1.0, angle=0.1, e1=0.05, e2=0.05), cv.Marker(name="m")
    lattice = line(b, m, b, cv.Drift(name="d", length=1.0), b, b, b)
    back, losses = through(lattice, tmp_path / "out.lte")
    assert back.names == ["b", "m", "b_again", "d", "b", "b_again", "b"]
    assert all(element.fringe_at == "both_ends" for element in back if element.kind == "SBend")
    assert {loss.instead for loss in losses} == {"called b_again where it follows itself"}
    assert round_trips.matrix_difference(lattice, back) <= MATRIX


def test_cavities_that_change_the_reference(tmp_path: Path) -> None:
    c = cv.LCavity(name="c", length=1.0, voltage=2e7, phi0=0.05, rf_frequency=1e9, field_calc="custom", n_rf_steps=12)
    lattice = line(c, cv.Quadrupole(name="q", length=0.2, k1=3.0, bl_hkick=1e-3), c.replace(cavity_type="traveling_wave"))
    back, losses = through(lattice, tmp_path / "out.lte")
    assert round_trips.tracked_difference(lattice, back) <= SAME
    assert [loss.attribute for loss in losses] == ["bl_hkick", "name"]
    assert back["c"].n_rf_steps == 12


# -------------------------------------------------------------------- what is in the command file


@pytest.mark.parametrize("species", ["electron", "positron", "proton", "muon", "#12C+6"])
def test_reference(species: str, tmp_path: Path) -> None:
    reference = cv.Reference(species, 1.2345678901234567e9)
    back, losses = through(line(cv.Drift(name="d", length=1.0), reference=reference, name="L1"), tmp_path / "out.lte")
    assert back.name == "L1"
    assert back.reference.p0c == pytest.approx(reference.p0c, rel=1e-15)
    assert back.reference.species.mass == pytest.approx(reference.species.mass, rel=1e-15)
    assert back.reference.species.charge == reference.species.charge
    assert len(losses) == (species == "#12C+6")


def test_beginning(tmp_path: Path) -> None:
    beginning = {"beta_a": 1.5, "alpha_a": -0.5, "beta_b": 2.5, "eta_x": 0.25}
    lattice = line(cv.Drift(name="d", length=1.0), beginning=beginning)
    assert cv.save(lattice, tmp_path / "out.lte") == ()
    back = cv.load(tmp_path / "out.ele")
    assert back.beginning == beginning
    assert back.reference == ELECTRON
    cv.save(lattice.replace(beginning={}), tmp_path / "out.lte")  # its own command file may be written again
    assert cv.load(tmp_path / "out.ele").beginning == {}


def test_command_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "out.ele").write_text('&run_setup lattice = "other.lte" &end\n')
    losses = cv.save(line(cv.Drift(name="d", length=1.0)), tmp_path / "out.lte")
    assert [(loss.attribute, loss.value, loss.is_physics) for loss in losses] == [("reference", ELECTRON, False)]
    assert "other.lte" in (tmp_path / "out.ele").read_text()


def test_both_files_or_none(tmp_path: Path) -> None:
    with pytest.raises(LatticeError, match="BeamBeam changes the tracking"):
        cv.save(line(cv.BeamBeam(name="b", sig_x=1e-3, sig_y=1e-3, n_particle=1e9)), tmp_path / "out.lte")
    assert list(tmp_path.iterdir()) == []
    cv.save(line(cv.Drift(name="d", length=1.0)), tmp_path / "out.lte")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ele", "out.lte"]


def test_without_reference(tmp_path: Path) -> None:
    losses = cv.save(line(cv.Drift(name="d", length=1.0), reference=None), tmp_path / "out.lte")
    assert [(loss.attribute, loss.value) for loss in losses] == [("reference", None)]
    assert [path.name for path in tmp_path.iterdir()] == ["out.lte"]


# -------------------------------------------------------------------- names and metadata


def test_names(tmp_path: Path) -> None:
    names = ["Q1", "q1", "a b", 'a"b', "-x", "2*x", "", "a, (b)", "!", "q1:##", "a&"]
    back, losses = through(line(*(cv.Drift(name=n, length=1.0 + i) for i, n in enumerate(names))), tmp_path / "out.lte")
    assert [element.length for element in back] == [1.0 + i for i in range(len(names))]
    assert {loss.value for loss in losses if loss.attribute == "name"} == {'a"b', "", "q1:##", "a&"}
    assert back.names[:2] == ["Q1", "q1"]


def test_metadata(tmp_path: Path) -> None:
    d: Any = {"elegant_type": "CSRDRIFT", "N_KICKS": 7.0, "GROUP": "g", "K1": 3.0, "origin": "there"}
    lattice = line(cv.Drift(name="d", length=1.0, metadata=d))
    losses = cv.save(lattice, tmp_path / "out.lte")
    back = cv.load(tmp_path / "out.lte")
    assert back["d"].metadata == {"elegant_type": "CSRDRIFT", "N_KICKS": 7.0, "GROUP": "g"}
    assert {loss.attribute for loss in losses} == {"K1", "origin"}
