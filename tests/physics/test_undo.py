"""Routines that can be undone are."""

import numpy as np
import pytest

import caraval as cv
from caraval.core import scalar
from caraval.core.arrays import mixed
from caraval.core.plan import StepStage, build, reference_pass
from caraval.core.registry import DERIVED, registry

from ..cases import ELEMENTS, REFERENCES, every_method, particles

WITHOUT = {
    "hard_edge", "aslant_edge", "soft_edge", "entering", "leaving", "exact_edge", "either", "standing", "traveling",
    "encounter", "encounter_in_solenoid", "encounter_varying", "electric_kick", "bent_electric_kick", "taylor", "land",
}  # fmt: skip
"""Tracks of routines that have no inverse yet: nonlinear edges, the bend whose gradient is not known beforehand, the old map of
cavities, other bunches, and electric kicks."""


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize(("name", "method"), [pair for pair in every_method() if pair[1] not in DERIVED])
def test_every_routine_undoes_itself(name, method, reference):
    element = ELEMENTS[name].replace(tracking_method=method)
    known = registry()
    before, after = reference_pass(known, [element], REFERENCES[reference])
    element = element.at(before, scalar)
    for stage in build(known, [element], counts=[2]).stages:
        assert isinstance(stage, StepStage)
        for routine in stage.step.routines:
            if routine.track.__name__ in WITHOUT:
                assert routine.undo is None
                assert routine.inverse is None
                continue
            constants = routine.constants(element, before, after, scalar)
            backwards = routine.inverse_constants(element, before, after, scalar)
            q = cv.Coordinates(*particles(20))
            back = routine.track(backwards, routine.track(constants, q, mixed(np)), mixed(np))
            np.testing.assert_allclose(np.array(back), np.array(q), rtol=0, atol=3e-16 * 20)
