"""What is wrong in a Bmad lattice file is said with file, line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.converters.bmad.reader import read
from caraval.core.errors import LatticeError

LINE = "\nd: drift, l = 1\nl: line = (d)\nuse, l\n"


def problem(folder: Path, text: str, **options: str) -> str:
    """The message about a file, without its folder."""
    path = folder / "bad.bmad"
    path.write_text(text)
    with pytest.raises(LatticeError) as caught:
        read(path, **options)
    assert (caught.value.file, caught.value.line, caught.value.column) != (None, None, None)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q: quadrupole, l = ", "1:20: unexpected end of the file; .*a number"),
        ("q: quadrupole l = 1", "1:15: unexpected 'l'; ','.* would be right here"),
        ("q: quadrupole, l 1", "1:18: unexpected '1'; .*'='"),
        ("q: quadrupole, k1 = (1 + 2", "1:27: unexpected end of the file; .*'\\)'"),
        ("q: quadrupole, k1 = 2^3^4", "1:24: unexpected '\\^4'"),
        ("x = 3 +\ny = 2", "1:8: unexpected end of the line"),
        ("l: line = (a, b\nuse, l", "1:16: unexpected end of the line; ',', '\\)' or"),
        ("l: line = (a b)", "1:14: unexpected 'b\\)'; ',', '\\)' or"),
        ("= 3", "1:1: unexpected '='; a statement is expected"),
        ('q: quadrupole, type = "abc', "1:23: .*the quotes are not closed on this line"),
        ("q: quadrupole, wall = {a {b}", "1:29: unexpected end of the file; .*'}'"),
        ("use ring", "1:5: unexpected 'ring'"),
        ("q[k1 = 3", "1:2: unexpected '\\[k1'"),
    ],
)
def test_malformed_statements(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = xx + 1", "2:5: 'xx' is not defined before this"),
        ("lenght = 1\nd: drift, l = length", "2:15: 'length' is not defined before this; did you mean 'lenght'?"),
        ("d: drift, l = full", "1:15: 'full' is not defined"),
        ("x = 1\nx = 2", "2:1: 'x' is 1.0 already and cannot become 2.0; .*redef: x"),
        ("pi = 3", "1:1: 'pi' is 3.14"),
        ("x = 1 / (2 - 2)", "1:10: division by zero"),
        ("x = sqrt(-1)", "1:5: sqrt\\(-1\\) is not defined"),
        ("x = (-8)^(1/3)", "1:6: \\^\\(-8, 0.333333\\) is not defined"),
        ("x = exp(1e6)", "1:5: exp\\(1e\\+06\\) is not defined"),
        ("x = 1e300 * 1e300", "1:5: the value is too large"),
        ("x = 1e999", "1:5: the value is too large"),
        ("x = factorial(2.5)", "1:5: factorial\\(2.5\\) is not defined"),
        ("x = sine(1)", "1:5: unknown function 'sine'; did you mean 'sin'"),
        ("x = atan2(1)", "1:5: atan2\\(\\) takes 2 arguments, not 1"),
        ("x = ran_gauss()", "1:5: ran_gauss\\(\\) is another number whenever the file is read"),
        ("x = mass_of(unobtainium)", "1:5: unknown species 'unobtainium'"),
        ("x = species(electron) + 1", "1:5: a number is needed here, not 'electron'"),
        ("x = " + "(" * 3000 + "1" + ")" * 3000 + " + nothing", "1:.*'nothing' is not defined"),
        ("x = " + "-(" * 200 + "1" + ")" * 200, "1:.*nested more than 100 deep"),
        ("x = " + "sin(" * 200 + "1" + ")" * 200, "1:.*nested more than 100 deep"),
        ("q: quad, wall = " + "{" * 200 + "}" * 200, "1:.*nested more than 100 deep"),
    ],
)
def test_expressions(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text + LINE.replace("d:", "dd:").replace("(d)", "(dd)")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q: quadrupol_e", "1:1: there is no element class or element 'quadrupol_e'; did you mean 'quadrupole'?"),
        ("q: sol", "1:1: 'sol' may be sol_quad or solenoid; write more of it"),
        ("q: quadrupole, k_1 = 3", "1:16: quadrupole 'q' has no attribute 'k_1'; did you mean 'k1'?"),
        ("m: marker, k1 = 3", "1:12: marker 'm' has no attribute 'k1'"),
        ("m: marker, {1: 2}", "1:12: marker 'm': {...} as an attribute is not understood yet"),
        ("q: quadrupole, k1", "1:16: quadrupole 'q': k1 needs a value, k1 = ..."),
        ("q: quadrupole, k1 = 'big'", "1:21: quadrupole 'q': k1 must be a number, not 'big'"),
        ("q: quadrupole, fringe_type", "1:16: quadrupole 'q': fringe_type needs a value"),
        ("q: marker\nq: marker", "2:1: 'q' is defined already, in .*bad.bmad line 1"),
        ("q: marker\nq: line = (d)", "2:1: 'q' is defined already"),
        ("quadrupole: sextupole", "1:1: 'quadrupole' is a word of the language"),
        ("beginning: marker", "1:1: 'beginning' is a word of the language"),
        ("q1[k1] = 3", "1:1: no element 'q1' is defined before this"),
        ("quadru: quadrupole\nquadri[k1] = 3", "2:1: no element 'quadri' is defined before this; did you mean 'quadru'?"),
        ("q: quad\nq[kk] = 3", "2:1: quadrupole 'q' has no attribute 'kk'"),
        ("q: quad\n*[kk] = 3", "2:1: quadrupole 'q' has no attribute 'kk'"),
        ("x = q[k1]", "1:5: no element 'q' is defined"),
        ("q: quad\nx = q[kk]", "2:5: quadrupole 'q' has no attribute 'kk'"),
        ("q: quad\nx = q[x_limit]", "2:5: x_limit stands for x1_limit, x2_limit; read one of them"),
        ("x = %[k1]", "1:5: '%' means the element that is being set"),
        ("quadd::*[k1] = 3", "1:1: unknown element class 'quadd'"),
        ("3:15[k1] = 3", "1:1: '3:15' means something only after 'expand_lattice'"),
        ("a::b::c[k1] = 3", "1:1: 'a::b::c' selects no elements; 'name', 'na\\*', 'class::name'"),
        ("q##2[k1] = 3", "1:1: 'q##2' means something only after 'expand_lattice'"),
        ("parameter[e_total] = 3", "1:1: parameter has no parameter 'e_total'; did you mean 'e_tot'?"),
        ("bmad_com[nothing] = 3", "1:1: bmad_com has no parameter 'nothing'"),
        ("beginning[beta_a] = wide", "1:21: 'wide' is not defined"),
        ("k: line = (d)\nk[betta] = 3", "2:1: line 'k' has no parameter 'betta'"),
        ("q: quadrupole = {a}", "1:1: 'quadrupole' controls nothing; overlay, group, girder, ramper do"),
    ],
)
def test_elements_and_attributes(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text + LINE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d: drift\nl: line = (d)", "1:1: the file does not say which line is the lattice; 'use, line' is missing"),
        ("d: drift\nlin: line = (d)\nuse, lim", "3:6: no line 'lim' is defined; did you mean 'lin'?"),
        ("use", "1:1: a lattice is chosen by 'use, line'"),
        ("use, l\nl: line = ()", "2:1: line 'l' has no elements"),
        ("use, l\nl: line = (0*d)\nd: drift", "2:1: line 'l' has no elements"),
        ("use, l\nl: line = (a, b)\na: drift", "2:15: no element or line 'b' is defined"),
        ("use, l\nl: line = (a, k)\nk: line = (m)\nm: line = (a, -l)\na: drift",
         "4:16: a line cannot contain itself: 'l' in 'm' in 'k' in 'l'"),
        ("use, l\nl: line = (2*l)", "2:14: a line cannot contain itself: 'l' in 'l'"),
        ("use, l\nl: line = (k[a:b])\nk: line = (a)\na: drift",
         "2:12: the line has no element 'b'"),
        ("use, l\nl: line = (k[a])\nk: line = (a)\na: drift", "2:12: a slice of a line is written line\\[first:last\\]"),
        ("use, l\nl: line = (k[a##2:])\nk: line = (a)\na: drift", "2:12: the line has no element 'a##2'; there are 1"),
        ("use, l\nl: line = (k[b:a])\nk: line = (a, b)\na: drift; b: drift", "2:12: in line 'k', 'b' comes after 'a'"),
        ("use, l\nl: line = (a[a:])\na: drift", "2:12: no line 'a' is defined"),
        ("use, l\nl: line = (l[a:], a)\na: drift", "2:12: a line cannot contain itself: 'l' in 'l'"),
        ("use, l\nl: line = (k)\nk: line[multi] = (a)\na: drift", "2:12: line 'k' is a 'multi' line; what"),
        ("use, l\nl: line = (k(a))\nk(x, y): line = (x, y)\na: drift", "2:12: line 'k' takes 2 arguments \\(x, y\\), not 1"),
        ("use, l\nl: line = (a(a))\na: drift", "2:12: 'a' is no line, so it takes no arguments"),
        ("use, l\nl: list = (a)\na: drift", "1:6: 'l' is a list; a lattice is made from a line"),
        ("use, l\nl: line = (r)\nr: list = (a, k)\nk: line = (a)\na: drift", "3:15: the members of a list are elements"),
        ("use, l\nl: line = (r)\nr: list = ()", "3:1: list 'r' has no members"),
        ("use, l\nl: line = (99999999*a)\na: drift", "2:12: nothing can be repeated 99999999 times"),
        ("use, l\nl: line = (9999*(9999*(9999*a)))\na: drift", "2:1: line 'l' has more than 500000 members"),
    ],
)  # fmt: skip
def test_beamlines(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text))


def test_another_line_that_is_not_there(tmp_path: Path) -> None:
    assert "no line 'lx' is defined" in problem(tmp_path, LINE, line="lx")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parameter[p0c] = 1e9\nbeginning[e_tot] = 5", "2:20: total energy 5 eV is not above"),
        ("parameter[p0c] = -1", "1:18: p0c must be a positive momentum"),
        ("parameter[e_tot] = 5", "1:20: total energy 5 eV is not above the rest energy of the positron"),
        ("parameter[particle] = photon", "1:23: parameter: particle = photon changes the tracking and cannot be carried"),
        ("parameter[particle] = #12Xx+3", "1:23: unknown species '#12Xx\\+3'"),
        ("parameter[geometry] = round", "1:23: geometry must be open or closed, not 'round'"),
        ("parameter[no_end_marker] = 3", "1:28: no_end_marker must be T or F"),
        ("bmad_com[default_ds_step] = 0.1", "1:29: bmad_com: default_ds_step = 0.1 changes the tracking and cannot be carried"),
        ("beam, energy = 5, charge = 1", "1:19: 'beam' takes energy, pc, particle and n_part, not 'charge'"),
    ],
)
def test_parameters(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text + LINE))


def test_absolute_time(tmp_path: Path) -> None:
    kicker = "bmad_com[absolute_time_tracking] = T\nk: ac_kicker, l = 1, frequencies = {(1e9, 1, 0)}\nl: line = (k)\nuse, l"
    assert re.match("bad.bmad:1:36: parameter: absolute_time_tracking = t changes the tracking", problem(tmp_path, kicker))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("superimpose, ref = d", "1:1: 'superimpose' needs the element"),
        ("superimpose, element = e", "1:1: no element 'e' is defined"),
        ("superimpose, element = d, of = 3", "1:27: 'superimpose' takes no 'of'"),
        ("start_branch_at d", "1:1: 'start_branch_at' means something only after 'expand_lattice'"),
        ("qa, quad, l = 0.6", "1:1: 'qa' is no command; an element is defined with a colon: 'qa: quad, ...'"),
        ("parametr, p0c = 3", "1:1: 'parametr' is no command; did you mean 'parameter'?"),
        ("setenv = 3", "1:1: an environment variable is set by 'setenv NAME = value'"),
        ("d1: drift\nq: quad, call::file.bmad", "2:10: no file 'file.bmad' in"),
    ],
)
def test_what_is_not_understood(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text + LINE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o: overlay, var = {a}", "1:1: overlay 'o' needs to say what it controls: overlay = {...}"),
        ("o: overlay = 3", "1:14: unexpected '3'"),
        ("o: overlay = {d}", "1:1: overlay 'o' has no variables; say which, as in var = {a}"),
        ("o: overlay = {d}, var = {}", "1:19: overlay 'o' has no variables; var = {a} would be one"),
        ("o: overlay = {d[l]: a, [l]: a}, var = {a}", "1:24: '\\[l\\]: a' is nothing to control"),
        ("o: overlay = {d[l]: a,\n dd[l]: 3 a}, var = {a}", "2:2: '3 a' is no number: unexpected 'a'"),
        ("o: overlay = {d[l]: a*b}, var = {a}", "1:15: 'b' is not defined before this"),
        ("o: overlay = {d[l]: a}, var = {a}, b = 3", "1:36: overlay 'o' has no attribute 'b'"),
        ("o: overlay = {d[l]: a}, var = {a}\no[bb] = 3", "2:1: overlay 'o' has no attribute 'bb'"),
        ("o: overlay = {d[l]: a}, var = {a}\nx = o[x_knot(1)]", "2:5: overlay 'o' has no attribute 'x_knot\\(1\\)'"),
        ("o: overlay = {d[l]: a}, var = {a}\np: o, a = 3", "2:1: overlay 'o' cannot be copied; define another overlay"),
        ("o: overlay = {dd[l]: a}, var = {a}", "1:15: no element 'dd' is in the expanded lattice"),
        ("o: overlay = {d[kk]: a}, var = {a}", "1:15: drift 'd' has no attribute 'kk'"),
        ("o: overlay = {d*[kk]: a}, var = {a}", "1:15: drift 'd' has no attribute 'kk'"),
        ("o: overlay = {parameter[kk]: a}, var = {a}", "1:15: parameter has no parameter 'kk'"),
        ("o: overlay = {d[l]: 1/a}, var = {a}", "1:1: overlay 'o': '1/a' with a = 0: division by zero"),
        ("o: overlay = {d[l]: a}, var = {a}, a = wide", "1:40: a must be a number, not 'wide'"),
        ("o: overlay = {p}, var = {a}\np: overlay = {o[a]: b}, var = {b}",
         "1:15: overlay 'p' has no attribute 'a'"),
        ("o: overlay = {p[b]}, var = {a}\np: overlay = {o[a]}, var = {b}",
         "[12]:1: controllers cannot control themselves: '[op]' controls '[op]' controls '[op]'"),
        ("o: overlay = {d[l]: {1, 2}}, var = {a}, x_knot = {0, 1, 2}",
         "1:1: overlay 'o': '{1, 2}' with a = 0: there are 3 values in x_knot and 2 in the knots of the attribute"),
        ("o: overlay = {d[l]: {1, 2}}, var = {a}, x_knot = {0, 0}", "1:1: .* x_knot must have two values at least"),
        ("o: overlay = {d[l]: {1, 2}}, var = {a}, x_knot = {0, 1}, a = 2.1", "1:1: .* 2.1 is further beyond the knots, 0 to 1"),
        ("o: overlay = {d[l]: {1, 2}}, var = {a}, x_knot = {0, 1}, interpolation = spline",
         "1:1: .* interpolation must be cubic or linear, not 'spline'"),
        ("g: group = {d[end_edge]: a}, var = {a}, a = 1", "1:1: group 'g': end_edge needs an element beside 'd' to make room"),
        ("o: overlay = {d[l]: a, q[l]: a}, var = {a}, gang = F\nd: drift; q: drift; l: line = (d, d, q); use, l; end_file",
         "1:52: overlay 'o': without gang there must be as many of each; there are 2 of 'd', 1 of 'q'"),
        ("o: overlay = {d[l]: a}, var = {a}\nd: drift; l: line = (d); use, l; expand_lattice; o##2[a] = 3; end_file",
         "2:50: overlay 'o': without gang, all are set alike here; leave out '##'"),
        ("g: girder = {dd}", "1:14: no element 'dd' is in the expanded lattice; did you mean 'd'?"),
        ("g: girder = {d:m}\nm: marker", "1:14: there is no 'm' after 'd'"),
        ("g: girder = {m}, k1 = 3\nm: marker", "1:18: girder 'g' has no attribute 'k1'"),
    ],
)  # fmt: skip
def test_controllers(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, text + LINE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b[l_chord] = 2", "2:14: sbend 'b': l_chord follows from other attributes; change l, g or angle"),
        ("b[rho] = 0", "2:10: sbend 'b': rho cannot be 0 in a bend 1 m long"),
        ("q[k1] = 2", "2:1: no element 'q' is in the expanded lattice"),
    ],
)
def test_expanded_lattices(tmp_path: Path, text: str, expected: str) -> None:
    before = "q: quad; b: sbend, l = 1, g = 1; k: line = (b); use, k; expand_lattice\n"
    assert re.match(f"bad.bmad:{expected}", problem(tmp_path, before + text))


# -------------------------------------------------------------------- files


def test_calls(tmp_path: Path) -> None:
    (tmp_path / "elements.bmad").write_text("d: drift\n\n  q: quadrupole, kk = 1\n")
    (tmp_path / "loop.bmad").write_text("call, file = bad.bmad")
    inside = problem(tmp_path, "x = 1\ncall, file = elements.bmad")
    assert inside.startswith("elements.bmad:3:18: quadrupole 'q' has no attribute")
    missing = problem(tmp_path, "call, file = element.bmad")
    assert re.match("bad.bmad:1:14: no file 'element.bmad' in .*; did you mean 'elements.bmad'", missing)
    assert problem(tmp_path, "call, file = loop.bmad") == (
        "loop.bmad:1:14: a file cannot call itself: bad.bmad calls loop.bmad calls bad.bmad"
    )
    assert problem(tmp_path, "call, elements.bmad") == "bad.bmad:1:1: a file is called by 'call, file = name'"
    unset = problem(tmp_path, "call, file = $NO_SUCH_FOLDER/x")
    assert re.match("bad.bmad:1:14: the environment variable NO_SUCH_FOLDER in .* is not set", unset)
    for number in range(60):
        (tmp_path / f"f{number}").write_text(f"call, file = f{number + 1}")
    assert "files call each other more than 50 deep" in problem(tmp_path, "call, file = f0")
    assert "no file" in problem(tmp_path, "call, file = " + 1000 * "x")
    assert "no file" in problem(tmp_path, "call, file = a\0b")


# -------------------------------------------------------------------- anything

PIECES = [
    "q1", "d", "l", "line", "drift", "quadrupole", "overlay", "use", "call", "title", "expand_lattice", "superimpose", "redef:",
    "parameter", "beginning", "[k1]", "[", "]", "(", ")", "{", "}", ":", "=", ":=", ",", ";", "\n", " ", "&", "!", "-", "--",
    "*", "3*", "/", "^", "1", "2.5e3", "sin(", "mass_of(", "electron", "%", "@", "##2", ">>", "::", "'", '"', "k1", "tilt",
    "file", "type", "end_file", "return", "print", "\t", "\\", "#", "$X", "call::x", "1_dim", ".true.", "é", "\0",
]  # fmt: skip


def complaint(path: Path) -> LatticeError | None:
    """What is wrong with a file, if anything is."""
    try:
        read(path)
    except LatticeError as error:
        return error
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)))
def test_nothing_but_lattice_errors(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.bmad"
    path.write_text(text, encoding="utf-8", errors="replace")
    error = complaint(path)
    assert error is None or None not in (error.file, error.line, error.column)


def test_what_is_not_there_may_be_done_without(tmp_path: Path) -> None:
    file = tmp_path / "lossy.bmad"
    file.write_text(
        "parameter[particle] = electron\nbeginning[p0c] = 1e8\n"
        "c: crystal, l = 0.5, psi_angle = 2\n"
        "q: quadrupole, l = 1, k1 = 1, tracking_method = custom, sr_wake_file = 'w.dat'\n"
        "g: e_gun, l = 0.1\nl: line = (c, q, g)\nuse, l"
    )
    with pytest.raises(LatticeError, match="3:1: crystal 'c': Caraval has no elements of class 'crystal' yet"):
        cv.load(file)
    lattice = cv.load(file, on_unsupported="drift")
    assert lattice.kinds == ["Drift", "Quadrupole", "Drift", "Marker"]
    assert lattice["c"] == cv.Drift(name="c", length=0.5, metadata={"class": "crystal", "psi_angle": 2.0})
    found = {(loss.element, loss.attribute, str(loss.value), loss.instead) for loss in lattice.losses}
    assert found == {
        ("c", "", "crystal", "a drift"),
        ("q", "tracking_method", "custom", "the default method"),
        ("q", "sr_wake_file", "w.dat", "kept without effect"),
        ("g", "", "e_gun", "a drift"),
    }
    assert all(loss.is_physics and loss.place.startswith(f"{file}:") for loss in lattice.losses)
    assert lattice.track(cv.ParticleBeam(x=[1e-3], reference=lattice.reference)).s == 1.6
