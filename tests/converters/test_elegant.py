"""The language of elegant's lattice files: statements, expressions, beamlines, files, command files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import caraval as cv
from caraval.converters.elegant import recognises

Load = Callable[..., cv.Lattice]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as a file; other files are given as ``name__suffix=text`` and lie beside it."""

    def load(text: str, *, name: str = "lattice.lte", line: str | None = None, **files: str) -> cv.Lattice:
        for other, content in files.items():
            path = tmp_path / other.replace("__", ".")
            path.write_text(content)
        path = tmp_path / name
        path.write_text(text)
        return cv.load(path, line=line)

    return load


@pytest.fixture
def value(load: Load) -> Callable[..., float]:
    """Work an expression out, perhaps after other statements."""

    def value(expression: str, before: str = "") -> float:
        return load(f"{before}\nq: drift, l=1\nd: quadrupole, l=1, k1={expression}\nbl: line=(d)\n")["D"].k1

    return value


# -------------------------------------------------------------------- text


def test_a_whole_file(load: Load) -> None:
    lattice = load("""! a line
% 0.2 sto lq
TITLE
 "a test"
Q1: KQUADRUPOLE, L="lq 2 *", & ! continued
! a comment in between
    K1=1.5, &
    N_SLICES=8, group="focusing"
"d 1"  : DRIF,  L = 5e-1
bl  : LINE=(Q1, "d 1", -q1, 2*q1)
RETURN
nothing of this is read
""")
    assert lattice.name == "BL"
    assert lattice.names == ["Q1", "d 1", "Q1", "Q1", "Q1"]
    assert lattice.metadata["title"] == "a test"
    quadrupole = lattice["Q1"]
    assert quadrupole == cv.Quadrupole(
        name="Q1", length=0.4, k1=1.5, tracking_method=cv.KickDriftKick(order=4, num_steps=8),
        metadata={"elegant_type": "KQUAD", "GROUP": "focusing"},
    )  # fmt: skip
    assert lattice.losses == ()


@pytest.mark.parametrize(
    ("word", "kind"),
    [("DRIF", "Drift"), ("DRIFT", "Drift"), ("quad", "Quadrupole"), ("Quadrupole", "Quadrupole"), ("MARKER", "Marker"),
     ("SEXTUPOLE", "Sextupole"), ("KSEXT", "Sextupole"), ("OCTUPOLE", "Octupole"), ("MONITOR", "Monitor"),
     ('"QUAD"', "Quadrupole")],
)  # fmt: skip
def test_types_may_be_abbreviated_or_longer(load: Load, word: str, kind: str) -> None:
    assert load(f"a: {word}\nbl: line=(a)")["A"].kind == kind


def test_parameters_with_and_without_underscores(load: Load) -> None:
    lattice = load("b: csbend, l=1, angle=0.1, edge1effects=0, N_KICKS=7\nbl: line=(b)")
    bend = lattice["B"]
    assert bend.fringe_at == "exit_end"
    assert bend.tracking_method == cv.KickDriftKick(order=4, num_steps=7, split="free")


def test_blanks_do_not_count_and_quotes_keep_case(load: Load) -> None:
    lattice = load('Q 1 : QU AD, L = 0. 5\n"q 1": QUAD, L=0.25\nBL: LINE = ( Q1 , "q 1" )')
    assert [(e.name, e.length) for e in lattice] == [("Q1", 0.5), ("q 1", 0.25)]


def test_carriage_returns(load: Load) -> None:
    assert load("d: drift, &\r\n l=2\r\nbl: line=(d)\r\n").length == 2


def test_elements_made_from_others(load: Load) -> None:
    lattice = load("% 1 sto x\nq: quad, l=0.2, k1=x\np: q, k1=-2\nr: p, l=0.1\nbl: line=(q, p, r)".replace("=x", '="x"'))
    assert [(e.length, e.k1) for e in lattice] == [(0.2, 1), (0.2, -2), (0.1, -2)]


def test_a_bend_made_from_a_rectangular_one_is_a_sector_bend_as_in_elegant(load: Load) -> None:
    lattice = load("r: rben, l=1, angle=0.2, e1=0.01\ns: r, k1=1\nbl: line=(r, s)")
    first, second = lattice.elements
    assert first.length == pytest.approx(0.1 / math.sin(0.1), rel=1e-15)
    assert (first.e1, first.e2) == (0.11, 0.1)
    assert (second.length, second.e1, second.e2, second.k1) == (1, 0.01, 0, 1)


def test_renamed_types(load: Load) -> None:
    assert load("rename, quad=lens\nq: lens, k1=1\nbl: line=(q)")["Q"].kind == "Quadrupole"


