"""Distributions of General Particle Tracer (GPT): binary ``.gdf`` by way of easygdf, and the text from which GPT makes these.

Columns are ``x, y, z`` [m], ``GBx, GBy, GBz`` (momentum over ``m c``), ``t`` [s], ``m`` [kg] and ``q`` [C] of one particle,
and ``nmacro``, how many it stands for. Outputs (``screen``, ``tout``) have velocities ``Bx, By, Bz`` and ``G``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.constants import elementary_charge

from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError, InputError
from caraval.core.formats import BeamReader, BeamWriter
from caraval.core.hookspecs import hookimpl
from caraval.core.libraries import needed
from caraval.core.losses import Losses
from caraval.core.reference import C_LIGHT, Species, as_species
from caraval.core.species import KNOWN

from .shared.beams import Said, beam_of, bunch_of, given, living, named
from .shared.bunch import Array, Bunch
from .shared.tables import head, table, written

EASYGDF = ("GDF files need easygdf", "caraval[beams]")

EV = elementary_charge / C_LIGHT**2
"""One eV/c^2 [kg]."""

SAME_MASS = 1e-6
"""Masses that differ relatively by less are values of one constant, from different years."""

POSITIONS, MOMENTA, VELOCITIES = ("x", "y", "z"), ("GBx", "GBy", "GBz"), ("Bx", "By", "Bz")


def recognises(path: Path) -> bool:
    """Whether a file is GDF, or a table with GPT's columns."""
    try:
        with path.open("rb") as file:
            if file.read(4) == _magic():
                return True
    except OSError:
        return False
    names = set((head(path).splitlines() or [""])[0].split())
    return {*POSITIONS, *MOMENTA} <= names


def _magic() -> bytes:
    return (94325877).to_bytes(4, "little")  # GDF's, from the description of the format


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    screen: int | None = None,
    tout: int | None = None,
) -> ParticleBeam:
    """Read a distribution, or one of the outputs of a run.

    Particles that are not at one plane fly freely to the mean ``z``.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the mean momentum, for GPT has no reference particle.
    species : Species or str, optional
        Left out: by mass and charge; one that is not known has these.
    s, t : float, optional
        Place in the line [m] and time [s] of the reference particle. Left out: the plane's ``z``, and the mean time.
    screen, tout : int, optional
        Which output, counted from zero, in a file that has several.

    Raises
    ------
    InputError
        If the file cannot be read, and why.
    BackendError
        If it is binary and easygdf is not installed.
    """
    path = Path(path)
    with named(path):
        columns = _binary(path, screen, tout) if path.read_bytes()[:4] == _magic() else _text(path)
        bunch, found = _bunch(columns, None if species is None else as_species(species))
        return beam_of(bunch, found, given(p0c, s, t), Said())


def _text(path: Path) -> dict[str, Array]:
    names, *rows = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    words = names.split()
    found = table(rows, len(words), 2)
    return dict(zip(words, found.T, strict=True))


def _binary(path: Path, screen: int | None, tout: int | None) -> dict[str, Array]:
    """Return the arrays of a distribution, or of the output that is meant."""
    gdf = needed("easygdf", *EASYGDF)
    try:
        blocks = gdf.load(str(path))["blocks"]
    except Exception as error:  # whatever a malformed file makes of the library
        raise InputError(f"this is no GDF file that can be read ({type(error).__name__}: {error})") from error
    groups = {kind: [b for b in blocks if b["name"] == name] for kind, name in (("screen", "position"), ("tout", "time"))}
    groups = {kind: [b for b in found if b["children"]] for kind, found in groups.items()}
    asked = {kind: number for kind, number in (("screen", screen), ("tout", tout)) if number is not None}
    if len(asked) > 1:
        raise InputError("give screen or tout, not both")
    outputs = [(kind, number) for kind, found in groups.items() for number in range(len(found))]
    if not outputs and not asked:
        return _arrays(blocks)
    if not asked and len(outputs) == 1:
        asked = dict(outputs)
    chosen = next(iter(asked.items()), None)
    if chosen not in outputs:
        shown = ", ".join(f"{kind}={len(found)}" for kind, found in groups.items())
        raise InputError(f"say which output, screen=... or tout=..., counted from zero; there are {shown}")
    kind, number = chosen
    group = groups[kind][number]
    found = _arrays(group["children"])
    count = len(next(iter(found.values()), ()))
    if kind == "tout" and "t" not in found:
        found["t"] = np.full(count, float(group["value"]))
    if kind == "screen" and "z" not in found:
        found["z"] = np.full(count, float(group["value"]))
    return found


