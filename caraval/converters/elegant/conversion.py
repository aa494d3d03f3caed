"""From elements as elegant has them to elements of Caraval."""

from __future__ import annotations

from collections.abc import Sequence

from caraval.core.element import Element as CaravalElement
from caraval.core.losses import Losses

from . import apertures, bends, cavities, correctors, magnets, matrices, plain
from .attributes import Attributes
from .definitions import Element, Member
from .plain import Conversion
from .setting import Surroundings
from .words import DIAGNOSTICS

CONVERSIONS: dict[str, Conversion] = {
    "DRIF": plain.drift, "EDRIFT": plain.drift, "QUAD": magnets.quadrupole, "KQUAD": magnets.quadrupole,
    "KQUSE": magnets.quadrupole_sextupole, "SEXT": magnets.sextupole, "KSEXT": magnets.sextupole,
    "OCTU": magnets.octupole, "KOCT": magnets.octupole, "MULT": magnets.multipole, "SOLE": magnets.solenoid,
    **dict.fromkeys(("SBEN", "CSBEND", "CSRCSBEND", "KSBEND", "NIBEND"), bends.bend), "CCBEND": bends.straight_bend,
    **dict.fromkeys(("HKICK", "VKICK", "EHKICK", "EVKICK"), correctors.corrector),
    **dict.fromkeys(("KICKER", "EKICKER"), correctors.kicker),
    **dict.fromkeys(("MONI", "HMON", "VMON"), correctors.monitor),
    **dict.fromkeys(("RCOL", "ECOL"), apertures.collimator), "SCRAPER": apertures.scraper, "MAXAMP": apertures.limits,
    "RFCA": cavities.cavity, "RFCW": cavities.cavity, "RFDF": cavities.deflector, "EMATRIX": matrices.explicit,
    "ILMATRIX": matrices.lumped, "MALIGN": matrices.shift, "ROTATE": matrices.rotation, "CHARGE": plain.charge,
    "ENERGY": plain.energy, "WIGGLER": plain.wiggler, "CWIGGLER": plain.sinusoidal_wiggler,
    "BUMPER": plain.nothing_or_drift("ANGLE"), "MBUMPER": plain.nothing_or_drift("STRENGTH"),
    "PFILTER": plain.momentum_filter,
    "STRAY": plain.nothing_or_drift("LBX", "LBY", "GBX", "GBY", "GBZ"), "MATTER": plain.nothing_or_drift("XO", "Z"),
    **dict.fromkeys(DIAGNOSTICS, plain.diagnostic),
    **{name: plain.collective(effect) for effect, names in plain.COLLECTIVE.items() for name in names.split()},
}  # fmt: skip
"""What becomes of each type; others are drifts, and the losses say so."""

BENDS = ("SBEN", "CSBEND", "CSRCSBEND", "KSBEND", "NIBEND")
"""Types that have no edge where the same bend is next to them."""

PASSED = ("MARK", "WATCH")
"""Types that may stand between a bend and itself."""


def converted(members: Sequence[Member], here: Surroundings, losses: Losses) -> list[CaravalElement]:
    """Return the elements of a line.

    Parameters
    ----------
    members : sequence of Member
    here : Surroundings
        At the beginning of the line.
    losses : Losses

    Raises
    ------
    LatticeError
        If an element makes no sense, or changes the tracking in a way that is not understood and may not be left out.
    """
    made: dict[tuple[int, bool, bool, bool], CaravalElement] = {}
    found = []
    neighbours = _neighbours(members)
    for member, (follows, precedes) in zip(members, neighbours, strict=True):
        key = (id(member.element), member.is_reversed, follows, precedes)
        if key not in made or member.element.type.name in ("MAXAMP", "ENERGY"):
            here.is_reversed, here.follows_itself, here.precedes_itself = key[1:]
            made[key] = _converted(member.element, here, losses)
        found.append((made[key], here.opening))
    limited: dict[tuple[int, int], CaravalElement] = {}
    for element, opening in found:
        limited.setdefault((id(element), id(opening)), apertures.limited(element, opening))
    return [limited[id(element), id(opening)] for element, opening in found]


def _converted(element: Element, here: Surroundings, losses: Losses) -> CaravalElement:
    attributes = Attributes(element, losses)
    conversion = CONVERSIONS.get(element.type.name)
    return attributes.drift(element.type.name) if conversion is None else conversion(attributes, here)


def _neighbours(members: Sequence[Member]) -> list[tuple[bool, bool]]:
    """Say of each element whether it is a bend that follows itself, and one that precedes itself."""
    follows = [False] * len(members)
    precedes = [False] * len(members)
    last: int | None = None
    for i, (element, _) in enumerate(members):
        if element.type.name in PASSED or (element.type.name == "LSCDRIFT" and element.number("L") == 0):
            continue
        if element.type.name in BENDS and last is not None and members[last].element is element:
            follows[i] = precedes[last] = True
        last = i
    return list(zip(follows, precedes, strict=True))
