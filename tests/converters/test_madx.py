"""The language of MAD-X's lattice files: statements, expressions, sequences, lines, macros, files."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.converters.madx import recognises

Load = Callable[..., cv.Lattice]

BEAM = "beam, particle=electron, pc=1;\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as a file; other files are given as ``name=text`` and lie beside it."""

    def load(text: str, *, line: str | None = None, branch: str | int | None = None, **files: str) -> cv.Lattice:
        for name, content in files.items():
            path = tmp_path / (name.replace("__", "/") + ".seq")
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        path = tmp_path / "lattice.madx"
        path.write_text(text)
        return cv.load(path, line=line, branch=branch)

    return load


@pytest.fixture
def value(load: Load) -> Callable[..., float]:
    """Work an expression out, perhaps after other statements."""

    def value(expression: str, before: str = "", after: str = "") -> float:
        return load(f"{before}\nq: quadrupole, l = 1, k1 := {expression};\nl: line = (q);\n{after}\nuse, sequence=l;\n")["q"].k1

    return value


def names(lattice: cv.Lattice) -> str:
    """Names of the elements, without the markers at the ends."""
    assert lattice.names[0].endswith("$start")
    assert lattice.names[-1].endswith("$end")
    return " ".join(lattice.names[1:-1])


def places(lattice: cv.Lattice) -> dict[str, float]:
    """Where the elements end."""
    return dict(zip(lattice.names, np.cumsum([element.length for element in lattice.elements]).round(12), strict=True))


# -------------------------------------------------------------------- expressions and variables


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2*3 - 4/8", 6.5),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2*-3", -6.0),
        ("- -3", 3.0),
        ("1.5e-3 + 2.D2 + .5", 200.5015),
        ("(1 + 2) * (3 - 1)", 6.0),
        ("sin(pi/2) + cos(0) + tan(0)", 2.0),
        ("sqrt(16) + abs(-1) + exp(0) + log(1) + log10(100)", 8.0),
        ("asin(1) + acos(1) + atan(1)", 0.75 * math.pi),
        ("sinh(1) + cosh(1) + tanh(0)", math.e),
        ("sinc(0) + sinc(pi)", 1.0),
        ("floor(-1.5) + ceil(1.2) + round(2.5) + round(-2.5) + frac(1.25)", 0.25),
        ("erf(0) + erfc(0)", 1.0),
        ("twopi * raddeg * degrad", 2 * math.pi),
        ("emass / pmass", 0.51099895e-3 / 0.93827208816),
        ("clight * e", 299792458 * math.e),
        ("3 > 2", 1.0),
        ("(3 <> 3) + (2 <= 2) + (1 == 1 && 2 == 3) + (1 == 2 || 2 == 2)", 2.0),
        ("0x1.8p+1", 3.0),
        ("1.5e\n-3", 0.0015),
    ],
)
def test_expressions(value: Callable[..., float], expression: str, expected: float) -> None:
    assert value(expression) == pytest.approx(expected, rel=1e-15, abs=1e-15)


def test_deferred_and_immediate(value: Callable[..., float]) -> None:
    assert value("x", "a = 1; x := 2*a;", "a = 3;") == 6
    assert value("x", "a = 1; x = 2*a;", "a = 3;") == 2
    assert value("x", "a = 1; const x := 2*a;", "a = 3;") == 2
    assert value("x", "x = 1; x = x + 1;") == 2
    assert value("x", "int x = 2.7;") == 2
    assert value("x", "real const x = 1; const x = 2; x = 3;") == 1  # the first value of a constant stays
    assert value("x", "REAL X : = 4 ;") == 4
    assert value("later + 1", after="later = 2;") == 3


def test_what_is_not_defined_is_zero(load: Load) -> None:
    lattice = load(BEAM + "q: quadrupole, l=1, k1:=kq; l: line=(q); use, sequence=l;")
    assert lattice["q"].k1 == 0
    assert ("kq", "not defined", False) in {(loss.element, loss.value, loss.is_physics) for loss in lattice.losses}


def test_attributes_in_expressions(value: Callable[..., float]) -> None:
    assert value("d->l + s->l", "d: drift, l=2; s: sequence, l=3; endsequence;") == 5
    assert value("m->knl[2]", "m: multipole, knl={1, 2, 3};") == 2
    assert value("m->rm11 + m->rm12", "m: matrix, rm12=2;") == 3
    assert value("beam->pc", "beam, particle=proton, pc=3;") == 3
    assert value("beam%ring->gamma", "beam, sequence=ring, particle=proton, gamma=7;") == pytest.approx(7, rel=1e-15)
    assert value("d->l", "d: drift, l=1;", "d->l = 4;") == 4


