"""The gradient of a beam size by the strengths of forty quadrupoles."""

from __future__ import annotations

from functools import partial
from typing import Any

import lines
import numpy as np
import torch
from measure import Benchmark, Case, timed

CHEETAH_TAKES = 20_000
"""Particles for Cheetah, which keeps 63 kB of each."""


NARROW = 0.3
"""Scale of a beam of which nothing is lost: Cheetah lets lost particles go on, so that they would count otherwise."""


def caraval(backend: str, n: int, cells: int = 10) -> Case:
    """Return a compiled tracker's ``value_and_grad``."""
    lattice = lines.named_line(cells)
    strengths = lines.strengths(lattice)
    tracker = lattice.compile(backend=backend, parameters=list(strengths))
    incoming = lines.beam(n, backend, scale=NARROW)
    differentiated = tracker.value_and_grad(lambda out: (out.x**2).mean())

    def run() -> Any:
        gradients = list(differentiated(incoming, strengths)[1].values())
        return [g.block_until_ready() if hasattr(g, "block_until_ready") else g for g in gradients]

    return Case(f"Caraval, {backend}, compiled", run, lambda found: np.array([float(g) for g in found]), timed(run))


def cheetah(n: int) -> Case:
    """Return PyTorch's tape through Cheetah."""
    import cheetah

    line, incoming = lines.cheetah_line(), lines.cheetah_beam(lines.beam(n, scale=NARROW))
    quadrupoles = [element for element in line.elements if isinstance(element, cheetah.Quadrupole)]

    def run() -> Any:
        strengths = [q.k1.detach().requires_grad_() for q in quadrupoles]
        for quadrupole, k1 in zip(quadrupoles, strengths, strict=True):
            quadrupole.k1 = k1
        return torch.autograd.grad((line.track(incoming).particles[..., 0] ** 2).mean(), strengths)

    return Case("Cheetah", run, lambda found: np.array([float(g) for g in found]))


def benchmark(n: int) -> Benchmark:
    """Return these for `n` particles; Cheetah's memory takes fewer, so all are compared with those."""
    few = min(n, CHEETAH_TAKES)
    work = few * len(lines.caraval_line())
    cases = [partial(cheetah, few), *(partial(caraval, backend, few) for backend in ("torch", "jax"))]
    title = f"Gradient by the strengths of 40 quadrupoles, {few} particles, 100 elements, float64"
    return Benchmark(title, "particle and element", work, cases, 1e-6, 2 * few * lines.PARTICLE)
