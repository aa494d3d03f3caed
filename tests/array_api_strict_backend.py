"""A backend over array-api-strict: whatever tracks on it uses nothing beyond the array API standard.

Registered as a plugin by ``tests/conftest.py``. It adds nothing to the base class, which is eager and plain.
"""

from __future__ import annotations

import array_api_strict

import caraval as cv
from caraval.backends.base import Backend


class ArrayApiStrictBackend(Backend):
    """The base of all backends, on the reference implementation of the standard."""

    name = "array_api_strict"
    xp = array_api_strict


@cv.hookimpl
def register_backends() -> dict[str, str]:
    return {"array_api_strict": f"{__name__}:ArrayApiStrictBackend"}
