"""Ocelot's objects and files: what they are here, by the maps of both codes, there and back."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from math import inf, pi, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()):  # it greets
    patch.setattr("warnings.warn", lambda *arguments, **others: None)
    oc = pytest.importorskip("ocelot")

ENERGY = 0.1
"""Energy [GeV]."""

REFERENCE = cv.Reference.from_energy("electron", ENERGY * 1e9)


def coordinates(p0c: float) -> np.ndarray:
    """Return what Ocelot's coordinates are in ours: ``z = -beta tau``, ``pz = p / beta``, to first order."""
    beta = p0c / sqrt(p0c**2 + REFERENCE.species.mass**2)
    return np.diag([1, 1, 1, 1, -beta, 1 / beta])


def by_ocelot(elements: list[Any]) -> np.ndarray:
    """Return the transfer matrix by Ocelot, in our coordinates."""
    lattice = oc.MagneticLattice(elements)
    matrix = oc.lattice_transfer_map(lattice, ENERGY)
    gain = sum(e.v * np.cos(np.deg2rad(e.phi)) for e in lattice.sequence if isinstance(e, oc.Cavity))
    exit = cv.Reference.from_energy("electron", (ENERGY + gain) * 1e9)
    return coordinates(exit.p0c) @ matrix @ np.linalg.inv(coordinates(REFERENCE.p0c))


def by_us(elements: list[Any]) -> np.ndarray:
    return np.asarray(cv.converters.ocelot.from_ocelot(elements).transfer_matrix(REFERENCE))


BEND = {"l": 0.5, "angle": 0.1, "e1": 0.05, "e2": 0.07, "gap": 0.05, "fint": 0.5}

EXACT = {
    "Drift": {"l": 0.5},
    "Quadrupole": {"l": 0.2, "k1": 2.0, "k2": 3.0, "tilt": 0.3},
    "Sextupole": {"l": 0.2, "k2": 20.0},
    "Octupole": {"l": 0.2, "k3": 20.0},
    "SBend": {**BEND, "k1": 0.4, "tilt": 0.2, "fintx": 0.3},
    "Bend": BEND,
    "RBend": {"l": 0.5, "angle": 0.1, "e1": 0.01},
    "Solenoid": {"l": 0.5, "k": 0.4},
    "Hcor": {"l": 0.5},
    "Vcor": {"l": 0.5},
    "Monitor": {"l": 0.5},
    "Marker": {},
    "Multipole": {"kn": [0, 0.3, 5.0]},
    "UnknownElement": {"l": 0.3},
}


@pytest.mark.parametrize("kind", EXACT)
def test_matrices(kind: str) -> None:
    line = [oc.Drift(l=0.1), getattr(oc, kind)(**EXACT[kind]), oc.Drift(l=0.1)]
    np.testing.assert_allclose(by_us(line), by_ocelot(line), rtol=0, atol=1e-11)


@pytest.mark.parametrize("phase", [0.0, 20.0, -70.0])
def test_cavities(phase: float) -> None:
    line = [oc.Cavity(l=1.0, v=0.02, phi=phase, freq=1.3e9)]
    ours, theirs = by_us(line), by_ocelot(line)
    np.testing.assert_allclose(ours[:5], theirs[:5], rtol=0, atol=5e-6)  # in 100 steps
    np.testing.assert_allclose(ours[5], theirs[5], rtol=0, atol=1e-4)  # their cavity is as quick as light


@pytest.mark.parametrize("strength", [{"Kx": 1.5}, {"Ky": 1.5}, {"Kx": 1.5, "Ky": 1.5}])
def test_undulators(strength: dict[str, float]) -> None:
    line = [oc.Undulator(lperiod=0.03, nperiods=30, **strength)]
    np.testing.assert_allclose(by_us(line), by_ocelot(line), rtol=0, atol=1e-6)


def test_deflectors() -> None:
    line = [oc.TDCavity(l=0.2, v=1e-3, phi=0, freq=3e9, tilt=0.3)]
    np.testing.assert_allclose(by_us(line), by_ocelot(line), rtol=0.02, atol=3e-6)  # ours goes in one step


