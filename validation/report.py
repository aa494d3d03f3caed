"""The page of the documentation, and its summary in the README."""

from __future__ import annotations

import datetime
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, isnan
from types import MappingProxyType
from typing import NamedTuple

from . import codes, formats, impactx, lines, space_charge
from .elements import Result
from .records import REPOSITORY

PAGE = REPOSITORY / "docs" / "validation.md"
README = REPOSITORY / "README.md"

BEGIN, END = "<!-- validation: begin -->", "<!-- validation: end -->"
"""Marks in the README between which the summary stands."""

INTRODUCTION = """# Validation

What Caraval computes, against other codes, on the reference data at hand. `make validate` writes this page.

The error of a record is the largest difference over its living particles, each coordinate divided by its largest value
in the record, at least 1e-3; the same particles must survive. Amplitudes go to 1 cm, 10 mrad and 5 %; reference particles
are electrons of 4 MeV to 1 GeV, 100 MeV positrons and 1 GeV protons.
"""

EXPLANATIONS = {
    "Bmad": "Bmad's own closed forms, its peculiarities included, step for step.",
    "Bmad's mat6": (
        "The derivative of the element as it stands, by automatic differentiation of the routine. Bmad's own matrix is not "
        "the derivative of its tracking for edges of second order in bends (1e-8), exact multipoles in bends (2e-4), "
        "edges of cavities off axis, wigglers, elseparators, sol_quads (fifth row), `match` with delta_time, ac_kickers and "
        "multipoles with k0l; there this column shows Bmad's deviation."
    ),
    "PTC": (
        "The same integrator with PTC's steps, order, splitting and masses (CODATA 2014), and with its own understanding of "
        "Bmad's attributes: pitches in the opposite order, no edges of sextupoles, `fringe_type` of bends. In bends PTC "
        "rounds: it adds x to the radius and takes that off again, twice for each kick, and differs by that, where ours in "
        "double and in extended precision are the same to 1e-14."
    ),
    "PTC's other models": (
        "Cavities, wigglers, patches that move s, bends with several misalignments and thin dipoles: here PTC computes "
        "something else, and the numbers say how far the models are apart."
    ),
    "Bmad's symp_lie_bmad": "An independent symplectic integration of the wiggler's field model.",
    "Bmad's runge_kutta": (
        "A numerical integration of the fields: a second source for every element that has fields. Where Caraval integrates, "
        "too, what is left are Bmad's steps of 1e-12 m over edges, and its tolerance in wigglers."
    ),
}


class Row(NamedTuple):
    """A kind and what it is compared with: number of records, median and worst error, and the case of the worst."""

    kind: str
    cases: int
    median: float
    worst: float
    case: str
    problems: tuple[str, ...]


