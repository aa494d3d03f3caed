"""``caraval scan``."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from caraval.scanning import DEFAULT, Scan, grid, read_table
from caraval.scanning.settings import Columns
from caraval.scanning.stored import Parts, check_target

from . import options, report
from .arguments import RESULT, TRACK, LatticeOptions, Methods, WhoseReference, beam_options, lattice_options
from .beams import BeamOptions, beam_for, check_reference
from .groups import Group, grouped
from .messages import say
from .tables import count, quantity

_SETTINGS = "Settings"


@grouped
def scan(
    source: Annotated[LatticeOptions, Group(lattice_options)],
    output: Annotated[Path, typer.Option(help="Table to write: .parquet, .h5.", rich_help_panel=RESULT, show_default=False)],
    wanted: Annotated[BeamOptions, Group(beam_options)],
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="NAME=FIRST:LAST:COUNT",
            help="Values of a parameter, such as q1.k1=1:2:100, both ends included, or q1.k1=1.5. Repeatable: all "
            "combinations, the last changes fastest.",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="Settings instead: a column per parameter (q1.k1), a row per setting; .csv, .parquet or .h5.",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    method: Methods = None,
    moments: Annotated[
        bool, typer.Option("--moments", help="Track mean and covariance instead of particles.", rich_help_panel=TRACK)
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Compile first, where there is a compiler.", rich_help_panel=TRACK)
    ] = True,
    chunk: Annotated[
        int | None,
        typer.Option(
            parser=options.count,
            metavar="NUMBER",
            help="Settings at a time; left out: as many as fit in 256 MB.",
            rich_help_panel=TRACK,
        ),
    ] = None,
    reference: WhoseReference = "lattice",
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help=f"What to keep of the beam, such as sigma_x,transmission; left out: {', '.join(DEFAULT)}. Repeatable.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    observe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Elements after which to keep it as well: names, patterns (bpm*), or all. Repeatable.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a scan to that file was interrupted.", rich_help_panel=RESULT)
    ] = False,
) -> None:
    """Track a beam with many settings of a lattice, and write what becomes of it to a table."""
    check_target(output)
    settings = _settings(ranges, table)
    lattice = source.load(method)
    bunch, description = beam_for(lattice, wanted)
    if reference == "lattice":
        check_reference(bunch, lattice)
    how: Any = {"observe": options.separate(observe) or None, "chunk": chunk, "compiled": compiled, "reference": reference}
    beam = bunch.to_moments() if moments else bunch
    work = Scan(lattice, beam, settings, options.separate(outputs) or DEFAULT, **how)
    report.line(f"{report.heading(lattice)}\n{description}{', as moments' if moments else ''}\n{_described(work.settings)}\n")
    started = perf_counter()
    try:
        with report.scanning() as told:
            tracked = work.write(output, resume=resume, progress=told)
    except KeyboardInterrupt:
        say("note", f"interrupted; what is finished is kept in {Parts(output).folder}, and --resume goes on with it")
        raise
    seconds = perf_counter() - started
    if tracked:
        rate = quantity(tracked / seconds, "", 3)
        report.line(f"tracked {count(tracked, 'setting')} in {quantity(seconds, 's', 3)} on {beam.backend}: {rate} per second")
    report.line(f"table of {count(len(work), 'row')} {'written to' if tracked else 'complete already in'} {output}")


def _settings(ranges: list[str] | None, table: Path | None) -> Columns:
    if (table is None) == (not ranges):
        raise typer.BadParameter("give the settings either by --grid or by --table", param_hint="--grid")
    return read_table(table) if table is not None else grid(options.ranges(ranges, "--grid"))


def _described(settings: Columns) -> str:
    """Return in one line what is varied."""
    spans = [f"{name} from {column.min():g} to {column.max():g}" for name, column in settings.items()]
    return f"{count(len(next(iter(settings.values()))), 'setting')}: {', '.join(spans)}"
