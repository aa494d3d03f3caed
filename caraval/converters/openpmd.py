"""Beam files of the openPMD standard with its BeamPhysics extension (HDF5), by way of openpmd-beamphysics.

Such a file holds positions [m], momenta [eV/c] and times [s] of particles of one species. Caraval writes

- a bunch at one plane: ``position/z`` is zero, ``sPosition`` is `s` for the living and the place of the loss for the lost,
- ``timeOffset`` = t_ref and ``time`` = t - t_ref = -z / (beta c), so that a late bunch loses no digits,
- ``totalMomentumOffset`` = p0c and ``totalMomentum`` = pz p0c, for the same reason (Bmad writes and reads these, too),
- ``particleStatus`` 1 for the living and 2 for the lost, ``weight`` the charge of each macro-particle,

and, where other readers ignore them, the attributes ``caraval...``: `p0c`, `s` and `t` to the last bit, and the species with
its mass and charge. See :func:`read` for what becomes of files that other codes wrote.

Sources: the openPMD standard 2.0.0, its extensions BeamPhysics and SpeciesType.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from scipy.constants import elementary_charge

from caraval.core.arrays import is_number
from caraval.core.beam import ParticleBeam
from caraval.core.errors import BackendError, CaravalError, InputError, UnknownNameError
from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.hookspecs import hookimpl
from caraval.core.reference import C_LIGHT, Reference, Species, as_species
from caraval.core.registry import backend_of, registry

FORMAT = "openpmd"
SUFFIXES = (".h5", ".hdf5")

VERSION = 1
"""Of the attributes that only Caraval reads."""

EV_PER_C = elementary_charge / C_LIGHT
"""One eV/c [kg m/s]."""

ALIVE, LOST = 1, 2
"""Status of a particle. The standard leaves all values but 1 to the codes; 2 is Bmad's."""

SAME = 1e-12
"""Offsets that differ relatively by less than this are one: Bmad writes reference times with their rounding."""

TRUSTED = 1e-9
"""A total momentum that is relatively further than this from that of the components does not belong to them."""

STANDARD_NAMES = {
    **{name: name for name in ("electron", "positron", "proton", "antiproton", "muon", "antimuon", "deuteron", "H-", "H2+")},
    "helion": "#3He",
    "alpha": "#4He",
}
"""What the standard calls the species; ``H-`` and ``H2+`` are what openpmd-beamphysics knows besides."""

Array = np.ndarray[Any, np.dtype[Any]]


