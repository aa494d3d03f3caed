"""Caraval's own lattice files: JSON that says everything about a lattice, for people to read as well.

::

    {
    "caraval": {"version": 1},
    "name": "fodo",
    "geometry": "closed",
    "reference": {"species": "electron", "p0c": 100000000.0},
    "elements": {
      "qf": {"kind": "Quadrupole", "length": 0.2, "k1": 1.3, "tracking_method": {"name": "kick_drift_kick", "order": 4}},
      "qd": {"kind": "Quadrupole", "length": 0.2, "k1": -1.3},
      "qd (2)": {"kind": "Quadrupole", "name": "qd", "length": 0.2, "k1": -1.4},
      "d": {"kind": "Drift", "length": 0.5}
    },
    "line": [
      "qf", "d", "qd", "d", "qf", "d", "qd (2)",
      {"kind": "Drift", "length": 0.25}
    ]
    }

``elements`` defines every named element once, under its name; of several that share a name and differ, the others are under
names that are free and have their own as ``"name"``. ``line`` names them in order; elements without name stand there
themselves. What is not said has its default.

Numbers are plain, and exact to the last bit. Settings that are arrays are lists (NumPy, float64) or say what they are:
``{"$array": [1.0, 2.0], "dtype": "float32", "backend": "torch"}``. They come back as arrays of the same library and precision,
on its default device and without a tape of derivatives. Elsewhere (metadata, options of plugins) ``$tuple`` marks a tuple, and
``$mapping`` a list of pairs of a mapping whose keys are not all plain strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import numpy as np

from caraval.core.arrays import library
from caraval.core.element import Element
from caraval.core.errors import CaravalError, LatticeError, suggest
from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.lattice import Lattice
from caraval.core.methods import TrackingMethod, as_method
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import backend_of, registry

FORMAT = "json"
SUFFIXES = (".json",)
VERSION = 1
KEYS = ("caraval", "name", "geometry", "reference", "beginning", "plugins", "elements", "line")
ARRAY, TUPLE, MAPPING = "$array", "$tuple", "$mapping"
TAGS = frozenset((ARRAY, TUPLE, MAPPING))
DTYPES = ("float64", "float32", "int64", "int32", "bool")
BUILT_IN = "caraval."
"""Beginning of the names of plugins that are always there."""

WIDTH = 120


# -------------------------------------------------------------------- writing


def write(lattice: Lattice, path: str | Path) -> None:
    """Write a lattice.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path

    Raises
    ------
    LatticeError
        If it holds something that no file can: values hidden by a trace, not finite, or of a type that is no data; or a kind
        of element that is not registered, so that nobody could read it back.
    """
    Path(path).write_text(text(lattice), encoding="utf-8", newline="\n")


def text(lattice: Lattice) -> str:
    """Return what :func:`write` writes."""
    definitions, line = _named_once(lattice)
    plugins = {kind: plugin for kind, plugin in sorted(_plugins(lattice).items()) if not plugin.startswith(BUILT_IN)}
    parts = {
        "caraval": _dump({"version": VERSION}),
        "name": _dump(lattice.name) if lattice.name else None,
        "geometry": _dump(lattice.geometry),
        "reference": _dump(_written_reference(lattice.reference)) if lattice.reference is not None else None,
        "beginning": _dump(_written("beginning", dict(lattice.beginning))) if lattice.beginning else None,
        "plugins": _dump(plugins) if plugins else None,
        "elements": "{\n  " + ",\n  ".join(f"{_dump(key)}: {body}" for key, body in definitions.items()) + "\n}" if definitions else "{}",
        "line": "[\n" + _lines(line) + "\n]",
    }
    return "{\n" + ",\n".join(f'"{key}": {part}' for key, part in parts.items() if part is not None) + "\n}\n"


def _named_once(lattice: Lattice) -> tuple[dict[str, str], list[str]]:
    """Return the definitions of elements by key, and the line: keys as JSON, and elements without name."""
    taken = {element.name for element in lattice.elements}
    keys: dict[tuple[str, str], str] = {}
    definitions: dict[str, str] = {}
    line = []
    bodies: dict[int, dict[str, Any]] = {}
    for element in lattice.elements:
        body = bodies.get(id(element))
        if body is None:
            body = bodies[id(element)] = _written_element(element)
        if not (isinstance(element.name, str) and element.name):
            line.append(_dump(body))
            continue
        same = (element.name, _dump(body))
        if same not in keys:
            keys[same] = key = element.name if element.name not in definitions else _free(element.name, taken)
            taken.add(key)
            definitions[key] = _dump(body if key == element.name else {"kind": body.pop("kind"), "name": element.name, **body})
        line.append(_dump(keys[same]))
    return definitions, line