def test_what_is_no_statement_is_passed_over_and_reported(load: Load) -> None:
    lattice = load("hello world\nd: drift, l=1\nz: zoo, l=2\nbl: line=(d)")
    assert [loss.instead for loss in lattice.losses] == ["no statement of the language"] * 2
    assert not any(loss.is_physics for loss in lattice.losses)


def test_numbers_are_read_as_elegant_reads_them(load: Load) -> None:
    lattice = load('d: drift, l=6;\ne: drift, l=1.5D-3\nf: drift, l="2 0.5*"\nbl: line=(d, e, f)')
    assert [e.length for e in lattice] == [6, 1.5, 0.5]
    assert [loss.value for loss in lattice.losses] == ["1.5D-3", "'0.5*'"]


# -------------------------------------------------------------------- expressions


def test_a_quote_that_closes_nothing_is_left_out_as_in_elegant(load: Load) -> None:
    lattice = load('q: vkick, l=0.06"\nbl: line=(q)')
    assert lattice[0].length == 0.06
    assert [(loss.value, loss.is_physics) for loss in lattice.losses] == [("a quote that closes nothing", False)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 3 +", 5), ("2 3 -", -1), ("2 3 *", 6), ("3 2 /", 1.5), ("2 3 pow", 8), ("-2 3 pow", -8), ("2 sqr", 4),
        ("pi 6 / sin", 0.5), ("30 dsin", 0.5), ("0.5 dasin", 30), ("1 1 atan2 4 *", math.pi), ("2 chs abs", 2), ("7 3 mod", 1),
        ("1 2 swap -", 1), ("3 = *", 9), ("1 2 3 rup", 2), ("1 2 3 rdn", 1), ("1 2 3 pop", 2), ("1 2 stlv", 2), ("5 2 over", 5),
        ("1 2 < ? 10 : 20 $", 10), ("2 1 < ? 10 : 20 $", 20), ("1 1 == ! ? 1 : 2 $", 2), ("1 2 < 1 2 > || ? 3 : 4 $", 3),
        ("2 1 < ? 1 2 < ? 5 : 6 $ : 7 $ 1 +", 8), ("10 log", 1), ("2 10x", 100), ("3 4 hypot", 5),
        ("100 gamma.p sqr 1 - sqrt", 100),
        ("0.5 beta.p rec", math.sqrt(5)), ("c_mks", 299792458), ("1e3,2 *", 2000), ("2.7 int", 2), ("45 dtor rtod", 45),
    ],
)  # fmt: skip
def test_expressions(value: Callable[..., float], expression: str, expected: float) -> None:
    assert value(f'"{expression}"') == pytest.approx(expected, rel=1e-14)


def test_stored_values(value: Callable[..., float]) -> None:
    assert value('"a b *"', before="% 3 sto a 2 * sto b") == 18
    assert value('"A"', before="%  4   sto   A") == 4


def test_whole_numbers_are_cut(load: Load) -> None:
    method = load('q: kquad, l=1, n_slices="7 2 /", integration_order=2\nbl: line=(q)')["Q"].tracking_method
    assert method == cv.KickDriftKick(order=2, num_steps=3)


# -------------------------------------------------------------------- beamlines


@pytest.mark.parametrize(
    ("line", "expected"),
    [("a,b", "A B"), ("2*a,b", "A A B"), ("-ab", "B A"), ("-2*ab", "B A B A"), ("2*(a,b)", "A B A B"),
     ("2*(a,2*(b))", "A B B A B B"), ("-x", "C B A"), ("(a,(b))", "A B"), ("a,,b,", "A B"), ('"A"', "A"),
     ("-y,c", "A B C A B C C")],
)  # fmt: skip
def test_lines(load: Load, line: str, expected: str) -> None:
    text = "a: mark\nb: mark\nc: mark\nab: line=(a,b)\nx: line=(ab,c)\ny: line=(-x,-x)\nbl: line="
    assert " ".join(load(f"{text}({line})").names) == expected


def test_only_edges_of_reversed_elements_are_exchanged(load: Load) -> None:
    lattice = load(
        "b: sben, l=1, angle=0.1, e1=0.01, e2=0.02, edge2_effects=0\nk: hkick, kick=1e-3\nh: line=(b,k)\nbl: line=(-h)"
    )
    kicker, bend = lattice.elements
    assert kicker.kick == 1e-3
    assert (bend.e1, bend.e2, bend.fringe_at, bend.orientation) == (0.02, 0.01, "exit_end", 1)


def test_a_bend_next_to_itself_has_no_edge_there(load: Load) -> None:
    lattice = load("b: sben, l=1, angle=0.1, e1=0.1\nm: mark\nd: drift, l=1\nbl: line=(b,m,b,b,d,b)")
    assert [e.fringe_at for e in lattice if e.kind == "SBend"] == ["entrance_end", "no_end", "exit_end", "both_ends"]


