"""Clouds in cells: by arrays, by compiled loops, and their derivatives."""

import numpy as np
import pytest

from caraval.backends.clouds import Clouds
from caraval.core.registry import registry

SHAPE = (5, 7, 6)


def particles(n: int = 400, batch: tuple[int, ...] = (), dimensions: int = 3):
    """Return places, some outside of the grid, and amounts."""
    rng = np.random.default_rng(2)
    places = [rng.uniform(-1, nodes, (*batch, n)) for nodes in SHAPE[:dimensions]]
    return places, rng.uniform(0.5, 1, (*batch, n))


def grids(number: int, batch: tuple[int, ...] = (), shape=SHAPE):
    return list(np.random.default_rng(3).normal(size=(number, *batch, *shape)))


def by_hand(place, field):
    """Return a field at a place, by the definition: nodes nearer than a cell count by how near they are."""
    weights = [np.clip(1 - np.abs(np.arange(n) - p), 0, None) for p, n in zip(place, field.shape, strict=True)]
    inside = all(0 <= p <= n - 1 for p, n in zip(place, field.shape, strict=True))
    return inside * np.einsum("ijk,i,j,k", field, *weights)


def kinds(library):
    """Return what shares and reads: the backend's own, and arrays alone."""
    pytest.importorskip({"numpy": "numba"}.get(library, library))
    backend = registry().backend(library)
    found = [Clouds(backend), backend.clouds([backend.asarray(np.zeros(100_000))])]
    if library == "numpy":
        assert type(found[1]) is not Clouds
    return backend, found


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_all_read_as_the_definition_says(library, batch):
    backend, found = kinds(library)
    places, weights = particles(batch=batch)
    fields = grids(2, batch)
    there = [[backend.asarray(a) for a in group] for group in (places, fields, [weights, 2 * weights])]
    for clouds in found:
        values = [backend.to_numpy(a) for a in clouds.interpolate(there[1], there[0])]
        for setting in np.ndindex(batch):
            for i in (0, 17, 200, 399):
                place = [p[setting][i] for p in places]
                for value, field in zip(values, fields, strict=True):
                    assert value[setting][i] == pytest.approx(by_hand(place, field[setting]), abs=1e-13)
        slopes = [backend.to_numpy(a) for a in clouds.slopes(there[1], there[0], there[2])]
        step = 1e-6
        for axis, slope in enumerate(slopes):
            moved = [[backend.asarray(p + sign * step * (k == axis)) for k, p in enumerate(places)] for sign in (1, -1)]
            ends = [clouds.interpolate(there[1], where) for where in moved]
            expected = sum(backend.to_numpy(w * (a - b)) for w, a, b in zip(there[2], *ends, strict=True)) / (2 * step)
            cells = np.abs(places[axis] - np.round(places[axis])) > 2 * step  # where nobody changes cells
            np.testing.assert_allclose(slope[cells], np.asarray(expected)[cells], rtol=0, atol=1e-8)


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_sharing_is_the_transpose_of_reading(library, batch):
    backend, found = kinds(library)
    places, amounts = particles(batch=batch)
    (field,) = grids(1, batch)
    there = [backend.asarray(p) for p in places]
    for clouds in found:
        shared = backend.to_numpy(clouds.deposit(there, backend.asarray(amounts), SHAPE))
        (read,) = clouds.interpolate([backend.asarray(field)], there)
        assert (shared * field).sum() == pytest.approx((backend.to_numpy(read) * amounts).sum(), rel=1e-12)
        inside = np.all([(p >= 0) & (p <= n - 1) for p, n in zip(places, SHAPE, strict=True)], axis=0)
        assert shared.sum() == pytest.approx((amounts * inside).sum(), rel=1e-13)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_fewer_dimensions(dimensions):
    _, (arrays, compiled) = kinds("numpy")
    places, amounts = particles(dimensions=dimensions)
    shape = SHAPE[:dimensions]
    np.testing.assert_array_equal(compiled.deposit(places, amounts, shape), arrays.deposit(places, amounts, shape))
    fields = grids(1, shape=shape)
    np.testing.assert_array_equal(compiled.interpolate(fields, places), arrays.interpolate(fields, places))
    np.testing.assert_array_equal(compiled.slopes(fields, places, [amounts]), arrays.slopes(fields, places, [amounts]))


def test_many_particles_on_all_cores():
    _, (arrays, compiled) = kinds("numpy")
    places, amounts = particles(n=50_000)
    np.testing.assert_allclose(compiled.deposit(places, amounts, SHAPE), arrays.deposit(places, amounts, SHAPE), rtol=1e-11)
    fields = grids(3)
    np.testing.assert_allclose(compiled.interpolate(fields, places), arrays.interpolate(fields, places), atol=1e-13)


def test_single_precision_adds_up():
    """A cell that a million particles share."""
    _, (_, compiled) = kinds("numpy")
    places = [np.full(1_000_000, 2.5, dtype=np.float32)] * 3
    total = compiled.deposit(places, np.full(1_000_000, 0.1, dtype=np.float32), SHAPE)
    assert total.dtype == np.float32
    assert total.sum() == pytest.approx(1e5, rel=1e-6)


# -------------------------------------------------------------------- derivatives


def test_derivatives_of_first_and_second_order():
    """Against the tape of the same operations on arrays."""
    torch = pytest.importorskip("torch")
    backend = registry().backend("torch")
    places, amounts = particles(n=12)
    arrays = [torch.tensor(a, requires_grad=True) for a in (*places, amounts)]
    (field,) = (torch.tensor(a, requires_grad=True) for a in grids(1))

    def work(deposit, interpolate):
        grid = deposit(arrays[:3], arrays[3], SHAPE)
        (read,) = interpolate([grid * field], arrays[:3])
        return (read**2).sum()

    clouds = Clouds(backend)
    ours, tape = work(backend.deposit, backend.interpolate), work(clouds.deposit, clouds.interpolate)
    inputs = [*arrays, field]
    for a, b in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(tape, inputs, retain_graph=True), strict=True):
        torch.testing.assert_close(a, b)
    ours = work(backend.deposit, backend.interpolate)
    first, second = (torch.autograd.grad(value, inputs, create_graph=True) for value in (ours, tape))
    both = [torch.autograd.grad(sum((a**2).sum() for a in found), inputs) for found in (first, second)]
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b)


def test_derivatives_in_compiled_programs():
    jax = pytest.importorskip("jax")
    backend = registry().backend("jax")
    places, amounts = particles(n=50)
    (field,) = grids(1)

    def work(backend, places, amounts, field):
        (read,) = backend.interpolate([backend.deposit(places, amounts, SHAPE) * field], places)
        return (read**2).sum()

    found, expected = (
        jax.jit(jax.grad(lambda *a, b=b: work(b, *a), argnums=(0, 1, 2)))(places, amounts, field)
        for b in (backend.compiled(), backend)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
