"""What is wrong in a MAD-X lattice file is said with file, line and column; what cannot be carried is reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.converters.madx.reader import read
from caraval.converters.madx.selection import fits
from caraval.core.errors import LatticeError

END = "\nl: line = (d);\nuse, sequence = l;\n"


def problem(folder: Path, text: str) -> str:
    """The message about a file, without its folder."""
    path = folder / "bad.madx"
    path.write_text(text)
    with pytest.raises(LatticeError) as caught:
        read(path)
    assert (caught.value.file, caught.value.line, caught.value.column) != (None, None, None)
    return str(caught.value).replace(f"{folder}/", "")


def loaded(folder: Path, text: str) -> cv.Lattice:
    path = folder / "good.madx"
    path.write_text(text)
    return cv.load(path, on_unsupported="drift")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q: quadrupole, l = ;", "1:20: unexpected the end of the statement; a number or a name"),
        ("q: quadrupole, l = 1 2;", "1:22: unexpected '2'; the name of an attribute"),
        ("q: quadrupole, k1 = (1 + 2;", "1:27: unexpected the end of the statement; '\\)'"),
        ("q: ;", "1:4: unexpected .*; a class"),
        ("d: drift;\nl: line = (d, ;", "2:15: unexpected .*; the name of an element or a line"),
        ("l: line = (d e);", "1:14: unexpected 'e'; ','"),
        ("l: line = 3;", "1:12: .*'\\*'"),
        ("= 3;", "1:1: unexpected '='; a statement"),
        ("d: drift, type = \"abc;", "1:18: the quotes are not closed"),
        ("m: multipole, knl = {1, 2;", "1:1: the braces are not closed"),
        ("d: drift;\n}", "2:1: unexpected '}'; nothing in braces is open"),
        ("if (1 == 1) d: drift;", "1:1: 'if' needs statements in braces"),
        ("if (1 = 1) { }", "1:7: unexpected '='; '\\)'"),
        ("else { }", "1:1: 'else' without 'if' before it"),
        ("m: macro = { x = 1;", "1:12: the braces are not closed"),
        ("d->l 3;", "1:6: unexpected '3'; '=' or ':='"),
    ],
)  # fmt: skip
def test_malformed_statements(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.madx:{expected}", problem(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d: drft, l = 1;", "1:1: there is no element or element class 'drft'; did you mean 'drift'"),
        ("d: drift, lenght = 1;", "1:11: d: lenght = an attribute that a drift has not.* changes the tracking"),
        ("d: drift, l = logg(2);", "1:15: unknown function 'logg'; did you mean 'log'"),
        ("d: drift, l = sqrt();", "1:19: sqrt\\(\\) takes one argument"),
        ("d: drift, l = -1;" + END, "1:1: drift 'd' has the negative length -1.0 m"),
        ("a := b + 2;\nb := a * 2;\nd: drift, l := a;" + END, "[12]:\\d+: this expression leads back to itself"),
        ("d: drift, l := d->l + 1;" + END, "1:16: this expression leads back to itself"),
        ("use, sequence = ring;", "1:1: there is no sequence or line 'ring' to use"),
        ("use;", "1:1: 'use' needs a sequence"),
        ("d: drift;\nl: line = (dd);\nuse, sequence = l;", "2:12: there is no element or line 'dd'; did you mean 'd'"),
        ("d: drift;\nl: line = (a);\na: line = (l);\nuse, sequence = l;", "2:1: line 'l' contains itself: l -> a -> l"),
        ("d: drift;\np(x): line = (x);\nl: line = (p(d, d));\nuse, sequence = l;", "3:12: line 'p' takes 1 arguments, not 2"),
        ("l: line = (99999999999*d);", "1:12: nothing can be repeated 99999999999 times"),
        ("s: sequence, l = 1;\nd: drift;\nendsequence;", "2:1: 'd' needs a position in sequence 's': at = ..."),
        ("s: sequence, l = 1;\nt: sequence;", "2:1: sequence 's' is not ended"),
        ("endsequence;", "1:1: no sequence is open"),
        ("s: sequence, refer = middle;", "1:14: refer must be one of entry, centre, center, exit, not 'middle'"),
        ("d: drift, l = 2;\ns: sequence, l = 9;\nd, at = 1;\nd, at = 2;\nendsequence;",
         "4:1: 'd' and 'd' overlap by 1 m in sequence 's'"),
        ("d: drift;\ns: sequence, l = 9;\na: d, at = 1, from = b;\nb: d, at = 1, from = a;\nendsequence;",
         "[34]:1: '[ab]' is placed from itself"),
        ("d: drift;\ns: sequence, l = 9;\na: d, at = 1, from = c;\nendsequence;", "3:1: 'a' is placed from 'c', which is"),
        ("d: drift;\ns: sequence, l = 9;\ns, at = 1;\nendsequence;", "1?.*stands in itself|2:1: sequence 's' stands in itself"),
        ("beam, energy = 1e-6;", "1:1: energy must be above 0.000510"),
        ("beam, mess = 1;", "1:7: a beam has no attribute 'mess'; did you mean 'mass'"),
        ("beam, particle = x, charge = 0;", "1:1: a particle of mass .* and charge 0.0 e makes no beam"),
        ("seqedit, sequence = s;", "1:1: there is no sequence 's' to edit"),
        ("flatten;", "1:1: 'flatten' needs a sequence to edit"),
        ("makethin, sequence = s;", "1:1: there is no sequence 's' to make thin"),
        ("s: sequence, l = 1; endsequence;\nmakethin, sequence = s, style = teapott;",
         "2:1: there is no slicing style 'teapott'; did you mean 'teapot'.*; there are teapot, simple, collim, hybrid"),
        ("s: sequence, l = 1; q: quadrupole, l = 1, at = 0.5; endsequence;\nuse, sequence = s;\n"
         "select, flag = makethin, slice = 1e9;\nmakethin, sequence = s;",
         "4:1: quadrupole 'q' cannot be cut into 1000000 slices"),
        ("call, file = 'nothing.seq';", "1:1: call: file = 'nothing.seq', which is not there changes the tracking"),
        ("x = 1;", "1:1: the file defines no sequence and no line"),
    ],
)  # fmt: skip
def test_nonsense(tmp_path: Path, text: str, expected: str) -> None:
    assert re.match(f"bad.madx:(?:{expected})", problem(tmp_path, text))


def test_errors_in_called_files_and_macros(tmp_path: Path) -> None:
    (tmp_path / "inner.seq").write_text("\n  q: quadrupole, k1 = ;")
    assert problem(tmp_path, "call, file = inner.seq;").startswith("inner.seq:2:23: unexpected")
    text = "m(a): macro = { q: quadrupole, a = ; };\nx = 1;\nexec, m(k1);"
    assert problem(tmp_path, text).startswith("bad.madx:3:1: in macro 'm': unexpected")


@pytest.mark.parametrize(
    "text",
    [
        "call, file = 'bad.madx';",
        "while (1 == 1) { }",
        "while (1 == 1) { x = 1; }",
        "m: macro = { exec, m; };\nexec, m;",
        "m(a): macro = { a; };\n" + "x = 1;" + "exec, m(m);" * 3 + "n: macro = { exec, n; };\nexec, n;",
        "x := " + "(" * 3000 + "1" + ")" * 3000 + ";\nd: drift, l := x;" + END,
        "".join(f"x{n} := x{n + 1} + 1;\n" for n in range(3000)) + "d: drift, l := x0;" + END,
        "d: drift;\nl: line = " + "(" * 3000 + "d" + ")" * 3000 + ";\nuse, sequence = l;",
        "d: drift;\nl0: line = (d);\n" + "".join(f"l{n + 1}: line = (1000*l{n});\n" for n in range(9)) + "use, sequence = l9;",
        "if (1 == 1) {" * 200 + "}" * 200,
        "m(aa): macro = { aa };\n"
        + "a" * 5000
        + " = 1;\n"
        + "k(a): macro = {"
        + "a " * 50000
        + "};\nexec, k("
        + "b" * 5000
        + ");",
    ],
    ids=["call", "while", "work", "macro", "macros", "parentheses", "chain", "groups", "repeats", "blocks", "text"],
)
def test_hostile_files_end(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caraval.converters.madx.flow.MOST", 20_000)
    monkeypatch.setattr("caraval.converters.madx.expansion.MOST", 20_000)
    assert problem(tmp_path, text)


def test_values_are_worked_out_once(tmp_path: Path) -> None:
    """Sixty doublings of a deferred variable are sixty sums, not 2^60."""
    text = "x0 := 1;" + "".join(f"x{n + 1} := x{n} + x{n};" for n in range(60)) + "d: drift, l := x60 / 2^60;" + END
    assert loaded(tmp_path, text)["d"].length == 1


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("q", "aqb", True),
        ("^q", "aqb", False),
        ("^a.b$", "aqb", True),
        ("^a*b$", "aaab", True),
        ("^a*b$", "b", True),
        ("[x-z]", "ay", True),
        ("[^a]$", "ba", False),
        ("^mb\\..*r1$", "mb.b8r1", True),
        ("^mb\\..*r1$", "mbxb8r1", False),
        ("q$", "aqb", False),
        ("", "a", True),
        ("^" + "a*" * 40 + "$", "a" * 40 + "b", False),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert fits(pattern, name) is expected


@pytest.mark.parametrize(
    ("text", "what", "kind"),
    [
        ("d: rfmultipole, knl = {0, 1}, freq = 1;", "d: a rfmultipole cannot be carried; a marker", "Marker"),
        ("d: twcavity, l = 1, volt = 1;", "d: a twcavity cannot be carried; a drift", "Drift"),
        ("d: rfcavity, volt = 1, freq = 1, fringe = 1;", "d: fringe = 1.0 cannot be carried; left out", "RFCavity"),
        ("d: nllens, knll = 1;", "d: a nllens cannot be carried; a marker", "Marker"),
        ("d: wire, current = {1};", "d: a wire cannot be carried; a marker", "Marker"),
        ("d: quadrupole, k1 := table(twiss, x);", "d: k1 = table\\(twiss, x\\) needs a result of MAD-X", "Quadrupole"),
        ("d: quadrupole, k1 = 3 * ranf();", "d: k1 = ranf\\(\\) is another number in each run", "Quadrupole"),
        ("d: quadrupole, k1 := 1 / none;", "d: k1 = division by zero cannot be carried; zero, as in MAD-X", "Quadrupole"),
        ("x = 3 +;\nd: quadrupole, k1 := x;", "d: k1 = unexpected the end of the statement", "Quadrupole"),
        ("d: sbend, l = 1, angle = 0.1, h1 = 1;", "d: h1 = 1.0 cannot be carried; left out", "SBend"),
        ("d: hkicker, kick = 1, sinkick = 1;", "d: sinkick = 1.0 cannot be carried", "HKicker"),
        ("d: quadrupole, k1 := k; k = 1;\nmatch; vary, name = k; lmdif; endmatch;", "d: k1 = is found by", "Quadrupole"),
        ("d: drift;\nif (table(twiss, x) > 1) { d: marker; }", "if: condition = table\\(twiss, x\\) needs", "Drift"),
    ],
)  # fmt: skip
def test_losses(tmp_path: Path, text: str, what: str, kind: str) -> None:
    text = (text if "use," not in text else text.replace("use, sequence = l;", "l: line = (d); use, sequence = l;")) + "\n"
    lattice = loaded(tmp_path, text + END if "use," not in text else text)
    assert lattice["d"].kind == kind
    assert [loss for loss in lattice.losses if loss.is_physics and re.match(what, str(loss)) and loss.place]
    with pytest.raises(LatticeError, match="changes the tracking and cannot be carried"):
        read(tmp_path / "good.madx")


def test_errors_count_until_the_sequence_is_used_again(tmp_path: Path) -> None:
    text = "d: quadrupole, l = 1;" + END + "select, flag = error, class = d;\nealign, dx := 1e-3 * gauss();\n"
    assert any(loss.element == "ealign" for loss in loaded(tmp_path, text).losses)
    assert not any(loss.is_physics for loss in loaded(tmp_path, text + "use, sequence = l;").losses)


def test_commands_are_noted_once(tmp_path: Path) -> None:
    lattice = loaded(tmp_path, "d: drift;" + END + "twiss, file = x;\ntwiss;\nplot;\nnonsense, x = @;\n")
    assert [(loss.element, loss.is_physics) for loss in lattice.losses] == [
        ("twiss", False),
        ("plot", False),
        ("nonsense", False),
    ]


WORDS = st.sampled_from(
    "d q l s m x k1 knl at from beam use sequence line drift quadrupole multipole endsequence if else while macro exec call "
    "file seqedit flatten install element class 1 2.5 1e3 sin ( ) { } [ ] , ; ; : := = -> + - * / ^ % & ! // /* */ \" ' < > == "
    "<> && || #s select flag clear matrix rm11 \n".replace(" \n", "").split(" ")
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=40))
def test_any_text_is_read_or_refused(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "any.madx"
    path.write_text("d: drift, l = 1; l: line = (d);\n" + " ".join(words))
    try:
        lattice = cv.load(path, format="madx", on_unsupported="drift")
    except (LatticeError, cv.UnknownNameError):
        return
    assert isinstance(lattice, cv.Lattice)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_characters_are_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.madx"
    path.write_text("d: drift, l = 1; l: line = (d);\n" + text, encoding="utf-8", errors="replace")
    try:
        lattice = cv.load(path, format="madx", on_unsupported="drift")
    except LatticeError:
        return
    assert isinstance(lattice, cv.Lattice)
