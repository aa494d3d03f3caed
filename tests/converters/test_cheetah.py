"""Cheetah's files and objects: what they are here, tracked by both codes, there and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

torch = pytest.importorskip("torch")
cheetah = pytest.importorskip("cheetah")

CORPUS = Path(__file__).parents[3] / "shared" / "reference" / "corpus" / "latticejson"
ENERGY = 100e6
MASS = cv.Reference("electron", 1.0).species.mass
P0C = sqrt(ENERGY**2 - MASS**2)
NAMES = ("x", "px", "y", "py", "z", "pz")


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Let Cheetah have double precision inside of its maps, too."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(usual)


def number(value: Any) -> Any:
    return torch.tensor(value, dtype=torch.float64)


def made(kind: str, **values: Any) -> Any:
    """Return an element of Cheetah's in double precision."""
    tensors = {n: v if isinstance(v, (str, bool, int)) else number(v) for n, v in values.items()}
    return getattr(cheetah, kind)(**{"name": "e", **tensors}, dtype=torch.float64)


def segment(*elements: Any) -> Any:
    return cheetah.Segment(list(elements), name="cell")


def particles(amplitude: float) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(6, 20)) * amplitude


def by_cheetah(line: Any, q: np.ndarray) -> tuple[np.ndarray, float]:
    """Track by Cheetah, in our coordinates: ``tau = -z / beta``, ``delta = (E - E0) / p0c``."""
    x, px, y, py, z, pz = q
    energy = np.sqrt((P0C * (1 + pz)) ** 2 + MASS**2)
    beta = P0C * (1 + pz) / energy
    state = np.stack([x, px, y, py, -z / beta, (energy - ENERGY) / P0C, np.ones_like(x)], axis=-1)
    out = line.track(cheetah.ParticleBeam(number(state), energy=number(ENERGY)))
    found, exit_energy = out.particles.numpy().T, float(out.energy)
    p0c = sqrt(exit_energy**2 - MASS**2)
    energy = exit_energy + found[5] * p0c
    momentum = np.sqrt(energy**2 - MASS**2)
    return np.stack([*found[:4], -found[4] * momentum / energy, momentum / p0c - 1]), p0c


def by_us(lattice: cv.Lattice, q: np.ndarray) -> tuple[np.ndarray, float]:
    out = lattice.track(cv.ParticleBeam(**dict(zip(NAMES, q, strict=True)), p0c=P0C, species="electron"))
    return np.stack([getattr(out, name) for name in NAMES]), float(np.asarray(out.reference.p0c))


BEND = {"length": 0.5, "angle": 0.1, "dipole_e1": 0.05, "dipole_e2": 0.07, "gap": 0.05, "fringe_integral": 0.5}
PLACED = {"misalignment": [1e-9, -2e-9], "tilt": 0.3}
SHIFTED = {"misalignment": [1e-4, -2e-4], "tilt": 0.3}

MAPS = {
    "drift": ("Drift", {"length": 0.5}),
    "quadrupole": ("Quadrupole", {"length": 0.2, "k1": 2.0, **PLACED}),
    "sextupole": ("Sextupole", {"length": 0.2, "k2": 20.0, "tilt": 0.3, "tracking_method": "linear"}),
    "dipole": ("Dipole", {**BEND, "k1": 1.0, "tilt": 0.3}),
    "dipole, one edge said": ("Dipole", {**BEND, "fringe_at": "entrance", "gap_exit": 0.02, "fringe_integral_exit": 0.3}),
    "rectangular bend": ("RBend", {"length": 0.5, "angle": 0.1, "rbend_e1": 0.01, "rbend_e2": 0.02}),
    "solenoid": ("Solenoid", {"length": 0.5, "k": 0.4}),
    "undulator": ("Undulator", {"length": 0.9, "period": 0.03, "kx": 1.5}),
    "upright undulator": ("Undulator", {"length": 0.9, "period": 0.03, "ky": 1.5}),
    "helical undulator": ("Undulator", {"length": 0.9, "period": 0.03, "kx": 1.5, "ky": 1.5}),
}


@pytest.mark.parametrize("name", MAPS)
def test_linear_maps(name: str) -> None:
    kind, values = MAPS[name]
    line = segment(made(kind, **values))
    q = particles(1e-8)  # z and pz are no linear functions of tau and delta
    (theirs, _), (ours, _) = by_cheetah(line, q), by_us(cv.converters.cheetah.from_cheetah(line), q)
    np.testing.assert_allclose(ours[:5], theirs[:5], rtol=0, atol=3e-9 * np.abs(q).max())
    np.testing.assert_allclose(ours[5], theirs[5], rtol=0, atol=1e-15)  # of energies of 1e8 eV


