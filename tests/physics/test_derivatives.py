"""Derivatives at zero strength, angle, offset and length: of what comes out by the setting, and of the maps.

The truth is a fit of a polynomial to settings around zero, which never asks what happens at zero itself. Where a formula
divides by the setting, and a special case takes over at zero, the value there is right and the derivatives are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import caraval as cv

from ..cases import REFERENCES, methods, particles, some

REFERENCE = REFERENCES["electron_10MeV"]
POINTS = 5
"""Pairs of settings ``+-h, ..., +-5 h`` for the fit: exact up to the ninth power in odd, the eighth in even terms."""

BEND = {"length": 0.5, "angle": 0.2, "e1": 0.1, "e2": 0.05}
CAVITY = {"length": 1.0, "rf_frequency": 1.3e9, "phi0": 0.05, "n_rf_steps": 3}

# element, setting that goes through zero, and by what steps, a small part of the scale on which things change
CASES = {
    "drift_length": (cv.Drift(), "length", 0.02),
    "quadrupole_k1": (cv.Quadrupole(length=0.5), "k1", 0.1),
    "quadrupole_length": (cv.Quadrupole(k1=2.0), "length", 0.02),
    "quadrupole_length_b1": (cv.Quadrupole(k1=2.0, b1=0.02), "length", 0.02),
    "quadrupole_tilt": (cv.Quadrupole(length=0.5, k1=2.0), "tilt", 0.02),
    "quadrupole_x_offset": (cv.Quadrupole(length=0.5, k1=2.0), "x_offset", 1e-2),
    "quadrupole_x_pitch": (cv.Quadrupole(length=0.5, k1=2.0), "x_pitch", 1e-2),
    "quadrupole_z_offset": (cv.Quadrupole(length=0.5, k1=2.0), "z_offset", 1e-2),
    "quadrupole_edges": (cv.Quadrupole(length=0.5, fringe_type="full", fq1=0.01, fq2=0.002), "k1", 0.1),
    "quadrupole_fq1": (cv.Quadrupole(length=0.5, k1=2.0, fringe_type="full", fq2=0.002), "fq1", 0.01),
    "quadrupole_hkick": (cv.Quadrupole(length=0.5, k1=2.0), "hkick", 1e-3),
    "quadrupole_b2": (cv.Quadrupole(length=0.5, k1=2.0), "b2", 0.5),
    "quadrupole_a1": (cv.Quadrupole(length=0.5, k1=2.0), "a1", 0.01),
    "quadrupole_scale": (cv.Quadrupole(length=0.5, b1=0.02, b2=0.5), "k1", 0.1),
    "sextupole_k2": (cv.Sextupole(length=0.3), "k2", 1.0),
    "sextupole_length": (cv.Sextupole(k2=20.0), "length", 0.02),
    "sextupole_edges": (cv.Sextupole(length=0.3, fringe_type="full"), "k2", 1.0),
    "solenoid_ks": (cv.Solenoid(length=0.3), "ks", 0.05),
    "solenoid_length": (cv.Solenoid(ks=1.5), "length", 0.02),
    "kicker_hkick": (cv.Kicker(length=0.2, vkick=1e-3), "hkick", 1e-3),
    "kicker_length": (cv.Kicker(hkick=1e-3), "length", 0.02),
    "bend_angle": (cv.SBend(length=0.5, e1=0.1, e2=0.05, fint=0.5, hgap=0.02), "angle", 0.02),
    "bend_angle_exact_edges": (cv.SBend(length=0.5, e1=0.1, e2=0.05, fint=0.5, hgap=0.02, fringe_type="full"), "angle", 0.02),
    "bend_angle_misaligned": (cv.SBend(length=0.5, x_offset=1e-3, y_pitch=1e-3, roll=0.02), "angle", 0.02),
    "bend_angle_gradient": (cv.SBend(length=0.5, k1=1.2), "angle", 0.02),
    "bend_angle_sextupole": (cv.SBend(length=0.5, k2=5.0, exact_multipoles="vertically_pure"), "angle", 0.02),
    "bend_dg": (cv.SBend(**BEND), "dg", 0.02),
    "bend_length_dg": (cv.SBend(dg=0.02), "length", 0.02),
    "bend_length_k1": (cv.SBend(k1=1.2), "length", 0.02),
    "bend_length_field": (cv.SBend(b_field=0.01, k1=1.2, e1=0.1), "length", 0.02),
    "bend_length_field_dg": (cv.SBend(b_field=0.01, dg=0.02, x_pitch=1e-3), "length", 0.02),
    "bend_length_hkick": (cv.SBend(hkick=2e-3, vkick=1e-3, fringe_at="no_end"), "length", 0.02),
    "bend_length_field_hkick": (cv.SBend(b_field=0.01, hkick=2e-3, fringe_at="no_end"), "length", 0.02),
    "bend_dg_straight": (cv.SBend(length=0.5), "dg", 0.02),
    "bend_k1": (cv.SBend(**BEND), "k1", 0.1),
    "bend_k1_straight": (cv.SBend(length=0.5), "k1", 0.1),
    "bend_k2": (cv.SBend(**BEND), "k2", 1.0),
    "bend_e1": (cv.SBend(length=0.5, angle=0.2), "e1", 0.02),
    "bend_e1_exact_edges": (cv.SBend(length=0.5, angle=0.2, fringe_type="full"), "e1", 0.02),
    "bend_fint": (cv.SBend(**BEND, hgap=0.02), "fint", 0.05),
    "bend_hgap_exact_edges": (cv.SBend(**BEND, fint=0.5, fringe_type="full"), "hgap", 0.002),
    "bend_ref_tilt": (cv.SBend(**BEND), "ref_tilt", 0.02),
    "bend_roll": (cv.SBend(**BEND), "roll", 0.02),
    "bend_x_offset": (cv.SBend(**BEND), "x_offset", 1e-2),
    "bend_hkick": (cv.SBend(**BEND), "hkick", 1e-3),
    "separator_length": (cv.ELSeparator(e_field=1e4), "length", 0.02),
    "separator_length_voltage": (cv.ELSeparator(voltage=1e3, gap=0.1, x_offset=1e-3), "length", 0.02),
    "sad_mult_length": (cv.SadMult(a1=0.05, b1=0.3, b2=4.0, ks=0.8), "length", 0.02),
    "sad_mult_b1": (cv.SadMult(length=0.2, a1=0.05, ks=0.8), "b1", 0.05),
    "sad_mult_ks": (cv.SadMult(length=0.2, a1=0.05, b1=0.3), "ks", 0.05),
    "cavity_voltage": (cv.LCavity(**CAVITY), "voltage", 5e4),
    "cavity_voltage_traveling": (cv.LCavity(**CAVITY, cavity_type="traveling_wave"), "voltage", 5e4),
    "cavity_phi0": (cv.LCavity(**{**CAVITY, "phi0": 0.0}, voltage=5e6), "phi0", 0.01),
    "cavity_voltage_err": (cv.LCavity(**CAVITY, voltage=5e6), "voltage_err", 5e4),
    "cavity_ks": (cv.LCavity(**CAVITY, voltage=5e6), "ks", 0.02),
}

METHODS = (cv.BmadStandard(num_steps=3), cv.KickDriftKick(num_steps=3))
"""A number of steps that does not depend on the setting."""

SINGULAR = {("bend_fint", "kick_drift_kick"), ("bend_hgap_exact_edges", "kick_drift_kick")}
"""PTC's edge of finite extent, whose octupole goes as one over it, and which has none at zero."""


