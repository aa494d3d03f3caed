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


@pytest.mark.parametrize("compiled", [False, True])
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
