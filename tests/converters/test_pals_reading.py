"""What files of the standard mean, against its text."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import atan, atan2, cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv

pytest.importorskip("yaml")

CORPUS = Path(__file__).parents[3] / "shared" / "reference" / "corpus" / "pals"
TRANSLATED = Path(__file__).parents[3] / "shared" / "reference" / "own_lattices"

Read = Callable[..., cv.Lattice]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read entries of a facility, given as YAML of no indentation."""

    def read(facility: str, **options: Any) -> cv.Lattice:
        path = tmp_path / "x.pals.yaml"
        indented = "".join(f"    {row}\n" for row in facility.strip("\n").splitlines())
        path.write_text(f"PALS:\n  facility:\n{indented}")
        return cv.load(path, **options)

    return read


@pytest.fixture
def element(read: Read) -> Callable[..., cv.Element]:
    """Read one element, given as flow-style YAML."""

    def element(body: str, **options: Any) -> cv.Element:
        begin = "b: {kind: BeginningEle, ReferenceP: {species_ref: electron, pc_ref: 1.0e8}}"
        return read(f"- {begin}\n- e: {{{body}}}\n- l: {{kind: BeamLine, line: [b, e]}}", **options)[0]

    return element


# -------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.0e9", 1e9),
        ("2 + 3*4 - 6/2", 11),
        ("-2^2", -4),
        ("2^3^2", 512),
        ("2**-1", 0.5),
        ("(1 + 2)*-3", -9),
        ("expr(a*2)", 0.6),
        ("a^2 + b", 0.09 + 7),
        ("sin(pi/6) + atan2(1, 2) - atan(0.5)", 0.5 + atan2(1, 2) - atan(0.5)),
        ("exp(log(3)) * abs(-2)", 6),
        ("modulo(7, 4) + nint(2.6) + int(-2.6) + sign(-3) + floor(-1.5) + ceiling(1.2)", 3 + 3 - 2 - 1 - 2 + 2),
        ("factorial(4) + sinc(0)", 25),
        ("c_light", 299792458.0),
        ('mass_of("electron") / mass_of(electron)', 1.0),
        ('charge_of("#3He+2")', 2.0),
        ("charge_of(ion)", 79),
        ("q>length * 2", 1.0),
        ("q>MagneticMultipoleP.Kn1 + q>MagneticMultipoleP.Ks1", 1.5),
        ("ps>amps / 2", 5.0),
    ],
)
def test_expressions(read: Read, written: str, value: float) -> None:
    lattice = read(f"""
- constants: {{a: 0.3, ion: "#197Au+79"}}
- variables:
  - b: 7
- ps: {{kind: Controller, variables: {{amps: 10}}, controls: []}}
- q: {{kind: Quadrupole, length: 0.5, MagneticMultipoleP: {{Kn1: 1.5}}}}
- d: {{kind: Drift, length: '{written}'}}
- l: {{kind: BeamLine, line: [d]}}
""")
    assert lattice[0].length == pytest.approx(value, rel=1e-14)


def test_random_numbers_are_the_same_every_time(read: Read) -> None:
    text = "- d: {kind: Drift, length: 'random() + random_gauss(2) + ran_gauss()'}\n- l: {kind: BeamLine, line: [d]}"
    first, second = read(text), read(text)
    assert first[0].length == second[0].length
    assert first.losses[0].attribute == "random"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1 +", "it ends too early"),
        ("1 ! 2", "'!' means nothing there"),
        ("2 * nothing", "there is no constant and no variable 'nothing'"),
        ("sine(1)", "there is no function 'sine'; did you mean 'sin'"),
        ("sin(1, 2)", "sin does not take 2 arguments"),
        ("sqrt(-1)", "cannot be worked out"),
        ("1/0", "cannot be worked out"),
        ("9^9^9", "cannot be worked out"),
        ("factorial(1e9)", "cannot be worked out"),
        ("(" * 200 + "1" + ")" * 200, "at most 100 brackets"),
        ("-" * 300 + "1", "at most 100 brackets"),
        ("1+" * 6000 + "1", "at most 10000 characters"),
        ("x>length", "no elements are called 'x'"),
        ("mass_of(phlogiston)", "phlogiston"),
        ("__import__('os')", "there is no function '__import__'"),
    ],
)
def test_expressions_that_make_no_sense(read: Read, written: str, message: str) -> None:
    with pytest.raises(cv.LatticeError, match=message.replace("(", r"\(")) as caught:
        read(f'- d: {{kind: Drift, length: "{written}"}}\n- l: {{kind: BeamLine, line: [d]}}')
    assert (caught.value.line, caught.value.column) == (3, 32)


# -------------------------------------------------------------------- lines


