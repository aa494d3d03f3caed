"""Libraries that own a format and are installed only by those who want it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from caraval.core.errors import BackendError


def library(name: str, files: str, extra: str = "beams") -> ModuleType:
    """Return the library that reads and writes such files.

    Raises
    ------
    BackendError
        If it is not installed; the message names the extra that it comes with.
    """
    try:
        return import_module(name)
    except ImportError as error:
        message = f"{files} files need {name}, which is not installed ({error}); try: pip install 'caraval[{extra}]'"
        raise BackendError(message) from error
