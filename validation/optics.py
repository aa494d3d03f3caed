"""Twiss parameters along lines against those that MAD-X and elegant recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import caraval as cv
from caraval.optics import Table, twiss
from caraval.optics.line import has_rf
from tests.converters.elegant_reference import reference
from tests.converters.madx_comparison import Case, symplectic

START = {"beta_a": 10.0, "beta_b": 10.0}
"""What all lines begin with that are no rings."""

APART = 1e-9
"""Places are the same if they are not farther than this apart [m]."""

MADX = {"beta_a": "betx", "alpha_a": "alfx", "phi_a": "mux", "beta_b": "bety", "alpha_b": "alfy", "phi_b": "muy",
        "eta_x": "dx", "etap_x": "dpx", "eta_y": "dy", "etap_y": "dpy"}  # fmt: skip

ELEGANT = {"beta_a": "betax", "alpha_a": "alphax", "phi_a": "psix", "beta_b": "betay", "alpha_b": "alphay", "phi_b": "psiy",
           "eta_x": "etax", "deta_x_ds": "etaxp", "eta_y": "etay", "deta_y_ds": "etayp"}  # fmt: skip


def madx(case: Case) -> float | None:
    """Return how far optics are from MAD-X's TWISS, with the closer of two methods; None if it recorded none.

    Its phases are in turns, and its dispersions by ``dE / p0c``. With cavities on, those are left out.
    """
    periodic = case.expected.get("twiss_periodic") or {}
    recorded = periodic if "betx" in periodic else case.expected.get("twiss_init") or {}
    if "betx" not in recorded:
        return None
    theirs = {mine: np.array(recorded[name], float) for mine, name in MADX.items()}
    beta = case.lattice.reference.beta
    theirs |= {name: 2 * np.pi * theirs[name] for name in ("phi_a", "phi_b")}
    theirs |= {name: beta * theirs[name] for name in theirs if name.startswith("eta")}
    if has_rf(case.lattice):
        theirs = {name: values for name, values in theirs.items() if not name.startswith("eta")}
    is_ring = recorded is periodic
    lattices = [one.replace(geometry="closed" if is_ring else "open") for one in (case.lattice, symplectic(case.lattice))]
    return min(_off(lattice, None if is_ring else START, recorded["s"], theirs) for lattice in lattices)


def elegant(lattice: cv.Lattice, expected: Mapping[str, Any]) -> float | None:
    """Return how far optics are from elegant's twiss_output; None if it recorded none, or accelerates.

    With momentum, elegant's Twiss parameters change in ways of their own.
    """
    recorded = expected["runs"]["o1"].get("twiss")
    if not recorded or np.ptp(recorded["pCentral0"]) > 0:
        return None
    theirs = {mine: np.array(recorded[name], float) for mine, name in ELEGANT.items()}
    lattice = lattice.replace(geometry="open", reference=reference(expected))
    return _off(lattice, START, recorded["s"], theirs)


def _off(lattice: cv.Lattice, start: Mapping[str, float] | None, s: Sequence[float], theirs: Mapping[str, np.ndarray]) -> float:
    """Return the largest difference at common places, relative where values are large; infinite if there are no optics."""
    try:
        with np.errstate(all="ignore"):
            table = twiss(lattice, start)
    except (cv.CaravalError, ArithmeticError):
        return float("inf")
    pairs = _common(table, np.array(s, float))
    return max(
        float(np.max(np.abs(table[name][pairs[:, 0]] - values[pairs[:, 1]]) / np.maximum(1.0, np.abs(values[pairs[:, 1]]))))
        for name, values in theirs.items()
    )


def _common(table: Table, s: np.ndarray) -> np.ndarray:
    """Return the rows of both tables at common places, the last ones where there are several; ``(places, 2)``."""
    mine, theirs = (dict(_ends(np.asarray(values) - values[0])) for values in (table.s, s))
    return np.array([(row, theirs[place]) for place, row in mine.items() if place in theirs])


def _ends(s: np.ndarray) -> list[tuple[int, int]]:
    """Return places in units of a distance that makes none of it, with the last row there."""
    return [(round(place / (10 * APART)), row) for row, place in enumerate(s)]
