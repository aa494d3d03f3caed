"""Twiss parameters along lines against those that MAD-X and elegant recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import caraval as cv
from caraval.optics import twiss
from tests.converters.elegant_matrices import matrices
from tests.converters.elegant_reference import reference
from tests.converters.madx_comparison import PTC, Case

from . import truncation

START = {"beta_a": 10.0, "beta_b": 10.0}
"""What all lines begin with that are no rings."""

APART = 1e-9
"""Places are the same if they are not farther than this apart [m]."""

ENOUGH = 1e-8
"""Closer it need not be."""

MADX = {"beta_a": "betx", "alpha_a": "alfx", "phi_a": "mux", "beta_b": "bety", "alpha_b": "alfy", "phi_b": "muy",
        "eta_x": "dx", "etap_x": "dpx", "eta_y": "dy", "etap_y": "dpy"}  # fmt: skip

ELEGANT = {"beta_a": "betax", "alpha_a": "alphax", "phi_a": "psix", "beta_b": "betay", "alpha_b": "alphay", "phi_b": "psiy",
           "eta_x": "etax", "deta_x_ds": "etaxp", "eta_y": "etay", "deta_y_ds": "etayp"}  # fmt: skip


RADIATES = "recorded with radiation, whose loss of energy moves the orbit"
DAMPED = "recorded with radiation, whose loss of energy moves the orbit; MAD-X 5.09 without it agrees"
PITCHED = "the same as far as the first pitched element, into which TWISS goes in a way of its own"

KNOWN = {
    "impactx_solenoid:thicksol": "one mode of a solenoid by itself is at rest, and no beta is periodic in particular",
    "iota:iota": RADIATES,
    "t_coupling_2:seq": "TWISS names modes by the plane that has more of them, Bmad exchanges names where it must",
    "t_emit:machine": DAMPED,
    "t_emit_2:machine": RADIATES,
    "t_ibs:pdr": RADIATES,
    "t_ibs_2:tme": DAMPED,
    "t_ibs_3:pdr": RADIATES,
    "t_permalign_3:myseq": PITCHED,
    "t_permalign_4:myseq": "thin slices along the chord of a bend, which MAD-X displaces towards the arc",
    "t_ptc_twiss_rotations:seq": "a dispersion on the axis, which MAD-X has not where it runs this sequence alone",
    "t_read_write_hex:seq": "fringe = 1: MAD-X's cavity has fringe fields, which focus",
    "t_survey_4:myseq": PITCHED,
}
"""Lattices whose optics are not as recorded, and why."""


def madx(case: Case) -> float | None:
    """Return how far optics are from MAD-X's TWISS, by its way of expanding maps; None if it recorded none.

    Its phases are in turns, and its dispersions by ``dE / p0c``. The orbit begins where MAD-X found it, and what is periodic is
    so about that.
    """
    tables = [case.expected.get(name) or {} for name in ("twiss_periodic", "twiss_init")]
    is_periodic = "betx" in tables[0]
    recorded = tables[not is_periodic]
    if "betx" not in recorded:
        return None
    theirs = {mine: np.array(recorded[name], float) for mine, name in MADX.items()}
    theirs |= {name: 2 * np.pi * theirs[name] for name in ("phi_a", "phi_b")}
    orbit = [recorded[name][0] for name in ("x", "px", "y", "py", "t", "pt")]
    start = None if is_periodic else START
    worst = float("inf")
    for lattice in (case.lattice, finely(case.lattice)):
        try:
            with np.errstate(all="ignore"):
                table = truncation.twiss(lattice, orbit, start)
        except (cv.CaravalError, ArithmeticError):
            continue
        worst = min(worst, _off(table, recorded["s"], theirs))
        if worst <= ENOUGH:
            break
    return worst


def finely(lattice: cv.Lattice) -> cv.Lattice:
    """The lattice with PTC's sextupoles, gradients in bends and soft edges, of which Bmad has approximations."""
    approximate = (cv.Sextupole, lambda e: True), (cv.SBend, lambda e: any((e.k1, e.k2, e.fint * e.hgap)))
    return lattice.with_tracking(PTC, where=lambda e: any(isinstance(e, kind) and is_so(e) for kind, is_so in approximate))


def elegant(lattice: cv.Lattice, expected: Mapping[str, Any]) -> float | None:
    """Return how far optics are from elegant's twiss_output, the closer of two; None if it recorded none.

    They are those of ``twiss``, which is about the orbit and has normal modes; or by elegant's own rule from the matrices.
    """
    recorded = expected["runs"]["o1"].get("twiss")
    if not recorded:
        return None
    theirs = {mine: np.array(recorded[name], float) for mine, name in ELEGANT.items()}
    by_rule = _off(_by_blocks(lattice, expected), recorded["s"], theirs)
    if np.ptp(recorded["pCentral0"]) > 0:
        return by_rule
    lattice = lattice.replace(geometry="open", reference=reference(expected))
    return min(by_rule, _twiss_off(lattice, recorded["s"], theirs))


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


def _twiss_off(lattice: cv.Lattice, s: Sequence[float], theirs: Mapping[str, np.ndarray]) -> float:
    """Return how far ``twiss`` is off; infinite if there are no optics."""
    try:
        with np.errstate(all="ignore"):
            table = twiss(lattice, START)
    except (cv.CaravalError, ArithmeticError):
        return float("inf")
    return _off(table, s, theirs)


def _off(table: Mapping[str, Any], s: Sequence[float], theirs: Mapping[str, np.ndarray]) -> float:
    """Return the largest difference at common places, relative where values are large."""
    pairs = _common(table["s"], np.array(s, float))
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
