"""Lattices of the Particle Accelerator Lattice Standard (PALS, https://pals-project.readthedocs.io), as YAML.

``tree`` reads YAML and ``loading`` what it includes; ``facility`` goes through the entries and fills a document of
``definitions``, with ``expressions`` worked out by ``values`` and elements found by ``names``; ``expansion``, ``placement``,
``controllers`` and ``branches`` make branches of lines. ``kinds``, ``bends``, ``apertures`` and ``multipoles`` make Caraval's
elements from ``attributes``, and ``writing`` goes the other way.

The standard does not say how to track. Elements have the tracking method that ``TrackingP: {Caraval: {tracking_method: ...}}``
says, or their kind's own; there stands, too, what the standard has no words for, so that any lattice comes back as it was.
``RFCavity`` is an accelerating ``LCavity`` where it changes the reference energy (``dE_ref``). Harmonic numbers count in the
time that the reference takes from the beginning of the branch to its end. Relative controllers leave the
lattice as it is. Random numbers are the same every time.
"""

from __future__ import annotations

from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl

from .reader import read, recognises
from .writing import text, write

__all__ = ["read", "recognises", "text", "write"]

FORMAT = "pals"
SUFFIXES = (".pals.yaml", ".pals.yml", ".pals.json", ".yaml", ".yml")


@hookimpl
def register_readers() -> tuple[Reader]:
    """Files of the standard."""
    return (Reader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """Files of the standard."""
    return (Writer(FORMAT, (".pals.yaml", ".pals.yml"), write),)
