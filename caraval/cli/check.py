"""``caraval check``: whether what a plugin brings keeps to what Caraval takes for granted."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer
from rich.markup import escape

from caraval.core.errors import PluginWarning

from . import report
from .messages import FAILED, console
from .tables import plain_table


def check(
    plugin: Annotated[
        str, typer.Argument(help="A plugin, an installed distribution, or a module with hooks.", show_default=False)
    ],
    compiled: Annotated[
        bool, typer.Option("--compiled/--no-compiled", help="Check what is compiled, too, which takes seconds for each method.")
    ] = True,
    match: Annotated[str, typer.Option("--match", "-k", help="Only checks whose name contains this.", show_default=False)] = "",
) -> None:
    """Check all elements, backends, readers and writers that a plugin brings; the exit code is 1 where something fails."""
    from caraval.testing import results
    from caraval.testing.plugins import plugin_checks

    sys.path.insert(0, "")  # modules of the folder that one is in, as with `python -m`
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # other plugins' failures are said by `caraval plugins`
        checks = [c for c in plugin_checks(plugin, compiled=compiled) if match.lower() in f"{c.subject} {c.name}".lower()]
    table, failures = plain_table("what", "check", "", "measured"), []
    subject = ""
    for result in results(checks):
        what = result.check.subject
        if result.failure:
            failures.append(result.failure)
        cells = (what if what != subject else "", result.check.name, "FAILED" if result.failure else "ok", result.detail)
        table.add_row(*map(escape, cells))
        subject = what
    if not checks:
        report.line(f"{plugin} brings nothing that could be checked")
        return
    console().print(table)
    report.line(f"\n{len(checks) - len(failures)} of {len(checks)} checks passed")
    for failure in failures:
        report.line(f"\n{failure}")
    if failures:
        raise typer.Exit(FAILED)
