"""Beams along a line: statistics element by element, and drawings of them above a drawing of the lattice.

::

    table = caraval.plot.along(lattice, beam)              # statistics after every element, not the beams
    table.s, table.sigma_x, table.transmission             # NumPy arrays, one value per place
    caraval.plot.beam_sizes(table, lattice).savefig("linac.png")
    caraval.plot.twiss_functions(caraval.optics.twiss(lattice), lattice).savefig("optics.png")
    caraval.plot.floor_plan(caraval.optics.survey(lattice)).savefig("floor.png")

The table needs NumPy only, the drawings matplotlib. Figures are made without pyplot: they need no display and leave no state
behind.
"""

from __future__ import annotations

from .elements import layout
from .figure import beam_sizes
from .optics import floor_plan, twiss_functions
from .table import Along, along, element_labels, turn_by_turn
from .units import si_prefix

__all__ = [
    "Along",
    "along",
    "beam_sizes",
    "element_labels",
    "floor_plan",
    "layout",
    "si_prefix",
    "turn_by_turn",
    "twiss_functions",
]
