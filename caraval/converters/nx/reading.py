"""Reads NX tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from math import atan2, cos, hypot, isfinite, sin
from pathlib import Path
from typing import NamedTuple

from caraval.core.element import Element
from caraval.core.errors import LatticeError
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.registry import registry

PLACES = ("X_beam", "Y_beam", "Z_beam", "THETA_beam")
NEEDED = ("NAME", "CLASS", *PLACES)
KEPT = ("Stage", "CAD_Sub_section", "Comments")
"""Columns that are needed, and that are kept as they are."""

KINDS = {"MQ": "Quadrupole", "MS": "Solenoid", "MCH": "HKicker", "MCV": "VKicker", "MCX": "Kicker", "R": "LCavity",
         "UND": "Undulator", "BPM": "Monitor", "BSC": "Monitor", "SL": "RCollimator"}  # fmt: skip
"""Kinds by how the names of classes begin; the longest counts."""

THIN = ("Monitor",)
"""Kinds that need no length."""

SHORT, STRAIGHT = 1e-6, 1e-5
"""What is no length [m], and no angle [rad], in numbers of six digits, some of which are rounded to four."""

ASIDE = 0.05
"""How far [m] from the beam's line something may stand that is still on it."""

BACK = 0.2
"""How far [m] a thing may stand before the one that is listed before it."""

ROUND = 0.1
"""How well the chord of an arc halves its angle, as a part of that."""


class Row(NamedTuple):
    """A thing, where it is on the floor [m], and the direction of the beam there [rad]."""

    name: str
    kind: str
    x: float
    z: float
    theta: float
    section: str
    kept: Mapping[str, str]
    line: int


def recognises(head: str) -> bool:
    """Whether a file begins as an NX table."""
    return head.lstrip("\ufeff").startswith("NAME,CLASS,")


def read(
    path: str | Path,
    *,
    line: str | None = None,
    branch: str | int | None = None,
    losses: Losses | None = None,
    lengths: Mapping[str, float] | None = None,
) -> Lattice:
    """Read a lattice.

    Parameters
    ----------
    path : str or Path
    line, branch : str or int, optional
        Section to take that is beside the main line, by its name or number from 1; left out: the main line.
    losses : Losses, optional
    lengths : mapping, optional
        Lengths [m] of classes, ``{"MQZM": 0.122}``, of which a table says nothing.

    Raises
    ------
    LatticeError
        If the file is no such table, with line; or if things overlap by their lengths.
    """
    path, losses = Path(path), losses or Losses()
    rows = _rows(path)
    main, aside = _sections(rows)
    wanted = line if line is not None else branch if branch not in (None, 0) else None
    names = list(aside)
    if isinstance(wanted, int) and 0 < wanted <= len(names):
        wanted = names[wanted - 1]
    if wanted is not None and wanted not in aside:
        raise LatticeError(f"there is no section {wanted!r} beside the main line, only {', '.join(names)}", file=str(path))
    chosen = main if wanted is None else aside[str(wanted)]
    for section in names if wanted is None else []:
        losses.note(path.stem, "branch", section, "a branch of its own")
    elements = _Line(path, lengths or {}, losses).elements(chosen)
    return Lattice(elements, name=str(wanted or path.stem))


