"""Single precision keeps its digits: every element against itself in double precision, on particles that both know exactly."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.testing.agreement import EPSILON, LIMIT, keeps_digits
from caraval.testing.case import Case

from ..cases import ELEMENTS, every_method, methods, particles

REFERENCES = {
    "electron_10MeV": cv.Reference("electron", 10e6),
    "electron_6GeV": cv.Reference("electron", 6e9),
    "proton_10MeV": cv.Reference("proton", 10e6),
    "alpha_100MeV": cv.Reference("alpha", 100e6),
    "carbon_1GeV": cv.Reference("#12C+6", 1e9),
}
"""Where beta0 hides in one, and where a particle's speed follows its momentum."""

SLOW = {
    "lcavity_low_energy": cv.LCavity(length=0.3, rf_frequency=200e6, voltage=2e5, phi0=-0.08, n_cell=1, x_offset=1e-3),
    "drift_long": cv.Drift(length=20.0),
    "quadrupole_weak": cv.Quadrupole(length=0.2, k1=1e-4),
    "sbend_weak": cv.SBend(length=1.0, angle=1e-5, dg=1e-6),
    "solenoid_weak": cv.Solenoid(length=0.3, ks=1e-5),
}
"""Weak elements, whose effect must not be lost in what they leave alone, and a gain as ions see it."""


def assert_few_units(element: cv.Element, reference: cv.Reference, backend: str = "numpy", *, compiled: bool = False) -> None:
    """Compare single with double precision, particle by particle, among those that live in both."""
    keeps_digits(Case(element, reference, 1.0), backend, compiled=compiled)


TIMED = ("LCavity", "RFCavity", "CrabCavity", "ACKicker")
"""Kinds whose field goes with time."""


def makes_sense(name: str, reference: str) -> bool:
    """Whether an element of the cases does not throw a slow ion out of the line, by field or by many times its energy."""
    kind = ELEMENTS[name].kind
    if reference in ("proton_10MeV", "alpha_100MeV") and kind in TIMED:
        return False
    return (kind, reference) not in (("LCavity", "carbon_1GeV"), ("ELSeparator", "proton_10MeV"))


SENSIBLE = [
    pytest.param(name, method, reference, id=f"{name}-{method}-{reference}")
    for name, method in every_method()
    for reference in REFERENCES
    if makes_sense(name, reference) and not (name.endswith("_electric") and method == "kick_drift_kick")
]


@pytest.mark.parametrize(("name", "method", "reference"), SENSIBLE)
def test_single_precision_loses_a_few_units_in_the_last_place(name, method, reference):
    assert_few_units(ELEMENTS[name].replace(tracking_method=method), REFERENCES[reference])


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("reference", ["electron_6GeV", "alpha_100MeV"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_on_other_backends(name, reference, backend):
    pytest.importorskip(backend)
    if makes_sense(name, reference):
        assert_few_units(ELEMENTS[name], REFERENCES[reference], backend)


@pytest.mark.parametrize("name", ["drift", "quadrupole_misaligned", "sbend", "sbend_combined", "sextupole", "lcavity"])
def test_compiled_by_numba(name):
    assert_few_units(ELEMENTS[name], REFERENCES["electron_6GeV"], compiled=True)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("name", SLOW)
def test_weak_elements(name, reference):
    if (name, reference) != ("lcavity_low_energy", "proton_10MeV"):  # 53 keV in a cavity of 200 kV
        for method in methods(SLOW[name]):
            assert_few_units(SLOW[name].replace(tracking_method=method), REFERENCES[reference])


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("name", ["drift", "quadrupole", "solenoid", "sextupole"])
def test_what_z_gains_is_exact_in_itself(name, reference):
    """Not only beside a z of a centimetre: particles that come in at z = 0, and what they gain on the reference."""
    straight = dict.fromkeys(("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch"), 0.0)
    reference, element = REFERENCES[reference], ELEMENTS[name].replace(**straight)
    q = particles(100).astype(np.float32)
    q[4] = 0.0
    lattice = cv.Lattice([element])
    out = lattice.track(cv.ParticleBeam(*q, reference=reference))
    truth = lattice.track(cv.ParticleBeam(*q.astype(float), reference=reference))
    assert np.abs(out.z - truth.z).max() < LIMIT * EPSILON * np.abs(truth.z).max()
    assert np.abs(truth.z).max() > 1e-6
