"""Tables and quantities that people like to read: units with prefixes, digits that line up."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import Any, Literal, NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from caraval.plot import Along, si_prefix

DIGITS = 4
"""Significant digits of the middle value of a column."""


class Quantity(NamedTuple):
    """A column of numbers: what is over it, its unit, its values, and all that share its prefix."""

    title: str
    unit: str
    values: Any
    alike: Any


def quantity(value: float, unit: str, digits: int = DIGITS) -> str:
    """Return a number with its unit and the prefix that suits it: ``"805.1 MeV"``."""
    factor, prefix = si_prefix(value)
    return f"{value / factor:.{digits}g} {prefix}{unit}".rstrip()


def count(number: int, of: str) -> str:
    """Return how many there are of something, in the plural where need be: ``"10 000 electrons"``."""
    return f"{grouped(number)} {of}{'' if number == 1 else 's'}"


def grouped(number: int) -> str:
    """Return a whole number with its thousands apart: ``"10 000"``."""
    return f"{number:,}".replace(",", " ")


def plain_table(*columns: str) -> Table:
    """Return a table without frame; columns that begin with ``>`` stand right, and the last is broken where it must be."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        side: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(escape(column.removeprefix(">")), justify=side, no_wrap=column is not columns[-1])
    return table


def beam_table(table: Along, names: Sequence[str], *, narrow: bool = False) -> Table:
    """Return a table of the beam's statistics, a row per place."""
    sizes = np.concatenate([table.sigma_x, table.sigma_y])
    emittances = np.concatenate([table.normalized_emittance_x, table.normalized_emittance_y])
    columns = [
        Quantity("sigma_x", "m", table.sigma_x, sizes),
        Quantity("sigma_y", "m", table.sigma_y, sizes),
        Quantity("norm.\nemit. x", "m", table.normalized_emittance_x, emittances),
        Quantity("norm.\nemit. y", "m", table.normalized_emittance_y, emittances),
        Quantity("bunch\nlength", "m", table.sigma_z, table.sigma_z),
        Quantity("energy\nspread", "", table.sigma_pz, table.sigma_pz),
        Quantity("ref.\nenergy", "eV", table.energy, table.energy),
    ]
    cells = [
        ("s\n[m]", [f"{value:.3f}" for value in table.s]),
        *map(_formatted, columns),
        ("trans-\nmission\n[%]", [f"{100 * value:.2f}" for value in table.transmission]),
    ]
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0 if narrow else 1, 0, 0))
    shown.add_column("\n\nplace", overflow="fold")
    for heading, _ in cells:
        shown.add_column("\n" * (2 - heading.count("\n")) + escape(heading), justify="right", no_wrap=True)
    for row in zip(names, *(texts for _, texts in cells), strict=True):
        shown.add_row(*row)
    return shown


def _formatted(column: Quantity) -> tuple[str, list[str]]:
    """Return the heading and the texts of a column."""
    factor, prefix = si_prefix(column.alike)
    power = "" if factor == 1 else f"{factor:.0e}".replace("e-0", "e-")
    unit = f"{prefix}{column.unit}" if column.unit else power
    decimals = _decimals(np.asarray(column.alike) / factor)
    return f"{column.title}\n[{unit}]" if unit else f"{column.title}\n", [_text(v / factor, decimals) for v in column.values]


def _decimals(values: Any) -> int:
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    return min(max(DIGITS - 1 - floor(log10(np.median(size))), 0), 6) if size.size else 0


def _text(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if isfinite(value) else "–"
