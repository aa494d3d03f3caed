"""Bmad's beam files in ASCII (Bmad manual, "Beam Initialization File Format"); those in HDF5 are openPMD files.

A header of lines ``# name = value``, the last of which, ``#! name name ...``, names the columns; then a row for each particle.
Coordinates are Bmad's; ``t`` is the time of a particle, so that of the reference is ``t + z / (beta c)``. What Caraval says
besides (``caraval_mass``, ``caraval_charge``) Bmad ignores.

The old format (``BEGIN_BUNCH`` ... ``END_BUNCH``) is read, too: it does not say the reference momentum.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from scipy.constants import elementary_charge

from caraval.converters.shared.beams import Said, beam_of, bunch_of, given, named
from caraval.converters.shared.bunch import Array, Bunch
from caraval.converters.shared.tables import head, written
from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError, InputError
from caraval.core.reference import C_LIGHT, Species, as_species

from .beam_tables import ALIVE, LOST, PHASE_SPACE, PRE_BORN, SAME_NAMES, STATES, contents, number_in

IN_EV = 10.0
"""Momenta over the reference's are below this; what is larger is in eV/c, of a bunch that is given with time."""


def recognises(path: Path) -> bool:
    """Whether a file is one of Bmad's beams."""
    start = head(path)
    columns = re.search(r"^#!\s*(.*)$", start, re.MULTILINE)
    return "BEGIN_BUNCH" in start or (columns is not None and {"x", "px"} <= set(columns[1].lower().split()))


