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

Trees of arrays, such as the weights of networks, are in a file beside, of the format safetensors, which ``"tensors"`` names:
``{"0.weight": {"$tensor": "nn.0.weight", "backend": "torch"}, ...}``. What an element holds that is an element itself is
``{"$element": {"kind": ..., ...}}``. A file never says what to import or to execute.
"""

from __future__ import annotations

from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl

from .reading import read, recognises
from .writing import text, write

__all__ = ["read", "recognises", "text", "write"]

FORMAT = "json"
SUFFIXES = (".json",)


@hookimpl
def register_readers() -> tuple[Reader]:
    """Caraval's own files."""
    return (Reader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """Caraval's own files."""
    return (Writer(FORMAT, SUFFIXES, write),)
