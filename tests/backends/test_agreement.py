"""One tracking call gives the same answer on every backend."""

import numpy as np
import pytest

import caraval as cv

from ..cases import ELEMENTS, REFERENCES, beam, every_method

OTHERS = ["torch", "jax", "array_api_strict"]


def values(out: cv.ParticleBeam) -> np.ndarray:
    return np.array([np.asarray(a) for a in out.coordinates])


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(
    ("name", "method"),
    [*every_method(), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in every_method(integrated=True))],
)
def test_same_particles_on_every_backend(name, method, other):
    lattice = cv.Lattice([ELEMENTS[name].replace(tracking_method=method)])
    incoming = beam()
    truth, out = lattice.track(incoming), lattice.track(incoming.to(other))
    scale = np.maximum(np.abs(values(truth)).max(axis=1, keepdims=True), 1e-3)
    assert np.abs((values(out) - values(truth)) / scale).max() <= 1e-13
    assert np.array_equal(np.asarray(out.alive), truth.alive)
    assert np.array_equal(np.asarray(out.lost_s), truth.lost_s)
    assert out.reference == truth.reference


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize(
    "name", ["drift", "quadrupole_misaligned", "sbend", "sbend_combined", "sextupole", "lcavity", "solenoid"]
)
@pytest.mark.parametrize("reference", ["electron_100MeV", "positron_6GeV", "antiproton_300MeV"])
def test_single_precision_keeps_its_digits(name, backend, reference):
    lattice = cv.Lattice([ELEMENTS[name]])
    incoming = beam(REFERENCES[reference]).to(dtype="float32")
    truth = values(lattice.track(incoming.to(dtype="float64")))
    out = lattice.track(incoming.to(backend))
    assert str(out.x.dtype).endswith("float32")
    scale = np.abs(truth).max(axis=1, keepdims=True)
    # a few dozen operations, each of which rounds by half a unit in the last place: 6e-8 of what it handles
    assert np.abs((values(out) - truth) / scale).max() < 2e-6


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_settings_and_beams_broadcast(backend):
    k1, offset = np.linspace(-2, 2, 5)[:, None], np.array([0.0, 1e-3, -2e-3])
    quadrupole, bend = cv.Quadrupole(name="q", length=0.3), cv.SBend(name="b", length=0.5, angle=0.1, e1=0.05)
    lattice = cv.Lattice([quadrupole, cv.Drift(length=0.2), bend])
    incoming = beam(n=12)
    batched = lattice.replace({"q.k1": k1, "b.x_offset": offset}).to(backend)
    out = batched.track(incoming.to(backend))
    assert tuple(out.x.shape) == (5, 3, 12)
    for i, j in ((0, 0), (2, 1), (4, 2)):
        single = lattice.replace({"q.k1": float(k1[i, 0]), "b.x_offset": float(offset[j])}).track(incoming)
        np.testing.assert_allclose(values(out)[:, i, j], values(single), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_batch_of_beams_goes_through_one_lattice(backend):
    lattice = cv.Lattice([ELEMENTS["sbend_combined"], ELEMENTS["lcavity"], ELEMENTS["rcollimator"]])
    q = np.stack([np.array(beam(n=12).coordinates) * f for f in (0.1, 0.5, 1.0)], axis=1)
    xp = {"numpy": np.asarray, "torch": __import__("torch").tensor, "jax": __import__("jax").numpy.asarray}[backend]
    out = lattice.track(cv.ParticleBeam(*(xp(a) for a in q), reference=beam().reference))
    for i in range(3):
        single = lattice.track(cv.ParticleBeam(*q[:, i], reference=beam().reference))
        np.testing.assert_allclose(values(out)[:, i], values(single), rtol=1e-13, atol=1e-16)
        assert np.array_equal(np.asarray(out.alive)[i], single.alive)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_batch_of_reference_momenta(backend):
    p0c = np.array([50e6, 100e6, 400e6])
    lattice = cv.Lattice([ELEMENTS[n] for n in ("drift", "quadrupole", "lcavity", "sbend_field", "quadrupole")])
    xp = {"numpy": np.asarray, "torch": __import__("torch").tensor, "jax": __import__("jax").numpy.asarray}[backend]
    q = np.array(beam(n=12).coordinates)
    incoming = cv.ParticleBeam(*(xp(np.broadcast_to(a, (3, 12)).copy()) for a in q), species="electron", p0c=xp(p0c))
    out = lattice.track(incoming)
    for i in range(3):
        single = lattice.track(cv.ParticleBeam(*q, species="electron", p0c=float(p0c[i])))
        np.testing.assert_allclose(values(out)[:, i], values(single), rtol=1e-13, atol=1e-16)
        assert float(out.reference.p0c[i]) == pytest.approx(single.reference.p0c, rel=1e-14)
