"""Field maps in Bmad's files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.converters.bmad.definitions import Element, Setting
from caraval.converters.bmad.expressions import Structure
from caraval.converters.bmad.field_maps import taken
from caraval.converters.bmad.maptext import tree
from caraval.converters.bmad.positions import Place
from caraval.core.errors import LatticeError
from caraval.physics.wiggler import Wiggler


def read(folder: Path, definition: str, *after: str) -> Any:
    path = folder / "line.bmad"
    path.write_text("\n".join(["parameter[p0c] = 1e9", f"ele: {definition}", *after, "l: line = (ele)", "use, l", ""]))
    return cv.load(path)["ele"]


TERMS = "term(1) = {0.8, 3, 5, 4, 0.1}, term(2) = {-0.2, 3, 4, 5, 0.3}, term(03) = {0.1, 5, 3, 4, 0}"

CARTESIAN = """cartesian_map = {
    field_scale = 2, master_parameter = k1, r0 = (0, 1e-3, 0.1), ele_anchor_pt = center, ! a comment
    term = {0.8, 3, 5, 4, 0.2, 0.1, 2, x}, &
    term = {1e-1, 3, 5, 4, 0, 0, -2d0, QU}, field_type = magnetic }"""

GRADIENTS = """gen_gradients = {dz = 0.1, g_ref = 0.37,
    curve = {kind = b, n = 1, derivs = {-0.1: 0.5 0.1 -0.2, 0: 0.4 0.05 -0.1}},
    curve = {kind = A, n = 2, derivs = {-0.1 : 0.3, 0 : 0.2}} }"""


def test_terms_of_old_wigglers_have_the_amplitude_of_the_vertical_field(tmp_path: Path) -> None:
    wiggler = read(tmp_path, f"wiggler, l = 1, polarity = -1, tracking_method = runge_kutta, {TERMS}")
    (found,) = wiggler.field_maps
    assert found["master_parameter"] == "polarity"
    assert found["terms"] == (
        (0.8, 3.0, 5.0, 4.0, 0.0, 0.0, 0.1, "y"),
        (-0.25, 3.0, 4.0, 5.0, 0.0, 0.0, 0.3, "y"),
        (pytest.approx(0.5 / 3), 5.0, 3.0, 4.0, 0.0, 0.0, 0.0, "y"),
    )


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("symp_lie_bmad, num_steps = 7", cv.KickDriftKick(num_steps=7, split="matrix", paraxial=True)),
        ("symp_lie_ptc, num_steps = 7", cv.KickDriftKick(num_steps=7, split="matrix")),
        ("taylor, num_steps = 7", cv.KickDriftKick(num_steps=7, split="matrix")),
        ("runge_kutta, num_steps = 7", cv.RungeKutta()),
        ("time_runge_kutta", cv.RungeKutta()),
        ("fixed_step_runge_kutta, num_steps = 7", cv.RungeKutta(order=5, num_steps=7)),
        ("fixed_step_runge_kutta, ds_step = 0.1", cv.RungeKutta(order=5, ds_step=0.1)),
    ],
)
def test_methods_that_go_through_maps(method: str, expected: cv.TrackingMethod, tmp_path: Path) -> None:
    wiggler = read(tmp_path, f"wiggler, l = 1, tracking_method = {method}, {TERMS}")
    assert isinstance(wiggler, Wiggler)
    assert wiggler.tracking_method == expected
    assert len(wiggler.field_maps) == 1


def test_a_taylor_map_made_by_integration_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "line.bmad"
    path.write_text(f"parameter[p0c] = 1e9\nw: wiggler, l = 1, tracking_method = taylor, {TERMS}\nl: line = (w)\nuse, l\n")
    (loss,) = cv.load(path).losses
    assert (loss.element, loss.attribute, loss.value, loss.is_physics) == ("w", "tracking_method", "taylor", False)


def test_cartesian_maps(tmp_path: Path) -> None:
    fieldmap = "field_calc = fieldmap, tracking_method = runge_kutta"
    quadrupole = read(
        tmp_path, f"quadrupole, l = 1, k1 = 0.4, {fieldmap}, {CARTESIAN}", "ele[cartesian_map(1)%field_scale] = 3"
    )
    (found,) = quadrupole.field_maps
    assert found == {
        "kind": "cartesian_map", "field_scale": 3.0, "master_parameter": "k1", "r0": (0.0, 1e-3, 0.1),
        "ele_anchor_pt": "center", "field_type": "magnetic",
        "terms": ((0.8, 3.0, 5.0, 4.0, 0.2, 0.1, 2.0, "x"), (0.1, 3.0, 5.0, 4.0, 0.0, 0.0, -2.0, "qu")),
    }  # fmt: skip


def test_generalised_gradients(tmp_path: Path) -> None:
    region = read(tmp_path, f"em_field, l = 0.1, field_calc = fieldmap, tracking_method = runge_kutta, {GRADIENTS}")
    (found,) = region.field_maps
    assert found == {
        "kind": "gen_gradients", "dz": 0.1, "g_ref": 0.37,
        "curves": (
            {"kind": "b", "n": 1, "derivs": ((-0.1, 0.5, 0.1, -0.2), (0.0, 0.4, 0.05, -0.1))},
            {"kind": "a", "n": 2, "derivs": ((-0.1, 0.3), (0.0, 0.2))},
        ),
    }  # fmt: skip


@pytest.mark.parametrize("method", ["bmad_standard", "linear"])
def test_maps_that_do_not_count_are_kept(method: str, tmp_path: Path) -> None:
    quadrupole = read(tmp_path, f"quadrupole, l = 1, k1 = 0.4, tracking_method = {method}, field_calc = fieldmap, {CARTESIAN}")
    assert quadrupole.field_maps == ()
    assert quadrupole.metadata["cartesian_map"].startswith("{")


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("cartesian_map = {term = {1, 3, 5, 4, 0, 0, 0}}", "family"),
        ("cartesian_map = {term = {1, 3, 5, 4, 0, 0, 0, w}}", "with a family of x, y, qu, sq"),
        ("cartesian_map = {term = {1, 3, 5, 6, 0, 0, 0, y}}", "the square of one of kx, ky, kz"),
        ("cartesian_map = {term = {1, 3, 5, {4}, 0, 0, 0, y}}", "numbers are needed in a field map"),
        ("cartesian_map = {color = 3}", "cartesian_map has nothing called 'color'"),
        ("cartesian_map = {master_parameter = k7, term = {1, 3, 5, 4, 0, 0, 0, y}}", "master_parameter must be a parameter"),
        ("cartesian_map = {field_scale = 1e, term = {1, 3, 5, 4, 0, 0, 0, y}}", "'1e' in a field map is no number"),
        ("gen_gradients = {dz = 0.1, curve = {kind = b, n = 1, derivs = {0: 0.5}}}", "two planes or more"),
        ("gen_gradients = {dz = 0.1, curve = {kind = b, n = 1, derivs = {0, 0.5}}}", "a table of derivatives"),
        ("gen_gradients = {dz = 0.1, curve = {kind = b, n = 1.5, derivs = {0: 0.5, 0.1: 1}}}", "n must be a whole number"),
        ("gen_gradients = {dz = 0.1, curve = {kind = b, n = 1e999, derivs = {0: 0.5, 0.1: 1}}}", "n must be a whole number"),
        ("gen_gradients = {dz = 0.1, curve = {kind = b, n = x, derivs = {0: 0.5, 0.1: 1}}}", "n must be a whole number"),
        ("gen_gradients = {" + "curve = {" * 30 + "}" * 31, "nested more than 20 deep"),
        ("grid_field = {dz = 1}", r"field maps \(grid_field\) are not understood yet"),
        (
            "cartesian_map = {term = {1, 3, 5, 4, 0, 0, 0, y}}, field_calc = soft_edge",
            "field_calc = soft_edge is not understood",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(definition: str, message: str, tmp_path: Path) -> None:
    calculated = "" if "field_calc" in definition else "field_calc = fieldmap, "
    with pytest.raises(LatticeError, match=rf"line.bmad:2:\d+: .*{message}"):
        read(tmp_path, f"quadrupole, l = 1, tracking_method = runge_kutta, {calculated}{definition}")


REGION = "em_field, l = 0.1, tracking_method = fixed_step_runge_kutta, num_steps = 4, field_calc = fieldmap"


PARTS = (
    "{", "}", "(", ")", "=", ",", ":", "1", "0.5", "-2e3", "kind", "b", "n", "a", "dz", "derivs", "curve", "term", "y", "qu",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["cartesian_map", "gen_gradients", "term(1)"])
@settings(deadline=None, max_examples=200)
@given(words=st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_words_are_a_map_or_refused(kind: str, words: list[str]) -> None:
    place = Place("line.bmad", 1, 1)
    said = Setting(Structure("{" + " ".join(words) + "}"), place)
    element = Element("e", "wiggler", place, {kind: said})
    with suppress(LatticeError, cv.InputError):
        maps = taken(element, Wiggler, dict(element.settings), cv.RungeKutta())
        Wiggler(length=1.0, field_maps=maps)


@given(st.text(alphabet="{}()=,|: a0.e-!&\n", max_size=60))
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    with suppress(LatticeError):
        tree("{" + text + "}", Place("line.bmad", 1, 1))


LINES = {
    "terms": f"wiggler, l = 1, polarity = 0.5, tracking_method = symp_lie_bmad, num_steps = 3, {TERMS}",
    "cartesian": f"quadrupole, l = 1, k1 = 0.4, field_calc = fieldmap, tracking_method = runge_kutta, {CARTESIAN}",
    "gradients": f"{REGION}, {GRADIENTS}",
}


@pytest.mark.parametrize("name", LINES)
def test_bmads_files_have_maps_again(name: str, tmp_path: Path) -> None:
    element = read(tmp_path, LINES[name])
    lattice = cv.Lattice([element], reference=cv.Reference("electron", 1e9))
    cv.save(lattice, tmp_path / "again.bmad")
    again = cv.load(tmp_path / "again.bmad")["ele"]
    assert again.field_maps == element.field_maps
    assert again.kind == element.kind
    assert type(again.tracking_method) is type(element.tracking_method)
    start = np.array([[1e-3, 2e-4, -1e-3, 1e-4, 1e-3, 1e-3]]).T
    found, expected = (
        np.array(cv.Lattice([e]).track(cv.ParticleBeam(*start, reference=lattice.reference)).coordinates)
        for e in (again, element)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("suffix", [".lte", ".madx"])
def test_languages_without_maps_refuse_them(suffix: str, tmp_path: Path) -> None:
    lattice = cv.Lattice([read(tmp_path, LINES["cartesian"])], reference=cv.Reference("electron", 1e9))
    with pytest.raises(LatticeError, match=r"field_maps|tracking_method"):
        cv.save(lattice, tmp_path / f"line{suffix}")
