"""The command line: ``caraval track``, ``scan``, ``twiss``, ``survey``, ``convert``, ``info``, ``methods``, ``check``, ...

``caraval --help`` lists all.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .check import check
from .convert import convert
from .demo import demo
from .info import info
from .listing import methods, plugins
from .messages import Commands, print_version
from .new import new
from .optics import survey, twiss
from .scan import scan
from .track import track

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    traceback: Annotated[
        bool, typer.Option("--traceback", envvar="CARAVAL_TRACEBACK", help="Show where in the code an error came from.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Say the version, and stop.")
    ] = False,
) -> None:
    """Particle beams through accelerators: Bmad's physics on NumPy, PyTorch and JAX."""


for command in (track, scan, convert, info, twiss, survey, methods, check, demo):
    app.command()(command)

of_plugins = typer.Typer(invoke_without_command=True)
of_plugins.callback()(plugins)
of_plugins.command()(new)
app.add_typer(of_plugins, name="plugins")

__all__ = ["app"]
