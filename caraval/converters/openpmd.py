"""Beam files of the openPMD standard with its BeamPhysics extension (HDF5), by way of openpmd-beamphysics.

Such a file holds positions [m], momenta [eV/c] and times [s] of particles of one species. Caraval writes

- a bunch at one plane: ``position/z`` is zero, ``sPosition`` is `s` for the living and the place of the loss for the lost,
- ``timeOffset`` = t_ref and ``time`` = t - t_ref = -z / (beta c), so that late bunches lose no digits,
- ``totalMomentumOffset`` = p0c and ``totalMomentum`` = pz p0c, for the same reason (Bmad writes and reads these, too),
- ``particleStatus`` 1 for the living and 2 for the lost, ``weight`` the charge of each macro-particle,

and, where other readers ignore them, the attributes ``caraval...``: `p0c`, `s` and `t` to the last bit, and the species with
its mass and charge. See :func:`read` for what becomes of files that other codes wrote.

Sources: openPMD standard 2.0.0, its extensions BeamPhysics and SpeciesType.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from scipy.constants import elementary_charge

from caraval.core.beam import ParticleBeam
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, CaravalError, InputError, suggest
from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.hookspecs import hookimpl
from caraval.core.reference import C_LIGHT, Reference, Species, as_species
from caraval.core.registry import backend_of, registry

FORMAT = "openpmd"
SUFFIXES = (".h5", ".hdf5")
VERSION = 1
"""Of the attributes that only Caraval reads."""

EV_PER_C = elementary_charge / C_LIGHT
"""One eV/c in kg m/s."""

ALIVE, LOST = 1, 2
"""Status of a particle; the standard leaves all values but 1 to the codes, and 2 is Bmad's."""

ITERATION = "1"
SAME = 1e-12
"""Offsets that differ relatively by less than this are one: Bmad writes reference times with rounding."""

TRUSTED = 1e-9
"""Total momenta that are further than this from those of the components do not belong to them."""

PLAIN_SPECIES = ("electron", "positron", "proton", "antiproton", "muon", "antimuon", "deuteron", "H-", "H2+")
IONS = {"helion": "#3He", "alpha": "#4He"}
"""Names of species in the standard, where they are not those of Caraval."""

Array = np.ndarray


class Bunch(NamedTuple):
    """What a file says of the particles, arrays (n,), lengths in m, momenta in eV/c, times in s.

    Attributes
    ----------
    x, y, z, px, py, pz : array
    time : array
        Relative to `time_offset`.
    time_offset : array or None
        Time of the reference particle.
    excess : array or None
        Total momentum relative to `momentum_offset`.
    momentum_offset : array or None
        Reference momentum.
    s : array or None
    charge : array
        [C]
    alive : array of bool
    """

    x: Array
    y: Array
    z: Array
    px: Array
    py: Array
    pz: Array
    time: Array
    time_offset: Array | None
    excess: Array | None
    momentum_offset: Array | None
    s: Array | None
    charge: Array
    alive: Array

    def momentum(self) -> Array:
        """Total momentum [eV/c]."""
        return np.sqrt(self.px**2 + self.py**2 + self.pz**2)

    def weight(self) -> Array:
        """Weights of means: the charges of the living, or one each where all of those are zero; all if none is alive."""
        living = self.alive if self.alive.any() else np.ones_like(self.alive)
        weight = np.where(living, self.charge, 0.0)
        return weight if weight.any() else living.astype(float)


class Own(NamedTuple):
    """What Caraval wrote of the reference and the species; None in files of other codes."""

    p0c: float | None = None
    s: float | None = None
    t: float | None = None
    species: Species | None = None


