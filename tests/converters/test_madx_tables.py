"""Tables that MAD-X's files fill or read, and what stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest

import caraval as cv

END = "\nd: quadrupole, l = 1, k1 := k;\nl: line = (d);\nbeam;\nuse, sequence = l;\n"

TFS = """@ NAME             %06s "STRENG"
@ ORIGIN           %16s "a program"
* NAME  KEYWORD  K1L  N
$ %s    %s       %le  %d
 "QF"   "QUADRUPOLE"  0.25  1
 "QD"   "QUADRUPOLE"  -5.0e-1  2
 "QF"   "QUADRUPOLE"  0.75  3
"""


def strength(folder: Path, text: str) -> float:
    (folder / "k.tfs").write_text(TFS)
    path = folder / "table.madx"
    path.write_text(text + END)
    return cv.load(path)["d"].k1


@pytest.mark.parametrize(
    ("row", "expected"), [("k1l, 2", -0.5), ("qd, k1l", -0.5), ("QF[2], K1L", 0.75), ("qf, n", 1.0), ('"qd", k1l', -0.5)]
)
@pytest.mark.parametrize("command", ["readtable, file = 'k.tfs';", "readmytable, file = k.tfs, table = streng;"])
def test_tables_of_files(tmp_path: Path, command: str, row: str, expected: float) -> None:
    assert strength(tmp_path, f"{command}\nk := table(streng, {row});") == expected


@pytest.mark.parametrize("columns", ["a, b", "{a, b}", "a,b,none"])
def test_tables_that_are_filled(tmp_path: Path, columns: str) -> None:
    """A row keeps the values that variables have at that time."""
    text = f"create, table = mine, column = {columns};\nb := 2 * a; a = 1; fill, table = mine; a = 3; fill, table = mine;\n"
    assert strength(tmp_path, text + "a = 7; k = table(mine, b, 1) + 10 * table(mine, b, 2);") == 62.0


@pytest.mark.parametrize(
    "text",
    [
        "k = table(twiss, qf, betx);",
        "readtable, file = 'k.tfs'; k = table(streng, k1l, 4);",
        "readtable, file = 'k.tfs'; k = table(streng, k1l, 0);",
        "readtable, file = 'k.tfs'; k = table(streng, qx, k1l);",
        "readtable, file = 'k.tfs'; k = table(streng, qf, keyword);",
        "readtable, file = 'k.tfs', table = twiss; k = table(twiss, k1l, 1);",
        "readtable, file = 'k.tfs'; delete, table = streng; k = table(streng, k1l, 1);",
        "readtable, file = 'other.tfs'; k = table(streng, k1l, 1);",
        "create, table = mine, column = a; a = 1; fill, table = mine, row = 3; k = table(mine, a, 1);",
    ],
)
def test_what_is_not_known(tmp_path: Path, text: str) -> None:
    with pytest.raises(cv.LatticeError, match=r"k1 = table\(.*\) needs a result of MAD-X"):
        strength(tmp_path, text)


def test_loops_that_read_end(tmp_path: Path) -> None:
    with pytest.raises(cv.LatticeError, match=r"table.madx:1:\d+: after 300000 repeated statements there is no end"):
        strength(tmp_path, "while (1 > 0) { readtable, file = 'k.tfs'; }")
