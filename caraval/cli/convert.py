"""``caraval convert``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from caraval.core.losses import Loss, OnUnsupported
from caraval.io import load, save

from .messages import console, say
from .tables import plain_table


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Lattice file to read.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Lattice file to write.", show_default=False)],
    line: Annotated[str | None, typer.Option(help="Beamline to take; left out: the file's own.")] = None,
    branch: Annotated[str | None, typer.Option(help="Branch to take, by name or number; left out: the first.")] = None,
    source_format: Annotated[str | None, typer.Option("--from", help="Format of IN; left out: told from it.")] = None,
    target_format: Annotated[str | None, typer.Option("--to", help="Format of OUT; left out: told from its name.")] = None,
    on_unsupported: Annotated[
        str, typer.Option(help=f"What becomes of things that cannot be carried: {', '.join(get_args(OnUnsupported))}.")
    ] = "error",
) -> None:
    """Write a lattice in another format, and list what could not be carried."""
    allowed: OnUnsupported = on_unsupported  # type: ignore[assignment]  # checked by load
    number = int(branch) if branch and branch.isdigit() else branch
    lattice = load(source, format=source_format, line=line, branch=number, on_unsupported=allowed)
    lost = (*lattice.losses, *save(lattice, target, format=target_format, on_unsupported=allowed))
    if lost:
        console(whole=True).print(_table(lost))
    typer.echo(f"{len(lattice)} elements written to {target}; {len(lost) or 'nothing'} not carried")
    changed = sum(loss.is_physics for loss in lost)
    if changed:
        say("warning", f"{changed} of what was not carried changes the tracking, as you allowed")


def _table(lost: Sequence[Loss]) -> Table:
    table = plain_table("element", "attribute", "value", "instead", "changes tracking", "where")
    for loss in lost:
        row = (loss.element, loss.attribute, str(loss.value), loss.instead, "yes" if loss.is_physics else "", loss.place)
        table.add_row(*row)
    return table
