"""Symplectic networks: symplectic and undone to rounding at any weights, the same on every library, and trained."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv

from .networks import SIZES, bunch, number

FORM = np.kron(np.eye(3), [[0.0, 1.0], [-1.0, 0.0]])
"""S of ``M^T S M = S``."""


def network(seed: int, nodes: int = 12, strength: float = 1.0, **fields) -> cv.Element:
    """Return a network with all weights of order one: nothing near the identity."""
    rng = np.random.default_rng(seed)
    shapes = cv.SymplecticNetwork(nodes=nodes).shapes
    weights = {name: rng.normal(size=shape) * strength for name, shape in shapes.items()}
    return cv.SymplecticNetwork(name="s", nodes=nodes, weights=weights, scale=SIZES, **fields)


@pytest.mark.parametrize("seed", range(5))
def test_symplectic_at_any_weights_and_points(seed, to_numpy):
    """Derivatives by JAX of the track itself, at points of the bunch, in units of the scale."""
    jax = pytest.importorskip("jax")
    lattice = cv.Lattice([network(seed, strength=0.4)])
    points = np.random.default_rng(seed).normal(size=(4, 6)) * SIZES

    def moved(q):
        out = lattice.track(cv.ParticleBeam(*q[:, None], p0c=1e8))
        return jax.numpy.stack(out.coordinates)[:, 0]

    found = np.asarray(jax.jit(jax.vmap(jax.jacfwd(moved)))(jax.numpy.asarray(points)))
    scale = np.array(SIZES)
    for m in found:
        assert np.abs(m / scale[:, None] * scale - np.eye(6)).max() > 0.3  # far from doing nothing
        error = (m.T @ FORM @ m - FORM) * np.outer(scale, scale)
        size = (np.abs(m.T) @ np.abs(FORM) @ np.abs(m)) * np.outer(scale, scale)
        assert np.abs(error).max() < 1e-14 * size.max()


def test_maps_and_moments_are_symplectic_on_numpy():
    lattice = cv.Lattice([network(1, strength=0.4)])
    m = lattice.transfer_matrix(cv.Reference("electron", p0c=1e8))
    assert np.abs(m.T @ FORM @ m - FORM).max() < 1e-12
    moments = bunch().to_moments()
    out = lattice.track(moments)
    assert np.linalg.det(out.covariance) == pytest.approx(np.linalg.det(moments.covariance), rel=1e-10)
    second = lattice.transfer_map(cv.Reference("electron", p0c=1e8), order=2)
    assert np.abs(second.quadratic).max() > 1.0


def test_undone_by_its_own_negative(to_numpy):
    """The same shears backwards, with their moves negated."""
    there = network(2, strength=0.4)
    back = {name: value[::-1] * (-1 if name in ("amplitudes", "slopes") else 1) for name, value in there.weights.items()}
    lattice = cv.Lattice([there, there.replace(name="back", weights=back)])
    beam = bunch()
    out = lattice.track(beam)
    assert np.abs(to_numpy(cv.Lattice([there]).track(beam).x) - beam.x).max() > 0.3 * SIZES[0]
    for after, before, size in zip(out.coordinates, beam.coordinates, SIZES, strict=True):
        assert np.abs(after - before).max() < 1e-13 * size


def test_the_same_on_every_library(backend, to_numpy):
    lattice = cv.Lattice([network(3, strength=0.4)])
    expected = np.stack(lattice.track(bunch()).coordinates)
    found = to_numpy(lattice.track(bunch(backend)).coordinates)
    np.testing.assert_allclose(found / np.array(SIZES)[:, None], expected / np.array(SIZES)[:, None], rtol=0, atol=1e-13)


@pytest.mark.usefixtures("jax_programs")
@pytest.mark.parametrize("compiled", ["numpy", "jax", "torch"])
def test_eager_is_compiled(compiled, to_numpy):
    pytest.importorskip({"numpy": "numba"}.get(compiled, compiled))
    lattice = cv.Lattice([network(3, strength=0.4), cv.Drift(length=0.1)])
    expected = np.stack(lattice.track(bunch()).coordinates)
    found = to_numpy(lattice.compile(compiled)(bunch(compiled)).coordinates)
    np.testing.assert_allclose(found / np.array(SIZES)[:, None], expected / np.array(SIZES)[:, None], rtol=0, atol=1e-12)


def test_gradients_are_rebuilt_from_the_output(differentiable, to_numpy):
    """In compiled lines; against finite differences."""
    lattice = cv.Lattice([network(4, nodes=5, strength=0.4)]).to(differentiable)
    beam, weights = bunch(differentiable), lattice["s"].weights
    prepared = lattice.planner.prepare(lattice.planner.plan([], beam.reference), beam)
    assert all(None not in row.undos for row in prepared.stages)

    def size(out):
        return 1e6 * (out.sigma_x**2 + out.sigma_z**2)

    _, found = lattice.compile(differentiable, parameters=["s.weights"]).value_and_grad(size)(beam, {"s.weights": weights})
    for name, array in weights.items():
        start = to_numpy(array)
        place = tuple(np.array(start.shape) // 2)

        def shifted(v, name=name, start=start, place=place):
            changed = start.copy()
            changed[place] = v
            own = {**{k: to_numpy(w) for k, w in weights.items()}, name: changed}
            return number(size(lattice.replace({"s.weights": own}).track(bunch())))

        step, at = 1e-3, float(start[place])
        expected = (8 * (shifted(at + step) - shifted(at - step)) - (shifted(at + 2 * step) - shifted(at - 2 * step))) / (
            12 * step
        )
        assert float(to_numpy(found["s.weights"][name])[place]) == pytest.approx(expected, rel=1e-7, abs=1e-11)


def test_training_on_the_map_of_sextupoles():
    """Particles never seen: a quarter of the error that leaving the kicks of two strong sextupoles out makes, or less."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    jnp = jax.numpy
    strong = cv.Lattice([cv.Sextupole(length=0.1, k2=k2) for k2 in (1000.0, -600.0)])
    lattice = cv.Lattice([cv.Drift(length=0.1), cv.SymplecticNetwork(name="s", nodes=16, scale=SIZES), cv.Drift(length=0.1)])
    tracker = lattice.compile("jax", parameters=["s.weights"])

    def error(out, goal):
        return sum(jnp.mean(((a - b) / s) ** 2) for a, b, s in zip(out.coordinates, goal.coordinates, SIZES, strict=True))

    beam, unseen = bunch("jax", n=500), bunch("jax", n=500, seed=2)
    goal = strong.track(beam)
    objective = tracker.value_and_grad(lambda out: error(out, goal))
    weights = {name: jnp.asarray(value) for name, value in lattice["s"].weights.items()}
    optimiser = optax.adam(3e-2)
    state, update = optimiser.init(weights), jax.jit(optimiser.update)
    for _ in range(250):
        _, found = objective(beam, {"s.weights": weights})
        changes, state = update(found["s.weights"], state)
        weights = optax.apply_updates(weights, changes)
    expected = strong.track(unseen)
    before = error(cv.Lattice([cv.Drift(length=0.2)]).track(unseen), expected)
    after = error(tracker(unseen, {"s.weights": weights}), expected)
    assert float(after) ** 0.5 < 0.25 * float(before) ** 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"nodes": 0}, "nodes must be a positive whole number"),
        ({"scale": (1.0,) * 5}, "scale must be six numbers"),
        ({"weights": {"biases": np.zeros(3)}}, "weights must be a mapping of arrays directions, biases"),
        ({"num_slices": 2}, "neither be reversed nor cut"),
    ],
)
def test_what_makes_no_sense(fields, message):
    with pytest.raises(cv.InputError, match=message):
        cv.SymplecticNetwork(name="s", **fields)


def test_weights_of_another_library():
    pytest.importorskip("torch")
    lattice = cv.Lattice([cv.SymplecticNetwork(name="s", nodes=2)]).to("torch")
    with pytest.raises(
        cv.BackendError, match=r"SymplecticNetwork 's': weights is a torch array and the beam is on numpy; use lattice\.to"
    ):
        lattice.track(bunch())
    with pytest.raises(cv.InputError, match=r"weights 'biases' must have shape \(2,\), not \(3,\)"):
        lattice["s"].replace(weights={**lattice["s"].weights, "biases": np.zeros(3)})
