"""``caraval track``."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from caraval.core.coordinates import Coordinates
from caraval.io import save_beam
from caraval.plot import along, beam_sizes
from caraval.plot.table import check_single

from . import options, report
from .beams import EMITTANCE, PARTICLES, SEED, BeamOptions, beam_for, check_reference
from .files import check_beam_target, check_figure_target, loaded, write_figure
from .tracking import with_methods

_READ, _BEAM, _TWISS, _TRACK, _RESULT = "Lattice", "Beam", "Beam by Twiss parameters", "Tracking", "Results"


def _number(help_text: str, panel: str) -> Any:
    return typer.Option(parser=options.number, metavar="NUMBER", help=help_text, rich_help_panel=panel)


def track(
    lattice: Annotated[Path, typer.Argument(help="Lattice file.", show_default=False)],
    line: Annotated[str | None, typer.Option(help="Beamline to take; left out: the file's own.", rich_help_panel=_READ)] = None,
    branch: Annotated[
        str | None, typer.Option(help="Branch to take, by name or number; left out: the first.", rich_help_panel=_READ)
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="Format of the file; left out: told from it.", rich_help_panel=_READ)
    ] = None,
    beam: Annotated[Path | None, typer.Option(help="Beam file, such as openPMD HDF5.", rich_help_panel=_BEAM)] = None,
    sigma: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Rms of x, y, z in m and of px, py, pz, such as x=1e-4,px=1e-5; once x or y is given, others are zero.",
            rich_help_panel=_BEAM,
        ),
    ] = None,
    particles: Annotated[
        int | None,
        typer.Option(
            parser=options.count,
            metavar="NUMBER",
            help=f"Number of macro-particles; left out: {PARTICLES}.",
            rich_help_panel=_BEAM,
        ),
    ] = None,
    charge: Annotated[float | None, _number("Charge of the bunch in C; left out: one particle's each.", _BEAM)] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help=f"Of the random numbers; left out: {SEED}.", rich_help_panel=_BEAM)
    ] = None,
    species: Annotated[
        str | None, typer.Option(help="Species, such as electron or proton; left out: the lattice's.", rich_help_panel=_BEAM)
    ] = None,
    p0c: Annotated[float | None, _number("Reference momentum in eV; left out: the lattice's.", _BEAM)] = None,
    energy: Annotated[float | None, _number("Total energy of the reference in eV, instead of --p0c.", _BEAM)] = None,
    beta_x: Annotated[
        float | None, _number("In m; left out, as all of these: the lattice's own at its beginning.", _TWISS)
    ] = None,
    alpha_x: Annotated[float | None, _number("Half the slope of beta, negative.", _TWISS)] = None,
    emittance_x: Annotated[float | None, _number("Geometric, in m rad.", _TWISS)] = None,
    normalized_emittance_x: Annotated[
        float | None, _number(f"Normalized, in m rad, instead; left out: {EMITTANCE:g}.", _TWISS)
    ] = None,
    beta_y: Annotated[float | None, _number("In m.", _TWISS)] = None,
    alpha_y: Annotated[float | None, _number("As in x.", _TWISS)] = None,
    emittance_y: Annotated[float | None, _number("Geometric, in m rad.", _TWISS)] = None,
    normalized_emittance_y: Annotated[
        float | None, _number(f"Normalized, in m rad, instead; left out: {EMITTANCE:g}.", _TWISS)
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[KIND=]METHOD",
            help="Tracking method of a kind or of elements, such as Quadrupole=linear, 'qf*=kick_drift_kick(order=4)', or "
            "linear for all that have it. Repeatable.",
            rich_help_panel=_TRACK,
        ),
    ] = None,
    backend: Annotated[str, typer.Option(help="numpy, torch or jax.", rich_help_panel=_TRACK)] = "numpy",
    dtype: Annotated[str, typer.Option(help="float64 or float32.", rich_help_panel=_TRACK)] = "float64",
    device: Annotated[
        str | None, typer.Option(help="Such as cpu or cuda; left out: the backend's.", rich_help_panel=_TRACK)
    ] = None,
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile first (NumPy: by Numba); pays for many particles.", rich_help_panel=_TRACK),
    ] = False,
    reference: Annotated[
        str,
        typer.Option(
            metavar="lattice|beam", help="Whose reference energy holds where lattice and beam disagree.", rich_help_panel=_TRACK
        ),
    ] = "lattice",
    observe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Elements after which to show the beam: names, patterns (bpm*, Quadrupole::*), or all. Repeatable.",
            rich_help_panel=_RESULT,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the tracked beam there, such as beam.h5.", rich_help_panel=_RESULT)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw beam sizes along the lattice there, such as out.png.", rich_help_panel=_RESULT)
    ] = None,
) -> None:
    """Track a beam through a lattice and show what becomes of it."""
    twiss = {
        "beta_x": beta_x, "alpha_x": alpha_x, "emittance_x": emittance_x, "normalized_emittance_x": normalized_emittance_x,
        "beta_y": beta_y, "alpha_y": alpha_y, "emittance_y": emittance_y, "normalized_emittance_y": normalized_emittance_y,
    }  # fmt: skip
    wanted = BeamOptions(
        beam, particles, seed, charge, species, p0c, energy, options.named_numbers(sigma, Coordinates._fields, "--sigma"),
        {name: value for name, value in twiss.items() if value is not None}, backend, dtype, device,
    )  # fmt: skip
    for path, check in ((out, check_beam_target), (plot, check_figure_target)):
        if path is not None:
            check(path)
    found = with_methods(loaded(lattice, format=file_format, line=line, branch=branch), options.separate(method))
    check_single(found)
    bunch, description = beam_for(found, wanted)
    if reference == "lattice":
        check_reference(bunch, found)
    names = options.separate(observe)
    shown = found.planner.keys(names)
    report.line(f"{report.heading(found)}\n{description}\n")
    started = perf_counter()
    with report.progress(found, bunch, compiled=compiled) as told:
        table = along(found, bunch, "all" if plot else names, reference=reference, compiled=compiled, progress=told)
    seconds = perf_counter() - started
    report.rows(table, shown)
    report.line(f"\n{report.speed(found, bunch, seconds, compiled=compiled)}")
    report.losses(table.beam, found)
    if out is not None:
        save_beam(table.beam, out)
        report.line(f"beam written to {out}")
    if plot is not None:
        write_figure(beam_sizes(table, found, title=report.title(found, bunch)), plot)
        report.line(f"plot written to {plot}")
