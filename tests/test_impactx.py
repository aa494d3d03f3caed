"""Benchmark cases that ImpactX checks itself by (commit 765389edc87b; figures and descriptions), with its own tolerances."""

import json
from pathlib import Path

import pytest

from validation import impactx

CASES = {case["name"]: case for case in json.loads((Path(__file__).parent / "data" / "impactx" / "cases.json").read_text())}
PARTICLES = 10_000  # as many as ImpactX takes


@pytest.mark.parametrize("name", CASES)
def test_moments(name):
    found = impactx.outcome(CASES[name], "numpy", PARTICLES)
    assert not found.problem
    assert found.worst < 1, found.quantity


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", ["expanding_beam__run_expanding_fft", "fodo_rf__run_fodo_rf"])
def test_moments_on_other_backends(name, library):
    pytest.importorskip(library)
    assert impactx.outcome(CASES[name], library, PARTICLES).worst < 1


def test_without_space_charge_the_cases_with_it_fail():
    """What is compared depends on what is tested."""
    for name in ("cfchannel__run_cfchannel_10nC_fft", "expanding_beam__run_expanding_fft"):
        bare = CASES[name] | {"numerics": {}}
        assert impactx.outcome(bare, "numpy", PARTICLES).worst > 3


def test_losses_elsewhere_are_noticed():
    case = CASES["aperture__run_aperture"]
    moved = [part | {"ds": 0.2} if part["type"] == "Drift" else part for part in case["lattice"]]
    assert impactx.outcome(case, "numpy", PARTICLES).quantity == ""
    assert impactx._place_of_losses(case) == pytest.approx(0.123)
    assert impactx._losses(impactx.tracked(case | {"lattice": moved}, "numpy", PARTICLES))["lost_at_s"] == pytest.approx(0.2)


def test_what_is_not_here_is_said():
    case = CASES["fodo__run_fodo"]
    strange = [*case["lattice"], {"type": "PlasmaLens", "ds": 0.1}]
    assert "an element PlasmaLens" in impactx.outcome(case | {"lattice": strange}, "numpy", 10).problem
    strange = case["distribution"] | {"kind": "Thermal"}
    assert "a Thermal distribution" in impactx.outcome(case | {"distribution": strange}, "numpy", 10).problem
