"""Derivatives of compiled lines: inputs rebuilt from outputs, or kept where that cannot be; as by plain differentiation."""

import numpy as np
import pytest

import caraval as cv
from caraval.backends.jax import JaxBackend

from ..cases import beam

REFERENCE = cv.Reference("electron", 1e8)

LINES = {
    "undone": [
        cv.Quadrupole(name="q", length=0.2, k1=2.0, x_offset=1e-4),
        cv.Drift(name="d", length=0.3, x_limit=3e-3, aperture_at="both_ends"),
        cv.Quadrupole(name="q", length=0.2, k1=2.0, x_offset=1e-4),
        cv.Drift(length=0.4),
    ],
    "kept": [  # edges that have no inverse
        cv.Quadrupole(name="q", length=0.2, k1=2.0, fringe_type="full"),
        cv.Drift(name="d", length=0.3, x_limit=3e-3),
    ],
}

SETTINGS = {"q.k1": 2.1, "d.length": 0.35}


def objective(out):
    """Something that knows all coordinates, those of lost particles too."""
    return sum((k + 1) * (a * a).sum() for k, a in enumerate(out.coordinates)) + (out.x * out.pz).mean() * 10


def plain(lattice, incoming):
    """Value and derivatives by PyTorch's tape."""
    import torch

    settings = {key: torch.tensor(v, dtype=torch.float64, requires_grad=True) for key, v in SETTINGS.items()}
    out = lattice.replace(settings).track(incoming.to("torch"))
    value = objective(out)
    value.backward()
    return value.item(), {key: setting.grad.item() for key, setting in settings.items()}, out


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("name", LINES)
def test_as_plain_differentiation(name, backend):
    lattice = cv.Lattice(LINES[name], reference=REFERENCE)
    incoming = beam(REFERENCE, n=50)
    value, gradients, out = plain(lattice, incoming)
    assert 0 < out.alive.sum() < 50
    tracker = lattice.compile(backend=backend, parameters=list(SETTINGS))
    found, derivatives = tracker.value_and_grad(objective)(incoming.to(backend), SETTINGS)
    assert float(found) == pytest.approx(value, rel=1e-12)
    for key in SETTINGS:
        assert float(derivatives[key]) == pytest.approx(gradients[key], rel=1e-11)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_derivatives_by_the_beam(backend):
    lattice = cv.Lattice(LINES["undone"], reference=REFERENCE)
    incoming = beam(REFERENCE, n=50)
    import torch

    x = torch.tensor(np.array(incoming.x), requires_grad=True)
    objective(lattice.track(incoming.to("torch").replace(x=x))).backward()
    tracker = lattice.compile(backend=backend)
    if backend == "torch":
        other = x.detach().clone().requires_grad_()
        objective(tracker(incoming.to("torch").replace(x=other))).backward()
        found = other.grad.numpy()
    else:
        import jax

        moved = incoming.to("jax")
        found = np.asarray(jax.grad(lambda x: objective(tracker(moved.replace(x=x))))(moved.x))
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_single_precision_keeps_inputs_instead(backend):
    lattice = cv.Lattice(LINES["undone"], reference=REFERENCE)
    incoming = beam(REFERENCE, n=50, scale=0.3)
    _, gradients, _ = plain(lattice, incoming)
    tracker = lattice.compile(backend=backend, parameters=list(SETTINGS))
    _, derivatives = tracker.value_and_grad(objective)(incoming.to(backend, dtype="float32"), SETTINGS)
    for key in SETTINGS:
        assert float(derivatives[key]) == pytest.approx(gradients[key], rel=1e-4)


def test_chunks_make_no_difference(monkeypatch):
    from caraval.backends.jax import CompiledJax

    lattice = cv.Lattice(LINES["undone"], reference=REFERENCE)
    incoming = beam(REFERENCE, n=50)
    _, gradients, _ = plain(lattice, incoming)
    monkeypatch.setattr(CompiledJax, "chunk", 16)
    tracker = lattice.compile(backend="jax", parameters=list(SETTINGS))
    _, derivatives = tracker.value_and_grad(objective)(incoming.to("jax"), SETTINGS)
    for key in SETTINGS:
        assert float(derivatives[key]) == pytest.approx(gradients[key], rel=1e-11)


def test_an_objective_written_in_a_loop_is_compiled_once(monkeypatch):
    made = []

    def differentiated(self, objective, **options):
        made.append(objective)
        return lambda settings, beam: (0.0, settings)

    monkeypatch.setattr(JaxBackend, "differentiated", differentiated)
    lattice = cv.Lattice(LINES["undone"], reference=REFERENCE)
    tracker = lattice.compile(backend="jax", parameters=list(SETTINGS))
    incoming = beam(REFERENCE, n=3).to("jax")
    for _ in range(3):
        tracker.value_and_grad(lambda out: (out.x**2).sum())(incoming, SETTINGS)
    assert len(made) == 1
    for weight in (1.0, 2.0):
        tracker.value_and_grad(lambda out: weight * (out.x**2).sum())(incoming, SETTINGS)  # noqa: B023
    assert len(made) == 3
