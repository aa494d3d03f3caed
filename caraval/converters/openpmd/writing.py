"""Writes beams."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from caraval.converters.shared.beams import bunch_of
from caraval.converters.shared.bunch import Bunch
from caraval.core.beam import ParticleBeam
from caraval.core.reference import Reference

from .files import library
from .own import write_own
from .records import ALIVE, LOST

STANDARD_NAMES = {
    **{name: name for name in ("electron", "positron", "proton", "antiproton", "muon", "antimuon", "deuteron", "H-", "H2+")},
    "helion": "#3He",
    "alpha": "#4He",
}
"""What the standard calls the species; ``H-`` and ``H2+`` are what openpmd-beamphysics knows besides."""

UNITS = {
    "chargeState": "status", "sPosition": "z", "timeOffset": "t", "totalMomentum": "p", "totalMomentumOffset": "p",
}  # fmt: skip
"""Records that openpmd-beamphysics leaves to others, and its quantity with the same unit."""


def write(beam: ParticleBeam, path: str | Path) -> None:
    """Write a bunch.

    Momenta and times of the lost are written as if they had been lost here, for their reference is not known; ``time`` is
    zero for a lost particle at rest.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path

    Raises
    ------
    InputError
        If the beam is a batch, or holds values that no particle has.
    BackendError
        If openpmd-beamphysics is not installed, or a trace hides the values.
    """
    bunch, reference = bunch_of(beam, "an openPMD file")
    writers, units = library("writers"), library("units")
    import h5py

    records: dict[str, Any] = _records(bunch)
    name = STANDARD_NAMES.get(beam.species.name, f"other:{beam.species.name}")
    if name != beam.species.name:  # the standard's name does not say the charge
        records["chargeState"] = np.full(len(beam), round(beam.species.charge))
    with h5py.File(path, "w") as file:
        group = _frame(writers, file, reference)
        folder = re.sub(r"\W", "_", name, flags=re.ASCII)  # not every sign may be in the name of a group
        plain = {key: values for key, values in records.items() if key not in UNITS}
        writers.write_pmd_bunch(group, {**plain, "species": folder, "n_particle": len(beam), "charge": plain["weight"].sum()})
        group = group[folder]
        for key in (key for key in UNITS if key in records):
            writers.write_component_data(group, key, records[key], unit=units.pg_units(UNITS[key]))
        group.attrs.update(
            speciesType=np.bytes_(name.encode("ascii", "replace")),
            chargeLive=records["weight"][records["status"] == ALIVE].sum(),
        )
        write_own(group, reference)


def _records(bunch: Bunch) -> dict[str, Any]:
    """Return all records by name: those that openpmd-beamphysics writes by its short ones."""
    return {
        "x": bunch.x, "y": bunch.y, "z": np.zeros_like(bunch.x),
        "px": bunch.px, "py": bunch.py, "pz": bunch.pz,
        "t": bunch.time,
        "status": np.where(bunch.alive, ALIVE, LOST),
        "weight": bunch.charge,
        "sPosition": bunch.s,
        "timeOffset": bunch.time_offset,
        "totalMomentum": bunch.excess, "totalMomentumOffset": bunch.p0c,
    }  # fmt: skip


def _frame(writers: ModuleType, file: Any, reference: Reference) -> Any:
    """Write what the standard asks for around the particles, and return the group for them."""
    base = "/data/%T/"
    writers.pmd_init(file, basePath=base, particlesPath="particles/")
    for name, text in {"iterationEncoding": "groupBased", "iterationFormat": base, "software": "Caraval"}.items():
        file.attrs[name] = np.bytes_(text)
    iteration = file.create_group(base.replace("%T", "1"))
    iteration.attrs.update(time=reference.t, dt=0.0, timeUnitSI=1.0)
    return iteration.create_group("particles")
