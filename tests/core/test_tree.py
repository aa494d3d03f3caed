from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core import tree as trees
from caraval.core.registry import registry

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
jnp = jax.numpy
pytree = torch.utils._pytree

REFERENCE = cv.Reference("electron", p0c=1e8, s=1.0, t=1e-9)


@pytest.fixture(autouse=True)
def both_backends():
    """Backends register the classes when they are first used."""
    for name in ("torch", "jax"):
        registry().backend(name)


@pytest.fixture
def cell() -> cv.Lattice:
    return cv.Lattice(
        [
            cv.Quadrupole(name="qf", length=0.2, k1=1.3, tilt=0.01, metadata={"alias": "first"}),
            cv.Drift(name="d", length=0.5),
            cv.Quadrupole(name="qd", length=0.1, k1=-1.2),
        ],
        reference=REFERENCE,
        geometry="closed",
        name="cell",
        beginning={"beta_a": 3.0},
    )


def beam(backend):
    return cv.ParticleBeam.gaussian(
        100, p0c=1e8, s=1.0, t=1e-9, sigma_x=1e-4, sigma_px=1e-4, sigma_pz=1e-3, seed=3, backend=backend
    )


# -------------------------------------------------------------------- the list of classes


def test_classes_of_plugins_are_trees_as_well():
    class Wheel(cv.Element):
        spokes: cv.Parameter = 3.0

    assert jax.tree.leaves(Wheel(spokes=4.0)).count(4.0) == 1
    assert len(pytree.tree_leaves(Wheel(spokes=torch.ones(2)))) == 1


def test_subscribers_hear_of_all_classes():
    heard: list[type] = []
    note = heard.append
    trees.subscribe(note)
    try:
        assert {cv.Lattice, cv.ParticleBeam, cv.MomentBeam, cv.Reference, cv.Quadrupole} <= set(heard)

        class Late(cv.Element):
            pass

        assert heard[-1] is Late
    finally:
        trees._subscribers.remove(note)


def test_the_fixed_part_is_equal_where_its_values_are():
    a, b, c = trees.Fixed(x=1, y=(2,)), trees.Fixed(x=1, y=(2,)), trees.Fixed(x=1, y=(3,))
    assert a == b
    assert a != c
    assert a != 3
    assert hash(a) == hash(b)


# -------------------------------------------------------------------- round trips


def by_jax(value):
    leaves, structure = jax.tree.flatten(value)
    return jax.tree.unflatten(structure, leaves)


def by_torch(value):
    leaves, structure = pytree.tree_flatten(value)
    return pytree.tree_unflatten(leaves, structure)


@pytest.mark.parametrize("flatten", [by_jax, by_torch])
def test_lattices_elements_and_references_round_trip(cell, flatten):
    assert flatten(cell) == cell
    assert flatten(cell).beginning == {"beta_a": 3.0}
    for element in cell:
        assert flatten(element) == element
    assert flatten(REFERENCE) == REFERENCE


@pytest.mark.parametrize(("backend", "flatten"), [("jax", by_jax), ("torch", by_torch)])
def test_beams_round_trip(backend, flatten):
    old = beam(backend)
    new = flatten(old)
    assert new.reference == old.reference
    for name in ("x", "px", "y", "py", "z", "pz", "charge", "lost_s"):
        assert getattr(new, name) is getattr(old, name)
    moments = old.to_moments()
    back = flatten(moments)
    assert back.mean is moments.mean
    assert (back.reference, back.charge) == (moments.reference, moments.charge)
    assert np.array_equal(np.asarray(new.alive), np.asarray(old.alive))


def test_leaves_of_a_lattice_in_jax_are_its_numbers(cell):
    leaves = jax.tree.leaves(cell)
    assert leaves.count(1.3) == 1
    assert leaves.count(-1.2) == 1
    assert REFERENCE.p0c in leaves
    assert all(isinstance(leaf, float) for leaf in leaves)
    assert jax.tree.map(lambda v: 2 * v, cell)["qf"].k1 == 2.6


def test_leaves_of_a_lattice_in_torch_are_its_tensors(cell):
    assert pytree.tree_leaves(cell) == []
    k1 = torch.tensor(1.0)
    assert pytree.tree_leaves(cell.replace({"qf.k1": k1})) == [k1]
    assert pytree.tree_map(lambda v: 2 * v, cell.replace({"qf.k1": k1}))["qf"].k1 == 2.0