PARTICLES = {
    "drift": ("Drift", {"length": 0.5}),
    "quadrupole": ("Quadrupole", {"length": 0.2, "k1": 2.0, **SHIFTED, "num_steps": 3}),
    "dipole": ("Dipole", {**BEND, "gap_exit": 0.03, "fringe_integral_exit": 0.3, "tilt": 0.3}),
    "dipole, one edge": ("Dipole", {**BEND, "fringe_at": "exit"}),
    "dipole, no edge": ("Dipole", {**BEND, "fringe_at": "neither"}),
    "rectangular bend": ("RBend", {"length": 0.5, "angle": 0.1, "rbend_e1": 0.01}),
    "deflector": ("TransverseDeflectingCavity", {"length": 1.0, "voltage": 1e6, "phase": 0.1, "frequency": 3e9, **SHIFTED}),
}


@pytest.mark.parametrize("name", PARTICLES)
def test_particle_routines(name: str) -> None:
    kind, values = PARTICLES[name]
    line = segment(made(kind, **values, tracking_method="drift_kick_drift"))
    q = particles(3e-4)
    (theirs, _), (ours, _) = by_cheetah(line, q), by_us(cv.converters.cheetah.from_cheetah(line), q)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-11 * np.abs(q).max())


def test_second_order_maps() -> None:
    values = {"Quadrupole": {"length": 0.2, "k1": 2.0}, "Dipole": BEND, "Drift": {"length": 0.4}}
    for kind, of_kind in values.items():
        line = segment(made(kind, **of_kind, tracking_method="second_order"))
        q = particles(1e-5)
        (theirs, _), (ours, _) = by_cheetah(line, q), by_us(cv.converters.cheetah.from_cheetah(line), q)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", ["standing_wave", "traveling_wave"])
@pytest.mark.parametrize("phase", [0.0, 20.0, -70.0])
def test_cavities(kind: str, phase: float) -> None:
    line = segment(made("Cavity", length=1.0, voltage=2e7, phase=phase, frequency=1.3e9, cavity_type=kind))
    q = particles(1e-8)
    (theirs, p0c), (ours, our_p0c) = by_cheetah(line, q), by_us(cv.converters.cheetah.from_cheetah(line), q)
    assert our_p0c == pytest.approx(p0c, rel=1e-14)
    np.testing.assert_allclose(ours[:4], theirs[:4], rtol=0, atol=1e-5 * np.abs(q).max())
    np.testing.assert_allclose(ours[4], theirs[4], rtol=0, atol=1e-4 * np.abs(q).max())  # their R56 of a wave is another
    np.testing.assert_allclose(ours[5], theirs[5], rtol=0, atol=1e-4 * np.abs(ours[5]).max())


def test_correctors_give_the_same_angles() -> None:
    elements = [
        made("HorizontalCorrector", length=0.1, angle=1e-6),
        made("VerticalCorrector", length=0.1, angle=2e-6),
        made("CombinedCorrector", length=0.1, horizontal_angle=3e-6, vertical_angle=5e-6),
    ]
    line = segment(*elements)
    rest = np.zeros((6, 1))
    (theirs, _), (ours, _) = by_cheetah(line, rest), by_us(cv.converters.cheetah.from_cheetah(line), rest)
    np.testing.assert_allclose(ours[[1, 3], 0], [4e-6, 7e-6], rtol=1e-9)
    np.testing.assert_allclose(theirs[[1, 3], 0], [4e-6, 7e-6], rtol=1e-9)


def test_maps_given_by_a_matrix() -> None:
    matrix = np.eye(7)
    matrix[0, 1], matrix[2, 3], matrix[0, 6], matrix[3, 2] = 2.0, 3.0, 1e-9, 0.2
    line = segment(made("CustomTransferMap", predefined_transfer_map=matrix.tolist(), length=1.0))
    lattice = cv.converters.cheetah.from_cheetah(line)
    assert not lattice.losses
    q = particles(1e-8)
    (theirs, _), (ours, _) = by_cheetah(line, q), by_us(lattice, q)
    np.testing.assert_allclose(ours[:4], theirs[:4], rtol=0, atol=1e-20)
    back = cv.converters.cheetah.to_cheetah(lattice, dtype=torch.float64).elements[0]
    np.testing.assert_array_equal(back.predefined_transfer_map.numpy(), matrix)
    matrix[4, 5] = 0.3
    noted = cv.converters.cheetah.from_cheetah(segment(made("CustomTransferMap", predefined_transfer_map=matrix.tolist())))
    assert noted.losses[0].attribute == "predefined_transfer_map"
    assert noted[0].terms["tt56"] == -0.3


