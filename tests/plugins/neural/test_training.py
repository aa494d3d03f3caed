"""Derivatives by weights through lines, eager and compiled, and what training makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv

from .networks import SIZES, STEP, bunch, correction, line, number, size

TURNED = {"first": (2, 3), "bias": (4,), "second": (0, 5)}
"""A number among each of the weights."""


def slope(function, at: float, step: float) -> float:
    """Return the derivative, by a formula of fourth order."""
    return (8 * (function(at + step) - function(at - step)) - (function(at + 2 * step) - function(at - 2 * step))) / (12 * step)


def with_one(weights: dict[str, Any], name: str, value: float) -> dict[str, Any]:
    """Return weights with another number in one place."""
    place = TURNED[name]
    if hasattr(weights[name], "at"):
        return {**weights, name: weights[name].at[place].set(value)}
    changed = weights[name].detach().clone()
    changed[place] = value
    return {**weights, name: changed}


def full_line(library: str) -> cv.Lattice:
    """Return a line with a network alone, and one that corrects a quadrupole and sees its strength."""
    base = cv.Quadrupole(length=0.1, k1=3.0, tracking_method="linear")
    second = correction(library, name="n2", residual=False, base=base, sees={"k1": 1.0, "sigma_x": 1e-3})
    return cv.Lattice([*line(correction(library)), second, cv.Drift(length=0.2)])


@pytest.fixture(params=["nn", "n2"])
def name(request) -> str:
    """Name of the element whose weights are looked at."""
    return request.param


def test_eager_is_compiled(differentiable, to_numpy):
    lattice, beam = full_line(differentiable), bunch(differentiable)
    expected = lattice.track(beam)
    found = lattice.compile(differentiable)(beam)
    np.testing.assert_allclose(to_numpy(found.coordinates), to_numpy(expected.coordinates), rtol=1e-11, atol=1e-17)


def test_gradients_by_weights(differentiable, name, to_numpy):
    lattice, beam = full_line(differentiable), bunch(differentiable)
    weights = lattice[name].weights
    tracker = lattice.compile(differentiable, parameters=[f"{name}.weights", "q.k1"])
    value, found = tracker.value_and_grad(size)(beam, {f"{name}.weights": weights, "q.k1": 2.0})
    assert number(value) == pytest.approx(number(size(lattice.track(beam))), rel=1e-12)
    for key, place in TURNED.items():

        def shifted(v, key=key):
            return number(size(lattice.replace({f"{name}.weights": with_one(weights, key, v)}).track(beam)))

        expected = slope(shifted, float(to_numpy(weights[key])[place]), 1e-3)
        assert float(to_numpy(found[f"{name}.weights"][key])[place]) == pytest.approx(expected, rel=1e-7, abs=1e-11)
    expected = slope(lambda k: number(size(lattice.replace({"q.k1": k}).track(beam))), 2.0, 1e-3)
    assert float(found["q.k1"]) == pytest.approx(expected, rel=1e-7)


def test_weights_of_numpy_are_settings_as_well(differentiable, to_numpy):
    element = cv.NeuralElement.perceptron((4,), name="nn", scale=SIZES)
    lattice, beam = cv.Lattice([element]), bunch(differentiable)
    tracker = lattice.compile(differentiable, parameters=["nn.weights"])
    found = tracker(beam, {"nn.weights": element.weights})
    np.testing.assert_allclose(to_numpy(found.x), lattice.track(bunch()).x, rtol=1e-12, atol=1e-17)
    with pytest.raises(cv.InputError, match=r"nn\.weights: 0\.bias must be finite"):
        tracker(beam, {"nn.weights": {**element.weights, "0.bias": np.full(4, np.inf)}})
    assert "weights=<4 arrays>" in repr(element)


def test_gradients_reach_the_module_and_its_base():
    """As people of PyTorch do it: `backward` fills what the module itself and the base hold."""
    torch = pytest.importorskip("torch")
    strength = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    element = correction(
        "torch", residual=False, base=cv.Quadrupole(length=0.1, k1=strength, tracking_method="linear"), sees={"k1": 1.0}
    )
    lattice, beam = line(element), bunch("torch")
    found = []
    for track in (lattice.track, lattice.compile("torch")):
        strength.grad = None
        element.module.zero_grad()
        size(track(beam)).backward()
        found.append((float(element.module.first.grad[2, 3]), float(strength.grad)))
    assert found[1] == pytest.approx(found[0], rel=1e-11)

    def other(k):
        return number(size(line(element.replace(base=element.base.replace(k1=k))).track(beam)))

    assert found[0][1] == pytest.approx(slope(other, 3.0, 1e-3), rel=1e-7)


def test_gradients_of_modules_and_lattices_on_jax():
    jax = pytest.importorskip("jax")
    base = cv.Drift(length=0.3)
    lattice, beam = cv.Lattice([correction("jax", residual=False, base=base, sees={"length": 1.0})]), bunch("jax")
    tree = lattice["nn"].module[1]
    function = lattice["nn"].module[0]
    by_tree = jax.jit(jax.grad(lambda w: size(lattice.replace({"nn.module": (function, w)}).track(beam))))(tree)
    by_lattice = jax.grad(lambda line: size(line.track(beam)))(lattice)["nn"].weights
    for key in TURNED:
        np.testing.assert_allclose(by_tree[key], by_lattice[key], rtol=1e-9, atol=1e-14)
        assert np.abs(np.asarray(by_tree[key])).max() > 1e-6


def test_gradients_by_strengths_of_the_base_on_jax():
    """The number of steps is that of the values, which `jax.grad` does not hide."""
    jax = pytest.importorskip("jax")
    element, beam = correction("jax", residual=False, base=cv.Quadrupole(length=0.4, k1=9.0), sees={"k1": 1.0}), bunch("jax")

    def total(k1):
        return size(cv.Lattice([element.replace(base=element.base.replace(k1=k1))]).track(beam))

    assert number(jax.grad(total)(9.0)) == pytest.approx(slope(lambda k: number(total(k)), 9.0, 1e-3), rel=1e-7)
    assert number(total(jax.numpy.asarray(9.0))) == pytest.approx(number(total(9.0)), rel=1e-12)


def test_modules_of_equinox(to_numpy):
    jax, eqx = pytest.importorskip("jax"), pytest.importorskip("equinox")
    net = eqx.nn.MLP(6, 6, 8, 1, activation=jax.numpy.tanh, key=jax.random.key(0))
    element = cv.NeuralElement(name="nn", module=net, scale=SIZES, output_scale=STEP, residual=True)
    lattice, beam = line(element), bunch("jax")
    assert eqx.tree_equal(element.module, net)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda net: size(lattice.replace({"nn.module": net}).track(beam))))(net)
    _, found = lattice.compile("jax", parameters=["nn.weights"]).value_and_grad(size)(beam, {"nn.weights": element.weights})
    np.testing.assert_allclose(gradient.layers[0].weight, found["nn.weights"]["layers.0.weight"], rtol=1e-9, atol=1e-14)


def test_gradients_of_moments(differentiable, name, to_numpy):
    lattice, beam = full_line(differentiable), bunch(differentiable).to_moments()
    weights = lattice[name].weights
    tracker = lattice.compile(differentiable, parameters=[f"{name}.weights"])
    _, found = tracker.value_and_grad(size)(beam, {f"{name}.weights": weights})

    def shifted(v):
        return number(size(lattice.replace({f"{name}.weights": with_one(weights, "first", v)}).track(beam)))

    expected = slope(shifted, float(to_numpy(weights["first"])[TURNED["first"]]), 1e-3)
    assert float(to_numpy(found[f"{name}.weights"]["first"])[TURNED["first"]]) == pytest.approx(expected, rel=1e-7)


def test_second_derivatives(differentiable, to_numpy):
    lattice = cv.Lattice([correction(differentiable, base=cv.Drift(length=0.5), residual=False), cv.Drift(length=0.2)])
    beam, weights = bunch(differentiable), lattice["nn"].weights

    def total(bias):
        return size(lattice.replace({"nn.weights": {**weights, "bias": bias}}).track(beam))

    start = to_numpy(weights["bias"])
    if differentiable == "torch":
        import torch

        def first(values):
            bias = torch.tensor(values, requires_grad=True)
            return torch.autograd.grad(total(bias), bias)[0].numpy()

        hessian = torch.autograd.functional.hessian(total, torch.tensor(start)).numpy()
    else:
        import jax

        first = jax.jit(jax.grad(total))
        hessian = np.asarray(jax.hessian(total)(weights["bias"]))
    unit = np.eye(8)[4] * 1e-4
    expected = (np.asarray(first(start + unit)) - np.asarray(first(start - unit))) / 2e-4
    np.testing.assert_allclose(hessian[4], expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
    np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-10 * np.abs(hessian).max())


def test_training_in_a_compiled_line(differentiable):
    """Steps down the gradient bring the beam to a size that the line alone does not have; weights begin with no correction."""
    element = cv.NeuralElement.perceptron(
        (8,), name="nn", scale=SIZES, output_scale=STEP, residual=True, backend=differentiable
    )
    lattice, beam = line(element), bunch(differentiable)
    tracker = lattice.compile(differentiable, parameters=["nn.weights"])
    goal = 0.9 * float(lattice.track(beam).sigma_x)
    objective = tracker.value_and_grad(lambda out: ((out.sigma_x - goal) / goal) ** 2)
    weights, losses = dict(element.weights), []
    for _ in range(12):
        loss, found = objective(beam, {"nn.weights": weights})
        losses.append(float(loss))
        weights = {key: value - 40 * found["nn.weights"][key] for key, value in weights.items()}
    assert losses[-1] < 1e-2 * losses[0]
    assert number(lattice.replace({"nn.weights": weights}).track(beam).sigma_x) == pytest.approx(goal, rel=0.02)


def test_optimisers_of_torch_change_the_element():
    torch = pytest.importorskip("torch")
    element = correction("torch")
    lattice, beam = line(element), bunch("torch")
    tracker = lattice.compile("torch")
    goal = 0.9 * float(cv.Lattice([cv.Drift(length=0.5), lattice["q"]]).track(beam).sigma_x)
    optimiser = torch.optim.Adam(element.module.parameters(), lr=0.03)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = ((tracker(beam).sigma_x - goal) / goal) ** 2
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def test_what_is_drawn_is_drawn_again_for_derivatives():
    """Dropout: the derivative is that of the value, not of another draw."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    scale = torch.nn.Linear(6, 6, bias=False).double()
    element = cv.NeuralElement(module=torch.nn.Sequential(scale, torch.nn.Dropout(0.5)), residual=True)
    out = cv.Lattice([element]).track(bunch("torch"))
    total = sum(coordinate.sum() for coordinate in out.coordinates)
    total.backward()
    # the output is linear in the weights
    added = total.detach() - sum(coordinate.sum() for coordinate in bunch("torch").coordinates)
    assert number((scale.weight.grad * scale.weight).sum()) == pytest.approx(float(added), rel=1e-10)


def test_memory_of_derivatives_is_a_state_per_network():
    """Of each network its input is kept, not its hidden layers."""
    torch = pytest.importorskip("torch")
    n, networks = 5_000, 4
    elements = [correction("torch", name=f"n{i}") for i in range(networks)]
    lattice = cv.Lattice([item for element in elements for item in (element, cv.Drift(length=0.1))])
    beam, kept = bunch("torch", n=n), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = lattice.compile("torch")(beam)
    assert sum(kept.values()) < networks * 3 * 6 * 8 * n
    size(out).backward()
    assert elements[0].module.first.grad is not None
