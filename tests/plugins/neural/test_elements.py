"""Neural elements: what they do to particles and moments, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core.registry import registry

from .networks import SIZES, STEP, bunch, correction, line, module


def by_hand(beam: cv.ParticleBeam, inputs: np.ndarray | None = None) -> np.ndarray:
    """Return the coordinates (6, n) after the network, computed with NumPy."""
    pytest.importorskip("jax")
    weights = {name: np.asarray(value) for name, value in module("jax", 6 if inputs is None else inputs.shape[0])[1].items()}
    q = np.stack(beam.coordinates)
    given = q / np.array(SIZES)[:, None] if inputs is None else inputs
    out = weights["second"] @ np.tanh(weights["first"] @ given + weights["bias"][:, None])
    return q + np.array(STEP)[:, None] * out


def test_output_is_added_in_its_units(differentiable, to_numpy):
    found = cv.Lattice([correction(differentiable)]).track(bunch(differentiable))
    np.testing.assert_allclose(to_numpy(found.coordinates), by_hand(bunch()), rtol=1e-12, atol=1e-18)


def test_output_alone_with_centres(differentiable, to_numpy):
    centre, shift = (1e-4, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 2e-4, 0.0, 0.0, 0.0)
    element = correction(differentiable, residual=False, centre=centre, output_centre=shift)
    found = to_numpy(cv.Lattice([element]).track(bunch(differentiable)).coordinates)
    moved = np.stack(bunch().coordinates) - np.array(centre)[:, None]
    expected = by_hand(cv.ParticleBeam(*moved, p0c=1e8)) - moved + np.array(shift)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-18)


def test_correction_of_another_element(differentiable, to_numpy):
    """The base first, with its misalignment and method; then the network, which sees its settings and the beam's numbers."""
    base = cv.Quadrupole(name="q1", length=0.3, k1=4.0, x_offset=1e-4, tracking_method="kick_drift_kick")
    sees = {"k1": 2.0, "total_charge": 1e-9, "sigma_x": 1e-3}
    lattice = cv.Lattice([correction(differentiable, residual=False, base=base, sees=sees)])
    found = lattice.track(bunch(differentiable))
    after = cv.Lattice([base]).track(bunch())
    seen = np.array([4.0 / 2.0, 1.0, after.sigma_x / 1e-3])[:, None] + np.zeros((3, 50))
    inputs = np.concatenate((np.stack(after.coordinates) / np.array(SIZES)[:, None], seen))
    np.testing.assert_allclose(to_numpy(found.coordinates), by_hand(after, inputs), rtol=1e-12, atol=1e-18)
    assert lattice.length == found.s == 0.3
    assert found.t == pytest.approx(after.t, rel=1e-14)


def test_switched_off_the_base_acts_alone(differentiable, to_numpy):
    base = cv.Quadrupole(name="q1", length=0.3, k1=4.0)
    found = cv.Lattice([correction(differentiable, residual=False, base=base, is_on=False)]).track(bunch(differentiable))
    expected = cv.Lattice([base]).track(bunch())
    np.testing.assert_allclose(to_numpy(found.coordinates), np.stack(expected.coordinates), rtol=1e-12, atol=1e-18)
    alone = cv.Lattice([correction(differentiable, is_on=False, length=0.3)]).track(bunch(differentiable))
    assert np.array_equal(to_numpy(alone.x), bunch().x)
    assert alone.s == 0.3


def test_a_cavity_as_base_changes_the_reference():
    torch = pytest.importorskip("torch")
    base = cv.LCavity(name="c", length=1.0, voltage=1e7, rf_frequency=1e9)
    out = cv.Lattice([correction("torch", residual=False, base=base)]).track(bunch("torch"))
    expected = cv.Lattice([base]).track(bunch("torch"))
    assert out.p0c == expected.p0c > 1e8
    assert not torch.equal(out.x, expected.x)


def test_batches(differentiable, array, to_numpy):
    """Of settings before the network, of settings that it sees, and of the beam."""
    lattice = cv.Lattice(
        [
            cv.Quadrupole(name="q", length=0.1, k1=array([1.0, 2.0], differentiable)),
            correction(
                differentiable, residual=False, base=cv.Drift(length=array([0.2, 0.3], differentiable)), sees={"length": 1.0}
            ),
        ]
    )
    found = to_numpy(lattice.track(bunch(differentiable)).coordinates)
    assert found.shape == (6, 2, 50)
    for i in range(2):
        base = cv.Drift(length=0.2 + 0.1 * i)
        alone = cv.Lattice(
            [cv.Quadrupole(length=0.1, k1=1.0 + i), correction(differentiable, residual=False, base=base, sees={"length": 1.0})]
        )
        np.testing.assert_allclose(
            found[:, i], to_numpy(alone.track(bunch(differentiable)).coordinates), rtol=1e-12, atol=1e-18
        )


