from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import BackendError, InputError, MethodError, UnknownNameError

pytestmark = pytest.mark.usefixtures("programs")

COMPILED = ["numpy", "jax", pytest.param("torch", marks=pytest.mark.slow)]


@pytest.fixture(params=COMPILED)
def compiled(request) -> str:
    """Name of a backend whose compiler is used; PyTorch's takes its time."""
    pytest.importorskip({"numpy": "numba"}.get(request.param, request.param))
    return request.param


@pytest.fixture
def cell() -> cv.Lattice:
    return cv.Lattice(
        [
            cv.Quadrupole(name="qf", length=0.2, k1=1.3),
            cv.Drift(name="d", length=0.5),
            cv.Quadrupole(name="qd", length=0.2, k1=-1.2),
            cv.Drift(name="d", length=0.5),
        ]
    )


def sigma2(out):
    return out.sigma_x**2


# -------------------------------------------------------------------- calling


def test_new_strengths_without_recompilation(cell, make_beam, compiled, to_numpy):
    tracker = cell.compile(backend=compiled, parameters=["qf.k1", "qd.k1"])
    beam, plain = make_beam(compiled), make_beam()
    tracker(beam, {"qf.k1": 1.0, "qd.k1": -1.0})
    before = compilations(compiled)
    for k1 in (1.2, 0.7, -0.3, 0.0):
        out = tracker(beam, {"qf.k1": k1, "qd.k1": -1.1})
        expected = cell.replace({"qf.k1": k1, "qd.k1": -1.1}).track(plain)
        scale = np.abs(np.stack(expected.coordinates)).max(axis=-1, keepdims=True)
        assert (np.abs(to_numpy(out.coordinates) - np.stack(expected.coordinates)) / scale).max() < 1e-13
    tracker(make_beam(compiled, seed=8), {"qd.k1": 0.5})
    assert compilations(compiled) == before


def test_another_lattice_of_the_same_elements_compiles_nothing(cell, make_beam, compiled):
    beam = make_beam(compiled)
    cell.compile(compiled, parameters=["qf.k1"])(beam, {"qf.k1": 1.0})
    before = compilations(compiled)
    cell.replace({"qd.k1": -0.7}).compile(compiled, parameters=["qd.k1"])(beam, {"qd.k1": 1.0})
    assert compilations(compiled) == before


def compilations(backend) -> int:
    """Return how many programs were compiled so far."""
    if backend == "numpy":
        from caraval.backends import numba

        return numba.driver.cache_info().misses + numba.kernels.cache_info().misses
    if backend == "jax":
        from caraval.backends import jax

        return sum(program._cache_size() for program in _programs(jax))
    import torch

    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


_seen: list = []


def _programs(module):
    """Return the compiled programs of the JAX backend, which its cache hides."""
    return _seen


@pytest.fixture(autouse=True)
def watched_programs(monkeypatch):
    """Take down every program that the JAX backend makes."""
    try:
        from caraval.backends import jax_line
    except ImportError:
        return
    real = jax_line.program

    def program(*arguments):
        found = real(*arguments)
        if all(found is not other for other in _seen):
            _seen.append(found)
        return found

    monkeypatch.setattr(jax_line, "program", program)


def test_settings_left_out_are_the_lattices(cell, make_beam, compiled, to_numpy):
    tracker = cell.compile(compiled, parameters=["qf.k1", "qd.k1"])
    expected = np.stack(cell.track(make_beam()).coordinates)
    for arguments in ((), (None,), ({},), ({"qf.k1": 1.3},)):
        assert to_numpy(tracker(make_beam(compiled), *arguments).coordinates) == pytest.approx(expected, rel=1e-12, abs=1e-18)


def test_names_stand_for_all_occurrences(cell, make_beam, to_numpy):
    tracker = cell.compile("jax", parameters=["d.length", "q*.tilt", "d##2.length"])
    settings = {"d.length": 0.6, "q*.tilt": 0.1, "d##2.length": 0.7}
    expected = cell.replace(settings).track(make_beam())
    out = tracker(make_beam("jax"), settings)
    assert to_numpy(out.coordinates) == pytest.approx(np.stack(expected.coordinates), rel=1e-12, abs=1e-18)
    assert out.s == expected.s


