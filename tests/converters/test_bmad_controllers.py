"""Elements of Bmad's lattice files that control others: overlays, groups, girders."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin, tan
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator

import caraval as cv

Load = Callable[[str], cv.Lattice]

LINE = """
    d: drift, l = 1
    q1: quadrupole, l = 0.5, k1 = 3
    q2: quadrupole, l = 0.25
    b: sbend, l = 2, angle = 0.1
    l: line = (q1, d, q2, d, b, q1)
    use, l
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text, perhaps before the line."""

    def load(text: str) -> cv.Lattice:
        path = tmp_path / "lattice.bmad"
        path.write_text(text if "use," in text else f"{LINE}{text}")
        return cv.load(path, format="bmad")

    return load


# -------------------------------------------------------------------- overlays


@pytest.mark.parametrize(
    ("text", "k1"),
    [
        ("o: overlay = {q1[k1]: 2*a - b^2}, var = {a, b}, a = 5, b = 2", 6.0),
        ("o: overlay = {q1[k1]: 2*a}, var = {a}\no[a] = 4", 8.0),
        ("o: overlay = {q1: 2*k1}, var = {k1}, k1 = 4", 8.0),  # the attribute is called as the variable
        ("o: overlay = {q1[k1]: 0.5}, var = {a}, a = 4", 2.0),  # a constant is a coefficient
        ("o: overlay = {q1[k1]}, var = {a}, a = 4", 4.0),
        ("o: overlay = {q1[k1]}, var = {a}", 0.0),  # whatever the element says
        ("o: overlay = {q1[*]}, var = {k1, tilt}, k1 = 4", 4.0),
        ("o: overlay = {q1: 0.5}, k1 = 4", 2.0),  # the former syntax
        ("o: overlay = {q1/0.5}, k1 = 4", 2.0),
        ("o: overlay = {d[l]: 0.5, q1}, k1 = 4", 4.0),
        ("x = 2\no: overlay = {q1[k1]: x*a}, var = {a}, a = 4\nredef: x = 3", 12.0),  # as it is in the end
        ("o: overlay = {q1[k1]: q1[l]*a}, var = {a}, a = 4\nq1[l] = 7", 28.0),
        ("o: overlay = {q1[k1]: e[l]*x*a}, var = {a}, a = 4\nx = 2\ne: drift, l = 3", 24.0),  # defined later
        ("expand_lattice\no: overlay = {q1[k1]: d[l]*a}, var = {a}, a = 4\nd[l] = 3", 4.0),  # which is expanded already
        ("o: overlay = {q1[k1]: a}, var = {a}, a = 4, is_on = F", 3.0),
        ("o: overlay = {q1[k1]: a, &\n  q2[k1]: -a}, ! a comment\n var = {a}, a = 4", 4.0),
        ("o: overlay = {q1[k1]: a}, var = {a}, a = 4; p: overlay = {quad::*[k1]: 10*a}, var = {a}, a = 1", 14.0),
        ("o: overlay = {q1[k1]: a}, var = {a}; p: overlay = {o[a]: 3*c}, var = {c}, c = 2", 6.0),
        ("p: overlay = {o[a]: 3*c}, var = {c}, c = 2; o: overlay = {q1[k1]: a}, var = {a}", 6.0),
        ("o: overlay = {q1[b1_gradient], q%[k1]: a}, var = {a}, a = 4, gang = T\no[is_on] = F", 3.0),
        ("e: quadrupole; o: overlay = {q1[k1]: a, e[k1]: a}, var = {a}, a = 4", 4.0),  # e is in no line
        ("e: quadrupole; o: overlay = {e[k1]: 1/a}, var = {a}", 3.0),  # e is in no line
        ("r: ramper = {*[k1]: 1e-3*ran_gauss()}, var = {}", 3.0),
    ],
)
def test_overlays(load: Load, text: str, k1: float) -> None:
    assert load(text)["q1"].k1 == k1


def test_one_of_several(load: Load) -> None:
    lattice = load("o: overlay = {q1##2[k1]: a, l>>q2[tilt]: a}, var = {a}, a = 4")
    assert [element.k1 for element in lattice.elements if element.name == "q1"] == [3.0, 4.0]
    assert lattice["q2"].tilt == 4.0


def test_several_attributes_and_limits(load: Load) -> None:
    lattice = load("o: overlay = {q1[x_limit]: a, q*[aperture]: a/2}, var = {a}, a = 2")
    assert (lattice["q1##1"].x1_limit, lattice["q1##1"].x2_limit, lattice["q1##1"].y1_limit) == (3.0, 3.0, 1.0)


def test_parameters_of_the_lattice(load: Load) -> None:
    lattice = load("parameter[p0c] = 5e9; o: overlay = {beginning[e_tot]: 1e9*a, parameter[n_part]: a}, var = {a}, a = 2")
    assert lattice.reference.energy == pytest.approx(2e9, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "length", "angle"),
    [
        ("o: overlay = {b[g]: 0.1*a + tan(b)}, var = {a, b}, a = 1, b = 0.3", 2.0, 2 * (0.1 + tan(0.3))),
        ("o: overlay = {b[angle]: a}, var = {a}, a = 1", 2.0, 1.0),
        ("o: overlay = {b[rho]: a}, var = {a}, a = 4", 2.0, 0.5),
        ("o: overlay = {b[l]: a}, var = {a}, a = 4", 4.0, 0.2),  # the curvature stays
        ("g: group = {b[angle]: a}, var = {a}, a = 1", 2.0, 1.1),
        ("expand_lattice\nb[angle] = b[g]", 2.0, 0.05),
        ("expand_lattice\nb[g] = b[angle]", 2.0, 0.2),
    ],
)
def test_bends(load: Load, text: str, length: float, angle: float) -> None:
    bend = load(text)["b"]
    assert bend.length == pytest.approx(length, rel=1e-15)
    assert bend.angle == pytest.approx(angle, rel=1e-15)


def test_rectangular_bends_are_sectors_once_they_are_expanded(load: Load) -> None:
    text = "r: rbend, l_arc = 2, angle = 0.4, e1 = 0.1; k: line = (r); use, k; expand_lattice\n"
    assert load(text)["r"].e1 == pytest.approx(0.3)
    assert load(text + "r[e1] = 0.1")["r"].e1 == pytest.approx(0.1)
    assert load(text + "r[l] = 1")["r"].angle == pytest.approx(0.2)


def test_cavities(load: Load) -> None:
    text = "c: lcavity, l = 2, gradient = 1e6, rf_frequency = 1e9; k: line = (c); use, k\n"
    assert load(text + "expand_lattice; c[voltage] = c[voltage] + 1e6")["c"].voltage == 3e6
    assert load(text + "g: group = {c[gradient]: a}, var = {a}, a = 1e6")["c"].voltage == 4e6


def test_components_of_tables(load: Load) -> None:
    text = "c: ac_kicker, l = 1, frequencies = {(1e6, 1, 0), (2e6, 3, 0)}; k: line = (c); use, k\n"
    lattice = load(text + "c[frequencies(2)%amp] = 2*c[frequencies(2)%amp]; c[frequencies(1)%phi] = 0.5")
    assert lattice["c"].frequencies == ((1e6, 1.0, 0.5), (2e6, 6.0, 0.0))


# -------------------------------------------------------------------- knots

X, Y = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [-2.0, 0.0, 0.5, 4.0, 6.0, 8.5]


@pytest.mark.parametrize("at", [-2.5, -2.0, -1.3, 0.1, 2.0, 2.9, 3.0, 3.5])
def test_knots(load: Load, at: float) -> None:
    knots = "{q1[k1]: {-2, 0, 1/2, 4, 6, 8.5}, q2[k1]}, var = {t}, x_knot = {-2, -1, 0, 1, 2, 3}"
    cubic = load(f"o: overlay = {knots}, t = {at}")
    expected = Akima1DInterpolator(X, Y)(at, extrapolate=True)
    assert cubic["q1##1"].k1 == pytest.approx(expected, rel=1e-12)
    assert cubic["q2"].k1 == cubic["q1##1"].k1
    linear = load(f"o: overlay = {knots}, t = {at}, interpolation = linear")
    i = int(np.clip(np.searchsorted(X, at) - 1, 0, len(X) - 2))
    assert linear["q2"].k1 == pytest.approx(Y[i] + (Y[i + 1] - Y[i]) * (at - X[i]), rel=1e-12)


def test_knots_can_be_set_and_controlled(load: Load) -> None:
    knots = (
        "o: overlay = {q1[k1]: {1, 2, 3}, q2[k1]: {5, 6, 7}}, var = {t}, x_knot = {0, 1, 2}, t = 1, interpolation = linear\n"
    )
    assert load(knots + "o[slave(1)%y_knot(2)] = 9; o[x_knot(2)] = 0.5")["q1##1"].k1 == 9 + (3 - 9) / 3
    assert load(knots + "p: overlay = {o[slave(2)%y_knot(2)]: a}, var = {a}, a = 4")["q2"].k1 == 4.0


# -------------------------------------------------------------------- groups


@pytest.mark.parametrize(
    ("text", "k1"),
    [
        ("g: group = {q1[k1]: 0.1*a^2}, var = {a}, a = 2, old_a = 1", 3.3),
        ("g: group = {q1[k1]: 0.1*a^2}, var = {a}, a = 2", 3.4),
        ("g: group = {q1[k1]: 1 + a}, var = {a}", 3.0),  # no change
        ("g: group = {q1[k1]: a/sin(b)}, var = {a, b}", 3.0),  # nor is it asked what it would be
        ("g: group = {o[a]: c}, var = {c}; p: overlay = {g[c]: d}, var = {d}, d = 2; o: overlay = {q1[k1]: a}, var = {a}", 2.0),
        ("g: group = {q1}, k1 = 2", 5.0),  # the former syntax
        ("g: group = {q1}, k1\ng[command] = 2", 5.0),
        ("g: group = {q1[k1]: a}, var = {a}, a = 1, is_on = F", 3.0),
        ("g: group = {q1[k1]: a}, var = {a}, a = 1\nexpand_lattice\nq1[k1] = 7", 7.0),
        ("g: group = {q1[k1]: a}, var = {a}, a = 1\nexpand_lattice\ng[a] = 5", 8.0),
        ("expand_lattice\ng: group = {q1[k1]: a}, var = {a}, a = 1", 4.0),
        ("g: group = {q1[k1]: a}, var = {a}, a = 1; h: group = {q1[k1]: -3*a}, var = {a}, a = 2", -2.0),
        ("g: group = {o[a]: c}, var = {c}, c = 1; o: overlay = {q1[k1]: a}, var = {a}, a = 1", 2.0),
    ],
)
def test_groups(load: Load, text: str, k1: float) -> None:
    assert load(text)["q1##1"].k1 == pytest.approx(k1, rel=1e-15)


@pytest.mark.parametrize(
    ("edge", "lengths"),
    [
        ("start_edge", [1.1, 0.15, 1.0]),
        ("end_edge", [1.0, 0.35, 0.9]),
        ("accordion_edge", [0.9, 0.45, 0.9]),
        ("s_position", [1.1, 0.25, 0.9]),
        ("l", [1.0, 0.35, 1.0]),
    ],
)
def test_edges(load: Load, edge: str, lengths: list[float]) -> None:
    lattice = load(f"g: group = {{q2[{edge}]: a}}, var = {{a}}, a = 0.1")
    assert [element.length for element in lattice.elements[1:4]] == pytest.approx(lengths)


# -------------------------------------------------------------------- girders

STRAIGHT = """
    parameter[geometry] = open
    a: quadrupole, l = 2
    b: quadrupole, l = 4, x_offset = 0.02, x_pitch = 0.01
    d: drift, l = 8
    m: marker
    l: line = (a, d, m, b, d, a)
    use, l