def test_apertures() -> None:
    line = segment(
        made("Aperture", x_max=1e-3, y_max=2e-3, shape="elliptical"),
        made("Aperture", x_max=1e-3, shape="elliptical"),
        made("Aperture", x_max=1e-3, is_active=False),
    )
    ellipse, slit, open_ = cv.converters.cheetah.from_cheetah(line)
    assert (ellipse.kind, ellipse.x1_limit, ellipse.y2_limit) == ("ECollimator", 1e-3, 2e-3)
    assert (slit.kind, slit.x2_limit, slit.y1_limit) == ("RCollimator", 1e-3, 0.0)
    assert open_.aperture_at == "no_aperture"
    back = cv.converters.cheetah.to_cheetah(cv.Lattice([ellipse, slit, open_]), dtype=torch.float64).elements
    assert [(float(a.x_max), float(a.y_max), a.is_active) for a in back] == [
        (1e-3, 2e-3, True),
        (1e-3, inf, True),
        (1e-3, inf, False),
    ]


# -------------------------------------------------------------------- objects


def test_batches_and_derivatives_stay() -> None:
    k1 = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    quadrupole = cheetah.Quadrupole(number(0.2), k1=k1, misalignment=number([[1e-3, 0.0], [2e-3, 1e-3]]), name="q")
    lattice = cv.converters.cheetah.from_cheetah(segment(quadrupole, made("Drift", length=0.5)))
    assert lattice["q"].length == 0.2
    assert lattice["q"].x_offset.shape == (2,)
    beam = cv.ParticleBeam(x=torch.full((3,), 1e-3, dtype=torch.float64), p0c=1e8, species="electron")
    out = lattice.track(beam)
    assert out.x.shape == (2, 3)
    (gradient,) = torch.autograd.grad(out.x[:, 0].sum(), k1)
    assert (gradient != 0).tolist() == [False, True]  # the first is centred on the beam
    back = cv.converters.cheetah.to_cheetah(lattice, dtype=torch.float64).elements[0]
    torch.testing.assert_close(back.misalignment, quadrupole.misalignment)
    assert back.k1.requires_grad


def test_segments_inside_are_put_in_line() -> None:
    inner = cheetah.Segment([made("Drift", length=0.1), made("Marker", name="m")], name="inner")
    lattice = cv.converters.cheetah.from_cheetah(segment(inner, inner, made("Drift", length=0.3)))
    assert lattice.names == ["e", "m", "e", "m", "e"]
    assert lattice.length == pytest.approx(0.5)
    back = cv.converters.cheetah.to_cheetah(lattice)
    assert [element.name for element in back.elements] == ["e", "m", "e", "m", "e_2"]
    assert cv.converters.cheetah.from_cheetah(back).names == lattice.names


def test_superimposed_elements_are_in_the_middle() -> None:
    base = made("Quadrupole", length=0.2, k1=1.0, name="q")
    lattice = cv.converters.cheetah.from_cheetah(segment(cheetah.Superimposed(base, made("BPM", name="b"), name="s")))
    assert [(element.name, element.length) for element in lattice] == [("q", 0.1), ("b", 0.0), ("q", 0.1)]


def test_what_is_no_segment() -> None:
    with pytest.raises(cv.InputError, match=r"cheetah.Segment, not a list"):
        cv.converters.cheetah.from_cheetah([])


# -------------------------------------------------------------------- files


def lattice_file(path: Path, elements: dict[str, Any], cell: list[str], **others: Any) -> Path:
    content = {"version": "cheetah-0.8", "title": "T", "root": "cell", "elements": elements, "lattices": {"cell": cell}}
    path.write_text(json.dumps({**content, **others}, indent=1))
    return path


