"""Elements at settings that nobody chose: what holds for those of the cases holds for any."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest

import caraval as cv
from caraval.core.registered import DERIVED
from caraval.testing import agreement, derivatives, structure
from caraval.testing.case import Case
from caraval.testing.derivatives import Gradients

from ..cases import ELEMENTS, MISALIGNED, REFERENCES, every_method
from .test_cut import CLOSED_FORM, sliced

SEEDS = (1, 2)
STEPS = {"bmad_standard": cv.BmadStandard(num_steps=2), "kick_drift_kick": cv.KickDriftKick(num_steps=2)}
EITHER_SIGN = {*MISALIGNED, "tilt", "ref_tilt", "roll", "e1", "e2", "angle", "dg", "ks", "phi0", "t_offset"}

PAIRS = [pair for pair in every_method() if pair[1] not in DERIVED and pair[1] != "runge_kutta"]
DRAWN = [pytest.param(*pair, seed, id=f"{pair[0]}-{pair[1]}-{seed}") for pair in PAIRS for seed in SEEDS]


def drawn(name: str, method: str, seed: int) -> Case:
    """Return a case with every setting between a third and one and a half of what it is there, some with the other sign."""
    element = ELEMENTS[name]
    rng = np.random.default_rng((seed, crc32(name.encode())))
    settings = Case(element, REFERENCES["electron_100MeV"], 1.0).settings()
    signs = {n: rng.choice([-1.0, 1.0]) if n in EITHER_SIGN or n in element.odd else 1.0 for n in settings}
    changes = {n: value * signs[n] * rng.uniform(0.3, 1.5) for n, value in settings.items()}
    fast_enough = ["electron_100MeV", "positron_6GeV", "proton_1GeV"] + ["electron_10MeV"] * (element.kind != "LCavity")
    chosen = {"name": "e", "tracking_method": STEPS.get(method, method)}
    return Case(element.replace(**changes, **chosen), REFERENCES[rng.choice(fast_enough)], 1.0)


@pytest.mark.parametrize(("name", "method", "seed"), DRAWN)
def test_what_is_promised_of_any_element(name, method, seed):
    case = drawn(name, method, seed)
    agreement.tracks(case)
    agreement.keeps_digits(case, "numpy")
    structure.undoes(case)
    if method == "kick_drift_kick":
        derivatives.is_symplectic(case, promised=True)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", CLOSED_FORM)
def test_slices_are_the_whole(name, seed):
    case = drawn(name, "bmad_standard", seed)
    places = np.sort(np.random.default_rng(seed).uniform(0.01, 0.99, 4))
    whole, pieces = (lattice.track(case.beam()) for lattice in (case.lattice, sliced(case.element, list(places))))
    np.testing.assert_allclose(np.array(pieces.coordinates), np.array(whole.coordinates), rtol=0, atol=4e-15)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method", "seed"), DRAWN)
def test_backends_agree_and_differentiate(name, method, seed):
    pytest.importorskip("torch")
    case = drawn(name, method, seed)
    agreement.agrees(case, "torch")
    derivatives.differentiates(case, Gradients(case, "torch"))
