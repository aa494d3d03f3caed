"""A kick of space charge on all backends against Cheetah's: the same particles and nodes, one run.

What a kick does is compared before any time counts. The two differ by what they smooth: Cheetah's clouds, cells and
differences are of second order, those here of fourth. What is compared runs in turn, and ratios are what to quote.

Run with ``python benchmarks/space_charge.py``; ``--particles 100000 --nodes 32`` for a single case.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")

import cheetah
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import caraval as cv

CASES = ((100_000, 32), (100_000, 64), (1_000_000, 64))
"""Particles and nodes in each direction."""

LENGTH, P0C, CHARGE = 0.1, 1e7, 1e-9
SAME = 0.05
"""Largest difference between the kicks of Cheetah and Caraval that counts as equal, where both smooth little: of the rms."""

SIZES = {"sigma_x": 1e-3, "sigma_y": 1e-3, "sigma_z": 1e-3, "sigma_px": 1e-4, "sigma_py": 1e-4, "sigma_pz": 1e-3}


def bunch(n: int, backend: str = "numpy") -> cv.ParticleBeam:
    return cv.ParticleBeam.gaussian(n, p0c=P0C, charge=CHARGE, seed=1, **SIZES).to(backend=backend)


def forward(backend: str, n: int, nodes: int) -> Callable[[], Any]:
    """Return a function that kicks a bunch and returns the change of px."""
    lattice = cv.Lattice([cv.SpaceChargeKick(effect_length=LENGTH, grid=(nodes,) * 3)])
    incoming = bunch(n, backend)

    def run() -> Any:
        with torch.no_grad():
            out = lattice.track(incoming)
        return out.px.block_until_ready() if backend == "jax" else out.px

    return run


def backward(backend: str, n: int, nodes: int) -> Callable[[], Any]:
    """Return a function that differentiates the outgoing size of px by the length of the effect."""
    incoming = bunch(n, backend)
    lattice = cv.Lattice([cv.SpaceChargeKick(name="kick", effect_length=LENGTH, grid=(nodes,) * 3)])
    tracker = lattice.compile(backend, parameters=["kick.effect_length"])
    derive = tracker.value_and_grad(lambda out: out.sigma_px)
    return lambda: float(derive(incoming, {"kick.effect_length": LENGTH})[1]["kick.effect_length"])


def backward_by_beam(backend: str, n: int, nodes: int) -> Callable[[], Any]:
    """Return a function that differentiates the outgoing size of px by all coordinates."""
    incoming = bunch(n, backend)
    lattice = cv.Lattice([cv.SpaceChargeKick(effect_length=LENGTH, grid=(nodes,) * 3)])
    if backend == "jax":
        import jax

        tracker = lattice.compile("jax")
        derive = jax.jit(jax.grad(lambda q: tracker(incoming.replace(**q._asdict()), {}).sigma_px))
        return lambda: jax.block_until_ready(derive(incoming.coordinates))
    leaves = {name: a.clone().requires_grad_() for name, a in incoming.coordinates._asdict().items()}

    def run() -> Any:
        size = lattice.track(incoming.replace(**leaves)).sigma_px
        return torch.autograd.grad(size, list(leaves.values()))

    return run


def cheetah_parts(n: int, nodes: int, length: torch.Tensor) -> tuple[Any, Any]:
    """Return Cheetah's element, and the bunch there; its grid reaches as far as the particles do."""
    beam = bunch(n)
    columns = [beam.x, beam.px, beam.y, beam.py, -beam.z, beam.pz, np.ones(n)]
    kind = {"dtype": torch.float64}
    reach = [float(np.abs(a).max() / a.std()) * 1.001 for a in (beam.x, beam.y, beam.z)]
    element = cheetah.SpaceChargeKick(length, (nodes,) * 3, *(torch.tensor(r, **kind) for r in reach), **kind)
    charges = torch.full((n,), CHARGE / n, **kind)
    energy = torch.tensor(beam.reference.energy, **kind)
    species = cheetah.Species("electron", **kind)
    return element, cheetah.ParticleBeam(torch.tensor(np.array(columns).T), energy, particle_charges=charges, species=species)


def cheetah_forward(n: int, nodes: int) -> Callable[[], Any]:
    element, incoming = cheetah_parts(n, nodes, torch.tensor(LENGTH, dtype=torch.float64))

    def run() -> Any:
        with torch.no_grad():
            return element.track(incoming).px

    return run


def cheetah_backward(n: int, nodes: int) -> Callable[[], Any]:
    length = torch.tensor(LENGTH, dtype=torch.float64, requires_grad=True)
    element, incoming = cheetah_parts(n, nodes, length)

    def run() -> float:
        length.grad = None
        element.track(incoming).px.std().backward()
        return float(length.grad)

    return run


def cheetah_backward_by_beam(n: int, nodes: int) -> Callable[[], Any]:
    element, beam = cheetah_parts(n, nodes, torch.tensor(LENGTH, dtype=torch.float64))
    particles = beam.particles.detach().clone().requires_grad_()
    incoming = cheetah.ParticleBeam(particles, beam.energy, particle_charges=beam.particle_charges, species=beam.species)
    return lambda: torch.autograd.grad(element.track(incoming).px.std(), particles)


def check(runs: dict[str, Callable[[], Any]], start: np.ndarray) -> None:
    """Compare what all kicks do; the first is Cheetah's."""
    found = {name: np.asarray(run()) - start for name, run in runs.items()}
    truth = found.pop("Cheetah")
    ours = next(iter(found.values()))
    for name, kick in found.items():
        if not np.abs(kick - ours).max() < 1e-10 * np.abs(ours).max():
            sys.exit(f"{name} differs from the other backends: nothing is measured")
    scale = (truth * ours).sum() / (truth * truth).sum()
    worst = np.std(ours - truth) / np.std(truth)
    print(f"Caraval's kick over Cheetah's: {scale:.4f}, rms of the difference {worst:.4f}")
    if abs(scale - 1) > SAME:
        sys.exit("Caraval and Cheetah differ: nothing is measured")


def measure(runs: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Time in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--cpu", action="store_true", help="time of the processor, all threads together: steady where others work"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = [(options.particles, options.nodes)] if options.particles and options.nodes else CASES
    table = Table("particles", "nodes", "what", "", "ms", "times as fast as Cheetah")
    for n, nodes in cases:
        runs = {"Cheetah": cheetah_forward(n, nodes), **{b: forward(b, n, nodes) for b in ("numpy", "torch", "jax")}}
        check(runs, bunch(n).px)
        derivatives = {"Cheetah": cheetah_backward(n, nodes), **{b: backward(b, n, nodes) for b in ("torch", "jax")}}
        by_beam = {"Cheetah": cheetah_backward_by_beam(n, nodes)}
        by_beam |= {b: backward_by_beam(b, n, nodes) for b in ("torch", "jax")}
        groups = {"forward": runs, "and back, by the length": derivatives, "and back, by the beam": by_beam}
        for what, group in groups.items():
            seconds = measure(group, options.rounds, time.process_time if options.cpu else time.perf_counter)
            for name, times in seconds.items():
                ratio = statistics.median(a / b for a, b in zip(seconds["Cheetah"], times, strict=True))
                shown = f"{1e3 * statistics.median(times):.1f}"
                table.add_row(f"{n:,}", f"{nodes}³", what, name, shown, f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