@pytest.fixture
def every_kind() -> cv.Lattice:
    """One of each of the elements that Cheetah has a word for, with methods and names that it has none for."""
    return cv.Lattice(
        [
            cv.Drift(name="d", length=0.5, tracking_method="linear"),
            cv.Drift(name="d", length=0.25, tracking_method=cv.KickDriftKick(order=4)),
            cv.Drift(length=0.1),
            cv.Pipe(name="pipe", length=0.2, tracking_method="second_order"),
            cv.Instrument(name="i"),
            cv.Quadrupole(name="q", length=0.2, k1=np.array([1.0, 2.0]), tilt=0.1, x_offset=1e-3),
            cv.Sextupole(name="s", length=0.2, k2=3.0, tracking_method="second_order"),
            cv.SBend(name="b", length=1.0, angle=0.1, e1=0.01, hgap=0.02, fint=0.5, fintx=0.4, fringe_type="linear_edge"),
            cv.SBend(name="c", length=1.0, angle=0.1, k1=0.3, ref_tilt=0.2, fringe_type="linear_edge"),
            cv.Solenoid(name="sol", length=0.3, ks=0.7, tracking_method="linear"),
            cv.Solenoid(name="sol2", length=0.3, ks=0.7),
            cv.LCavity(name="l", length=1.0, voltage=1e6, phi0=0.1, rf_frequency=1e9, field_calc="custom", n_rf_steps=100),
            cv.CrabCavity(name="t", length=1.0, voltage=1e6, rf_frequency=1e9, tracking_method=cv.BmadStandard(num_steps=4)),
            cv.HKicker(name="h", length=0.1, kick=1e-3),
            cv.VKicker(name="v", length=0.1, kick=1e-3, tracking_method="linear"),
            cv.Kicker(name="hv", length=0.1, hkick=1e-3, vkick=2e-3),
            cv.Undulator(name="u", length=1.0, l_period=0.03, b_max=0.5, tilt=pi / 2),
            cv.RCollimator(name="r", x_limit=1e-2, y_limit=2e-2),
            cv.Monitor(name="bpm"),
            cv.Marker(name="m"),
        ],
        name="cell",
    )


def plain(element: cv.Element) -> cv.Element:
    return element.replace(metadata={})


@pytest.mark.parametrize("way", ["file", "segment"])
def test_there_and_back(way: str, every_kind: cv.Lattice, tmp_path: Path) -> None:
    losses = cv.Losses()
    if way == "file":
        cv.save(every_kind, tmp_path / "out.cheetah.json")
        back = cv.load(tmp_path / "out.cheetah.json")
        cheetah.Segment.from_lattice_json(str(tmp_path / "out.cheetah.json"))
    else:
        segment = cv.converters.cheetah.to_cheetah(every_kind, losses=losses, dtype=torch.float64)
        back = cv.converters.cheetah.from_cheetah(segment).to("numpy")
    assert back.names == every_kind.names
    assert not back.losses
    for ours, theirs in zip(every_kind, back, strict=True):
        method = cv.core.registry.registry().method_of(ours)
        ours = ours.replace(tracking_method=method)
        theirs = theirs.replace(tracking_method=cv.core.registry.registry().method_of(theirs))
        if ours.kind == "SBend":
            ours, theirs = (e.replace(fintx=e.fint if e.fintx is None else e.fintx, hgapx=e.hgap) for e in (ours, theirs))
        if ours.kind in ("Undulator", "LCavity"):
            fields = ("b_max", "voltage", "phi0", "l_period", "tilt")
            for name in (n for n in fields if n in ours.parameters):
                assert getattr(theirs, name) == pytest.approx(getattr(ours, name), rel=1e-15)
        else:
            assert plain(theirs) == plain(ours)


def test_files_of_our_own_are_read_by_cheetah(tmp_path: Path) -> None:
    lattice = cv.Lattice([cv.Drift(name="d", length=0.5), cv.Quadrupole(name="q", length=0.2, k1=1.3)], name="cell")
    cv.save(lattice, tmp_path / "x.cheetah.json")
    line = cheetah.Segment.from_lattice_json(str(tmp_path / "x.cheetah.json"), dtype=torch.float64)
    q = particles(3e-4)
    (theirs, _), (ours, _) = by_cheetah(line, q), by_us(lattice, q)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_files_of_cheetah_are_what_its_objects_are(tmp_path: Path) -> None:
    elements = [made(kind, **values, name=f"e{i}") for i, (kind, values) in enumerate(MAPS.values()) if "name" not in values]
    line = segment(*elements, made("Screen", name="screen"), made("BPM", name="bpm"), made("Aperture", name="open"))
    line.to_lattice_json(str(tmp_path / "x.json"))
    read = cv.load(tmp_path / "x.json")
    assert [plain(e) for e in read] == [plain(e) for e in cv.converters.cheetah.from_cheetah(line)]
    assert read.metadata["title"] == "cell"
    assert read["screen"].metadata["resolution"] == [1024, 1024]


