"""Elements at settings that nobody chose: what holds for those of the cases holds for any."""

from __future__ import annotations

import numpy as np
import pytest

from caraval.core.beam import ParticleBeam
from caraval.core.registered import DERIVED
from caraval.testing import agreement, derivatives, structure
from caraval.testing.derivatives import Gradients

from ..cases import SEEDS, drawn, every_method, some
from .test_cut import CLOSED_FORM, sliced

PAIRS = [pair for pair in every_method() if pair[1] not in DERIVED and pair[1] != "runge_kutta"]
DRAWN = [pytest.param(*pair, seed, id=f"{pair[0]}-{pair[1]}-{seed}") for pair in PAIRS for seed in SEEDS]

LONG = [pair for pair in PAIRS if pair[1] == "kick_drift_kick" and pair[0].startswith(("wiggler", "undulator"))]
"""Chains of hundreds of routines, whose derivatives of derivatives PyTorch takes long for."""


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


def second_derivatives(case):
    """Half the second derivatives ``(6, 6, 6)`` on the reference orbit, by PyTorch forward: a particle for each pair."""
    import torch

    one = torch.eye(6, dtype=torch.float64)
    first, second = one.repeat_interleave(6, 1), one.repeat(1, 6)
    lattice = case.with_element(x_limit=0.0, y_limit=0.0).lattice

    def track(q):
        return torch.stack(lattice.track(ParticleBeam(*q, reference=case.reference)).coordinates)

    def slope(q):
        return torch.func.jvp(track, (q,), (first,))[1]

    return torch.func.jvp(slope, (torch.zeros_like(first),), (second,))[1].reshape(6, 6, 6).numpy() / 2


@pytest.mark.parametrize(
    ("name", "method"),
    [*some([pair for pair in PAIRS if pair not in LONG], 8), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in LONG)],
)
def test_maps_of_second_order_are_second_derivatives(name, method):
    pytest.importorskip("torch")
    case = drawn(name, method, 1)
    found, truth = case.lattice.transfer_map(case.reference, order=2), second_derivatives(case)
    # many terms of either sign: what is lost is relative to the largest; a bunch's field changes over its size
    size = min(getattr(case.element, sigma, 1.0) or 1.0 for sigma in ("sig_x", "sig_y"))
    scale = max(1.0, np.abs(truth).max(), np.abs(found.matrix).max() / size)
    np.testing.assert_allclose(found.quadratic, truth, rtol=1e-11, atol=1e-14 * scale)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method", "seed"), DRAWN)
def test_backends_agree_and_differentiate(name, method, seed):
    pytest.importorskip("torch")
    case = drawn(name, method, seed)
    agreement.agrees(case, "torch")
    derivatives.differentiates(case, Gradients(case, "torch"))
