"""What a loop does that is written by hand for one line: five elements in one pass, nothing looked up, nothing general.

It calls the same bodies in the same order, so that it does the same arithmetic as compiled trackers do; what these take longer
is what their generality costs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import lines
import numba
import numpy as np
from measure import Case, timed

import caraval as cv
from caraval.backends.numba import OPTIONS, compiled_scalar, jitted
from caraval.core.coordinates import Coordinates
from caraval.physics import drift, misalignment, quadrupole
from caraval.physics.aperture import fixed_rectangle
from caraval.physics.drift import DriftConstants
from caraval.physics.misalignment import Shift
from caraval.physics.quadrupole import QuadrupoleConstants
from caraval.physics.shared.dipole import body as dipole_body
from caraval.physics.shared.dipole import edge as dipole_edge
from caraval.physics.shared.dipole.body import SectorConstants
from caraval.physics.shared.dipole.edge import LinearEdge

BLOCK = 512
"""Particles at a time, as in compiled trackers."""

CELL = 10
"""Elements in a cell of the line."""

WIDEST = 11
"""Most numbers that an element of it has."""

xp = compiled_scalar()
enter, body, leave = map(jitted, (misalignment.enter_shift, quadrupole.body, misalignment.leave_shift))
drifted, edge, bent = map(jitted, (drift.drift, dipole_edge.linear_edge, dipole_body.sector))
inside = jitted(fixed_rectangle)


@numba.njit(forceinline=True, **OPTIONS)
def quadrupole_of(row):
    """Return the constants of a quadrupole that may stand off the axis."""
    return Shift(row[0], row[1], row[2], row[3]), QuadrupoleConstants(row[4], row[5], row[6])


@numba.njit(forceinline=True, **OPTIONS)
def bend_of(row):
    """Return the constants of a bend with edges."""
    inner = SectorConstants(row[2], row[3], row[4], row[5], row[6], row[7], row[8])
    return LinearEdge(row[0], row[1]), inner, LinearEdge(row[9], row[10])


@numba.njit(forceinline=True, **OPTIONS)
def through(first, before, second, bend, after, q):
    """Go through quadrupole, drift, quadrupole, bend, drift: half a cell."""
    q = leave(first[0], body(first[1], enter(first[0], q, xp), xp), xp)
    q = drifted(before, q, xp)
    q = leave(second[0], body(second[1], enter(second[0], q, xp), xp), xp)
    q = edge(bend[2], bent(bend[1], edge(bend[0], q, xp), xp), xp)
    return drifted(after, q, xp)


@numba.njit(**OPTIONS)
def half_cell(rows, w, n):
    """Take the first `n` particles of a block ``(6, BLOCK)`` through half a cell."""
    first, second, bend = quadrupole_of(rows[0]), quadrupole_of(rows[2]), bend_of(rows[3])
    before, after = DriftConstants(rows[1, 0], rows[1, 1]), DriftConstants(rows[4, 0], rows[4, 1])
    for i in range(n):
        q = Coordinates(w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i])
        w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i] = through(first, before, second, bend, after, q)


@numba.njit(**OPTIONS)
def all_inside(row, w, n):
    """Say whether the first `n` particles of a block are all inside the opening at the end of a cell."""
    opening, passed = (row[2], row[3], row[4], row[5]), True
    for i in range(n):
        passed &= inside(opening, Coordinates(w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i]), xp)
    return passed


@numba.njit(**OPTIONS)
def run(table, state):
    """Take particles ``(6, n)`` through all cells ``(cells, CELL, WIDEST)`` in place; the lost become no numbers."""
    w = np.empty((6, BLOCK))
    for start in range(0, state.shape[1], BLOCK):
        n = min(BLOCK, state.shape[1] - start)
        w[:, :n] = state[:, start : start + n]
        for rows in table:
            half_cell(rows[:5], w, n)
            half_cell(rows[5:], w, n)
            if not all_inside(rows[9], w, n):
                for i in range(n):
                    q = Coordinates(w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i])
                    if not inside((rows[9, 2], rows[9, 3], rows[9, 4], rows[9, 5]), q, xp):
                        w[:, i] = np.nan
        state[:, start : start + n] = w[:, :n]


def table_of(line: cv.Lattice, beam: cv.ParticleBeam) -> np.ndarray:
    """Return the numbers of all elements of :func:`lines.caraval_line`, cell by cell; in place is off the axis by nothing."""
    planner = line.planner
    rows = planner.prepare(planner.plan([], beam.reference), beam).stages
    still = (1.0, 0.0, 0.0, 0.0)
    values = [(*still, *row.values) if row.variant.tracks == (quadrupole.body,) else row.values for row in rows]
    padded = [[*v[:WIDEST], *[0.0] * (WIDEST - len(v))] for v in values]
    return np.array(padded).reshape(-1, CELL, WIDEST)


def tracking(n: int, values: Callable[[Any], np.ndarray]) -> Case:
    """Return the loop, on all cores."""
    incoming = lines.beam(n)
    table = table_of(lines.caraval_line(), incoming)
    edges = np.linspace(0, n, (os.cpu_count() or 1) + 1).astype(int).tolist()

    def share(state: np.ndarray, low: int, high: int) -> None:
        for target, source in zip(state, incoming.coordinates, strict=True):
            target[low:high] = source[low:high]
        run(table, state[:, low:high])

    def all_of_it() -> Any:
        state = np.empty((6, n))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda part: share(state, *part), pairwise(edges)))
        return SimpleNamespace(coordinates=state)

    return Case("one loop written for this line", all_of_it, values, timed(all_of_it))
