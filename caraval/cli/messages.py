"""How the command line speaks: errors and warnings are one line each, on the standard error stream."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from caraval.core.errors import CaravalError

WIDE = 200
"""Columns of output that goes to a file or to another program, where nothing needs to fit a window."""

FAILED = 1


def console(*, stderr: bool = False, whole: bool = False) -> Console:
    """Return where to print; `whole`: even where a window is narrower than what is printed, so that nothing is left out."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=WIDE if whole or not stream.isatty() else None, highlight=False)


def say(kind: str, message: Any) -> None:
    """Print a line on the standard error stream."""
    typer.echo(f"{kind}: {message}", err=True)


def print_version(wanted: bool) -> None:
    """Print the version and stop, if it is wanted."""
    if wanted:
        import caraval

        typer.echo(f"caraval {caraval.__version__}")
        raise typer.Exit


class Commands(TyperGroup):
    """Commands whose errors are one line, unless the whole story is asked for."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _plain_warnings():
            try:
                return super().invoke(ctx)
            except (CaravalError, OSError, MemoryError) as error:
                if ctx.params.get("traceback") or isinstance(error, BrokenPipeError):  # Typer knows what `| head` wants
                    raise
                say("error", _line(error))
                raise typer.Exit(FAILED) from None


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"this does not fit in the memory: {error or 'fewer particles or settings do'}"
    return str(error)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings and log messages as lines without the places in the code that they come from."""
    handler = _Handler(logging.WARNING)
    log = logging.getLogger("caraval")
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_args, **_more: say("warning", message)
            yield
    finally:
        log.removeHandler(handler)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say("warning", record.getMessage())