def _rows(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in NEEDED if name not in (table.fieldnames or ())]
            if missing:
                raise LatticeError(f"this is no NX table: it has no column {', '.join(missing)}", file=str(path), line=1)
            found = [_row(given, path, table.line_num) for given in table if given["NAME"]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise LatticeError(f"this is no NX table: {error}", file=str(path)) from None
    if not found:
        raise LatticeError("the table has no rows", file=str(path), line=1)
    return found


def _row(given: Mapping[str, str | None], path: Path, line: int) -> Row:
    values = {}
    for name in PLACES:
        try:
            values[name] = float(given[name] or "")
        except ValueError:
            values[name] = float("nan")
        if not isfinite(values[name]):
            raise LatticeError(f"{given['NAME']}: {name} must be a number, not {given[name]!r}", file=str(path), line=line)
    if abs(values["Y_beam"]) > SHORT:
        raise LatticeError(
            f"{given['NAME']}: Y_beam is {given['Y_beam']}; lines that climb are not understood", file=str(path), line=line
        )
    kept = {name: text for name in KEPT if (text := given.get(name))}
    section = (given.get("CAD_Sub_section") or "").strip()
    return Row(
        str(given["NAME"]), given["CLASS"] or "", values["X_beam"], values["Z_beam"], values["THETA_beam"], section, kept, line
    )


def _sections(rows: Sequence[Row]) -> tuple[list[Row], dict[str, list[Row]]]:
    """Return the things along the main line, and those beside it by their sections."""
    main: list[Row] = []
    aside: dict[str, list[Row]] = {}
    for section, members in groupby(rows, key=lambda row: row.section):
        along = sorted(members, key=lambda row: row.z)
        for i, row in enumerate(along):
            near = (*main[-2:], row, *along[i + 1 : i + 2])
            is_in_bend = any(is_middle(*near[first : first + 3]) for first in range(len(near) - 2))
            if not main or is_in_bend or _goes_on(main[-1], row):
                main.append(row)
            else:
                aside.setdefault(section, []).append(row)
    return main, {section: _sorted(members) for section, members in aside.items()}


def _sorted(rows: list[Row]) -> list[Row]:
    """Return things in the order in which the beam comes by them."""
    theta = sum(row.theta for row in rows) / len(rows)
    return sorted(rows, key=lambda row: row.z * cos(theta) + row.x * sin(theta))


def _goes_on(last: Row, row: Row) -> bool:
    """Whether the beam comes from one thing to another, straight ahead or along an arc."""
    chord, turn = hypot(row.x - last.x, row.z - last.z), row.theta - last.theta
    ahead = (row.z - last.z) * cos(last.theta) + (row.x - last.x) * sin(last.theta)
    if abs(turn) <= STRAIGHT:
        return ahead > -BACK and abs((row.x - last.x) * cos(last.theta) - (row.z - last.z) * sin(last.theta)) < ASIDE
    direction = atan2(row.x - last.x, row.z - last.z)
    return chord > SHORT and abs(direction - (row.theta + last.theta) / 2) < ROUND * abs(turn)


def is_middle(start: Row, middle: Row, end: Row) -> bool:
    """Whether a thing is in the middle of a bend: there its place is that of the chord's middle."""
    off = hypot((start.x + end.x) / 2 - middle.x, (start.z + end.z) / 2 - middle.z)
    half = abs((start.theta + end.theta) / 2 - middle.theta)
    return abs(end.theta - start.theta) > STRAIGHT and off < 1e-5 and half < 1e-5 and _goes_on(start, end)


class _Line:
    """Puts things in a row, with the beam's way between them."""

    def __init__(self, path: Path, lengths: Mapping[str, float], losses: Losses) -> None:
        self.path, self.lengths, self.losses = path, lengths, losses
        self._said: set[str] = set()

    def elements(self, rows: Sequence[Row]) -> list[Element]:
        """Return the elements of a line."""
        found: list[Element] = []
        for i, row in enumerate(rows):
            length, element = self._element(row)
            if i:
                found += self._way(rows, i, before=self.lengths.get(rows[i - 1].kind, 0.0) / 2, after=length / 2)
            found.append(element)
        return found

    def _way(self, rows: Sequence[Row], i: int, *, before: float, after: float) -> list[Element]:
        """Return the way to a thing from the one before: a drift, or where the direction changes an arc."""
        start, end = rows[i - 1], rows[i]
        whole, parts = (start, end), 1
        for first in (i - 2, i - 1):
            if first >= 0 and first + 2 < len(rows) and is_middle(*rows[first : first + 3]):
                whole, parts = (rows[first], rows[first + 2]), 2
        chord, angle = hypot(whole[1].x - whole[0].x, whole[1].z - whole[0].z), whole[1].theta - whole[0].theta
        if abs(angle) > STRAIGHT:
            if before or after:
                raise LatticeError(f"{end.name!r} has a length, and stands in a bend", file=str(self.path), line=end.line)
            kind, length = registry().kind("SBend"), chord * (angle / 2) / sin(angle / 2)
            return [kind(name=f"{start.name}_{end.name}", length=length / parts, angle=-angle / parts)]
        rest = (end.z - start.z) * cos(start.theta) + (end.x - start.x) * sin(start.theta) - before - after
        if rest < -SHORT:
            raise LatticeError(f"{end.name!r} would overlap {start.name!r} by {-rest:g} m", file=str(self.path), line=end.line)
        return [registry().kind("Drift")(length=rest)] if rest > SHORT else []

    def _element(self, row: Row) -> tuple[float, Element]:
        prefix = max((p for p in KINDS if row.kind.startswith(p)), key=len, default="")
        length = float(self.lengths.get(row.kind, 0.0))
        kind = KINDS.get(prefix, "Drift" if length else "Marker")
        if not length and kind not in (*THIN, "Marker"):
            if row.kind not in self._said:
                self.losses.note(row.name, "length", row.kind, "a marker: the table says no length of such a thing")
                self._said.add(row.kind)
            kind = "Marker"
        metadata = {"nx_class": row.kind, **row.kept}
        return length, registry().kind(kind)(name=row.name, length=length, metadata=metadata)