def test_names_of_earlier_versions(tmp_path: Path) -> None:
    elements = {
        "a": ["Drift", {"length": 1.0, "tracking_method": "bmadx"}],
        "b": ["Drift", {"length": 1.0, "tracking_method": "cheetah"}],
    }
    lattice = cv.load(lattice_file(tmp_path / "x.json", elements, ["a", "b"], version="cheetah-0.6"))
    assert [element.tracking_method for element in lattice] == [cv.BmadStandard(), cv.Linear()]


def test_metadata_stay(tmp_path: Path) -> None:
    elements = {"a": ["Marker", {"metadata": {"pv": "A:1", "n": [1, 2]}}]}
    lattice = cv.load(lattice_file(tmp_path / "x.json", elements, ["a"]))
    assert lattice[0].metadata == {"cheetah_type": "Marker", "metadata": {"pv": "A:1", "n": [1, 2]}}
    cv.save(lattice, tmp_path / "y.cheetah.json")
    assert cv.load(tmp_path / "y.cheetah.json") == lattice.replace(metadata={"title": "T", "info": ""})


@pytest.mark.parametrize(
    ("elements", "cell", "message"),
    [
        ({"a": ["Drift", {"length": "long"}]}, ["a"], r"Drift 'a': length must be a number or an array, not 'long'"),
        ({"a": ["Drift", {"length": 1.0, "tracking_method": "fast"}]}, ["a"], r"tracking_method must be .*, not 'fast'"),
        ({"a": ["Drift"]}, ["a"], r':6:3: an element is \["Kind", \{...\}\], not a list'),
        ({"a": ["Drift", {"length": 1.0}]}, ["b"], r"there is no element and no lattice 'b'"),
        ({"a": ["Quadrupole", {"length": 1.0, "misalignment": [1, 2, 3]}]}, ["a"], "misalignment must be two numbers"),
        ({"a": ["Quadrupole", {"length": 1.0, "k1": [1, [2]]}]}, ["a"], "an array must hold numbers alone"),
        ({"a": ["Aperture", {"x_max": 0.0}]}, ["a"], "an aperture of no size"),
        ({"a": ["Aperture", {"y_max": -1.0}]}, ["a"], "an aperture of no size"),
        ({"a": ["Laser", {"length": 1.0}]}, ["a"], "Laser changes the tracking and cannot be carried"),
        ({"a": ["Drift", {"length": 1.0, "k9": 2.0}]}, ["a"], "k9 = 2.0 changes the tracking"),
        ({"a": ["Undulator", {"length": 1, "period": 0.1, "kx": 1, "ky": 2}]}, ["a"], "ky = 2.0 changes the tracking"),
        ({"a": ["Superimposed", {"base_element": "a", "superimposed_element": "a"}]}, ["a"], "is inside itself"),
        ({"a": ["Screen", {"is_blocking": True, "is_active": True}]}, ["a"], "is_blocking = True changes the tracking"),
        ({"a": ["Drift", {"length": 1.0}]}, ["cell"], "the lattice 'cell' is inside itself: cell > cell"),
        ({"a": ["Drift", {"length": 1.0}]}, [], "a lattice needs at least one element"),
    ],
)
def test_files_that_make_no_sense(elements: Any, cell: list[str], message: str, tmp_path: Path) -> None:
    path = lattice_file(tmp_path / "x.json", elements, cell)
    with pytest.raises(cv.LatticeError, match=message) as caught:
        cv.load(path)
    assert caught.value.file == str(path)
    assert caught.value.line is not None


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = lattice_file(tmp_path / "x.json", {"a": ["Drift", {"length": float("nan")}]}, ["a"])
    with pytest.raises(cv.LatticeError, match="numbers must be finite"):
        cv.load(path)


def test_lattices_that_grow_without_bounds(tmp_path: Path) -> None:
    lattices = {"l0": ["a", "a"], **{f"l{i}": [f"l{i - 1}"] * 2 for i in range(1, 40)}}
    content = {"version": "cheetah-0.8", "root": "l39", "elements": {"a": ["Marker", {}]}, "lattices": lattices}
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(cv.LatticeError, match="more than 1000000 elements"):
        cv.load(tmp_path / "x.json")