LINES = """
- a: {kind: Drift, length: 1}
- b: {kind: Bend, length: 1, BendP: {angle_ref: 0.1, e1: 0.02}}
- c: {kind: Marker}
- cell:
    kind: BeamLine
    line: [a, b]
"""


def names(lattice: cv.Lattice) -> str:
    return " ".join(f"{'-' if e.orientation < 0 else ''}{e.name}" for e in lattice)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("cell", "a b"),
        ("cell: {repeat: 2}", "a b a b"),
        ("cell: {repeat: -2}", "b a b a"),
        ("cell: {repeat: 0}", ""),
        ("cell: {direction: -1}", "-b -a"),
        ("cell: {direction: -1, repeat: -1}", "-a -b"),
        ("b: {direction: -1}", "-b"),
        ("other: {inherit: cell}", "a b"),
        ("b: {repeat: 1 + 1}", "b b"),
    ],
)
def test_items_of_lines(read: Read, item: str, expected: str) -> None:
    assert names(read(f"{LINES}\n- l:\n    kind: BeamLine\n    line:\n    - c\n    - {item}")) == f"c {expected}".strip()


def test_reversal_of_the_reversed(read: Read) -> None:
    lattice = read(f"""{LINES}
- inner: {{kind: BeamLine, line: [a, b: {{direction: -1}}]}}
- l: {{kind: BeamLine, line: [inner: {{direction: -1}}]}}
""")
    assert names(lattice) == "b -a"


def test_elements_inherit_and_differ(read: Read) -> None:
    lattice = read("""
- q: {kind: Quadrupole, length: 0.5, MagneticMultipoleP: {Kn1: 1.5}, ApertureP: {x_min: -0.1, x_max: 0.2, shape: RECTANGULAR}}
- wide: {kind: ApertureP, x_min: -0.3, x_max: 0.3, shape: RECTANGULAR}
- l:
    kind: BeamLine
    line:
    - q
    - q2: {inherit: q, length: 0.25}
    - q: {MagneticMultipoleP: {Kn1: -1.5}}
    - later: {inherit: after}
    - q3: {kind: Quadrupole, length: 1, ApertureP: {inherit: wide, x_max: 0.4}}
    - q4: {kind: Quadrupole, length: 1, ApertureP: {inherit: q.ApertureP}}
- after: {kind: Drift, length: 2}
""")
    assert [(e.name, e.length) for e in lattice] == [
        ("q", 0.5), ("q2", 0.25), ("q", 0.5), ("later", 2), ("q3", 1), ("q4", 1)]  # fmt: skip
    assert [e.k1 for e in lattice if e.kind == "Quadrupole"][:3] == [1.5, 1.5, -1.5]
    assert (lattice["q3"].x1_limit, lattice["q3"].x2_limit) == (0.3, 0.4)
    assert (lattice["q4"].x1_limit, lattice["q4"].x2_limit) == (0.1, 0.2)


def test_items_that_are_placed(read: Read) -> None:
    lattice = read("""
- d: {kind: Drift, length: 2}
- m: {kind: Marker}
- q: {kind: Quadrupole, length: 0.5}
- z: {kind: Marker}
- sub: {kind: BeamLine, zero_point: z, line: [q, z, q]}
- l:
    kind: BeamLine
    length: 10
    line:
    - m: {placement: {offset: 0.25}}
    - q: {placement: {offset: 1, to_point: CENTER}}
    - sub: {placement: {offset: 3, base_item: q, from_point: CENTER, to_point: ZERO_POINT}}
""")
    ends = np.cumsum([e.length for e in lattice])
    assert [(e.name, round(s - e.length, 9)) for e, s in zip(lattice, ends, strict=True) if e.name] == [
        ("m", 0.25), ("q", 1.0), ("q", 3.75), ("z", 4.25), ("q", 4.25)]  # fmt: skip
    assert lattice.length == pytest.approx(10)


def test_items_over_drifts_and_over_others(read: Read) -> None:
    text = """
- d: {{kind: {kind}, length: 2}}
- q: {{kind: Quadrupole, length: 1}}
- l: {{kind: BeamLine, line: [d, q: {{placement: {{offset: -1.5}}}}]}}
"""
    lattice = read(text.format(kind="Drift"))
    assert [e.length for e in lattice] == [0.5, 1]
    with pytest.raises(cv.LatticeError, match=r"'q' overlaps what is before it by 1.5 m"):
        read(text.format(kind="Quadrupole"))


