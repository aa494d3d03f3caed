"""Branches of Bmad's lattice files that begin at forks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import caraval as cv
from caraval.core.errors import LatticeError

Load = Callable[..., cv.Lattice]

BASE = """
    parameter[particle] = electron; parameter[e_tot] = 1e7; parameter[geometry] = open
    d: drift, l = 1
    c: lcavity, l = 1, voltage = 1e7, rf_frequency = 1.3e9
    q: quadrupole, l = 0.5
    f: fork, to_line = side
    main: line = (c, f, c)
    side: line = (q, d)
    use, main
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a branch of a text."""

    def load(text: str, branch: str | int | None = None) -> cv.Lattice:
        path = tmp_path / "lattice.bmad"
        path.write_text(text)
        return cv.load(path, format="bmad", branch=branch)

    return load


def test_a_branch_goes_on_with_the_energy_at_the_fork(load: Load) -> None:
    assert load(BASE).names == ["c", "f", "c", "end"]
    side = load(BASE, "side")
    assert side.names == ["q", "d", "end"]
    assert side.reference.energy == pytest.approx(2e7, rel=1e-13)
    assert (side.reference.s, side.reference.t) == (0.0, 0.0)
    assert side.reference.species.name == "electron"


@pytest.mark.parametrize(
    ("text", "energy"),
    [
        ("side[e_tot] = 3e7", 3e7),
        ("f[to_element] = beginning", 2e7),
        ("f[direction] = -1; side[e_tot] = 3e7", 3e7),
        ("side[particle] = positron; side[e_tot] = 4e7", 4e7),
        ("f[particle] = #12C+6; side[e_tot] = 4e11", 4e11),
    ],
)
def test_energies(load: Load, text: str, energy: float) -> None:
    assert load(BASE + text, "side").reference.energy == pytest.approx(energy, rel=1e-13)


@pytest.mark.parametrize("text", ["f[to_element] = q", "f[direction] = -1", "side[particle] = positron"])
def test_where_no_energy_comes_from(load: Load, text: str) -> None:
    with pytest.raises(LatticeError, match=r"the reference energy of line 'side' is said nowhere; give side\[e_tot\]"):
        load(BASE + text, "side")


def test_a_fork_says_the_species(load: Load) -> None:
    for kind in ("fork", "photon_fork"):
        text = BASE.replace("f: fork", f"f: {kind}") + "f[particle] = proton; side[e_tot] = 4e9"
        assert load(text, "side").reference.species.name == "proton"
        assert load(text)["f"].particle == "proton"


def test_each_fork_makes_a_branch(load: Load) -> None:
    twice = BASE.replace("(c, f, c)", "(f, c, f)")
    assert load(twice, 1).reference.energy == pytest.approx(1e7)
    assert load(twice, 2).reference.energy == pytest.approx(2e7)
    with pytest.raises(cv.UnknownNameError, match="0: 'main', 1: 'side'"):
        load(twice + "f[new_branch] = F", 2)


def test_branches_of_branches(load: Load) -> None:
    text = BASE + "side: line = (q, g); g: fork, to_line = far; far: line = (d)\n".replace("side: line = (q, g); ", "")
    text = text.replace("side: line = (q, d)", "side: line = (q, c, g)")
    assert load(text, "far").reference.energy == pytest.approx(3e7, rel=1e-13)


def test_a_way_back_is_no_new_branch(load: Load) -> None:
    back = BASE.replace("(q, d)", "(q, g)") + "g: fork, to_line = main, to_element = f, direction = -1"
    with pytest.raises(cv.UnknownNameError, match="there are 0: 'main', 1: 'side'"):
        load(back, 2)


def test_photons(load: Load) -> None:
    text = BASE.replace("f: fork", "f: photon_fork") + "side[e_tot] = 100"
    base = load(text)
    assert base["f"].to_line == "side"
    assert [(loss.element, loss.attribute, loss.is_physics) for loss in base.losses] == [("f", "to_line", False)]
    with pytest.raises(LatticeError, match="particle = photon changes the tracking"):
        load(text, "side")


def test_a_fork_to_nowhere(load: Load) -> None:
    with pytest.raises(LatticeError, match="fork 'f': no line 'sid' is defined; did you mean 'side'"):
        load(BASE + "f[to_line] = sid")


def test_photons_do_not_go_round(tmp_path: Path) -> None:
    path = tmp_path / "lattice.bmad"
    path.write_text("parameter[particle] = photon; parameter[e_tot] = 100; d: drift, l = 1; m: line = (d); use, m")
    assert cv.load(path, on_unsupported="drift").geometry == "open"
