"""Optics of lines and rings, by the elements' own tracking and its own derivatives."""

from __future__ import annotations

from .frequency import frequency, tracked_tunes
from .matrices import transfer_matrix
from .orbit import closed_orbit
from .radiation import Equilibrium, RadiationIntegrals, equilibrium, radiation_integrals
from .survey import survey
from .table import Table
from .twiss import Chromaticities, Tunes, chromaticities, tunes, twiss

__all__ = [
    "Chromaticities",
    "Equilibrium",
    "RadiationIntegrals",
    "Table",
    "Tunes",
    "chromaticities",
    "closed_orbit",
    "equilibrium",
    "frequency",
    "radiation_integrals",
    "survey",
    "tracked_tunes",
    "transfer_matrix",
    "tunes",
    "twiss",
]
