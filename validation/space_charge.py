"""Bunches with space charge against Bmad's: their rms sizes, divergences and momentum spread at the end of a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import caraval as cv

SMALL = 1e-3
"""An effect on an rms value, of the value, that is too small to be compared."""

SLICE, GRID = 0.02, (32, 32, 32)


class Case(NamedTuple):
    """A bunch and a line, and Bmad's runs of it by their number of cells in each direction; or why it is not done."""

    name: str
    line: Callable[[], Sequence[cv.Element]]
    runs: dict[int, str]
    bare: str
    problem: str = ""


class Outcome(NamedTuple):
    """How far sizes and divergences, and how far the momentum spread are off, of what space charge does to them.

    With 0 cells, against what Bmad's values on its grids lead to, if their error is of second order.
    """

    name: str
    cells: int
    transverse: float = float("nan")
    spread: float = float("nan")
    problem: str = ""


def _drifts(length: float) -> Callable[[], Sequence[cv.Element]]:
    return lambda: [cv.Drift(length=length)] * 20


def _fodo() -> Sequence[cv.Element]:
    drift = cv.Drift(length=0.2)
    return [cv.Quadrupole(length=0.1, k1=12.0), drift, cv.Quadrupole(length=0.1, k1=-12.0), drift] * 2


def _free(name: str, length: float) -> Case:
    runs = {cells: f"{name}__fft_3d_ds0.01_mesh{cells}_nbin40" for cells in (32, 64)}
    return Case(name, _drifts(length), runs, f"{name}__off_ds0.01_mesh32_nbin40")


CASES = (
    _free("sphere_restframe_2.5MeV", 0.03),
    _free("gauss_10MeV", 0.05),
    _free("gauss_elliptic_5MeV", 0.05),
    Case("fodo_20MeV", _fodo, {32: "fodo_20MeV__fft_3d"}, "fodo_20MeV__off"),
    Case(
        "linac_6MeV",
        tuple,
        {},
        "",
        "all along the cavity Bmad takes the frame of the bunch at its exit; so taken here, the size agrees to 2.5 %",
    ),
    Case("csr_bend", tuple, {}, "", "coherent radiation"),
)


def outcomes(folder: Path, backend: str = "numpy") -> list[Outcome]:
    """Return what becomes of all cases; of none where the folder is absent."""
    return [found for case in CASES for found in compared(case, folder, backend)] if folder.is_dir() else []


def compared(case: Case, folder: Path, backend: str = "numpy") -> list[Outcome]:
    """Track a bunch and compare it with each of Bmad's runs."""
    if case.problem:
        return [Outcome(case.name, 0, problem=case.problem)]
    given = _loaded(folder, next(iter(case.runs.values())))
    start = np.load(folder / f"initial_{case.name}.npy").T
    beam = cv.ParticleBeam(*start, p0c=given["p0c_start"], charge=given["charge_C"]).to(backend=backend)
    out = cv.Lattice(case.line()).with_space_charge(every=SLICE, grid=GRID).track(beam)
    ours = np.array([float(getattr(out, f"sigma_{name}")) for name in ("x", "px", "y", "py", "pz")])
    truth = {cells: _sizes(folder, name) for cells, name in case.runs.items()}
    if len(truth) == 2:
        (n, coarse), (m, fine) = sorted(truth.items())
        truth[0] = fine + (fine - coarse) / ((m / n) ** 2 - 1)
    bare = _sizes(folder, case.bare)
    return [_outcome(case.name, cells, ours, expected, bare) for cells, expected in truth.items()]


def _outcome(name: str, cells: int, ours: np.ndarray, expected: np.ndarray, bare: np.ndarray) -> Outcome:
    effect = np.abs(expected - bare)
    off = np.abs(ours - expected) / np.where(effect > SMALL * expected, effect, np.nan)
    return Outcome(name, cells, float(np.nanmax(off[:4])), float(off[4]))


def _sizes(folder: Path, name: str) -> np.ndarray:
    return np.array(_loaded(folder, name)["points"][-1]["rms"])[[0, 1, 2, 3, 5]]


def _loaded(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text())  # type: ignore[no-any-return]
