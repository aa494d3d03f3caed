"""Derivatives through space charge against finite differences."""

import numpy as np
import pytest

import caraval as cv

from .test_lines import GRID, bunch, line


def size(beam):
    return beam.sigma_x + 0.5 * beam.sigma_z


def slope(function, at, step):
    """Return the derivative, by a formula of fourth order."""
    return (8 * (function(at + step) - function(at - step)) - (function(at + 2 * step) - function(at - 2 * step))) / (12 * step)


@pytest.mark.parametrize("compiled", [pytest.param(False, marks=pytest.mark.slow), True])
def test_strengths(differentiable, compiled):
    beam, lattice = bunch(1000), cv.Lattice(line("kick_drift_kick").elements[:2])  # few variants to compile
    expected = slope(lambda k: size(lattice.replace({"q.k1": k}).track(beam)), 5.0, 1e-4)
    there = beam.to(differentiable)
    if compiled:
        tracker = lattice.compile(differentiable, parameters=["q.k1"])
        value, found = tracker.value_and_grad(size)(there, {"q.k1": 5.0})
        gradient = float(found["q.k1"])
    elif differentiable == "torch":
        import torch

        strength = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
        value = size(lattice.replace({"q.k1": strength}).track(there))
        value.backward()
        gradient = float(strength.grad)
    else:
        import jax

        value, gradient = jax.value_and_grad(lambda k: size(lattice.replace({"q.k1": k}).track(there)))(5.0)
    value = float(value.detach() if hasattr(value, "detach") else value)
    assert value == pytest.approx(size(lattice.replace({"q.k1": 5.0}).track(beam)), rel=1e-11)
    assert float(gradient) == pytest.approx(expected, rel=2e-6)


def test_charge_coordinates_and_lengths(differentiable):
    beam = bunch(300)
    direction = np.random.default_rng(5).normal(size=(6, 300)) * np.array(beam.coordinates).std(axis=1)[:, None]

    def moved(u, charge, effect):
        """Work with numbers, and with arrays of both libraries."""
        like = u if hasattr(u, "shape") else 0.0
        q = [a + u * d for a, d in zip(arrays, directions, strict=True)]
        kick = cv.SpaceChargeKick(effect_length=effect, grid=GRID)
        there = cv.ParticleBeam(*q, p0c=beam.p0c, charge=weights * charge + 0 * like)
        drift = cv.Lattice([cv.Drift(length=0.1)]).with_space_charge(every=0.1, grid=GRID)
        return size(cv.Lattice([drift, kick, cv.Drift(length=0.2)]).track(there))

    arrays, directions, weights = list(beam.coordinates), list(direction), beam.charge
    start = (0.0, 1.0, 0.1)
    steps = (1e-7, 1e-4, 1e-4)
    expected = [
        slope(lambda v, i=i: moved(*(v if j == i else a for j, a in enumerate(start))), start[i], steps[i]) for i in range(3)
    ]
    if differentiable == "torch":
        import torch

        arrays, directions, weights = ([torch.tensor(a) for a in arrays], [torch.tensor(a) for a in directions],
                                       torch.tensor(weights))  # fmt: skip
        variables = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in start]
        moved(*variables).backward()
        found = [float(v.grad) for v in variables]
    else:
        import jax
        import jax.numpy as jnp

        arrays, directions, weights = list(map(jnp.asarray, arrays)), list(map(jnp.asarray, directions)), jnp.asarray(weights)
        found = [float(g) for g in jax.jit(jax.grad(moved, argnums=(0, 1, 2)))(*start)]
    # where a particle crosses from cell to cell its slope jumps, so differences of coordinates are a little off
    assert found[0] == pytest.approx(expected[0], rel=1e-4)
    assert found[1:] == pytest.approx(expected[1:], rel=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_compiled_trackers_at_random_points(differentiable, seed):
    """By a strength, along a direction of all coordinates, and by the charge, at once."""
    rng = np.random.default_rng(seed)
    beam = bunch(400, seed=seed)
    direction = rng.normal(size=(6, 400)) * np.array(beam.coordinates).std(axis=1)[:, None]
    sizes = rng.uniform(0.05, 0.2, 3)
    elements = [cv.Drift(length=sizes[0]), cv.Quadrupole(name="q", length=sizes[1], k1=0.0), cv.Drift(length=sizes[2])]
    lattice = cv.Lattice(elements).with_space_charge(every=0.1, grid=(8, 10, 12))
    start = (rng.uniform(-8, 8), 0.0, rng.uniform(0.5, 2))
    steps = (1e-4, 3e-8, 1e-4)  # so little that hardly a particle changes cells

    def moved(u, charge, to=lambda a: a):
        q = [to(a) + u * to(d) for a, d in zip(beam.coordinates, direction, strict=True)]
        return cv.ParticleBeam(*q, p0c=beam.p0c, charge=to(beam.charge) * charge)

    def plain(k1, u, charge):
        return size(lattice.replace({"q.k1": k1}).track(moved(u, charge)))

    expected = [
        slope(lambda v, i=i: plain(*(v if j == i else a for j, a in enumerate(start))), start[i], steps[i]) for i in range(3)
    ]
    tracker = lattice.compile(differentiable, parameters=["q.k1"])

    def compiled(k1, u, charge):
        return size(tracker(moved(u, charge, to), {"q.k1": k1}))

    if differentiable == "torch":
        import torch

        to = torch.tensor
        variables = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in start]
        compiled(*variables).backward()
        found = [float(v.grad) for v in variables]
    else:
        import jax
        import jax.numpy as jnp

        to = jnp.asarray
        found = [float(g) for g in jax.grad(compiled, argnums=(0, 1, 2))(*start)]
    assert found[0] == pytest.approx(expected[0], rel=1e-6)
    assert found[1] == pytest.approx(expected[1], rel=1e-4)
    assert found[2] == pytest.approx(expected[2], rel=1e-6)


