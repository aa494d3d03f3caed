"""Elements with everything set that their kind has: what every mechanism must cope with."""

from __future__ import annotations

import numpy as np

import caraval as cv

MISALIGNED = {"x_offset": 1e-3, "y_offset": -2e-3, "z_offset": 3e-3, "x_pitch": 2e-3, "y_pitch": -1e-3}
TILTED = {**MISALIGNED, "tilt": 0.15}
SHIFTED = {"x_offset": 1e-3, "y_offset": -5e-4, "tilt": 0.1}
MULTIPOLES = {"b0": 1e-4, "a0": -2e-4, "a1": 0.01, "b1": 0.02, "b2": 0.5, "a3": 2.0, "r0_mag": 0.02}

ELEMENTS = {
    "drift": cv.Drift(length=0.7),
    "pipe": cv.Pipe(length=0.3, **SHIFTED),
    "marker": cv.Marker(),
    "monitor": cv.Monitor(length=0.1, hkick=1e-4, vkick=2e-4, **TILTED),
    "instrument": cv.Instrument(length=0.1, **SHIFTED),
    "quadrupole": cv.Quadrupole(length=0.5, k1=-1.7),
    "quadrupole_shifted": cv.Quadrupole(length=0.5, k1=1.7, **SHIFTED),
    "quadrupole_misaligned": cv.Quadrupole(length=0.5, k1=1.7, **TILTED),
    "quadrupole_edges": cv.Quadrupole(length=0.5, k1=2.0, fringe_type="full", fq1=0.01, fq2=0.002),
    "quadrupole_kicks": cv.Quadrupole(length=0.5, k1=2.0, hkick=1e-3, vkick=-2e-3, **MULTIPOLES, tilt=0.2),
    "quadrupole_field": cv.Quadrupole(length=0.5, b1_gradient=0.7),
    "sextupole": cv.Sextupole(length=0.3, k2=20.0, **TILTED),
    "sextupole_full": cv.Sextupole(length=0.3, k2=-20.0, fringe_type="full", **MULTIPOLES),
    "sbend": cv.SBend(length=0.5, angle=0.2, e1=0.1, e2=0.05, fint=0.4, hgap=0.02, fintx=0.6, hgapx=0.015),
    "sbend_plain": cv.SBend(length=0.5, angle=-0.3, fringe_at="no_end"),
    "sbend_half_turn": cv.SBend(length=2.0, angle=3.3, dg=0.01),
    "sbend_misaligned": cv.SBend(length=0.5, angle=0.2, e1=0.1, **MISALIGNED, roll=0.02, ref_tilt=0.1),
    "sbend_vertical": cv.SBend(length=0.5, angle=0.2, ref_tilt=np.pi / 2, e1=0.1, e2=0.1),
    "sbend_exact_edges": cv.SBend(length=0.5, angle=0.2, e1=0.1, e2=0.07, fint=0.5, hgap=0.02, fringe_type="full", k1=0.7),
    "sbend_linear_edges": cv.SBend(length=0.5, angle=0.2, e1=0.1, e2=0.07, fint=0.5, hgap=0.02, fringe_type="linear_edge"),
    "sbend_soft_edges": cv.SBend(length=0.5, angle=0.2, fint=0.5, hgap=0.02, fringe_type="soft_edge_only"),
    "sbend_combined": cv.SBend(length=0.5, angle=0.2, k1=1.2, k2=5.0, e1=0.05, e2=0.1, dg=0.01),
    "sbend_kicks": cv.SBend(length=0.5, angle=0.2, hkick=1e-3, vkick=-1e-3, b2=0.5, a2=0.2, r0_mag=0.02),
    "sbend_exact": cv.SBend(length=0.5, angle=0.2, k1=1.2, k2=5.0, a1=0.01, exact_multipoles="vertically_pure"),
    "sbend_field": cv.SBend(length=0.5, b_field=0.1),
    "rbend": cv.RBend(length=0.5, angle=0.2, e1=0.05, e2=-0.02, fint=0.5, hgap=0.02),
    "hkicker": cv.HKicker(length=0.2, kick=2e-3, tilt=0.3),
    "vkicker": cv.VKicker(length=0.2, kick=-1e-3, x_offset=1e-3, y_pitch=1e-3),
    "kicker": cv.Kicker(length=0.2, hkick=2e-3, vkick=-1e-3, tilt=0.3),
    "kicker_thin": cv.Kicker(hkick=2e-3, vkick=-1e-3),
    "kicker_field": cv.Kicker(length=0.2, bl_hkick=1e-3, bl_vkick=2e-3),
    "rcollimator": cv.RCollimator(length=0.2, x_limit=4e-3, y_limit=3e-3, aperture_at="both_ends", **SHIFTED),
    "ecollimator": cv.ECollimator(length=0.2, x1_limit=2e-3, x2_limit=6e-3, y_limit=3e-3, **TILTED),
    "drift_aperture": cv.Drift(length=0.4, x_limit=5e-3, y2_limit=4e-3, aperture_at="entrance_end"),
    "solenoid": cv.Solenoid(length=0.3, ks=1.5, **SHIFTED),
    "lcavity": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, **TILTED),
    "lcavity_traveling": cv.LCavity(
        length=3.0, rf_frequency=2.856e9, voltage=45e6, phi0=-0.03, phi0_err=0.01, voltage_err=1e5, cavity_type="traveling_wave"
    ),
    "lcavity_solenoid": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=5e6, ks=0.3, n_rf_steps=4),
}
"""One of each thing that is different to the code, by name."""

REFERENCES = {
    "electron_10MeV": cv.Reference("electron", 10e6),
    "electron_100MeV": cv.Reference("electron", 100e6),
    "positron_6GeV": cv.Reference("positron", 6e9),
    "proton_1GeV": cv.Reference("proton", 1e9),
    "antiproton_300MeV": cv.Reference("antiproton", 300e6),
}


def particles(n: int = 40, seed: int = 7, scale: float = 1.0) -> np.ndarray:
    """Coordinates ``(6, n)`` of up to a few mm, mrad and percent, the axis itself among them."""
    rng = np.random.default_rng(seed)
    q = rng.uniform(-1, 1, (6, n)) * np.array([4e-3, 3e-3, 4e-3, 3e-3, 1e-2, 2e-2])[:, None] * scale
    q[:, 0] = 0.0
    return q


def beam(reference: cv.Reference = REFERENCES["electron_100MeV"], n: int = 40, scale: float = 1.0) -> cv.ParticleBeam:
    """A beam of :func:`particles`."""
    return cv.ParticleBeam(*particles(n, scale=scale), reference=reference)


def methods(element: cv.Element) -> list[str]:
    """Names of the methods that an element has."""
    from caraval.core.registry import registry

    return registry().method_names(type(element))


def every_method() -> list[tuple[str, str]]:
    """Return (case, method) for all elements and all their methods."""
    return [(name, method) for name, element in ELEMENTS.items() for method in methods(element)]