def _arrays(blocks: Any) -> dict[str, Array]:
    return {b["name"]: np.asarray(b["value"], dtype=float) for b in blocks if isinstance(b["value"], np.ndarray)}


def _bunch(columns: dict[str, Array], species: Species | None) -> tuple[Bunch, Species]:
    missing = [name for name in POSITIONS if name not in columns]
    if missing or not len(columns["x"]):
        raise InputError(f"there are no particles in this file: it has no {', '.join(missing) or 'rows'}")
    count = len(columns["x"])
    if any(values.shape != (count,) for values in columns.values()):
        raise InputError("the columns are not of one length")
    if species is None:
        species = _species(columns)
    momenta = _momenta(columns, species)
    zero = np.zeros(count)
    number = columns.get("nmacro", np.ones(count))
    bunch = Bunch(
        x=columns["x"],
        y=columns["y"],
        z=columns["z"],
        px=momenta[0],
        py=momenta[1],
        pz=momenta[2],
        time=columns.get("t", zero),
        time_offset=None,
        excess=None,
        p0c=None,
        s=None,
        charge=np.abs(number) * elementary_charge * abs(species.charge),
        alive=np.ones(count, dtype=bool),
    )
    return bunch, species


def _momenta(columns: dict[str, Array], species: Species) -> list[Array]:
    """Return the momenta [eV/c]."""
    if all(name in columns for name in MOMENTA):
        return [species.mass * columns[name] for name in MOMENTA]
    if not all(name in columns for name in VELOCITIES):
        raise InputError(f"there are neither momenta ({', '.join(MOMENTA)}) nor velocities ({', '.join(VELOCITIES)})")
    betas = [columns[name] for name in VELOCITIES]
    gamma = columns["G"] if "G" in columns else 1 / np.sqrt(1 - sum(beta**2 for beta in betas))
    return [species.mass * gamma * beta for beta in betas]


def _species(columns: dict[str, Array]) -> Species:
    """Return the species by mass and charge."""
    if "m" not in columns or "q" not in columns:
        raise InputError("the file does not say mass and charge of the particles (m, q); give species=...")
    mass, charge = columns["m"] / EV, columns["q"] / elementary_charge
    if np.ptp(mass) > SAME_MASS * mass.max() or np.ptp(charge) > SAME_MASS * np.abs(charge).max():
        raise InputError("there are particles of several masses or charges")
    number = round(float(charge[0]))
    for known in KNOWN.values():
        if known.charge == number and abs(mass[0] / known.mass - 1) <= SAME_MASS:
            return known
    try:
        return Species("custom", float(mass[0]), number)
    except CaravalError as error:
        raise InputError(str(error)) from None


def write(beam: ParticleBeam, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write the living particles: as GDF, or as text, where the name of the file ends in ``.txt``.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path
    losses : Losses, optional
        Collects what GPT cannot say: the lost, and the reference.

    Raises
    ------
    InputError
        If the beam is a batch, no particle is alive, or they have no charge.
    BackendError
        If the file is binary and easygdf is not installed.
    """
    losses = losses or Losses()
    bunch, reference = bunch_of(beam, "a distribution of GPT's")
    bunch = living(bunch, losses)
    species = reference.species
    if species.charge == 0:
        raise InputError(f"a charge says how many particles one stands for, and {species.name} has none")
    losses.note("reference", "p0c", reference.p0c, "the mean momentum")
    if reference.t:
        losses.note("reference", "t", reference.t, "the mean time")
    assert bunch.time_offset is not None
    count, charge = len(bunch.x), species.charge * elementary_charge
    columns = {
        "x": bunch.x, "y": bunch.y, "z": bunch.z,
        "GBx": bunch.px / species.mass, "GBy": bunch.py / species.mass, "GBz": bunch.pz / species.mass,
        "t": bunch.time_offset + bunch.time, "m": np.full(count, species.mass * EV), "q": np.full(count, charge),
        "nmacro": bunch.charge / abs(charge), "ID": np.arange(1.0, count + 1),
    }  # fmt: skip
    if Path(path).suffix == ".txt":
        rows = written(zip(*(values.tolist() for values in columns.values()), strict=True))
        Path(path).write_text(" ".join(columns) + "\n" + rows, encoding="ascii")
    else:
        needed("easygdf", *EASYGDF).save_initial_distribution(str(path), creator="Caraval", **columns)


@hookimpl
def register_beam_readers() -> tuple[BeamReader]:
    """GPT's distributions and outputs."""
    return (BeamReader("gpt", (".gdf", ".gpt.txt", ".gpt"), read, recognises),)


@hookimpl
def register_beam_writers() -> tuple[BeamWriter]:
    """GPT's distributions."""
    return (BeamWriter("gpt", (".gdf", ".gpt.txt"), write),)