SETTINGS = {
    "col.x_limit": 1e-4, "col.length": 0.7, "b.g": 0.1, "b.angle": 0.1, "b.length": 0.7, "b.x_offset": 2e-3, "b.roll": 0.01,
    "q.x_offset": 1e-3, "q.x_pitch": 1e-3, "q.tilt": 0.1, "q.hkick": 1e-3, "q.length": 0.3,
    "cav.length": 1.1, "cav.voltage": 2e7, "d.length": 0.0,
}  # fmt: skip
"""What may be zero in the lattice compiled, so that nothing of it is in the plan; what must not be; shorthands."""


@pytest.mark.parametrize("key", SETTINGS)
def test_whatever_is_a_setting_can_be_a_parameter(make_beam, to_numpy, key):
    # a number of steps that is given: else it follows from the strengths of the lattice compiled
    fixed = cv.BmadStandard(num_steps=2)
    lattice = cv.Lattice(
        [
            cv.RCollimator(name="col", length=0.1, tracking_method=fixed),
            cv.SBend(name="b", length=0.5, angle=0.0 if key == "b.g" else 0.05, x_offset=1e-3, tracking_method=fixed),
            cv.Quadrupole(name="q", length=0.2, k1=1.0, tracking_method=fixed),
            cv.LCavity(name="cav", length=1.0, voltage=1e7, rf_frequency=1.3e9, n_rf_steps=1),
            cv.Drift(name="d", length=0.2),
        ]
    )
    settings = {key: SETTINGS[key]}
    out = lattice.compile("jax", parameters=[key])(make_beam("jax"), settings)
    expected = lattice.replace(settings).track(make_beam())
    assert np.array_equal(to_numpy(out.alive), expected.alive)
    scale = np.abs(np.stack(expected.coordinates)).max(axis=-1, keepdims=True)
    assert (np.abs(to_numpy(out.coordinates) - np.stack(expected.coordinates)) / scale).max() < 1e-12


def test_batches_of_settings(cell, make_beam, compiled, to_numpy, array):
    tracker = cell.compile(compiled, parameters=["qf.k1", "qd.k1"])
    strengths = np.array([0.5, 1.0, 1.5])
    out = tracker(make_beam(compiled), {"qf.k1": array(strengths, compiled)})
    assert out.shape == (3,)
    for i, k1 in enumerate(strengths.tolist()):
        expected = cell.replace({"qf.k1": k1}).track(make_beam())
        assert to_numpy(out.coordinates)[:, i] == pytest.approx(np.stack(expected.coordinates), rel=1e-12, abs=1e-18)


def test_observation(cell, make_beam, compiled, to_numpy):
    tracker = cell.compile(compiled, parameters=["qf.k1"], observe=["qf", "d"])
    out, history = tracker(make_beam(compiled), {"qf.k1": 1.0})
    expected, there = cell.replace({"qf.k1": 1.0}).track(make_beam(), observe=["qf", "d"])
    assert {name: len(beams) for name, beams in history.items()} == {"qf": 1, "d": 2}
    for name, beams in there.items():
        for a, b in zip(history[name], beams, strict=True):
            assert to_numpy(a.coordinates) == pytest.approx(np.stack(b.coordinates), rel=1e-12, abs=1e-18)
            assert a.reference == b.reference
    assert to_numpy(out.coordinates) == pytest.approx(np.stack(expected.coordinates), rel=1e-12, abs=1e-18)


def test_moments_and_linear_lines(cell, make_beam, to_numpy):
    tracker = cell.with_tracking("linear").compile("jax", parameters=["qf.k1"])
    expected = cell.with_tracking("linear").replace({"qf.k1": 1.0}).track(make_beam())
    assert to_numpy(tracker(make_beam("jax"), {"qf.k1": 1.0}).x) == pytest.approx(expected.x, rel=1e-12, abs=1e-18)
    moments = tracker(make_beam("jax").to_moments(), {"qf.k1": 1.0})
    assert to_numpy(moments.covariance) == pytest.approx(expected.covariance, rel=1e-11, abs=1e-22)


def test_beams_of_another_reference(cell, make_beam, to_numpy):
    tracker = cell.compile("jax", parameters=["qf.k1"])
    for p0c in (1e8, 1e6):
        expected = cell.replace({"qf.k1": 1.0}).track(make_beam(p0c=p0c))
        assert to_numpy(tracker(make_beam("jax", p0c=p0c), {"qf.k1": 1.0}).z) == pytest.approx(expected.z, rel=1e-12, abs=1e-17)