def read(
    path: str | Path,
    *,
    p0c: float | None = None,
    species: Species | str | None = None,
    s: float | None = None,
    t: float | None = None,
    bunch: int = 0,
) -> ParticleBeam:
    """Read a bunch.

    Parameters
    ----------
    path : str or Path
    p0c : float, optional
        Reference momentum [eV]. Left out: the file's.
    species : Species or str, optional
        Left out: the file's, which is positrons where it says none.
    s, t : float, optional
        Place in the line [m] and time [s] of the reference particle. Left out: the file's, else zero.
    bunch : int
        Which, of several, counted from zero.

    Returns
    -------
    ParticleBeam
        Those that wait at a cathode are alive. Of the lost, `lost_s` is their ``s``.

    Raises
    ------
    InputError
        If the file cannot be read, and why; if neither it nor the caller says the reference momentum.
    """
    path = Path(path)
    with named(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        asked, which = given(p0c, s, t), None if species is None else as_species(species)
        said, values = contents(lines, bunch)
        found = which or _species(said)
        particles, own = _bunch(said, values, found, asked)
        return beam_of(particles, found, asked, own)


# -------------------------------------------------------------------- what they say


def _species(said: dict[str, str]) -> Species:
    name = said.get("species") or "positron"
    if "caraval_mass" in said:
        return Species(name, number_in(said, "caraval_mass"), number_in(said, "caraval_charge"))
    try:
        return as_species(name)
    except CaravalError:
        return as_species(name.lower())


def _bunch(said: dict[str, str], values: dict[str, Array], species: Species, asked: Said) -> tuple[Bunch, Said]:
    """Return the bunch, and what the file says of its reference."""
    count = len(next(iter(values.values())))
    values = {SAME_NAMES.get(name, name): column for name, column in values.items()}
    for name in ("s", "t", "p0c", *PHASE_SPACE, "charge"):
        if name not in values:
            header = next((key for key in (name, *(k for k, v in SAME_NAMES.items() if v == name)) if key in said), "")
            values[name] = np.full(count, number_in(said, header) if header else 0.0)
    state = values.get("state", np.full(count, float(_state(said))))
    alive = (state == ALIVE) | (state == PRE_BORN)
    charge = _charges(values["charge"], number_in(said, "charge_tot"), species)
    x, px, y, py, z, pz = (values[name] for name in PHASE_SPACE)
    if "old" in said and max(np.abs(px).max(), np.abs(py).max(), np.abs(pz).max()) > IN_EV:
        zero = np.zeros(count)  # with time: momenta in eV/c, and the time in place of z
        return Bunch(x, y, zero, px, py, pz, z, None, None, None, zero, charge, alive), Said()
    stated = values["p0c"] if values["p0c"].any() else None
    p0c = asked.p0c if stated is None else float(stated[0])
    if p0c is None:
        raise InputError("the file does not say the reference momentum; give p0c=...")
    total, across = 1 + pz, np.hypot(px, py)
    if (alive & (across > total)).any():
        raise InputError("there are living particles whose transverse momentum is above their total one")
    longitudinal = np.sqrt(np.maximum((total - across) * (total + across), 0.0)) * _direction(said, values)
    momentum = total * p0c
    beta = momentum / np.hypot(momentum, species.mass)
    later = np.divide(-z, beta * C_LIGHT, out=np.zeros(count), where=beta != 0)
    reference = values["t"] - later if values["t"].any() else np.zeros(count)
    first = int(np.argmax(alive))
    t = float(reference[first])
    places = values["s"]
    s = float(places[first])
    bunch = Bunch(
        x=x,
        y=y,
        z=np.full(count, s),
        px=p0c * px,
        py=p0c * py,
        pz=p0c * longitudinal,
        time=later,
        time_offset=np.full(count, t),
        excess=p0c * pz,
        p0c=np.full(count, p0c),
        s=places,
        charge=charge,
        alive=alive,
    )
    return bunch, Said(p0c, s, t)


def _state(said: dict[str, str]) -> int:
    word = said.get("state", "alive").lower()
    return int(word) if word.isdigit() else STATES.get(word, LOST)


def _direction(said: dict[str, str], values: dict[str, Array]) -> Any:
    return values["direction"] if "direction" in values else number_in(said, "direction") or 1.0


def _charges(each: Array, total: float, species: Species) -> Array:
    """Return the charge of each particle: a total that is given wins."""
    each = np.abs(each)
    if total:
        return each * (abs(total) / each.sum()) if each.any() else np.full(len(each), abs(total) / len(each))
    return each if each.any() else np.full(len(each), elementary_charge * abs(species.charge))


# -------------------------------------------------------------------- writing


def write(beam: ParticleBeam, path: str | Path) -> None:
    """Write a bunch; nothing is lost.

    Parameters
    ----------
    beam : ParticleBeam
    path : str or Path

    Raises
    ------
    InputError
        If the beam is a batch, or holds values that no particle has.
    """
    bunch, reference = bunch_of(beam, "a beam file of Bmad's")
    species, p0c = reference.species, reference.p0c
    assert bunch.excess is not None
    assert bunch.s is not None
    header = {"species": species.name, "p0c": p0c}
    if not _is_known(species):
        header |= {"caraval_mass": species.mass, "caraval_charge": float(species.charge)}
    momentum = p0c + bunch.excess
    beta = momentum / np.hypot(momentum, species.mass)
    columns = {
        "x": bunch.x, "px": bunch.px / p0c, "y": bunch.y, "py": bunch.py / p0c, "z": -beta * C_LIGHT * bunch.time,
        "pz": bunch.excess / p0c, "t": reference.t + bunch.time, "s": bunch.s, "charge": bunch.charge,
        "direction": np.where(bunch.pz < 0, -1, 1), "state": np.where(bunch.alive, ALIVE, LOST),
    }  # fmt: skip
    columns["s"] = np.where(np.isfinite(bunch.s), bunch.s, reference.s)  # where one was lost may not be known
    lines = [*(f"# {name} = {value}" for name, value in header.items()), f"#! {' '.join(columns)}"]
    rows = written(zip(*(values.tolist() for values in columns.values()), strict=True))
    Path(path).write_text("\n".join(lines) + "\n" + rows, encoding="utf-8")


def _is_known(species: Species) -> bool:
    try:
        return as_species(species.name) == species
    except CaravalError:
        return False
