"""What Caraval says besides the standard: the reference to the last bit, and the species."""

from __future__ import annotations

from typing import Any

from caraval.converters.shared.beams import Said
from caraval.core.errors import InputError
from caraval.core.reference import Reference, Species

VERSION = 1
"""Of the attributes that only Caraval reads."""


def read_own(group: Any) -> Said:
    """Return what the attributes of a group say: nothing, in files of other codes."""
    version = group.attrs.get("caravalVersion")
    if version is None:
        return Said()
    if version != VERSION:
        raise InputError(f"a later Caraval wrote this file (version {version} of its attributes; this one knows {VERSION})")
    p0c, s, t, mass, charge = (float(group.attrs[f"caraval{name}"]) for name in ("P0c", "S", "T", "Mass", "Charge"))
    return Said(p0c, s, t, Species(str(group.attrs["caravalSpecies"]), mass, charge))


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