def cases(of: Sequence[Any] = METHODS) -> list[Any]:
    """Return (element, setting, step) for methods."""
    found = [(case, method) for case in CASES for method in of if method.name in methods(CASES[case][0])]
    return [
        pytest.param(CASES[case][0].replace(tracking_method=method), *CASES[case][1:], id=f"{case}-{method.name}")
        for case, method in found
        if (case, method.name) not in SINGULAR
    ]


def out_of(element: cv.Element, name: str, backend: str = "numpy") -> Callable[[Any], list[Any]]:
    """Coordinates after an element, each ``(settings, particles)``, as a function of settings."""
    lattice = cv.Lattice([element.replace(name="e")])
    beam = cv.ParticleBeam(*particles(12), reference=REFERENCE).to(backend)

    def track(settings: Any) -> list[Any]:
        return list(lattice.replace({f"e.{name}": settings}).track(beam).coordinates)

    return track


def maps_of(element: cv.Element, name: str) -> Callable[[Any], list[Any]]:
    """First- and second-order map of an element, ``(settings, 36)`` and ``(settings, 216)``, as a function of settings."""
    lattice = cv.Lattice([element.replace(name="e")])

    def expand(settings: Any) -> list[Any]:
        m = lattice.replace({f"e.{name}": settings}).transfer_map(REFERENCE, order=2)
        return [part.reshape((*part.shape[: settings.ndim], -1)) for part in (m.matrix, m.quadratic)]

    return expand


