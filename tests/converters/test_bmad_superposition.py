"""Superposition in Bmad's lattices: what lies where, what it is called, and what it does to particles.

Where the expected names and lengths are not those of examples in the Bmad manual ("Superposition"), Bmad has been seen to give
them for lattices of the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.converters.bmad.reader import read

Load = Callable[..., cv.Lattice]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, branch: str | int | None = None) -> cv.Lattice:
        path = tmp_path / "lattice.bmad"
        path.write_text(text)
        return read(path, branch=branch)

    return load


def lying(lattice: cv.Lattice) -> str:
    """Names and lengths of what has a length, names of the rest, without the marker at the end."""
    shown = [f"{e.name}={e.length:.10g}" if e.length else e.name for e in lattice.elements]
    assert shown.pop() == "end"
    return " ".join(shown)


def same(a: cv.Lattice, b: cv.Lattice, tolerance: float = 1e-15) -> None:
    """Two lattices do the same to particles."""
    incoming = cv.ParticleBeam(*np.random.default_rng(1).normal(0, 3e-3, (6, 8)), reference=a.reference)
    out = [np.array(lattice.track(incoming).coordinates) for lattice in (a, b)]
    assert np.abs(out[0] - np.array(incoming.coordinates)).max() > 1e-6
    np.testing.assert_allclose(*out, rtol=0, atol=tolerance)


# -------------------------------------------------------------------- where

DRIFT = "d: drift, l = 10; k: line = (d); use, k\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q: quadrupole, l = 4, superimpose, offset = 3", "d#1=1 q=4 d#2=5"),
        ("q: quadrupole, l = 4, superimpose, offset = 3, ele_origin = end", "q#2=3 d#1=6 q#1=1"),
        ("q: quadrupole, l = 4, superimpose, offset = 3, ele_origin = beg", "d#1=3 q=4 d#2=3"),
        ("q: quadrupole, l = 4, superimpose, offset = 3, ele_beginning", "d#1=3 q=4 d#2=3"),
        ("q: quadrupole, l = 4, superimpose, ref = d", "d#1=3 q=4 d#2=3"),
        ("q: quadrupole, l = 4, superimpose, ref = d, ref_origin = end, offset = -2", "d#1=6 q=4"),
        ("q: quadrupole, l = 4, superimpose, ref = end, offset = -2", "d#1=6 q=4"),
        ("q: quadrupole, l = 4, superimpose, ref = d, ref_beginning, offset = 2", "q=4 d#1=6"),
        ("q: quadrupole, l = 4, superimpose, offset = 1", "q#2=3 d#1=6 q#1=1"),
        ("q: quadrupole, l = 4, superimpose, offset = 9", "q#2=1 d#1=6 q#1=3"),
        ("q: quadrupole, l = 4, superimpose, offset = 1, wrap_superimpose = F", "q=4 d#1=7"),
        ("q: quadrupole, l = 4, superimpose, offset = 11, wrap_superimpose = F", "d#1=9 q=4"),
        ("q: quadrupole, l = 4\nsuperimpose, element = q, offset = 2\nsuperimpose, element = q, offset = 7",
         "q=4 d#1=1 q=4 d#2=1"),
        ("q: quadrupole, l = 2, superimpose, offset = 2\np: q, ref = d, offset = 2", "d#1=1 q=2 d#2=3 p=2 d#3=2"),
        ("q: quadrupole, l = 2, superimpose, offset = 5\np: pipe, l = 6, superimpose, offset = 5",
         "d#1=2 p#1=2 q\\p=2 p#2=2 d#2=2"),
        ("m: marker, superimpose, offset = 1\nn: marker, superimpose, offset = 1", "d#1=1 n m d#2=9"),
        ("m: marker, superimpose, offset = 1\nn: marker, superimpose, ref = m, ref_origin = end", "d#1=1 m n d#2=9"),
        ("m: marker, superimpose, offset = 1\nn: marker, superimpose, ref = m, ref_origin = beginning", "d#1=1 n m d#2=9"),
        ("m: marker, superimpose", "m d=10"),
        ("m: marker, superimpose, ref = d, ref_origin = end", "d=10 m"),
        ("n: null_ele, superimpose, offset = 4\nm: marker, superimpose, ref = n, offset = 1", "d#1=4 d#2=1 m d#3=5"),
        ("n: null_ele, superimpose, offset = 4\nq: pipe, l = 2, superimpose, offset = 4\nm: marker, superimpose, ref = n",
         "d#1=3 q#1=1 m q#2=1 d#2=5"),
        ("m: marker, superimpose, ref = n, offset = 1\nn: null_ele, superimpose, offset = 4", "d#1=4 d#2=6"),
        ("m: marker, superimpose, offset = 4\nm[superimpose] = F", "d=10"),
        ("m: marker\nm[superimpose] = T; m[offset] = 4", "d#1=4 m d#2=6"),
        ("no_superimpose\nm: marker, superimpose", "d=10"),
        ("m: marker, superimpose, ref = e; e: drift", "d=10"),
        ("m: marker, superimpose, ref = k>>d", "d#1=5 m d#2=5"),
        ("m: marker, superimpose, ref = 0>>d", "d#1=5 m d#2=5"),
        ("m: marker, superimpose, ref = other>>d", "d=10"),
    ],
)  # fmt: skip
def test_where_things_lie(load: Load, text: str, expected: str) -> None:
    assert lying(load(DRIFT + text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k: line = (q, d, q)\nm: marker, superimpose, ref = q", "q#1=1 m q#2=1 d=10 q#1=1 m q#2=1"),
        ("k: line = (q, d, q)\nm: marker, superimpose, ref = q##2", "q=2 d=10 q#1=1 m q#2=1"),
        ("k: line = (q, d, q)\nm: null_ele, superimpose, ref = quadrupole::*", "q#1=1 q#2=1 d=10 q#1=1 q#2=1"),
        ("k: line = (q, d, b)\nm: marker, superimpose, ref = %", "q#1=1 m q#2=1 d#1=5 m d#2=5 b#1=0.5 m b#2=0.5"),
        ("k: line = (q, d, q)\nm: marker, superimpose, ref = q##1:d, ref_origin = end", "q=2 m d=10 m q=2"),
        ("k: line = (q, d, q)\nm: marker, superimpose, ref = q##1+2", "q=2 d=10 q#1=1 m q#2=1"),
        ("k: line = (q, d, q)\nm: marker, superimpose, ref = 1", "q#1=1 m q#2=1 d=10 q=2"),
        ("k: line = (q, b, q)\nm: marker, superimpose, ref = q##1, offset = 2", "q=2 b=1 m q=2"),
        ("k: line = (q, d)\nm: marker, superimpose, ref = q, ref_origin = beginning, offset = 0.3\n"
         "n: marker, superimpose, ref = q, ref_origin = end, offset = 0.4", "q#1=0.3 m q#2=1.7 d#1=0.4 n d#2=9.6"),
        ("k: line = (q, d)\ns: solenoid, l = 8, superimpose, ref = q, ele_origin = beginning\n"
         "m: marker, superimpose, ref = s, offset = 1", "q#1=1 q\\s=1 s#1=4 m s#2=3 d#1=3"),
        ("k: line = (q, d, q)\ns: solenoid, l = 13, superimpose, ref = d\nm: marker, superimpose, ref = q",
         "q#1=0.5 q\\s#1=0.5 m q\\s#2=1 s#1=10 q\\s#1=1 m q\\s#2=0.5 q#1=0.5"),
        ("k: line = (d, q)\ns: solenoid, l = 2, superimpose, ref = d, ref_origin = end\n"
         "t: solenoid, l = 2, superimpose, ref = s, offset = 1", "d#1=9 s#1=1 q\\s\\t=1 q\\t=1"),
        ("k: line = (t1@j, t2@j); j: line = (q, d)\nm: marker, superimpose, ref = t2.q",
         "t1.q=2 t1.d=10 t2.q#1=1 m t2.q#2=1 t2.d=10"),
        ("k: line = (-j); j: line = (b, d)\np: pipe, l = 0.5, superimpose, ref = d, offset = -1,\n"
         "ref_origin = end, ele_origin = end", "d#1=1 p=0.5 d#2=8.5 b=1"),
        ("k: line = (--j); j: line = (b, d)\np: pipe, l = 0.5, superimpose, ref = d, offset = -1,\n"
         "ref_origin = end, ele_origin = end", "d#2=1 p=0.5 d#1=8.5 b=1"),
    ],
)  # fmt: skip
def test_upon_what_things_lie(load: Load, text: str, expected: str) -> None:
    elements = "parameter[geometry] = open\nd: drift, l = 10; q: quadrupole, l = 2; b: sbend, l = 1\nuse, k\n"
    assert lying(load(elements + text)) == expected


CENTIMETRES = st.integers(1, 99)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    below=st.lists(st.tuples(st.sampled_from(["drift", "quadrupole", "pipe", "marker"]), CENTIMETRES), min_size=1, max_size=6),
    above=st.lists(
        st.tuples(st.sampled_from(["quadrupole", "solenoid", "pipe"]), CENTIMETRES, st.integers(0, 600)), max_size=6
    ),
)
def test_everything_is_where_it_is_put(load: Load, below: list[tuple[str, int]], above: list[tuple[str, int, int]]) -> None:
    text, total = "parameter[geometry] = open\n", 100
    for number, (keyword, length) in enumerate(below):
        text += f"e{number}: {keyword}" + (f", l = {length} / 100\n" if keyword != "marker" else "\n")
        total += length * (keyword != "marker")
    text += f"z: drift, l = 1; k: line = ({', '.join(f'e{i}' for i in range(len(below)))}, z); use, k\n"
    wanted: dict[str, set[int]] = {}
    for number, (keyword, length, centre) in enumerate(above):
        text += f"s{number}: {keyword}, l = {length} / 100, superimpose, offset = {centre % total} / 100\n"
        wanted[f"s{number}"] = {(2 * (centre % total) + i) % (2 * total) for i in range(-length, length)}  # in half centimetres
    found: dict[str, set[int]] = {name: set() for name in wanted}
    position = 0.0
    for element in load(text).elements:
        here = range(round(200 * position), round(200 * (position + element.length)))
        for name in re.split(r"[\\#]", element.name):
            found.get(name, set()).update(here)
        position += element.length
    assert found == wanted
    assert position == pytest.approx(total / 100, abs=1e-9)


def test_a_reversed_line_has_reversed_elements_put_upon_it(load: Load) -> None:
    text = "d: drift, l = 2; q: quadrupole, l = 1, k1 = 3, superimpose, ref = d\nk: line = (--d); use, k"
    assert [element.orientation for element in load(text).elements[:3]] == [-1, -1, -1]


def test_other_branches(load: Load) -> None:
    text = """
        d: drift, l = 2; k: line = (d); j: line = (d); use, k, j
        m: marker, superimpose, offset = 0.5
        n: marker, superimpose, offset = 0.5, ref = j>>beginning
        o: marker, superimpose, ref = d
        """
    assert lying(load(text)) == "d#1=0.5 m d#2=0.5 o d#3=1"
    assert lying(load(text, branch="j")) == "d#1=0.5 n d#2=0.5 o d#3=1"


def test_names_have_forty_letters_at_most(load: Load) -> None:
    text = f"{30 * 'q'}: quadrupole, l = 2; {30 * 's'}: solenoid, l = 1, superimpose, ref = {30 * 'q'}\n"
    lattice = load(text + "m: marker, superimpose, ref = s*\n" + f"k: line = ({30 * 'q'}); use, k")
    shared = f"{30 * 'q'}\\{7 * 's'}"
    assert lattice.names == [f"{30 * 'q'}#1", f"{shared}#1", "m", f"{shared}#2", f"{30 * 'q'}#2", "end"]


def test_things_in_one_piece(load: Load) -> None:
    """Of a jumbo slave, the field is that of all together, which is integrated if at all."""
    lattice = load("""
        q: quadrupole, l = 4; d: drift, l = 12; k: line = (q, d); use, k
        s: solenoid, l = 8, superimpose, ref = q, ele_origin = beginning, create_jumbo_slave = T
        m: marker, superimpose, ref = s, offset = 3
        """)
    assert lying(lattice) == "q\\s#1=8 m q\\s#2=2 d#1=6"
    assert lattice.kinds[0] == "EMField"
    assert lattice.elements[0].metadata["descrip"] == "fields of q, s"


# -------------------------------------------------------------------- once the lattice is expanded


def test_slices_change_with_their_whole(load: Load) -> None:
    text = "q: quadrupole, l = 2, k1 = 1; k: line = (q, q); use, k\nm: marker, superimpose, ref = q\nexpand_lattice\n"
    lattice = load(text + "q##2[k1] = 3; x = q##2[k1]; d: drift, l = x")
    assert [e.k1 for e in lattice.elements if e.kind == "Quadrupole"] == [1, 1, 3, 3]


def test_superposition_after_the_lattice_is_expanded(load: Load) -> None:
    text = "d: drift, l = 2; k: line = (d, d); use, k\nm: marker, superimpose, offset = 1\nexpand_lattice\n"
    assert lying(load(text + "n: marker, superimpose, ref = m, offset = 2")) == "d#1=1 m d#2=1 d#1=1 n d#2=1"
    assert lying(load(text + "no_superimpose\nn: marker, superimpose")) == "d#1=1 m d#2=1 d=2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start_branch_at q", ["q", "d#2", "b", "d#1", "m", "end"]),
        ("start_branch_at q ! the quadrupole", ["q", "d#2", "b", "d#1", "m", "end"]),
        ("start_branch_at, move_end_marker q", ["q", "d#2", "b", "end", "d#1", "m"]),
        ("start_branch_at b\nn: marker, superimpose, ref = b", ["b#1", "n", "b#2", "d#1", "m", "q", "d#2", "end"]),
        ("start_branch_at b\nn: marker, superimpose, offset = 1.2", ["b", "d#1", "n", "d#2", "m", "q", "d#3", "end"]),
        ("start_branch_at q\nn: marker, superimpose, ref = d", ["q", "d#2", "b", "d#1", "m", "end"]),
    ],
)
def test_another_beginning(load: Load, text: str, expected: list[str]) -> None:
    lattice = load(f"""
        d: drift, l = 2; b: sbend, l = 1; k: line = (d, b); use, k
        m: marker, superimpose, offset = 1
        q: quadrupole, l = 0.5, superimpose, ref = m, ele_origin = beginning
        expand_lattice
        {text}
        """)
    assert lattice.names == expected


ROW = (
    "q: quadrupole, l = 1; p: q; r: q; b: sbend, l = 1; d: drift, l = 1\nk: line = (q, p, d, r, b, q); use, k\nexpand_lattice\n"
)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("q##2", [6]), ("2", [2]), ("1:2", [1, 2]), ("q##1:r", [1, 2, 3, 4]), ("r:p", [1, 2, 4, 6, 7]), ("p-1", [1]),
        ("b+1", [6]),
        ("quadrupole::2:4", [2, 4]), ("quad::*, ~q", [2, 4]), ("quad::*,~q, q##2", [2, 4, 6]),
        ("%, quad::1:3", [1, 2, 3, 4, 6]),
        ("q##1:b & r", [4]), ("0>>4", [4]), ("k>>p:r", [2, 3, 4]), ("quad::q##2-2:r+0", [4]), ("q+1", [2, 7]),
    ],
)  # fmt: skip
def test_lists_and_ranges(load: Load, selection: str, expected: list[int]) -> None:
    lattice = load(f"{ROW}{selection}[tilt] = 0.7")
    assert sorted(expected) == [place for place, e in enumerate(lattice.elements, 1) if getattr(e, "tilt", 0) == 0.7]


# -------------------------------------------------------------------- what it does

OPEN = "parameter[geometry] = open; parameter[particle] = electron; parameter[p0c] = 1e7\n"
CUT = [
    "quadrupole, l = 0.5, k1 = 3, tilt = 0.1, x_offset = 1e-3, y_pitch = 2e-3",
    "sbend, l = 0.5, angle = 0.2, e1 = 0.05, e2 = 0.1, k1 = 0.5, fint = 0.5, hgap = 0.02, roll = 0.02, x_pitch = 1e-3",
    "rbend, l = 0.5, angle = 0.2, fringe_type = full",
    "solenoid, l = 0.5, ks = 0.7, x_offset = 1e-3",
    "sol_quad, l = 0.5, ks = 0.7, k1 = 2",
    "lcavity, l = 0.5, gradient = 2e6, rf_frequency = 1e9, phi0 = 0.1",
    "pipe, l = 0.5, x_offset = 1e-3",
    "quadrupole, l = 0.5, b1_gradient = 0.1, fringe_type = full",
]


@pytest.mark.parametrize("element", CUT)
@pytest.mark.parametrize("offset", [0.1, 0.33])
def test_what_is_cut_does_what_it_did(load: Load, element: str, offset: float) -> None:
    text = f"{OPEN}q: {element}; k: line = (q); use, k\n"
    marker = f"m: marker, superimpose, ref = q, ref_origin = beginning, offset = {offset}"
    cut = load(text + marker)
    assert cut.names == ["q#1", "m", "q#2", "end"]
    same(cut, load(text), 3e-15)


@pytest.mark.parametrize("reversal", ["", "--"])
def test_reversed_bends_are_cut_at_the_right_place(load: Load, reversal: str) -> None:
    text = f"{OPEN}q: sbend, l = 1, angle = 0.2, e1 = 0.3; k: line = ({reversal}(q)); use, k\n"
    same(load(text + "m: marker, superimpose, ref = q, offset = 0.2"), load(text), 3e-15)


OCTUPOLES = 200 + 300 * np.exp(4j * 0.7)
"""Strengths of octupoles add up like this."""

TOGETHER = [
    ("quadrupole, l = 1, k1 = 2", "quadrupole, l = 1, k1 = 1, hkick = 1e-3", cv.Quadrupole(k1=3, hkick=1e-3)),
    (
        "quadrupole, l = 1, k1 = 2, tilt = pi/4",
        "quadrupole, l = 1, k1 = 2, tilt = -pi/4, vkick = 1e-3, b2 = 1",
        cv.Quadrupole(b2=2, scale_multipoles=False, tilt=-np.pi / 4, vkick=1e-3),
    ),
    ("quadrupole, l = 1, k1 = 2, tilt = 0.1", "solenoid, l = 1, ks = 0.5", cv.SolQuad(k1=2, ks=0.5, tilt=0.1)),
    ("quadrupole, l = 1, k1 = 2", "solenoid, l = 1, bs_field = -0.01", cv.SolQuad(k1=2, bs_field=-0.01)),
    ("sol_quad, l = 1, k1 = 2, ks = 0.3", "solenoid, l = 1, ks = -0.2", cv.SolQuad(k1=2, ks=0.1)),
    ("solenoid, l = 1, ks = 0.3", "solenoid, l = 1, ks = -0.2", cv.Solenoid(ks=0.1)),
    (
        "sextupole, l = 1, k2 = 9, b1 = 0.1",
        "sextupole, l = 1, k2 = -20, tilt = pi/3",
        cv.Sextupole(k2=29, b1=0.9, scale_multipoles=False),
    ),
    (
        "octupole, l = 1, k3 = 200",
        "octupole, l = 1, k3 = 300, tilt = 0.7",
        cv.Octupole(k3=float(abs(OCTUPOLES)), tilt=float(np.angle(OCTUPOLES)) / 4),
    ),
    (
        "quadrupole, l = 1, k1 = 2",
        "hkicker, l = 1, kick = 1e-3, tilt = 0.3",
        cv.Quadrupole(k1=2, hkick=1e-3 * np.cos(0.3), vkick=1e-3 * np.sin(0.3)),
    ),
    ("hkicker, l = 1, kick = 1e-3", "vkicker, l = 1, kick = 2e-3", cv.Kicker(hkick=1e-3, vkick=2e-3)),
    ("hkicker, l = 1, kick = 1e-3", "hkicker, l = 1, kick = 1e-3, tilt = 1", cv.HKicker(kick=2e-3 * np.cos(0.5), tilt=0.5)),
    ("vkicker, l = 1, kick = 1e-3", "vkicker, l = 1, kick = 1e-3, tilt = 1", cv.VKicker(kick=2e-3 * np.cos(0.5), tilt=0.5)),
    ("pipe, l = 1", "quadrupole, l = 1, k1 = 2", cv.Quadrupole(k1=2)),
    ("quadrupole, l = 1, k1 = 2", "monitor, l = 1, hkick = 1e-3", cv.Quadrupole(k1=2, hkick=1e-3)),
    ("quadrupole, l = 1, k1 = 2, is_on = F", "quadrupole, l = 1, k1 = 1, hkick = 1e-3", cv.Quadrupole(k1=1, hkick=1e-3)),
    (
        "quadrupole, l = 1, k1 = 2, fringe_type = full",
        "quadrupole, l = 1, k1 = 1, fringe_type = full",
        cv.Quadrupole(k1=3, fringe_type="full"),
    ),
]


@pytest.mark.parametrize(("below", "above", "expected"), TOGETHER)
def test_what_overlaps_does_what_all_do_together(load: Load, below: str, above: str, expected: cv.Element) -> None:
    lattice = load(f"{OPEN}a: {below}; b: {above}, superimpose, ref = a; d: drift, l = 1\nk: line = (a, d); use, k\n")
    assert (lattice.names, lattice.kinds[0]) == (["a\\b", "d", "end"], expected.kind)
    steps = cv.BmadStandard(num_steps=100)
    first, alone = lattice.elements[0].replace(tracking_method=steps), expected.replace(length=1.0, tracking_method=steps)
    reference = lattice.reference
    same(cv.Lattice([first], reference=reference), cv.Lattice([alone], reference=reference), 3e-16)


def test_apertures_of_all_that_overlap_count(load: Load) -> None:
    text = f"{OPEN}d: drift, l = 1; k: line = (c, d); use, k\n"
    both = "q: quadrupole, l = 1, x_limit = 0.02, superimpose, ref = c\n"
    one = load(text + both + "c: rcollimator, l = 1, x_limit = 0.03, y_limit = 0.01, offset_moves_aperture = F").elements[0]
    assert (one.kind, one.x1_limit, one.x2_limit, one.y1_limit, one.y2_limit) == ("Quadrupole", 0.02, 0.02, 0.01, 0.01)
    ends = load(text + both + "c: pipe, l = 1, x_limit = 0.02, aperture_at = entrance_end").elements[0]
    assert (ends.x1_limit, ends.aperture_at) == (0.02, "both_ends")
    with pytest.raises(cv.LatticeError, match=r"apertures of .* cannot be carried"):
        load(text + both + "c: ecollimator, l = 1, x_limit = 0.03, y_limit = 0.01")
    with pytest.raises(cv.LatticeError, match=r"windows of .* cannot be carried"):
        load(f"{text}c: rcollimator, l = 1, pz_aperture_width2 = 0.03\nq: quadrupole, l = 1, superimpose, ref = c")


def test_steps_are_as_long_as_those_of_the_whole(load: Load) -> None:
    text = f"{OPEN}s: sextupole, l = 0.9, k2 = 30, num_steps = 9; k: line = (s); use, k\n"
    cut = load(text + "m: marker, superimpose, ref = s, offset = 0.15")
    assert [element.tracking_method for element in cut.elements[::2][:2]] == [cv.BmadStandard(ds_step=0.9 / 9)] * 2


def test_edges_of_a_sad_mult_that_is_cut(load: Load) -> None:
    """Bmad loses the hard edges of one that it has cut, and those of its dipole."""
    text = f"{OPEN}s: sad_mult, l = 1, b1 = 0.1, fringe_type = full, fb1 = 0.1; k: line = (s); use, k\n"
    first, _, second, _ = load(text + "m: marker, superimpose, ref = s").elements
    assert [(s.fringe_type, s.fringe_at, s.fb1) for s in (first, second)] == [
        ("soft_edge_only", "entrance_end", 0.0),
        ("soft_edge_only", "exit_end", 0.0),
    ]


# -------------------------------------------------------------------- what cannot be

WHOLE = "d: drift, l = 10; q: quadrupole, l = 1; k: line = (d, q); use, k\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e: drift, l = 1, superimpose", "2:18: drift 'e': drifts cannot be superimposed; a pipe can"),
        ("e: pipe, l = 11, superimpose", "2:18: pipe 'e': 11 m long, it cannot be superimposed on 11 m"),
        ("m: marker, superimpose, ref = qq", "2:12: no element 'qq' is defined; did you mean 'q'?"),
        ("m: marker, superimpose, ref = quadd::*", "2:12: unknown element class 'quadd'"),
        ("m: marker, superimpose, ref = d##1", "2:12: nothing can be placed by one of several drifts, 'd##1'"),
        ("m: marker, superimpose, offset = 30", "2:12: marker 'm' would end at 19 m, and the line is 11 m long"),
        ("m: marker, superimpose, offset = 30, wrap_superimpose = F", "2:12: 30 m is not in the line"),
        ("m: marker, superimpose, ref_origin = middle", "2:38: ref_origin must be one of beginning, center, end"),
        ("m: marker, superimpose = 3", "2:26: superimpose must be T or F"),
        ("s: sbend, l = 0.5, superimpose, ref = q", "2:20: sbend 's' cannot be put upon quadrupole 'q'"),
        ("s: solenoid, l = 1, superimpose, offset = 0, create_jumbo_slave", "2:21: solenoid 's': create_jumbo_slave around"),
        ("t: taylor, l = 1, superimpose, ref = q", "2:19: taylor 't' cannot be put upon quadrupole 'q'"),
        ("t: quadrupole, l = 1, superimpose, ref = q, tracking_method = linear", "1:19: .* tracked by different methods"),
        ("t: quadrupole, l = 1, a1_elec = 3, superimpose, ref = q", "1:19: .* electric multipoles of elements that overlap"),
        ("f: quadrupole, l = 1, fringe_type = full, superimpose, ref = p\n"
         "p: q, fringe_type = hard_edge_only; j: line = (p, d); use, j", "3:1: .* fringes of .*, which overlap"),
        ("t: thick_multipole, l = 1, superimpose, ref = p; p: thick_multipole, l = 1; j: line = (p, d); use, j",
         "2:50: .* what .* do together is not understood"),
    ],
)  # fmt: skip
def test_what_cannot_be_superimposed(load: Load, text: str, expected: str) -> None:
    with pytest.raises(cv.LatticeError) as caught:
        load(WHOLE + text)
    assert re.search(rf"lattice.bmad:{expected}", str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r:s[tilt] = 1", "'s' means 0 elements"),
        ("quad::*:q[tilt] = 1", "means|selects"),
        ("q:r[tilt] = 1", "'q' means 2 elements"),
        ("9[tilt] = 1", "there is no element 9; branch 'k' has 7"),
        ("0[tilt] = 1", "'beginning\\[...\\]'"),
        ("b:c:d[tilt] = 1", "selects no elements"),
        ("q##1:2+[tilt] = 1", "is no name of an element"),
        ("~q[tilt] = 1", "no element '~q'"),
        ("start_branch_at q", "2 elements of the expanded lattice are called 'q'"),
        ("start_branch_at s", "no element of the expanded lattice"),
        ("start_branch_at", "a branch begins elsewhere by"),
    ],
)
def test_what_selects_nothing(load: Load, text: str, expected: str) -> None:
    with pytest.raises(cv.LatticeError, match=expected):
        load(ROW + text)


def test_parts_have_no_attributes_of_their_own(load: Load) -> None:
    text = ROW.replace("expand", "m: marker, superimpose, ref = p\nexpand")
    with pytest.raises(cv.LatticeError, match=r"quadrupole 'p#1' is a part of 'p'; set attributes there"):
        load(text + "2:3[tilt] = 1")


# -------------------------------------------------------------------- with what else there is


def test_a_controller_stands_for_the_element_that_it_controls(load: Load) -> None:
    text = "d: drift, l = 2; q: quadrupole, l = 1; k: line = (d, q); use, k\nm: marker, superimpose, ref = o\n"
    assert lying(load(text + "o: overlay = {q[k1], q[tilt]}, var = {a}, a = 1")) == "d=2 q#1=0.5 m q#2=0.5"
    with pytest.raises(cv.LatticeError, match="controls 2 elements; only one can be a reference"):
        load(text + "o: overlay = {q[k1], d[l]}, var = {a}, a = 1")


def test_what_is_cut_can_be_controlled(load: Load) -> None:
    text = "d: drift, l = 9; q: quadrupole, l = 2, k1 = 1; k: line = (q, d); use, k\nm: marker, superimpose, ref = q\n"
    lattice = load(
        text + "s: solenoid, l = 2, superimpose, ref = q, offset = 1.5\no: overlay = {q[k1]: 2 * a, q[l]: a}, var = {a}, a = 3"
    )
    assert lying(lattice) == "q#1=1 m q#2=0.5 q\\s=1.5 s#1=1.5 d#1=7.5"
    assert [element.k1 for element in lattice.elements if hasattr(element, "k1")] == [6, 6, 6]


def test_the_edge_of_what_is_cut_moves(load: Load) -> None:
    text = "d: drift, l = 4; q: quadrupole, l = 2; k: line = (d, q, d); use, k\nm: marker, superimpose, ref = q\n"
    lattice = load(text + "g: group = {q}, end_edge = 0.25")
    assert lying(lattice) == "d=4 q#1=1 m q#2=1.25 d=3.75"


MULTIPASS = """
    parameter[geometry] = open; d: drift, l = 2; q: quadrupole, l = 1, k1 = 1; e: drift, l = 1
    j: line[multipass] = (q, d); k: line = (j, e, j); use, k
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m: marker, superimpose, ref = q", "q\\1#1=0.5 m\\1 q\\1#2=0.5 d\\1=2 e=1 q\\2#1=0.5 m\\2 q\\2#2=0.5 d\\2=2"),
        (
            "p: pipe, l = 1, superimpose, ref = d",
            "q\\1=1 d#1\\1=0.5 p\\1=1 d#2\\1=0.5 e=1 q\\2=1 d#1\\2=0.5 p\\2=1 d#2\\2=0.5",
        ),
        (
            "p: pipe, l = 1, superimpose, ref = e, offset = 3",
            "q\\1=1 d#1\\1=1 p\\1=1 e=1 q\\2=1 d#1\\2=1 p\\2=1",
        ),
        (
            "p: pipe, l = 1, superimpose, ref = e, offset = -2",
            "q\\1=1 p\\1=1 d#1\\1=1 e=1 q\\2=1 p\\2=1 d#1\\2=1",
        ),
    ],
)
def test_multipass_lines_are_the_same_in_every_pass(load: Load, text: str, expected: str) -> None:
    assert lying(load(MULTIPASS + text)) == expected


