"""Linear runs of many settings, compiled: as step by step, and as differentiated step by step."""

import numpy as np
import pytest

import caraval as cv
from caraval.core.registry import registry

pytestmark = pytest.mark.usefixtures("jax_programs")

REFERENCE = cv.Reference("electron", 1e8)
N = 300
"""Settings: more than two blocks of them."""

RANDOM = np.random.default_rng(5)
SETTINGS = {
    "qf.k1": 2 + RANDOM.standard_normal(N),
    "qd.k1": -2 + RANDOM.standard_normal(N),
    "qd.tilt": 0.1 * RANDOM.standard_normal(N),
    "b.angle": 0.1 + 0.01 * RANDOM.standard_normal(N),
    "c.hkick": 1e-3 * RANDOM.standard_normal(N),
    "d.length": 0.4 + 0.01 * RANDOM.standard_normal(N),
}


@pytest.fixture(params=["numpy", "torch", "jax"])
def backend(request):
    pytest.importorskip("numba" if request.param == "numpy" else request.param)
    return request.param


def line(cells=2):
    cell = [
        cv.Quadrupole(name="qf", length=0.2, k1=1.0),
        cv.Drift(name="d", length=0.4),
        cv.SBend(name="b", length=0.5, angle=0.1, e1=0.03, fint=0.5, hgap=0.01),
        cv.Quadrupole(name="qd", length=0.3, k1=-1.0),
        cv.Kicker(name="c", length=0.1, hkick=1e-4),
        cv.Marker(name="m"),
    ]
    return cv.Lattice(cell * cells, reference=REFERENCE).with_tracking("linear")


def plain():
    return {k: v for k, v in SETTINGS.items() if k in ("qf.k1", "qd.k1")}


def there(settings, backend):
    return {key: registry().backend(backend).asarray(value) for key, value in settings.items()}


def moments(backend, dtype="float64"):
    a = np.random.default_rng(7).standard_normal((6, 6)) * 1e-3
    return cv.MomentBeam(np.full(6, 1e-4), a @ a.T, reference=REFERENCE).to(backend, dtype=dtype)


def values(array):
    return np.asarray(array.detach() if hasattr(array, "detach") else array)


def refuse(*arguments):
    raise AssertionError("this was to be compiled")


