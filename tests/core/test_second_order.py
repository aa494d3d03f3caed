"""The second-order method: maps with a quadratic part, derived from any particle routine by jets of jets."""

from __future__ import annotations

import math

import numpy as np
import pytest

import caraval as cv
from caraval.core import maps, scalar
from caraval.core.errors import InputError
from caraval.core.jet import Jet, jet_namespace, lifted, second_order_map, seed
from caraval.core.maps import SecondOrderMap
from caraval.core.registry import registry

from ..cases import ELEMENTS, REFERENCES, methods, particles

BACKENDS = ("numpy", "torch", "jax")
OPEN = {"x_limit": 0.0, "y_limit": 0.0}


def random_map(seed: int = 1, batch: tuple[int, ...] = ()) -> SecondOrderMap:
    rng = np.random.default_rng(seed)
    quadratic = rng.standard_normal((*batch, 6, 6, 6))
    quadratic = quadratic + np.swapaxes(quadratic, -1, -2)
    return SecondOrderMap(rng.standard_normal((*batch, 6, 6)), rng.standard_normal((*batch, 6)), quadratic)


def applied(m: SecondOrderMap, q: np.ndarray) -> np.ndarray:
    """What a map does to ``(6, n)``, written with einsum."""
    linear = np.einsum("...ij,...jn->...in", m.matrix, q) + m.offset[..., None]
    return linear + np.einsum("...ijk,...jn,...kn->...in", m.quadratic, q, q)


def lattice_of(*names: str, method: object = "second_order") -> cv.Lattice:
    return cv.Lattice([ELEMENTS[name].replace(name=name, tracking_method=method, **OPEN) for name in names])


# -------------------------------------------------------------------- jets of jets

X, Y = 0.7, -0.4
A, H = X * X + Y * Y, math.hypot(X, Y)
# expression, and its second derivatives by xx, xy, yy in closed form
EXPRESSIONS = {
    "x + 2.5 * y - 1.0": (0.0, 0.0, 0.0),
    "x * y": (0.0, 1.0, 0.0),
    "x * x": (2.0, 0.0, 0.0),
    "x * x * y": (2 * Y, 2 * X, 0.0),
    "x / y": (0.0, -1 / Y**2, 2 * X / Y**3),
    "2.5 / x": (5 / X**3, 0.0, 0.0),
    "x / 2.5": (0.0, 0.0, 0.0),
    "x ** 0": (0.0, 0.0, 0.0),
    "x ** 1": (0.0, 0.0, 0.0),
    "x ** 2": (2.0, 0.0, 0.0),
    "x ** 3": (6 * X, 0.0, 0.0),
    "y ** 3": (0.0, 0.0, 6 * Y),
    "x ** -1.5": (3.75 * X**-3.5, 0.0, 0.0),
    "abs(x * y)": (0.0, -1.0, 0.0),
    "xp.abs(y) * y": (0.0, 0.0, -2.0),
    "xp.sqrt(x)": (-0.25 * X**-1.5, 0.0, 0.0),
    "xp.sin(x)": (-math.sin(X), 0.0, 0.0),
    "xp.cos(x)": (-math.cos(X), 0.0, 0.0),
    "xp.tan(x)": (2 * math.tan(X) / math.cos(X) ** 2, 0.0, 0.0),
    "xp.asin(x)": (X / (1 - X * X) ** 1.5, 0.0, 0.0),
    "xp.acos(x)": (-X / (1 - X * X) ** 1.5, 0.0, 0.0),
    "xp.atan(x)": (-2 * X / (1 + X * X) ** 2, 0.0, 0.0),
    "xp.sinh(x)": (math.sinh(X), 0.0, 0.0),
    "xp.cosh(x)": (math.cosh(X), 0.0, 0.0),
    "xp.tanh(x)": (-2 * math.tanh(X) / math.cosh(X) ** 2, 0.0, 0.0),
    "xp.exp(x * y)": (Y * Y * math.exp(X * Y), (1 + X * Y) * math.exp(X * Y), X * X * math.exp(X * Y)),
    "xp.log(x)": (-1 / X**2, 0.0, 0.0),
    "xp.hypot(x, y)": (Y * Y / H**3, -X * Y / H**3, X * X / H**3),
    "xp.atan2(y, x)": (2 * X * Y / A**2, (Y * Y - X * X) / A**2, -2 * X * Y / A**2),
    "xp.atan2(y, 2.0)": (0.0, 0.0, -4 * Y / (4 + Y * Y) ** 2),
    "xp.atan2(2.0, x)": (4 * X / (4 + X * X) ** 2, 0.0, 0.0),
    "xp.floor(3.3 * x) * x * y": (0.0, 2.0, 0.0),
    "xp.where(x > y, x * y, x)": (0.0, 1.0, 0.0),
    "xp.where(x < y, x * y, x * x)": (2.0, 0.0, 0.0),
    "xp.where(x < y, x * y, 3.0)": (0.0, 0.0, 0.0),
    "xp.maximum(x * x, y)": (2.0, 0.0, 0.0),
    "xp.minimum(x, y * y)": (0.0, 0.0, 2.0),
    "xp.minimum(x, 0.2)": (0.0, 0.0, 0.0),
}


