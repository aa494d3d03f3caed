"""Elements with everything set that their kind has: what every mechanism must cope with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pytest

import caraval as cv
from caraval.physics.shared import electric
from caraval.physics.shared.multipoles import orders
from caraval.physics.shared.rf.cavity import CoupledCavity
from caraval.testing.beams import particles
from caraval.testing.case import Case

MISALIGNED = {"x_offset": 1e-3, "y_offset": -2e-3, "z_offset": 3e-3, "x_pitch": 2e-3, "y_pitch": -1e-3}
TILTED = {**MISALIGNED, "tilt": 0.15}
SHIFTED = {"x_offset": 1e-3, "y_offset": -5e-4, "tilt": 0.1}
MULTIPOLES = {"b0": 1e-4, "a0": -2e-4, "a1": 0.01, "b1": 0.02, "b2": 0.5, "a3": 2.0, "r0_mag": 0.02}

BUNCH = {"sig_x": 1e-3, "sig_y": 3e-4, "sig_z": 0.01, "n_particle": 1e10}
WAVEFORM = ((-2e-9, 0.1), (-5e-11, 0.8), (-1e-11, 1.0), (2e-11, 0.7), (4e-11, 0.9), (2e-9, 0.2))

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
    "rcollimator_windows": cv.RCollimator(
        length=0.2, px_aperture_width2=2e-3, py_aperture_center=1e-4, py_aperture_width2=2e-3, pz_aperture_width2=0.01, **TILTED
    ),
    "drift_aperture": cv.Drift(length=0.4, x_limit=5e-3, y2_limit=4e-3, aperture_at="entrance_end"),
    "solenoid": cv.Solenoid(length=0.3, ks=1.5, **SHIFTED),
    "lcavity": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, **TILTED),
    "lcavity_traveling": cv.LCavity(
        length=3.0, rf_frequency=2.856e9, voltage=45e6, phi0=-0.03, phi0_err=0.01, voltage_err=1e5, cavity_type="traveling_wave"
    ),
    "lcavity_solenoid": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=5e6, ks=0.3, n_rf_steps=4),
    "octupole": cv.Octupole(length=0.3, k3=80.0, **TILTED),
    "octupole_kicks": cv.Octupole(length=0.3, k3=-80.0, hkick=1e-4, vkick=-2e-4, **MULTIPOLES, tilt=0.2),
    "octupole_field": cv.Octupole(length=0.3, b3_gradient=20.0),
    "thick_multipole": cv.ThickMultipole(length=0.3, b1=0.1, a2=1.0, b3=20.0, **TILTED),
    "multipole": cv.Multipole(k1l=0.1, k2l=1.0, t2=0.1, k3sl=20.0, x_offset=1e-3, z_offset=1e-2, tilt=0.2),
    "multipole_tilted": cv.Multipole(k1l=-0.1, t1=0.05, k2l=1.0, **SHIFTED),
    "multipole_bend": cv.Multipole(k0l=0.01, k0sl=0.004, k1l=0.05, k0l_status="bends_reference"),
    "multipole_dipole": cv.Multipole(k0l=0.001, k0l_status="straight_reference"),
    "ab_multipole": cv.ABMultipole(a0=1e-4, b0=-2e-4, b1=0.05, a2=-0.4, b5=1e4, **SHIFTED),
    "sol_quad": cv.SolQuad(length=0.5, ks=0.6, k1=1.3),
    "sol_quad_misaligned": cv.SolQuad(length=0.5, ks=-0.8, k1=-1.5, **TILTED),
    "sol_quad_helix": cv.SolQuad(length=0.5, ks=0.8, hkick=1e-4),
    "sol_quad_kicks": cv.SolQuad(length=0.5, ks=0.8, k1=1.0, hkick=1e-4, vkick=1e-4, **MULTIPOLES, tilt=0.2),
    "sol_quad_field": cv.SolQuad(length=0.5, bs_field=0.2, b1_gradient=-0.3),
    "elseparator": cv.ELSeparator(length=0.5, hkick=1e-3, vkick=-2e-3, gap=0.1, **TILTED),
    "elseparator_kicks": cv.ELSeparator(length=0.5, hkick=1e-3, b1=20.0, a2=1e3),
    "elseparator_field": cv.ELSeparator(length=0.5, voltage=4e3, gap=0.1),
    "quadrupole_electric": cv.Quadrupole(length=0.3, k1=1.0, b0_elec=1e4, a1_elec=1e6, **SHIFTED),
    "sbend_electric": cv.SBend(length=0.3, angle=0.1, a0_elec=1e4, b1_elec=1e6),
    "sbend_electric_exact": cv.SBend(
        length=0.3, angle=0.1, k2=5.0, b0_elec=1e4, a1_elec=1e6, b2_elec=1e7, exact_multipoles="vertically_pure"
    ),
    "lcavity_full": cv.LCavity(
        length=1.0,
        rf_frequency=1.3e9,
        voltage=15e6,
        phi0=0.05,
        ks=0.3,
        coupler_strength=0.02,
        coupler_at="both_ends",
        coupler_angle=0.1,
        coupler_phase=0.2,
        hkick=1e-3,
        vkick=-2e-3,
        b2=1.0,
        a1=0.02,
        n_rf_steps=7,
        **TILTED,
    ),
    "lcavity_pass": cv.LCavity(
        length=1.0,
        rf_frequency=1.3e9,
        voltage=15e6,
        phi0=0.05,
        n_rf_steps=2,
        slips=(1e-3, -2e-3, 3e-3),
        field_autoscale=1.01,
        absolute_time_tracking=True,
        pass_delay=1.3e-9,
    ),
    "lcavity_one_piece": cv.LCavity(length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, n_rf_steps=0),
    "lcavity_one_piece_traveling": cv.LCavity(
        length=1.0, rf_frequency=1.3e9, voltage=15e6, phi0=0.05, n_rf_steps=0, cavity_type="traveling_wave", **SHIFTED
    ),
    "rfcavity": cv.RFCavity(
        length=1.0, rf_frequency=500e6, voltage=2e6, phi0=0.1, n_cell=2, coupler_strength=0.02, hkick=1e-3, b2=1.0, **TILTED
    ),
    "rfcavity_traveling": cv.RFCavity(length=0.5, rf_frequency=500e6, voltage=2e6, phi0=0.4, cavity_type="traveling_wave"),
    "rfcavity_thin": cv.RFCavity(rf_frequency=500e6, voltage=2e6, phi0=0.1, vkick=1e-3),
    "crab_cavity": cv.CrabCavity(length=0.5, rf_frequency=1e9, voltage=3e5, phi0=0.1, hkick=1e-3, b2=1.0, **TILTED),
    "crab_cavity_thin": cv.CrabCavity(rf_frequency=1e9, voltage=3e5, tilt=0.3),
    "gkicker": cv.GKicker(x_kick=1e-3, px_kick=-2e-3, y_kick=5e-4, py_kick=1e-3, z_kick=2e-3, pz_kick=-6e-3),
    "ac_kicker": cv.ACKicker(
        length=0.3,
        hkick=2e-3,
        vkick=-1e-3,
        b1=40.0,
        a2=1e3,
        frequencies=((1e9, 1.7, 0.1), (3e9, 0.4, 0.25)),
        t_offset=2e-10,
        **SHIFTED,
    ),
    "ac_kicker_table": cv.ACKicker(
        length=0.3, hkick=2e-3, scale_multipoles=False, b1=0.05, amp_vs_time=WAVEFORM, t_offset=1e-11
    ),
    "sad_mult": cv.SadMult(length=0.2, a1=0.05, b1=-0.3, b2=4.0, ks=0.8, x_offset_mult=1e-3, y_offset_mult=-5e-4, **TILTED),
    "sad_mult_edges": cv.SadMult(
        length=0.2,
        a0=3e-3,
        b0=1e-2,
        a1=0.05,
        b1=0.3,
        b2=4.0,
        a3=20.0,
        ks=-0.5,
        fringe_type="full",
        fq1=0.01,
        fq2=0.002,
        fb1=0.02,
        fb2=0.03,
        **SHIFTED,
    ),
    "wiggler": cv.Wiggler(length=0.3, b_max=0.1, l_period=0.1, kx=20.0, **SHIFTED),
    "wiggler_kicks": cv.Wiggler(length=0.3, b_max=0.1, n_period=3, hkick=1e-4, vkick=-2e-4, **MULTIPOLES, **TILTED),
    "wiggler_helical": cv.Wiggler(length=0.3, b_max=0.05, l_period=0.1, field_calc="helical_model"),
    "undulator": cv.Undulator(length=0.4, b_max=0.05, l_period=0.04),
    "patch": cv.Patch(**TILTED, t_offset=1e-11),
    "patch_turning": cv.Patch(x_pitch=np.pi + 0.02, y_pitch=-0.01, tilt=0.3, x_offset=1e-3, z_offset=2e-4),
    "patch_against": cv.Patch(x_pitch=np.pi - 0.02, y_pitch=0.01, tilt=0.3, y_offset=1e-3, z_offset=-2e-4, against=True),
    "patch_energy": cv.Patch(**MISALIGNED, e_tot_offset=2e6, ref_coords="entrance_end"),
    "match": cv.Match(
        length=0.4,
        beta_a0=10.0,
        beta_b0=4.0,
        beta_a1=3.0,
        beta_b1=7.0,
        alpha_a1=0.5,
        dphi_a=0.3,
        eta_x1=0.1,
        c12_mat1=0.2,
        x0=1e-3,
        py1=1e-3,
        delta_time=1e-12,
    ),
    "taylor": cv.Taylor(length=0.5, terms={"tt1": 1e-4, "tt12": 0.5, "tt2336": 2.7, "tt566": 0.1}, x_ref=1e-4, **SHIFTED),
    "floor_shift": cv.FloorShift(x_offset=0.1, x_pitch=0.1),
    "mask": cv.Mask(x_limit=3e-3, **SHIFTED),
    "fork": cv.Fork(to_line="other"),
    "beambeam": cv.BeamBeam(**BUNCH, n_slice=3, crab_x1=0.02, crab_x2=1.0, crab_tilt=0.2, **SHIFTED),
    "beambeam_solenoid": cv.BeamBeam(**BUNCH, n_slice=3, ks=0.5, **SHIFTED),
    "beambeam_hourglass": cv.BeamBeam(
        **BUNCH, n_slice=3, beta_a_strong=0.1, alpha_a_strong=0.3, beta_b_strong=0.02, s_twiss_ref=1e-3
    ),
}
"""One of each thing that is different to the code, by name."""

REFERENCES = {
    "electron_10MeV": cv.Reference("electron", 10e6),
    "electron_100MeV": cv.Reference("electron", 100e6),
    "positron_6GeV": cv.Reference("positron", 6e9),
    "proton_1GeV": cv.Reference("proton", 1e9),
    "antiproton_300MeV": cv.Reference("antiproton", 300e6),
}


def beam(reference: cv.Reference = REFERENCES["electron_100MeV"], n: int = 40, scale: float = 1.0) -> cv.ParticleBeam:
    """A beam of :func:`particles`."""
    return cv.ParticleBeam(*particles(n, scale=scale), reference=reference)


def methods(element: cv.Element) -> list[str]:
    """Names of the methods that an element has."""
    from caraval.core.registry import registry

    found = registry().method_names(type(element))
    lacking = {
        "kick_drift_kick": bool(electric.orders(element)),
        "runge_kutta": bool(electric.orders(element))
        or isinstance(element, cv.ACKicker)
        or getattr(element, "exact_multipoles", "off") != "off",
        "center_phase": isinstance(element, CoupledCavity)
        and (bool(orders(element)) or element.has_solenoid() or element.coupler_strength != 0),
    }
    return [name for name in found if not lacking.get(name, False)]


INTEGRATED = {"drift", "quadrupole_misaligned", "quadrupole_edges", "sbend_misaligned", "solenoid", "wiggler"}
"""Cases that stand for all that can be integrated through their fields, which takes long and is one way for all."""


def every_method(*, integrated: bool = False) -> list[tuple[str, str]]:
    """Return (case, method) for all elements and all their methods, or those cases that others stand for."""
    pairs = [(name, method) for name, element in ELEMENTS.items() for method in methods(element)]
    return [(name, method) for name, method in pairs if (method == "runge_kutta" and name not in INTEGRATED) == integrated]


def some(cases: Sequence[Any], every: int) -> list[Any]:
    """Return test cases, one in `every` as it is and the others marked slow: they show the same at other points."""
    return [
        pytest.param(
            *getattr(case, "values", case), id=getattr(case, "id", None), marks=[pytest.mark.slow] if i % every else []
        )
        for i, case in enumerate(cases)
    ]


SEEDS = (1, 2)
STEPS = {"bmad_standard": cv.BmadStandard(num_steps=2), "kick_drift_kick": cv.KickDriftKick(num_steps=2)}
EITHER_SIGN = {*MISALIGNED, "tilt", "ref_tilt", "roll", "e1", "e2", "angle", "dg", "ks", "phi0", "t_offset"}


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