def test_which_line(load: Load) -> None:
    text = "d: drift, l=1\none: line=(d)\ntwo: line=(2*d)\n"
    assert load(text).name == "TWO"
    assert load(text + "use, one\nthree: line=(3*d)").name == "ONE"
    assert load(text, line="one").name == "ONE"


def test_included_files(load: Load) -> None:
    lattice = load("#INCLUDE: parts.lte\nbl: line=(d)", parts__lte='% 2 sto two\nd: drift, l="two"\nreturn\nnot read')
    assert lattice.length == 2


# -------------------------------------------------------------------- command files

COMMANDS = """
&run_setup
    lattice = "ring.lte"  ! which
    use_beamline = half, p_central_mev = "(450 1 *)",
    default_order = 2
&end
&alter_elements name=Q*, item=K1, value=2, multiplicative=1 &end
&twiss_output matched = 0, beta_x = 3, alpha_y = -1, filename="%s.twi" &end
&bunched_beam n_particles_per_bunch = 10 &end
"""

RING = "q1: quad, l=0.1, k1=0.5\nd: drift, l=1\nhalf: line=(q1, d)\nring: line=(2*half)\n"


def test_a_command_file(load: Load) -> None:
    lattice = load(COMMANDS, name="run.ele", ring__lte=RING)
    assert lattice.name == "HALF"
    assert lattice.reference == cv.Reference("electron", 450e6)
    assert lattice["Q1"].k1 == 1.0
    assert lattice.beginning == {"beta_a": 3, "alpha_b": -1}
    assert [loss.element for loss in lattice.losses] == ["bunched_beam"]


def test_command_files_beside_a_lattice_say_what_they_agree_on(load: Load) -> None:
    other = COMMANDS.replace("half", "ring")
    assert load(RING, name="ring.lte", a__ele=COMMANDS).reference == cv.Reference("electron", 450e6)
    lattice = load(RING, name="ring.lte", b__ele=other)
    assert (lattice.name, lattice.reference) == ("RING", cv.Reference("electron", 450e6))
    assert load(RING, name="ring.lte", c__ele=COMMANDS.replace("450", "300")).reference is None


def test_particles_and_momenta(load: Load) -> None:
    proton = "&change_particle name=proton &end\n&run_setup lattice=ring.lte, p_central=2 &end"
    reference = load(proton, name="run.ele", ring__lte=RING).reference
    assert reference.species.name == "proton"
    assert reference.p0c == 2 * reference.species.mass
    called = '&run_setup lattice=ring.lte, p_central="{rpnl 450 .511 /}" &end'
    assert load(called, name="run.ele", ring__lte=RING).reference.p0c == pytest.approx(450e6, rel=1e-4)


def test_all_cavities_may_change_the_reference(load: Load) -> None:
    text = "&run_setup lattice=c.lte, p_central_mev=100, always_change_p0=1 &end"
    assert load(text, name="run.ele", c__lte="c: rfca, l=1, volt=1e6\nbl: line=(c)")["C"].kind == "LCavity"


# -------------------------------------------------------------------- recognition, and speed


def test_recognition() -> None:
    assert recognises("% 1 sto x\n")
    assert recognises("&run_setup\n lattice=a.lte\n&end")
    assert recognises('q: quad, l="0.1 2 /"\n')
    assert not recognises("q: quadrupole, l = 0.1, k1 = 2\nl: line = (q)\nuse, l")
    assert not recognises("q: quadrupole, l := 0.1;\n")


def test_a_suffix_shared_with_other_formats(tmp_path: Path) -> None:
    path = tmp_path / "line.lat"
    path.write_text("% 1 sto x\nd: drift, l=1\nbl: line=(d)\n")
    assert cv.load(path).names == ["D"]
    path.write_text("parameter[e_tot] = 1e9\nd: drift, l = 1\nbl: line = (d)\nuse, bl\n")
    assert cv.load(path).names == ["d", "end"]


@pytest.mark.slow
def test_reading_is_linear(load: Load) -> None:
    def seconds(number: int) -> float:
        elements = "".join(f'q{i}: kquad, l="0.1 {i} *", k1=1.5, & ! c\n  tilt=0.1\n' for i in range(number))
        start = time.process_time()
        assert len(load(elements + "bl: line=(" + ",&\n".join(f"q{i}" for i in range(number)) + ")")) == number
        return time.process_time() - start

    seconds(100)  # the lists of types are read
    few, many = seconds(2_000), seconds(16_000)
    assert many < 3 * 8 * few