def second_derivatives(jet: object) -> list[np.ndarray]:
    """Derivatives by xx, xy, yx, yy, zeros filled in."""
    found = []
    for i in (0, 2):
        slope = jet.slopes[i]
        for j in (0, 2):
            value = slope.slopes[j] if isinstance(slope, Jet) else None
            found.append(0.0 if value is None else value)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_second_derivatives_of_numbers(expression):
    x, _, y, *_ = seed((X, 0.0, Y, 0.0, 0.0, 0.0), 2)
    result = eval(expression, {"x": x, "y": y, "xp": jet_namespace(scalar, 2), "abs": abs})
    xx, xy, yy = EXPRESSIONS[expression]
    assert second_derivatives(result) == pytest.approx([xx, xy, xy, yy], rel=1e-14, abs=1e-15)
    value = eval(expression, {"x": X, "y": Y, "xp": scalar, "abs": abs})
    assert result.value.value == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_second_derivatives_of_arrays(expression, backend, array, to_numpy):
    from caraval.core.arrays import mixed

    xp = mixed(registry().backend(backend).xp)
    x, _, y, *_ = seed([array([v, v], backend) for v in (X, 0.0, Y, 0.0, 0.0, 0.0)], 2)
    result = eval(expression, {"x": x, "y": y, "xp": jet_namespace(xp, 2), "abs": abs})
    xx, xy, yy = EXPRESSIONS[expression]
    for found, expected in zip(second_derivatives(result), (xx, xy, xy, yy), strict=True):
        found = found if isinstance(found, float) else to_numpy(found)
        assert found + np.zeros(2) == pytest.approx([expected] * 2, rel=1e-14, abs=1e-15)


def test_arrays_of_settings_are_constants(backend, array, to_numpy):
    from caraval.core.arrays import mixed

    c = lifted((array([2.0, 3.0], backend), 1.5), 2)
    x = seed((X, 0.0, 0.0, 0.0, 0.0, 0.0), 2).x
    result = c[1] * x * (x * c[0]) + jet_namespace(mixed(registry().backend(backend).xp), 2).sqrt(c[0])
    assert to_numpy(result.value.value) == pytest.approx(1.5 * X * X * np.array([2, 3]) + np.sqrt([2, 3]), rel=1e-15)
    assert to_numpy(result.slopes[0].slopes[0]) == pytest.approx(3.0 * np.array([2, 3]), rel=1e-15)


def test_a_third_derivative_follows_by_another_level():
    x = seed((X,) + (0.0,) * 5, 3).x
    found = jet_namespace(scalar, 3).sin(x)
    assert found.slopes[0].slopes[0].slopes[0] == pytest.approx(-math.cos(X), rel=1e-15)


