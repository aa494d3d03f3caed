"""Twiss parameters along lines against those that MAD-X and elegant recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import caraval as cv
from caraval.optics import closed_orbit, twiss
from caraval.optics.line import Line, has_rf
from caraval.physics.shared.modes import periodic
from tests.converters.elegant_matrices import matrices
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


RADIATES = "recorded with radiation, whose loss of energy moves the orbit"
PARAXIAL = "TWISS expands its maps to second order about the axis, and the orbit is off it"
PITCHED = "as by maps of second order as far as the first pitched element; into those TWISS goes in a way of its own"

KNOWN = {
    "iota:iota": RADIATES,
    "t_c6t_6:bend_seq": "thin slices of a bend that turn the reference by another angle than their field's, which is reported",
    "t_emit_2:machine": RADIATES,
    "t_permalign_3:myseq": PITCHED,
    "t_permalign_4:myseq": "thin slices along the chord of a bend, which MAD-X displaces towards the arc",
    "t_read_write_hex:seq": "fringe = 1: MAD-X's cavity has fringe fields, which focus",
    "t_rotations:seq": PARAXIAL,
    "t_survey_4:myseq": PITCHED,
}
"""Lattices whose optics are not as recorded, and why."""


def madx(case: Case) -> float | None:
    """Return how far optics are from MAD-X's TWISS, with the closer of two methods; None if it recorded none.

    Its phases are in turns, and its dispersions by ``dE / p0c``. With cavities on, those are left out, and what is periodic is
    so in the transverse part of a map with cavities on, which here they are not, as in Bmad.
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
    start = _with_cavities if is_ring and has_rf(case.lattice) else lambda _: None if is_ring else START
    return min(_twiss_off(lattice, start, recorded["s"], theirs) for lattice in lattices)


def _with_cavities(lattice: cv.Lattice) -> dict[str, Any]:
    """Return the Twiss parameters that are periodic in the transverse part of a turn with cavities on, and its orbit."""
    line = Line(lattice)
    orbit = closed_orbit(lattice, 6)
    matrix, _ = line.turn(orbit)
    modes = periodic([row[:4] for row in matrix[:4]], np)._asdict()
    return {**{name: value for name, value in modes.items() if name != "gamma_c"}, **orbit._asdict()}


def elegant(lattice: cv.Lattice, expected: Mapping[str, Any]) -> float | None:
    """Return how far optics are from elegant's twiss_output, the closer of two; None if it recorded none.

    They are those of ``twiss``, which is about the orbit and has normal modes; or by elegant's own rule from the matrices.
    """
    recorded = expected["runs"]["o1"].get("twiss")
    if not recorded:
        return None
    theirs = {mine: np.array(recorded[name], float) for mine, name in ELEGANT.items()}
    by_rule = _off(_by_blocks(lattice, expected), np.array(recorded["s"], float), theirs)
    if np.ptp(recorded["pCentral0"]) > 0:
        return by_rule
    lattice = lattice.replace(geometry="open", reference=reference(expected))
    return min(by_rule, _twiss_off(lattice, lambda _: START, recorded["s"], theirs))


def _by_blocks(lattice: cv.Lattice, expected: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return Twiss parameters by elegant's rule, which goes element by element through matrices about the axis.

    Those of a plane are of its block alone, dispersions leave out the path length, and nothing is said of coupling.
    """
    planes = {"a": (10.0, 0.0, 0.0), "b": (10.0, 0.0, 0.0)}
    eta, s = np.zeros(4), 0.0
    rows = [[s, *planes["a"], *planes["b"], *eta]]
    for element, matrix in zip(lattice.elements, matrices(lattice, dict(expected)), strict=True):
        s += element.length
        planes = {mode: _through(matrix[at : at + 2, at : at + 2], *planes[mode]) for mode, at in (("a", 0), ("b", 2))}
        eta = matrix[:4, :4] @ eta + matrix[:4, 5]
        rows.append([s, *planes["a"], *planes["b"], *eta])
    return dict(zip(_NAMES, np.array(rows).T, strict=True))


_NAMES = ("s", "beta_a", "alpha_a", "phi_a", "beta_b", "alpha_b", "phi_b", "eta_x", "deta_x_ds", "eta_y", "deta_y_ds")


def _through(block: np.ndarray, beta: float, alpha: float, phi: float) -> tuple[float, float, float]:
    """Return Twiss parameters behind a matrix of one plane, perhaps with acceleration."""
    (c, s), (c1, s1) = block
    gamma, scale = (1 + alpha**2) / beta, c * s1 - s * c1
    new_beta = (c**2 * beta - 2 * c * s * alpha + s**2 * gamma) / scale
    new_alpha = (-c * c1 * beta + (s * c1 + c * s1) * alpha - s * s1 * gamma) / scale
    advance = np.arctan2(s, c * beta - s * alpha)
    return new_beta, new_alpha, phi + advance + (2 * np.pi if advance < -APART else 0.0)


def _twiss_off(
    lattice: cv.Lattice,
    start: Callable[[cv.Lattice], Mapping[str, float] | None],
    s: Sequence[float],
    theirs: Mapping[str, np.ndarray],
) -> float:
    """Return how far ``twiss`` is off; infinite if there are no optics."""
    try:
        with np.errstate(all="ignore"):
            table = twiss(lattice, start(lattice))
    except (cv.CaravalError, ArithmeticError):
        return float("inf")
    return _off(table, np.array(s, float), theirs)


def _off(table: Mapping[str, Any], s: np.ndarray, theirs: Mapping[str, np.ndarray]) -> float:
    """Return the largest difference at common places, relative where values are large."""
    pairs = _common(table["s"], s)
    return max(
        float(np.max(np.abs(table[name][pairs[:, 0]] - values[pairs[:, 1]]) / np.maximum(1.0, np.abs(values[pairs[:, 1]]))))
        for name, values in theirs.items()
    )


def _common(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the rows of both tables at common places, the last ones where there are several; ``(places, 2)``."""
    ours, others = (dict(_ends(np.asarray(values) - values[0])) for values in (mine, theirs))
    return np.array([(row, others[place]) for place, row in ours.items() if place in others])


def _ends(s: np.ndarray) -> list[tuple[int, int]]:
    """Return places in units of a distance that makes none of it, with the last row there."""
    return [(round(place / (10 * APART)), row) for row, place in enumerate(s)]