def test_conditions_loops_and_macros(value: Callable[..., float]) -> None:
    assert value("x", "a = 2; if (a > 1) { x = 1; } else { x = 2; }") == 1
    assert value("x", "a = 2; if (a > 3) { x = 1; } elseif (a == 2 && 1 < 2) { x = 2; } else { x = 3; };") == 2
    assert value("x", "if (1 == 2) {x = 1;} elseif (1 == 3) {x = 2;} else {if (1 == 1) {x = 3;};}; y = 1;") == 3
    assert value("x", "n = 0; x = 1; while (n < 4) { n = n + 1; x = x * n; };") == 24
    assert value("x", "set_to(aa, bb): macro = { aa = bb + 1; if (aa > 2) { aa = 7; }; }; exec, set_to(x, 4);") == 7
    assert value("x.3", "three: macro = { x.3 = 3; }; exec, three;") == 3
    assert value("k.2", "n = 2; make(nn): macro = { k.nn = nn * 10; }; exec, make($n);") == 20


def test_layout_and_comments(load: Load) -> None:
    text = """
! a comment; q: quadrupole;
// another: drift, l = "5;
/* and one
   of several lines; */ D1: DRIFT,
   L = 1; d2: drift, l = 2 /* within */ ; D3: d1;
Q1: quadrupole L=0.5 K1 = 2, TILT=0.1   ! blanks separate, too
;
  "m1": marker;; title, "! no 'comment'";
l: LINE = (d1, d2, D3, q1,
  m1);
use, period=L;
"""
    lattice = load(BEAM + text)
    assert names(lattice) == "d1 d2 d3 q1 m1"
    assert (lattice["q1"].length, lattice["q1"].k1, lattice["q1"].tilt) == (0.5, 2, 0.1)


# -------------------------------------------------------------------- elements and their attributes


def test_elements_come_from_others(load: Load) -> None:
    lattice = load(BEAM + "a: quadrupole, l=1, k1=2; b: a, k1=3; c: b; a, l=5; c->k1 = 4; l: line=(a,b,c); use, sequence=l;")
    assert [(lattice[name].length, lattice[name].k1) for name in "abc"] == [(5, 2), (1, 3), (1, 4)]
    assert lattice["b"].metadata == {"class": "a"}


def test_definitions_again(load: Load) -> None:
    """Outside of a sequence the last one counts, in it the first one, as in MAD-X."""
    assert (
        load(BEAM + "q: drift, l=1; s: sequence, l=4; q, at=2; endsequence; q: drift, l=2; use, sequence=s;")["q"].length == 2
    )
    text = "q: drift, l=1; s: sequence, l=4; q: quadrupole, l=2, at=2; endsequence; use, sequence=s;"
    assert load(BEAM + text)["q"].kind == "Drift"


# -------------------------------------------------------------------- sequences


@pytest.mark.parametrize(("refer", "end"), [("entry", 4.0), ("centre", 3.0), ("exit", 2.0)])
def test_positions(load: Load, refer: str, end: float) -> None:
    lattice = load(BEAM + f"q: quadrupole, l=2; s: sequence, l=6, refer={refer}; q, at=2; endsequence; use, sequence=s;")
    assert places(lattice)["q"] == end
    assert lattice.length == 6


def test_gaps_and_origins(load: Load) -> None:
    lattice = load(
        BEAM
        + """
        q: quadrupole, l = 0.5;
        s: sequence, l := 2*half, refer = centre;
          q1: q, at = 1;
          q2: q, at = -2, from = ip;
          ip: marker, at = half;
          q3: q, at := 2, from = ip, k1 = 3;
        endsequence;
        half = 5;
        use, sequence = s;""".replace("half = 5;\n        use", "use").replace("s: seq", "half = 5; s: seq")
    )
    assert names(lattice) == "drift_0 q1 drift_1 q2 drift_2 ip drift_3 q3 drift_4"
    assert places(lattice) == {
        "s$start": 0, "drift_0": 0.75, "q1": 1.25, "drift_1": 2.75, "q2": 3.25, "drift_2": 5, "ip": 5, "drift_3": 6.75,
        "q3": 7.25, "drift_4": 10, "s$end": 10,
    }  # fmt: skip
    assert lattice["q3"].k1 == 3


def test_sequences_in_sequences(load: Load) -> None:
    text = """
        q: quadrupole, l=1;
        inner: sequence, l=2, refer=entry{refpos}; a: q, at=0; b: q, at=1; endsequence;
        s: sequence, l=10, refer=centre; inner, at=5; m: marker, at=10; endsequence; use, sequence=s;"""
    assert names(load(BEAM + text.format(refpos=""))) == "drift_0 inner$start a b inner$end drift_1 m"
    assert places(load(BEAM + text.format(refpos="")))["a"] == 5
    assert places(load(BEAM + text.format(refpos=", refpos=a")))["a"] == 5.5


