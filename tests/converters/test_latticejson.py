"""LatticeJSON 2: there and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

CORPUS = Path(__file__).parents[3] / "shared" / "reference" / "corpus" / "latticejson"


def lattice_file(path: Path, elements: Any, lattices: Any, **others: Any) -> Path:
    content = {"version": "2.1", "title": "T", "root": "ring", "elements": elements, "lattices": lattices}
    path.write_text(json.dumps({**content, **others}, indent=1))
    return path


def test_what_elements_are(tmp_path: Path) -> None:
    elements = {
        "d": ["Drift", {"length": 1.0, "info": "a drift"}],
        "b": ["Dipole", {"length": 2.0, "angle": 0.1, "k1": 0.2, "e1": 0.01, "e2": 0.02, "tilt": 0.3}],
        "r": ["Dipole", {"length": 2.0, "radius": 20.0}],
        "q": ["Quadrupole", {"length": 0.5, "k1": 1.5, "dx": 1e-3, "dy": 2e-3, "ds": 3e-3, "tilt": 0.1}],
        "s": ["Sextupole", {"length": 0.5, "k2": 1.5}],
        "o": ["Octupole", {"length": 0.5, "k3": 1.5}],
        "c": ["Cavity", {"length": 0.5, "voltage": 1e6, "frequency": 5e8, "phase": 180.0}],
    }
    path = lattice_file(
        tmp_path / "x.json", elements, {"cell": ["d", "q"], "ring": ["cell", "-cell", "b", "r", "s", "o", "c"]}, energy=2.5
    )
    lattice = cv.load(path)
    assert lattice.names == ["d", "q", "q", "d", "b", "r", "s", "o", "c"]
    assert [e.orientation for e in lattice][:4] == [1, 1, -1, -1]
    assert lattice.reference == cv.Reference.from_energy("electron", 2.5e9)
    assert lattice.metadata == {"title": "T"}
    assert lattice["d##1"].metadata["info"] == "a drift"
    b, r, q = lattice["b"], lattice["r"], lattice["q##1"]
    assert (b.angle, b.k1, b.e1, b.e2, b.ref_tilt) == (0.1, 0.2, 0.01, 0.02, 0.3)
    assert r.angle == 0.1
    assert (q.k1, q.x_offset, q.y_offset, q.z_offset, q.tilt) == (1.5, 1e-3, 2e-3, 3e-3, 0.1)
    assert (lattice["s"].k2, lattice["o"].k3) == (1.5, 1.5)
    cavity = lattice["c"]
    assert (cavity.kind, cavity.voltage, cavity.rf_frequency, cavity.phi0) == ("RFCavity", 1e6, 5e8, 0.0)
    assert cv.load(path, line="cell").names == ["d", "q"]


def test_there_and_back(tmp_path: Path) -> None:
    lattice = cv.Lattice(
        [
            cv.Drift(name="d", length=1.0),
            cv.Drift(name="d", length=0.5),
            cv.Quadrupole(name="q", length=0.5, k1=1.5, x_offset=1e-3, tilt=0.1),
            cv.SBend(name="b", length=1.0, angle=0.1, e1=0.01, k1=0.3, ref_tilt=0.2),
            cv.Sextupole(name="s", length=0.5, k2=1.5),
            cv.Octupole(name="o", length=0.5, k3=1.5),
            cv.RFCavity(name="c", length=0.5, voltage=1e6, rf_frequency=5e8, phi0=0.125),
            cv.Marker(name="m"),
        ],
        name="ring",
        reference=cv.Reference.from_energy("electron", 1e9),
    )
    losses = cv.save(lattice, tmp_path / "x.latticejson")
    assert [(loss.element, loss.is_physics) for loss in losses] == [("m", False)]
    back = cv.load(tmp_path / "x.latticejson")
    assert back.names == ["d", "d_2", "q", "b", "s", "o", "c", "m"]
    assert back.reference.p0c == pytest.approx(lattice.reference.p0c, rel=1e-15)
    np.testing.assert_allclose(back.transfer_matrix(), lattice.transfer_matrix(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (cv.Solenoid(name="e", length=0.1, ks=1.0), "Solenoid changes the tracking"),
        (cv.Quadrupole(name="e", length=0.1, k1=1.0, b2=0.1), r"b2 = 0.1 changes"),
        (cv.SBend(name="e", length=0.1, angle=0.1, hgap=0.01, fint=0.5), r"fint = 0.5 changes"),
        (cv.Drift(name="e", length=0.1, x_limit=0.1), r"x1_limit = 0.1 changes"),
        (cv.Quadrupole(name="e", length=0.1, k1=np.array([1.0, 2.0])), r"k1 = \[1. 2.\] changes"),
    ],
)
def test_what_the_format_has_no_words_for(element: cv.Element, message: str, tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=message):
        cv.save(cv.Lattice([element]), tmp_path / "x.latticejson")
    assert any(loss.is_physics for loss in cv.save(cv.Lattice([element]), tmp_path / "x.latticejson", on_unsupported="drift"))
    assert cv.load(tmp_path / "x.latticejson").length == element.length


@pytest.mark.parametrize(
    ("elements", "members", "message"),
    [
        ({"a": ["Drift", {"length": 1}]}, ["b"], "there is no element and no lattice 'b'"),
        ({"a": ["Drift", {"length": 1}]}, ["ring"], "the lattice 'ring' is inside itself"),
        ({"a": ["Drift", {"length": 1}]}, [], "a lattice needs at least one element"),
        ({"a": ["Drift"]}, ["a"], r"x.json:6:3: an element is \["),
        ({"a": ["Drift", {"length": "1"}]}, ["a"], "length must be a number"),
        ({"a": ["Wiggler", {"length": 1}]}, ["a"], "Wiggler changes the tracking"),
        ({"a": ["Dipole", {"length": 1, "h1": 1}]}, ["a"], "h1 = 1 changes the tracking"),
        ({"a": ["Dipole", {"length": 1, "angle": 1, "radius": 2}]}, ["a"], "angle and radius contradict each other"),
    ],
)
def test_files_that_make_no_sense(elements: Any, members: Any, message: str, tmp_path: Path) -> None:
    path = lattice_file(tmp_path / "x.json", elements, {"ring": members})
    with pytest.raises(cv.LatticeError, match=message) as caught:
        cv.load(path)
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("others", "message"),
    [({"version": "1.0"}, "version 2 of LatticeJSON is read"), ({"root": "x"}, "there is no lattice 'x'"),
     ({"energy": "5"}, "energy is a number of GeV"), ({"extra": 1}, "LatticeJSON has no 'extra'")],
)  # fmt: skip
def test_heads_that_make_no_sense(others: Any, message: str, tmp_path: Path) -> None:
    path = lattice_file(tmp_path / "x.json", {"a": ["Drift", {"length": 1}]}, {"ring": ["a"]}, **others)
    with pytest.raises(cv.LatticeError, match=message):
        cv.load(path, format="latticejson")


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the reference data")
def test_the_example_of_its_authors() -> None:
    lattice = cv.load(CORPUS / "nobeam_example" / "tests" / "data" / "example.json")
    assert lattice.kinds == ["Drift", "SBend", "Quadrupole", "Sextupole", "RFCavity"]
    assert not lattice.losses


def test_forks_are_markers_to_the_beam_that_goes_on(tmp_path: Path) -> None:
    fork = cv.Fork(name="f", to_line="dump", to_element="start", direction=-1, particle="positron", new_branch=False)
    assert not any(loss.is_physics for loss in cv.save(cv.Lattice([fork]), tmp_path / "x.latticejson"))
    assert cv.load(tmp_path / "x.latticejson").names == ["f"]