def test_lost_particles_stay_where_they_are(differentiable, to_numpy):
    lattice = cv.Lattice([cv.RCollimator(length=0.1, x_limit=1e-3), correction(differentiable)])
    out, before = lattice.track(bunch(differentiable)), lattice[:1].track(bunch(differentiable))
    lost = ~to_numpy(out.alive)
    assert 0 < lost.sum() < 50
    assert np.array_equal(to_numpy(out.x)[lost], to_numpy(before.x)[lost])
    assert not np.any(to_numpy(out.x)[~lost] == to_numpy(before.x)[~lost])


def test_double_beams_and_single_networks_and_the_other_way(to_numpy):
    torch = pytest.importorskip("torch")
    net = module("torch").float()
    element = cv.NeuralElement(module=net, scale=SIZES, output_scale=STEP, residual=True)
    for dtype in ("float64", "float32"):
        out = cv.Lattice([element]).track(bunch("torch", dtype))
        assert out.x.dtype == getattr(torch, dtype)
        # coordinates are rounded as they come and when the step is added, and the step has ten more roundings
        epsilon = np.finfo("float32").eps
        np.testing.assert_allclose(to_numpy(out.x), by_hand(bunch())[0], rtol=epsilon, atol=10 * epsilon * STEP[0])


def test_settings_of_the_base_some_at_a_time(monkeypatch, to_numpy):
    torch = pytest.importorskip("torch")
    base = cv.Drift(length=np.array([0.1, 0.2, 0.3]))
    lattice = cv.Lattice([correction("torch", residual=False, base=base, sees={"length": 1.0})]).to("torch")
    assert lattice[0].length is lattice[0].base.length
    moments = bunch("torch").to_moments()
    expected = lattice.track(moments)
    monkeypatch.setattr(type(registry().backend("torch")), "settings", 2)
    found = lattice.track(moments)
    assert found.mean.shape == (3, 6)
    assert torch.allclose(found.covariance, expected.covariance, rtol=1e-12, atol=0)


def test_some_particles_at_a_time(differentiable, to_numpy):
    sees = {"sigma_x": 1e-3, "k1": 1.0}
    base = cv.Quadrupole(length=0.1, k1=np.array([1.0, 2.0]))
    whole = cv.Lattice([correction(differentiable, residual=False, base=base, sees=sees)]).to(differentiable)
    parts = cv.Lattice([whole[0].replace(chunk=16)])
    expected, found = (to_numpy(lattice.track(bunch(differentiable)).coordinates) for lattice in (whole, parts))
    assert found.shape == (6, 2, 50)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-18)


# -------------------------------------------------------------------- moments and maps


def test_moments_move_by_the_derivative(differentiable, to_numpy):
    base = cv.Quadrupole(name="q1", length=0.3, k1=4.0)
    lattice = cv.Lattice([correction(differentiable, residual=False, base=base)])
    start = np.array(SIZES) * 0.3
    moments = cv.MomentBeam(start, np.diag(np.array(SIZES) ** 2), p0c=1e8, charge=1e-9).to(differentiable)
    out = lattice.track(moments)
    steps = np.concatenate((np.zeros((6, 1)), 1e-5 * np.diag(SIZES), -1e-5 * np.diag(SIZES)), axis=1)
    moved = lattice.track(cv.ParticleBeam(*(start[:, None] + steps), p0c=1e8).to(differentiable))
    q = to_numpy(moved.coordinates)
    np.testing.assert_allclose(to_numpy(out.mean), q[:, 0], rtol=1e-12, atol=1e-18)
    jacobian = (q[:, 1:7] - q[:, 7:]) / (2e-5 * np.array(SIZES))
    expected = jacobian @ np.diag(np.array(SIZES) ** 2) @ jacobian.T
    scale = np.outer(SIZES, SIZES)
    np.testing.assert_allclose(to_numpy(out.covariance) / scale, expected / scale, rtol=0, atol=1e-7)


