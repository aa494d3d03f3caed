"""What cavities, patches, markers and the rest of MAD-X are in Caraval."""

from __future__ import annotations

from math import pi
from typing import Any

from caraval.core.reference import C_LIGHT, Reference

from . import maps
from .values import Made, Values

MEGA = 1e6

_LONG_BUNCHES = (
    *("width", "copx", "copy", "alfxs", "alfys", "dxs", "dys", "dpxs", "dpys", "sigts", "siges", "cot", "copt", "cox", "coy"),
    *("bb_sc", "long_coup_off", "spacecharge"),
)
"""Attributes of a beambeam that only count in models with several slices."""


def rfcavity(v: Values) -> Made:
    """Cavity: a particle that comes later sees a later phase, which Bmad counts the other way round."""
    v.refuse("volterr", "lagerr", "lagtap", "fringe")
    lag = v.number("lag")
    if v.around.direction < 0:
        lag = 0.5 - lag
    return Made("RFCavity", {"voltage": MEGA * v.number("volt"), "phi0": 0.5 - lag, "rf_frequency": _frequency(v)})


def crabcavity(v: Values) -> Made:
    """Crab cavity."""
    v.refuse("volterr", "lagerr", "rv1", "rv2", "rv3", "rv4", "rph1", "rph2", "lagf")
    values = {"voltage": MEGA * v.number("volt"), "phi0": 0.5 - v.number("lag"), "rf_frequency": _frequency(v)}
    return Made("CrabCavity", {**values, "tilt": v.number("tilt")})


def rfmultipole(v: Values) -> Made:
    """Multipoles that oscillate: a dipole is a crab cavity, nothing but a voltage a cavity; others Caraval has not."""
    normal, skew = (([*v.numbers(name), 0.0])[0] for name in ("knl", "ksl"))
    if not any((*v.numbers("knl"), *v.numbers("ksl"))):
        return rfcavity(v)
    higher, frequency = any((*v.numbers("knl")[1:], *v.numbers("ksl")[1:])), _frequency(v)
    if higher or (normal and skew) or v.number("volt") or not frequency:
        return unknown(v)
    phase = ([*v.numbers("pnl" if normal else "psl"), 0.0])[0]
    v.number("lag"), v.numbers("pnl"), v.numbers("psl")
    turn = 0.0 if normal else -pi / 2  # what kicks along y
    values = {"voltage": v.around.direction * (normal or skew) * v.around.reference.p0c, "phi0": -phase - 0.25}
    return Made("CrabCavity", {**values, "rf_frequency": frequency, "tilt": v.number("tilt") + turn})


def elseparator(v: Values) -> Made:
    """Electrostatic separator, of fields in MV/m; a thin one is a kicker of the same kick on the axis."""
    reference, fields = v.around.reference, {"hkick": v.number("ex"), "vkick": v.number("ey")}
    integrated = {"hkick": v.number("ex_l"), "vkick": v.number("ey_l")}
    if v.length:
        scale = MEGA * abs(v.around.charge) / reference.p0c
        return Made("ELSeparator", {**{n: scale * f * v.length for n, f in fields.items()}, "tilt": v.number("tilt")})
    scale = MEGA * v.around.charge / (reference.p0c * reference.beta)
    return Made("Kicker", {**{name: scale * field for name, field in integrated.items()}, "tilt": v.number("tilt")})


def collimator(v: Values) -> Made:
    """Collimator, of the shape that its aperture has."""
    v.refuse("current")
    for name in ("xma", "yma", "l_int", "l_phy"):
        v.numbers(name)
    elliptic = v.element.keyword == "ecollimator" or v.text("apertype") in ("", "circle", "ellipse")
    return Made("ECollimator" if elliptic and v.element.keyword != "rcollimator" else "RCollimator", {})


def monitor(v: Values) -> Made:
    """Monitors of all sorts."""
    return Made("Monitor", {})


def instrument(v: Values) -> Made:
    """Instruments, and what keeps a place for something."""
    return Made("Instrument", {})


def marker(v: Values) -> Made:
    """Marker."""
    return Made("Marker", {})


def drift(v: Values) -> Made:
    """Drift."""
    return Made("Drift", {})


def ac_dipole(v: Values) -> Made:
    """Dipole that changes from turn to turn; in a single pass it does nothing."""
    if v.number("volt"):
        v.lose("volt", v.number("volt"), "a drift: it changes from turn to turn")
    for name in ("freq", "lag", "harmon"):
        v.number(name)
    return Made("Drift" if v.length else "Marker", {})


def srotation(v: Values) -> Made:
    """Rotation of the axes about the beam."""
    return Made("Patch", {"tilt": v.number("angle")})


def xrotation(v: Values) -> Made:
    """Rotation of the axes about x; it is that of Bmad backwards."""
    return Made("Patch", {"y_pitch": -v.number("angle")})


def yrotation(v: Values) -> Made:
    """Rotation of the axes about y."""
    return Made("Patch", {"x_pitch": v.number("angle")})


def translation(v: Values) -> Made:
    """Shift of the axes, which takes the reference no time."""
    offsets = {f"{axis}_offset": v.number(name) for axis, name in zip("xyz", ("dx", "dy", "ds"), strict=True)}
    return Made("Patch", {**offsets, "user_sets_length": True})


def changeref(v: Values) -> Made:
    """Shift and rotation of the axes in one, which only PTC knows."""
    v.refuse("patch_ang", "patch_trans")
    return Made("Marker", {})


def changerefp0(v: Values) -> Made:
    """Change of the reference momentum, which only PTC knows."""
    v.refuse("p0")
    return Made("Drift" if v.length else "Marker", {})


def beambeam(v: Values) -> Made:
    """Encounter with a Gaussian bunch of no length that comes the opposite way."""
    if v.number("bbshape", 1.0) != 1 or v.number("bbdir", -1.0) != -1:
        return unknown(v)
    for name in _LONG_BUNCHES:
        v.number(name)
    v.refuse("angle")
    values: dict[str, Any] = {
        "sig_x": v.number("sigx"),
        "sig_y": v.number("sigy"),
        "n_particle": force(v.around.reference) * (v.number("npart") or v.around.particles),
        "charge": v.number("charge", 1.0) * v.around.charge,
        "x_offset": v.number("xma"),
        "y_offset": v.number("yma"),
    }
    return Made("BeamBeam", values)


def force(reference: Reference) -> float:
    """Return how much stronger the force of a bunch is that comes the opposite way: Bmad's does not know how fast it is."""
    beta = float(reference.beta)
    return (1 + beta * beta) / (2 * beta)


def matrix(v: Values) -> Made:
    """Map, in the coordinates of MAD-X."""
    return Made("Taylor", {"terms": maps.taylor_terms(v), "length": v.length})


def unknown(v: Values) -> Made:
    """Return what stands for an element that Caraval has not.

    Raises
    ------
    LatticeError
        Unless such losses are allowed.
    """
    v.lose("", f"a {v.element.keyword}", "a drift" if v.length else "a marker")
    v.ask_all()
    return Made("Drift" if v.length else "Marker", {})


def _frequency(v: Values) -> float:
    """Return the frequency [Hz]: that given, or the harmonic number times that of the revolution."""
    frequency, harmonic = MEGA * v.number("freq"), v.number("harmon")
    if frequency or not harmonic or not v.around.length:
        return frequency
    return harmonic * v.around.reference.beta * C_LIGHT / v.around.length
