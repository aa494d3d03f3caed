"""Runs of maps as programs: of every kind, and with what is shared between elements."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

import caraval as cv
from caraval.backends.numpy import NumpyBackend
from caraval.core.arrays import is_number
from caraval.core.chains import filled, numbers_of
from caraval.core.maps import LinearMap
from caraval.core.plan import build

from ..cases import ELEMENTS

REFERENCE = cv.Reference("electron", 1e8)
SPREAD = 1 + np.array([0, 1e-3, -2e-3])

TOO_LONG = {
    "beambeam", "beambeam_hourglass", "beambeam_solenoid", "crab_cavity", "elseparator_kicks", "lcavity", "lcavity_full",
    "lcavity_one_piece", "lcavity_solenoid", "lcavity_traveling", "quadrupole_electric", "quadrupole_kicks", "rfcavity",
    "sad_mult", "sad_mult_edges", "sbend_combined", "sbend_electric", "sbend_electric_exact", "sbend_exact",
    "sbend_exact_edges", "sbend_kicks", "sol_quad_kicks", "wiggler_kicks",
}  # fmt: skip
"""Those of many steps, whose derivatives are more operations than a compiler takes quickly."""


class Interpreter(NumpyBackend):
    """Runs chains as they stand."""

    has_chains = True

    def __init__(self):
        self.chains = []

    def composed(self, chain):
        self.chains.append(chain)
        state = [np.full(chain.shape, value) for value in chain.start]
        for code, numbers, sources in zip(chain.codes, chain.numbers, chain.sources, strict=True):
            step = chain.steps[code]
            taken = [chain.arrays[place] for place in sources if place >= 0]
            state = step.run([*state, *taken], numbers[: step.numbers], xp)
        return filled(chain.pattern, state)


def opened(element):
    """The element with settings for all its numbers."""
    values = {k: v * SPREAD for k, v in element.parameters.items() if is_number(v) and v != 0 and not k.startswith("slice")}
    return element.with_values(values)


def maps_of(elements, reference=REFERENCE):
    """The merged map of elements, by a chain and step by step, and the chain."""
    lattice = cv.Lattice(elements, reference=reference).with_tracking("linear")
    counts = lattice.planner.counts()
    elements = [opened(element) for element in lattice.elements]
    interpreter = Interpreter()
    plan = build(cv.core.registry.registry(), elements, counts=counts)
    found, expected = (plan.prepare(elements, reference, backend=b).stages[0] for b in (interpreter, None))
    return found, expected, interpreter.chains


def assert_same(found, expected):
    for one, other in zip(numbers_of(found), numbers_of(expected), strict=True):
        np.testing.assert_allclose(*np.broadcast_arrays(one, other), rtol=1e-12, atol=1e-14)


@pytest.mark.filterwarnings("ignore:tracked linearly")
@pytest.mark.parametrize("name", [name for name in ELEMENTS if name != "mask"])
def test_chains_give_the_maps_of_every_kind(name):
    found, expected, made = maps_of([cv.Quadrupole(length=0.1, k1=1.0), ELEMENTS[name].replace(x_limit=0.0, y_limit=0.0)])
    assert isinstance(found, LinearMap)
    assert_same(found, expected)
    assert bool(made) == (name not in TOO_LONG)


def test_elements_that_differ_in_numbers_share_a_step_and_planes_stay_apart():
    line = [e for k in (1.0, -2.0, 0.3) for e in (cv.Quadrupole(length=0.1 + k * k, k1=k), cv.Drift(length=k * k))]
    found, expected, (chain,) = maps_of(line)
    assert_same(found, expected)
    assert len(chain.steps) == 2
    assert len(chain.start) == 9  # two blocks, and what z gets from pz


def test_what_stands_between_settings_is_multiplied_once():
    gap = [cv.Drift(length=0.3), cv.SBend(length=0.5, angle=0.1), cv.Drift(length=0.2)]
    line = [*gap, cv.Quadrupole(name="q", length=0.2, k1=1.0), *gap, cv.Quadrupole(name="q", length=0.1, k1=-1.0), *gap[:1]]
    lattice = cv.Lattice(line, reference=REFERENCE).with_tracking("linear").replace({"q.k1": SPREAD})
    interpreter = Interpreter()
    plan = lattice.planner.plan([], REFERENCE)
    found = plan.prepare(lattice.elements, REFERENCE, backend=interpreter).stages[0]
    (chain,) = interpreter.chains
    assert_same(found, plan.prepare(lattice.elements, REFERENCE).stages[0])
    assert len(chain.codes) == 3
    assert len(chain.steps) == 2


def test_settings_that_several_elements_share_are_one_array():
    start = cv.Reference("electron", np.array([1e8, 1.1e8]))
    line = [cv.Quadrupole(length=0.2, b1_gradient=0.3), cv.Drift(length=1.0), cv.Quadrupole(length=0.2, b1_gradient=-0.3)]
    lattice = cv.Lattice(line, reference=start).with_tracking("linear")
    interpreter = Interpreter()
    plan = lattice.planner.plan([], start)
    found = plan.prepare(lattice.elements, start, backend=interpreter).stages[0]
    (chain,) = interpreter.chains
    assert chain.arrays == [start.p0c]
    assert_same(found, plan.prepare(lattice.elements, start).stages[0])


def test_what_was_recorded_holds_while_only_arrays_change():
    line = cv.Lattice([cv.Quadrupole(name="q", length=0.2, k1=np.ones(2)), cv.Drift(length=1.0)]).with_tracking("linear")
    plan = line.planner.plan([], REFERENCE)
    interpreter = Interpreter()
    plan.prepare(line.elements, REFERENCE, backend=interpreter)
    (run,) = plan.runs.values()
    known = run.known
    before = list(known)
    plan.prepare(line.replace({"q.k1": np.zeros(3)}).elements, REFERENCE, backend=interpreter)
    assert all(one is other for one, other in zip(known, before, strict=True))
    shorter = line.replace({"q.length": 0.1})
    found = plan.prepare(shorter.elements, REFERENCE, backend=interpreter).stages[0]
    assert known[0] is not before[0]
    assert known[0].program is before[0].program or known[0].program == before[0].program
    assert_same(found, plan.prepare(shorter.elements, REFERENCE).stages[0])
    slower = cv.Reference("electron", 1e6)
    found = plan.prepare(line.elements, slower, backend=interpreter).stages[0]
    assert_same(found, plan.prepare(line.elements, slower).stages[0])
