"""What a file says of its particles."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from scipy.constants import elementary_charge

from caraval.converters.shared.bunch import Array, Bunch
from caraval.core.errors import InputError, UnknownNameError
from caraval.core.reference import C_LIGHT, Species, as_species
from caraval.core.species import KNOWN

from .files import library, text

ALIVE, LOST = 1, 2
"""Status of a particle. The standard leaves all values but 1 to the codes; 2 is Bmad's."""

EV_PER_C = elementary_charge / C_LIGHT
"""One eV/c [kg m/s]."""


def read_species(group: Any) -> Species:
    """Return the species by its name: what is no subatomic particle as openpmd-beamphysics has it, where it does.

    Its H- is a proton with two electrons; by Bmad's names H- has the mass of the natural mixture.
    """
    name = text(group.attrs, "speciesType")
    if name is None:
        raise InputError("the species of the particles is not said (speciesType); give species=...")
    table = library("species")
    if name in table.MASS_OF and name not in KNOWN:
        return Species(name, table.mass_of(name), round(table.charge_of(name) / elementary_charge))
    try:
        return as_species(name)
    except UnknownNameError as error:
        raise InputError(f"{error}, as species=...") from error


def read_bunch(readers: ModuleType, group: Any) -> Bunch:
    """Return the records of a group."""
    count = _count(group)

    def record(name: str) -> Array:
        if name not in group:
            raise InputError(f"{group.name} has no record {name}")
        return _checked(name, readers.particle_array(group, name, include_offset=name != "time"), count)

    def optional(name: str) -> Array | None:
        return record(name) if name in group else None

    def momentum(name: str) -> Array | None:  # the library brings only the three components to eV/c
        return _checked(name, readers.component_data(group[name], unit_factor=1 / EV_PER_C), count) if name in group else None

    time, charge, status = optional("time"), optional("weight"), optional("particleStatus")
    if charge is None:
        total = _first(group.attrs.get("totalCharge", 0.0)) * _first(group.attrs.get("chargeUnitSI", 1.0))
        charge = np.full(count, total / count)
    return Bunch(
        x=record("position/x"),
        y=record("position/y"),
        z=record("position/z"),
        px=record("momentum/x"),
        py=record("momentum/y"),
        pz=record("momentum/z"),
        time=np.zeros(count) if time is None else time,
        time_offset=optional("timeOffset"),
        excess=momentum("totalMomentum"),
        p0c=momentum("totalMomentumOffset"),
        s=optional("sPosition"),
        charge=np.abs(charge),
        alive=np.ones(count, dtype=bool) if status is None else status == ALIVE,
    )


def _count(group: Any) -> int:
    """Return how many particles there are; the standard wants it said, and not all say it."""
    count = group.attrs.get("numParticles")
    if count is None:
        x = group.get("position/x")
        count = 0 if x is None else x.attrs.get("shape", getattr(x, "shape", 0))
    count = int(_first(count))
    if count < 1:
        raise InputError("there are no particles in this file")
    return count


def _first(value: Any) -> Any:
    """Return the one value of an attribute: some codes write arrays of one."""
    return np.ravel(value)[0]


def _checked(name: str, values: Any, count: int) -> Array:
    """Return a record's values, one per particle. Only a place may be infinite: of one that was not lost."""
    values = np.asarray(values, dtype=float)
    if values.shape not in ((count,), (1,)):
        raise InputError(f"{name} has the shape {values.shape}, and there are {count} particles")
    bad = np.count_nonzero(np.isnan(values) if name == "sPosition" else ~np.isfinite(values))
    if bad:
        raise InputError(f"{bad} of the {count} values of {name} are not finite")
    return np.broadcast_to(values, (count,))