def test_superposition(read: Read) -> None:
    lattice = read("""
- d: {kind: Drift, length: 2}
- q: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 2.0}}
- m: {kind: Marker}
- s: {kind: Sextupole, length: 0.5}
- superimpose: {place: m, placement: {base_item: q, from_point: CENTER}}
- superimpose: {place: s, placement: {base_item: d, from_point: ENTRANCE_END, offset: 0.25}}
- l: {kind: BeamLine, line: [d, q, d]}
""")
    assert [(e.name, e.length) for e in lattice] == [
        ("d", 0.25), ("s", 0.5), ("d", 1.25), ("q", 0.5), ("m", 0), ("q", 0.5),
        ("d", 0.25), ("s", 0.5), ("d", 1.25)]  # fmt: skip
    with pytest.raises(cv.LatticeError, match="'s' would lie over 'q', which is no drift"):
        read("""
- q: {kind: Quadrupole, length: 1}
- s: {kind: Sextupole, length: 0.5}
- superimpose: {place: s, placement: {base_item: q, from_point: ENTRANCE_END}}
- l: {kind: BeamLine, line: [q]}
""")


def test_multipass(read: Read) -> None:
    lattice = read("""
- c: {kind: Drift, length: 1}
- m: {kind: Marker}
- linac: {kind: BeamLine, multipass: true, line: [c, c]}
- l: {kind: BeamLine, line: [linac, m, linac]}
""")
    passes = [e.metadata.get("multipass") for e in lattice]
    assert [(p["pass"], p["element"]) if p else None for p in passes] == [(1, 1), (1, 2), None, (2, 1), (2, 2)]


# -------------------------------------------------------------------- branches


RING = """
- begin:
    kind: BeginningEle
    s_position: 2
    ReferenceP: {species_ref: proton, E_tot_ref: 2.0e9, time_ref: 1.0e-9}
    TwissP: {beta_a: 3}
    FloorP: {x: 1, theta: 0.5}
- cav: {kind: RFCavity, length: 1, RFP: {voltage: 1.0e8, frequency: 1.0e9, dE_ref: 1.0e8}}
- d: {kind: Drift, length: 1}
- out: {kind: Fork, ForkP: {to_line: dump}}
- dump: {kind: BeamLine, line: [m: {kind: Marker}, d]}
- ring: {kind: BeamLine, periodic: true, line: [begin, d, cav, out, d]}
"""


def test_branches_and_what_they_begin_with(read: Read) -> None:
    text = f"{RING}\n- lat: {{kind: Lattice, branches: [ring, again: {{inherit: ring, periodic: false}}]}}"
    ring = read(text)
    assert (ring.name, ring.geometry, ring.names) == ("ring", "closed", ["d", "cav", "out", "d"])
    assert ring.reference == cv.Reference.from_energy("proton", 2e9, s=2.0, t=1e-9)
    assert ring.beginning == {"beta_a": 3, "x_position": 1, "theta_position": 0.5}
    assert read(text, branch="again").geometry == "open"
    dump = read(text, branch=2)
    assert (dump.name, dump.names) == ("dump", ["m", "d"])
    assert dump.reference.energy == pytest.approx(2.1e9, rel=1e-12)
    with pytest.raises(cv.LatticeError, match="there is no branch 'x', only ring, again, dump"):
        read(text, branch="x")


def test_which_lattice_is_taken(read: Read) -> None:
    text = f"{RING}\n- one: {{kind: Lattice, branches: [ring]}}\n- two: {{kind: Lattice, branches: [dump]}}"
    assert read(text).name == "dump"
    assert read(f"{text}\n- use: one").name == "ring"
    assert read(text, line="one").name == "ring"
    assert read(text, line="dump").names == ["m", "d"]
    with pytest.raises(cv.LatticeError, match="there is no lattice 'twoo'; did you mean 'two'"):
        read(text, line="twoo")


def test_sets_before_and_after_the_expansion(read: Read) -> None:
    lattice = read("""
- q1: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 1.0}}
- q2: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 2.0}}
- l: {kind: BeamLine, line: [q1, q2, q1, q3: {kind: Quadrupole, length: 2, MagneticMultipoleP: {Kn1: 5.0}}]}
- set: {parameter: "q[12]>MagneticMultipoleP.Kn1", value: 2*PARAMETER + SELF.length}
- sets:
  - q2>length: 0.5
- set: {parameter: l>>q3>MagneticMultipoleP.Kn1, value: -1}
- lat: {kind: Lattice, branches: [l]}
- expand_lattice
- set: {parameter: lat>>>l>>q1#2>MagneticMultipoleP.Kn1, value: PARAMETER + 0.25}
- set: {parameter: "Quadrupole::q2:q3 & q3, q2>length", value: 3}
""")
    assert [e.k1 for e in lattice] == [3, 5, 3.25, -1]
    assert [e.length for e in lattice] == [1, 3, 1, 3]