def test_second_derivatives():
    """By the charge twice, through the tape of the derivatives."""
    torch = pytest.importorskip("torch")
    beam = bunch(100)
    lattice = cv.Lattice([cv.Drift(length=0.1)]).with_space_charge(every=0.1, grid=(6, 6, 6))

    def run(charge, to=lambda a: a):
        return size(lattice.track(cv.ParticleBeam(*map(to, beam.coordinates), p0c=1e7, charge=to(beam.charge) * charge)))

    variable = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(run(variable, torch.tensor), variable, create_graph=True)
    (second,) = torch.autograd.grad(first, variable)
    h = 1e-2
    expected = (run(1.3 + h) - 2 * run(1.3) + run(1.3 - h)) / h**2
    assert float(second) == pytest.approx(expected, rel=1e-4)


def test_single_precision_without_the_double_one():
    """JAX's 64-bit mode may be off: fields have as many digits, values and derivatives."""
    enable_x64 = pytest.importorskip("caraval.backends.jax", reason="JAX is not installed").enable_x64
    lattice = cv.Lattice([cv.SpaceChargeKick(name="k", effect_length=0.1, grid=(32, 32, 32)), cv.Drift(length=1.0)])
    beam = bunch(2000)
    expected = lattice.track(beam)
    gradient = slope(lambda length: size(lattice.replace({"k.effect_length": length}).track(beam)), 0.1, 1e-3)
    with enable_x64(False):
        there = beam.to(backend="jax", dtype="float32")
        tracker = lattice.compile("jax", parameters=["k.effect_length"])
        for out in (lattice.track(there), tracker(there, {"k.effect_length": 0.1})):
            assert out.px.dtype == "float32"
            for name in ("px", "py", "pz"):
                a, b = np.asarray(getattr(out, name)), getattr(expected, name)
                assert np.abs(a - b).max() < 3e-5 * np.abs(b).max()
        _, found = tracker.value_and_grad(size)(there, {"k.effect_length": 0.1})
    assert float(found["k.effect_length"]) == pytest.approx(gradient, rel=1e-4)


def test_moments(differentiable):
    moments, lattice = bunch(1000).to_moments(), line()
    expected = slope(lambda k: size(lattice.replace({"q.k1": k}).track(moments)), 5.0, 1e-3)
    tracker = lattice.compile(differentiable, parameters=["q.k1"])
    _, found = tracker.value_and_grad(size)(moments.to(differentiable), {"q.k1": 5.0})
    assert float(found["q.k1"]) == pytest.approx(expected, rel=1e-7)


def test_all_settings_but_the_beam_may_be_traced():
    jax = pytest.importorskip("jax")
    beam, lattice = bunch(200, "jax"), cv.Lattice(line().elements[:2])

    @jax.jit
    def run(lattice, beam):
        return lattice.track(beam)

    np.testing.assert_allclose(np.asarray(run(lattice, beam).x), np.asarray(lattice.track(beam).x), rtol=0, atol=1e-12)


def test_memory_of_derivatives_is_a_state_per_kick():
    """Of each kick its input is kept, not what is in between."""
    torch = pytest.importorskip("torch")
    lattice, beam = line("kick_drift_kick"), bunch(20_000, "torch")
    kept: dict[int, int] = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    tracker = lattice.compile("torch", parameters=["q.k1"])
    strength = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = tracker(beam, {"q.k1": strength})
    kicks = 9
    assert sum(kept.values()) < kicks * 4 * 6 * 8 * 20_000
    size(out).backward()
    assert strength.grad is not None