class Bunch(NamedTuple):
    """What a file says of its particles, arrays (n,): lengths in m, momenta in eV/c, times in s; None where it is silent.

    Attributes
    ----------
    x, y, z, px, py, pz : array
    time : array
        Relative to `time_offset`.
    time_offset : array, optional
        Time of the reference particle.
    excess : array, optional
        Total momentum less `p0c`.
    p0c : array, optional
        Reference momentum.
    s : array, optional
        Place in the line.
    charge : array
        Of each macro-particle [C].
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
    p0c: Array | None
    s: Array | None
    charge: Array
    alive: Array

    def momentum(self) -> Array:
        """Total momentum."""
        total: Array = np.sqrt(self.px**2 + self.py**2 + self.pz**2)
        return total

    def counted(self) -> Array:
        """Which particles make the reference: the living, or all where none is alive."""
        return self.alive if self.alive.any() else np.ones_like(self.alive)

    def mean(self, values: Array) -> float:
        """Mean over those that count, weighted by charge, unless they have none."""
        counted = self.counted()
        weight = self.charge[counted]
        return float(np.average(values[counted], weights=weight if weight.any() else None))

    def common(self, values: Array | None) -> float | None:
        """Return the value that all who count share, or None."""
        if values is None:
            return None
        counted = values[self.counted()]
        return float(counted[0]) if np.ptp(counted) <= SAME * abs(counted[0]) else None


class Own(NamedTuple):
    """What Caraval says besides (nothing, in files of other codes), or the caller."""

    p0c: float | None = None
    s: float | None = None
    t: float | None = None
    species: Species | None = None


class Plane(NamedTuple):
    """Where particles meet a plane: its `z` [m], their `x` and `y` [m] there, and how much later [s] than in the file."""

    z: float
    x: Array
    y: Array
    delay: Array


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

    Particles that are not at one plane (a bunch at one time, from a code that integrates in time) fly freely to the mean
    ``z`` of the living. Means are weighted by charge.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's (``totalMomentumOffset``, where all the living have the same), else the
        mean total momentum of the living.
    species : Species or str, optional
        Left out: the file's. In a file of several species it says which.
    s : float, optional
        Place in the line [m]. Left out: the file's (mean ``sPosition`` of the living), else the plane's ``z``.
    t : float, optional
        Time of the reference particle [s]. Left out: the file's (``timeOffset``, where all the living have the same and are
        at one plane), else the mean time of the living.
    iteration : str or int, optional
        Which, in a file of several iterations (Bmad: of several bunches).
    backend, dtype, device
        Where the particles live.

    Returns
    -------
    ParticleBeam
        Particles with a ``particleStatus`` other than 1 are not alive; they stay where they are, and `lost_s` is their
        ``sPosition``, else how far their ``z`` is from the plane's. Where none is alive (a bunch that waits at a cathode) all
        count in the means, and ``beam.replace(alive=True)`` wakes them up. Charges are positive, whatever their sign in the
        file.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If openpmd-beamphysics is not installed.
    """
    path = Path(path)
    readers = _library("readers")
    with _named(path):
        given = Own(p0c=_number("p0c", p0c), s=_number("s", s), t=_number("t", t))
        with _opened(path) as file:
            group = _particles(file, iteration, species)
            own = _own(group)
            found = as_species(species) if species is not None else own.species or _species(group)
            bunch = _bunch(readers, group)
        return _beam(bunch, found, given, own, backend, dtype, device)


def recognises(path: Path) -> bool:
    """Whether a file is HDF5 and says that it is openPMD."""
    try:
        import h5py

        with h5py.File(path, "r") as file:
            return "openPMD" in file.attrs
    except (ImportError, OSError):
        return False


def _library(module: str) -> ModuleType:
    """Return a module of openpmd-beamphysics, whose package was called ``pmd_beamphysics`` before."""
    try:
        return importlib.import_module(f"beamphysics.{module}")
    except ImportError as error:
        missing = error
    if missing.name == "beamphysics":
        with suppress(ImportError):
            return importlib.import_module(f"pmd_beamphysics.{module}")
    raise BackendError(
        f"openPMD beam files need openpmd-beamphysics, which is not installed ({missing}); try: pip install 'caraval[beams]'"
    ) from missing


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except CaravalError as error:
        raise type(error)(f"{path}: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file, and turn what HDF5 does not like about it into an error of Caraval."""
    import h5py

    if not path.exists():
        raise FileNotFoundError(f"no file {path}")
    if not h5py.is_hdf5(path):
        raise InputError("this is no HDF5 file, which openPMD beam files are")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except CaravalError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"no openPMD beam can be read from this file ({type(error).__name__}: {error})") from error


# -------------------------------------------------------------------- where the particles are in a file


def _particles(file: Any, iteration: str | int | None, species: Species | str | None) -> Any:
    """Return the group with the records of the one bunch that is meant."""
    if "openPMD" not in file.attrs:
        raise InputError("this is HDF5, but not openPMD: its root has no attribute 'openPMD'")
    folder = _text(file.attrs, "particlesPath")
    if folder is None:
        raise InputError("this openPMD file holds no particles: its root has no attribute 'particlesPath'")
    group = _iteration(file, _text(file.attrs, "basePath") or "/data/%T/", folder, iteration)
    if "position" in group:
        return group
    kinds = {name: _text(group[name].attrs, "speciesType") or name for name in group if _is_group(group[name])}
    if not kinds:
        raise InputError(f"there are no particles in {group.name}")
    wanted = species.name if isinstance(species, Species) else species
    fitting = [name for name in kinds if len(kinds) == 1 or wanted in (name, kinds[name])]
    if len(fitting) != 1:
        raise InputError(f"there are particles of several species ({', '.join(kinds.values())}); say species=... which")
    return group[fitting[0]]


