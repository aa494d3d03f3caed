"""Options that commands share, in groups: of a lattice, of a beam, of tracking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from caraval.core.coordinates import Coordinates
from caraval.core.lattice import Lattice

from . import options
from .beams import EMITTANCE, PARTICLES, SEED, BeamOptions
from .files import loaded
from .tracking import with_methods

READ, BEAM, TWISS, TRACK, RESULT = "Lattice", "Beam", "Beam by Twiss parameters", "Tracking", "Results"
"""Panels of the help."""


def _number(help_text: str, panel: str) -> Any:
    return typer.Option(parser=options.number, metavar="NUMBER", help=help_text, rich_help_panel=panel)


Methods = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[KIND=]METHOD",
        help="Tracking method of a kind or of elements, such as Quadrupole=linear, 'qf*=kick_drift_kick(order=4)', or "
        "linear for all that have it. Repeatable.",
        rich_help_panel=TRACK,
    ),
]
WhoseReference = Annotated[
    str,
    typer.Option(
        metavar="lattice|beam", help="Whose reference energy holds where lattice and beam disagree.", rich_help_panel=TRACK
    ),
]


@dataclass(frozen=True)
class LatticeOptions:
    """What the command line says of the lattice."""

    file: Path
    line: str | None
    branch: str | None
    format: str | None

    def load(self, methods: list[str] | None) -> Lattice:
        """Read the lattice, and give elements the methods that are asked for."""
        lattice = loaded(self.file, format=self.format, line=self.line, branch=self.branch)
        return with_methods(lattice, options.separate(methods))


def lattice_options(
    lattice: Annotated[Path, typer.Argument(help="Lattice file.", show_default=False)],
    line: Annotated[str | None, typer.Option(help="Beamline to take; left out: the file's own.", rich_help_panel=READ)] = None,
    branch: Annotated[
        str | None, typer.Option(help="Branch to take, by name or number; left out: the first.", rich_help_panel=READ)
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="Format of the file; left out: told from it.", rich_help_panel=READ)
    ] = None,
) -> LatticeOptions:
    """Take the options of a lattice."""
    return LatticeOptions(lattice, line, branch, file_format)


def beam_options(
    beam: Annotated[Path | None, typer.Option(help="Beam file, such as openPMD HDF5.", rich_help_panel=BEAM)] = None,
    sigma: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Rms of x, y, z in m and of px, py, pz, such as x=1e-4,px=1e-5; once x or y is given, others are zero.",
            rich_help_panel=BEAM,
        ),
    ] = None,
    particles: Annotated[
        int | None,
        typer.Option(
            parser=options.count,
            metavar="NUMBER",
            help=f"Number of macro-particles; left out: {PARTICLES}.",
            rich_help_panel=BEAM,
        ),
    ] = None,
    charge: Annotated[float | None, _number("Charge of the bunch in C; left out: one particle's each.", BEAM)] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help=f"Of the random numbers; left out: {SEED}.", rich_help_panel=BEAM)
    ] = None,
    species: Annotated[
        str | None, typer.Option(help="Species, such as electron or proton; left out: the lattice's.", rich_help_panel=BEAM)
    ] = None,
    p0c: Annotated[float | None, _number("Reference momentum in eV; left out: the lattice's.", BEAM)] = None,
    energy: Annotated[float | None, _number("Total energy of the reference in eV, instead of --p0c.", BEAM)] = None,
    beta_x: Annotated[
        float | None, _number("In m; left out, as all of these: the lattice's own at its beginning.", TWISS)
    ] = None,
    alpha_x: Annotated[float | None, _number("Half the slope of beta, negative.", TWISS)] = None,
    emittance_x: Annotated[float | None, _number("Geometric, in m rad.", TWISS)] = None,
    normalized_emittance_x: Annotated[
        float | None, _number(f"Normalized, in m rad, instead; left out: {EMITTANCE:g}.", TWISS)
    ] = None,
    beta_y: Annotated[float | None, _number("In m.", TWISS)] = None,
    alpha_y: Annotated[float | None, _number("As in x.", TWISS)] = None,
    emittance_y: Annotated[float | None, _number("Geometric, in m rad.", TWISS)] = None,
    normalized_emittance_y: Annotated[
        float | None, _number(f"Normalized, in m rad, instead; left out: {EMITTANCE:g}.", TWISS)
    ] = None,
    backend: Annotated[str, typer.Option(help="numpy, torch or jax.", rich_help_panel=TRACK)] = "numpy",
    dtype: Annotated[str, typer.Option(help="float64 or float32.", rich_help_panel=TRACK)] = "float64",
    device: Annotated[
        str | None, typer.Option(help="Such as cpu or cuda; left out: the backend's.", rich_help_panel=TRACK)
    ] = None,
) -> BeamOptions:
    """Take the options of a beam, and of where it lives."""
    twiss = {
        "beta_x": beta_x, "alpha_x": alpha_x, "emittance_x": emittance_x, "normalized_emittance_x": normalized_emittance_x,
        "beta_y": beta_y, "alpha_y": alpha_y, "emittance_y": emittance_y, "normalized_emittance_y": normalized_emittance_y,
    }  # fmt: skip
    return BeamOptions(
        beam, particles, seed, charge, species, p0c, energy, options.named_numbers(sigma, Coordinates._fields, "--sigma"),
        {name: value for name, value in twiss.items() if value is not None}, backend, dtype, device,
    )  # fmt: skip
