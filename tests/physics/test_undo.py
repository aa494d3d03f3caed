"""Routines that can be undone are."""

import pytest

from caraval.core.registered import DERIVED
from caraval.testing.case import Case
from caraval.testing.structure import routines, undoes

from ..cases import ELEMENTS, REFERENCES, every_method

WITHOUT = {
    "hard_edge", "aslant_edge", "soft_edge", "entering", "leaving", "exact_edge", "either", "standing", "traveling",
    "encounter", "encounter_in_solenoid", "encounter_varying", "electric_kick", "bent_electric_kick",
    "curved_electric_kick", "taylor", "land", "to_time", "from_time", "step",
}  # fmt: skip
"""Tracks of routines that have no inverse yet: nonlinear edges, the bend whose gradient is not known beforehand, the old map of
cavities, other bunches, electric kicks, and integration by Runge-Kutta formulas."""


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize(("name", "method"), [pair for pair in every_method() if pair[1] not in DERIVED])
def test_every_routine_undoes_itself(name, method, reference):
    case, another = (
        Case(ELEMENTS[name].replace(name=of, tracking_method=method), REFERENCES[reference], 1.0) for of in ("one", "other")
    )
    undoes(case)
    # compilers make one program of what elements of a kind have in common
    assert [(r.track, r.undo) for r in routines(case)] == [(r.track, r.undo) for r in routines(another)]
    for routine in routines(case):
        assert (routine.undo is None and routine.inverse is None) == (routine.track.__name__ in WITHOUT)