def _iteration(file: Any, base: str, folder: str, wanted: str | int | None) -> Any:
    """Return the group of all particles of an iteration."""
    before, several, after = base.partition("%T")
    if not several:
        return _group(file, f"{base}/{folder}")
    root, _, prefix = before.rpartition("/")
    suffix, _, rest = after.partition("/")
    name = re.compile(rf"{re.escape(prefix)}(\d+){re.escape(suffix)}")
    found = {int(fits[1]): fits[0] for fits in map(name.fullmatch, _group(file, root)) if fits}
    shown = ", ".join(map(str, sorted(found))) or "none"
    if wanted is not None:
        if not str(wanted).isdigit() or int(wanted) not in found:
            raise InputError(f"there is no iteration {wanted!r}; there are {shown}")
        found = {int(wanted): found[int(wanted)]}
    if not found:
        raise InputError(f"there are no particles: no iterations in {root or '/'}")
    if len(found) > 1:
        raise InputError(f"there are several iterations ({shown}); say iteration=... which")
    return _group(file, f"{root}/{found.popitem()[1]}/{rest}/{folder}")


def _group(file: Any, path: str) -> Any:
    path = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
    if path != "/" and path not in file:
        raise InputError(f"there is no group {path}, where its particles should be")
    if not _is_group(file[path]):
        raise InputError(f"{path}, where its particles should be, is no group")
    return file[path]


def _is_group(item: Any) -> bool:
    return hasattr(item, "keys")


def _text(attributes: Any, name: str) -> str | None:
    """Return an attribute that is a string, in whichever of HDF5's ways it was written."""
    value = attributes.get(name)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


# -------------------------------------------------------------------- what the file says


def _own(group: Any) -> Own:
    version = group.attrs.get("caravalVersion")
    if version is None:
        return Own()
    if version != VERSION:
        raise InputError(f"a later Caraval wrote this file (version {version} of its attributes; this one knows {VERSION})")
    p0c, s, t, mass, charge = (float(group.attrs[f"caraval{name}"]) for name in ("P0c", "S", "T", "Mass", "Charge"))
    return Own(p0c, s, t, Species(str(group.attrs["caravalSpecies"]), mass, charge))


def _species(group: Any) -> Species:
    """Return the species by its name; those that only openpmd-beamphysics has a name for, as it has them."""
    name = _text(group.attrs, "speciesType")
    if name is None:
        raise InputError("the species of the particles is not said (speciesType); give species=...")
    try:
        return as_species(name)
    except UnknownNameError as error:
        table = _library("species")
        if name in table.MASS_OF:
            return Species(name, table.mass_of(name), round(table.charge_of(name) / elementary_charge))
        raise InputError(f"{error}, as species=...") from error


def _bunch(readers: ModuleType, group: Any) -> Bunch:
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


# -------------------------------------------------------------------- what becomes of it


def _beam(bunch: Bunch, species: Species, given: Own, own: Own, backend: str, dtype: str, device: Any) -> ParticleBeam:
    """Return the beam; what was given comes before what the file says."""
    plane = _plane(bunch, species)
    stated = own.p0c if own.p0c is not None else bunch.common(bunch.p0c)
    p0c = given.p0c if given.p0c is not None else stated or bunch.mean(bunch.momentum())
    if not 0 < p0c < float("inf"):
        raise InputError(f"the reference momentum p0c must be positive, not {p0c!r} eV; give p0c=...")
    excess = _excess(bunch, p0c, stated)
    momentum = p0c + excess
    beta = momentum / np.hypot(momentum, species.mass)
    lag, t = _lag(bunch, plane, given.t if given.t is not None else own.t)
    s, lost_s = _places(bunch, plane, given.s if given.s is not None else own.s)

    target = registry().backend(backend)
    arrays = (plane.x, bunch.px / p0c, plane.y, bunch.py / p0c, -beta * C_LIGHT * lag, excess / p0c, bunch.charge, lost_s)
    *q, charge, lost_s = (target.asarray(np.array(a), dtype=target.dtype(dtype), device=device) for a in arrays)
    alive = target.asarray(bunch.alive, device=device)
    return ParticleBeam(*q, reference=Reference(species, p0c, s, t), charge=charge, alive=alive, lost_s=lost_s)


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{name} must be a finite number, not {value!r}")
    return number