def fitted(function: Callable[[Any], list[Any]], step: float) -> list[list[np.ndarray]]:
    """Value, first and second derivative at zero of functions of settings, from settings on both sides."""
    j = np.arange(1, POINTS + 1)
    powers = 2.0 * np.arange(POINTS)
    even, odd = np.linalg.inv(j[:, None] ** powers), np.linalg.inv(j[:, None] ** (powers + 1))
    found: list[list[np.ndarray]] = [[], [], []]
    for values in function(np.concatenate([j, -j]) * step):
        up, down = values[:POINTS], values[POINTS:]
        found[0].append(even[0] @ (up + down) / 2)
        found[1].append(odd[0] @ (up - down) / 2 / step)
        found[2].append(even[1] @ (up + down) / step**2)
    return found


def by_torch(function: Callable[[Any], list[Any]]) -> list[list[np.ndarray]]:
    """Value, first and second derivative at zero by PyTorch, forward."""
    import torch

    zero, one = torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)

    def first(p: Any) -> list[Any]:
        return torch.func.jvp(function, (p,), (one,))[1]

    slopes, curvatures = torch.func.jvp(first, (zero,), (one,))
    return [[np.asarray(v.detach()) for v in values] for values in (function(zero), slopes, curvatures)]


def by_jax(function: Callable[[Any], list[Any]]) -> list[list[np.ndarray]]:
    """Value, first and second derivative at zero by JAX, forward."""
    import jax
    import jax.numpy as jnp

    zero, one = jnp.asarray(0.0), jnp.asarray(1.0)

    def first(p: Any) -> list[Any]:
        return jax.jvp(function, (p,), (one,))[1]

    slopes, curvatures = jax.jvp(first, (zero,), (one,))
    return [[np.asarray(v) for v in values] for values in (function(zero), slopes, curvatures)]


def assert_derivatives(found: Any, truth: Any, step: float, least: float, *, jumps: bool = False) -> None:
    """Compare values and derivatives; `least` is how large the function is at least, whose rounding ``step`` amplifies.

    Where Bmad `jumps` to another model at zero, exact instead of paraxial, derivatives are those of the paraxial one, on
    another orbit in what follows.
    """
    for order in (1, 2) if jumps else (0, 1, 2):
        for value, exact, zeroth in zip(found[order], truth[order], truth[0], strict=True):
            assert np.isfinite(value).all()
            tolerance = 1e-5 if jumps else 1e-8
            noise = 100 * np.finfo(float).eps * max(np.abs(zeroth).max(), least) / step**order
            np.testing.assert_allclose(
                value, exact, rtol=0, atol=noise + tolerance * np.abs(exact).max(), err_msg=f"order {order}"
            )


def is_jump(element: cv.Element, name: str) -> bool:
    return element.kind == "SBend" and name == "k1" and str(element.tracking_method).startswith("bmad_standard")


@pytest.mark.parametrize(("element", "name", "step"), cases())
def test_derivatives_by_a_setting_at_zero(element, name, step):
    pytest.importorskip("torch")
    found, truth = by_torch(out_of(element, name, "torch")), fitted(out_of(element, name), step)
    assert_derivatives(found, truth, step, least=1e-3, jumps=is_jump(element, name))
    assert max(np.abs(first).max() for first in truth[1]) > 1e-9  # it matters


@pytest.mark.slow
@pytest.mark.parametrize(("element", "name", "step"), cases()[::9])
def test_derivatives_by_a_setting_at_zero_by_jax(element, name, step):
    pytest.importorskip("jax")
    found, truth = by_jax(out_of(element, name, "jax")), fitted(out_of(element, name), step)
    assert_derivatives(found, truth, step, least=1e-3, jumps=is_jump(element, name))


@pytest.mark.parametrize(("element", "name", "step"), [*some(cases(METHODS[:1]), 3), *some(cases(METHODS[1:]), 30)])
def test_derivatives_of_the_maps_by_a_setting_at_zero(element, name, step):
    """Second derivatives by coordinates, and how they change with the setting."""
    pytest.importorskip("torch")
    found, truth = by_torch(maps_of(element, name)), fitted(maps_of(element, name), step)
    assert_derivatives(found, truth, step, least=1.0, jumps=is_jump(element, name))