# -------------------------------------------------------------------- errors


def test_a_beam_on_another_backend(cell, make_beam):
    tracker = cell.compile("numpy")
    with pytest.raises(BackendError, match=r"the tracker is compiled for numpy, the beam is on torch; use beam\.to\('numpy'\)"):
        tracker(make_beam("torch"))


def test_settings_of_another_backend(cell, make_beam, array):
    tracker = cell.compile("numpy", parameters=["qf.k1"])
    with pytest.raises(BackendError, match=r"qf.*k1 is a torch array and the beam is on numpy"):
        tracker(make_beam(), {"qf.k1": array(1.0, "torch")})


def test_an_unknown_backend(cell):
    with pytest.raises(BackendError, match=r"unknown backend 'pytorch'; did you mean 'torch'\?"):
        cell.compile("pytorch")


def test_a_backend_without_compiler(cell):
    pytest.importorskip("array_api_strict")
    with pytest.raises(BackendError, match="the array_api_strict backend has no compiler"):
        cell.compile("array_api_strict")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("qf.k_1", r"Quadrupole 'qf' has no parameter 'k_1'; did you mean 'k1'\?"),
        ("quad.k1", "no element 'quad' in the lattice"),
        ("qf", "names no parameter"),
    ],
)
def test_unknown_parameters_when_compiling(cell, key, message):
    with pytest.raises(UnknownNameError, match=message):
        cell.compile("numpy", parameters=[key])


def test_parameters_that_are_no_numbers(cell):
    with pytest.raises(InputError, match="is_on"):
        cell.compile("numpy", parameters=["qf.is_on"])


def test_settings_that_it_was_not_compiled_for(cell, make_beam):
    tracker = cell.compile("numpy", parameters=["qf.k1"])
    with pytest.raises(UnknownNameError, match=r"not compiled for 'qf\.k2'; did you mean 'qf\.k1'\?; compile with parameters="):
        tracker(make_beam(), {"qf.k2": 1.0})
    with pytest.raises(UnknownNameError, match=r"not compiled for 'qd\.k1'"):
        tracker(make_beam(), {"qd.k1": 1.0})


@pytest.mark.parametrize("value", [float("nan"), "strong", None])
def test_impossible_settings(cell, make_beam, value):
    tracker = cell.compile("numpy", parameters=["qf.k1"])
    with pytest.raises(InputError, match="Quadrupole 'qf': k1 must be"):
        tracker(make_beam(), {"qf.k1": value})


def test_unknown_places_to_observe(cell):
    with pytest.raises(UnknownNameError, match="no element 'bpm'"):
        cell.compile("numpy", observe="bpm")


def test_unknown_methods_name_the_element(cell, make_beam):
    wrong = cell.replace({"qf.tracking_method": "leapfrog"})
    with pytest.raises(MethodError, match="Quadrupole 'qf' has no tracking method 'leapfrog'"):
        wrong.compile("numpy")(make_beam())


# -------------------------------------------------------------------- derivatives


def test_value_and_grad_on_torch_and_jax_and_by_finite_differences(cell, make_beam, monkeypatch):
    """One call, two libraries; PyTorch without its compiler here, which the next test has."""
    settings = {"qf.k1": 1.2, "qd.k1": -1.1, "d.length": 0.55}
    found = {}
    for backend in ("torch", "jax"):
        tracker = cell.compile(backend=backend, parameters=list(settings))
        if backend == "torch":
            from caraval.backends.torch import TorchBackend

            monkeypatch.setattr(tracker, "_compiled", TorchBackend())
        value, gradients = tracker.value_and_grad(sigma2)(make_beam(backend), settings)
        found[backend] = [float(value), *(float(gradients[key]) for key in settings)]
        assert set(gradients) == set(settings)
    assert found["torch"] == pytest.approx(found["jax"], rel=1e-12)
    beam = make_beam()
    assert found["jax"][0] == pytest.approx(float(sigma2(cell.replace(settings).track(beam))), rel=1e-13)
    h = 1e-5
    for key, slope in zip(settings, found["jax"][1:], strict=True):
        high, low = (float(sigma2(cell.replace({**settings, key: settings[key] + d}).track(beam))) for d in (h, -h))
        # of the truncation: h^2; of rounding: 1e-16 over h
        assert slope == pytest.approx((high - low) / (2 * h), rel=1e-8)