def test_networks_are_part_of_transfer_matrices(differentiable, to_numpy):
    lattice = line(correction(differentiable, base=cv.Quadrupole(length=0.3, k1=4.0), residual=False))
    reference = cv.Reference("electron", p0c=1e8)
    steps = np.concatenate((1e-5 * np.diag(SIZES), -1e-5 * np.diag(SIZES)), axis=1)
    q = to_numpy(lattice.track(cv.ParticleBeam(*steps, reference=reference).to(differentiable)).coordinates)
    expected = (q[:, :6] - q[:, 6:]) / (2e-5 * np.array(SIZES))
    found = to_numpy(lattice.transfer_matrix(reference))
    scale = np.array(SIZES)[:, None] / np.array(SIZES)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-8)


def test_networks_on_moments(differentiable, to_numpy):
    """Mean and covariance, in units of their scale, come out as the network has them."""
    net = module(differentiable, 28, 27)
    element = cv.NeuralElement(
        name="nn", module=net, acts_on="moments", scale=SIZES, output_scale=STEP, residual=True, sees={"total_charge": 1e-9}
    )
    moments = bunch(differentiable).to_moments()
    out = cv.Lattice([element]).track(moments)
    upper = np.triu_indices(6)
    pairs = np.outer(SIZES, SIZES)[upper]
    given = np.concatenate((to_numpy(moments.mean) / SIZES, to_numpy(moments.covariance)[upper] / pairs, [1.0]))
    weights = {name: np.asarray(value) for name, value in module("jax", 28, 27)[1].items()}
    change = weights["second"] @ np.tanh(weights["first"] @ given + weights["bias"])
    np.testing.assert_allclose(to_numpy(out.mean - moments.mean), change[:6] * STEP, rtol=1e-9, atol=1e-16)
    found = to_numpy(out.covariance - moments.covariance)
    np.testing.assert_allclose(found[upper], change[6:] * np.outer(STEP, STEP)[upper], rtol=1e-9, atol=1e-20)
    np.testing.assert_array_equal(to_numpy(out.covariance), to_numpy(out.covariance).T)
    with pytest.raises(cv.InputError, match=r"NeuralElement 'nn' acts on moments, not on particles; track beam\.to_moments"):
        cv.Lattice([element]).track(bunch(differentiable))


# -------------------------------------------------------------------- perceptrons


@pytest.mark.parametrize("activation", ["tanh", "sin", "relu", "softplus"])
def test_perceptrons_are_the_same_on_every_library(backend, activation, to_numpy):
    element = cv.NeuralElement.perceptron((8, 5), activation, scale=SIZES, seed=3)
    found = cv.Lattice([element]).track(bunch(backend))
    expected = cv.Lattice([element]).track(bunch())
    np.testing.assert_allclose(to_numpy(found.coordinates), to_numpy(expected.coordinates), rtol=1e-12, atol=1e-16)
    assert np.abs(expected.x - bunch().x).max() > 1e-4


def test_corrections_begin_with_nothing():
    element = cv.NeuralElement.perceptron((8,), scale=SIZES, residual=True)
    assert np.array_equal(cv.Lattice([element]).track(bunch()).x, bunch().x)


# -------------------------------------------------------------------- errors


def test_beams_of_other_libraries(differentiable):
    lattice = line(correction(differentiable))
    for other in {"numpy", "torch", "jax"} - {differentiable}:
        with pytest.raises(
            cv.BackendError, match=rf"NeuralElement 'nn' holds .*beam is on {other}; use beam\.to\('{differentiable}'\)"
        ):
            lattice.track(bunch(other))
        with pytest.raises(cv.BackendError, match="NeuralElement 'nn': its network is"):
            lattice.to(other) if other != "numpy" else lattice.to("jax" if differentiable == "torch" else "torch")


def test_modules_without_weights_are_checked_as_well():
    torch = pytest.importorskip("torch")
    with pytest.raises(cv.BackendError, match="beam is on numpy"):
        cv.Lattice([cv.NeuralElement(module=torch.nn.Tanh())]).track(bunch())


def test_modules_on_another_device():
    pytest.importorskip("torch")
    element = cv.NeuralElement(name="nn", module=module("torch").to("meta"))
    lattice = cv.Lattice([element])
    lattice.planner.libraries = dict  # there are no values to check
    with pytest.raises(cv.BackendError, match=r"Net> is on meta and the beam on cpu; use module\.to\('cpu'\)"):
        lattice.track(bunch("torch"))


