"""What elegant's elements become, type by type, against the formulas of its manual."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

REFERENCE = cv.Reference("electron", 100e6)

Element = Callable[..., Any]


@pytest.fixture
def line(tmp_path: Path) -> Callable[..., cv.Lattice]:
    """Read a line of one element, given as ``type, parameter=value, ...``."""

    def line(text: str, on_unsupported: cv.core.losses.OnUnsupported = "error") -> cv.Lattice:
        path = tmp_path / "lattice.lte"
        path.write_text(f"x: {text}\nbl: line=(x)\n")
        return cv.load(path, on_unsupported=on_unsupported)

    return line


@pytest.fixture
def element(line: Callable[..., cv.Lattice]) -> Element:
    return lambda text: line(text)[0]


def matrix(element: cv.Element) -> np.ndarray:
    return np.asarray(cv.Lattice([element]).transfer_matrix(REFERENCE))


def out(element: cv.Element, **coordinates: float) -> Any:
    beam = cv.ParticleBeam(**{name: np.array([value]) for name, value in coordinates.items()}, reference=REFERENCE)
    return cv.Lattice([element]).track(beam)


# -------------------------------------------------------------------- magnets


def test_quadrupoles(element: Element) -> None:
    plain = element("quad, l=0.2, k1=3, fse=0.1, tilt=0.2, dx=1e-3, dy=2e-3, dz=3e-3")
    assert (plain.k1, plain.tilt, plain.x_offset, plain.y_offset, plain.z_offset) == (3.3000000000000003, 0.2, 1e-3, 2e-3, 3e-3)
    assert plain.tracking_method is None
    kicked = element("kquad, l=0.2, k1=3, n_kicks=9, integration_order=4")
    assert kicked.tracking_method == cv.KickDriftKick(order=4, num_steps=3)
    of_field = element("kquad, l=0.2, b=0.5, bore=0.02")
    assert of_field.at(REFERENCE, np).k1 == pytest.approx(0.5 / 0.02 / abs(REFERENCE.rigidity))


def test_kicks_of_a_magnet_tilt_with_it(element: Element) -> None:
    magnet = element(f"quad, l=0.2, hkick=1e-3, vkick=2e-3, hcalibration=2, tilt={pi / 2!r}")
    assert (magnet.hkick, magnet.vkick) == pytest.approx((-2e-3, 2e-3))
    assert out(magnet.replace(k1=0.0), x=0.0).px[0] == pytest.approx(-2e-3)


def test_sextupoles_and_octupoles(element: Element) -> None:
    sextupole = element("ksext, l=0.5, k2=4, k1=0.2, j1=0.1, n_slices=2")
    assert (sextupole.k2, sextupole.b1, sextupole.a1, sextupole.scale_multipoles) == (4, 0.1, -0.05, False)
    assert matrix(sextupole)[1, 0] == pytest.approx(-0.1, rel=0.05)
    assert element("koct, l=0.5, k3=7").k3 == 7
    assert element("koct, l=0.5, k3=7").tracking_method == cv.KickDriftKick(order=4, num_steps=1)


def test_multipoles(element: Element) -> None:
    thin = element("mult, knl=0.3, order=2, factor=2, tilt=0.1")
    assert (thin.kind, thin.k2l, thin.tilt) == ("Multipole", 0.6, 0.1)
    assert out(thin.replace(tilt=0.0), x=1e-3).px[0] == pytest.approx(-0.6 / 2 * 1e-6)
    thick = element("mult, l=0.5, knl=0.3, order=2, n_kicks=3")
    assert (thick.kind, thick.b2, thick.tracking_method.num_steps) == ("ThickMultipole", 0.15, 3)
    assert element("mult, knl=1e-3, order=0").hkick == -1e-3
    assert element("mult").kind == "Marker"


def test_solenoids(element: Element) -> None:
    ks = 0.4
    s, c = np.sin(ks / 2 * 0.5), np.cos(ks / 2 * 0.5)
    assert matrix(element(f"sole, l=0.5, ks={ks}"))[0, 2] == pytest.approx(s * c)
    assert element("sole, l=0.5, b=0.1").at(REFERENCE, np).ks == pytest.approx(-0.1 / abs(REFERENCE.rigidity))


# -------------------------------------------------------------------- bends


def test_bends(element: Element) -> None:
    bend = element("csbend, l=0.8, angle=-0.7, k1=0.1, k3=6, e1=-0.3, e2=-0.4, hgap=0.02, fint2=0.3, tilt=0.1, n_slices=5")
    assert (bend.angle, bend.k1, bend.e1, bend.e2, bend.hgap, bend.fint, bend.fintx) == (-0.7, 0.1, -0.3, -0.4, 0.02, 0.5, 0.3)
    assert (bend.ref_tilt, bend.b3, bend.fringe_type) == (0.1, pytest.approx(0.8), "linear_edge")
    assert bend.tracking_method == cv.KickDriftKick(order=4, num_steps=5, split="free")
    assert bend.scale_multipoles is False  # the higher ones are strengths of their own
    assert element("sben, l=1, angle=0.1").fringe_type == "basic_bend"
    assert element("csbend, l=1, angle=0.1, edge_order=2").fringe_type == "basic_bend"
    assert element("sben, l=1, angle=0.1, k1=1, fse=0.01, fse_dipole=0.02, fse_quadrupole=0.03").dg == pytest.approx(0.003)
    assert element("csbend, l=2, angle=0.1, use_bn=1, b1=3, k1=100").k1 == pytest.approx(0.15)
    assert element("csbend, l=2, angle=0.1, k2=3, nonlinear=0").k2 == 0


def test_bends_bend_as_in_elegant(element: Element) -> None:
    assert matrix(element("sben, l=1, angle=0.1"))[0, 5] == pytest.approx((1 - np.cos(0.1)) / 0.1)


def test_displaced_bends(element: Element) -> None:
    """A bend that is moved along its entrance's axis is moved partly across its exit's."""
    bend = element("sben, l=1, angle=1.0, dz=1e-3")
    assert (bend.x_offset, bend.z_offset) == pytest.approx((1e-3 * np.sin(0.5), 1e-3 * np.cos(0.5)))


# -------------------------------------------------------------------- correctors, monitors, apertures


def test_correctors(element: Element) -> None:
    assert element("hkick, kick=1e-3, calibration=2").kick == 2e-3
    assert out(element("vkick, kick=1e-3"), x=0.0).py[0] == pytest.approx(1e-3)
    both = element(f"kicker, l=0.1, hkick=1e-3, vkick=2e-3, tilt={pi / 2!r}")
    particle = out(both, x=0.0)
    assert (particle.px[0], particle.py[0]) == pytest.approx((-2e-3, 1e-3))
    assert out(element("hkick, kick=1e-3, b2=100"), x=0.1).px[0] == pytest.approx(2e-3)


def test_monitors_and_diagnostics(element: Element) -> None:
    assert element("hmon, l=0.1, weight=2, dx=1e-3").x_offset == 0
    assert element('watch, filename="%s.w1", mode=coord').metadata == {
        "elegant_type": "WATCH", "FILENAME": "%s.w1", "MODE": "COORD",
    }  # fmt: skip


def test_collimators(element: Element) -> None:
    rectangular = element("rcol, l=0.1, x_max=0.01, dx=1e-3")
    assert (rectangular.x1_limit, rectangular.y1_limit, rectangular.aperture_at) == (0.01, 0, "both_ends")
    assert list(out(rectangular, x=0.0105).alive) == [True]
    assert list(out(rectangular, x=-0.0095).alive) == [False]
    assert element("ecol, x_max=0.01, y_max=0.02").aperture_type == "elliptical"
    assert element('rcol, x_max=0.01, open_side="+x"').x2_limit == 0


@pytest.mark.parametrize(
    ("text", "lost", "kept"),
    [("position=0.01, direction=0", 0.011, -0.1), ("position=-0.01, direction=2", -0.011, 0.1),
     ("position=-0.01, direction=0", 0.0, -0.011), ('position=0.01, insert_from="x"', -0.011, 0.009),
     ('position=0.01, dx=1e-3, insert_from="+x"', 0.0115, 0.0105)],
)  # fmt: skip
def test_scrapers(element: Element, text: str, lost: float, kept: float) -> None:
    scraper = element(f"scraper, {text}")
    assert list(out(scraper, x=lost).alive) == [False]
    assert list(out(scraper, x=kept).alive) == [True]


def test_limits_hold_from_one_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lattice.lte"
    path.write_text(
        "d: drif, l=1\na: maxamp, x_max=0.01, y_max=0.02, elliptical=1\nb: maxamp\nc: rcol, x_max=1, l=1\n"
        "bl: line=(d,a,d,c,b,d)"
    )
    lattice = cv.load(path)
    assert [e.x1_limit for e in lattice] == [0, 0, 0.01, 1, 0, 0]
    assert lattice[2].aperture_type == "elliptical"


# -------------------------------------------------------------------- cavities


@pytest.mark.parametrize("phase", [90.0, 60.0, 120.0])
def test_accelerating_cavities(element: Element, phase: float) -> None:
    cavity = element(f"rfca, l=1, volt=20e6, phase={phase}, freq=3e9, change_p0=1, end1_focus=1")
    assert (cavity.kind, cavity.cavity_type, cavity.fringe_at) == ("LCavity", "traveling_wave", "entrance_end")
    energy = 20e6 * np.sin(phase / 180 * pi)
    particle = out(cavity, z=0.0)
    assert particle.reference.energy - REFERENCE.energy == pytest.approx(energy)
    late = 1e-4
    gain = 20e6 * np.sin(phase / 180 * pi + 2 * pi * 3e9 * late / 299792458)
    momentum = out(cavity, z=-late)
    found = np.hypot((1 + momentum.pz[0]) * momentum.reference.p0c, REFERENCE.species.mass) - REFERENCE.energy
    assert found == pytest.approx(gain, rel=1e-4)


def test_standing_waves(element: Element) -> None:
    cavity = element('rfca, l=0.7, volt=16e6, phase=90, change_p0=1, end1_focus=1, end2_focus=1, body_focus_model="SRS"')
    assert (cavity.cavity_type, cavity.fringe_at) == ("standing_wave", "both_ends")
    gamma = REFERENCE.energy / REFERENCE.species.mass
    gain = 16e6 / REFERENCE.species.mass
    alpha = np.log(1 + gain / gamma) / (2 * np.sqrt(2))
    edges = np.array([[1, 0], [gain / (2 * 0.7 * (gamma + gain)), 1]]), np.array([[1, 0], [-gain / (2 * 0.7 * gamma), 1]])
    c, s, length = np.cos(alpha), np.sin(alpha), 2 * np.sqrt(2) * gamma * 0.7 / gain
    body = np.array([[c, length * s], [-s * gamma / (length * (gamma + gain)), c * gamma / (gamma + gain)]])
    np.testing.assert_allclose(matrix(cavity)[:2, :2], edges[0] @ body @ edges[1], atol=2e-5)


@pytest.mark.parametrize("phase", [0.0, 180.0, 30.0, 150.0])
def test_cavities_of_rings(element: Element, phase: float) -> None:
    cavity = element(f"rfca, volt=1e6, phase={phase}, freq=500e6")
    assert cavity.kind == "RFCavity"
    late = 0.01
    particle = out(cavity, z=-late)
    found = np.hypot((1 + particle.pz[0]) * REFERENCE.p0c, REFERENCE.species.mass) - REFERENCE.energy
    assert found == pytest.approx(1e6 * np.sin(phase / 180 * pi + 2 * pi * 500e6 * late / 299792458), rel=1e-4)


def test_a_cavity_without_reference_focuses_at_its_ends(element: Element) -> None:
    cavity = element("rfca, l=1, volt=5e6, phase=90, end1_focus=1, freq=3e9")
    assert matrix(cavity)[1, 0] == pytest.approx(-5e6 / 2 / REFERENCE.p0c, rel=1e-3)


@pytest.mark.parametrize("phase", [0.0, 90.0])
def test_deflectors(element: Element, phase: float) -> None:
    late = 1e-3
    particle = out(element(f"rfdf, voltage=1e5, phase={phase}, frequency=3e9, tilt={pi / 2!r}"), z=-late)
    expected = 1e-3 * np.cos(phase / 180 * pi + 2 * pi * 3e9 * late / 299792458)
    assert particle.py[0] == pytest.approx(expected, rel=1e-4)


# -------------------------------------------------------------------- others


def test_matrices(element: Element) -> None:
    unit = "r22=1, r33=1, r44=1, r55=1, r66=1"
    found = matrix(element(f"ematrix, r11=0.5, r12=2, r16=0.1, r51=0.2, r65=3, {unit}"))
    assert found[0] == pytest.approx([0.5, 2, 0, 0, 0, 0.1])
    assert found[4, 0] == -0.2
    assert found[5, 4] == -3
    kicked = out(element(f"ematrix, c2=1e-3, c6=0.5, r11=1, {unit}"), x=0.0)
    assert kicked.px[0] / (1 + kicked.pz[0]) == pytest.approx(1e-3, rel=1e-6)


def test_lumped_rings(element: Element) -> None:
    found = matrix(element("ilmatrix, nux=0.2, nuy=0.3, betax=4, betay=5, alphax=1, etax=0.5"))
    phase = 0.4 * pi
    assert found[0, :2] == pytest.approx([np.cos(phase) + np.sin(phase), 4 * np.sin(phase)])
    assert np.linalg.det(found[:2, :2]) == pytest.approx(1)
    assert found @ [0.5, 0, 0, 0, 0, 1] == pytest.approx([0.5, 0, 0, 0, 0, 1])


def test_shifts_and_rotations(element: Element) -> None:
    shifted = out(element("malign, dx=1e-3, dyp=2e-3, dp=0.1"), x=0.0)
    assert (shifted.x[0], shifted.pz[0]) == pytest.approx((1e-3, 0.1))
    assert shifted.py[0] / 1.1 == pytest.approx(2e-3, rel=1e-5)
    assert out(element(f"rotate, tilt={pi / 2!r}"), y=1e-3).x[0] == pytest.approx(1e-3)


def test_energies(element: Element) -> None:
    lattice = cv.Lattice([element("energy, central_momentum=100")])
    assert lattice.track(cv.ParticleBeam(x=np.zeros(1), reference=REFERENCE)).reference.p0c == 100 * REFERENCE.species.mass


def test_wigglers(element: Element) -> None:
    wiggler = element("wiggler, l=1, k=2, poles=20")
    radius = REFERENCE.p0c / REFERENCE.species.mass * 0.1 / (2 * pi * 2)
    assert matrix(wiggler)[2, 2] == pytest.approx(np.cos(1 / (np.sqrt(2) * radius)), rel=1e-9)
    assert element("cwiggler, l=1, b_max=0.5, periods=10, sinusoidal=1, vertical=1").tilt == pi / 2


@pytest.mark.parametrize(
    ("text", "kind", "note"),
    [("csrdrift, l=2", "Drift", "coherent radiation"), ("lscdrift, l=2", "Drift", "space charge"), ("wake", "Marker", "wakes"),
     ("frfmode", "Marker", "wakes"), ("scatter", "Marker", "scattering"), ("csrcsbend, l=1, angle=0.1", "SBend", "radiation"),
     ('rfcw, l=1, zwakefile="a"', "RFCavity", "wakes"), ("kquad, l=1, synch_rad=1, isr=1", "Quadrupole", "without it")],
)  # fmt: skip
def test_collective_effects_are_noted(line: Callable[..., cv.Lattice], text: str, kind: str, note: str) -> None:
    lattice = line(text)
    assert lattice.kinds == [kind]
    (loss,) = lattice.losses
    assert not loss.is_physics
    assert note in loss.instead


@pytest.mark.parametrize(
    "text",
    ["twla, l=2", "lgbend", "script, l=2", "center", "pfilter, deltalimit=0.1",
     "quad, l=2, edge1_effects=2, ffringe=0.1", "csbend, h1=1", "kquad, edge1_effects=1, i1p=1e-3",
     'ksext, systematic_multipoles="a.sdds"', "rfca, volt=1, t_reference=0", "vkick, kick=1, b2=1"],
)  # fmt: skip
def test_what_is_not_understood(line: Callable[..., cv.Lattice], text: str) -> None:
    with pytest.raises(cv.LatticeError, match=r"lattice\.lte:1:\d+: X: .*changes the tracking"):
        line(text)
    found = line(text, on_unsupported="drift")
    assert found.length == (2 if "l=2" in text else 0)
    assert {loss.is_physics for loss in found.losses} == {True}
    with pytest.warns(cv.LossWarning, match="lattice.lte:1:"):
        line(text, on_unsupported="warn")


def test_filters_without_limits_are_markers(line: Callable[..., cv.Lattice]) -> None:
    assert line("pfilter")[0].kind == line("pfilter, fixplimits=1")[0].kind == "Marker"
    for limit in ("deltalimit=0.1", "lowerfraction=0.01", "upperfraction=0.01"):
        with pytest.raises(cv.LatticeError, match="X: PFILTER changes the tracking"):
            line(f"pfilter, {limit}")
