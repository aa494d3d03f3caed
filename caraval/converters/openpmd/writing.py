"""Writes beams."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.beam import ParticleBeam
from caraval.core.errors import BackendError, InputError
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.registry import backend_of

from .bunch import ALIVE, LOST, Array
from .files import library
from .own import write_own

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
    if beam.shape:
        raise InputError(f"an openPMD file holds one bunch, and this beam is a batch {beam.shape} of them; write one at a time")
    writers, units = library("writers"), library("units")
    import h5py

    reference = Reference(beam.species, *(_scalar(name, getattr(beam.reference, name)) for name in ("p0c", "s", "t")))
    records = _records(beam, reference)
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


def _records(beam: ParticleBeam, reference: Reference) -> dict[str, Array]:
    """Return all records by name: those that openpmd-beamphysics writes by its short ones."""
    x, px, y, py, z, pz = (_values(name, array).astype(float) for name, array in beam.coordinates._asdict().items())
    alive = _values("alive", beam.alive).astype(bool)
    p0c, transverse, total = reference.p0c, np.hypot(px, py), 1 + pz
    impossible = np.count_nonzero(alive & (transverse > total))
    if impossible:
        raise InputError(
            f"{impossible} living particles have a transverse momentum above their total one; they cannot be written"
        )
    longitudinal = np.copysign(np.sqrt(np.maximum((total - transverse) * (total + transverse), 0.0)), total)
    beta = total * p0c / np.hypot(total * p0c, reference.species.mass)

    def same(value: float) -> Array:
        return np.full(len(beam), value)

    return {
        "x": x, "y": y, "z": same(0.0),
        "px": p0c * px, "py": p0c * py, "pz": p0c * longitudinal,
        "t": np.divide(-z, beta * C_LIGHT, out=same(0.0), where=beta != 0),
        "status": np.where(alive, ALIVE, LOST),
        "weight": _values("charge", beam.charge).astype(float),
        "sPosition": np.where(alive, reference.s, _values("lost_s", beam.lost_s).astype(float)),
        "timeOffset": same(reference.t),
        "totalMomentum": p0c * pz, "totalMomentumOffset": same(p0c),
    }  # fmt: skip


def _values(name: str, array: Any) -> Array:
    values: Array | None = backend_of(array).value(array)
    if values is None:
        raise BackendError(f"{name} is hidden by a trace (jit), so the beam cannot be written from there")
    if name != "lost_s" and not np.isfinite(values).all():
        raise InputError(f"{name} must be finite; {np.count_nonzero(~np.isfinite(values))} of {values.size} values are not")
    return values


def _scalar(name: str, value: Any) -> float:
    return float(value) if is_number(value) else float(_values(name, value).reshape(()))


def _frame(writers: ModuleType, file: Any, reference: Reference) -> Any:
    """Write what the standard asks for around the particles, and return the group for them."""
    base = "/data/%T/"
    writers.pmd_init(file, basePath=base, particlesPath="particles/")
    for name, text in {"iterationEncoding": "groupBased", "iterationFormat": base, "software": "Caraval"}.items():
        file.attrs[name] = np.bytes_(text)
    iteration = file.create_group(base.replace("%T", "1"))
    iteration.attrs.update(time=reference.t, dt=0.0, timeUnitSI=1.0)
    return iteration.create_group("particles")