def test_matrices_as_elements() -> None:
    matrix = oc.Matrix(l=1.0, r11=1, r12=0.5, r22=1, r33=0.5, r44=2, r55=1, r66=1, b1=1e-3, t116=0.3, t226=0.2)
    (taylor,) = cv.converters.ocelot.from_ocelot([matrix])
    assert (taylor.kind, taylor.length) == ("Taylor", 1.0)
    assert taylor.terms == {"tt1": 1e-3, "tt12": 0.5, "tt33": 0.5, "tt44": 2.0, "tt116": 0.3, "tt226": 0.2}


def tracked(line: list[Any], q: list[float]) -> np.ndarray:
    particles = oc.ParticleArray(n=3)
    particles.rparticles[:] = np.array([q] * 3).T
    particles.E = ENERGY
    lattice = oc.MagneticLattice(line)
    with redirect_stdout(StringIO()), np.errstate(invalid="ignore", divide="ignore"):  # it takes moments of one particle
        _, out = oc.track(lattice, particles, oc.Navigator(lattice), print_progress=False)
    return np.asarray(out.rparticles[:, 0])


def test_kicks() -> None:
    displaced = oc.Quadrupole(l=0.2, k1=3.0)
    displaced.dx, displaced.dy = 1e-3, -2e-3
    line = [
        oc.Drift(l=0.1),
        oc.Hcor(l=0.1, angle=1e-4),
        oc.Vcor(l=0.1, angle=2e-4),
        displaced,
        oc.Multipole(kn=[0, 0, 6.0]),
        oc.Drift(l=0.1),
    ]
    theirs = tracked(line, [1e-3, 0, 2e-3, 0, 0, 0])
    beam = cv.ParticleBeam(x=np.array([1e-3]), y=np.array([2e-3]), reference=REFERENCE)
    ours = cv.converters.ocelot.from_ocelot(line).track(beam)
    np.testing.assert_allclose(np.ravel([ours.x, ours.px, ours.y, ours.py]), theirs[:4], rtol=0, atol=1e-12)


# -------------------------------------------------------------------- objects


def test_methods_and_names() -> None:
    sequence = [oc.Drift(l=0.1, eid="d"), [oc.Octupole(l=0.1, k3=3.0), oc.Quadrupole(l=0.2, eid="q")]]
    flat = [sequence[0], *sequence[1]]
    lattice = cv.converters.ocelot.from_ocelot(oc.MagneticLattice(flat, method={"global": oc.SecondTM, oc.Octupole: oc.KickTM}))
    assert lattice.names == ["d", "", "q"]
    assert [e.tracking_method for e in lattice] == [cv.SecondOrder(), cv.KickDriftKick(), cv.SecondOrder()]
    assert len(cv.converters.ocelot.from_ocelot(sequence)) == 3
    with pytest.raises(cv.InputError, match="not a int"):
        cv.converters.ocelot.from_ocelot([1])


@pytest.fixture
def machine() -> cv.Lattice:
    """One of each of the elements that Ocelot has a word for."""
    linear = {"tracking_method": "linear"}
    return cv.Lattice(
        [
            cv.Drift(name="d", length=0.5, **linear),
            cv.Drift(name="d", length=0.25, tracking_method="second_order"),
            cv.Drift(length=0.25, **linear),
            cv.Quadrupole(name="q.1", length=0.2, k1=1.3, tilt=0.1, x_offset=1e-3, **linear),
            cv.Sextupole(name="s", length=0.2, k2=3.0, tracking_method="second_order"),
            cv.Octupole(name="o", length=0.2, k3=3.0, tracking_method="kick_drift_kick"),
            cv.SBend(name="b", length=1.0, angle=0.1, e1=0.01, e2=0.02, hgap=0.02, fint=0.5, k1=0.1, ref_tilt=0.2,
                     fringe_type="linear_edge", **linear),
            cv.Solenoid(name="sol", length=0.3, ks=0.7, **linear),
            cv.LCavity(name="c", length=1.0, voltage=1e7, phi0=0.1, rf_frequency=1.3e9, field_calc="custom", n_rf_steps=100),
            cv.CrabCavity(name="t", length=0.5, voltage=1e6, rf_frequency=3e9, **linear),
            cv.HKicker(name="h", length=0.1, kick=1e-3, **linear),
            cv.VKicker(name="v", length=0.1, kick=1e-3, **linear),
            cv.Undulator(name="u", length=0.9, l_period=0.03, b_max=0.5, tilt=pi / 2, **linear),
            cv.Multipole(name="m", k1l=0.3, k3l=2.0),
            cv.ECollimator(name="ec", x_limit=1e-2, y_limit=2e-2),
            cv.Taylor(name="map", length=0.3, terms={"tt12": 0.3, "tt2": 1e-3}),
            cv.Monitor(name="bpm"),
            cv.Marker(name="end"),
        ],
        name="cell",
        reference=REFERENCE,
        beginning={"beta_a": 10.0, "alpha_b": -1.0},
    )  # fmt: skip


