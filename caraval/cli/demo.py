"""``caraval demo``."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

import caraval.demo as linac
from caraval.plot import along, beam_sizes

from . import options, report
from .beams import get_ready
from .files import check_figure_target, write_figure

PLOT = "caraval-demo.png"


def demo(
    particles: Annotated[
        int, typer.Option(parser=options.count, metavar="NUMBER", help="Number of macro-particles.")
    ] = linac.PARTICLES,
    backend: Annotated[str, typer.Option(help="numpy, torch or jax.")] = "numpy",
    out: Annotated[Path, typer.Option(help="Folder for the plot.")] = Path(),
) -> None:
    """Track electrons through the bundled linac: a table, and a plot."""
    target = out / PLOT
    check_figure_target(target)
    get_ready(backend, "float64")
    lattice = linac.lattice()
    beam = linac.beam(lattice, particles, backend=backend)
    report.line(f"{report.heading(lattice)}\n{linac.FILE}\n")
    started = perf_counter()
    float(lattice.track(beam).sigma_x)  # asking for a number makes sure that asynchronous backends are done
    seconds = perf_counter() - started
    with report.progress(lattice, beam, compiled=False) as told:
        table = along(lattice, beam, progress=told)
    report.rows(table, lattice.planner.keys(linac.PLACES))
    report.line(f"\n{report.speed(lattice, beam, seconds)}")
    report.losses(table.beam, lattice)
    write_figure(beam_sizes(table, lattice, title=report.title(lattice, beam)), target)
    report.line(f"plot written to {target.resolve()}")