def test_elements_with_attributes_of_their_own(load: Load) -> None:
    lattice = load(BEAM + "q: quadrupole, l=1; s: sequence, l=4; q, at=1; q, at=3, k1=5; endsequence; use, sequence=s;")
    assert [element.k1 for element in lattice.elements if element.name == "q"] == [0, 5]


def test_small_gaps_are_none(load: Load) -> None:
    lattice = load(BEAM + "q: drift, l=1.000001; s: sequence, l=2; q, at=1.5; endsequence; use, sequence=s;")
    assert names(lattice) == "drift_0 q"
    assert lattice.length == pytest.approx(2.0000005, abs=1e-12)


def test_what_is_used(load: Load) -> None:
    text = BEAM + "d: drift, l=1; a: line=(d); b: line=(2*d); c: line=(3*d);"
    assert load(text).length == 3  # the last one, where nothing is used
    text += "use, sequence=b; use, period=a;"
    assert load(text).length == 1
    assert load(text, line="B").length == 2
    assert load(text, branch="c").length == 3
    assert [load(text, branch=number).length for number in (0, 1)] == [2, 1]
    with pytest.raises(cv.UnknownNameError, match="no branch 2; it uses b, a"):
        load(text, branch=2)
    with pytest.raises(cv.UnknownNameError, match="no sequence or line 'bb'; did you mean 'b'"):
        load(text, line="bb")


def test_a_range_is_used(load: Load) -> None:
    text = BEAM + "q: drift, l=1; m: marker; l: line=(q, m, q, m, q); use, sequence=l, range={};"
    assert load(text.format("m[1]/m[2]")).names == ["m", "q", "m"]
    assert load(text.format("#s/q")).names == ["l$start", "q"]
    with pytest.raises(cv.LatticeError, match=r"2:52: l: range = .m.2./m., which is not there"):
        load(text.format("m[2]/m"))


# -------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("(a, 2*b, c)", "a b b c"),
        ("(a, r, -r)", "a b c c b"),
        ("(-2*(a, r))", "c b a c b a"),
        ("(2*(a, -(b, c)))", "a c b a c b"),
        ("(p(a, b), p((a, c), -r))", "a b a a c c b a c"),
        ("(p(p(a, b), c))", "a b a c a b a"),
        ("r", "b c"),
        ("(a,,b)", "a b"),
    ],
)
def test_lines(load: Load, line: str, expected: str) -> None:
    text = f"a: drift, l=1; b: drift, l=1; c: marker; r: line=(b, c); p(x, y): line=(x, y, x); t: line={line}; use, period=t;"
    assert names(load(BEAM + text)) == expected


# -------------------------------------------------------------------- files


def test_files(load: Load) -> None:
    main = BEAM + "call, file = 'parts/magnets.seq'; call, file=LINES.SEQ; use, sequence=l;"
    magnets = "d: drift, l=2; call, file='more.seq'; return; d: drift, l=7;"
    lattice = load(main, parts__magnets=magnets, parts__more="q: quadrupole, l=1;", lines="l: line=(d, q); stop; nonsense")
    assert (names(lattice), lattice.length, lattice.name) == ("d q", 3, "l")


def test_stop(load: Load) -> None:
    assert load(BEAM + "d: drift, l=1; l: line=(d); use, sequence=l; if (1 == 1) { stop; }; d, l=5; @@@").length == 1


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("q: quadrupole, l=1;\nl: line=(q);\n", True),
        ("! only a comment\nx := 3;\n", True),
        ("/* long\ncomment */\noption, -echo;\n", True),
        ("q: quadrupole, l = 1\nuse, q\n", False),
        ('{"a": 1}', False),
        ("&namelist\n x = 1;\n", False),
        ("", False),
    ],
)
def test_recognition(head: str, expected: bool) -> None:
    assert bool(recognises(head)) is expected


def test_time_is_linear(load: Load) -> None:
    """Elements that stand from another, and follow a variable; files at large are in ``test_robustness``."""

    def seconds(count: int) -> float:
        body = "".join(f"q{n}: q, at={n}.5, from=m;\n" for n in range(count))
        head = f"{BEAM}q: quadrupole, l=0.5, k1:=k; k=1;\ns: sequence, l={count};\nm: marker, at=0;\n"
        text = f"{head}{body}endsequence;\nuse, sequence=s;"
        gc.disable()  # it goes through what other tests left
        start = time.process_time()
        assert len(load(text)) == 2 * count + 4
        end = time.process_time()
        gc.enable()
        return end - start

    seconds(100)  # what is loaded once
    few, many = (min(seconds(n) for _ in range(2)) for n in (500, 2500))
    assert many / few < 15  # five times as many; what grows as the square: 25