def test_structures_differ_where_the_fixed_part_does(cell):
    structure = jax.tree.structure
    assert structure(cell) == structure(cell.replace({"qf.k1": 7.0}))
    assert structure(cell) != structure(cell.replace({"qf.fringe_type": "full"}))
    assert structure(cell) != structure(cell.with_tracking("kick_drift_kick", "qf"))
    assert hash(structure(cell)) == hash(structure(cell.replace({"qf.k1": 7.0})))


# -------------------------------------------------------------------- jax


def size(lattice, beam):
    return lattice.track(beam).sigma_x


def sizes(cell, *strengths):
    """Return what NumPy says of the size."""
    return [float(size(cell.replace({"qf.k1": k1}), beam("numpy"))) for k1 in strengths]


def test_jit_of_lattice_and_beam(cell):
    expected = float(size(cell, beam("numpy")))
    traces = []

    @jax.jit
    def jitted(lattice, beam):
        traces.append(1)
        return size(lattice, beam)

    assert float(jitted(cell, beam("jax"))) == pytest.approx(expected, rel=1e-13)
    other = cell.replace({"qf.k1": 1.0})
    assert float(jitted(other, beam("jax"))) == pytest.approx(float(size(other, beam("numpy"))), rel=1e-13)
    assert len(traces) == 1
    out = jax.jit(lambda lattice, beam: lattice.track(beam))(cell, beam("jax"))
    assert isinstance(out, cv.ParticleBeam)
    assert float(out.s) == pytest.approx(1.0 + cell.length, rel=1e-15)


def test_grad_by_a_whole_lattice(cell):
    """Against finite differences: by every setting, those that are zero included."""
    slopes = jax.jit(jax.grad(size))(cell, beam("jax"))
    assert isinstance(slopes, cv.Lattice)
    incoming = beam("numpy")
    h = 1e-5
    for key in ("qf.k1", "qf.length", "qf.tilt", "qf.x_offset", "qf.y_pitch", "qf.z_offset", "d.length", "qd.k1"):
        name, parameter = key.split(".")
        value = getattr(cell[name], parameter)
        high, low = (float(size(cell.replace({key: value + d}), incoming)) for d in (h, -h))
        # rounding of 1e-20 over h, and the truncation
        assert float(getattr(slopes[name], parameter)) == pytest.approx((high - low) / (2 * h), rel=1e-6, abs=1e-12)


def test_a_step_down_the_gradient_of_a_whole_lattice():
    """A lattice of derivatives, some thousand times the settings, is a tree of the same structure."""
    lattice = cv.Lattice([cv.Sextupole(name="s", length=0.2, k2=50.0), cv.HKicker(name="h", length=0.1, kick=0.3)])
    slopes = jax.tree.map(lambda v: 1e3 * v + 1.0, lattice)
    assert jax.tree.structure(slopes) == jax.tree.structure(lattice)
    after = jax.tree.map(lambda v, slope: v - 1e-3 * slope, lattice, slopes)
    assert after["s"].k2 == pytest.approx(-1e-3, rel=1e-9)


def test_leaves_may_be_anything(cell):
    """JAX puts trees together of shapes, axes, and whatever else."""
    structure = jax.tree.structure(cell)
    for leaf in (object(), "shape", (), None):
        jax.tree.structure(jax.tree.unflatten(structure, [leaf] * structure.num_leaves))
    lattice = cv.Lattice([cv.Sextupole(name="s", length=0.2, k2=50.0)])
    shapes = jax.eval_shape(lambda whole: whole, lattice)
    assert shapes["s"].k2.shape == ()
    lowered = jax.jit(lambda whole: whole["s"].k2).lower(lattice)
    assert float(lowered.compile()(lattice)) == 50.0


def test_grad_by_a_whole_beam(cell):
    """Masks are no numbers to differentiate by, which `jax.grad` wants to be told."""
    slopes = jax.jit(jax.grad(lambda b: cell.track(b).mean_x, allow_int=True))(beam("jax"))
    matrix = cell.transfer_matrix()
    # to the amplitude of 1e-4: the bodies are linear up to chromaticity
    assert np.asarray(slopes.x).sum() == pytest.approx(matrix[0, 0], rel=1e-2)
    incoming = beam("numpy")
    h = 1e-6
    high, low = (float(cell.track(incoming.replace(px=incoming.px + d * (np.arange(100) == 7))).mean_x) for d in (h, -h))
    assert float(slopes.px[7]) == pytest.approx((high - low) / (2 * h), rel=1e-7)


