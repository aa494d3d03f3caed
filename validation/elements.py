"""Single elements against Bmad and PTC, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import caraval as cv

from . import ptc
from .records import Record, load


class Result(NamedTuple):
    """How far Caraval is from a record: its error, or why there is none."""

    kind: str
    case: str
    method: str
    source: str
    error: float
    problem: str = ""


def own(record: Record, backend: str) -> float:
    """Track by the method that the record asks for: Bmad's closed forms, or the integration of fields."""
    lattice = record.lattice()
    return record.error(record.track(lattice, backend))


def linear(record: Record, backend: str) -> float:
    """Compare the matrix and the orbit with Bmad's, relative to their largest entries."""
    lattice = record.lattice()
    start = lattice.reference
    momentum = cv.ParticleBeam(x=[start.p0c], reference=start).to(backend=backend).x[0]  # an array decides the backend
    found = lattice.transfer_map(cv.Reference(start.species, momentum, start.s, start.t))
    matrix, offset = np.array(record.element["mat6"]), np.array(record.element["vec0"])
    return max(
        float(np.abs(np.asarray(found.matrix) - matrix).max() / np.abs(matrix).max()),
        float(np.abs(np.asarray(found.offset) - offset).max() / max(np.abs(offset).max(), 1e-3)),
    )


def symplectic(record: Record, backend: str) -> float:
    """Track by the symplectic integrator with PTC's steps, order and masses."""
    lattice = record.symplectic()
    lattice = lattice.replace(elements=[ptc.in_its_words(element) for element in lattice.elements])
    return record.error(record.track(lattice, backend), ptc.alive(record))


def fine(record: Record, backend: str) -> float:
    """Track by the symplectic integrator with many steps, for comparison with a numerical integration of the fields."""
    method = cv.KickDriftKick(order=6, num_steps=FINE)
    lattice = record.lattice("bmad_standard")
    kind = lattice.elements[0].kind
    return record.error(record.track(lattice.with_tracking(method, where=lambda e: e.kind == kind), backend))


FINE = 40
"""Number of steps that is beyond doubt at order 6."""

Comparison = tuple[str, str, Callable[[Record, str], float]]

COMPARISONS: dict[str, tuple[Comparison, ...]] = {
    "bmad_standard": (("bmad_standard", "Bmad", own),),
    "taylor": (("bmad_standard", "Bmad", own),),
    "linear": (("linear", "Bmad's mat6", linear),),
    "symp_lie_ptc": (("kick_drift_kick", "PTC", symplectic),),
    "symp_lie_bmad": (("kick_drift_kick", "Bmad's symp_lie_bmad", fine),),
    "runge_kutta": (
        ("kick_drift_kick", "Bmad's runge_kutta", fine),
        ("runge_kutta", "Bmad's runge_kutta", own),
    ),
}
"""Of Bmad's methods: by which of Caraval's they are judged, what the source is called, and how they are compared."""


SECOND_SOURCES = ("runge_kutta", "symp_lie_bmad")
"""Bmad's methods that are compared on NumPy alone: they are about the model, not about who computes it."""


def of_file(backend: str, path: Path) -> list[Result]:
    """Return the results of all records of a file on a backend."""
    found = []
    for record in load(path):
        if backend != "numpy" and record.method in SECOND_SOURCES:
            continue
        for method, source, comparison in COMPARISONS.get(record.method, ()):
            if source == "PTC" and not ptc.has_same_model(record):
                source = "PTC's other models"
            error, problem = _compared(comparison, record, backend)
            found.append(Result(record.kind, f"{record.name}, {record.content['ref']}", method, source, error, problem))
    return found


def _compared(comparison: Callable[[Record, str], float], record: Record, backend: str) -> tuple[float, str]:
    try:
        return comparison(record, backend), ""
    except cv.CaravalError as error:
        return float("nan"), _short(error)


def _short(error: cv.CaravalError) -> str:
    """Return what an error says, without the place in a file that nobody can look at."""
    return str(error).rpartition("record.bmad:")[2].partition(": ")[2] or str(error)
