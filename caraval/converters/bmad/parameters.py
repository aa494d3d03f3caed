"""Parameters of the lattice as a whole (Bmad manual, "Lattice File Global Parameters", "Parameter Structures")."""

from __future__ import annotations

from typing import Literal

from .words import words

NAMES = ("parameter", "beginning", "particle_start", "bmad_com", "ptc_com", "space_charge_com")

PARAMETERS = {name: frozenset(words("parameters", name)) for name in NAMES}
"""The groups of parameters, and the parameters in each."""

GROUPS = {name: name for name in NAMES} | {"beam_start": "particle_start"}
"""What the groups are called; the last is the former name of one."""

BEGINNING = PARAMETERS["beginning"]
"""What is known where a branch begins."""

LINE = BEGINNING | frozenset(words("parameters", "line"))
"""What can be said of a line that becomes a branch."""

BEAM = {"energy": "e_tot", "pc": "p0c"}
"""What MAD's ``beam`` calls the reference energy and momentum, in GeV."""

GEV = 1e9

Wanted = Literal["number", "word", "either"]

_WORDS = frozenset(words("parameters", "words"))
_NUMBERS = BEGINNING | PARAMETERS["particle_start"]


def wanted(name: str) -> Wanted:
    """Return what a parameter takes."""
    return "word" if name in _WORDS else "number" if name in _NUMBERS else "either"