def test_controllers(read: Read) -> None:
    lattice = read("""
- q1: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 9.0}}
- q2: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 1.0}}
- low: {kind: Controller, variables: {i: 100}, controls: [{parameter: q1>MagneticMultipoleP.Kn1, expression: 0.5*i}]}
- high: {kind: Controller, variables: {k: 3}, controls: [{parameter: low>i, expression: k/2}]}
- more: {kind: Controller, variables: {k: 1}, controls: [{parameter: "q.>MagneticMultipoleP.Kn1", expression: 0.25*k}]}
- rel: {kind: Controller, control_type: RELATIVE, variables: {k: 1}, controls: [{parameter: q2>length, expression: k}]}
- l: {kind: BeamLine, line: [q1, q2]}
""")
    assert [e.k1 for e in lattice] == [1.0, 0.25]
    assert lattice["q2"].length == 1
    with pytest.raises(cv.LatticeError, match="controllers control each other: a > b > a"):
        read("""
- a: {kind: Controller, variables: {i: 1}, controls: [{parameter: b>i, expression: i}]}
- b: {kind: Controller, variables: {i: 1}, controls: [{parameter: a>i, expression: i}]}
- l: {kind: BeamLine, line: [d: {kind: Drift}]}
""")


# -------------------------------------------------------------------- files


def test_files_that_include_and_load_others(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "top.pals.yaml").write_text(
        "PALS:\n  notes: [top]\n  load: [sub/line.pals.yaml, SELF]\n  facility:\n  - set: {parameter: q>length, value: 3}\n"
    )
    (tmp_path / "sub" / "line.pals.yaml").write_text(
        "include: nowhere.yaml\nPALS:\n  notes: [line]\n  version: '1'\n  facility:\n  - include: ../parts.subpals.yaml\n"
        "  - l: {kind: BeamLine, line: [q]}\n"
    )
    (tmp_path / "parts.subpals.yaml").write_text(
        "- q:\n    kind: Quadrupole\n    length: 1\n    include: strength.subpals.yaml\n"
    )
    (tmp_path / "strength.subpals.yaml").write_text("length: 7\nMagneticMultipoleP: {Kn1: 2.0}\n")
    lattice = cv.load(tmp_path / "top.pals.yaml")
    assert (lattice[0].length, lattice[0].k1) == (3, 2.0)
    assert lattice.metadata == {"notes": ["line", "top"], "version": "1"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"x": "PALS:\n  include: y.yaml", "y": "include: x.yaml"}, "y.yaml:1:10: x.yaml includes itself"),
        ({"x": "PALS:\n  load: [y.yaml]", "y": "PALS:\n  load: [x.yaml]"}, "y.yaml:2:10: x.yaml loads itself"),
        ({"x": "PALS:\n  include: z.yaml"}, "x.yaml:2:12: there is no file z.yaml"),
        (
            {"x": "PALS:\n  facility:\n  - q: {include: y.yaml}", "y": "- 1"},
            "y.yaml:1:1: what is included into a mapping is a mapping, not a list",
        ),
        (
            {"x": "PALS:\n  version: 1\n  load: [y.yaml]", "y": "PALS:\n  version: 2"},
            "version 1, and another file has version 2",
        ),
        ({"x": "q: {kind: Quadrupole}"}, "x.yaml:1:1: this is no PALS file of its own"),
        ({"x": "PALS: {notes: []}"}, "there is no lattice and no line in this file"),
    ],
)
def test_files_that_do_not_fit_together(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(cv.LatticeError, match=message):
        cv.load(tmp_path / "x.yaml", format="pals")


REPEATED = "{1}: &{1} [*{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}, *{0}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PALS: [1, 2", r"x.yaml:2:1: this is no YAML"),
        ("PALS: {a: 1, a: 2}", "x.yaml:1:14: 'a' is there twice"),
        ("PALS: {[1]: 2}", "a key is a name"),
        ("PALS: *a", "there is no anchor 'a' before"),
        ("PALS: &a [*a]", "there is no anchor 'a' before"),
        ("[" * 200 + "]" * 200, "more than 100 mappings and lists inside each other"),
        ("[" * 100_000, "more than 100 mappings and lists inside each other"),
        ("a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(REPEATED.format(*pair) for pair in pairwise("abcdefghi")),
         "more than 20000000 values"),
        ("a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200)), "more than 100 mappings and lists"),
        ("PALS: !!python/object/apply:os.system [ls]", "what is under PALS is a mapping, not a list"),
    ],
)  # fmt: skip
def test_texts_that_are_no_such_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(cv.LatticeError, match=message):
        cv.load(tmp_path / "x.yaml", format="pals")


