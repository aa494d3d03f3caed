"""Matches in MAD-X's files: the values that they find, and those that are left to MAD-X."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval import optics

CELL = """
    beam, particle = proton, energy = 1.2;
    k0 = 0; kf = 0.5; kd = -0.5; k2f = 0; k2d = 0;
    qf: quadrupole, l = 0.4, k1 := kf;
    qd: quadrupole, l = 0.4, k1 := kd;
    sf: sextupole, l = 0.1, k2 := k2f;
    sd: sextupole, l = 0.1, k2 := k2d;
    b: sbend, l = 1.5, angle = 0.2;
    m: marker;
    cell: sequence, refer = entry, l = 6;
    qf, at = 0; sf, at = 0.5; b, at = 0.9; m, at = 2.7; qd, at = 3; sd, at = 3.5; b, at = 3.9;
    endsequence;
    use, sequence = cell;
"""


def read(folder: Path, commands: str, lossy: bool = False) -> cv.Lattice:
    path = folder / "match.madx"
    path.write_text(CELL + commands)
    return cv.load(path, on_unsupported="drift" if lossy else "error")


def ring(lattice: cv.Lattice) -> cv.Lattice:
    return lattice.replace(geometry="closed")


def test_tunes_and_chromaticities(tmp_path: Path) -> None:
    """Derivatives by pt are those by pz over beta."""
    lattice = read(
        tmp_path,
        "match, sequence = cell; vary, name = kf, step = 1e-4; vary, name = kd, lower = -3, upper = 0;\n"
        "global, sequence = cell, q1 = 0.23, q2 = 0.19; lmdif, calls = 100, tolerance = 1e-20; endmatch;\n"
        "match, chrom; vary, name = sf->k2; vary, name = 'k2d'; global, dq1 = 0.5; global, dq2 = -0.25; jacobian; endmatch;",
    )
    beta = lattice.reference.beta
    assert beta < 0.7
    np.testing.assert_allclose(optics.tunes(ring(lattice))[:2], [0.23, 0.19], atol=1e-10)
    np.testing.assert_allclose(optics.chromaticities(ring(lattice), exact=True), [0.5 * beta, -0.25 * beta], atol=1e-8)
    assert [loss.attribute for loss in lattice.losses if loss.element == "match"] == ["kf", "kd", "sf->k2", "k2d"]


def test_places_of_the_periodic_solution(tmp_path: Path) -> None:
    lattice = read(
        tmp_path,
        "match, sequence = cell; constraint, sequence = cell, range = m, betx = 5.5, muy = 0.055;\n"
        "vary, name = kf; vary, name = kd; lmdif; endmatch;",
    )
    at = optics.twiss(ring(lattice)).at("m")
    assert at["beta_a"] == pytest.approx(5.5, abs=1e-8)
    assert at["phi_b"] == pytest.approx(0.11 * np.pi, abs=1e-8)


@pytest.mark.parametrize(
    "start", ["betx = 6, alfx = -1, bety = 3, alfy = 0.5, dx = 0.7", "beta0 = init"], ids=["values", "beta0"]
)
def test_lines_from_a_start(tmp_path: Path, start: str) -> None:
    lattice = read(
        tmp_path,
        f"init: beta0, betx = 6, alfx = -1, bety = 3, alfy = 0.5, dx = 0.7;\nmatch, sequence = cell, {start};\n"
        "vary, name = kf; vary, name = kd; constraint, range = #e, dx = 2, alfy = 0.1; simplex; lmdif; endmatch;",
    )
    beta = lattice.reference.beta
    begin = {"beta_a": 6.0, "alpha_a": -1.0, "beta_b": 3.0, "alpha_b": 0.5, "eta_x": 0.7 * beta}
    end = optics.twiss(lattice, begin).at(-1)
    assert end["eta_x"] == pytest.approx(2 * beta, abs=1e-8)
    assert end["alpha_b"] == pytest.approx(0.1, abs=1e-8)


def test_without_a_search_nothing_changes(tmp_path: Path) -> None:
    lattice = read(tmp_path, "match; vary, name = kf; global, q1 = 0.2; endmatch;\nvary, name = kd; endmatch;")
    assert lattice["qf"].k1 == 0.5
    assert lattice["qd"].k1 == -0.5


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ("match, use_macro; vary, name = kf; use_macro, name = m1; lmdif; endmatch;", "'use_macro' is not done"),
        ("match; vary, name = kf; constraint, range = #e, betx < 3; lmdif; endmatch;", "unexpected '<'"),
        ("match; vary, name = kf; constraint, range = #s/#e, betx = 3; lmdif; endmatch;", "range '#s/#e' is no single place"),
        ("match; vary, name = kf; constraint, betx = 3; lmdif; endmatch;", "a constraint without a range"),
        ("match; vary, name = kf; constraint, range = #e, re56 = 3; lmdif; endmatch;", "'re56' is not done"),
        ("match; vary, name = kf; vary, name = kd; global, q1 = 0.14; lmdif; endmatch;", "other values"),
        ("match; vary, name = kf; vary, name = k0; global, q1 = 0.14, q2 = 0.1; lmdif; endmatch;", "missed by"),
        (
            "match; vary, name = kf; vary, name = k0; global, q1 = 0.14; constraint, range = m, dy = 0; lmdif; endmatch;",
            "other values meet",
        ),
        ("match; vary, name = kf, upper = 0.51; global, q1 = 0.4; lmdif; endmatch;", "what is asked for is missed by"),
        ("match; vary, name = kf, upper = 0.4; global, q1 = 0.2; lmdif; endmatch;", "begins outside of its limits"),
        ("match; vary, name = kf; global, q1 = table(summ, q1); lmdif; endmatch;", "needs a result of MAD-X"),
        ("match; vary, name = kf; rmatrix, range = m, rm(1, 2) = 0; lmdif; endmatch;", "'rmatrix' is not done"),
        ("match, sequence = other; vary, name = kf; global, q1 = 0.2; lmdif; endmatch;", "its sequence is not in use"),
        ("match, beta0 = b0; vary, name = kf; constraint, range = m, betx = 2; lmdif; endmatch;", "it starts with results of"),
        ("match; vary, name = kf; lmdif; endmatch;", "there is nothing to vary, or to reach"),
        ("kd = -50; match; vary, name = kf; global, q1 = 0.2; lmdif; endmatch;", "there are no optics near"),
    ],
)
def test_what_is_left_to_madx(tmp_path: Path, commands: str, why: str) -> None:
    """What a match would have found is not known; the values are those before it."""
    lattice = read(tmp_path, commands, lossy=True)
    lost = [loss for loss in lattice.losses if loss.is_physics]
    assert [loss.element for loss in lost if why in str(loss)][:1] == ["qf"], [str(loss) for loss in lost]
    assert lattice["qf"].k1 == 0.5
    with pytest.raises(cv.LatticeError, match="is found by 'match' in MAD-X"):
        read(tmp_path, commands)
