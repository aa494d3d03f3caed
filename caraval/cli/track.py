"""``caraval track``."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from caraval.io import save_beam
from caraval.plot import along, beam_sizes, turn_by_turn
from caraval.plot.table import check_single

from . import options, report
from .arguments import RESULT, TRACK, LatticeOptions, Methods, WhoseReference, beam_options, lattice_options
from .beams import BeamOptions, beam_for, check_reference
from .files import check_beam_target, check_figure_target, write_figure
from .groups import Group, grouped
from .messages import say

SHOWN_TURNS = 10
"""So often a beam is shown on its way round, if nothing else is said."""


@grouped
def track(
    source: Annotated[LatticeOptions, Group(lattice_options)],
    wanted: Annotated[BeamOptions, Group(beam_options)],
    method: Methods = None,
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile first (NumPy: by Numba); pays for many particles.", rich_help_panel=TRACK),
    ] = False,
    reference: WhoseReference = "lattice",
    observe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Elements after which to show the beam: names, patterns (bpm*, Quadrupole::*), or all. Repeatable.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    turns: Annotated[
        int,
        typer.Option(parser=options.count, metavar="NUMBER", help="How often to go round a ring.", rich_help_panel=TRACK),
    ] = 1,
    observe_turns: Annotated[
        int | None,
        typer.Option(
            parser=options.count,
            metavar="NUMBER",
            help="Every how many turns to show the beam; left out: ten times.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the tracked beam there, such as beam.h5.", rich_help_panel=RESULT)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw beam sizes along the lattice there, such as out.png.", rich_help_panel=RESULT)
    ] = None,
) -> None:
    """Track a beam through a lattice and show what becomes of it."""
    for path, check in ((out, check_beam_target), (plot, check_figure_target)):
        if path is not None:
            check(path)
    found = source.load(method)
    check_single(found)
    bunch, description = beam_for(found, wanted)
    if reference == "lattice":
        check_reference(bunch, found)
    names = options.separate(observe)
    shown = found.planner.keys(names)
    how: dict[str, Any] = {"reference": reference, "compiled": compiled}
    report.line(f"{report.heading(found)}\n{description}\n")
    started = perf_counter()
    with report.progress(found, bunch, compiled=compiled, turns=turns) as told:
        if turns == 1:
            table = along(found, bunch, "all" if plot else names, **how, progress=told)
        else:
            every = observe_turns or max(1, turns // SHOWN_TURNS)
            table = turn_by_turn(found, bunch, turns, names, observe_turns=every, **how, progress=told)
    seconds = perf_counter() - started
    report.rows(table, shown, every=turns > 1)
    report.line(f"\n{report.speed(found, bunch, seconds, compiled=compiled, turns=turns)}")
    report.losses(table.beam, found)
    if out is not None:
        for loss in save_beam(table.beam, out):
            say("warning", loss)
        report.line(f"beam written to {out}")
    if plot is not None:
        write_figure(beam_sizes(table, found if turns == 1 else None, title=report.title(found, bunch)), plot)
        report.line(f"plot written to {plot}")