@pytest.mark.parametrize(
    ("facility", "message"),
    [
        ("- l: {kind: BeamLine, line: [x]}", "5|there is no element and no line 'x'"),
        ("- l: {kind: BeamLine, line: [l]}", "the line 'l' is inside itself: l > l"),
        ("- l: {kind: BeamLine}", "the line 'l' has no list of elements"),
        ("- q: {kind: Quadrupole, length: [1]}\n- l: {kind: BeamLine, line: [q]}", "length must be a number"),
        ("- q: {kind: Quadrupole}\n- q: {kind: Quadrupole}", "'q' is defined twice"),
        ("- q: {inherit: p}", "there is no element 'p' to inherit from"),
        ("- q: 5", "'q' means nothing in a facility"),
        ("- set: {parameter: q, value: 1}", "'q' is no parameter: that is element>Group.parameter"),
        ("- set: {parameter: '(a+)+>length', value: 1}", "too long or too involved a pattern"),
        ("- set: {parameter: '(a>length', value: 1}", "is no pattern"),
        ("- d: {kind: Drift}\n- l: {kind: BeamLine, line: [d: {repeat: 2000000}]}", "more than 1000000 elements"),
        ("- d: {kind: Drift}\n- l: {kind: BeamLine, line: [d: {repeat: 1.5}]}", "repeat is a whole number"),
        ("- d: {kind: Drift}\n- l: {kind: BeamLine, line: [d: {direction: 2}]}", "direction is \\+1 or -1"),
        ("- d: {kind: Drift, length: 2}\n- l: {kind: BeamLine, length: 1, line: [d]}", "1 m longer than its length"),
        ("- constants: {a: 1}\n- constants: {a: 2}", "the constant 'a' has another value already"),
        (
            "- b: {kind: Bend, length: 1, BendP: {g_ref: 1, radius_ref: 1}}\n- l: {kind: BeamLine, line: [b]}",
            "only one of g_ref",
        ),
        (
            "- b: {kind: Bend, length: 1, BendP: {g_ref: 1, angle_ref: 2}}\n- l: {kind: BeamLine, line: [b]}",
            "only two can be given",
        ),
        (
            "- b: {kind: Bend, BendP: {g_ref: 2, L_chord: 1.5}}\n- l: {kind: BeamLine, line: [b]}",
            "longer than its circle is wide",
        ),
        (
            "- q: {kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 1, Ks1L: 1}}\n- l: {kind: BeamLine, line: [q]}",
            "of order 1",
        ),
        (
            "- c: {kind: RFCavity, length: 1, RFP: {voltage: 1, gradient: 2}}\n- l: {kind: BeamLine, line: [c]}",
            "contradict each other",
        ),
        ("- c: {kind: RFCavity, RFP: {zero_phase: NOW}}\n- l: {kind: BeamLine, line: [c]}", "RFP.zero_phase is ACCELERATING"),
    ],
)
def test_facilities_that_make_no_sense(read: Read, facility: str, message: str) -> None:
    with pytest.raises(cv.LatticeError, match=message.split("|")[-1]) as caught:
        read(facility)
    assert caught.value.line is not None
    assert caught.value.line >= 3


# -------------------------------------------------------------------- elements


@pytest.mark.parametrize(
    "given",
    [
        "length: 2.0, BendP: {g_ref: 0.1}",
        "length: 2.0, BendP: {angle_ref: 0.2}",
        "BendP: {angle_ref: 0.2, radius_ref: 10}",
        f"BendP: {{angle_ref: 0.2, L_chord: {20 * sin(0.1)!r}}}",
        f"BendP: {{g_ref: 0.1, L_chord: {20 * sin(0.1)!r}}}",
        f"BendP: {{g_ref: 0.1, L_rectangle: {10 * sin(0.2)!r}}}",
        f"BendP: {{angle_ref: 0.2, L_rectangle: {10 * sin(0.2)!r}}}",
        f"length: 2.0, BendP: {{Bn0_ref: {-0.1 * 1e8 / 299792458!r}}}",
    ],
)
def test_two_measures_of_a_bend_say_the_others(element: Any, given: str) -> None:
    bend = element(f"kind: Bend, {given}")
    assert (bend.kind, bend.length, bend.angle) == ("SBend", pytest.approx(2.0, rel=1e-14), pytest.approx(0.2, rel=1e-13))


def test_faces_of_a_bend(element: Any) -> None:
    def faces(given: str) -> tuple[float, float]:
        bend = element(f"kind: Bend, length: 1, BendP: {{angle_ref: 0.2, {given}}}")
        return bend.e1, bend.e2

    assert faces("e1: 0.01, e2_rect: 0.02") == pytest.approx((0.01, 0.12))
    assert faces("ref_geometry: CHORD") == pytest.approx((0.1, 0.1))
    assert faces("ref_geometry: ENTRANCE_COORDS, e1_rect: 0.01") == pytest.approx((0.01, 0.2))
    assert faces("ref_geometry: EXIT_COORDS, e2: 0.03") == pytest.approx((0.2, 0.03))


