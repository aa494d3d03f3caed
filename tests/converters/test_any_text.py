"""Any text is read, or refused with an error that is meant: nothing else comes out of a reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caraval as cv

pytest.importorskip("yaml")

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_read_or_refused(path: Path, text: str, format: str) -> None:
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        lattice = cv.load(path, format=format, on_unsupported="drift")
    except cv.LatticeError:
        return
    assert isinstance(lattice, cv.Lattice)


EXPRESSIONS = st.lists(
    st.sampled_from(
        ["1", "2.5e3", "a", "sin", "mass_of", "(", ")", "+", "-", "*", "/", "^", "**", ",", "'p'", "q>length", "SELF.x"]
    ),
    max_size=15,
).map(" ".join)


@MANY
@given(EXPRESSIONS)
def test_expressions_of_pals(tmp_path: Path, expression: str) -> None:
    entries = f'  - variables: {{a: 1}}\n  - q: {{kind: Drift, length: "{expression}"}}\n  - l: {{kind: BeamLine, line: [q]}}\n'
    is_read_or_refused(tmp_path / "x.pals.yaml", f"PALS:\n  facility:\n{entries}", "pals")


NAMES = [
    "kind", "length", "line", "inherit", "repeat", "direction", "placement", "branches", "BendP", "ApertureP", "include",
    "load", "MagneticMultipoleP", "RFP", "set", "sets", "parameter", "value", "use", "constants", "controls", "variables",
    "q", "l", "Kn1", "superimpose", "place", "offset", "shape", "angle_ref", "ForkP", "to_line", "TaylorP", "x_out",
    "TrackingP", "Caraval",
]  # fmt: skip
WORDS = (
    *NAMES,
    "Quadrupole",
    "Bend",
    "BeamLine",
    "Lattice",
    "Controller",
    "Drift",
    "RFCavity",
    "Fork",
    "Taylor",
    "Patch",
    "q>length",
)
PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
DATA = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)


@MANY
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), DATA, min_size=1, max_size=1), max_size=6))
def test_facilities_of_pals(tmp_path: Path, entries: list[Any]) -> None:
    known = [{"q": {"kind": "Quadrupole", "length": 1}}, {"l": {"kind": "BeamLine", "line": ["q"]}}]
    is_read_or_refused(tmp_path / "x.pals.yaml", json.dumps({"PALS": {"facility": [*known, *entries]}}), "pals")


@MANY
@given(
    st.sampled_from(["Quadrupole", "Bend", "RFCavity", "Patch", "Solenoid", "Kicker", "Taylor", "Fork", "BeamBeam", "Drift"]),
    st.dictionaries(st.sampled_from(NAMES), DATA, max_size=5),
)
def test_elements_of_pals(tmp_path: Path, kind: str, body: Any) -> None:
    entries = [{"e": {**body, "kind": kind}}, {"l": {"kind": "BeamLine", "line": ["e"]}}]
    is_read_or_refused(tmp_path / "x.pals.yaml", json.dumps({"PALS": {"facility": entries}}), "pals")


@MANY
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#%@ \n\t,?1"), max_size=60))
def test_characters_of_yaml(tmp_path: Path, text: str) -> None:
    is_read_or_refused(tmp_path / "x.pals.yaml", text, "pals")


PYTHON = (
    "cell", "=", "[", "]", "(", ")", ",", "+", "*", "**", "-", ".", ":", "l", "1", "2.5", "'a'", "Drift", "Quadrupole",
    "Matrix", "MagneticLattice", "Twiss", "SecondTM", "np", "pi", "lambda", "for", "in", "if", "\n", "k1", "kn", "r11",
    "eid", "q",
)  # fmt: skip


@MANY
@given(st.lists(st.sampled_from(PYTHON), max_size=30))
def test_words_of_python(tmp_path: Path, words: list[str]) -> None:
    is_read_or_refused(tmp_path / "x.py", "q = Quadrupole(l=1)\ncell = [q]\n" + " ".join(words), "ocelot")


@MANY
@given(
    st.sampled_from(["Quadrupole", "Matrix", "Multipole", "SBend", "Cavity", "Undulator", "Aperture", "Marker", "RBend"]),
    st.dictionaries(
        st.sampled_from(["l", "k1", "kn", "r12", "b3", "t116", "angle", "eid", "tm", "v", "Kx", "xmax", "dx", "type"]),
        PLAIN | st.lists(PLAIN, max_size=3),
        max_size=4,
    ),
)
def test_elements_of_ocelot(tmp_path: Path, kind: str, values: dict[str, Any]) -> None:
    given = ", ".join(f"{name}={value!r}" for name, value in values.items())
    is_read_or_refused(tmp_path / "x.py", f"cell = [{kind}({given})]\n", "ocelot")


SETTINGS = [
    "length", "k1", "k", "angle", "misalignment", "tracking_method", "x_max", "gap", "voltage", "phase", "metadata",
    "name", "predefined_transfer_map", "base_element", "superimposed_element", "fringe_at", "num_steps", "dx", "tilt",
    "radius",
]  # fmt: skip
KINDS = [
    "Drift", "Quadrupole", "Dipole", "RBend", "Cavity", "Aperture", "CustomTransferMap", "Superimposed", "Undulator",
    "Octupole", "TransverseDeflectingCavity", "Screen", "Marker", "Solenoid",
]  # fmt: skip


@MANY
@pytest.mark.parametrize(("format", "version"), [("cheetah", "cheetah-0.8"), ("latticejson", "2.1")])
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(SETTINGS), DATA, max_size=4))
def test_elements_in_json(tmp_path: Path, format: str, version: str, kind: str, values: Any) -> None:
    elements = {"a": [kind, values], "b": ["Drift", {"length": 1.0}]}
    content = {"version": version, "root": "r", "elements": elements, "lattices": {"r": ["a", "b"]}}
    is_read_or_refused(tmp_path / "x.json", json.dumps(content), format)


@MANY
@pytest.mark.parametrize("format", ["cheetah", "latticejson"])
@given(st.dictionaries(st.sampled_from(["version", "root", "elements", "lattices", "title"]), DATA))
def test_files_in_json(tmp_path: Path, format: str, content: Any) -> None:
    is_read_or_refused(tmp_path / "x.json", json.dumps(content), format)


@MANY
@given(st.text(alphabet=st.sampled_from('NAME,CLASX_bem"\n0.1 '), max_size=60))
def test_tables(tmp_path: Path, text: str) -> None:
    is_read_or_refused(tmp_path / "x.txt", f"NAME,CLASS,X_beam,Y_beam,Z_beam,THETA_beam\nA,MQ,0,0,0,0\n{text}", "nx")
