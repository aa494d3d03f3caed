"""The line for Xsuite, whose loops are compiled C (``xtrack``); the same bodies as Caraval's ``bmad_standard``."""

from __future__ import annotations

import os
from contextlib import chdir
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import lines
import numpy as np
from measure import Case, timed

import caraval as cv

os.environ.setdefault("XSUITE_ALLOW_KERNEL_COMPILATION", "1")

GOING = 1
"""Smallest `state` of a particle that is not lost."""


@cache
def line(number: int = 10) -> Any:
    """Return the line of :func:`lines.caraval_line`, with the models that solve the same Hamiltonians.

    Drifts are exact, quadrupoles paraxial, bends exact; an aperture is an element.
    """
    import xtrack

    def quadrupole(length: float, k1: float, cell: lines.Cell) -> Any:
        place = {"shift_x": cell.x, "shift_y": cell.y, "rot_s_rad": cell.tilt, "rot_shift_anchor": length / 2}
        return xtrack.Quadrupole(length=length, k1=k1, model="mat-kick-mat", **place)

    def bend() -> Any:
        entry = {"edge_entry_angle": 0.02, "edge_entry_hgap": 0.02, "edge_entry_fint": 0.5, "edge_entry_model": "linear"}
        exit = {"edge_exit_angle": 0.03, "edge_exit_hgap": 0.02, "edge_exit_fint": 0.5, "edge_exit_model": "linear"}
        once = {
            "integrator": "uniform",
            "num_multipole_kicks": 1,
        }  # by itself it kicks often, with multipoles that are not there
        return xtrack.Bend(length=0.5, angle=0.05, k0=0.1, model="bend-kick-bend", **once, **entry, **exit)

    def drift(length: float) -> Any:
        return xtrack.Drift(length=length, model="exact")

    elements: list[Any] = []
    for cell in lines.cells(number):
        elements += [quadrupole(0.2, 3.0, cell), drift(0.4), quadrupole(0.1, 0.5, cell), bend(), drift(0.3)]
        elements += [quadrupole(0.2, -3.0, cell), drift(0.1), quadrupole(0.1, -0.5, cell), bend(), drift(0.3)]
        elements += [xtrack.LimitRect(min_x=-1e-2, max_x=1e-2, min_y=-1e-2, max_y=1e-2)]
    built = xtrack.Line(elements=elements)
    built.particle_ref = particles(lines.beam(1))
    with TemporaryDirectory() as place, chdir(place):  # it writes its source where it stands
        built.build_tracker(_context=context())
    return built


def context() -> Any:
    """Return Xsuite's context with all cores."""
    import xobjects

    return xobjects.ContextCpu(omp_num_threads=os.cpu_count())


def particles(incoming: cv.ParticleBeam) -> Any:
    """Return the same particles for Xsuite: zeta = z beta0 / beta."""
    import xtrack

    mass = incoming.species.mass
    given = {"x": incoming.x, "px": incoming.px, "y": incoming.y, "py": incoming.py, "delta": incoming.pz}
    found = xtrack.Particles(_context=context(), mass0=mass, q0=-1, p0c=lines.P0C, **given)
    found.zeta = incoming.z / found.rvv
    return found


def coordinates(found: Any, alive: np.ndarray) -> np.ndarray:
    """Return the coordinates of the living as Caraval's, ``(6, n)``."""
    order = np.argsort(found.particle_id)
    columns = [found.x, found.px, found.y, found.py, found.zeta * found.rvv, found.delta]
    assert np.array_equal(found.state[order] >= GOING, alive)
    return np.array([np.asarray(column)[order][alive] for column in columns])


def tracking(n: int, alive: np.ndarray) -> Case:
    """Return Xsuite's tracking."""
    return _case(line(), particles(lines.beam(n)), alive, 1)


def turns(n: int, number: int, cells: int, scale: float) -> Case:
    """Return Xsuite's tracking of a smaller bunch, of which nothing is lost, many times through a line."""
    return _case(line(cells), particles(lines.beam(n, scale=scale)), np.ones(n, bool), number)


def _case(built: Any, incoming: Any, alive: np.ndarray, turns: int) -> Case:
    """Return a way to track; what Xsuite is given is its own to change, so every call gets a copy, which is not timed."""
    fresh = [incoming.copy()]

    def run() -> Any:
        going = fresh.pop()
        built.track(going, num_turns=turns)
        return going

    def ready() -> None:
        fresh[:] = [incoming.copy()]

    ready()
    first = timed(run)
    ready()
    return Case("Xsuite", run, lambda found: coordinates(found, alive), first, before=ready)