def test_fields_of_a_bend(element: Any) -> None:
    group = "g_ref: 0.1, edge1_int: 0.01, edge2_int: 0.02, tilt_ref: 0.3"
    text = f"kind: Bend, length: 2, BendP: {{{{{group}, {{}}}}}}, MagneticMultipoleP: {{{{{{}}}}}}"
    bend = element(text.format("e1: 0.1", "Kn0: 0.11, Kn1: 0.5, Kn2L: 3, Kn3L: 6, Ks0: 0.005"))
    assert (bend.dg, bend.k1, bend.k2) == (pytest.approx(0.01), 0.5, 1.5)
    assert (bend.b3, bend.a0, bend.scale_multipoles) == (1.0, 0.01, False)
    assert (bend.fint * bend.hgap, bend.fintx * bend.hgapx, bend.ref_tilt) == (0.01, 0.02, 0.3)
    assert element(text.format("Kn0_from_g_ref: false", "")).dg == -0.1
    with pytest.raises(cv.LatticeError, match=r"BendP.h1 = 0.2 changes the tracking"):
        element(text.format("h1: 0.2", ""))


def test_multipoles(element: Any) -> None:
    quadrupole = element("kind: Quadrupole, length: 2, MagneticMultipoleP: {Kn1L: 3, Kn3L: 6, Ks2: 0.5, tilt2: 0.1}")
    assert (quadrupole.k1, quadrupole.b3, quadrupole.scale_multipoles) == (1.5, 1.0, False)
    turned = 0.5j * 2 / 2 * np.exp(-3j * 0.1)
    assert (quadrupole.b2, quadrupole.a2) == (pytest.approx(turned.real), pytest.approx(turned.imag))
    field = element("kind: Sextupole, length: 2, MagneticMultipoleP: {Bn2: 3, Bn1L: 1}")
    rigidity = cv.Reference("electron", 1e8).rigidity
    assert (field.b2_gradient, field.b1) == (3, pytest.approx(1 / rigidity))
    assert element(
        "kind: Quadrupole, length: 1, MagneticMultipoleP: {Kn1: 2, tilt1: 0.2}, BodyShiftP: {z_rot: 0.1}"
    ).tilt == pytest.approx(0.3)
    skew = element("kind: Quadrupole, length: 2, MagneticMultipoleP: {Ks1: 2}")
    by_tilt = cv.Quadrupole(length=2, k1=2, tilt=-pi / 4)
    matrices = [cv.Lattice([e]).transfer_matrix(cv.Reference("electron", 1e8)) for e in (skew, by_tilt)]
    np.testing.assert_allclose(*matrices, atol=0.1)  # kicks of a skew multipole in two halves
    thin = element("kind: Octupole, MagneticMultipoleP: {Kn3L: 2, tilt3: 0.1, Ks1L: 1}")
    assert (thin.kind, thin.k3l, thin.t3, thin.k1sl) == ("Multipole", 2, 0.1, 1)
    electric = element("kind: Kicker, length: 0.5, ElectricMultipoleP: {En0: 3, Es2L: 2}")
    assert (electric.b0_elec, electric.a2_elec) == (3, 2)


def test_kickers(element: Any) -> None:
    kicker = element("kind: Kicker, length: 0.5, MagneticMultipoleP: {Kn0: 2.0e-3, Ks0: 4.0e-3}")
    assert (kicker.hkick, kicker.vkick) == (-1e-3, 2e-3)


def test_solenoids(element: Any) -> None:
    assert element("kind: Solenoid, length: 1, SolenoidP: {Ksol: 0.3}").ks == 0.3
    assert element("kind: Solenoid, length: 1, SolenoidP: {Bsol: 0.3}").bs_field == 0.3
    both = element("kind: Solenoid, length: 1, SolenoidP: {Ksol: 0.3}, MagneticMultipoleP: {Kn1: 2}")
    assert (both.kind, both.ks, both.k1) == ("SolQuad", 0.3, 2)


@pytest.mark.parametrize(("zero", "crest"), [("ACCELERATING", 0.0), ("BELOW_TRANSITION", -0.25), ("ABOVE_TRANSITION", 0.25)])
def test_phases(element: Any, zero: str, crest: float) -> None:
    """``V cos 2 pi (phase + f t)``, with the zero where it says."""
    cavity = element(f"kind: RFCavity, length: 0, RFP: {{voltage: 1.0e6, frequency: 5.0e8, phase: 0.03, zero_phase: {zero}}}")
    assert cavity.kind == "RFCavity"
    reference = cv.Reference("electron", 1e8)
    z = np.array([0.0, 0.02, -0.05])
    out = cv.Lattice([cavity]).track(cv.ParticleBeam(z=z, reference=reference))
    time = -z / (reference.beta * 299792458)
    gain = np.sqrt((reference.p0c * (1 + out.pz)) ** 2 + reference.species.mass**2) - reference.energy
    np.testing.assert_allclose(gain, 1e6 * np.cos(2 * pi * (0.03 + crest + 5e8 * time)), rtol=1e-9, atol=1e-3)


