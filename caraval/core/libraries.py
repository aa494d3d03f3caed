"""Libraries that only some need, and that are installed by those."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import BackendError


def needed(name: str, need: str, install: str) -> Any:
    """Return a module that is imported when it is first needed.

    Parameters
    ----------
    name : str
        Of the module.
    need : str
        What needs what: ``"Parquet files need pyarrow"``.
    install : str
        What brings it: ``"caraval[scan]"``.

    Raises
    ------
    BackendError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise BackendError(f"{need}, which is not installed ({error}); try: pip install '{install}'") from error
