"""elegant's beams in SDDS files (User's Manual for elegant, ``&sdds_beam``, ``WATCH``), by way of pysdds.

Columns are ``x`` [m], ``xp``, ``y`` [m], ``yp``, ``t`` [s] and ``p`` (momentum over ``m c``), at one plane; ``xp`` and ``yp``
are slopes. Parameters are ``Charge`` [C], in equal parts of all particles, and ``pCentral``. What Caraval says besides, elegant
ignores: ``caravalS``, ``caravalT``, and species.
"""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy.constants import elementary_charge

from caraval.converters.shared.beams import Said, beam_of, bunch_of, given, living, named
from caraval.converters.shared.bunch import Array, Bunch
from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.libraries import needed
from caraval.core.losses import Losses
from caraval.core.reference import Reference, Species, as_species

PYSDDS = ("SDDS files need pysdds", "caraval[beams]")

COLUMNS = ("x", "xp", "y", "yp", "t", "p")

UNITS = {"x": "m", "xp": None, "y": "m", "yp": None, "t": "s", "p": "m$be$nc"}
"""Units of the columns; some programs leave them out."""

SAID = ("caravalP0c", "caravalS", "caravalT", "caravalMass", "caravalCharge", "caravalSpecies")
"""Parameters that Caraval writes besides."""

SAME_CHARGE = 1e-9
"""Charges that differ relatively by less are equal."""


def recognises(path: Path) -> bool:
    """Whether a file is SDDS, perhaps compressed."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"SDDS"
    except OSError:
        return False


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    charge: float | None = None,
    page: int = 0,
) -> ParticleBeam:
    """Read a bunch.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's ``pCentral``, or the mean momentum.
    species : Species or str, optional
        Left out: electrons, unless Caraval wrote the file.
    s, t : float, optional
        Place in the line [m] and time [s] of the reference particle. Left out: the file's, if Caraval wrote it, else zero and
        the mean time.
    charge : float, optional
        Of the bunch [C]. Left out: the file's ``Charge``, else one elementary charge for each particle.
    page : int
        Which bunch, of several pages.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If pysdds is not installed.
    """
    path, sdds = Path(path), needed("pysdds", *PYSDDS)
    with named(path):
        columns, parameters = _contents(sdds, path, page)
        own = _own(parameters)
        found = as_species(species) if species is not None else own.species or as_species("electron")
        bunch = _bunch(columns, found, parameters.get("Charge") if charge is None else charge)
        if own.p0c is None and parameters.get("pCentral"):
            own = own._replace(p0c=float(parameters["pCentral"]) * found.mass)
        return beam_of(bunch, found, given(p0c, s, t), own)


def _contents(sdds: ModuleType, path: Path, page: int) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return columns and parameters of a page."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = sdds.read(path)
    except Exception as error:  # whatever a malformed file makes of the library
        raise InputError(f"this is no SDDS file that can be read ({type(error).__name__}: {error})") from error
    missing = [name for name in COLUMNS if name not in file.column_names]
    if missing:
        raise InputError(f"a beam of elegant's has columns {', '.join(COLUMNS)}; there is no {', '.join(missing)}")
    if not 0 <= page < file.n_pages:
        raise InputError(f"there is no page {page}; there are {file.n_pages}, counted from zero")
    columns = {name: np.asarray(file.col(name).data[page], dtype=float) for name in COLUMNS}
    if len(columns["x"]) == 0:
        raise InputError("there are no particles in this file")
    for name, values in columns.items():
        unit = file.col(name).nm.get("units")
        if unit not in (None, "", UNITS[name]) and not (name in ("xp", "yp") and unit == "rad"):
            raise InputError(f"{name} is in {unit}, not in {UNITS[name]}")
        if not np.isfinite(values).all():
            raise InputError(f"{np.count_nonzero(~np.isfinite(values))} of the values of {name} are not finite")
    return columns, {name: file.par(name).data[page] for name in file.parameter_names}


def _own(parameters: dict[str, Any]) -> Said:
    """Return what Caraval says besides; nothing, in files of other programs."""
    if "caravalT" not in parameters:
        return Said()
    missing = [name for name in SAID if name not in parameters]
    if missing:
        raise InputError(f"there is a parameter caravalT, and no {', '.join(missing)}: Caraval writes all of them, or none")
    p0c, s, t, mass, charge = (float(parameters[f"caraval{name}"]) for name in ("P0c", "S", "T", "Mass", "Charge"))
    return Said(p0c, s, t, Species(str(parameters["caravalSpecies"]), mass, charge))


def _bunch(columns: dict[str, Array], species: Species, charge: float | None) -> Bunch:
    x, xp, y, yp, t, p = (columns[name] for name in COLUMNS)
    count = len(x)
    momentum = p * species.mass
    pz = momentum / np.sqrt(1 + xp**2 + yp**2)
    each = abs(species.charge) * elementary_charge if not charge else abs(float(charge)) / count
    return Bunch(
        x=x,
        y=y,
        z=np.zeros(count),
        px=xp * pz,
        py=yp * pz,
        pz=pz,
        time=t,
        time_offset=None,
        excess=None,
        p0c=None,
        s=np.zeros(count),
        charge=np.full(count, each),
        alive=np.ones(count, dtype=bool),
    )


def write(beam: ParticleBeam, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a bunch: the living, with equal charges.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    losses : Losses, optional
        Collects what the file cannot say: the lost, and that charges differ.

    Raises
    ------
    InputError
        If the beam is a batch, none of its particles is alive, or one does not move forward.
    LatticeError
        If charges differ, and that may not be lost.
    BackendError
        If pysdds is not installed.
    """
    sdds, losses = needed("pysdds", *PYSDDS), losses or Losses()
    import pandas  # with which pysdds takes its tables

    bunch, reference = bunch_of(beam, "a file of elegant's")
    bunch = living(bunch, losses)
    if (bunch.pz <= 0).any():
        raise InputError(f"{np.count_nonzero(bunch.pz <= 0)} particles do not move forward, so they have no slopes")
    if np.ptp(bunch.charge) > SAME_CHARGE * bunch.charge.max():
        losses.physics(
            "beam", "charge", f"{bunch.charge.min()} to {bunch.charge.max()} C each", "equal charges of the same sum"
        )
    assert bunch.time_offset is not None
    columns = {
        "x": bunch.x, "xp": bunch.px / bunch.pz, "y": bunch.y, "yp": bunch.py / bunch.pz,
        "t": bunch.time_offset + bunch.time, "p": bunch.momentum() / reference.species.mass,
    }  # fmt: skip
    columns["particleID"] = np.arange(1, len(bunch.x) + 1, dtype=np.int32)
    file = sdds.SDDSFile.from_df(
        [pandas.DataFrame(columns)],
        parameter_dict={name: [value] for name, value in _parameters(bunch, reference).items()},
        mode="binary",
        endianness="little",
    )
    for name, unit in UNITS.items():
        if unit:
            file.col(name).nm["units"] = unit
    contents = BytesIO()
    with redirect_stdout(StringIO()):  # the library shows parameters as it writes them
        sdds.write(file, contents)
    Path(path).write_bytes(contents.getvalue())


def _parameters(bunch: Bunch, reference: Reference) -> dict[str, Any]:
    species = reference.species
    return {
        "Charge": float(bunch.charge.sum()), "Particles": len(bunch.x), "pCentral": reference.p0c / species.mass,
        "caravalP0c": reference.p0c, "caravalS": reference.s, "caravalT": reference.t, "caravalSpecies": species.name,
        "caravalMass": species.mass, "caravalCharge": float(species.charge),
    }  # fmt: skip