def test_cavities_that_accelerate(element: Any) -> None:
    cavity = element(
        "kind: RFCavity, length: 1, RFP: {gradient: 2.0e7, L_active: 1.0, frequency: 1.3e9, phase: 0.1, "
        f"dE_ref: {2e7 * cos(0.2 * pi)!r}}}"
    )
    assert (cavity.kind, cavity.voltage, cavity.phi0, cavity.field_calc) == ("LCavity", 2e7, 0.1, "custom")
    with pytest.raises(cv.LatticeError, match=r"RFP.dE_ref = 1.0 changes the tracking"):
        element("kind: RFCavity, length: 1, RFP: {voltage: 2.0e7, frequency: 1.3e9, dE_ref: 1.0}")


def test_harmonic_numbers(read: Read) -> None:
    """The standard's ``t1_ref`` is the time of the reference from the beginning of the branch to its end."""
    begin = "- b: {kind: BeginningEle, ReferenceP: {species_ref: proton, pc_ref: 1.0e9, time_ref: 1.0e-6}}"
    line = "- d: {kind: Drift, length: 9}\n- c: {kind: RFCavity, length: 1, RFP: {voltage: 1.0e6, harmon: 4}}"
    lattice = read(f"{begin}\n{line}\n- l: {{kind: BeamLine, line: [b, d, c, d]}}")
    assert lattice["c"].rf_frequency == pytest.approx(4 * lattice.reference.beta * 299792458 / 19, rel=1e-14)
    assert not lattice.losses
    with pytest.raises(cv.LatticeError, match=r"RFP.harmon = 4.0 changes the tracking"):
        read(f"{line}\n- l: {{kind: BeamLine, line: [d, c, d]}}")
    with pytest.raises(cv.LatticeError, match="only one of frequency and harmon can be given"):
        read(f"{begin}\n{line.replace('harmon', 'frequency: 5.0e8, harmon')}\n- l: {{kind: BeamLine, line: [b, d, c, d]}}")


def test_changes_of_the_reference(element: Any) -> None:
    assert element("kind: ReferenceChange, ReferenceChangeP: {dpc_ref: 1.0e6}").p0c_set == 1.01e8
    with pytest.raises(cv.LatticeError, match="only one of dE_ref, dpc_ref can be given"):
        element("kind: ReferenceChange, ReferenceChangeP: {dpc_ref: 1.0e6, dE_ref: 1.0}")


def test_what_has_a_length_is_no_marker(element: Any) -> None:
    assert element("kind: Match, length: 0.5").kind == "Drift"
    with pytest.raises(cv.LatticeError, match=r"BendP.angle_ref = 0.1 changes the tracking"):
        element("kind: Bend, BendP: {angle_ref: 0.1}")


def test_where_elements_are(element: Any) -> None:
    magnet = element(
        "kind: Quadrupole, length: 1, BodyShiftP: {x_offset: 1, y_offset: 2, z_offset: 3, x_rot: 0.1, y_rot: 0.2, z_rot: 0.3}"
    )
    assert [getattr(magnet, n) for n in ("x_offset", "y_offset", "z_offset")] == [1, 2, 3]
    assert [getattr(magnet, n) for n in ("y_pitch", "x_pitch", "tilt")] == [-0.1, 0.2, 0.3]
    bend = element("kind: Bend, length: 1, BendP: {angle_ref: 0.1}, BodyShiftP: {z_rot: 0.3}")
    assert bend.roll == 0.3
    patch = element("kind: Patch, PatchP: {x_offset: 1, x_rot: 0.1, y_rot: 0.2, z_rot: 0.3}, ReferenceChangeP: {dE_ref: 5}")
    assert (patch.x_offset, patch.y_pitch, patch.x_pitch, patch.tilt, patch.e_tot_offset) == (1, -0.1, 0.2, 0.3, 5)