# -------------------------------------------------------------------- what is lost


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (cv.Octupole(name="e", length=0.1, k3=1.0), "Octupole changes the tracking"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, b2=0.1), "b2 = 0.1 changes the tracking"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, hkick=1e-3), "hkick = 0.001"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, x_pitch=1e-3), "x_pitch = 0.001"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, fringe_type="full"), "fringe_type = full"),
        (cv.Quadrupole(name="e", length=0.1, b1_gradient=1.0), "b1_gradient = 1.0"),
        (cv.SBend(name="e", length=0.1, angle=0.1, dg=1e-3), "dg = 0.001"),
        (cv.Drift(name="e", length=0.1, x1_limit=1e-3), "x1_limit = 0.001"),
        (cv.RFCavity(name="e", length=0.1, voltage=1e6, rf_frequency=1e9, phi0=0.1), "phi0 = 0.1"),
        (cv.Taylor(name="e", terms={"tt111": 1.0}), "Taylor changes the tracking"),
    ],
)
def test_what_cheetah_has_no_words_for(element: cv.Element, message: str, tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        cv.save(cv.Lattice([element]), tmp_path / "x.cheetah.json")
    assert not (tmp_path / "x.cheetah.json").exists()
    losses = cv.save(cv.Lattice([element]), tmp_path / "x.cheetah.json", on_unsupported="drift")
    assert any(loss.is_physics for loss in losses)
    assert cv.load(tmp_path / "x.cheetah.json").length == pytest.approx(element.length)


def test_fields_are_normalised_where_the_momentum_is_known(tmp_path: Path) -> None:
    reference = cv.Reference("electron", 1e8)
    lattice = cv.Lattice([cv.Quadrupole(name="q", length=0.1, b1_gradient=1.0)], reference=reference)
    losses = cv.save(lattice, tmp_path / "x.cheetah.json")
    assert [loss.attribute for loss in losses] == ["reference"]
    read = cv.load(tmp_path / "x.cheetah.json")["q"]
    assert read.k1 == pytest.approx(1.0 / reference.rigidity)


def test_apertures_of_magnets_stand_beside_them(tmp_path: Path) -> None:
    magnet = cv.Quadrupole(name="q", length=0.1, k1=1.0, x_limit=1e-3, y_limit=2e-3, aperture_at="both_ends")
    cv.save(cv.Lattice([magnet]), tmp_path / "x.cheetah.json")
    before, _, after = read = cv.load(tmp_path / "x.cheetah.json")
    assert read.kinds == ["RCollimator", "Quadrupole", "RCollimator"]
    assert (before.x1_limit, after.y2_limit) == (1e-3, 2e-3)


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the reference data")
def test_a_machine(tmp_path: Path) -> None:
    """The lattice of ARES, which Cheetah's authors wrote: there and back, and tracked by both codes."""
    path = CORPUS / "cheetah_ARES_stage3" / "ARESlatticeStage3v1_9.json"
    lattice = cv.load(path)
    assert not lattice.losses
    line = cheetah.Segment.from_lattice_json(str(path), dtype=torch.float64)
    assert len(line.elements) == len(lattice)
    q = particles(1e-8)
    (theirs, _), (ours, _) = by_cheetah(line, q), by_us(lattice, q)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())
    assert not cv.save(lattice, tmp_path / "x.cheetah.json")
    assert cv.load(tmp_path / "x.cheetah.json").elements == lattice.elements


def test_forks_are_markers_to_the_beam_that_goes_on(tmp_path: Path) -> None:
    fork = cv.Fork(name="f", to_line="dump", to_element="start", direction=-1, particle="positron", new_branch=False)
    assert not any(loss.is_physics for loss in cv.save(cv.Lattice([fork]), tmp_path / "x.cheetah.json"))
    assert cv.load(tmp_path / "x.cheetah.json").names == ["f"]


def test_thin_cavities(tmp_path: Path) -> None:
    cavity = cv.RFCavity(name="c", voltage=1e6, rf_frequency=5e8)
    cv.save(cv.Lattice([cavity]), tmp_path / "x.cheetah.json")
    read = cv.load(tmp_path / "x.cheetah.json")["c"]
    assert (read.kind, read.cavity_type, read.phi0 % 1) == ("LCavity", "traveling_wave", 0.25)
