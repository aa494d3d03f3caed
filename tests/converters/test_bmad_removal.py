"""Commands that change expanded Bmad lattices: elements are taken away, or made one with others of their name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.converters.bmad.reader import read
from caraval.core.losses import Losses

LINE = """
parameter[p0c] = 1e9
parameter[particle] = electron
q: quadrupole, l = 0.4, k1 = 1.3, hkick = 1e-3
b: sbend, l = 1, angle = 0.1, e1 = 0.05, e2 = 0.04, fint = 0.5, hgap = 0.01
d: drift, l = 0.7
m: marker
ov: overlay = {q: a}, var = {a}
ov[a] = 1.1
k: line = (m, d, q, m, q, d, b, b, d)
use, k
beginning[beta_a] = 10
beginning[beta_b] = 10
expand_lattice
"""


def load(tmp_path: Path, text: str, losses: Losses | None = None) -> cv.Lattice:
    path = tmp_path / "lattice.bmad"
    path.write_text(LINE.replace("q: a", "q[k1]: a") + text)
    return read(path, losses=losses)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("remove_elements m", "d q q d b b d end"),
        ("remove_elements sbend::*, q##2", "m d q m d d end"),
        ("remove_elements d##2:b##1", "m d q m q b d end"),
        ("remove_elements overlay::*", "m d q m q d b b d end"),
        ("remove_elements m ! and what is said behind", "d q q d b b d end"),
        ("slice_lattice q##2:b##1", "q d b"),
        ("slice_lattice q##2:b##1, end", "q d b end"),
        ("slice_lattice *", "m d q m q d b b d end"),
        ("combine_consecutive_elements", "m d q d b d end"),
        ("remove_elements d##2\ncombine_consecutive_elements", "m d q b d end"),
    ],
)
def test_what_is_left(text: str, expected: str, tmp_path: Path) -> None:
    assert load(tmp_path, text).names == expected.split()


def test_elements_that_others_lie_upon(tmp_path: Path) -> None:
    """What is put upon a drift leaves two parts of it; a quadrupole kicks as before."""
    upon = "s: kicker, l = 0.2, hkick = 2e-3, superimpose, ref = {}##1, offset = {}\nexpand_lattice\n"
    text = LINE.replace("q: a", "q[k1]: a").replace("expand_lattice\n", "")
    path = tmp_path / "lattice.bmad"
    path.write_text(text + upon.format("q", -0.5) + "remove_elements s")
    found = read(path)
    assert found.names[:4] == ["m", "d#1", "d#2", "q"]
    assert found.length == pytest.approx(2.1 + 0.8 + 2.0 - 0.2)
    path.write_text(text + upon.format("q", 0) + "remove_elements s")
    found = read(path)
    quadrupoles = [element for element in found if element.kind == "Quadrupole"]
    assert sum(element.length for element in quadrupoles) == pytest.approx(0.8, rel=1e-14)
    assert sum(element.hkick for element in quadrupoles) == pytest.approx(2e-3, rel=1e-14)


def test_controllers_leave_what_they_have_set(tmp_path: Path) -> None:
    """And nothing more: without the overlay, the strength can be set."""
    assert load(tmp_path, "remove_elements overlay::*")["q"].k1 == 1.1
    assert load(tmp_path, "remove_elements ov\nq[k1] = 0.9")["q"].k1 == 0.9
    assert load(tmp_path, "q[k1] = 0.9")["q"].k1 == 1.1


def test_one_of_several_is_as_long_and_as_strong(tmp_path: Path) -> None:
    lattice = load(tmp_path, "combine_consecutive_elements")
    q, b = lattice["q"], lattice["b"]
    assert (q.length, q.k1, q.hkick) == (0.8, 1.1, 2e-3)
    assert (b.length, b.angle, b.e1, b.e2) == (2.0, 0.2, 0.05, 0.04)
    assert b.fint == (b.fint if b.fintx is None else b.fintx) == 0.5
    plain = load(tmp_path, "q[hkick] = 0\nb[fint] = 0\nb[e1] = 0\nb[e2] = 0\nremove_elements m")
    combined = load(
        tmp_path, "q[hkick] = 0\nb[fint] = 0\nb[e1] = 0\nb[e2] = 0\nremove_elements m\ncombine_consecutive_elements"
    )
    np.testing.assert_allclose(combined.transfer_matrix(), plain.transfer_matrix(), rtol=0, atol=1e-13)


def test_elements_that_differ_stay_two(tmp_path: Path) -> None:
    assert load(tmp_path, "q##2[x_offset] = 1e-3\ncombine_consecutive_elements").names.count("q") == 2
    assert load(tmp_path, "q##2[tilt] = 0.1\nq##1[tilt] = 0.2\ncombine_consecutive_elements").names.count("q") == 2


def test_a_slice_begins_where_it_begins(tmp_path: Path) -> None:
    losses = Losses()
    lattice = load(tmp_path, "slice_lattice q##2:b##1", losses)
    assert lattice.geometry == "open"
    assert not {"beta_a", "beta_b"} & set(lattice.beginning)
    assert [(loss.attribute, loss.is_physics) for loss in losses.found] == [("beta_a", False), ("beta_b", False)]
    assert load(tmp_path, "slice_lattice m##1:b##1").beginning["beta_a"] == 10


def test_energy_of_a_slice_behind_a_cavity_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "lattice.bmad"
    path.write_text("c: lcavity, l = 1, voltage = 1e6, rf_frequency = 1e9; d: drift, l = 1; k: line = (c, d); use, k\n"
                    "parameter[p0c] = 1e7; expand_lattice\nslice_lattice d")  # fmt: skip
    with pytest.raises(cv.LatticeError, match=r"lattice.bmad:3:1: beginning: p0c .* that before it"):
        read(path)
    assert read(path, losses=Losses("drift")).names == ["d"]


def test_merged_elements_are_a_loss(tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=r"merge_elements: sbend::\* .* elements that are not merged"):
        load(tmp_path, "merge_elements sbend::*")
    losses = Losses("drift")
    assert len(load(tmp_path, "calc_reference_orbit\nmerge_elements sbend::*", losses)) == 10
    assert [loss.element for loss in losses.found] == ["merge_elements"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("remove_elements nothing", "'nothing' means no element of the expanded lattice"),
        ("remove_elements", "'' means no element"),
    ],
)
def test_mistakes(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "command", ["remove_elements m", "slice_lattice m", "merge_elements m", "combine_consecutive_elements"]
)
def test_only_expanded_lattices_change(command: str, tmp_path: Path) -> None:
    path = tmp_path / "lattice.bmad"
    path.write_text(f"m: marker; k: line = (m); use, k\n{command}")
    with pytest.raises(cv.LatticeError, match=f"2:1: '{command.split()[0]}' means something only after 'expand_lattice'"):
        read(path)
