"""What is wrong in a file of elegant's is said with file, line and column."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caraval.converters.elegant.reader import read
from caraval.core.errors import LatticeError, UnknownNameError
from caraval.core.losses import Losses

LINE = "\nd: drift, l=1\nbl: line=(d)\n"


def problem(folder: Path, text: str, name: str = "bad.lte", **options: str) -> str:
    """The message about a file, without its folder."""
    path = folder / name
    path.write_text(text)
    with pytest.raises(LatticeError) as caught:
        read(path, **options)
    assert (caught.value.file, caught.value.line, caught.value.column) != (None, None, None)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q: quad, l", "1:10: 'parameter = value' is expected, not 'l'"),
        ("q: quad, l=", "1:12: L has no value"),
        ("q: quad, &\n  k1=0.1, kk1=2", "2:11: QUAD 'Q' has no parameter 'KK1'; did you mean 'K1'"),
        ("q: quad, l=-", "1:12: QUAD 'Q': L must be a number, not '-'"),
        ("q: quad, l=1e999", "1:12: QUAD 'Q': L is too large"),
        ('q: quad, l="1 2', "1:12: the quotes are not closed"),
        ('q: quad, l="1 +"', "1:12: '\\+' takes 2 numbers, and there are 1"),
        ('q: quad, l="1 0 /"', "1:12: /\\(1, 0\\) is not defined"),
        ('q: quad, l="-1 sqrt"', "1:12: sqrt\\(-1\\) is not defined"),
        ('q: quad, l="length"', "1:12: 'length' is neither a number, nor stored before this"),
        ('q: quad, l=""', "1:12: the expression '' leaves no number"),
        ('q: quad, l="rnd"', "1:12: rnd is another number whenever the file is read"),
        ('q: quad, l="2 1 < ? 3"', "1:12: '\\?' without ':' or '\\$'"),
        ("% 1 sto", "1:1: 'sto' needs a name"),
        ("% 1 sto sin", "1:1: 'sin' is a function"),
        ("% pop", "1:1: too few numbers before 'pop'"),
        ('% "ls" cshs', "1:1: '\"ls\"' is neither"),
        ("rf: RF, l=1", "1:1: 'RF' may be RFCA, "),
        ("q: quad\nq: sext", "2:1: 'Q' is defined already, in bad.lte:1; names are for one thing"),
        ("q#1: quad", "1:1: the name 'Q#1' must not have a '#'"),
        (": line=(d)", "1:1: an element or a line needs a name"),
        ("d: drift\nbl: line=(d, e)", "2:14: no element or line 'E' is defined before this"),
        ("z: quat\nbl: line=(z)", "2:11: 'Z' is no element: its type 'QUAT' is unknown; did you mean 'QUAD'"),
        ("bl: line=(bl)", "1:11: no element or line 'BL' is defined before this"),
        ("d: drift\nbl: line=(d", "2:11: the line is not closed"),
        ("d: drift\nbl: line=d", "2:10: a line is written as"),
        ("d: drift\nbl: line=(d d(d))", "2:11: a line takes no arguments"),
        ("d: drift\nbl: line=(d)(d)", ""),
        ("d: drift\nbl: line=(-(d))", "2:12: elegant does not reverse a part in parentheses"),
        ("d: drift\nbl: line=(99999999*d)", "2:11: nothing can be repeated 99999999 times"),
        ("d: drift\nbl: line=(9999999*d)", "2:1: line 'BL' has more than 500000 elements"),
        ("d: drift\nbl: line=()", "2:1: line 'BL' has no elements"),
        ("d: drift", "1:1: the file defines no line"),
        ("#INCLUDE: bad.lte", "1:10: 'bad.lte' includes itself"),
        ("#INCLUDE: other.lte", "1:10: there is no file 'other.lte'"),
        ("b: csbend, angle=0.1" + LINE.replace("(d)", "(b)"), "1:1: CSBEND 'B': a bend needs a length"),
        ("k: kquad, l=1, n_slices=0" + LINE.replace("(d)", "(k)"), "1:1: KQUAD 'K': N_SLICES must be positive"),
        ("q: drift\nrename, qud=lens", "2:1: there is no type 'QUD' to rename; did you mean 'QUAD'"),
        ("d: drift\nc: rcol, x_max=1, open_side=\"x\"\nbl: line=(c)", "2:1: RCOL 'C': 'x' is no side"),
    ],
)  # fmt: skip
def test_messages(tmp_path: Path, text: str, expected: str) -> None:
    if expected:
        assert re.match(f"bad.lte:(?:{expected})", problem(tmp_path, text))
    else:  # what follows the end of a line does not count
        (tmp_path / "good.lte").write_text(text)
        assert read(tmp_path / "good.lte").names == ["D"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&run_control &end", "1:1: the file has no &run_setup"),
        ("\n&run_setup\n lattice=a.lte", "2:1: &run_setup is not ended by &end"),
        ("&run_setup use_beamline=a &end", "1:1: &run_setup names no lattice"),
        ("&run_setup\n lattice=nothing.lte &end", "2:10: there is no lattice file 'nothing.lte'"),
        ('&run_setup lattice="<ring>.lte" &end', "1:20: lattice depends on the macro <ring>"),
        ("&run_setup lattice=ring.lte, p_central=a &end", "1:40: p_central must be a number, not 'a'"),
        ("&run_setup lattice=ring.lte, p_central=1, p_central_mev=2 &end", "1:57: p_central and p_central_mev say the same"),
        ("&run_setup lattice=ring.lte, p_central=-1 &end", "1:1: the momentum must be positive"),
        ("&run_setup lattice=ring.lte, use_beamline=rig &end", "1:1: no line 'rig' is defined; did you mean 'RING'"),
        ("&change_particle name=tau &end", "1:1: unknown species 'tau'"),
    ],
)
def test_messages_about_command_files(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "ring.lte").write_text("d: drift, l=1\nring: line=(d)\n")
    assert re.match(f"run.ele:{expected}", problem(tmp_path, text, name="run.ele"))


def test_lines_and_branches_that_are_not_there(tmp_path: Path) -> None:
    assert "no line 'lin' is defined" in problem(tmp_path, LINE, line="lin")
    (tmp_path / "good.lte").write_text(LINE)
    with pytest.raises(UnknownNameError, match="no branch 1; there is 0: 'BL'"):
        read(tmp_path / "good.lte", branch=1)
    assert read(tmp_path / "good.lte", branch="bl").name == "BL"


def test_files_that_are_nested_too_deep(tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"{i}.lte").write_text(f"#INCLUDE: {i + 1}.lte\n{LINE if i == 11 else ''}")
    with pytest.raises(LatticeError, match="nested more than 10 deep"):
        read(tmp_path / "0.lte")


def test_hostile_files(tmp_path: Path) -> None:
    """Deep, long, and growing fast: errors, and soon."""
    doubling = "\n".join(f"l{i + 1}: line=(2*l{i},l{i})" for i in range(200))
    assert "more than 500000" in problem(tmp_path, f"d: drift\nl0: line=(d)\n{doubling}")
    assert "nested more than 100" in problem(tmp_path, f"d: drift\nbl: line=({'(' * 100_000}d")
    assert "too many" in problem(tmp_path, f'd: drift, l="{"1 " * 100_000}"').replace("more than 10000 numbers", "too many")
    for text in ("a" * 10**6, '"' + "a" * 10**6, "%" + "? " * 10**5, "(" * 10**6, "a:" * 10**5, "x: line=(" + "-" * 10**5):
        problem(tmp_path, text)
    number = "1" * 10**5
    assert "too large" in problem(tmp_path, f"d: drift, l={number}")
    problem(tmp_path, f"&run_setup {'a' * 10**6} {'b=' * 10**5} &end", name="run.ele")


PIECES = st.sampled_from(
    ["q", "d", ":", ",", "=", "line", "(", ")", "-", "2*", "quad", "drift", "l", "k1", '"', "\\", "1", ".", "e5", "%", " sto ",
     "x", " ", "\n", "&", "!", "use", "return", "title", "#INCLUDE:", " ? ", " : ", " $ ", " < ", "pi", "/", "<", "&run_setup",
     "&end", "rename", "lattice", "csbend", "angle", "\t", "\r", "é"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_loads_or_is_refused(tmp_path: Path, text: str) -> None:
    for name in ("any.lte", "any.ele"):
        path = tmp_path / name
        for content in (text, f"{text}{LINE}", f"d: drift, l=1\nbl: line=(d)\nq: quad, {text}\n"):
            path.write_text(content)
            with suppress(LatticeError):  # and nothing else
                read(path, losses=Losses("drift"))
