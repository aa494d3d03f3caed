"""What Caraval says besides the standard: the reference to the last bit, and the species."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.errors import InputError
from caraval.core.reference import Reference, Species

VERSION = 1
"""Of the attributes that only Caraval reads."""


class Own(NamedTuple):
    """What Caraval says besides (nothing, in files of other codes), or the caller."""

    p0c: float | None = None
    s: float | None = None
    t: float | None = None
    species: Species | None = None


def read_own(group: Any) -> Own:
    """Return what the attributes of a group say."""
    version = group.attrs.get("caravalVersion")
    if version is None:
        return Own()
    if version != VERSION:
        raise InputError(f"a later Caraval wrote this file (version {version} of its attributes; this one knows {VERSION})")
    p0c, s, t, mass, charge = (float(group.attrs[f"caraval{name}"]) for name in ("P0c", "S", "T", "Mass", "Charge"))
    return Own(p0c, s, t, Species(str(group.attrs["caravalSpecies"]), mass, charge))


def write_own(group: Any, reference: Reference) -> None:
    """Write the attributes of a group."""
    species = reference.species
    group.attrs.update(
        caravalVersion=VERSION,
        caravalP0c=reference.p0c,
        caravalS=reference.s,
        caravalT=reference.t,
        caravalSpecies=species.name,
        caravalMass=float(species.mass),
        caravalCharge=float(species.charge),
    )
