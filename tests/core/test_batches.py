"""Many settings: taken some at a time, the same comes out."""

import numpy as np
import pytest

import caraval as cv
from caraval.core.registry import registry

from ..cases import beam

LINE = [
    cv.Quadrupole(name="qf", length=0.2, k1=1.0, x_offset=1e-4),
    cv.Drift(name="bpm", length=0.5),
    cv.LCavity(name="cav", length=1.0, voltage=1e6, rf_frequency=1e9),
    cv.Quadrupole(name="qd", length=0.2, k1=-1.0, x_limit=2e-3, y_limit=2e-3),
]
SETTINGS = {"qf.k1": np.linspace(-2, 2, 7), "cav.voltage": np.linspace(1e6, 2e6, 7), "qd.tilt": 0.1}


@pytest.fixture(params=["numpy", "torch", "jax"])
def backend(request):
    pytest.importorskip(request.param)
    return request.param


def there(value, backend):
    return value if isinstance(value, float) else registry().backend(backend).asarray(value)


def numbers(tree):
    """All numbers of a beam in NumPy."""
    if isinstance(tree, (float, int)):
        return [np.asarray(tree)]
    if hasattr(tree, "tree_flatten"):
        return [array for child in tree.tree_flatten()[0] for array in numbers(child)]
    if isinstance(tree, tuple):
        return [array for child in tree for array in numbers(child)]
    return [registry().backend(cv.core.arrays.library(tree)).to_numpy(tree)]


@pytest.mark.parametrize("observe", [None, ["bpm", "cav"]])
@pytest.mark.parametrize("moments", [False, True])
def test_some_at_a_time_as_all_at_once(backend, moments, observe, monkeypatch):
    lattice = cv.Lattice(LINE)
    incoming = beam(n=40).to(backend)
    incoming = incoming.to_moments() if moments else incoming
    changed = lattice.replace({key: there(value, backend) for key, value in SETTINGS.items()})

    def track():
        found = changed.track(incoming, observe=observe)
        return [found] if observe is None else [found[0], *found[1]["bpm"], *found[1]["cav"]]

    whole = track()
    monkeypatch.setattr(type(registry().backend(backend)), "settings", 3)
    monkeypatch.setattr(type(registry().backend(backend)), "lanes", 3 * 40)
    parts = track()
    for a, b in zip(whole, parts, strict=True):
        for one, other in zip(numbers(a), numbers(b), strict=True):
            np.testing.assert_allclose(np.broadcast_to(other, one.shape), one, rtol=1e-13, atol=1e-16)


def test_settings_of_the_beam_are_settings_too(monkeypatch):
    several = [beam(n=30, scale=scale) for scale in (0.2, 0.4, 0.6, 0.8, 1.0)]
    stacked = (np.stack([getattr(b, name) for b in several]) for name in several[0].coordinates._fields)
    together = cv.ParticleBeam(*stacked, reference=several[0].reference)
    monkeypatch.setattr(type(registry().backend("numpy")), "lanes", 2 * 30)
    out = cv.Lattice(LINE).track(together)
    for i, single in enumerate(several):
        alone = cv.Lattice(LINE).track(single)
        np.testing.assert_allclose(out.x[i], alone.x, rtol=1e-13, atol=1e-16)
        assert np.array_equal(out.alive[i], alone.alive)


def test_many_settings_are_compiled_as_many_particles_are(monkeypatch):
    """Those of every setting count: what goes through compiled loops is what a loop over settings makes of each."""
    numba = pytest.importorskip("caraval.backends.numba", exc_type=ImportError)
    numpy, seen = registry().backend("numpy"), []
    monkeypatch.setattr("caraval.backends.numpy.WORTH_COMPILING", 7 * 40 * len(LINE))
    monkeypatch.setattr(type(numpy), "compiled", lambda self: seen.append(self) or numba.NumbaBackend())
    incoming = beam(n=40)
    out = cv.Lattice(LINE).replace(SETTINGS).track(incoming)
    assert seen
    seen.clear()
    for i in range(7):
        single = {key: float(np.broadcast_to(value, 7)[i]) for key, value in SETTINGS.items()}
        alone = cv.Lattice(LINE).replace(single).track(incoming)
        assert np.array_equal(out.alive[i], alone.alive)
        for several, one in zip(out.coordinates, alone.coordinates, strict=True):
            np.testing.assert_allclose(several[i], one, rtol=1e-12, atol=1e-16)
    assert not seen


def test_what_is_kept_of_a_look_sees_all_settings(monkeypatch):
    monkeypatch.setattr(type(registry().backend("numpy")), "settings", 3)
    lattice = cv.Lattice(LINE).replace(SETTINGS)
    _, history = lattice.track(beam(n=20).to_moments(), observe="bpm", keep=lambda b: b.sigma_x.shape)
    assert history["bpm"] == [(7,)]


def test_gradients_go_through_the_parts(monkeypatch):
    torch = pytest.importorskip("torch")
    lattice = cv.Lattice(LINE)
    incoming = beam(n=20).to("torch").to_moments()

    def gradient():
        k1 = torch.linspace(-2, 2, 7, dtype=torch.float64, requires_grad=True)
        lattice.replace({"qf.k1": k1}).track(incoming).sigma_x.sum().backward()
        return k1.grad

    whole = gradient()
    monkeypatch.setattr(type(registry().backend("torch")), "settings", 3)
    torch.testing.assert_close(gradient(), whole, rtol=1e-12, atol=0)
