from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.converters import json as own
from caraval.converters.json.vocabulary import TAGS
from caraval.converters.json.writing import WIDTH
from caraval.core.arrays import library
from caraval.core.errors import InputError, LatticeError
from caraval.core.registry import register_plugin, registry, unregister_plugin

HEADER = '{"caraval": {"version": 1}'


# -------------------------------------------------------------------- the same to the last bit


def bits(value: Any) -> Any:
    """Take data apart into what must not differ: types, bits, libraries, precisions, shapes."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if value is None or isinstance(value, (bool, int, str)):
        return type(value).__name__, value
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [bits(item) for item in value]
    if isinstance(value, Mapping):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, cv.TrackingMethod):
        return type(value), value.name, bits(value.options)
    if isinstance(value, cv.Species):
        return value
    values = np.asarray(value.detach() if hasattr(value, "detach") else value)
    return library(value), values.dtype.name, values.shape, values.tobytes()


def anatomy(lattice: cv.Lattice) -> Any:
    elements = [(type(e), {name: bits(value) for name, value in e.__dict__.items()}) for e in lattice.elements]
    reference = lattice.reference and [bits(v) for v in (lattice.reference.species, *lattice.reference.tree_flatten()[0])]
    return elements, reference, lattice.geometry, lattice.name, bits(lattice.beginning), bits(lattice.metadata)


def through(lattice: cv.Lattice, folder: Path) -> cv.Lattice:
    path = folder / "lattice.json"
    cv.save(lattice, path)
    return cv.load(path)


def assert_survives(lattice: cv.Lattice, folder: Path) -> cv.Lattice:
    back = through(lattice, folder)
    assert anatomy(back) == anatomy(lattice)
    assert own.text(back) == own.text(lattice)
    return back


finite = st.floats(allow_nan=False, allow_infinity=False)
data = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(sorted(TAGS)), inner, max_size=3)
        | st.dictionaries(st.integers() | st.tuples(st.integers(), st.text()), inner, max_size=3)
    ),
    max_leaves=6,
)
methods = st.one_of(
    st.none(),
    st.sampled_from(["linear", "second_order", "bmad_standard", "kick_drift_kick", "some_other"]),
    st.builds(cv.BmadStandard, num_steps=st.none() | st.integers(1, 99), ds_step=st.none() | st.floats(1e-9, 1e9)),
    st.builds(
        cv.KickDriftKick,
        order=st.sampled_from([2, 4, 6]),
        num_steps=st.integers(1, 99),
        split=st.sampled_from(["drift", "matrix", "free"]),
    ),
)


@st.composite
def arrays(draw: Any) -> np.ndarray:
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2), (0,), (2, 0)]))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    element = st.floats(allow_nan=False, allow_infinity=False, width=64 if dtype == "float64" else 32)
    size = int(np.prod(shape))
    return np.array(draw(st.lists(element, min_size=size, max_size=size)), dtype=dtype).reshape(shape)


@st.composite
def elements(draw: Any) -> cv.Element:
    """Draw an element of any kind with any of its fields set; a few names, so that they repeat."""
    cls = registry().kinds[draw(st.sampled_from(sorted(registry().kinds)))].value
    schema = cls.schema()
    values: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(schema.defaults)), max_size=4, unique=True)):
        if choices := schema.choices(name):
            values[name] = draw(st.sampled_from(choices))
        elif name in schema.parameters:
            values[name] = draw(finite | arrays())
    values["name"] = draw(st.sampled_from(["", "q", "q (2)", "Q", "d", "$array"]) | st.text(max_size=3))
    values["metadata"] = draw(st.dictionaries(st.text(max_size=3), data, max_size=2))
    values["tracking_method"] = draw(methods)
    try:
        return cls(**values)
    except InputError:  # fields that do not go together
        return cls(**{name: values[name] for name in ("name", "metadata", "tracking_method")})


references = st.builds(
    cv.Reference,
    st.sampled_from(["electron", "proton", "alpha"])
    | st.builds(cv.Species, st.text(), st.floats(1.0, 1e12), st.integers(-3, 92)),
    st.floats(1.0, 1e15),
    finite,
    finite,
)


@settings(deadline=None, max_examples=150)
@given(
    line=st.lists(elements(), min_size=1, max_size=6),
    repeats=st.integers(1, 3),
    reference=st.none() | references,
    geometry=st.sampled_from(["open", "closed"]),
    name=st.text(),
    beginning=st.dictionaries(st.text(), data, max_size=2),
    metadata=st.dictionaries(st.text(), data, max_size=2),
)
def test_any_lattice_survives(tmp_path_factory, line, repeats, reference, geometry, name, beginning, metadata):
    lattice = cv.Lattice(
        line * repeats, reference=reference, geometry=geometry, name=name, beginning=beginning, metadata=metadata
    )
    assert_survives(lattice, tmp_path_factory.mktemp("json"))


def test_every_kind_survives_with_all_its_choices(tmp_path):
    chosen = []
    for name, entry in registry().kinds.items():
        schema = entry.value.schema()
        for field in schema.fields:
            for choice in schema.choices(field):
                with suppress(InputError):  # of a choice that is refused alone
                    chosen.append(entry.value(name=f"{name}_{field}_{choice}", **{field: choice}))
        values = {n: 0.125 for n, default in entry.value.schema().defaults.items() if type(default) is float}
        for number, (field, value) in enumerate(values.items()):
            with suppress(InputError):  # of one that cannot be without another
                chosen.append(entry.value(name=f"{name}_{number}", **{field: value}))
    assert len(chosen) > 200
    assert_survives(cv.Lattice(chosen), tmp_path)


def test_arrays_come_back_in_their_library_and_precision(tmp_path, backend, dtype, array):
    k1 = array([1.3, -0.0, 5e-324 if dtype == "float64" else 1e-45], backend, dtype)
    lattice = cv.Lattice(
        [cv.Quadrupole(name="q", length=array(0.1, backend, dtype), k1=k1, metadata={"table": np.arange(6).reshape(2, 3)})],
        reference=cv.Reference("electron", array([1e8, 2e8], backend, dtype)),
        beginning={"beta_a": k1, "mask": np.array([True, False])},
    )
    back = assert_survives(lattice, tmp_path)
    assert library(back[0].k1) == backend
    assert back[0].k1.dtype == k1.dtype


def test_tensors_lose_their_tape_and_keep_their_values(tmp_path):
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    back = through(cv.Lattice([cv.Quadrupole(k1=k1)]), tmp_path)[0].k1
    assert back.item() == 1.3
    assert not back.requires_grad


def test_slices_survive(tmp_path):
    whole = cv.Quadrupole(name="q", length=0.3, k1=2.0, fringe_type="full", x_offset=1e-3, hkick=1e-4, x_limit=0.01)
    assert_survives(cv.Lattice([whole.cut(0.0, 0.1), whole.cut(0.1, 0.2), whole.cut(0.2, 0.3)]), tmp_path)


def test_a_lattice_tracks_the_same_after_a_round_trip(tmp_path, line, make_beam):
    lattice = line.with_tracking("kick_drift_kick", where="Quadrupole")
    beam = make_beam()
    for a, b in zip(lattice.track(beam).coordinates, through(lattice, tmp_path).track(beam).coordinates, strict=True):
        np.testing.assert_array_equal(a, b)


def test_mappings_of_any_type_come_back_as_plain_ones(tmp_path):
    lattice = cv.Lattice([cv.Drift(metadata=MappingProxyType({"type": "d", "n": np.float32(0.5), "ok": np.bool_(True)}))])
    assert through(lattice, tmp_path)[0].metadata == {"type": "d", "n": 0.5, "ok": True}


# -------------------------------------------------------------------- what is in a file


def test_only_what_is_not_default_is_written():
    lattice = cv.Lattice([cv.Quadrupole(name="q", length=0.2, k1=1.3, x_offset=0.0, hkick=-0.0, is_on=True)])
    assert json.loads(own.text(lattice)) == {
        "caraval": {"version": 1},
        "geometry": "open",
        "elements": {"q": {"kind": "Quadrupole", "length": 0.2, "k1": 1.3, "hkick": -0.0}},
        "line": ["q"],
    }


def test_an_element_is_defined_once_on_a_row_of_its_own(fodo):
    text = own.text(fodo + fodo)
    assert re.findall(r'^  "(\w+)": \{.*\},?$', text, re.MULTILINE) == ["qf", "d1", "qd", "d2"]
    assert json.loads(text)["line"] == ["qf", "d1", "qd", "d2"] * 2


def test_names_that_repeat_with_other_values_have_keys_of_their_own(tmp_path):
    q = cv.Quadrupole(name="q", k1=1.0)
    lattice = cv.Lattice([q, q.replace(k1=2.0), cv.Marker(name="q (2)"), q, q.replace(k1=-0.0), q.replace(k1=0.0)])
    written = json.loads(own.text(lattice))
    assert written["line"] == ["q", "q (3)", "q (2)", "q", "q (4)", "q (5)"]
    assert written["elements"]["q (3)"] == {"kind": "Quadrupole", "name": "q", "k1": 2.0}
    assert_survives(lattice, tmp_path)


def test_elements_without_name_stand_in_the_line_on_rows_of_their_own():
    m, drift = cv.Marker(name="m"), cv.Drift(length=1.0)
    text = own.text(cv.Lattice([drift, m, m, drift, drift, m]))
    nameless = {"kind": "Drift", "length": 1.0}
    assert json.loads(text)["line"] == [nameless, "m", "m", nameless, nameless, "m"]
    row = '  {"kind": "Drift", "length": 1.0},'
    assert text[text.index('"line"') :].splitlines() == ['"line": [', row, '  "m", "m",', row, row, '  "m"', "]", "}"]


def test_rows_of_names_are_not_long():
    text = own.text(cv.Lattice([cv.Marker(name=f"marker_{i}") for i in range(100)]))
    rows = text[text.index('"line"') :].splitlines()
    assert len(rows) > 5
    assert max(map(len, rows)) <= WIDTH + 4


def test_methods_are_their_names_or_their_names_and_options():
    written = json.loads(
        own.text(
            cv.Lattice(
                [
                    cv.Quadrupole(name="a", tracking_method="kick_drift_kick"),
                    cv.Quadrupole(name="b", tracking_method=cv.KickDriftKick(order=4)),
                ]
            )
        )
    )
    assert written["elements"]["a"]["tracking_method"] == "kick_drift_kick"
    assert written["elements"]["b"]["tracking_method"] == {"name": "kick_drift_kick", "order": 4}


def test_species_without_a_name_of_ours_are_spelled_out(tmp_path):
    odd = cv.Species("Pb82+", 193.7e9, 82)
    heavy = cv.Species("electron", 510998.9461, -1)
    for species in (odd, heavy):
        lattice = cv.Lattice([cv.Drift()], reference=cv.Reference(species, 1e9, 1.5, 2e-9))
        assert json.loads(own.text(lattice))["reference"]["species"]["mass"] == species.mass
        assert_survives(lattice, tmp_path)


def test_files_are_utf8_with_a_final_newline(tmp_path):
    path = tmp_path / "l.json"
    cv.save(cv.Lattice([cv.Marker(name="Strahlführung")], name="β"), path)
    raw = path.read_bytes()
    assert "Strahlführung".encode() in raw
    assert raw.endswith(b"}\n")
    assert b"\r" not in raw
    path.write_bytes(b"\xef\xbb\xbf" + raw)  # as some editors write it
    assert cv.load(path).name == "β"


# -------------------------------------------------------------------- files by hand


def load(tmp_path: Path, text: str) -> cv.Lattice:
    path = tmp_path / "hand.json"
    path.write_text(text, encoding="utf-8")
    return cv.load(path, format="json")


def test_short_forms_by_hand(tmp_path):
    lattice = load(
        tmp_path,
        HEADER + ', "elements": {"d": {"kind": "drift", "length": 1}, "unused": {"kind": "Marker"}},'
        '"line": ["d", {"kind": "RCollimator", "x_limit": 2, "tracking_method": "bmad_standard"},'
        '{"kind": "Quadrupole", "k1": {"$array": [1, 2]}, "hkick": [[1, 2], [3, 4]]}]}',
    )
    assert lattice[0] == cv.Drift(name="d", length=1.0)
    assert lattice[1] == cv.RCollimator(x1_limit=2.0, x2_limit=2.0, tracking_method="bmad_standard")
    assert isinstance(lattice[0].length, float)
    np.testing.assert_array_equal(lattice[2].k1, np.array([1.0, 2.0]))
    assert lattice[2].hkick.shape == (2, 2)
    assert (lattice.geometry, lattice.name, lattice.reference, lattice.beginning) == ("open", "", None, {})


def lines(content: str) -> str:
    """A file with a line of one drift with this among its members."""
    return HEADER + ',\n"line": [\n  ' + content + "\n]}"


def drift(content: str) -> str:
    return lines('{"kind": "Drift",\n   ' + content + "}")


def reference(content: str) -> str:
    return HEADER + ',\n"reference": {' + content + '},\n"line": [{"kind": "Drift"}]}'


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("¦", "no JSON"),
        ("{\n ¦'a': 1}", "no JSON"),
        (HEADER + ', "line": ["d"]¦', "no JSON"),
        ("¦[1]", "JSON object, not a list"),
        ('{¦"caraval": 1}', "version"),
        ('{¦"caraval": {"version": 2}}', "reads version 1 .*is 2"),
        ('{¦"caraval": {"version": true}}', "is true"),
        ('{¦"caraval": {}}', "version"),
        ('{"caraval": {"version": 1, ¦"by": "me"}}', "no 'by'"),
        ('¦{"line": []}', "no lattice of Caraval"),
        (HEADER + ', ¦"lines": []}', "no 'lines'; did you mean 'line'"),
        ("¦" + HEADER + "}", "no 'line'"),
        (HEADER + ', ¦"line": []}', "at least one"),
        (HEADER + ', ¦"line": {}}', "a list, not a dict"),
        (HEADER + ', ¦"elements": []}', "object"),
        (HEADER + ', ¦"name": 3, "line": [{"kind": "Drift"}]}', "text, not 3"),
        (HEADER + ', ¦"geometry": "round", "line": [{"kind": "Drift"}]}', 'closed", not "round"'),
        (HEADER + ', ¦"beginning": [], "line": [{"kind": "Drift"}]}', "object"),
        (HEADER + ', "line": ["d", ¦"q"], "elements": {"d": {"kind": "Drift"}, "qq": {"kind": "Marker"}}}', "mean 'qq'"),
        (HEADER + ',\n"elements": {"a": {"kind": "Drift"},\n  ¦"a": {"kind": "Drift"}}}', "'a' is there twice"),
        (lines("¦3"), "an object, .* not 3"),
        (lines('¦{"length": 1}'), "does not say its kind"),
        (lines('{¦"kind": "Dritf"}'), "did you mean 'Drift'.*plugin"),
        (lines('{¦"kind": 4}'), "text"),
        (lines('¦{"kind": "LCavity", "n_rf_steps": -1}'), "n_rf_steps must be"),
        (lines('{"kind": "Drift", "metadata": {"a": [[], {}, "]"]}}, ¦{"kind": "Drift", "is_on": 1}'), "is_on must be one of"),
        (drift('¦"lenght": 1'), "Drift has no 'lenght'; did you mean 'length'"),
        (drift('¦"length": "1"'), 'length must be a number or an array, not "1"'),
        (drift('¦"length": true'), "not true"),
        (drift('¦"length": {"a": 1}'), "not a dict"),
        (drift('¦"length": ["1"]'), "nothing else"),
        (drift('¦"length": [true]'), "nothing else"),
        (drift('¦"length": [[1], [2, 3]]'), "no array"),
        (drift('"length": ¦NaN'), "finite"),
        (drift('"length": [1, ¦-Infinity]'), "finite"),
        (drift('"length": ¦1e999'), "finite"),
        (drift('¦"length": 1' + 400 * "0"), r"finite, not 1000*\.\.\."),
        (drift('¦"kind": "Drift"'), "'kind' is there twice"),
        (drift('¦"metadata": []'), "metadata"),
        (drift('¦"name": 5'), "text"),
        (drift('¦"tracking_method": 3'), "a tracking method is"),
        (drift('¦"tracking_method": {"order": 2}'), "does not say its name"),
        (drift('"tracking_method": {"name": "kick_drift_kick", ¦"odrer": 2}'), "did you mean 'order'"),
        (drift('"tracking_method": {"name": "linear", ¦"a": 2}'), "'linear' has no 'a'"),
        (drift('¦"tracking_method": {"name": "kick_drift_kick", "order": 3}'), "order must be 2, 4"),
        (drift('¦"tracking_method": {"name": "mine", "a": 2}'), "plugin .* missing"),
        (drift('"length": {"$array": [1], ¦"dtype": "float16"}'), "float16"),
        (drift('"length": {"$array": [1], ¦"dtype": ["float64"]}'), "not a list"),
        (drift('"length": {"$array": [1], ¦"backend": null}'), "not null"),
        (drift('"length": {"$array": [1], ¦"type": "float32"}'), "no 'type'"),
        (drift('"length": {¦"$array": [1e300], "dtype": "float32"}'), "cannot hold"),
        (drift('"length": {¦"$array": [1.5], "dtype": "int64"}'), "nothing else"),
        (drift('"length": {¦"$array": [4294967296], "dtype": "int32"}'), "no array of int32"),
        (drift('¦"length": {"$array": [1], "backend": "torhc"}'), "did you mean 'torch'"),
        (drift('¦"length": {"$array": [1], "shape": [2]}'), "reshape"),
        (drift('"metadata": {"a": {¦"$tuple": 1}}'), "list"),
        (drift('"metadata": {"a": {"$tuple": [], ¦"b": 1}}'), "no 'b'"),
        (drift('"metadata": {¦"a": {"$mapping": [[1]]}}'), "pairs"),
        (drift('"metadata": {¦"a": {"$mapping": ["ab"]}}'), "pairs"),
        (drift('"metadata": {¦"a": {"$mapping": [[[], 1]]}}'), "pairs"),
        (reference('"species": "electron"').replace('"reference"', '¦"reference"'), "p0c"),
        (reference('"species": "electron", "p0c": -1').replace('"reference"', '¦"reference"'), "positive"),
        (reference('¦"species": "elektron", "p0c": 1'), "did you mean 'electron'"),
        (reference('"species": "electron", ¦"p0c": "1"'), "p0c must be a number"),
        (reference('"species": "electron", "p0c": 1, ¦"energy": 1'), "no 'energy'"),
        (reference('¦"species": {"name": "x", "mass": 1}, "p0c": 1'), "name, mass and charge"),
        (reference('"species": {"name": "x", "mass": 1, ¦"charge": "1"}, "p0c": 1'), "charge must be a number"),
        (
            reference('"species": {"name": "x", "mass": -1, "charge": 1}, "p0c": 1').replace('"reference"', '¦"reference"'),
            "mass",
        ),
    ],
)
def test_errors_say_where(tmp_path, marked, said):
    """The sign ¦ marks the place that the error must name."""
    before, _, after = marked.partition("¦")
    with pytest.raises(LatticeError, match=said) as caught:
        load(tmp_path, before + after)
    place = (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value).startswith(f"{tmp_path / 'hand.json'}:{place[0]}:{place[1]}: ")


@pytest.mark.parametrize("text", [HEADER + ', "line": ' + 100_000 * "[", HEADER + ', "line": [' + 5000 * "1" + "]}"])
def test_what_the_parser_cannot_take_is_an_error_of_the_file(tmp_path, text):
    with pytest.raises(LatticeError, match=r"hand\.json"):
        load(tmp_path, text)


def test_bytes_that_are_no_text_are_an_error_with_the_line(tmp_path):
    path = tmp_path / "l.json"
    path.write_bytes(HEADER.encode() + b',\n"name": "\xff"}')
    with pytest.raises(LatticeError, match="UTF-8") as caught:
        cv.load(path)
    assert caught.value.line == 2


def test_line_and_branch_are_the_lattice_itself(tmp_path, fodo):
    path = tmp_path / "l.json"
    cv.save(fodo, path)
    for options in ({}, {"line": "fodo"}, {"branch": 0}, {"branch": "fodo"}):
        assert cv.load(path, **options) == fodo
    for options in ({"line": "ring"}, {"branch": 1}, {"branch": "ring"}):
        with pytest.raises(LatticeError, match="only the one line 'fodo'"):
            cv.load(path, **options)


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        ('{"caraval": {"version": 1}}', True),
        ('{\n  "beginning": {},\n  "caraval" :\n {"version"', True),
        ('{"version": "cheetah-0.7", "title": "caraval", "elements": {}}', False),
        ("", False),
    ],
)
def test_files_are_known_by_their_header(head, ours):
    assert own.recognises(head) is ours


# -------------------------------------------------------------------- plugins


class PlasmaLens(cv.Element):
    k1l: cv.Parameter = 0.0
    turns: int = 1
    table: Any = None


@dataclass(frozen=True)
class Wakeful(cv.TrackingMethod):
    name: ClassVar[str] = "wakeful"  # type: ignore[misc]
    bins: int = 10
    edges: tuple[float, ...] = (0.0, 1.0)


class Plasma:
    @staticmethod
    @cv.hookimpl
    def register_elements() -> list[type[cv.Element]]:
        return [PlasmaLens]


def test_kinds_and_methods_of_plugins_survive_and_are_missed(tmp_path):
    lens = PlasmaLens(name="lens", k1l=2.0, turns=3, table=(1, "a"), tracking_method=Wakeful(edges=(0.5, 0.25)))
    register_plugin(Plasma, "plasma")
    try:
        assert_survives(cv.Lattice([lens, PlasmaLens(), cv.Drift()]), tmp_path)
    finally:
        unregister_plugin("plasma")
    assert json.loads((tmp_path / "lattice.json").read_text())["plugins"] == {"PlasmaLens": "plasma"}
    with pytest.raises(LatticeError, match=r"lattice\.json:\d+:\d+: .*'PlasmaLens'.*plugin 'plasma'"):
        cv.load(tmp_path / "lattice.json")
    with pytest.raises(LatticeError, match="'PlasmaLens' is not registered"):
        own.text(cv.Lattice([lens]))


# -------------------------------------------------------------------- what cannot be written


class Wire:
    pass


class Count(int):
    pass


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (cv.Drift(name="d", metadata={"a": {"b": Wire()}}), r"Drift 'd': metadata: a: b: a Wire cannot be written"),
        (cv.Drift(name="d", metadata={"a": [math.nan]}), r"Drift 'd': metadata: a must be finite, not nan"),
        (cv.Drift(name="d", metadata={"a": np.array([math.inf, 1.0])}), "a must be finite; 1 of its values"),
        (cv.Drift(name="d", metadata={"a": np.array(["x"])}), "none of float64"),
        (cv.Drift(name="d", metadata={"a": Count(3)}), "a Count cannot be written"),
        (cv.Drift(name="d", metadata={"a": 1j}), "a complex cannot be written"),
    ],
)
def test_what_no_file_can_hold_is_an_error_that_names_it(tmp_path, element, said):
    with pytest.raises(LatticeError, match=said):
        cv.save(cv.Lattice([element]), tmp_path / "l.json")
    assert list(tmp_path.iterdir()) == []


def test_values_that_are_not_finite_are_not_written(differentiable, array):
    with pytest.raises(LatticeError, match="k1 must be finite; 1 of its values are not"):
        own.text(cv.Lattice([cv.Quadrupole(k1=array([1.0, math.nan], differentiable))]))


def test_values_that_a_trace_hides_are_not_written():
    jax = pytest.importorskip("jax")

    def write(k1: Any) -> Any:
        with pytest.raises(LatticeError, match="a trace hides its values"):
            own.text(cv.Lattice([cv.Quadrupole(name="q", k1=k1)]))
        return k1

    jax.jit(write)(1.0)


def test_a_class_that_only_has_the_name_of_a_kind_is_not_written():
    impostor = type("Drift", (cv.Element,), {"__module__": __name__})
    with pytest.raises(LatticeError, match="'Drift' is not registered"):
        own.text(cv.Lattice([impostor()]))