"""


def test_a_girder(load: Load) -> None:
    lattice = load(STRAIGHT + "g: girder = {a, b}, x_pitch = 0.002, x_offset = 0.03")
    first, second, third = (element for element in lattice.elements if element.kind == "Quadrupole")
    assert (first.x_pitch, second.x_pitch, third.x_pitch) == pytest.approx((0.002, 0.012, 0.0))
    assert first.x_offset == pytest.approx(0.03 - 6 * 0.002, abs=1e-7)
    assert second.x_offset == pytest.approx(0.02 + 0.03 + 5 * 0.002, abs=1e-6)
    assert third.x_offset == 0.0


@pytest.mark.parametrize("listed", ["a:b", "a, d, b", "quad::a, b", "k", "a, m, b", "*"])
def test_ways_to_list(load: Load, listed: str) -> None:
    text = f"{STRAIGHT} k: line = (a, d, b)\n g: girder = {{{listed}}}, tilt = 0.2"
    assert load(text)["a##1"].tilt == pytest.approx(0.2)


@pytest.mark.parametrize("listed", ["b, b", "d, d, a", "b, m, a"])
def test_lists_that_fit_nowhere(load: Load, listed: str) -> None:
    assert load(f"{STRAIGHT} g: girder = {{{listed}}}, tilt = 0.2")["a##1"].tilt == 0.0


@pytest.mark.parametrize(
    ("said", "centre"),
    [
        ("", 7.0),
        ("origin_ele = b", 12.0),
        ("origin_ele = b, origin_ele_ref_pt = exit_end", 14.0),
        ("origin_ele = global_coordinates", 0.0),
        ("dz_origin = 1", 8.0),
        ("origin_ele = m, dz_origin = -1", 9.0),
    ],
)
def test_origins(load: Load, said: str, centre: float) -> None:
    lattice = load(f"{STRAIGHT} g: girder = {{a, b}}, x_pitch = 1e-5{', ' if said else ''}{said}")
    assert lattice["a##1"].x_offset == pytest.approx((1 - centre) * 1e-5, abs=1e-12)


def test_girders_on_girders(load: Load) -> None:
    lattice = load(STRAIGHT + "g: girder = {a, b}, tilt = 0.1; h: girder = {g}, tilt = 0.2, y_offset = 1")
    assert lattice["a##1"].tilt == pytest.approx(0.3)
    assert lattice["a##1"].y_offset == pytest.approx(1.0)


@pytest.mark.parametrize("off", ["is_on = F", "x_offset = 0"])
def test_a_girder_that_does_nothing(load: Load, off: str) -> None:
    assert load(f"{STRAIGHT} g: girder = {{a, b}}, tilt = {0.1 if 'is_on' in off else 0}, {off}")["a##1"].tilt == 0.0


def test_overlays_move_girders(load: Load) -> None:
    lattice = load(STRAIGHT + "g: girder = {a, b}; o: overlay = {g[tilt]: pi*t}, var = {t}, t = 0.1")
    assert lattice["a##1"].tilt == pytest.approx(pi / 10)


def test_bends_on_girders(load: Load) -> None:
    """Turned about the floor's vertical axis, the bend and the magnet behind it move along circles about the origin."""
    text = "b: sbend, l = 1, angle = 0.3; q: quadrupole, l = 1; l: line = (b, q); use, l\n"
    lattice = load(text + "g: girder = {b, q}, x_pitch = 0.01, origin_ele = global_coordinates")
    assert lattice["q"].x_pitch == pytest.approx(0.01)
    assert lattice["b"].x_pitch == 0.0  # Bmad's particles do not feel it
    radius, half = 1 / 0.3, 0.15
    center = np.array([radius * (cos(half) - 1), radius * sin(half)])  # x and z on the floor
    turned = np.array([[cos(0.01), sin(0.01)], [-sin(0.01), cos(0.01)]]) @ center
    across, along = np.array([[cos(half), sin(half)], [-sin(half), cos(half)]]) @ (turned - center)
    assert (lattice["b"].x_offset, lattice["b"].z_offset) == pytest.approx((across, along), abs=1e-15)


def test_what_is_kept_of_controllers(load: Load) -> None:
    lattice = load("o: overlay = {q1[k1]: 2*a}, var = {a}, a = 4; r: ramper = {*[k1]: {1, 2}}, var = {t}, x_knot = {0, 1}")
    assert lattice.metadata["controllers"]["o"] == {"class": "overlay", "controls": ["q1[k1]: 2*a"], "a": 4.0}
    assert lattice.metadata["controllers"]["r"]["controls"] == ["*[k1]: {1, 2}"]
    assert [loss.element for loss in lattice.losses] == ["r"]