def test_apertures(element: Any) -> None:
    def aperture(given: str, **options: Any) -> cv.Element:
        return element(f"kind: Drift, length: 1, ApertureP: {{{given}}}", **options)

    box = aperture("x_min: -0.1, x_max: 0.2, y_center: 0.1, y_width: 0.6, shape: RECTANGULAR, location: BOTH_ENDS")
    assert [getattr(box, f"{n}_limit") for n in ("x1", "x2", "y1", "y2")] == pytest.approx([0.1, 0.2, 0.2, 0.4])
    assert (box.aperture_type, box.aperture_at) == ("rectangular", "both_ends")
    ellipse = aperture("x_width: 0.1, y_width: 0.2")
    assert (ellipse.aperture_type, ellipse.aperture_at, ellipse.x1_limit) == ("elliptical", "entrance_end", 0.05)
    assert aperture("x_width: 0.1").x1_limit == 0  # an ellipse of two limits is none
    assert aperture("x_width: 0.1, y_width: 0.2, aperture_active: false").aperture_at == "no_aperture"
    with pytest.raises(cv.LatticeError, match=r"ApertureP.shape = VERTICES"):
        aperture("shape: VERTICES")
    with pytest.raises(cv.LatticeError, match="either x_min and x_max, or x_center and x_width can be given"):
        aperture("x_min: -0.1, x_width: 0.2")
    with pytest.raises(cv.LatticeError, match=r"ApertureP.x_mim = -0.1 changes the tracking"):
        aperture("x_mim: -0.1, x_max: 0.1, shape: RECTANGULAR")


def test_materials_of_apertures_are_listed(read: Read) -> None:
    collimator = "- c: {kind: Mask, length: 1, ApertureP: {x_max: 0.1, shape: RECTANGULAR, material: Cu, thickness: 0.1}}"
    lattice = read(f"{collimator}\n- l: {{kind: BeamLine, line: [c]}}")
    assert [(loss.attribute, loss.is_physics) for loss in lattice.losses] == [
        ("ApertureP.material", False),
        ("ApertureP.thickness", False),
    ]


def test_maps(element: Any) -> None:
    taylor = element(
        "kind: Taylor, TaylorP: {x_out: 'term 1.5 1 0 0 0 0 0 term 3.4 1 0 0 2 0 1', px_out: [term 1 0 1 0 0 0 0], "
        "ref_in: {x: 0.1}}"
    )
    assert taylor.terms == {"tt11": 1.5, "tt11446": 3.4, "tt22": 1.0}
    assert taylor.x_ref == 0.1


def test_tracking_methods(element: Any) -> None:
    text = "kind: Quadrupole, length: 1, TrackingP: {{SciBmad: {{a: 1}}, Caraval: {{tracking_method: {}}}}}"
    assert element(text.format("linear")).tracking_method == cv.Linear()
    method = element(text.format("{name: kick_drift_kick, order: 4}"))
    assert method.tracking_method == cv.KickDriftKick(order=4)
    assert method.metadata["TrackingP"] == {"SciBmad": {"a": 1}}
    with pytest.raises(cv.LatticeError, match="kick_drift_kick has no option 'ordre'; did you mean 'order'"):
        element(text.format("{name: kick_drift_kick, ordre: 4}"))


def test_what_is_kept_and_what_is_lost(element: Any) -> None:
    kept = element("kind: Drift, length: 1, MetaP: {alias: a}, note: {extension: mine, x: 1}, field_master: true")
    assert kept.metadata == {
        "pals_kind": "Drift",
        "MetaP": {"alias": "a"},
        "note": {"extension": "mine", "x": 1},
        "field_master": True,
    }
    with pytest.raises(cv.LatticeError, match=r"BogusP.a = 1 changes the tracking"):
        element("kind: Drift, length: 1, BogusP: {a: 1}")
    with pytest.raises(cv.LatticeError, match=r"e: Foil changes the tracking"):
        element("kind: Foil, length: 1")
    assert element("kind: Foil, length: 1", on_unsupported="drift").kind == "Drift"


# -------------------------------------------------------------------- files of others

FRAGMENTS = (
    "settings",
    "loading_diamond",
    "loading_extension",
    "loading_relative",
    "loading_version",
    "element_q01",
    "mismatch",
)
"""Files without a lattice: what they have is for others to load."""


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the reference data")
def test_the_examples_of_the_standard() -> None:
    folders = sorted(folder for folder in CORPUS.iterdir() if folder.is_dir())
    assert len(folders) == 46
    for folder in folders:
        main = (folder / "README").read_text().split("main=")[1].split(";")[0]
        if any(word in folder.name for word in FRAGMENTS):
            with pytest.raises(cv.LatticeError, match=r"no lattice|no PALS file|no file"):
                cv.load(folder / main)
        else:
            assert len(cv.load(folder / main)) > 0, folder.name


@pytest.mark.skipif(not TRANSLATED.exists(), reason="needs the reference data")
@pytest.mark.parametrize("name", ["chicane", "fodo_ring", "linac"])
def test_what_bmad_translates(name: str) -> None:
    """Bmad's own translation. It leaves out the faces of rectangular bends, so others are not the same machine."""
    ours, theirs = (cv.load(TRANSLATED / f"{name}.{suffix}") for suffix in ("pals.yaml", "bmad"))
    assert ours.reference == theirs.reference
    np.testing.assert_allclose(ours.transfer_matrix(), theirs.transfer_matrix(), rtol=0, atol=1e-11)
