"""The languages of lattice files: a small file of each, words of it, and files of many elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Language(NamedTuple):
    """A language: its suffix, a small file, words of it, and what makes a lattice of many elements."""

    suffix: str
    sample: str
    words: tuple[str, ...]
    many: Callable[[int], str]


# -------------------------------------------------------------------- many elements


def bmad(n: int) -> str:
    """Constants, elements of four kinds, a line, and settings before and after its expansion."""
    cells = range(n // 4)
    defined = (
        f"k{i} = 0.1 + {i}e-6\nd{i}: drift, l = 0.5\nq{i}: quadrupole, l = 0.2, k1 = 2*k{i}\n"
        f"b{i}: sbend, l = 1, angle = 1e-5\nm{i}: marker\nq{i}[tilt] = b{i}[angle] / 2"
        for i in cells
    )
    line = ", ".join(f"d{i}, q{i}, b{i}, m{i}" for i in cells)
    start = "parameter[particle] = electron\nparameter[geometry] = open\nbeginning[p0c] = 1e9\n"
    after = "\n".join(f"q{i}[x_offset] = 1e-6 + q{i}[y_offset]" for i in cells)
    return start + "\n".join(defined) + f"\nl: line = ({line})\nuse, l\nexpand_lattice\n{after}\n"


def elegant(n: int) -> str:
    """Numbers that are stored, elements of four types, elements like others, and a line."""
    cells = range(n // 4)
    defined = (
        f"% 0.1 {i} 1e-6 * + sto k{i}\nd{i}: drift, l=0.5\nq{i}: kquad, l=0.2, k1=\"k{i} 2 *\"\n"
        f"b{i}: csbend, l=1, angle=1e-5\nm{i}: mark"
        for i in cells
    )  # fmt: skip
    return "\n".join(defined) + "\nbl: line=(" + ",&\n".join(f"d{i},q{i},b{i},m{i}" for i in cells) + ")\n"


def madx(n: int) -> str:
    """Deferred expressions, a sequence, places that hang on one another, an editor, and errors by ranges."""
    cells = range(n // 4)
    defined = (f"k{i} := 0.1 + {i}*1e-6;\nq{i}: quadrupole, l=0.2, k1:=2*k{i};\nb{i}: sbend, l=1, angle=1e-5;" for i in cells)
    members = (f"q{i}, at={2 * i}+0.6;\nb{i}, at=0.8, from=q{i};\nm{i}: marker, at={2 * i + 1.95};" for i in cells)
    errors = (f"select, flag=error, clear;\nselect, flag=error, range=q{i};\nealign, dx=1e-6;" for i in cells[::20])
    moved = (f"move, element=m{i}, by=-0.01;" for i in cells[::20])
    return (
        "beam, particle=electron, energy=1;\n" + "\n".join(defined) + f"\ns: sequence, l={n // 2}, refer=centre;\n"
        + "\n".join(members) + "\nendsequence;\nseqedit, sequence=s;\nflatten;\n" + "\n".join(moved)
        + "\nendedit;\nuse, sequence=s;\n" + "\n".join(errors) + "\n"
    )  # fmt: skip


def mad8(n: int) -> str:
    """Expressions, elements of four classes, attributes of elements, a line that goes on over many others."""
    cells = range(n // 4)
    defined = (
        f"K{i} := 0.1 + {i}E-6\nD{i} : DRIFT, L=0.5\nQ{i} : QUAD, L=0.2, K1=2*K{i}\nB{i} : SBEND, L=1, ANGLE=1E-5\n"
        f"M{i} : MARK\nQ{i}[TILT] := B{i}[ANGLE]/2"
        for i in cells
    )
    line = ", &\n".join(f"D{i}, Q{i}, B{i}, M{i}" for i in cells)
    return "BEAM, PARTICLE=ELECTRON, ENERGY=1\n" + "\n".join(defined) + f"\nL : LINE=({line})\nUSE, L\n"


def json(n: int) -> str:
    """Elements that are defined, and others that are not."""
    cells = range(n // 2)
    defined = ",\n".join(f'"q{i}": {{"kind": "Quadrupole", "length": 0.2, "k1": {i}e-4}}' for i in cells)
    line = ",\n".join(f'"q{i}", {{"kind": "Drift", "length": 0.5, "metadata": {{"n": [{i}]}}}}' for i in cells)
    return f'{{"caraval": {{"version": 1}}, "elements": {{{defined}}}, "line": [{line}]}}'


# -------------------------------------------------------------------- languages

SIGNS = (*" \n,;:=(){}[]\"'!&*-+/^0", "1e99", "9" * 30)
"""What all languages have."""

LANGUAGES = {
    "bmad": Language(
        ".bmad",
        bmad(8) + "r(x): line = (x, 2*m1)\nk: list = (m0, 2*m1)\no: sextupole, l = 1, k2 = sqrt(4) * mass_of(electron)\n"
        "t: taylor, {1: 1 | 1}\nuse, r\n",
        ("line", "use,", "call, file =", "overlay =", "superimpose", "title", "*[k1]", "redef:", "end_file", "2*", "--", "%"),
        bmad,
    ),
    "elegant": Language(
        ".lte",
        elegant(8) + '"Q:1": q1, k1=3\nr: rfca, l=1, volt="1e6 2 *", freq=1e9\nbl2: line=(-bl, 2*("Q:1", r))\nuse, bl2\n',
        ("LINE=", "use,", "#INCLUDE:", "%", "sto x", "? 1 : 2 $", "title\n", "return", "rename,quad=", "\\", "999*"),
        elegant,
    ),
    "madx": Language(
        ".madx",
        madx(8) + "m(a, b): macro = { a = b; };\nexec, m(x, 2);\ni = 0;\nwhile (i < 3) { i = i + 1; if (i == 2) { x = 1; } }\n"
        "g: multipole, knl := {0, x, 1}; l: line = (2*g, -(q0, g));\n",
        ("line = (", "use, sequence =", "call, file =", "while (1 == 1) {", "exec, m(", ":=", "->", "from=", "at=", "/*"),
        madx,
    ),
    "mad8": Language(
        ".mad8",
        mad8(8) + "C : CONSTANT=1\nN : MULT, K2L=C, T2\nR(X) : LINE=(X, 2*M1, -(N, Q1))\nSET, K1, 2\n"
        "S : LINE=(R(B1))\nUSE, S\n",
        ("LINE=", "USE,", "CALL, FILENAME=", "COMMENT", "ENDCOMMENT", "TILT", "SET,", "CONSTANT=", "LCAV", "RM(1,1)="),
        mad8,
    ),
    "json": Language(
        ".json",
        json(4).replace("}, {", '}, "q1", {') + " ",
        ("null", "true", "NaN", "{}", "[]", '"kind":', '"line":', '"$array":', '"$mapping":', "1e999", "[[[[", "\\", "\ud7ff"),
        json,
    ),
}  # fmt: skip
