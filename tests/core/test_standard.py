"""Core and physics need nothing beyond the array API standard: they run on its strict implementation, and say the same."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.core.arrays import is_number

from ..cases import ELEMENTS, every_method, some

pytest.importorskip("array_api_strict")

STRICT = "array_api_strict"
CASES = every_method()


def beam(backend: str) -> cv.ParticleBeam:
    return cv.ParticleBeam.gaussian(
        20,
        p0c=1e8,
        sigma_x=3e-4,
        sigma_px=1e-4,
        sigma_y=2e-4,
        sigma_py=1e-4,
        sigma_z=1e-3,
        sigma_pz=1e-3,
        seed=5,
        backend=backend,
    )


def same(out: cv.ParticleBeam, expected: cv.ParticleBeam) -> None:
    """Bit for bit: underneath are the same operations of NumPy."""
    assert out.backend == STRICT
    back = out.to("numpy")
    for name in (*cv.Coordinates._fields, "alive", "lost_s"):
        assert np.array_equal(getattr(back, name), getattr(expected, name)), name


@pytest.mark.parametrize(("name", "method"), CASES)
def test_plain_settings(name, method):
    lattice = cv.Lattice([ELEMENTS[name].replace(tracking_method=method)])
    same(lattice.track(beam(STRICT)), lattice.track(beam("numpy")))


@pytest.mark.parametrize(("name", "method"), CASES)
def test_all_settings_are_arrays(name, method, array):
    """Those that are not zero, in batches of two."""
    element = ELEMENTS[name].replace(tracking_method=method)
    given = {n: v for n, v in element.parameters.items() if v is not None and is_number(v) and v != 0}
    there, here = (
        cv.Lattice([element.replace(**{n: array([v, v * 1.01], backend) for n, v in given.items()})])
        for backend in (STRICT, "numpy")
    )
    same(there.track(beam(STRICT)), here.track(beam("numpy")))


@pytest.mark.parametrize(("name", "method"), some(CASES, 4))
def test_moments_through_settings_that_are_arrays(name, method, array):
    element = ELEMENTS[name].replace(tracking_method=method)
    given = {n: v for n, v in element.parameters.items() if v is not None and is_number(v) and v != 0}
    there, here = (
        cv.Lattice([element.replace(**{n: array([v, v * 1.01], backend) for n, v in given.items()})])
        for backend in (STRICT, "numpy")
    )
    out, expected = there.track(beam(STRICT).to_moments()), here.track(beam("numpy").to_moments())
    assert np.array_equal(np.asarray(out.mean), expected.mean)
    assert np.array_equal(np.asarray(out.covariance), expected.covariance)
