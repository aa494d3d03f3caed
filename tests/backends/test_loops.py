"""Plain numbers of PyTorch and JAX go through NumPy's loops, in the same memory; all else goes its own way."""

import numpy as np
import pytest

import caraval as cv
from caraval.backends.loops import Looping
from caraval.core.registry import registry

from ..cases import beam

pytest.importorskip("numba")

LINE = [cv.Quadrupole(name="q", length=0.3, k1=1.0), cv.Drift(length=0.2, x_limit=2e-3)]
SETTINGS = {"q.k1": 1.2}
NUMBERS = ("x", "px", "y", "py", "z", "pz", "lost_s", "alive")


@pytest.fixture(params=["torch", "jax"])
def library(request):
    """Name of a library that holds the numbers."""
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def no_programs(monkeypatch):
    """Refuse to run what libraries compile themselves."""

    def refuse(*arguments, **options):
        raise AssertionError("this goes through NumPy's loops")

    for name in ("torch_line.forwards", "jax_line.run", "jax_chains.run", "jax_chains.moments", "jax_chains.evaluate"):
        pytest.importorskip(f"caraval.backends.{name.partition('.')[0]}")
        monkeypatch.setattr(f"caraval.backends.{name}", refuse)


@pytest.fixture
def looped(monkeypatch):
    """Take down whether loops took what they were given."""
    found = []
    original = Looping.looped
    monkeypatch.setattr(Looping, "looped", lambda *a: found.append(original(*a)) or found[-1])
    return lambda: [one is not None for one in found]


def assert_identical(out, truth):
    for name in NUMBERS:
        np.testing.assert_array_equal(np.asarray(getattr(out, name)), np.asarray(getattr(truth, name)), err_msg=name)


def there(value, library):
    return registry().backend(library).asarray(value)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("turns", [1, 3])
def test_the_same_numbers_as_numpys(library, precision, turns, no_programs):
    lattice, incoming = cv.Lattice(LINE), beam(n=301, scale=0.5).to(dtype=precision)
    truth = lattice.compile(parameters=["q.k1"])(incoming, SETTINGS, turns=turns)
    out = lattice.compile(library, parameters=["q.k1"])(incoming.to(library), SETTINGS, turns=turns)
    assert 0 < truth.transmission < 1
    assert str(out.x.dtype).endswith(precision)
    assert_identical(out, truth)


def test_settings_in_arrays_and_the_lost_that_come_in(library, no_programs):
    lattice, incoming = cv.Lattice(LINE), beam(n=50)
    alive = np.arange(50) % 3 > 0
    incoming = incoming.replace(alive=alive, lost_s=np.where(alive, np.inf, -1.0))
    k1 = np.linspace(-2, 2, 6).reshape(2, 3)
    truth = lattice.compile(parameters=["q.k1"])(incoming, {"q.k1": k1})
    out = lattice.compile(library, parameters=["q.k1"])(incoming.to(library), {"q.k1": there(k1, library)})
    assert out.x.shape == (2, 3, 50)
    assert_identical(out, truth)


def test_what_is_much_goes_there_without_being_compiled(library, no_programs, monkeypatch):
    monkeypatch.setattr(Looping, "enough", 100)
    lattice, incoming = cv.Lattice(LINE), beam(n=100)
    assert_identical(lattice.track(incoming.to(library)), lattice.compile()(incoming))


def test_nothing_is_copied(library, monkeypatch):
    """What comes in is only read; what comes out is the loops' own memory."""
    given, made = [], []
    backend = type(registry().backend(library).compiled())
    seen, build = backend.seen, backend.made
    monkeypatch.setattr(backend, "seen", lambda self, a: given.append((a, seen(self, a))) or given[-1][1])
    monkeypatch.setattr(backend, "made", lambda self, a, like: made.append((build(self, a, like), a)) or made[-1][0])
    incoming = beam(n=77).to(library)
    before = incoming.to("numpy").x.copy()
    cv.Lattice(LINE).compile(library)(incoming)
    address = (lambda a: a.data_ptr()) if library == "torch" else (lambda a: a.unsafe_buffer_pointer())
    assert len(given) >= 6
    assert len(made) == 7
    for array, memory in (*given, *made):
        assert address(array) == memory.__array_interface__["data"][0]
    assert np.array_equal(incoming.to("numpy").x, before)


