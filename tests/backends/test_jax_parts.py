"""Large beams on JAX: parts of the particles on all cores."""

from itertools import pairwise

import jax
import numpy as np
import pytest

import caraval as cv
from caraval.backends import jax_line
from caraval.backends.jax import CompiledJax

from ..cases import beam

pytestmark = pytest.mark.usefixtures("jax_programs")

CORES = 3
N = 1001


@pytest.fixture
def made(monkeypatch):
    """Share among some cores what else would be few particles; return the parts that were made."""
    found = []
    original = jax_line._parts
    monkeypatch.setattr("os.cpu_count", lambda: CORES)
    monkeypatch.setattr(CompiledJax, "chunk", 64)
    monkeypatch.setattr(jax_line, "_parts", lambda *a: found.append(original(*a)) or found[-1])
    return found


def test_parts_are_of_one_length_and_reach_from_end_to_end(made):
    parts = jax_line._parts(jax.numpy.zeros(N), 64)
    assert len(parts) == CORES
    assert {part.stop - part.start for part in parts} == {-(-N // CORES)}
    assert (parts[0].start, parts[-1].stop) == (0, N)
    assert all(before.stop >= after.start for before, after in pairwise(parts))


def test_parts_make_no_difference(made):
    incoming = beam(n=N)
    lattice = cv.Lattice([cv.Quadrupole(name="q", length=0.3, k1=1.0), cv.Drift(length=1.0, x_limit=2e-3)])
    truth = lattice.track(incoming)
    tracker = lattice.compile("jax", parameters=["q.k1"])
    out = tracker(incoming.to("jax"))
    assert len(made[-1]) == CORES
    assert 0 < truth.transmission < 1
    assert np.array_equal(np.asarray(out.alive), truth.alive)
    assert np.array_equal(np.asarray(out.lost_s), truth.lost_s)
    for name in truth.coordinates._fields:
        np.testing.assert_allclose(np.asarray(getattr(out, name)), getattr(truth, name), rtol=1e-12, atol=1e-17)


def test_derivatives_are_of_one_program(made):
    incoming = beam(n=N, scale=0.3).to("jax")
    lattice = cv.Lattice([cv.Quadrupole(name="q", length=0.3, k1=1.0), cv.Drift(length=1.0)])
    derive = lattice.compile("jax", parameters=["q.k1"]).value_and_grad(lambda out: out.sigma_x)
    _, found = derive(incoming, {"q.k1": 1.0})
    assert not any(made)
    higher, lower = (lattice.replace({"q.k1": 1.0 + d}).track(incoming).sigma_x for d in (1e-4, -1e-4))
    assert float(found["q.k1"]) == pytest.approx(float(higher - lower) / 2e-4, rel=1e-6)