def test_the_map_of_an_expansion():
    q = seed((0.0,) * 6, 2)
    m = second_order_map(q._replace(x=q.x + 3.0 * q.x * q.x + q.px * q.pz + 0.5, pz=2.0))
    quadratic = np.zeros((6, 6, 6))
    quadratic[0, 0, 0], quadratic[0, 1, 5], quadratic[0, 5, 1] = 3.0, 0.5, 0.5
    assert np.array_equal(m.quadratic, quadratic)
    assert np.array_equal(m.matrix, np.diag([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]))
    assert m.offset.tolist() == [0.5, 0.0, 0.0, 0.0, 0.0, 2.0]


# -------------------------------------------------------------------- maps


def test_image_and_jacobian_of_a_vector(backend, array, to_numpy):
    m, vector = random_map(), np.random.default_rng(2).standard_normal(6)
    there = SecondOrderMap(*(array(part, backend) for part in m))
    assert to_numpy(maps.apply(there, array(vector, backend))) == pytest.approx(applied(m, vector[:, None])[:, 0], rel=1e-13)
    expected = m.matrix + np.einsum("ijk,k->ij", m.quadratic, vector) + np.einsum("ikj,k->ij", m.quadratic, vector)
    assert to_numpy(there.jacobian(array(vector, backend))) == pytest.approx(expected, rel=1e-13)


def test_image_and_jacobian_broadcast():
    m, vectors = random_map(3, (4,)), np.random.default_rng(4).standard_normal((3, 1, 6))
    image, jacobian = maps.apply(m, vectors), m.jacobian(vectors)
    for i in range(3):
        for j in range(4):
            single = SecondOrderMap(*(part[j] for part in m))
            assert image[i, j] == pytest.approx(applied(single, vectors[i, 0, :, None])[:, 0], rel=1e-13)
            assert jacobian[i, j] == pytest.approx(single.jacobian(vectors[i, 0]), rel=1e-13)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_particles_go_through_a_map(batch, backend, array, to_numpy):
    m, q = random_map(5, batch), np.random.default_rng(6).standard_normal((6, 7))
    track, constants = maps.THROUGH[SecondOrderMap]
    c = constants(SecondOrderMap(*(array(part, backend) for part in m)))
    out = track(c, cv.Coordinates(*(array(a, backend) for a in q)), registry().backend(backend).xp)
    assert np.stack([to_numpy(a) for a in out], axis=-2) == pytest.approx(applied(m, q), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("method", ["linear", "second_order"])
def test_a_kick_that_is_an_array_keeps_its_gradient(method):
    """Its matrix is plain numbers, and only the offset is not."""
    torch = pytest.importorskip("torch")
    kick = torch.tensor(1e-3, dtype=torch.float64, requires_grad=True)
    lattice = cv.Lattice([cv.Kicker(hkick=kick, tracking_method=method)])
    beam = cv.ParticleBeam(x=[0.0, 1e-3], p0c=1e8).to("torch")
    out = lattice.track(beam)
    (gradient,) = torch.autograd.grad(out.px.sum(), kick)
    assert float(gradient) == 2.0
    prepared = lattice.planner.prepare(lattice.planner.plan([], beam.reference), beam)
    assert not prepared.is_static()


# -------------------------------------------------------------------- second_order is the derivative of the routine


def derivatives_by_torch(element: cv.Element, reference: cv.Reference, method: str) -> tuple[np.ndarray, np.ndarray]:
    """First and half the second derivative on the reference orbit by PyTorch's tape."""
    import torch

    lattice = cv.Lattice([element.replace(tracking_method=method, **OPEN)])

    def track(start):
        return torch.stack(lattice.track(cv.ParticleBeam(*start[:, None].unbind(0), reference=reference)).coordinates)[:, 0]

    def first(start):
        return torch.autograd.functional.jacobian(track, start, create_graph=True, vectorize=True)

    start = torch.zeros(6, dtype=torch.float64)
    second = torch.autograd.functional.jacobian(first, start, vectorize=True)
    return first(start).detach().numpy(), second.numpy() / 2


SLOW_BY_JAX = ("quadrupole_misaligned", "sbend", "lcavity_traveling")


def derivatives_by_jax(element: cv.Element, reference: cv.Reference, method: str) -> tuple[np.ndarray, np.ndarray]:
    """First and half the second derivative on the reference orbit by JAX, forward."""
    import jax
    import jax.numpy as jnp

    lattice = cv.Lattice([element.replace(tracking_method=method, **OPEN)])

    def track(start):
        return jnp.stack(lattice.track(cv.ParticleBeam(*start[:, None], reference=reference)).coordinates)[:, 0]

    first = jax.jacfwd(track)
    return np.asarray(first(jnp.zeros(6))), np.asarray(jax.jacfwd(first)(jnp.zeros(6))) / 2


def assert_is_derivative(name: str, reference: cv.Reference, derivatives) -> None:
    element = ELEMENTS[name]
    found = cv.Lattice([element.replace(tracking_method="second_order")]).transfer_map(reference, order=2)
    matrix, quadratic = derivatives(element, reference, registry().particle_method(type(element))[0])
    np.testing.assert_allclose(found.matrix, matrix, rtol=1e-12, atol=1e-14)
    # many terms of either sign, and symmetries that make zeros of large numbers: what is lost is relative to the largest;
    # a bunch's field changes over its size
    size = min(getattr(element, name, 1.0) or 1.0 for name in ("sig_x", "sig_y"))
    scale = max(1.0, np.abs(quadratic).max(), np.abs(matrix).max() / size)
    np.testing.assert_allclose(found.quadratic, quadratic, rtol=1e-11, atol=1e-14 * scale)
    assert np.array_equal(found.quadratic, np.swapaxes(found.quadratic, -1, -2))


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_second_order_is_the_second_derivative_by_torch(name, reference):
    pytest.importorskip("torch")
    assert_is_derivative(name, REFERENCES[reference], derivatives_by_torch)


@pytest.mark.parametrize("name", ["sextupole", "solenoid", *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW_BY_JAX)])
def test_second_order_is_the_second_derivative_by_jax(name):
    pytest.importorskip("jax")
    assert_is_derivative(name, REFERENCES["electron_100MeV"], derivatives_by_jax)