@pytest.mark.parametrize("way", ["file", "objects"])
def test_there_and_back(way: str, machine: cv.Lattice, tmp_path: Path) -> None:
    if way == "file":
        assert not cv.save(machine, tmp_path / "x.py")
        back = cv.load(tmp_path / "x.py")
        assert (back.name, back.beginning) == (machine.name, machine.beginning)
        assert back.reference.p0c == pytest.approx(REFERENCE.p0c, rel=1e-14)
    else:
        back = cv.converters.ocelot.from_ocelot(cv.converters.ocelot.to_ocelot(machine), reference=REFERENCE)
    assert not back.losses
    assert (back.names, back.kinds) == (machine.names, machine.kinds)
    for ours, read in zip(machine, back, strict=True):
        assert read.tracking_method == (
            None if ours.tracking_method is None else cv.core.methods.as_method(ours.tracking_method)
        )
    np.testing.assert_allclose(back.transfer_matrix(), machine.transfer_matrix(), rtol=0, atol=1e-12)
    assert back["ec"].y1_limit == 2e-2


def test_ocelot_reads_what_is_written(machine: cv.Lattice, tmp_path: Path) -> None:
    cv.save(machine, tmp_path / "x.py")
    variables: dict[str, Any] = {}
    exec(compile((tmp_path / "x.py").read_text(), "x.py", "exec"), variables)  # our own file
    np.testing.assert_allclose(
        cv.converters.ocelot.from_ocelot(list(variables["cell"])).transfer_matrix(REFERENCE),
        cv.load(tmp_path / "x.py").transfer_matrix(REFERENCE),
        rtol=0,
        atol=1e-13,
    )
    assert variables["tws0"].beta_x == 10.0


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (cv.SolQuad(name="e", length=0.1, ks=1.0), "SolQuad changes the tracking"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, a2=0.1), r"a2 = 0.1 changes the tracking"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, x_pitch=1e-3), r"x_pitch = 0.001"),
        (cv.SBend(name="e", length=0.1, angle=0.1, dg=1e-3), r"dg = 0.001"),
        (cv.Kicker(name="e", length=0.1, hkick=1e-3, vkick=1e-3), r"vkick = 0.001"),
        (cv.RFCavity(name="e", length=0.1, voltage=1e6, rf_frequency=1e9, phi0=0.1), r"phi0 = 0.1"),
        (cv.CrabCavity(name="e", length=0.1, voltage=1e6, rf_frequency=1e9, phi0=0.1), r"phi0 = 0.1"),
        (cv.Quadrupole(name="e", length=0.1, k1=np.array([1.0, 2.0])), r"k1 = \[1. 2.\]"),
        (cv.Taylor(name="e", terms={"tt111": 1.0}), "Taylor changes the tracking"),
    ],
)
def test_what_ocelot_has_no_words_for(element: cv.Element, message: str, tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        cv.save(cv.Lattice([element]), tmp_path / "x.py")
    assert any(loss.is_physics for loss in cv.save(cv.Lattice([element]), tmp_path / "x.py", on_unsupported="drift"))
    assert cv.load(tmp_path / "x.py").length == pytest.approx(element.length)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (lambda: oc.Cavity(l=1.0, v=0.02, freq=1.3e9, vx_up=1e-3), "vx_up"),
        (lambda: oc.SBend(l=1.0, angle=0.1, h_pole1=0.3), "h_pole1"),
        (lambda: oc.Undulator(lperiod=0.03, nperiods=30, Kx=1.0, Ky=2.0), "Ky"),
        (lambda: oc.XYQuadrupole(l=0.1, k1=1.0), "XYQuadrupole"),
    ],
)
def test_what_is_not_understood(element: Any, message: str) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        cv.converters.ocelot.from_ocelot([element()])
    assert cv.converters.ocelot.from_ocelot([element()], losses=cv.Losses("drift")).losses