# -------------------------------------------------------------------- reading


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    iteration: str | int | None = None,
    backend: str = "numpy",
    dtype: str = "float64",
    device: Any = None,
) -> ParticleBeam:
    """Read a bunch.

    Particles that are not at one plane (a bunch at one time, from codes that integrate in time) fly freely to the mean
    ``z`` of the living. What is not given is taken from the file where it says so, Caraval's own files first.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's ``totalMomentumOffset`` where all the living have the same, else the
        mean total momentum of the living, weighted by charge.
    species : Species or str, optional
        Left out: the file's ``speciesType``. In a file of several species it says which.
    s : float, optional
        Place in the line [m]. Left out: the mean ``sPosition`` of the living, else the plane's ``z``.
    t : float, optional
        Time of the reference particle [s]. Left out: the file's ``timeOffset`` where the bunch is at one plane and the
        living have all the same, else the mean time at the plane, weighted by charge.
    iteration : str or int, optional
        Which one, in a file of several (Bmad: the bunches).
    backend, dtype, device
        Where the particles live.

    Returns
    -------
    ParticleBeam
        Particles with a ``particleStatus`` other than 1 are not alive; `lost_s` is their ``sPosition``, else ``s`` less how
        far they are behind the plane. Where none is alive (a bunch that waits at a cathode), all count in the means; ``beam.replace(alive=True)`` wakes
        them up. The sign of charges is dropped.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If openpmd-beamphysics is not installed.
    """
    path = Path(path)
    readers = _library("readers")
    with _about(path), _opened(path) as file:
        group = _particles(file, iteration, species)
        own = _own(group)
        bunch = _bunch(readers, group)
        found = as_species(species) if species is not None else own.species or _species(group)
        return _beam(bunch, own, found, (p0c, s, t), (backend, dtype, device))


