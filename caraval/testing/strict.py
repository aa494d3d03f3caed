"""A backend over array-api-strict: whatever tracks on it uses nothing beyond the array API standard.

A plugin like any other, but for tests: it is not there until it is registered. It adds nothing to the base class, which is
eager and plain.
"""

from __future__ import annotations

import array_api_strict

from caraval.backends.base import Backend
from caraval.core.hookspecs import hookimpl

NAME = "array_api_strict"


class ArrayApiStrictBackend(Backend):
    """The base of all backends, on the reference implementation of the standard."""

    name = NAME
    xp = array_api_strict


@hookimpl
def register_backends() -> dict[str, str]:
    """Return the one backend."""
    return {NAME: f"{__name__}:ArrayApiStrictBackend"}
