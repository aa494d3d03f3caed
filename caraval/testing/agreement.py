"""An element does the same however it is run: on any backend, compiled, in batches, in single precision."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.lattice import Lattice
from caraval.core.loss import ALIVE
from caraval.core.registry import registry
from caraval.core.rows import Row, map_row

from .beams import COMPILED, EAGER, STRICT, assert_same, beam_of, compare, strict_backend, values
from .case import Case
from .checks import CheckFailedError

EPSILON = float(np.finfo("float32").eps)

LIMIT = 8.0
"""Error allowed of each coordinate, in units in the last place of its largest value among the particles on their way."""

PER_STEP = 0.5
"""And for each step on the way: adding its part to a coordinate rounds by half a unit."""

FACTORS = (0.9, 1.0, 1.1)
"""A batch of settings: a little of what the element has."""

ONE_SOURCE = "compute with `xp` and arithmetic alone: no branch on data, no other library, no state"


def tracks(case: Case) -> str | None:
    """Particles come through, with finite coordinates, on NumPy."""
    beam = case.beam()
    out = case.lattice.track(beam)
    found = values(out.coordinates)[:, out.alive]
    if not out.alive.any():
        raise CheckFailedError(
            "no particle comes through; give settings that an accelerator could have, or a smaller `scale` of the beam"
        )
    if not np.isfinite(found).all():
        raise CheckFailedError("some coordinates are not finite; see that no formula divides by zero on the axis")
    for name in ("x", "px", "y", "py", "z", "pz"):
        if getattr(out, name).shape != beam.x.shape:
            raise CheckFailedError(f"{name} comes out as {getattr(out, name).shape}, not {beam.x.shape}; {ONE_SOURCE}")
    return None


def agrees(case: Case, backend: str) -> None:
    """A backend does what NumPy does."""
    truth = case.lattice.track(case.beam())
    with strict_backend():
        out = case.lattice.track(case.beam(backend))
        if backend == STRICT:
            assert_same(out, truth, EAGER, f"{ONE_SOURCE}, and only what the array API standard has")
        else:
            assert_same(out, truth, EAGER, ONE_SOURCE)


def compiles(case: Case, backend: str) -> None:
    """Compiled is what it is eagerly."""
    truth = case.lattice.track(case.beam())
    out = case.lattice.compile(backend)(case.beam(backend))
    assert_same(out, truth, COMPILED, ONE_SOURCE, lost=False)


def batches(case: Case, backend: str) -> None:
    """Batches of settings and of beams are what a loop over them makes."""
    target = registry().backend(backend)
    q = case.coordinates(12)
    beams = beam_of(np.stack([q, 0.5 * q], axis=1), case.reference, backend)
    settings = {name: value * np.array(FACTORS)[:, None] for name, value in case.settings().items()}
    arrays = {name: target.asarray(value, dtype=target.dtype("float64")) for name, value in settings.items()}
    out = case.track(beams, arrays)
    shape = (len(FACTORS), 2, 12)
    advice = "settings (..., 1) and coordinates (..., n) must broadcast: no indices, no sums over axes, no `float(...)`"
    found = values(out.coordinates)
    if tuple(out.x.shape) not in (shape, shape[-2:]):  # settings may be without effect
        raise CheckFailedError(f"a batch comes out as {tuple(out.x.shape)}, not {shape}; {advice}")
    found = np.broadcast_to(found.reshape(6, -1, *shape[-2:]), (6, len(FACTORS), *shape[-2:]))
    for i, j in product(range(len(FACTORS)), range(2)):
        one = {name: float(value[i, 0]) for name, value in settings.items()}
        truth = case.track(beam_of(q * (1.0, 0.5)[j], case.reference), one)
        compare(found[:, i, j], values(truth.coordinates), EAGER, advice, truth.alive)


def keeps_digits(case: Case, backend: str, *, compiled: bool = False) -> str:
    """Single precision against double, on particles that both know exactly, in units in the last place."""
    beam = case.beam(dtype="float32", n=100)
    exact = beam.to(dtype="float64")
    truth = case.lattice.track(exact)
    out = (case.lattice.compile(backend) if compiled else case.lattice.track)(beam.to(backend))
    if not all(str(a.dtype).endswith("float32") for a in out.coordinates):
        raise CheckFailedError("single precision comes out as double; make no arrays of a fixed precision")
    alive = truth.alive & np.asarray(out.alive)
    if not alive.any():
        raise CheckFailedError("no particle comes through in both precisions; give a smaller `scale` of the beam")
    after, right = (values(b.coordinates).astype(float)[:, alive] for b in (out, truth))
    scale, steps = _largest(case.lattice, exact)
    units = np.abs(after - right).max(axis=1) / scale / EPSILON
    allowed = LIMIT + PER_STEP * steps
    if not units.max() < allowed:
        name = out.coordinates._fields[int(units.argmax())]
        raise CheckFailedError(
            f"{name} loses {units.max():.0f} units in the last place, more than {allowed:.0f}; "
            "write differences of nearly equal numbers as one small number: u / (1 + sqrt(1 + u)) for sqrt(1 + u) - 1"
        )
    return f"{units.max():.1f} units in the last place"


def _largest(lattice: Lattice, beam: ParticleBeam) -> tuple[np.ndarray, int]:
    """Return the largest value of each coordinate among the living, before, between and after the steps; how many steps."""
    backend: Any = registry().backend("numpy")
    prepared = lattice.planner.prepare(lattice.planner.plan([], beam.reference), beam)
    q, lost, size = beam.coordinates, None, np.abs(np.array(beam.coordinates)).max(axis=1)
    for stage in prepared.stages:
        row = stage if isinstance(stage, Row) else map_row(stage)  # type: ignore[arg-type]  # one element: no act, no look
        q, lost = backend.run([row], q, lost)
        alive = slice(None) if lost is None else lost == ALIVE
        size = np.maximum(size, np.abs(np.array(q)[:, alive]).max(axis=1))
    return size, len(prepared.stages)
