"""Optics of lines and rings, by the elements' own tracking and its own derivatives."""

from __future__ import annotations

from .correction import Response, correct_orbit, orbit_response
from .errors import with_errors
from .frequency import frequency, tracked_tunes
from .matching import Matched, Target, match
from .matrices import transfer_matrix
from .orbit import closed_orbit
from .radiation import Equilibrium, RadiationIntegrals, equilibrium, radiation_integrals
from .survey import survey
from .table import Table
from .twiss import Chromaticities, Tunes, chromaticities, tunes, twiss
from .upstream import resolved

__all__ = [
    "Chromaticities",
    "Equilibrium",
    "Matched",
    "RadiationIntegrals",
    "Response",
    "Table",
    "Target",
    "Tunes",
    "chromaticities",
    "closed_orbit",
    "correct_orbit",
    "equilibrium",
    "frequency",
    "match",
    "orbit_response",
    "radiation_integrals",
    "resolved",
    "survey",
    "tracked_tunes",
    "transfer_matrix",
    "tunes",
    "twiss",
    "with_errors",
]
