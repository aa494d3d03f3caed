"""Ocelot's element classes and what they are given (Ocelot's documentation, "Elements")."""

from __future__ import annotations

PARAMETERS: dict[str, tuple[str, ...]] = {
    "Drift": ("l",),
    "Marker": (),
    "Monitor": ("l",),
    "Quadrupole": ("l", "k1", "k2", "tilt"),
    "Sextupole": ("l", "k2", "tilt"),
    "Octupole": ("l", "k3", "tilt"),
    "Multipole": ("kn",),
    "Bend": ("l", "angle", "k1", "k2", "e1", "e2", "tilt", "gap", "h_pole1", "h_pole2", "fint", "fintx"),
    "SBend": ("l", "angle", "k1", "k2", "e1", "e2", "tilt", "gap", "h_pole1", "h_pole2", "fint", "fintx"),
    "RBend": ("l", "angle", "k1", "k2", "e1", "e2", "tilt", "gap", "h_pole1", "h_pole2", "fint", "fintx"),
    "Hcor": ("l", "angle"),
    "Vcor": ("l", "angle"),
    "Solenoid": ("l", "k"),
    "Cavity": ("l", "v", "phi", "freq", "vx_up", "vy_up", "vxx_up", "vxy_up", "vx_down", "vy_down", "vxx_down", "vxy_down"),
    "TWCavity": ("l", "v", "phi", "freq"),
    "TDCavity": ("l", "freq", "phi", "v", "tilt"),
    "Undulator": ("lperiod", "nperiods", "Kx", "Ky", "phase", "end_poles", "field_file", "mag_field"),
    "Aperture": ("xmax", "ymax", "dx", "dy", "type"),
    "Matrix": ("l", "delta_e"),
    "XYQuadrupole": ("l", "x_offs", "y_offs", "k1", "tilt"),
    "UnknownElement": ("l", "kick", "xsize", "ysize", "volt", "lag", "harmon", "refer", "vkick", "hkick"),
}
"""Parameters of each class, in the order in which it takes them."""

COMMON = ("eid", "tm", "dx", "dy")
"""Parameters of all."""

METHODS = (
    "TransferMap", "SecondTM", "KickTM", "CavityTM", "TWCavityTM", "MultipoleTM", "UndulatorTestTM", "RungeKuttaTM",
    "RungeKuttaTrTM", "RungeKuttaGlobalTM", "RungeKuttaOcelotTM", "PulseTM",
)  # fmt: skip
"""Names of tracking methods."""

GENERATED = r"ID_\d+_"
"""What Ocelot calls elements that it was given no name for; the digits are random."""

GEV = 1e9
"""Ocelot's unit of energy and voltage [eV]."""
