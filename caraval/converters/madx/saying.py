"""What the elements of Caraval are in MAD-X: the other direction of ``magnets``, ``others`` and ``elements``."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, factorial, sin
from typing import Any

from caraval.converters.shared import openings
from caraval.converters.shared.expanded import as_map
from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields, phase_seen
from caraval.core import scalar
from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.physics import multipole as thin
from caraval.physics.patch import Patch

from . import maps, spelling
from .apertures import said as opening_said
from .magnets import ENDS
from .others import MEGA, force
from .state import DEFAULTS
from .vocabulary import INERT, MISALIGNMENT, has

ALIGNED = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch")

HAVE_TILT = ("quadrupole", "sextupole", "octupole", "multipole", "hkicker", "vkicker", "kicker", "elseparator", "crabcavity")
"""Classes whose `tilt` is one of their own; others are turned as a misalignment."""

ASKED = ("tilt", "lrad", "kill_ent_fringe", "kill_exi_fringe")
"""Attributes that count as inert where no class asks for them."""


def magnet(keyword: str, *strengths: str) -> Callable[[WeighedFields], list[Said]]:
    """Return what says a straight magnet: strengths of the same names, and multipoles on top."""

    def say(f: WeighedFields) -> list[Said]:
        return _finished(f, keyword, {name: f.number(name) for name in strengths} | _tilt(f, keyword) | _multipoles(f))

    return say


def kicker(keyword: str, *kicks: str) -> Callable[[WeighedFields], list[Said]]:
    """Return what says a corrector."""

    def say(f: WeighedFields) -> list[Said]:
        return _finished(f, keyword, {name: f.number(name) for name in kicks} | _tilt(f, keyword))

    return say


def passive(keyword: str) -> Callable[[WeighedFields], list[Said]]:
    """Return what says an element that does nothing."""

    def say(f: WeighedFields) -> list[Said]:
        return [] if keyword == "marker" and f.length else _finished(f, keyword, {})

    return say


def bend(f: WeighedFields) -> list[Said]:
    """SBend; one without length is an edge alone."""
    length, angle = f.length, f.number("angle")
    values = {name: f.number(name) for name in ("e1", "e2", "hgap", "fint", "k1", "k2")}
    values["tilt"] = f.number("ref_tilt")
    fintx = f.get("fintx")
    if fintx is not None and fintx < 0:
        f.physics("fintx", fintx, "that of the entrance")
    elif fintx is not None:
        values["fintx"] = fintx
    if length == 0:
        return _edge(f, values)
    strengths = f.strengths()
    if f.number("dg"):
        values["k0"] = angle / length + f.number("dg")
        if values["k0"] == 0:
            f.physics("dg", f.number("dg"), "the field of the design: no field is no word in MAD-X")
    entrance, exit = next(pair for pair, word in ENDS.items() if word == f.get("fringe_at"))
    values |= {"kill_ent_fringe": not entrance, "kill_exi_fringe": not exit}
    return _finished(f, "sbend", {"angle": angle, **values, **_lists(f, strengths)})


def _edge(f: WeighedFields, values: dict[str, Any]) -> list[Said]:
    if (f.get("fringe_type"), f.get("fringe_at")) != ("linear_edge", "entrance_end"):
        return []
    said = {"h": f.number("dg"), **{name: values[name] for name in ("e1", "fint", "hgap", "tilt")}}
    return _finished(f, "dipedge", said)


def thin_multipole(f: WeighedFields) -> list[Said]:
    """Multipole; a dipole in it bends the reference."""
    if f.length:
        return []
    f.passing(*thin.NORMAL, *thin.SKEW, *thin.ANGLES, "tilt", "field_master", "multipoles_on")
    found = thin.strengths(f.element, scalar)
    if 0 not in found or f.are_alike(k0l_status="bends_reference"):
        f.passing("k0l_status")
    return _finished(f, "multipole", _lists(f, {n: (factorial(n) * b, factorial(n) * a) for n, (a, b) in found.items()}))


def thin_skew(f: WeighedFields) -> list[Said]:
    """ABMultipole, unless it has a dipole, with which a multipole of MAD-X would bend the reference."""
    strengths = f.strengths()
    if 0 in strengths or f.length:
        return []
    f.note("", "ABMultipole", "a multipole")
    return _finished(f, "multipole", _lists(f, strengths) | {"tilt": f.number("tilt")})


def cavity(f: WeighedFields) -> list[Said]:
    """RFCavity."""
    return _finished(f, "rfcavity", _radio_frequency(f))


def crab_cavity(f: WeighedFields) -> list[Said]:
    """CrabCavity."""
    return _finished(f, "crabcavity", _radio_frequency(f) | _tilt(f, "crabcavity"))


def _radio_frequency(f: WeighedFields) -> dict[str, float]:
    phase = phase_seen(f)
    return {"volt": f.number("voltage") / MEGA, "lag": 0.5 - phase, "freq": f.number("rf_frequency") / MEGA}


def separator(f: WeighedFields) -> list[Said]:
    """ELSeparator, by its fields in MV/m."""
    if f.length == 0:
        return []
    kicks = f.number("hkick"), f.number("vkick")
    if any(kicks) and f.given_reference is None:
        f.physics("reference", None, "fields for electrons of 1 GeV/c")
    scale = MEGA * abs(f.reference.species.charge) / f.reference.p0c * f.length
    return _finished(f, "elseparator", {"ex": kicks[0] / scale, "ey": kicks[1] / scale} | _tilt(f, "elseparator"))


def encounter(f: WeighedFields) -> list[Said]:
    """BeamBeam, of a bunch without length."""
    values = {"sigx": f.number("sig_x"), "sigy": f.number("sig_y")}
    values |= {"xma": f.number("x_offset"), "yma": f.number("y_offset")}
    values["npart"] = f.number("n_particle") / force(f.reference)
    values["charge"] = f.number("charge") / f.reference.species.charge
    f.passing("tilt") if f.are_alike(tilt=0.0) else None
    if any(getattr(f.element, name) for name in ("z_offset", "x_pitch", "y_pitch", "tilt")):
        return []
    return _finished(f, "beambeam", values)


def patch(f: WeighedFields) -> list[Said]:
    """Patch, as shifts and rotations of the axes, if the reference has no way to go meanwhile."""
    element = f.element
    assert isinstance(element, Patch)
    if abs(element.length) > 0 or element.turns():
        return []
    f.passing("ref_coords", "user_sets_length")
    shift = {name: f.number(field) for name, field in zip(MISALIGNMENT[:3], ALIGNED[:3], strict=True)}
    parts = [
        Said("translation", shift, "_shift"),
        Said("yrotation", {"angle": f.number("x_pitch")}, "_about_y"),
        Said("xrotation", {"angle": -f.number("y_pitch")}, "_about_x"),
        Said("srotation", {"angle": f.number("tilt")}, "_about_s"),
    ]
    given = [part for part in parts if any(part.values.values())]
    f.report_rest(None)
    f.report_metadata({})
    if len(given) == 1:
        return [given[0]._replace(ending="")]
    return given or [Said("marker", {})]


def matrix(f: WeighedFields) -> list[Said]:
    """Taylor, to second order."""
    terms = f.get("terms")
    high = [name for name, value in terms.items() if len(name) > 5 and value]
    for name in high:
        f.physics(name, terms[name])
    return _finished(f, "matrix", maps.matrix_of(terms, f.reference))


def expanded(f: WeighedFields) -> list[Said]:
    """An element of which MAD-X has no class: its map, to second order in coordinates of which ours are no linear functions."""
    found = as_map(f, 2, same_coordinates=False)
    return [] if found is None else matrix(found)


SAYS: dict[str, Callable[[WeighedFields], list[Said]]] = {
    "ABMultipole": thin_skew,
    "BeamBeam": encounter,
    "CrabCavity": crab_cavity,
    "Drift": passive("drift"),
    "ECollimator": passive("ecollimator"),
    "ELSeparator": separator,
    "HKicker": kicker("hkicker", "kick"),
    "Instrument": passive("instrument"),
    "Kicker": kicker("kicker", "hkick", "vkick"),
    "Marker": passive("marker"),
    "Match": expanded,
    "Monitor": passive("monitor"),
    "Multipole": thin_multipole,
    "Octupole": magnet("octupole", "k3"),
    "Patch": patch,
    "Pipe": passive("placeholder"),
    "Quadrupole": magnet("quadrupole", "k1"),
    "RCollimator": passive("rcollimator"),
    "RFCavity": cavity,
    "SBend": bend,
    "Sextupole": magnet("sextupole", "k2"),
    "SolQuad": expanded,
    "Solenoid": magnet("solenoid", "ks"),
    "Taylor": matrix,
    "ThickMultipole": expanded,
    "Undulator": expanded,
    "VKicker": kicker("vkicker", "kick"),
    "Wiggler": expanded,
}
"""What says each kind; others are lost, unless they do nothing."""


# -------------------------------------------------------------------- openings


def with_openings(element: Element, losses: Losses) -> tuple[list[Element], Element, list[Element]]:
    """Leave an opening at the entrance with its element; one at the exit becomes a collimator behind it."""
    if not openings.has_opening(element):
        return [], openings.without(element), []
    is_thin = not element.length and element.kind in ("Marker", "RCollimator", "ECollimator", "Monitor", "Instrument")
    if is_thin or (element.aperture_at == "entrance_end" and element.kind != "Drift"):
        return [], element.with_values({"aperture_at": "entrance_end"}), []
    before, bare, behind = openings.around(element, losses)
    before, behind = ([e.with_values({"aperture_at": "entrance_end"}) for e in group] for group in (before, behind))
    if element.kind == "Drift" or element.aperture_at == "exit_end":
        return before, bare, behind
    return [], element.with_values({"aperture_at": "entrance_end"}), behind


# -------------------------------------------------------------------- what they share


def _tilt(f: WeighedFields, keyword: str) -> dict[str, float]:
    return {"tilt": f.number("tilt")} if keyword in HAVE_TILT else {}


def _multipoles(f: WeighedFields) -> dict[str, list[float]]:
    return _lists(f, f.strengths())


def _lists(f: WeighedFields, strengths: dict[int, tuple[float, float]]) -> dict[str, list[float]]:
    """Return integrated strengths as lists by order."""
    found = {}
    for place, name in enumerate(("knl", "ksl")):
        values = [strengths.get(n, (0.0, 0.0))[place] for n in range(max(strengths, default=-1) + 1)]
        if any(values):
            found[name] = values
    return found


def _finished(f: WeighedFields, keyword: str, values: dict[str, Any]) -> list[Said]:
    """Return an element with its length, misalignment, opening and metadata, and report what is left."""
    length = {"l": f.length} if f.length else {}
    everything = {**length, **values, **_moved(f, keyword), **_opening(f)}
    kept = _kept(f, keyword, everything)
    f.report_rest(None)
    f.report_metadata(kept)
    return [Said(keyword, {n: v for n, v in {**everything, **kept}.items() if v != DEFAULTS.get(n, 0.0)})]


def _opening(f: WeighedFields) -> dict[str, Any]:
    if f.element.aperture_at != "entrance_end" or not openings.has_opening(f.element):
        return {}
    f.passing(*openings.OF_OPENINGS)
    openings.check(f.element, f.losses)
    moves = f.element.schema().defaults["offset_moves_aperture"]  # as where it is read
    return opening_said(openings.opening(f.element, f.losses, moves=moves))


def _moved(f: WeighedFields, keyword: str) -> dict[str, float]:
    """Return the misalignment: of the middle here, of the entrance in MAD-X."""
    if keyword in ("drift", "marker", "beambeam"):
        return {}
    is_bend = f.element.is_bent()
    x, y, z = (f.number(name) for name in ALIGNED[:3])
    theta, phi = (0.0, 0.0) if is_bend else (f.number(name) for name in ALIGNED[3:])
    psi = f.number("roll") if f.element.kind == "SBend" else 0.0 if keyword in HAVE_TILT else f.number("tilt")
    half = f.length / 2
    moved = (
        x - half * sin(theta) * cos(phi),
        y - half * sin(phi),
        z - half * (cos(theta) * cos(phi) - 1),
        theta,
        phi,
        psi,
    )
    return dict(zip(MISALIGNMENT, moved, strict=True))


def _kept(f: WeighedFields, keyword: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return what the metadata have of MAD-X's attributes."""
    own = {n: v for n, v in f.element.metadata.items() if n in INERT and n not in ASKED and n not in said}
    return {name: value for name, value in own.items() if has(keyword, name) and spelling.value(value) is not None}