@pytest.mark.slow
def test_value_and_grad_by_torchs_compiler(cell, make_beam):
    settings = {"qf.k1": 1.2, "qd.k1": -1.1}
    found = {}
    for backend in ("torch", "jax"):
        tracker = cell.compile(backend=backend, parameters=list(settings))
        value, gradients = tracker.value_and_grad(sigma2)(make_beam(backend), settings)
        found[backend] = [float(value), *(float(gradients[key]) for key in settings)]
    assert found["torch"] == pytest.approx(found["jax"], rel=1e-12)


def test_derivatives_at_zero_and_by_batches(cell, make_beam, differentiable, array, monkeypatch):
    tracker = cell.compile(differentiable, parameters=["qf.k1"])
    if differentiable == "torch":
        from caraval.backends.torch import TorchBackend

        monkeypatch.setattr(tracker, "_compiled", TorchBackend())
    objective = tracker.value_and_grad(lambda out: (out.sigma_x**2).sum())
    _, gradients = objective(make_beam(differentiable), {"qf.k1": array([0.0, 1.0], differentiable)})
    assert tuple(gradients["qf.k1"].shape) == (2,)
    h = 1e-5
    for k1, slope in zip((0.0, 1.0), np.asarray(gradients["qf.k1"]), strict=True):
        high, low = (float(sigma2(cell.replace({"qf.k1": k1 + d}).track(make_beam()))) for d in (h, -h))
        assert slope == pytest.approx((high - low) / (2 * h), rel=1e-7)


def test_new_values_are_differentiated_without_recompilation(cell, make_beam):
    jax = pytest.importorskip("jax")
    compiled = []
    listen = lambda event, duration, **_: compiled.append(event) if "backend_compile" in event else None  # noqa: E731
    objective = cell.compile("jax", parameters=["qf.k1"]).value_and_grad(sigma2)
    beam = make_beam("jax")
    first, _ = objective(beam, {"qf.k1": 1.0})
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        second, _ = objective(beam, {"qf.k1": 1.1})
    finally:
        jax.monitoring.clear_event_listeners()
    assert float(first) != float(second)
    assert compiled == []


def test_no_derivatives_on_numpy(cell, make_beam):
    tracker = cell.compile("numpy", parameters=["qf.k1"])
    with pytest.raises(
        BackendError, match="the numpy backend has no gradients; use a beam with backend='torch' or backend='jax'"
    ):
        tracker.value_and_grad(sigma2)(make_beam(), {"qf.k1": 1.0})


@pytest.mark.parametrize("settings", [{}, None])
def test_derivatives_by_nothing(cell, make_beam, settings):
    tracker = cell.compile("jax", parameters=["qf.k1"])
    with pytest.raises(InputError, match="give the settings to differentiate"):
        tracker.value_and_grad(sigma2)(make_beam("jax"), settings)


def test_derivatives_by_something_unknown(cell, make_beam):
    tracker = cell.compile("jax", parameters=["qf.k1"])
    with pytest.raises(UnknownNameError, match=r"not compiled for 'qd\.k1'"):
        tracker.value_and_grad(sigma2)(make_beam("jax"), {"qd.k1": 1.0})


def test_the_lattice_decides_into_how_many_steps_elements_are_divided():
    """Those of a kicker go by its kick: without one it is one step, whatever a call gives; `num_steps` makes all the same."""
    beam = cv.ParticleBeam.gaussian(10, p0c=1e8, seed=1, sigma_x=1e-3, sigma_px=1e-3)
    lattice = cv.Lattice([cv.Kicker(name="k", length=0.3, hkick=0.0)])

    def apart(lattice):
        called = lattice.compile(parameters=["k.hkick"])(beam, {"k.hkick": 1e-3})
        return np.abs(called.z - lattice.replace({"k.hkick": 1e-3}).track(beam).z).max()

    assert 5e-9 < apart(lattice) < 2e-8
    assert apart(lattice.replace({"k.hkick": 1e-3})) < 1e-15
    assert apart(lattice.with_tracking(cv.BmadStandard(num_steps=3))) < 1e-15