def test_vmap_over_settings_beams_and_references(cell):
    strengths = jnp.asarray([0.5, 1.0, 1.5])
    found = jax.vmap(lambda k1: size(cell.replace({"qf.k1": k1}), beam("jax")))(strengths)
    expected = sizes(cell, 0.5, 1.0, 1.5)
    assert np.asarray(found) == pytest.approx(expected, rel=1e-13)

    batched = cell.replace({"qf.k1": strengths})
    in_axes = jax.tree.map(lambda leaf: 0 if hasattr(leaf, "shape") else None, batched)
    found = jax.vmap(size, in_axes=(in_axes, None))(batched, beam("jax"))
    assert np.asarray(found) == pytest.approx(expected, rel=1e-13)

    beams = jax.tree.map(
        lambda leaf: jnp.stack([leaf, 2 * leaf]) if hasattr(leaf, "shape") and leaf.dtype != bool else leaf, beam("jax")
    )
    axes = jax.tree.map(lambda leaf: 0 if getattr(leaf, "ndim", 0) == 2 else None, beams)
    found = jax.vmap(lambda b: cell.track(b).mean_x, in_axes=(axes,))(beams)
    one = beam("numpy")
    two = one.replace(**{name: 2 * a for name, a in one.coordinates._asdict().items()})
    assert np.asarray(found) == pytest.approx([float(cell.track(b).mean_x) for b in (one, two)], rel=1e-10, abs=1e-18)


def test_grad_through_the_reference_energy():
    """A voltage upstream changes the rigidity for a gradient in tesla downstream."""

    def exit(voltage, incoming):
        line = cv.Lattice(
            [
                cv.LCavity(length=1.0, voltage=voltage, rf_frequency=1.3e9, n_rf_steps=1),
                cv.Quadrupole(length=0.3, b1_gradient=2.0),
            ]
        )
        return line.track(incoming).sigma_x

    slope = float(jax.jit(jax.grad(lambda voltage: exit(voltage, beam("jax"))))(3e7))
    h = 1e3
    difference = (float(exit(3e7 + h, beam("numpy"))) - float(exit(3e7 - h, beam("numpy")))) / (2 * h)
    assert slope == pytest.approx(difference, rel=1e-6)


# -------------------------------------------------------------------- torch


def jaxs_slopes(cell, *strengths):
    """Return the derivatives of the size by the strength, by JAX."""
    slope = jax.jit(jax.grad(lambda k1: size(cell.replace({"qf.k1": k1}), beam("jax"))))
    return [float(slope(k1)) for k1 in strengths]


def test_backward_through_a_lattice(cell):
    k1 = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    size(cell.replace({"qf.k1": k1}), beam("torch")).backward()
    assert float(k1.grad) == pytest.approx(jaxs_slopes(cell, 1.3)[0], rel=1e-12)


def test_torch_func_grad_and_vmap(cell):
    strengths = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)

    def of(k1):
        return size(cell.replace({"qf.k1": k1}), beam("torch"))

    slopes = torch.func.vmap(torch.func.grad(of))(strengths)
    assert slopes.tolist() == pytest.approx(jaxs_slopes(cell, 0.5, 1.0, 1.5), rel=1e-12)
    found = torch.func.vmap(of)(strengths)
    assert found.tolist() == pytest.approx(sizes(cell, 0.5, 1.0, 1.5), rel=1e-13)


def test_torch_func_over_whole_lattices_and_beams(cell):
    lattice = cell.replace({"qf.k1": torch.tensor(1.3, dtype=torch.float64)})
    by_lattice = torch.func.grad(size)(lattice, beam("torch"))
    assert isinstance(by_lattice, cv.Lattice)
    assert float(by_lattice["qf"].k1) == pytest.approx(jaxs_slopes(cell, 1.3)[0], rel=1e-12)
    batched = cell.replace({"qf.k1": torch.tensor([0.5, 1.5], dtype=torch.float64)})
    found = torch.func.vmap(size, in_dims=(0, None))(batched, beam("torch"))
    assert found.tolist() == pytest.approx(sizes(cell, 0.5, 1.5), rel=1e-13)
    beams = cv.ParticleBeam(x=torch.ones(3, 4, dtype=torch.float64) * 1e-3, p0c=1e8, s=1.0)
    out = torch.func.vmap(lambda b: cell.track(b).x)(beams)
    assert torch.equal(out, cell.track(beams).x)
