"""Beams, and networks of every library, for the tests of neural elements."""

from __future__ import annotations

from typing import Any

import numpy as np

import caraval as cv

SIZES = (1e-3, 1e-4, 1e-3, 1e-4, 1e-3, 1e-3)
"""Of the bunch, of which networks see multiples."""

STEP = tuple(0.1 * size for size in SIZES)


def bunch(backend: str = "numpy", dtype: str = "float64", n: int = 50, seed: int = 1) -> cv.ParticleBeam:
    sigmas = dict(zip(("sigma_x", "sigma_px", "sigma_y", "sigma_py", "sigma_z", "sigma_pz"), SIZES, strict=True))
    return cv.ParticleBeam.gaussian(n, p0c=1e8, seed=seed, charge=1e-9, backend=backend, dtype=dtype, **sigmas)


def module(library: str, inputs: int = 6, outputs: int = 6) -> Any:
    """Return a network as people of a library write them: with one hidden layer, in double precision."""
    rng = np.random.default_rng(5)
    weights = {
        "first": rng.normal(size=(8, inputs)) / 2,
        "bias": rng.normal(size=8),
        "second": rng.normal(size=(outputs, 8)) / 2,
    }
    if library == "torch":
        import torch

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first = torch.nn.Parameter(torch.tensor(weights["first"]))
                self.bias = torch.nn.Parameter(torch.tensor(weights["bias"]))
                self.second = torch.nn.Parameter(torch.tensor(weights["second"]))

            def forward(self, values):
                return torch.tanh(values @ self.first.T + self.bias) @ self.second.T

        return Net()
    import jax.numpy as jnp

    def net(own, values):
        return own["second"] @ jnp.tanh(own["first"] @ values + own["bias"])

    return net, {name: jnp.asarray(value) for name, value in weights.items()}


def correction(library: str, **fields: Any) -> cv.Element:
    """Return an element that adds a tenth of the bunch's size to coordinates."""
    given = {"name": "nn", "scale": SIZES, "output_scale": STEP, "residual": True, **fields}
    return cv.NeuralElement(module=module(library, 6 + len(given.get("sees", {}))), **given)


def line(element: cv.Element) -> cv.Lattice:
    """Return an element in a line that is short to compile."""
    return cv.Lattice([cv.Drift(length=0.5), element, cv.Quadrupole(name="q", length=0.1, k1=2.0, tracking_method="linear")])


def size(beam: Any) -> Any:
    return 1e6 * (beam.sigma_x**2 + 0.5 * beam.sigma_z**2) + 1e3 * beam.mean[..., 0]


def number(value: Any) -> float:
    """Return a plain number, without a tape."""
    return float(value.detach() if hasattr(value, "detach") else value)