def test_what_is_tracked_otherwise_than_in_ocelot_is_listed() -> None:
    """Ocelot's deflectors do not kick on their axis; its linear maps of displaced sextupoles do not focus."""
    deflector, sextupole = oc.TDCavity(l=0.2, v=1e-3, phi=30, freq=3e9, eid="t"), oc.Sextupole(l=0.2, k2=20.0, eid="s")
    sextupole.dx = 1e-3
    lattice = cv.converters.ocelot.from_ocelot([deflector, sextupole])
    assert [(loss.element, loss.attribute) for loss in lattice.losses] == [("t", "phi"), ("s", "dx")]


# -------------------------------------------------------------------- files


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str, **options: Any) -> cv.Lattice:
        (tmp_path / "x.py").write_text(text)
        return cv.load(tmp_path / "x.py", **options)

    return read


def test_files_as_they_are_written(read: Any) -> None:
    lattice = read('''
"""A line."""
from ocelot import *
import numpy as np
from math import pi

tws = Twiss()
tws.beta_x, tws.E = 12.5, 130e-3
L = 2 * (1 + .5) / 3
q = Quadrupole(L, k1=-2 ** 2, tilt=pi / 4, eid="q")
q2 = copy.deepcopy(q)
q2.k1 = q.k1 / 2 + np.sin(np.pi / 6)
d = (Drift(l=0.1, eid='a'), Marker(), Drift(l=.2))
c: float = 3
c += 1
bends = [SBend(l=1, angle=np.deg2rad(c), eid="b"), RBend(l=1, angle=0.2, e1=0.01)]
bends.append(Monitor(eid="m"))
print("no", open("/etc/passwd"))
cell = [d, q] * 2 + [q2] + [*bends[1:], bends[0]]
cell += [Octupole(l=0.1, k3=1)]
''')
    assert lattice.names == ["a", "", "", "q", "a", "", "", "q", "q", "", "m", "b", ""]
    assert lattice.reference == cv.Reference.from_energy("electron", 130e-3 * 1e9)
    assert lattice.beginning == {"beta_a": 12.5}
    q, q2 = lattice[3], lattice[8]
    assert (q.length, q.k1, q.tilt, q2.k1) == (1.0, -4.0, pi / 4, -2 + sin(pi / 6))
    assert (lattice[9].e1, lattice[9].e2) == pytest.approx((0.11, 0.1))
    assert lattice["b"].angle == pytest.approx(4 * pi / 180)