def test_outputs_of_another_shape(differentiable):
    element = cv.NeuralElement(name="nn", module=module(differentiable, 6, 5))
    with pytest.raises(
        cv.InputError, match=r"NeuralElement 'nn': of values of shape \(50, 6\).*shape \(50, 6\), not \(50, 5\)"
    ):
        cv.Lattice([element]).track(bunch(differentiable))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"module": 3}, "module must be a torch.nn.Module"),
        ({"weights": {}}, "weights without a network"),
        ({"scale": (1, 1)}, "scale must be six numbers"),
        ({"scale": (1, 1, 1, 1, 1, 0)}, "scale must be six numbers"),
        ({"sees": {"k2": 1.0}}, "cannot see 'k2'"),
        ({"sees": {"p0c": 0.0}}, "unit in which p0c is seen"),
        ({"base": 3}, "base must be an element"),
        ({"base": cv.Drift(length=1.0), "length": 2.0}, "say the same"),
        ({"x_offset": 1e-3}, "x_offset may be that of its base"),
        ({"orientation": -1}, "neither be reversed nor cut"),
        ({"chunk": -1}, "chunk must be a number of particles"),
        ({"acts_on": "spins"}, "acts_on must be one of"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(fields, message):
    with pytest.raises((cv.InputError, cv.UnknownNameError), match=message):
        cv.NeuralElement(name="nn", **fields)


def test_nothing_to_do():
    with pytest.raises(cv.InputError, match="NeuralElement 'nn' has no network"):
        cv.Lattice([cv.NeuralElement(name="nn")]).track(bunch())


def test_weights_must_be_the_networks():
    element = cv.NeuralElement.perceptron((4,), name="nn")
    with pytest.raises(cv.InputError, match=r"its network lacks 0\.bias.*among the weights"):
        element.replace(weights={name: value for name, value in element.weights.items() if name != "0.bias"})
    with pytest.raises(cv.InputError, match=r"must have shape \(4, 6\), not \(6, 4\)"):
        element.replace(weights={**element.weights, "0.weight": np.zeros((6, 4))})


# -------------------------------------------------------------------- maps on NumPy


def spread_out(activation: str, **fields) -> cv.NeuralElement:
    """Return a perceptron all of whose weights matter."""
    element = cv.NeuralElement.perceptron((7, 5), activation, scale=STEP, sees={"sigma_x": 1e-3}, **fields)
    rng = np.random.default_rng(2)
    return element.replace(weights={name: 0.3 * rng.normal(size=w.shape) for name, w in element.weights.items()})


@pytest.mark.parametrize("activation", ["tanh", "sin", "relu", "softplus"])
@pytest.mark.parametrize("residual", [True, False])
def test_perceptrons_have_maps_on_numpy(activation, residual, differentiable, to_numpy):
    lattice = cv.Lattice([cv.Drift(length=1.0), spread_out(activation, residual=residual, centre=(1e-4,) * 6)])
    moments = bunch().to_moments()
    found, truth = lattice.track(moments), lattice.track(moments.to(differentiable))
    np.testing.assert_allclose(found.mean, to_numpy(truth.mean), rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(found.covariance, to_numpy(truth.covariance), rtol=1e-11, atol=1e-22)


def test_transfer_matrix_on_numpy_is_that_of_differences():
    element = cv.NeuralElement.perceptron((8,), residual=True, scale=STEP)
    rng = np.random.default_rng(4)
    element = element.replace(weights={name: 0.3 * rng.normal(size=w.shape) for name, w in element.weights.items()})
    lattice = cv.Lattice([element])
    h = 1e-4 * np.array(STEP)
    ends = [np.stack(lattice.track(cv.ParticleBeam(*(side * np.diag(h)), p0c=1e8)).coordinates) for side in (1, -1)]
    found = lattice.transfer_matrix(cv.Reference("electron", p0c=1e8))
    np.testing.assert_allclose(found * h, (ends[0] - ends[1]) / 2, rtol=1e-6, atol=1e-6 * h.max())


def test_a_perceptron_that_is_off_is_nothing_on_numpy():
    lattice = cv.Lattice([spread_out("tanh", residual=True, is_on=False)])
    assert np.array_equal(lattice.transfer_matrix(cv.Reference("electron", p0c=1e8)), np.eye(6))


def test_maps_through_a_base_need_derivatives():
    lattice = cv.Lattice([cv.NeuralElement.perceptron((8,), base=cv.Quadrupole(length=0.1, k1=1.0))])
    with pytest.raises(cv.BackendError, match=r"which NumPy has not, but of a perceptron alone; use beam.to\('torch'\)"):
        lattice.transfer_matrix(cv.Reference("electron", p0c=1e8))
