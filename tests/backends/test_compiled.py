"""Compiled trackers: the same routines, the same answers; each library by programs of its own."""

import numpy as np
import pytest

import caraval as cv
from caraval.backends.numba import NumbaBackend

from ..cases import ELEMENTS, beam, drawn

pytestmark = pytest.mark.usefixtures("programs")

FEW = 8
"""Elements in a line of those that follow each other in no order; in longer lines nothing would arrive."""

ALONE = ("sbend_half_turn", "rcollimator", "rcollimator_windows", "ecollimator", "mask")
NAMES = [name for name in ELEMENTS if name not in ALONE]
LINES = [NAMES[start :: -(-len(NAMES) // FEW)] for start in range(-(-len(NAMES) // FEW))]
"""Everything once; collimators come extra."""

SHORT = ["quadrupole_shifted", "drift", "sbend", "drift_aperture"]
"""What is compiled by PyTorch, which takes seconds for each."""


def line(names: list[str], seed: int | None = None) -> cv.Lattice:
    """Return a line of elements, with other settings where a seed for them is given."""
    elements = [ELEMENTS[name] if seed is None else drawn(name, "bmad_standard", seed).element for name in names]
    own = {"x_limit": 0.0, "y_limit": 0.0, "tracking_method": None}
    named = [element.replace(name=name, **own) for name, element in zip(names, elements, strict=True)]
    return cv.Lattice([*named, ELEMENTS["drift_aperture"].replace(name="last")])


def assert_same(out: cv.ParticleBeam, truth: cv.ParticleBeam) -> None:
    for name in truth.coordinates._fields:
        a, b = np.asarray(getattr(out, name)), getattr(truth, name)
        assert np.isfinite(a).all()
        a, b = a[truth.alive], b[truth.alive]  # what blows up amplifies rounding without bound
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11 * np.abs(b).max(), err_msg=name)
    assert np.array_equal(np.asarray(out.alive), truth.alive)
    assert np.array_equal(np.asarray(out.lost_s), truth.lost_s)
    assert out.reference == truth.reference


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("names", LINES, ids=lambda names: names[0])
def test_every_element_compiled(names, backend):
    lattice = line(names)
    incoming = beam(n=60, scale=0.3)
    truth = lattice.track(incoming)
    assert truth.transmission > 0.1
    assert_same(lattice.compile(backend=backend)(incoming.to(backend)), truth)
    if backend == "numpy":  # what is compiled is there for other settings, too
        others = (line(names, seed) for seed in range(1, 100))
        other, truth = next((o, t) for o, t in ((o, o.track(incoming)) for o in others) if t.transmission > 0.1)
        assert_same(other.compile(backend=backend)(incoming), truth)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_symplectic_line_compiled(backend):
    names = ["quadrupole_kicks", "sextupole", "sbend_exact_edges", "kicker"]
    lattice = line(names).with_tracking(cv.KickDriftKick(num_steps=3))
    incoming = beam(n=100, scale=0.3)
    assert_same(lattice.compile(backend=backend)(incoming.to(backend)), lattice.track(incoming))


def test_a_short_line_compiled_by_torch():
    lattice = line(SHORT)
    incoming = beam(n=300)
    truth = lattice.track(incoming)
    assert 0 < truth.transmission < 1
    assert_same(lattice.compile(backend="torch")(incoming.to("torch")), truth)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_batched_settings_compiled(backend):
    lattice = line(SHORT)
    tracker = lattice.compile(backend=backend, parameters=["quadrupole_shifted.k1", "sbend.dg"])
    incoming = beam(n=700)
    k1, dg = np.linspace(-2, 2, 4), np.linspace(-0.01, 0.01, 4)
    make = np.asarray if backend == "numpy" else __import__("jax").numpy.asarray
    out = tracker(incoming.to(backend), {"quadrupole_shifted.k1": make(k1), "sbend.dg": make(dg)})
    for i in range(4):
        single = lattice.replace({"quadrupole_shifted.k1": float(k1[i]), "sbend.dg": float(dg[i])}).track(incoming)
        np.testing.assert_allclose(np.asarray(out.x)[i], single.x, rtol=1e-11, atol=1e-15)
        assert np.array_equal(np.asarray(out.alive)[i], single.alive)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_million_particles_in_chunks_are_tracked_as_a_few(backend):
    lattice = line(SHORT)
    incoming = beam(n=100_003)
    some = slice(70_000, 70_050)
    few = cv.ParticleBeam(*(a[some] for a in incoming.coordinates), reference=incoming.reference)
    out, truth = lattice.compile(backend=backend)(incoming.to(backend)), lattice.track(few)
    np.testing.assert_allclose(np.asarray(out.x)[some], truth.x, rtol=1e-12, atol=1e-16)
    assert np.array_equal(np.asarray(out.alive)[some], truth.alive)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_particles_that_come_in_lost_stay_as_they_are(backend):
    incoming = beam(n=50)
    alive = np.arange(50) % 3 > 0
    incoming = incoming.replace(alive=alive, lost_s=np.where(alive, np.inf, -1.0))
    out = line(SHORT).compile(backend=backend)(incoming.to(backend))
    assert np.array_equal(np.asarray(out.x)[~alive], incoming.x[~alive])
    assert np.array_equal(np.asarray(out.lost_s)[~alive], incoming.lost_s[~alive])
    assert not np.asarray(out.alive)[~alive].any()


def test_single_precision_stays_single():
    incoming = beam(n=300).to(dtype="float32")
    lattice = line(SHORT)
    for backend in ("numpy", "jax"):
        out = lattice.compile(backend=backend)(incoming.to(backend))
        assert str(out.x.dtype) == "float32"
        truth = lattice.track(incoming.to(dtype="float64"))
        assert np.abs(np.asarray(out.x) - truth.x)[truth.alive].max() < 1e-8


def test_big_beams_of_numpy_are_compiled(monkeypatch):
    lattice, incoming = line(SHORT), beam(n=3000)
    truth = lattice.track(incoming)
    monkeypatch.setattr("caraval.backends.numpy.WORTH_COMPILING", 1)
    ran = []
    original = NumbaBackend.run
    monkeypatch.setattr(NumbaBackend, "run", lambda self, *a: ran.append(1) or original(self, *a))
    assert_same(lattice.track(incoming), truth)
    assert ran


def test_without_numba_numpy_runs_uncompiled(monkeypatch):
    monkeypatch.setattr("caraval.backends.numpy.has_compiler", lambda: False)
    lattice, incoming = line(SHORT), beam(n=300)
    with pytest.warns(UserWarning, match="Numba is not installed"):
        tracker = lattice.compile(backend="numpy")
    assert_same(tracker(incoming), lattice.track(incoming))


def test_batched_settings_compiled_by_torch():
    torch = pytest.importorskip("torch")
    lattice, incoming = line(SHORT), beam(n=400).to("torch")
    tracker = lattice.compile(backend="torch", parameters=["quadrupole_shifted.k1"])
    k1 = torch.tensor([0.5, 1.5], dtype=torch.float64)
    out = tracker(incoming, {"quadrupole_shifted.k1": k1})
    for i in range(2):
        single = lattice.replace({"quadrupole_shifted.k1": float(k1[i])}).track(beam(n=400))
        assert 0 < single.transmission < 1
        np.testing.assert_allclose(out.x[i].numpy(), single.x, rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(out.lost_s[i].numpy(), single.lost_s, rtol=1e-15)


def test_one_lost_particle_of_torch_keeps_where_it_was():
    lattice, incoming = line(SHORT), beam(n=60, scale=0.02)
    x = incoming.x.copy()
    x[17] = 0.5
    incoming = incoming.replace(x=x)
    truth = lattice.track(incoming)
    assert (~truth.alive).sum() == 1
    out = lattice.compile(backend="torch")(incoming.to("torch"))
    assert_same(out, truth)
    assert out.px[17] == pytest.approx(truth.px[17], rel=1e-12)