@pytest.mark.parametrize("name", ELEMENTS)
def test_linear_is_the_first_part_of_second_order(name):
    reference = REFERENCES["electron_100MeV"]
    first = cv.Lattice([ELEMENTS[name].replace(tracking_method="linear")]).transfer_map(reference)
    second = cv.Lattice([ELEMENTS[name].replace(tracking_method="second_order")]).transfer_map(reference)
    np.testing.assert_allclose(second.matrix, first.matrix, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(second.offset, first.offset, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("name", ["quadrupole", "sbend", "sextupole_full", "quadrupole_misaligned", "lcavity", "kicker"])
def test_what_is_left_out_is_of_third_order(name):
    reference = REFERENCES["electron_100MeV"]
    errors = []
    for scale in (0.2, 0.1):
        q = particles(20, scale=scale)
        beam = cv.ParticleBeam(*q, reference=reference)
        out, truth = lattice_of(name).track(beam), lattice_of(name, method="bmad_standard").track(beam)
        errors.append(np.abs(np.array(out.coordinates) - np.array(truth.coordinates)).max())
    # halving the amplitude divides a third-order error by eight, a second-order one would be divided by four
    assert errors[0] / errors[1] > 6.5


def test_every_kind_can_be_tracked_to_second_order():
    assert [name for name, element in ELEMENTS.items() if "second_order" not in methods(element)] == []


# -------------------------------------------------------------------- tracking


@pytest.mark.parametrize("name", ["quadrupole", "sbend_misaligned", "lcavity", "kicker_thin"])
def test_particles_go_through_the_map_of_an_element(name, backend, dtype, epsilon, to_numpy):
    reference = REFERENCES["electron_100MeV"]
    m = lattice_of(name).transfer_map(reference, order=2)
    q = particles(20)
    beam = cv.ParticleBeam(*q, reference=reference).to(backend, dtype=dtype)
    out = lattice_of(name).track(beam)
    assert str(out.x.dtype).endswith(dtype)
    expected = applied(m, q)
    error = np.abs(to_numpy(out.coordinates) - expected) / np.abs(expected).max(axis=1, keepdims=True)
    assert error.max() < 10 * epsilon


@pytest.mark.usefixtures("jax_programs")
@pytest.mark.parametrize("how", BACKENDS)
def test_compiled(how):
    lattice = lattice_of("quadrupole_shifted", "sextupole", "drift_aperture")
    lattice = cv.Lattice([*lattice, cv.RCollimator(name="col", x_limit=4e-3, y_limit=4e-3)])
    reference = REFERENCES["electron_100MeV"]
    beam = cv.ParticleBeam(*particles(300), reference=reference)
    truth = lattice.track(beam)
    assert 0 < truth.transmission < 1
    out = lattice.compile(backend=how)(beam.to(how))
    for name in truth.coordinates._fields:
        np.testing.assert_allclose(np.asarray(getattr(out, name)), getattr(truth, name), rtol=1e-13, atol=1e-17)
    assert np.array_equal(np.asarray(out.alive), truth.alive)
    assert np.array_equal(np.asarray(out.lost_s), truth.lost_s)


@pytest.mark.parametrize("how", BACKENDS)
def test_batches_of_settings(how):
    reference = REFERENCES["electron_100MeV"]
    beam = cv.ParticleBeam(*particles(9), reference=reference)
    lattice, k2 = lattice_of("sextupole", "quadrupole"), np.array([5.0, 0.0, -8.0])
    batched = lattice.replace({"sextupole.k2": k2}).to(how)
    out = batched.track(beam.to(how))
    assert tuple(out.x.shape) == (3, 9)
    m = batched.transfer_map(reference, order=2)
    assert tuple(m.quadratic.shape) == (3, 6, 6, 6)
    for i, value in enumerate(k2):
        single = lattice.replace({"sextupole.k2": float(value)})
        np.testing.assert_allclose(np.asarray(out.px)[i], single.track(beam).px, rtol=1e-13, atol=1e-17)
        alone = single.transfer_map(reference, order=2)
        np.testing.assert_allclose(np.asarray(m.quadratic)[i], alone.quadratic, rtol=1e-13, atol=1e-14)


def test_second_order_maps_are_not_merged_and_linear_ones_between_them_are():
    names = ("drift", "quadrupole", "sextupole", "sextupole_full", "drift", "quadrupole")
    line = [ELEMENTS[n].replace(tracking_method="second_order" if "sext" in n else "linear", **OPEN) for n in names]
    lattice, reference = cv.Lattice(line), REFERENCES["electron_100MeV"]
    stages = lattice.planner.plan([], reference).prepare(lattice.elements, reference).stages
    assert [type(stage).__name__ for stage in stages] == ["LinearMap", "SecondOrderMap", "SecondOrderMap", "LinearMap"]
    beam = cv.ParticleBeam(*particles(10), reference=reference)
    together, one_by_one = lattice.track(beam), beam
    for element in line:
        one_by_one = cv.Lattice([element]).track(one_by_one)
    np.testing.assert_allclose(np.array(together.coordinates), np.array(one_by_one.coordinates), rtol=1e-13, atol=1e-18)


def test_prepared_maps_are_kept_where_they_are_numbers(fodo, make_beam):
    beam, second = make_beam(), fodo.with_tracking("second_order")
    plan = second.planner.plan([], beam.reference)
    assert second.planner.prepare(plan, beam) is second.planner.prepare(plan, beam)
    batched = second.replace({"qf.k1": np.array([1.0, 2.0])})
    assert batched.planner.prepare(plan, beam) is not batched.planner.prepare(plan, beam)


def test_the_orbit_is_seen_between_elements(fodo, make_beam):
    beam = make_beam(n=5)
    second = fodo.with_tracking("second_order")
    out, history = second.track(beam, observe="all")
    assert [len(looks) for looks in history.values()] == [1] * 4
    assert np.array_equal(history["d2"][0].x, out.x)
    assert np.array_equal(history["qf"][0].x, second[:1].track(beam).x)


@pytest.mark.parametrize("method", ["second_order", "bmad_standard", "kick_drift_kick"])
def test_the_second_order_map_of_a_line_is_that_of_its_parts_composed(method):
    reference = REFERENCES["electron_10MeV"]
    names = ("quadrupole_misaligned", "sbend", "sextupole")
    whole = lattice_of(*names, method=method).transfer_map(reference, order=2)
    offset, first, second = np.zeros(6), np.eye(6), np.zeros((6, 6, 6))
    for name in names:
        lattice = lattice_of(name, method=method)
        prepared = lattice.planner.plan([], reference).prepare(lattice.elements, reference, particles=False)
        from caraval.core import tracking

        m = tracking.second_order_map_of(prepared, registry().backend("numpy"), offset)  # about the orbit that arrives
        second = np.einsum("ij,jkl->ikl", m.matrix, second) + np.einsum("ijk,jl,km->ilm", m.quadratic, first, first)
        first, offset = m.matrix @ first, m.offset
    np.testing.assert_allclose(whole.matrix, first, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(whole.quadratic, second, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(whole.matrix, lattice_of(*names, method=method).transfer_matrix(reference), rtol=1e-12)


def test_the_order_of_a_transfer_map_is_one_or_two(fodo):
    with pytest.raises(InputError, match="order must be 1 or 2, not 3"):
        fodo.transfer_map(REFERENCES["electron_10MeV"], order=3)


def test_gradients_go_through_the_quadratic_part(differentiable):
    """Of a sum over particles, by the strength of a sextupole: against a central difference."""
    reference = REFERENCES["electron_100MeV"]
    beam = cv.ParticleBeam(*particles(10), reference=reference)
    lattice = cv.Lattice([cv.Sextupole(name="s", length=0.3, k2=4.0, tracking_method="second_order"), cv.Drift(length=0.5)])
    tracker = lattice.compile(backend=differentiable, parameters=["s.k2"])
    _, gradients = tracker.value_and_grad(lambda out: (out.x * out.x).sum())(beam.to(differentiable), {"s.k2": 4.0})
    high, low = (lattice.replace({"s.k2": 4.0 + h}).track(beam).x for h in (1e-4, -1e-4))
    assert float(gradients["s.k2"]) == pytest.approx(((high * high).sum() - (low * low).sum()) / 2e-4, rel=1e-9)


# -------------------------------------------------------------------- moments


def test_the_mean_of_moments_gets_what_the_covariance_adds(backend, array, to_numpy):
    reference = REFERENCES["electron_100MeV"]
    lattice = lattice_of("sextupole")
    m = lattice.transfer_map(reference, order=2)
    root = np.random.default_rng(5).standard_normal((6, 6)) * 1e-3
    mean, covariance = np.random.default_rng(6).standard_normal(6) * 1e-3, root @ root.T
    out = lattice.track(cv.MomentBeam(array(mean, backend), array(covariance, backend), reference=reference))
    second = np.outer(mean, mean) + covariance
    expected = m.offset + m.matrix @ mean + np.einsum("ijk,jk->i", m.quadratic, second)
    jacobian = m.matrix + 2 * np.einsum("ijk,k->ij", m.quadratic, mean)
    assert to_numpy(out.mean) == pytest.approx(expected, rel=1e-12, abs=1e-18)
    assert to_numpy(out.covariance) == pytest.approx(jacobian @ covariance @ jacobian.T, rel=1e-12, abs=1e-20)


@pytest.mark.parametrize("name", ["sextupole", "quadrupole", "sbend", "lcavity"])
def test_the_mean_is_that_of_many_particles(name):
    """To rounding, and with a shift by the covariance that the linear map does not have."""
    reference = REFERENCES["electron_10MeV"]
    sigma = {"sigma_x": 2e-3, "sigma_px": 2e-3, "sigma_y": 1e-3, "sigma_py": 1e-3, "sigma_z": 3e-3, "sigma_pz": 1e-2}
    beam = cv.ParticleBeam.gaussian(10_000, species="electron", p0c=reference.p0c, seed=3, **sigma)
    lattice = lattice_of(name)
    particles_out, moments_out = lattice.track(beam), lattice.track(beam.to_moments())
    straight = cv.Lattice([ELEMENTS[name].replace(tracking_method="linear", **OPEN)]).track(beam.to_moments())
    scale = np.sqrt(np.diag(particles_out.covariance))
    assert (np.abs(moments_out.mean - straight.mean) / scale).max() > 1e-4
    # the moments that went in are those of these particles, not of what they were drawn from: only rounding remains
    assert (np.abs(moments_out.mean - particles_out.mean) / scale).max() < 1e-13


# -------------------------------------------------------------------- other kinds


class Bowl(cv.Element):
    """A kind of another distribution with nothing but a particle routine."""

    depth: cv.Parameter = 0.0


def roll(bowl, q, xp):
    return q._replace(px=q.px - bowl.depth * xp.sin(q.x) * q.y)


class Own(cv.Element):
    """A kind with a second-order map of its own, and no routine."""

    strength: cv.Parameter = 0.0


def own_map(element, reference_in, reference_out, xp):
    zero = [[0.0] * 6 for _ in range(6)]
    kick = [[element.strength if (j, k) == (0, 0) else 0.0 for k in range(6)] for j in range(6)]
    identity = [[float(i == j) for j in range(6)] for i in range(6)]
    return SecondOrderMap.from_entries(None, identity, [zero, kick, zero, zero, zero, zero])


def test_a_kind_of_another_distribution_gets_it_by_itself(plugin):
    plugin("bowls", register_tracking_methods=lambda: {(Bowl, "rolling"): cv.Routine(track=roll)})
    assert registry().method_names(Bowl) == ["rolling", "linear", "second_order"]
    m = cv.Lattice([Bowl(depth=3.0)]).with_tracking("second_order").transfer_map(REFERENCES["electron_10MeV"], order=2)
    expected = np.zeros((6, 6, 6))
    expected[1, 0, 2] = expected[1, 2, 0] = -1.5
    assert m.quadratic == pytest.approx(expected, abs=1e-16)


@pytest.mark.parametrize("how", BACKENDS)
def test_a_kind_may_have_a_map_of_its_own(plugin, how):
    plugin("owns", register_tracking_methods=lambda: {(Own, "second_order"): own_map})
    reference = REFERENCES["electron_10MeV"]
    q = particles(10)
    out = cv.Lattice([Own(strength=7.0)]).track(cv.ParticleBeam(*q, reference=reference).to(how))
    assert np.asarray(out.px) == pytest.approx(q[1] + 7.0 * q[0] ** 2, rel=1e-14, abs=1e-18)


def test_a_map_of_its_own_is_misaligned_as_any_other(plugin):
    plugin("owns", register_tracking_methods=lambda: {(Own, "second_order"): own_map})
    lattice = cv.Lattice([Own(strength=7.0, x_offset=1e-3)])
    q = particles(10)
    out = lattice.track(cv.ParticleBeam(*q, reference=REFERENCES["electron_10MeV"]))
    assert out.px == pytest.approx(q[1] + 7.0 * (q[0] - 1e-3) ** 2, rel=1e-12, abs=1e-16)
    stages = lattice.planner.plan([], out.reference).prepare(lattice.elements, out.reference).stages
    assert [type(stage).__name__ for stage in stages] == ["SecondOrderMap"]


def test_a_map_function_must_return_a_map_of_its_order(plugin):
    def linear(element, reference_in, reference_out, xp):
        return cv.LinearMap.from_blocks()

    plugin("owns", register_tracking_methods=lambda: {(Own, "second_order"): linear})
    with pytest.raises(InputError, match="Own 'own1': the map of a Own must be a SecondOrderMap, not LinearMap"):
        cv.Lattice([Own(name="own1")]).track(cv.ParticleBeam(x=[0.0], p0c=1e8))
