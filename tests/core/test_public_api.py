"""The design's section on what scripts rely on, line by line, as a user would write it."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv

FODO = """
parameter[p0c] = 1e8
parameter[particle] = electron
q1: quadrupole, l = 0.2, k1 = 1.3
d: drift, l = 0.5
bpm1: monitor
cell: line = (q1, d, bpm1, d)
other: line = (d)
use, cell
"""


@pytest.fixture
def lattice() -> cv.Lattice:
    return cv.Lattice(
        [
            cv.Drift(length=0.5),
            cv.Quadrupole(name="q1", length=0.2, k1=1.3, tracking_method="bmad_standard"),
            cv.Monitor(name="bpm1"),
            cv.Drift(name="d", length=0.5),
            cv.Quadrupole(name="q2", length=0.2, k1=-1.3),
            cv.Monitor(name="screen1"),
            cv.Quadrupole(name="q1", length=0.2, k1=1.3, tracking_method="bmad_standard"),
            cv.Monitor(name="bpm1"),
        ]
    )


@pytest.fixture
def beam() -> cv.ParticleBeam:
    return cv.ParticleBeam.gaussian(1000, species="electron", p0c=1e8, sigma_x=1e-4, sigma_px=1e-5, sigma_pz=1e-3, seed=1)


# -------------------------------------------------------------------- files


def test_load_a_bmad_file(tmp_path):
    path = tmp_path / "fodo.bmad"
    path.write_text(FODO)
    lattice = cv.load(path)
    assert [n.lower() for n in lattice.names][:4] == ["q1", "d", "bpm1", "d"]
    assert lattice.reference == cv.Reference("electron", p0c=1e8)
    assert lattice["q1"].kind == "Quadrupole"
    assert lattice["q1"].k1 == 1.3
    assert cv.load(str(path), format="bmad", line="other").length == 0.5


def test_save_and_load(tmp_path, lattice):
    own = lattice.replace(reference=cv.Reference("electron", 1e8))
    cv.save(own, tmp_path / "out.json")
    assert cv.load(tmp_path / "out.json") == own


def test_save_and_load_a_beam(tmp_path, beam):
    pytest.importorskip("pmd_beamphysics")
    cv.save_beam(beam, tmp_path / "out.h5")
    back = cv.load_beam(tmp_path / "out.h5", p0c=beam.p0c)
    # SI momenta and back; times stand for z
    assert back.x == pytest.approx(beam.x, rel=1e-14)
    assert back.pz == pytest.approx(beam.pz, abs=1e-15)


def test_formats_of_plugins(plugin, tmp_path):
    """By suffix, by content, or as one says; with the line that one wants."""

    def read(path, line=None, branch=None):
        return cv.Lattice([cv.Drift(name=line or "whole", length=float(path.read_text().split()[1]))])

    def write(lattice, path, *, unit="m"):
        path.write_text(f"length {lattice.length} {unit}")

    plugin(
        "rulers",
        register_readers=lambda: [cv.Reader("ruler", (".ruler",), read, lambda head: head.startswith("length"))],
        register_writers=lambda: [cv.Writer("ruler", (".ruler",), write)],
    )
    path = tmp_path / "a.ruler"
    cv.save(cv.Lattice([cv.Drift(length=1.5)]), path, unit="metre")
    assert path.read_text() == "length 1.5 metre"
    assert [p.name for p in tmp_path.iterdir()] == ["a.ruler"]  # nothing is left beside it
    assert cv.load(path).length == 1.5
    assert cv.load(path, line="part").names == ["part"]
    other = path.rename(tmp_path / "a.unknown")
    assert cv.load(other).length == 1.5
    third = tmp_path / "b.json"
    third.write_text("length 2.5")
    assert cv.load(third, format="ruler").length == 2.5


def test_files_that_are_not_there(tmp_path, beam, lattice):
    (tmp_path / "fodo.bmad").write_text(FODO)
    with pytest.raises(FileNotFoundError, match=r"fodo\.bma; did you mean 'fodo\.bmad'\?"):
        cv.load(tmp_path / "fodo.bma")
    with pytest.raises(FileNotFoundError, match="no file"):
        cv.load_beam(tmp_path / "nowhere" / "bunch.h5")
    with pytest.raises(cv.InputError, match="is a folder"):
        cv.load(tmp_path)
    with pytest.raises(cv.UnknownNameError, match="format 'bmat'; did you mean 'bmad'"):
        cv.load(tmp_path / "fodo.bmad", format="bmat")
    with pytest.raises(cv.UnknownNameError, match=r"no plugin can write lattices with a name like 'out\.xyz'; there are"):
        cv.save(lattice, tmp_path / "out.xyz")
    with pytest.raises(cv.UnknownNameError, match="no plugin can write beams"):
        cv.save_beam(beam, tmp_path / "out.xyz")
    with pytest.raises(cv.InputError, match="no folder"):
        cv.save(lattice, tmp_path / "nowhere" / "out.json")


# -------------------------------------------------------------------- lattices


def test_a_lattice_of_elements(lattice):
    assert lattice.names == ["", "q1", "bpm1", "d", "q2", "screen1", "q1", "bpm1"]
    assert lattice.length == pytest.approx(1.6, rel=1e-15)
    assert len(lattice) == len(lattice.elements) == 8
    assert lattice["q1"].kind == "Quadrupole"
    assert lattice.reference is None


def test_with_tracking(lattice):
    changed = lattice.with_tracking("kick_drift_kick", where="Quadrupole")
    assert {str(e.tracking_method) for e in changed if e.kind == "Quadrupole"} == {"kick_drift_kick"}
    assert {str(e.tracking_method) for e in changed if e.kind != "Quadrupole"} == {"None"}


def test_replace_by_name_occurrence_and_pattern(lattice):
    assert [e.k1 for e in lattice.replace({"q1.k1": 4.2}) if e.name == "q1"] == [4.2, 4.2]
    assert [e.k1 for e in lattice.replace({"q1##2.k1": 4.2}) if e.name == "q1"] == [1.3, 4.2]
    assert [e.k1 for e in lattice.replace({"q*.k1": 4.2}) if e.kind == "Quadrupole"] == [4.2] * 3
    with pytest.raises(cv.LatticeError, match="##1"):
        lattice.replace({"q1##2.k1": 4.2})["q1"]


def test_a_rectangular_bend_is_a_way_to_write_a_sector_bend():
    bend = cv.RBend(name="b", length=1.0, angle=0.2, e1=0.01)
    assert type(bend) is cv.SBend
    assert (bend.length, bend.e1, bend.e2) == (1.0, pytest.approx(0.11, rel=1e-15), pytest.approx(0.1, rel=1e-15))


# -------------------------------------------------------------------- beams


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_beam_where_one_wants_it(backend):
    beam = cv.ParticleBeam.gaussian(
        100, species="electron", p0c=1e8, sigma_x=1e-4, seed=1, backend=backend, dtype="float32", device="cpu"
    )
    assert beam.backend == backend
    assert str(beam.x.dtype).endswith("float32")
    there = beam.to(backend="numpy", device="cpu", dtype="float64")
    assert (there.backend, there.x.dtype) == ("numpy", np.float64)


def test_a_beam_of_coordinates():
    zero = np.zeros(3)
    beam = cv.ParticleBeam(x=zero, px=zero, y=zero, py=zero, z=zero, pz=zero, p0c=1e8, species="electron", charge=1e-9)
    assert beam.total_charge == pytest.approx(1e-9, rel=1e-15)


# -------------------------------------------------------------------- tracking


def test_track_and_look(lattice, beam):
    out = lattice.track(beam)
    assert isinstance(out, cv.ParticleBeam)
    assert isinstance(out.coordinates, cv.Coordinates)
    assert np.array_equal(out.x, out.coordinates.x)
    assert isinstance(out.reference, cv.Reference)
    assert out.alive.all()
    assert out.mean.shape == (6,)
    assert out.covariance.shape == (6, 6)
    assert out.sigma_x == pytest.approx(np.sqrt(out.covariance[0, 0]), rel=1e-13)
    assert out.emittance_x > 0
    assert out.twiss("x")._fields == ("beta", "alpha", "gamma", "emittance", "eta", "etap")


def test_moments(lattice, beam):
    moments = lattice.track(beam).to_moments()
    assert isinstance(moments, cv.MomentBeam)
    assert isinstance(lattice.track(moments), cv.MomentBeam)


def test_observe(lattice, beam):
    out, history = lattice.track(beam, observe=["bpm1", "screen*"])
    assert {name: [round(b.s, 9) for b in beams] for name, beams in history.items()} == {"bpm1": [0.7, 1.6], "screen1": [1.4]}
    assert np.array_equal(history["bpm1"][1].x, out.x)
    assert sum(len(beams) for beams in lattice.track(beam, observe="all")[1].values()) == len(lattice)


def test_transfer_matrix(lattice):
    matrix = lattice.transfer_matrix(cv.Reference("electron", p0c=1e8))
    s = np.kron(np.eye(3), [[0, 1], [-1, 0]])
    assert np.abs(matrix.T @ s @ matrix - s).max() < 1e-14


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_compile_call_and_differentiate(lattice, beam, backend, monkeypatch):
    tracker = lattice.compile(backend=backend, parameters=["q1.k1", "q2.k1"])
    if backend == "torch":  # its compiler takes half a minute; test_tracker has it, marked slow
        from caraval.backends.torch import TorchBackend

        monkeypatch.setattr(tracker, "_compiled", TorchBackend())
    settings = {"q1.k1": 1.2, "q2.k1": -1.1}
    out = tracker(beam.to(backend), settings)
    expected = lattice.replace(settings).track(beam)
    assert float(out.sigma_x) == pytest.approx(float(expected.sigma_x), rel=1e-13)
    value, gradients = tracker.value_and_grad(lambda out: out.sigma_x**2)(beam.to(backend), settings)
    assert float(value) == pytest.approx(float(expected.sigma_x) ** 2, rel=1e-13)
    assert set(gradients) == set(settings)


def test_the_lattices_reference_is_insisted_on(lattice, beam):
    own = lattice.replace(reference=cv.Reference("electron", p0c=2e8))
    with pytest.raises(cv.InputError, match='reference="beam"'):
        own.track(beam)
    assert own.track(beam, reference="beam").p0c == 1e8


def test_torch_tensors_that_require_gradients(lattice, beam):
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    lattice.replace({"q1.k1": k1}).track(beam.to("torch")).sigma_x.backward()
    h = 1e-5
    high, low = (float(lattice.replace({"q1.k1": 1.3 + d}).track(beam).sigma_x) for d in (h, -h))
    assert float(k1.grad) == pytest.approx((high - low) / (2 * h), rel=1e-8)


def test_jax_transformations(lattice, beam):
    jax = pytest.importorskip("jax")
    there = beam.to("jax")

    def size(k1):
        return lattice.replace({"q1.k1": k1}).track(there).sigma_x

    sizes, slopes = jax.jit(jax.vmap(jax.value_and_grad(size)))(jax.numpy.asarray([1.3, 0.0]))
    for k1, found, slope in zip((1.3, 0.0), sizes, slopes, strict=True):
        h = 1e-5
        at, high, low = (float(lattice.replace({"q1.k1": k1 + d}).track(beam).sigma_x) for d in (0.0, h, -h))
        assert float(found) == pytest.approx(at, rel=1e-13)
        assert float(slope) == pytest.approx((high - low) / (2 * h), rel=1e-7)