def test_many_settings_of_moments(library, no_programs):
    lattice = cv.Lattice(LINE).with_tracking("linear")
    moments, k1 = beam(n=50).to_moments(), np.linspace(-2, 2, 9)
    for given in (moments, lattice.compile(parameters=["q.k1"])(moments, {"q.k1": k1[::-1].copy()})):
        truth = lattice.compile(parameters=["q.k1"])(given, {"q.k1": k1})
        out = lattice.compile(library, parameters=["q.k1"])(given.to(library), {"q.k1": there(k1, library)})
        np.testing.assert_allclose(np.asarray(out.mean), truth.mean, rtol=1e-14, atol=1e-18)
        np.testing.assert_allclose(np.asarray(out.covariance), truth.covariance, rtol=1e-13, atol=1e-20)


def test_traced_numbers_go_through_programs(looped):
    jax = pytest.importorskip("jax")
    tracker, incoming = cv.Lattice(LINE).compile("jax", parameters=["q.k1"]), beam(n=20).to("jax")

    def size(k1, x=incoming.x):
        return tracker(incoming.replace(x=x), {"q.k1": k1}).sigma_x

    expected = size(1.2)
    assert looped() == [True]
    many = jax.numpy.stack([incoming.x, 1.1 * incoming.x])
    slope = jax.grad(size)(1.2)
    for found in (jax.jit(size)(1.2), jax.vmap(size, (None, 0))(1.2, many)[0]):
        assert float(found) == pytest.approx(float(expected), rel=1e-12)
    assert float(slope) == pytest.approx((float(size(1.2001)) - float(size(1.1999))) / 2e-4, rel=1e-6)
    assert looped() == [True, False, False, False, True, True]


def test_tensors_with_a_tape_go_through_programs_but_on_the_way_there(looped, no_programs, monkeypatch):
    torch = pytest.importorskip("torch")
    tracker, incoming = cv.Lattice(LINE).compile("torch", parameters=["q.k1"]), beam(n=20).to("torch")
    k1 = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    out = tracker(incoming, {"q.k1": k1})
    assert out.x.requires_grad
    assert looped() == [False, True]  # not before there is a tape, but what it begins with
    with torch.no_grad():
        assert_identical(tracker(incoming, {"q.k1": k1}), out.replace(**{n: getattr(out, n).detach() for n in NUMBERS}))
    assert looped() == [False, True, True]
    monkeypatch.setattr("caraval.backends.torch_line.run", lambda rows, q, lost, *_: (q, lost))
    along = torch.autograd.forward_ad
    with along.dual_level():
        tracker(incoming.replace(x=along.make_dual(incoming.x, torch.ones_like(incoming.x))))
    assert looped() == [False, True, True, False]


def test_without_numba_programs_run(library, monkeypatch):
    monkeypatch.setattr("caraval.backends.loops.has_compiler", lambda: False)
    ran = []
    if library == "torch":
        monkeypatch.setattr("caraval.backends.torch_line.run", lambda rows, q, lost, *a: ran.append(1) or (q, lost))
    else:
        monkeypatch.setattr("caraval.backends.jax_line.run", lambda rows, q, lost, *a, **o: ran.append(1) or (q, lost))
    cv.Lattice(LINE).compile(library)(beam(n=20).to(library))
    assert ran == [1]


class Odd(cv.Element):
    """A kick by something that no loop over plain numbers knows."""


def kick(element, q, xp):
    return q._replace(px=q.px + 0.1 * xp.asarray([0.5], dtype=q.x.dtype))


def test_what_numba_cannot_compile_goes_through_programs(plugin, looped):
    pytest.importorskip("jax")
    plugin("odd", register_tracking_methods=lambda: {(Odd, "kick_drift_kick"): cv.Routine(track=kick)})
    tracker, incoming = cv.Lattice([Odd()]).compile("jax"), beam(n=20).to("jax")
    for _ in range(2):
        np.testing.assert_allclose(tracker(incoming).px, incoming.px + 0.05, rtol=0, atol=1e-15)
    assert looped() == [False, False]
