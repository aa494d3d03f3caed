"""What the elements of Caraval are in elegant: the other direction of ``conversion`` and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from caraval.converters.shared import openings
from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields
from caraval.core.element import Element
from caraval.core.losses import Losses
from caraval.physics.aperture import UNLIMITED

from . import saying_bends, saying_cavities, saying_others, saying_thin
from .saying_parts import finished, gradients, kicks, method_of, multipoles, placed

Say = Callable[[WeighedFields], list[Said]]

THIN_OPENINGS = ("RCollimator", "ECollimator")
"""Kinds that have openings at both ends of their own."""


def drift(f: WeighedFields) -> list[Said]:
    """Drift; one that stood for something that the beam does not feel is that again."""
    return finished(f, saying_others.kept_type(f) or "EDRIFT", {})


def marker(f: WeighedFields) -> list[Said]:
    """Marker."""
    return [] if f.length else finished(f, saying_others.kept_type(f) or "MARK", {})


def monitor(f: WeighedFields) -> list[Said]:
    """Monitor."""
    original = f.element.metadata.get("elegant_type")
    return finished(f, original if original in ("HMON", "VMON") else "MONI", {})


def quadrupole(f: WeighedFields) -> list[Said]:
    """QUAD, KQUAD; KQUSE where there is a sextupole, too."""
    order, strengths = method_of(f), multipoles(f)
    if set(strengths) == {2} and strengths[2][1] == 0 and order and not any(kicks(f, "KQUSE")):
        values = {"K1": f.number("k1"), "K2": strengths[2][0] / f.length}
        gradients(f)
        return finished(f, "KQUSE", values | placed(f) | order.values, order.method)
    type = "KQUAD" if order else "QUAD"
    return finished(f, type, {"K1": f.number("k1"), **_common(f, type, order)}, order and order.method)


def sextupole(f: WeighedFields) -> list[Said]:
    """SEXT, KSEXT; with a quadrupole and a skew quadrupole, if need be."""
    order, strengths = method_of(f), multipoles(f)
    type = "KSEXT" if order else "SEXT"
    values = {"K2": f.number("k2")}
    if set(strengths) == {1} and f.length:
        gradients(f)
        normal, skew = strengths[1]
        values |= {"K1": normal / f.length, "J1": -skew / f.length}
    return finished(f, type, values | _common(f, type, order), order and order.method)


def octupole(f: WeighedFields) -> list[Said]:
    """OCTU, KOCT."""
    order = method_of(f)
    type = "KOCT" if order else "OCTU"
    return finished(f, type, {"K3": f.number("k3"), **_common(f, type, order)}, order and order.method)


def solenoid(f: WeighedFields) -> list[Said]:
    """SOLE."""
    values = {"KS": f.number("ks"), **placed(f)}
    tilt = values.pop("TILT")
    if tilt:
        report = f.physics if multipoles(f) else f.note  # the field itself is round
        report("tilt", tilt)
    return finished(f, "SOLE", values)


def corrector(*types: str) -> Say:
    """Return what says a corrector with one kick; elegant has two types of them, of which one cannot be displaced."""

    def say(f: WeighedFields) -> list[Said]:
        where = placed(f)
        is_displaced = any(where[name] for name in ("DX", "DY", "DZ"))
        original = f.element.metadata.get("elegant_type")
        type = original if original in types and not is_displaced else types[0]
        values = {"TILT": where["TILT"]} if type != types[0] else where
        names = ("HKICK", "VKICK") if "KICKER" in type else ("KICK",)
        return finished(f, type, {name: f.number(name.lower()) for name in names} | values)

    return say


def collimator(f: WeighedFields) -> list[Said]:
    """RCOL, ECOL: an opening at both ends."""
    values: dict[str, float] = {}
    is_round = f.element.aperture_type == "elliptical"
    if openings.has_opening(f.element):
        openings.check(f.element, f.losses)
        found = openings.opening(f.element, f.losses, moves=False)
        sizes = [size if is_round or size != UNLIMITED else 0.0 for size in (found.x, found.y)]
        values = dict(zip(("X_MAX", "Y_MAX", "DX", "DY"), (*sizes, found.x_centre, found.y_centre), strict=True))
        f.passing("x_offset", "y_offset")
    f.passing(*openings.OF_OPENINGS)
    return finished(f, "ECOL" if is_round and values else "RCOL", values)


def _common(f: WeighedFields, type: str, order: Any) -> dict[str, Any]:
    """Return kicks, misalignment and steps of a magnet."""
    h, v = kicks(f, type)
    values = {"HKICK": h, "VKICK": v} if h or v else {}
    return {**values, **placed(f, type), **(order.values if order else {})}


def or_map(say: Say) -> Say:
    """Return what says an element as it is where elegant can have it, and else as a map."""
    return lambda f: say(f) or saying_others.expanded(f)


SAYS: dict[str, Say] = {
    "ABMultipole": saying_thin.skew_multipole,
    "CrabCavity": saying_cavities.deflector,
    "Drift": drift,
    "ECollimator": collimator,
    "HKicker": corrector("EHKICK", "HKICK"),
    "Kicker": corrector("EKICKER", "KICKER"),
    "LCavity": saying_cavities.accelerating,
    "Marker": marker,
    "Match": saying_others.expanded,
    "Monitor": monitor,
    "Multipole": saying_thin.multipole,
    "Octupole": octupole,
    "Patch": saying_others.patch,
    "Quadrupole": quadrupole,
    "RCollimator": collimator,
    "RFCavity": saying_cavities.cavity,
    "SBend": saying_bends.bend,
    "Sextupole": sextupole,
    "SolQuad": saying_others.expanded,
    "Solenoid": solenoid,
    "Taylor": saying_others.matrix,
    "ThickMultipole": or_map(saying_thin.thick_multipole),
    "Undulator": or_map(saying_others.wiggler),
    "VKicker": corrector("EVKICK", "VKICK"),
    "Wiggler": or_map(saying_others.wiggler),
}
"""What says each kind; others are lost, unless they do nothing."""


def with_openings(element: Element, losses: Losses) -> tuple[list[Element], Element, list[Element]]:
    """Leave openings at both ends with collimators; the others become collimators without length."""
    is_thin = not element.length or element.aperture_at in ("both_ends", "continuous")
    if element.kind in THIN_OPENINGS and openings.has_opening(element) and is_thin:
        return [], element, []
    return openings.around(element, losses)
