"""Magnetic and electric multipoles (PALS, "MagneticMultipoleP", "ElectricMultipoleP")."""

from __future__ import annotations

import re
from cmath import exp
from math import factorial
from typing import Any, NamedTuple

from .attributes import Attributes

MAGNETIC = re.compile(r"(?:tilt|(?P<unit>[BK])(?P<axis>[ns]))(?P<order>\d+)(?P<integrated>L?)(?:_taper)?")
ELECTRIC = re.compile(r"(?:tilt|E(?P<axis>[ns]))(?P<order>\d+)(?P<integrated>L?)")

HIGHEST_ORDER = 21
"""Highest order of a multipole."""


class Strength(NamedTuple):
    """A multipole: normal and skew strength [1/m^(n+1), or T/m^n, or V/m^(n+1)], and its angle [rad]."""

    normal: float = 0.0
    skew: float = 0.0
    tilt: float = 0.0
    unit: str = "K"
    is_integrated: bool = False

    @property
    def turned(self) -> complex:
        """Normal and ``i`` times skew strength, with no angle left; of order zero."""
        return complex(self.normal, self.skew)


def magnetic(a: Attributes) -> dict[int, Strength]:
    """Return the magnetic multipoles by their order."""
    return _strengths(a, "MagneticMultipoleP", MAGNETIC)


def electric(a: Attributes) -> dict[int, Strength]:
    """Return the electric multipoles by their order."""
    return _strengths(a, "ElectricMultipoleP", ELECTRIC)


def _strengths(a: Attributes, group: str, names: re.Pattern[str]) -> dict[int, Strength]:
    found: dict[int, dict[str, Any]] = {}
    for name in a.definition.group(group):
        match = names.fullmatch(name)
        if match is None:
            continue
        order, axis, value = int(match["order"]), match["axis"], a.number(f"{group}.{name}")
        if order > HIGHEST_ORDER:
            raise a.definition.place.error(f"{a.definition.label}: the highest order of a multipole is {HIGHEST_ORDER}")
        of = found.setdefault(order, {})
        if axis is None:
            of["tilt"] = value
            continue
        kind = (match.groupdict().get("unit") or "E", bool(match["integrated"]))
        if (of.setdefault("unit", kind[0]), of.setdefault("is_integrated", kind[1])) != kind:
            raise a.definition.place.error(
                f"{a.definition.label}: strengths of order {order} in {group} must all be fields or normalised, and all "
                "integrated or not"
            )
        key = "normal" if axis == "n" else "skew"
        of[key] = of.get(key, 0.0) + value
    return {order: Strength(**of) for order, of in sorted(found.items()) if of.get("normal") or of.get("skew")}


def integrated(a: Attributes, order: int, strength: Strength) -> complex:
    """Return a multipole integrated over the length and normalised, its angle worked in: normal and ``i`` times skew."""
    value = strength.turned * exp(-1j * (order + 1) * strength.tilt)
    if strength.unit == "B":
        if a.reference is None:
            a.physics(f"MagneticMultipoleP, order {order}", value, "no field, without a reference momentum")
            return 0j
        value /= float(a.reference.rigidity)
    return value if strength.is_integrated else value * a.length


def errors(a: Attributes, strengths: dict[int, Strength]) -> dict[str, Any]:
    """Return multipoles besides the main one, ``b_n + i a_n = (Kn + i Ks) L / n!``."""
    found: dict[str, Any] = {}
    for order, strength in strengths.items():
        value = integrated(a, order, strength) / factorial(order)
        found |= {f"{name}{order}": part for name, part in (("b", value.real), ("a", value.imag)) if part}
    return {"scale_multipoles": False, **found} if found else {}


def electric_errors(a: Attributes) -> dict[str, Any]:
    """Return electric multipoles, ``b_n - i a_n = (En - i Es) / n!``."""
    found: dict[str, Any] = {}
    for order, strength in electric(a).items():
        value = strength.turned.conjugate() * exp(-1j * (order + 1) * strength.tilt) / factorial(order)
        if strength.is_integrated:
            value = value / a.length if a.length else 0j
        found |= {f"{n}{order}_elec": part for n, part in (("b", value.real), ("a", -value.imag)) if part}
    return found


def main(a: Attributes, order: int, name: str, field: str) -> dict[str, Any]:
    """Return the fields of a magnet with a main multipole: its strength or its field, its tilt, and the others."""
    strengths = magnetic(a)
    own = strengths.pop(order, None)
    others = {**errors(a, strengths), **electric_errors(a)}
    if own is None:
        return others
    tilt = {}
    if own.tilt:
        if others:
            strengths[order] = own
            return {**errors(a, strengths), **electric_errors(a)}
        tilt = {"tilt": a.number("BodyShiftP.z_rot") + own.tilt}
    share = (1 / a.length if a.length else 0.0) if own.is_integrated else 1.0
    found = {field if own.unit == "B" else name: own.normal * share} if own.normal else {}
    if own.skew:
        found |= errors(a, {order: own._replace(normal=0.0, tilt=0.0)})
    return {**others, **found, **tilt}


def thin(a: Attributes) -> dict[str, Any]:
    """Return the fields of a multipole without length."""
    found: dict[str, Any] = {}
    for order, strength in magnetic(a).items():
        value = integrated(a, order, strength._replace(tilt=0.0) if not strength.skew else strength)
        found |= {f"t{order}": strength.tilt} if strength.tilt and not strength.skew else {}
        found |= {f"k{order}{n}l": part for n, part in (("", value.real), ("s", value.imag)) if part}
    return found