@pytest.mark.parametrize("settings", [SETTINGS, plain(), {k: v.reshape(3, 100) for k, v in SETTINGS.items()}])
def test_moments_as_map_by_map(backend, settings, monkeypatch):
    expected = line().replace(settings).track(moments("numpy"))
    tracker = line().compile(backend=backend, parameters=list(SETTINGS))
    tracker(moments(backend))
    monkeypatch.setattr("caraval.core.plan._composed", refuse)
    monkeypatch.setattr("caraval.core.tracking._transported", refuse)
    found = tracker(moments(backend), there(settings, backend))
    assert found.mean.shape == (*next(iter(settings.values())).shape, 6)
    np.testing.assert_allclose(values(found.mean), expected.mean, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(values(found.covariance), expected.covariance, rtol=1e-11, atol=1e-20)
    assert np.array_equal(values(found.covariance), np.swapaxes(values(found.covariance), -1, -2))


ONE = {key: float(value[0]) for key, value in SETTINGS.items() if key not in ("d.length", "c.hkick")}
"""Those that change neither the reference nor the number of steps."""


def test_one_setting_as_map_by_map(backend, monkeypatch):
    pytest.importorskip("numba")
    expected = line().replace(ONE).track(moments("numpy"))
    tracker = line().compile(backend=backend, parameters=list(SETTINGS))
    tracker(moments(backend))
    monkeypatch.setattr("caraval.core.plan._composed", refuse)
    for settings in ({key: 1.1 * value for key, value in ONE.items()}, ONE):
        found = tracker(moments(backend), settings)
    assert found.mean.shape == (6,)
    np.testing.assert_allclose(values(found.mean), expected.mean, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(values(found.covariance), expected.covariance, rtol=1e-11, atol=1e-20)


@pytest.mark.parametrize("own", [{}, {"b.angle": np.array([0.1, 0.11, 0.12])}])
@pytest.mark.parametrize("given", [{"d.length": 0.5}, {"qf.k1": 1.5}, {"qf.k1": 1.5, "qd.k1": np.array([-1.0, -2.0, -3.0])}])
def test_numbers_and_arrays_given_in_turn(own, given):
    pytest.importorskip("numba")
    lattice = line().replace(own)
    tracker = lattice.compile(parameters=list(SETTINGS))
    for settings in (ONE, given, {"qf.k1": np.array([1.0, 2.0, 3.0])}, given):
        expected = lattice.replace(settings).track(moments("numpy"))
        found = tracker(moments("numpy"), settings)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-11, atol=1e-20)


def test_moments_that_are_looked_at(backend):
    expected, before = line().replace(SETTINGS).track(moments("numpy"), observe="m")
    tracker = line().compile(backend=backend, parameters=list(SETTINGS), observe="m")
    found, looks = tracker(moments(backend), there(SETTINGS, backend))
    for one, other in zip([found, *looks["m"]], [expected, *before["m"]], strict=True):
        np.testing.assert_allclose(values(one.mean), other.mean, rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(values(one.covariance), other.covariance, rtol=1e-11, atol=1e-20)


def test_moments_of_many_beams(backend):
    one = moments("numpy")
    scale = np.linspace(1, 2, N)
    many = cv.MomentBeam(one.mean * scale[:, None], one.covariance * scale[:, None, None], reference=REFERENCE)
    expected = line().replace(SETTINGS).track(many)
    found = line().compile(backend=backend, parameters=list(SETTINGS))(many.to(backend), there(SETTINGS, backend))
    np.testing.assert_allclose(values(found.mean), expected.mean, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(values(found.covariance), expected.covariance, rtol=1e-11, atol=1e-20)


def test_single_precision(backend):
    settings = {key: value.astype("float32") for key, value in SETTINGS.items()}
    expected = line().replace(SETTINGS).track(moments("numpy"))
    tracker = line().compile(backend=backend, parameters=list(SETTINGS))
    found = tracker(moments(backend, "float32"), there(settings, backend))
    assert str(found.covariance.dtype).endswith("float32")
    scale = np.abs(expected.covariance).max()
    np.testing.assert_allclose(values(found.covariance), expected.covariance, rtol=0, atol=3e-6 * scale)


def test_particles_as_map_by_map(backend):
    beam = cv.ParticleBeam.gaussian(20, p0c=1e8, sigma_x=1e-3, sigma_px=1e-4, sigma_y=1e-3, sigma_pz=1e-3, seed=3)
    some = {key: value[:9] for key, value in SETTINGS.items()}
    expected = line().replace(some).track(beam)
    found = line().compile(backend=backend, parameters=list(some))(beam.to(backend), there(some, backend))
    for one, other in zip(found.coordinates, expected.coordinates, strict=True):
        np.testing.assert_allclose(values(one), other, rtol=1e-11, atol=1e-16)


def size(beam):
    """A number to differentiate, of moments and mean."""
    return (beam.sigma_x + 2 * beam.sigma_y + 3 * beam.covariance_of(1, 4)).sum() + (beam.mean_of(0) ** 2).sum()


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("settings", [SETTINGS, plain()])
def test_gradients_as_of_automatic_differentiation(backend, settings):
    torch = pytest.importorskip("torch")
    pytest.importorskip(backend)
    pytest.importorskip("numba")
    tensors = {key: torch.tensor(value, requires_grad=True) for key, value in settings.items()}
    value = size(line().replace(tensors).track(moments("torch")))
    expected = torch.autograd.grad(value, list(tensors.values()))
    tracker = line().compile(backend=backend, parameters=list(settings))
    found, gradients = tracker.value_and_grad(size)(moments(backend), there(settings, backend))
    assert float(found) == pytest.approx(value.item(), rel=1e-12)
    for slope, other in zip(gradients.values(), expected, strict=True):
        np.testing.assert_allclose(values(slope), values(other), rtol=1e-9, atol=1e-12 * np.abs(values(other)).max())


def test_gradients_by_the_beam():
    torch = pytest.importorskip("torch")
    pytest.importorskip("numba")
    settings, one = there(plain(), "torch"), moments("torch")
    mean, covariance = one.mean.requires_grad_(), one.covariance.requires_grad_()
    slopes = []
    for track in (line().replace(settings).track, lambda b: line().compile("torch", parameters=list(settings))(b, settings)):
        after = track(cv.MomentBeam(mean, covariance, reference=REFERENCE))
        slopes.append(torch.autograd.grad(size(after), [mean, covariance]))
    (eager_mean, eager), (by_mean, by_covariance) = slopes
    np.testing.assert_allclose(by_mean, eager_mean, rtol=1e-10)
    # of two entries that are the same by symmetry, one is read
    np.testing.assert_allclose(by_covariance + by_covariance.T, eager + eager.T, rtol=1e-9, atol=1e-12 * eager.abs().max())


@pytest.mark.parametrize("n", [7, 5_000])
def test_gradients_by_the_beam_on_jax(n):
    jax = pytest.importorskip("jax")
    settings = {key: np.resize(value, n) for key, value in plain().items()}
    one, given = moments("jax"), there(settings, "jax")
    trackers = line().replace(given).track, lambda beam: line().compile("jax", parameters=list(settings))(beam, given)

    def sizes(track):
        return lambda mean, covariance: size(track(cv.MomentBeam(mean, covariance, reference=REFERENCE)))

    (eager_mean, eager), (by_mean, by_covariance) = (
        jax.grad(sizes(track), (0, 1))(one.mean, one.covariance) for track in trackers
    )
    np.testing.assert_allclose(by_mean, eager_mean, rtol=1e-10)
    np.testing.assert_allclose(by_covariance + by_covariance.T, eager + eager.T, rtol=1e-9, atol=1e-12 * abs(eager).max())


def test_particles_differentiated():
    torch = pytest.importorskip("torch")
    beam = cv.ParticleBeam.gaussian(20, p0c=1e8, sigma_x=1e-3, sigma_px=1e-4, sigma_y=1e-3, sigma_pz=1e-3, seed=3)
    some = {key: value[:9] for key, value in plain().items()}
    tensors = {key: torch.tensor(value, requires_grad=True) for key, value in some.items()}
    value = (line().replace(tensors).track(beam.to("torch")).x ** 2).sum()
    expected = torch.autograd.grad(value, list(tensors.values()))
    tracker = line().compile("torch", parameters=list(some))
    _, found = tracker.value_and_grad(lambda b: (b.x**2).sum())(beam.to("torch"), there(some, "torch"))
    for slope, other in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(slope, other, rtol=1e-9, atol=1e-12 * other.abs().max())


def test_longer_lines_and_other_numbers_compile_nothing():
    loops = pytest.importorskip("caraval.backends.numba_loops")
    line().compile(parameters=list(SETTINGS))(moments("numpy"), SETTINGS)
    before = loops.loop.cache_info().misses, loops.forwards.cache_info().misses, loops.single.cache_info().misses
    longer = line(5).replace({"b.length": 0.6})
    longer.compile(parameters=list(SETTINGS))(moments("numpy"), {key: 1.1 * value[:7] for key, value in SETTINGS.items()})
    after = loops.loop.cache_info().misses, loops.forwards.cache_info().misses, loops.single.cache_info().misses
    assert after == before