def _plane(bunch: Bunch, species: Species) -> Plane:
    """Let particles fly freely to one plane, if they are not at one; the lost stay where they are."""
    counted = bunch.counted()
    still = np.zeros_like(bunch.z)
    if np.ptp(bunch.z[counted]) == 0:
        return Plane(float(bunch.z[counted][0]), bunch.x, bunch.y, still)
    z = bunch.mean(bunch.z)
    backward = np.count_nonzero(counted & (bunch.pz <= 0))
    if backward:
        raise InputError(
            f"the particles are at different z, and {backward} of them do not move forward, so they never meet at one plane"
        )
    way = np.divide(z - bunch.z, bunch.pz, out=still, where=counted)
    delay = way * np.hypot(bunch.momentum(), species.mass) / C_LIGHT
    return Plane(z, bunch.x + way * bunch.px, bunch.y + way * bunch.py, delay)


def _excess(bunch: Bunch, p0c: float, stated: float | None) -> Array:
    """Return how much each total momentum exceeds `p0c`, without the difference of two near numbers."""
    total = bunch.momentum()
    plain: Array = (bunch.px**2 + bunch.py**2 + (bunch.pz - p0c) * (bunch.pz + p0c)) / (total + p0c)
    if bunch.excess is None or stated is None:
        return plain
    exact = bunch.excess + (stated - p0c)
    belongs = (np.abs(exact - plain) <= TRUSTED * (total + p0c)) | ~bunch.alive
    return exact if belongs.all() else plain


def _lag(bunch: Bunch, plane: Plane, t: float | None) -> tuple[Array, float]:
    """Return how much later than the reference particle each one is [s], and the time of that [s]."""
    offset = np.zeros_like(bunch.time) if bunch.time_offset is None else bunch.time_offset
    if t is None and not plane.delay.any():  # else it would be the time of the reference particle at another plane
        t = bunch.common(bunch.time_offset)
    if t is not None:
        return (offset - t) + bunch.time + plane.delay, t
    first = np.argmax(bunch.counted())
    later = (offset - offset[first]) + (bunch.time - bunch.time[first]) + plane.delay
    mean = bunch.mean(later)
    return later - mean, float(offset[first] + bunch.time[first] + mean)


def _places(bunch: Bunch, plane: Plane, s: float | None) -> tuple[float, Array]:
    """Return where the bunch is in the line, and where each particle was lost [m]."""
    if s is None:
        s = bunch.common(bunch.s)
    if s is None:
        s = plane.z if bunch.s is None else bunch.mean(bunch.s)
    lost = s + (bunch.z - plane.z) if bunch.s is None else bunch.s
    return s, np.where(bunch.alive, np.inf, lost)


# -------------------------------------------------------------------- writing


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
    writers, units = _library("writers"), _library("units")
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
        _describe(group, name, reference, records)


UNITS = {
    "chargeState": "status", "sPosition": "z", "timeOffset": "t", "totalMomentum": "p", "totalMomentumOffset": "p",
}  # fmt: skip
"""Records that openpmd-beamphysics leaves to others, and its quantity with the same unit."""


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


def _describe(group: Any, name: str, reference: Reference, records: dict[str, Array]) -> None:
    """Write the attributes of the bunch: those of the standard, and Caraval's own."""
    species = reference.species
    group.attrs.update(
        speciesType=np.bytes_(name.encode("ascii", "replace")),
        chargeLive=records["weight"][records["status"] == ALIVE].sum(),
        caravalVersion=VERSION,
        caravalP0c=reference.p0c,
        caravalS=reference.s,
        caravalT=reference.t,
        caravalSpecies=species.name,
        caravalMass=float(species.mass),
        caravalCharge=float(species.charge),
    )


@hookimpl
def register_beam_readers() -> tuple[BeamReader]:
    """OpenPMD's files."""
    return (BeamReader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_beam_writers() -> tuple[BeamWriter]:
    """OpenPMD's files."""
    return (BeamWriter(FORMAT, SUFFIXES, write),)