def test_which_line_is_taken(read: Any) -> None:
    text = "a = (Drift(l=1),)\ncell = [Drift(l=2)]\nb = [Drift(l=3)]\n"
    assert read(text).length == 2
    assert read(text, line="a").length == 1
    assert (
        read(f"{text}lat = MagneticLattice(b, method={{'global': SecondTM, Drift: KickTM}})")[0].tracking_method.name
        == "kick_drift_kick"
    )
    assert (
        read(f"{text}m = MethodTM()\nm.global_method = SecondTM\nlat = MagneticLattice(a, method=m)")[0].tracking_method
        == cv.SecondOrder()
    )
    with pytest.raises(cv.LatticeError, match="there is no line 'cel'; did you mean 'cell'"):
        read(text, line="cel")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell = [Drift(l=1)", "x.py:1:8: this is no Python"),
        ("\ncell = [open('/etc/passwd')]", "x.py:2:9: calls of 'open' cannot be read in a file that is not executed"),
        ("import os\nos.system('ls')", r"x.py:2:1: calls of .system\(\) cannot be read"),
        ("x = ().__class__.__bases__", "a tuple has no '__class__'"),
        ("x = [i for i in (1, 2)]", "x.py:1:5: ListComp cannot be read"),
        ("x = lambda: 1", "Lambda cannot be read"),
        ("def f(): pass", "x.py:1:1: FunctionDef: only assignments and calls can be read"),
        ("for i in (1, 2): pass", "For: only assignments"),
        ("while True: pass", "While: only assignments"),
        ("x = f'{1}'", "JoinedStr cannot be read"),
        ("x = 'a' * 10**9", "a str and a float cannot be combined so"),
        ("x = [1] * 10000000", "more than 1000000 items"),
        ("x = 9**9**9", "this cannot be worked out"),
        ("x = 9\n" + "x *= x\n" * 40, "there is no list of elements"),  # floating point from some size on
        ("x = 1 / 0", "this cannot be worked out"),
        ("x = sqrt(-1)", "this cannot be worked out"),
        ("x = " + "(" * 150 + "1" + ",)" * 150, "more than 100 deep inside each other"),
        ("x = " + "-" * 150 + "1", "more than 100 deep inside each other"),
        ("x = [Drift(l=y)]", "nothing is called 'y'"),
        ("x = [Drfit(l=1)]", "calls of 'Drfit' cannot be read .*; did you mean 'Drift'"),
        ("x = [Drift(1, 2)]", "Drift takes l in this order, not 2 values"),
        ("x = [Aperture(xmax=-1)]", "an aperture of no size"),
        ("x = [Drift(l='a')]", "l must be a number or an array, not 'a'"),
        ("x = [Drift(l=1), 5]", "there is a int among the elements"),
        ("x = [Drift(l=1, k9=1)]\nx[0].l = [1, 2]", "l must be a number or an array"),
        ("x = 5", "there is no list of elements"),
        ("x = [Drift(l=1)]\nlat = MagneticLattice(x, start=x[0])", "x.py:2:7: start of a MagneticLattice is not understood"),
        ("t = Twiss(E=1e-9)\nx = [Drift(l=1)]", "total energy 1 eV is not above the rest energy"),
    ],
)
def test_files_that_are_more_than_a_lattice(read: Any, text: str, message: str) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        read(text)


def test_lines_that_grow_without_bounds(read: Any) -> None:
    with pytest.raises(cv.LatticeError, match="more than 1000000 elements"):
        read(
            "a = [Drift(l=1)]\n"
            + "".join(
                f"{b} = [{a}, {a}]\n" for a, b in zip("abcdefghijklmnopqrstuvwx", "bcdefghijklmnopqrstuvwxy", strict=True)
            )
        )


def test_apertures(read: Any) -> None:
    ellipse, slit, open_ = read("cell = [Aperture(0.1, 0.2, type='ellipt'), Aperture(xmax=0.1, type='ellipt'), Aperture()]")
    assert (ellipse.kind, ellipse.x1_limit, ellipse.y2_limit) == ("ECollimator", 0.1, 0.2)
    assert (slit.kind, slit.x2_limit, slit.y2_limit) == ("RCollimator", 0.1, 0)
    assert open_.kind == "RCollimator"
    assert inf not in (open_.x1_limit, open_.y1_limit)


def test_forks_are_markers_to_the_beam_that_goes_on(tmp_path: Path) -> None:
    fork = cv.Fork(name="f", to_line="dump", to_element="start", direction=-1, particle="positron", new_branch=False)
    assert not any(loss.is_physics for loss in cv.save(cv.Lattice([fork]), tmp_path / "x.py"))
    assert cv.load(tmp_path / "x.py").names == ["f"]


def test_thin_cavities(tmp_path: Path) -> None:
    cavity = cv.RFCavity(name="c", voltage=1e6, rf_frequency=5e8)
    cv.save(cv.Lattice([cavity]), tmp_path / "x.py")
    read = cv.load(tmp_path / "x.py")["c"]
    assert (read.kind, read.cavity_type, read.phi0 % 1) == ("LCavity", "traveling_wave", 0.25)


def test_drifts_for_patches_are_as_long(tmp_path: Path) -> None:
    lattice = cv.Lattice([cv.Patch(name="p", x_offset=0.03, z_offset=0.4, x_pitch=-0.3)])
    cv.save(lattice, tmp_path / "x.py", on_unsupported="drift")
    assert cv.load(tmp_path / "x.py").length == pytest.approx(lattice.length, rel=1e-15)
