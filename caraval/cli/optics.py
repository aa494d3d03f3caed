"""``caraval twiss`` and ``caraval survey``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from caraval.core.lattice import Lattice
from caraval.optics import Table, chromaticities, closed_orbit, tunes
from caraval.optics import survey as surveyed
from caraval.optics import twiss as optics
from caraval.plot import floor_plan, twiss_functions
from caraval.plot.table import check_single

from . import report
from .files import check_figure_target, check_folder, loaded, write_figure
from .messages import console
from .tables import plain_table

LatticeFile = Annotated[Path, typer.Argument(help="Lattice file.", show_default=False)]
Line = Annotated[str | None, typer.Option(help="Beamline to take; left out: the file's own.")]
Branch = Annotated[str | None, typer.Option(help="Branch to take, by name or number; left out: the first.")]
Format = Annotated[str | None, typer.Option("--format", help="Format of the file; left out: told from it.")]
Csv = Annotated[Path | None, typer.Option(help="Write all columns there, with all digits.")]

SHOWN = ("beta_a", "alpha_a", "phi_a", "beta_b", "alpha_b", "phi_b", "eta_x", "etap_x", "eta_y", "etap_y", "x", "y")
WHERE = ("x", "y", "z", "theta", "phi", "psi")
UNITS = {"beta": "m", "eta": "m", "phi": "rad", "psi": "rad", "theta": "rad", "x": "m", "y": "m", "z": "m"}


def twiss(
    lattice: LatticeFile, line: Line = None, branch: Branch = None, file_format: Format = None, csv: Csv = None,
    plot: Annotated[Path | None, typer.Option(help="Draw Twiss parameters there, such as out.png.")] = None,
) -> None:  # fmt: skip
    """Show Twiss parameters, dispersion and orbit along a lattice; of a ring, its tunes and chromaticities."""
    found = _ready(lattice, line, branch, file_format, csv, plot)
    table = optics(found)
    if found.geometry == "closed":
        _tell_ring(found)
    _show(table, SHOWN)
    _write(table, csv)
    if plot is not None:
        write_figure(twiss_functions(table, found), plot)
        report.line(f"plot written to {plot}")


def survey(
    lattice: LatticeFile, line: Line = None, branch: Branch = None, file_format: Format = None, csv: Csv = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the line on the floor there, such as out.png.")] = None,
) -> None:  # fmt: skip
    """Show where a lattice stands on the floor."""
    found = _ready(lattice, line, branch, file_format, csv, plot)
    table = surveyed(found)
    _show(table, WHERE)
    _write(table, csv)
    if plot is not None:
        write_figure(floor_plan(table, title=found.name), plot)
        report.line(f"plot written to {plot}")


def _ready(
    path: Path, line: str | None, branch: str | None, file_format: str | None, csv: Path | None, plot: Path | None
) -> Lattice:
    """Check where results go, and read the lattice."""
    if csv is not None:
        check_folder(csv)
    if plot is not None:
        check_figure_target(plot)
    found = loaded(path, format=file_format, line=line, branch=branch)
    check_single(found)
    report.line(f"{report.heading(found)}\n")
    return found


def _tell_ring(lattice: Lattice) -> None:
    """Say what a ring is known by."""
    found, slopes, orbit = tunes(lattice), chromaticities(lattice), closed_orbit(lattice)
    shown = [f"{mode} {tune:.9f}" for mode, tune in zip("abc", found, strict=True) if tune is not None]
    report.line(f"tunes            {', '.join(shown)}")
    report.line(f"chromaticities   a {slopes.a:.6f}, b {slopes.b:.6f}")
    transverse = ", ".join(f"{name} {value:.3e}" for name, value in zip(orbit._fields[:4], orbit, strict=False))
    report.line(f"closed orbit     {transverse}\n")


def _show(table: Table, names: Sequence[str]) -> None:
    """Print columns of a table, a row per place."""
    shown = plain_table("place", ">s [m]", *(f">{_heading(name)}" for name in names))
    columns = [[f"{value:.6g}" for value in table[name]] for name in names]
    for row in zip(table["name"], [f"{s:.3f}" for s in table["s"]], *columns, strict=True):
        shown.add_row(*map(str, row))
    console(whole=True).print(shown)


def _heading(name: str) -> str:
    unit: Any = UNITS.get(name.partition("_")[0])
    return f"{name} [{unit}]" if unit else name


def _write(table: Table, csv: Path | None) -> None:
    if csv is not None:
        table.to_csv(csv)
        report.line(f"table written to {csv}")