def test_passes_of_what_is_cut_are_set_together(load: Load) -> None:
    lattice = load(MULTIPASS + "m: marker, superimpose, ref = q\nexpand_lattice\nq[k1] = 3")
    assert [element.k1 for element in lattice.elements if element.kind == "Quadrupole"] == [3, 3, 3, 3]


def test_cut_cavities_are_passed_as_whole_ones(load: Load) -> None:
    text = """
        parameter[geometry] = open; parameter[particle] = electron; parameter[p0c] = 1e7
        c: lcavity, l = 1, voltage = 1e7, rf_frequency = 1e9, phi0 = 0.02; q: quadrupole, l = 0.3, k1 = 1
        j: line[multipass] = (c, q); d: drift, l = 0.7; k: line = (j, d, j); use, k
        """
    whole = load(text)
    cut = load(text + "m: marker, superimpose, ref = c, offset = 0.13\nn: marker, superimpose, ref = q")
    assert len(cut) == len(whole) + 8
    same(cut, whole, 1e-13)


def test_what_is_cut_stands_on_girders_as_a_whole(load: Load) -> None:
    text = f"{OPEN}q: quadrupole, l = 1, k1 = 2, tilt = 0.1; b: sbend, l = 1, angle = 0.3; d: drift, l = 0.4\n"
    text += "g: girder = {b, q}, x_offset = 1e-3, y_pitch = 2e-3, tilt = 0.01; k: line = (d, b, d, q); use, k\n"
    marker = "m: marker, superimpose, ref = q, offset = 0.2\nn: marker, superimpose, ref = b, offset = -0.1"
    same(load(text + marker), load(text), 3e-15)


def test_a_beam_inside_a_solenoid_is_in_its_field(load: Load) -> None:
    text = f"{OPEN}s: solenoid, l = 1, ks = 0.3; k: line = (s); use, k\n"
    beams = "bb: beambeam, sig_x = 1e-3, sig_y = 1e-3, n_particle = 1e10, superimpose, ref = s"
    assert load(text + beams)["bb"].ks == 0.3
    assert load(text + beams + ", ref_origin = end")["bb"].ks == 0
