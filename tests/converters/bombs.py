"""Small lattice files that would take long, or much memory, by language; none of them makes sense."""

from __future__ import annotations

DOUBLED = range(300)
BMAD_USE = "\nd: drift\nl: line = (d)\nuse, l\n"
MADX_USE = "\nd: drift;\nl: line = (d);\nuse, sequence = l;\n"
HEADER = '{"caraval": {"version": 1}, "line": [{"kind": "Drift"}]'

BOMBS = {
    "bmad": {
        "repeated": "d: drift\nl: line = (1000*(1000*(1000*d)))\nuse, l",
        "repeated nothing": "d: drift\nl: line = (d, 1000*(1000*(1000*())))\nuse, l",
        "counts": "d: drift\nl: line = (" + "9*" * 3000 + "d)\nuse, l",
        "doubled": "d: drift\nl0: line = (d)\n" + "".join(f"l{i + 1}: line = (l{i}, l{i})\n" for i in DOUBLED) + "use, l300",
        "chain": "d: drift\nl0: line = (d)\n" + "".join(f"l{i + 1}: line = (l{i})\n" for i in range(5000)) + "use, l5000",
        "parentheses": "x = " + "(" * 50_000 + "1" + BMAD_USE,
        "minuses": "x = " + "-" * 50_000 + "1" + BMAD_USE,
        "groups": "d: drift\nl: line = (" + "(" * 50_000 + "d" + ")" * 50_000 + ")\nuse, l",
        "braces": "q: wiggler, wall = {" + "{" * 50_000 + "}" * 50_000 + "}" + BMAD_USE,
        "number": "x = " + "9" * 10**6 + BMAD_USE,
        "power": "x = 10 ^ 10 ^ 10 ^ 10" + BMAD_USE,
        "pattern": "a" * 2000 + ": drift\n" + "*a" * 300 + "*b[l] = 1" + BMAD_USE + "x = 1 +",
        "name": '"' * 10**5 + BMAD_USE,
        "call": "call, file = any.bmad" + BMAD_USE,
    },
    "elegant": {
        "repeated": "d: drift\nl: line=(1000*(1000*(1000*d)))",
        "repeated nothing": "d: drift\ne: line=()\nl: line=(1000000*e, 1000*(1000*()))",
        "doubled": "d: drift\nl0: line=(d)\n" + "".join(f"l{i + 1}: line=(-l{i},l{i})\n" for i in DOUBLED),
        "groups": "d: drift\nl: line=(" + "(" * 50_000 + "d" + ")" * 50_000 + ")",
        "stack": "% " + "1 " * 10**6,
        "conditions": "% " + "1 1 == ? " * 3000 + "1" + " : 2 $" * 2999,
        "squares": "% 1e300\n" + "% 3 sto x\n" + "% x sqr sto x\n" * 3000 + 'd: drift, l="x"\nl: line=(d)',
        "factorial": '% 1000000 fact sto x\nd: drift, l="x"\nl: line=(d)',
        "number": f"d: drift, l={'9' * 10**6}\nl: line=(d)",
        "kicks": "q: kquad, l=1, n_kicks=" + "9" * 5000 + "\nl: line=(q, q)\nl: line=(q)",
        "include": "#INCLUDE: any.lte",
        "name": "#INCLUDE: " + "x" * 5000,
    },
    "madx": {
        "repeated": "d: drift; l: line = (1000*(1000*(1000*d))); use, sequence = l;",
        "repeated nothing": "d: drift; e: line = (); l: line = (1000*(1000*(1000*e)), d); use, sequence = l;",
        "doubled": "d: drift; l0: line = (d);" + "".join(f"l{i + 1}: line = (l{i}, l{i});" for i in range(50))
        + "use, sequence = l50;",
        "sequences": "s0: sequence, l = 0; endsequence;"
        + "".join(f"s{i + 1}: sequence, l = 0; s{i}, at = 0; s{i}, at = 0; endsequence;" for i in range(28))
        + "use, sequence = s28;",
        "refpos": "m: marker; s0: sequence, l = 0, refpos = m; m, at = 0; endsequence;"
        + "".join(f"s{i + 1}: sequence, l = 0, refpos = s{i}; s{i}, at = 0; endsequence;" for i in range(60))
        + "use, sequence = s60;",
        "while": "while (1 == 1) { x = 1; }",
        "loops": "while (1 == 1) { while (1 == 1) { } }",
        "macro": "m(a): macro = { exec, m(aa); }; exec, m(a);",
        "macros": "m(a): macro = { exec, m(a); exec, m(a); }; exec, m(1);",
        "text": "m(a): macro = {" + "a" * 50_000 + "}; exec, m(" + "b" * 50_000 + ");",
        "call": "call, file = 'any.madx';" * 3,
        "parentheses": "x = " + "(" * 50_000 + "1" + ")" * 50_000 + ";\nd: drift, l := x; l: line = (d);",
        "loop": "a := b; b := a; d: drift, l := a; l: line = (d);",
        "chain": "".join(f"x{n} := x{n + 1} + 1;\n" for n in range(3000)) + "d: drift, l := x0; l: line = (d);",
        "blocks": "if (1 == 1) {" * 3000 + "}" * 3000,
        "hexadecimal": "x = 0x" + "f" * 10**5 + "p9999999;\nd: drift, l = x; l: line = (d);",
        "pattern": "a" * 500 + ": marker; l: line = (" + "a" * 500 + "); use, sequence = l;"
        'select, flag = error, pattern = "' + ".*" * 500 + 'b"; ealign, dx = 1; x->l = ;',
        "momentum": "beam, energy = 1e308;",
        "name": "call, file = '" + "x" * 5000 + "'; = 1;",
    },
    "mad8": {
        "repeated": "D : DRIFT\nL : LINE=(1000*(1000*(1000*D)))\nUSE, L",
        "doubled": "D : DRIFT\nL0 : LINE=(D)\n" + "".join(f"L{i + 1} : LINE=(L{i}, L{i})\n" for i in range(50)) + "USE, L50",
        "loop": "A := B\nB := A\nD : DRIFT, L=A\nL : LINE=(D)\nUSE, L",
        "call": "CALL, FILENAME='any.mad8'",
        "parentheses": "D : DRIFT, L=" + "(" * 50_000 + "1\nL : LINE=(D)\nUSE, L",
        "continued": "D : DRIFT, &\n" * 20_000,
        "comments": "COMMENT\n" * 20_000 + "USE, L",
        "labels": ":" * 50_000,
    },
    "json": {
        "lists": f'{HEADER}, "metadata": {{"a": {"[" * 900}{"]" * 900}}}}}',
        "objects": HEADER + ', "metadata": ' + '{"a": ' * 950 + "1" + "}" * 951,
        "more lists": "[" * 10**6,
        "array": HEADER.replace('"Drift"', f'"Drift", "length": {"[" * 99}1{"]" * 99}') + "}",
        "number": HEADER.replace('"Drift"', f'"Drift", "length": {"9" * 10**6}') + "}",
        "twice": HEADER + ', "metadata": {' + ", ".join(f'"a{i % 20_000}": {i}' for i in range(20_001)) + "}}",
    },
}  # fmt: skip
"""Small files that would take long, or much: all of them are refused."""