def _library(module: str) -> ModuleType:
    """Return a module of openpmd-beamphysics, whose package was called ``pmd_beamphysics`` before."""
    reasons = []
    for package in ("beamphysics", "pmd_beamphysics"):
        try:
            return importlib.import_module(f"{package}.{module}")
        except ImportError as error:
            reasons.append(error)
    raise BackendError(
        f"openPMD beam files need openpmd-beamphysics, which is not installed ({reasons[0]}); try: pip install 'caraval[beams]'"
    ) from reasons[0]


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Name the file in errors, and turn those of the HDF5 library into Caraval's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except CaravalError as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = error.args[0] if error.args else type(error).__name__
        raise InputError(f"{path}: this is no beam of the openPMD standard that can be read: {reason}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    if not path.exists():
        raise FileNotFoundError(f"no file {path}")
    if not h5py.is_hdf5(path):
        raise InputError("this is no HDF5 file, which openPMD beam files are")
    with h5py.File(path, "r") as file:
        yield file


def _text(attributes: Any, name: str) -> str | None:
    """Return an attribute that is a string, however it was written."""
    value = attributes.get(name)
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size == 1 else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def _particles(file: Any, iteration: str | int | None, species: Species | str | None) -> Any:
    """Return the group with the records of the one bunch that is meant."""
    if "openPMD" not in file.attrs:
        raise InputError("this is HDF5, but not openPMD: its root has no attribute 'openPMD'")
    root = _text(file.attrs, "particlesPath")
    if root is None:
        raise InputError("this openPMD file holds no particles: its root has no attribute 'particlesPath'")
    group = _iteration(file, _text(file.attrs, "basePath") or "/data/%T/", root, iteration)
    if "position" in group:
        return group
    kinds = {name: _text(group[name].attrs, "speciesType") or name for name in group if hasattr(group[name], "keys")}
    if not kinds:
        raise InputError(f"there are no particles in {group.name}")
    wanted = species.name if isinstance(species, Species) else species
    fitting = [name for name in kinds if wanted in (name, kinds[name])] if len(kinds) > 1 else list(kinds)
    if len(fitting) != 1:
        raise InputError(f"there are several species ({', '.join(kinds.values())}); say species=... which one")
    return group[fitting[0]]


def _iteration(file: Any, base: str, root: str, wanted: str | int | None) -> Any:
    """Return the group of all particles of an iteration."""
    before, several, after = base.partition("%T")
    if not several:
        return _group(file, f"{base}/{root}")
    names = sorted(_group(file, before), key=lambda name: (len(name), name))
    if wanted is not None:
        names = [name for name in names if str(wanted) == name or str(wanted) == name.lstrip("0")] or _no_iteration(wanted, names)
    if not names:
        raise InputError("there are no iterations, so no particles")
    if len(names) > 1:
        raise InputError(f"there are several iterations ({', '.join(names)}); say iteration=... which one")
    return _group(file, f"{before}{names[0]}{after}/{root}")


def _no_iteration(wanted: str | int, names: list[str]) -> list[str]:
    raise InputError(f"there is no iteration {wanted!r}{suggest(str(wanted), names)}; there are {', '.join(names) or 'none'}")


def _group(file: Any, path: str) -> Any:
    path = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
    if path != "/" and path not in file:
        raise InputError(f"there is no group {path}, where particles should be")
    if not hasattr(file[path], "keys"):
        raise InputError(f"{path} is no group, where particles should be")
    return file[path]


def _own(group: Any) -> Own:
    version = group.attrs.get("caravalVersion")
    if version is None:
        return Own()
    if version != VERSION:
        raise InputError(f"written by a later Caraval (version {version} of its attributes; this one knows {VERSION})")
    p0c, s, t, mass, charge = (float(group.attrs[f"caraval{n}"]) for n in ("P0c", "S", "T", "Mass", "Charge"))
    return Own(p0c, s, t, Species(str(group.attrs["caravalSpecies"]), mass, charge))


def _species(group: Any) -> Species:
    """Return the species by its name; those that Caraval has no name for as openpmd-beamphysics knows them."""
    name = _text(group.attrs, "speciesType")
    if name is None:
        raise InputError("the particles' species is not said (speciesType); give species=...")
    table = _library("species")
    if name not in PLAIN_SPECIES and name in table.MASS_OF or name in ("H-", "H2+"):
        return Species(name, table.mass_of(name), table.charge_of(name) / elementary_charge)
    return as_species(name)


def _bunch(readers: ModuleType, group: Any) -> Bunch:
    """Return the records of a group as arrays."""
    count = _count(group)

    def array(name: str, *, unit: float = 1.0) -> Array:
        if "momentum" in name.lower() and "/" not in name:  # the library turns only the components into eV/c
            values = readers.component_data(group[name], unit_factor=1 / unit)
        else:
            values = readers.particle_array(group, name, include_offset=name != "time")
        if values.shape not in ((count,), (1,)):
            raise InputError(f"{name} has the shape {values.shape}, and there are {count} particles")
        values = np.broadcast_to(values, (count,)).astype(float)
        if not np.isfinite(values).all():
            raise InputError(f"{np.count_nonzero(~np.isfinite(values))} of the {count} values of {name} are not finite")
        return values

    def maybe(name: str, unit: float = 1.0) -> Array | None:
        return array(name, unit=unit) if name in group else None

    if "weight" in group:
        charge = np.abs(array("weight"))
    else:
        total = np.ravel(group.attrs.get("totalCharge", 0.0))[0] * np.ravel(group.attrs.get("chargeUnitSI", 1.0))[0]
        charge = np.full(count, abs(total) / count)
    status = maybe("particleStatus")
    time = maybe("time")
    return Bunch(
        **{axis: array(f"position/{axis}") for axis in "xyz"},
        **{f"p{axis}": array(f"momentum/{axis}") for axis in "xyz"},
        time=np.zeros(count) if time is None else time,
        time_offset=maybe("timeOffset"),
        excess=maybe("totalMomentum", EV_PER_C),
        momentum_offset=maybe("totalMomentumOffset", EV_PER_C),
        s=maybe("sPosition"),
        charge=charge,
        alive=np.ones(count, dtype=bool) if status is None else status == ALIVE,
    )


def _count(group: Any) -> int:
    for name in ("position/x", "momentum/x"):
        if name not in group:
            raise InputError(f"{group.name} has no record {name}")
    said = group.attrs.get("numParticles")
    count = int(np.ravel(said)[0]) if said is not None else int(np.ravel(group["position/x"].shape)[0])
    if count < 1:
        raise InputError("there are no particles in this file")
    return count