def rows(results: Iterable[Result]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows by (method, source)."""
    groups: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.method, result.source, result.kind].append(result)
    table: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for (method, source, kind), found in groups.items():
        table[method, source].append(_row(kind, found))
    return table


def _row(kind: str, found: Sequence[Result]) -> Row:
    done = [result for result in found if not isnan(result.error)]
    problems = tuple(sorted({result.problem for result in found if result.problem}))
    if not done:
        return Row(kind, 0, float("nan"), float("nan"), "", problems)
    worst = max(done, key=lambda result: result.error)
    return Row(kind, len(done), statistics.median(r.error for r in done), worst.error, worst.case, problems)


def page(
    results: dict[str, list[Result]],
    whole: dict[str, list[lines.Outcome]],
    cases: dict[str, list[impactx.Outcome]],
    files: dict[str, list[formats.Found]],
    magnets: Sequence[codes.Outcome] = (),
    bunches: Mapping[str, list[space_charge.Outcome]] = MappingProxyType({}),
) -> str:
    """Return the page.

    Parameters
    ----------
    results, whole, cases : mapping
        Single elements, whole lattices and ImpactX's cases by backend.
    files : mapping
        Lattice files by the code whose language they are in.
    magnets : sequence
        Single magnets against several codes.
    bunches : mapping
        Bunches with space charge against Bmad's, by backend.
    """
    out = [INTRODUCTION, f"{datetime.date.today()}. Backends: {', '.join(results)}.", ""]
    by_backend = {backend: rows(found) for backend, found in results.items()}
    first = next(iter(by_backend.values()))
    for method, source in first:
        out += [f"## `{method}` against {source}", "", EXPLANATIONS[source], ""]
        those = [backend for backend in by_backend if (method, source) in by_backend[backend]]
        out += _header(["kind", "records", f"median, {those[0]}", *(f"worst, {backend}" for backend in those), "worst case"])
        for row in first[method, source]:
            others = [_find(by_backend[backend][method, source], row.kind) for backend in those]
            out.append(_line([row.kind, row.cases, _number(row.median), *(_number(o.worst) for o in others), row.case]))
        problems = [(row.kind, problem) for row in first[method, source] for problem in row.problems]
        if problems:
            out += ["", "Not compared:", "", *(f"- {kind}: {problem}" for kind, problem in problems)]
        out.append("")
    out += _magnets(magnets) + _formats(files) + _lattices(whole) + _benchmarks(cases) + _bunches(bunches)
    return "\n".join(out)


def _magnets(magnets: Sequence[codes.Outcome]) -> list[str]:
    if not magnets:
        return []
    out = ["## `kick_drift_kick` against four codes", ""]
    out += [
        "Largest difference of six coordinates of eight particles of 100 MeV (1 mm, 1 mrad, 1 %), their exact models; and of",
        "two codes with the same model of edges from one another.",
        "",
    ]
    out += _header(["magnet", *magnets[0].differences, "MAD-NG from PTC"])
    out += [_line([one.name, *map(_number, one.differences.values()), _number(one.among)]) for one in magnets]
    return [*out, ""]


def _lattices(whole: dict[str, list[lines.Outcome]]) -> list[str]:
    if not whole:
        return []
    out = ["## Lattices against Bmad's tracked particles", ""]
    out += ["Largest difference of six coordinates after the whole lattice, relative where they exceed one.", ""]
    out += _header(["lattice", "elements", *whole])
    named = {backend: {o.name: o for o in found} for backend, found in whole.items()}
    refused: dict[str, int] = defaultdict(int)
    for one in next(iter(whole.values())):
        if isnan(one.worst):
            refused[re.sub(r"'[^']*'", "...", re.sub(r"^\S+:\d+:\d+: ", "", one.problem))] += 1
        else:
            out.append(_line([one.name, one.elements, *(_number(named[backend][one.name].worst) for backend in whole)]))
    if refused:
        out += ["", "Refused, with the reason and how many:", ""]
        out += [f"- {count}: {reason}" for reason, count in sorted(refused.items(), key=lambda item: -item[1])]
    return [*out, ""]


def _benchmarks(cases: dict[str, list[impactx.Outcome]]) -> list[str]:
    if not cases:
        return []
    out = [
        "## Benchmark cases of ImpactX",
        "",
        "Largest deviation of a moment, in units of the tolerance of ImpactX's own check.",
        "",
    ]
    out += _header(["case", *cases, "of"])
    named = {backend: {o.name: o for o in found} for backend, found in cases.items()}
    for one in next(iter(cases.values())):
        if one.problem:
            out.append(_line([one.name, *([f"not done: {one.problem}"] + [""] * (len(cases) - 1)), ""]))
        else:
            out.append(_line([one.name, *(f"{named[backend][one.name].worst:.2f}" for backend in cases), one.quantity]))
    return [*out, ""]


EXPLANATION_OF_BUNCHES = """## Space charge against Bmad

Largest difference of rms sizes and divergences across at the end of a line, and of the momentum spread, as a part of what space
charge does to them: with 32 nodes in each direction here, Bmad's on its own grids, and what Bmad's values on two grids lead to
if their error is of second order. Bmad smooths more; of the field along a long bunch, on 32 cells, it has too little: that of a
Gaussian a hundred times as long as wide is here within half a per cent of the closed form.
"""


def _bunches(found: Mapping[str, list[space_charge.Outcome]]) -> list[str]:
    if not any(found.values()):
        return []
    out = [EXPLANATION_OF_BUNCHES, *_header(["case", "Bmad's cells", *found, "momentum spread"])]
    for same in zip(*found.values(), strict=True):
        one = same[0]
        if one.problem:
            out.append(_line([one.name, f"not done: {one.problem}", *[""] * (len(found) + 1)]))
            continue
        shares = [f"{100 * o.transverse:.2f} %" for o in same]
        out.append(_line([one.name, one.cells or "limit", *shares, f"{100 * one.spread:.1f} %"]))
    return [*out, ""]


EXPLANATION_OF_FORMATS = """## Lattice files against the codes that define their languages

Of the files that each code accepts: how many load, without loss of physics or with losses allowed; and of those, how many
agree in all elements (names, kinds, lengths, positions, strengths), floor coordinates, transfer matrix (to 1e-9, relative
where they are large), optics and tracked particles (Bmad: 1e-10; elegant: 1e-6; PTC for MAD-X: 1e-8; relative where they exceed
one). Optics are Twiss parameters, phases and dispersions after every element, to 1e-8: the periodic ones that MAD-X recorded,
or those from beta functions of 10 m; MAD-X's by maps of second order about the axis, about the orbit and with cavities on, as
in its TWISS. MAD-X's files are counted by sequence. A code recorded no floor, matrix or particles where there is no number for
them.

Matrices of elegant are not always the derivatives of its tracking, as ours are. What they have beyond is made from ours before
they are compared (`tests/converters/elegant_matrices.py`); of cavities, `tests/converters/test_elegant_tracking.py` has the
derivatives of elegant's tracking. Optics of elegant agree if those of `twiss` do, which is about the orbit and has normal
modes, or those by elegant's own rule, which goes through these matrices about the axis and takes each plane by itself. Its
particles are not compared where they radiate by chance.
"""


def _formats(files: dict[str, list[formats.Found]]) -> list[str]:
    if not files:
        return []
    out = [EXPLANATION_OF_FORMATS, *_header(["code", "lattices", "load", "without loss", *formats.CHECKS])]
    for code, found in files.items():
        loaded = [one for one in found if one.differences]
        shares = [_share([one.agrees(code, check) for one in loaded]) for check in formats.CHECKS]
        strict = sum(one.loads == "yes" for one in found)
        out.append(_line([code, len(found), len(loaded), strict, *shares]))
    for code, found in files.items():
        rest = [row for one in found if (row := _remainder(code, one))]
        if rest:
            out += ["", f"What remains of {code}'s, with the differences:", "", *rest]
    return [*out, ""]


def _share(agreed: list[bool | None]) -> str:
    """Return how many agree of those that can be compared."""
    known = [one for one in agreed if one is not None]
    return f"{sum(known)} of {len(known)} ({100 * sum(known) / len(known):.0f} %)" if known else ""


def _remainder(code: str, one: formats.Found) -> str:
    """Return a line about a lattice that does not agree in all; empty, if it does."""
    if not one.differences:
        return f"- {one.name}: not read: {one.loads}"
    wrong = [_wrong(check, one.differences[check]) for check in formats.CHECKS if one.agrees(code, check) is False]
    if not wrong:
        return ""
    return f"- {one.name}: {', '.join(wrong)}" + (f" ({one.about})" if one.about else "")


def _wrong(check: str, difference: float | None) -> str:
    """Return what is said of a check that is not passed."""
    if check == "elements":
        return "elements differ"
    if check == "particles" or isfinite(difference or 0.0):
        return f"{check} {_number(difference or 0.0)}"
    return f"no {check} to compare"


def summary(results: dict[str, list[Result]]) -> str:
    """Return the table of the README: every method and its source, all kinds together, the worst of all backends."""
    out = _header(["method", "against", "kinds", "records", "median error", "within 1e-12"])
    every = [result for found in results.values() for result in found]
    for (method, source), found in rows(next(iter(results.values()))).items():
        errors = [r.error for r in every if (r.method, r.source) == (method, source) and not isnan(r.error)]
        kinds = sum(row.cases > 0 for row in found)
        share = sum(error < 1e-12 for error in errors) / max(len(errors), 1)
        median = statistics.median(errors) if errors else float("nan")
        out.append(
            _line([f"`{method}`", source, kinds, sum(row.cases for row in found), _number(median), f"{100 * share:.0f} %"])
        )
    return "\n".join(out)


def write(text: str, table: str) -> None:
    """Write the page, and the summary into the README."""
    PAGE.write_text(text)
    readme = README.read_text()
    if BEGIN in readme:
        before, _, rest = readme.partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


def _find(table: list[Row], kind: str) -> Row:
    return next(row for row in table if row.kind == kind)


def _header(columns: Sequence[str]) -> list[str]:
    return [_line(columns), "|" + "---|" * len(columns)]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _number(value: float) -> str:
    return f"{value:.1e}" if isfinite(value) else "others survive" if not isnan(value) else ""
