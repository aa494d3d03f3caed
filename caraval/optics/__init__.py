"""Optics of lines and rings, by the elements' own tracking and its own derivatives."""

from __future__ import annotations

from .frequency import frequency, tracked_tunes
from .orbit import closed_orbit
from .survey import survey
from .table import Table
from .twiss import Chromaticities, Tunes, chromaticities, tunes, twiss

__all__ = [
    "Chromaticities",
    "Table",
    "Tunes",
    "chromaticities",
    "closed_orbit",
    "frequency",
    "survey",
    "tracked_tunes",
    "tunes",
    "twiss",
]
