"""The kit for effects of the whole bunch: sound ones pass, mistakes are found and explained."""

from __future__ import annotations

from typing import Any

import pytest
from array_api_compat import array_namespace

import caraval as cv
from caraval.testing import CheckFailedError, effect_checks, results

PULL = 1e6


class Pull(cv.Element):
    """Draws every particle to the centre of charge; the more so, the more charge there is."""

    strength: cv.Parameter = 0.0

    can_be_cut = False


def sound(constants: Any, beam: Any, backend: Any) -> Any:
    xp, q = array_namespace(beam.x), beam.coordinates
    total = xp.sum(beam.charge, axis=-1, keepdims=True)
    centre = xp.sum(beam.charge * q.x, axis=-1, keepdims=True)
    return q._replace(px=q.px - cv.expand(constants.strength) * (total * q.x - centre))


def unweighed(constants: Any, beam: Any, backend: Any) -> Any:
    xp, q = array_namespace(beam.x), beam.coordinates
    return q._replace(
        px=q.px - PULL * xp.sum(beam.charge, axis=-1, keepdims=True) * (q.x - xp.mean(q.x, axis=-1, keepdims=True))
    )


def over_all_axes(constants: Any, beam: Any, backend: Any) -> Any:
    xp, q = array_namespace(beam.x), beam.coordinates
    return q._replace(px=q.px - cv.expand(constants.strength) * xp.sum(beam.charge) * q.x)


def dividing(constants: Any, beam: Any, backend: Any) -> Any:
    xp, q = array_namespace(beam.x), beam.coordinates
    total = xp.sum(beam.charge, axis=-1, keepdims=True)
    return q._replace(px=q.px - PULL * (total + 1e-9) * xp.sum(beam.charge * q.x, axis=-1, keepdims=True) / total)


def idle(constants: Any, beam: Any, backend: Any) -> Any:
    return beam.coordinates


@pytest.fixture
def line(plugin: Any) -> Any:
    """Return what makes a line with an effect."""

    def make(track: Any) -> cv.Lattice:
        step = cv.Step(collective=cv.Collective(track=track))
        method = cv.Composite(lambda element, method, number: (step,))
        plugin("pulls", register_tracking_methods=lambda: {(Pull, "kick"): method})
        return cv.Lattice([cv.Drift(length=0.1), Pull(strength=1e6), cv.Drift(length=0.1)])

    return make


def failures(lattice: cv.Lattice, backends: list[str]) -> dict[str, str]:
    return {r.check.name: r.failure for r in results(effect_checks(lattice, backends=backends)) if r.failure}


def test_a_sound_effect_passes_everything(line):
    pytest.importorskip("torch")
    assert failures(line(sound), ["numpy", "torch"]) == {}


def test_space_charge_passes():
    lattice = cv.Lattice([cv.Drift(length=0.1)]).with_space_charge(every=0.1, grid=(8, 8, 8))
    assert failures(lattice, ["numpy"]) == {}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("mistake", "check", "advice"),
    [
        (unweighed, "leaves out the lost", "weigh sums with `beam.charge`"),
        (over_all_axes, "batches[numpy]", "sum over `axis=-1`, with `keepdims=True`"),
        (dividing, "takes any bunch", "no charge: coordinates are not finite"),
        (idle, "tracks", "return the step from `plan_steps`"),
    ],
)
def test_a_mistake_is_found_and_explained(mistake, check, advice, line):
    (found,) = [c for c in effect_checks(line(mistake), backends=["numpy"]) if c.name == check]
    with pytest.raises(CheckFailedError) as caught:
        found()
    assert advice in str(caught.value)


def test_checks_name_what_acts():
    lattice = cv.Lattice([cv.Drift(length=0.1)]).with_space_charge(every=0.1)
    assert {check.subject for check in effect_checks(lattice, backends=["numpy"])} == {"effect space_charge"}
