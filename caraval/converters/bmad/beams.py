"""Bmad's beam files in ASCII (Bmad manual, "Beam Initialization File Format"); those in HDF5 are openPMD files.

A header of lines ``# name = value``, the last of which, ``#! name name ...``, names the columns; then a row for each particle.
Coordinates are Bmad's; ``t`` is the time of a particle, so that of the reference is ``t + z / (beta c)``. What Caraval says
besides (``caraval_mass``, ``caraval_charge``) Bmad ignores.

The old format (``BEGIN_BUNCH`` ... ``END_BUNCH``) is read, too: it does not say the reference momentum.
"""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.constants import elementary_charge

from caraval.converters.shared.beams import Said, beam_of, bunch_of, given, named
from caraval.converters.shared.bunch import Array, Bunch
from caraval.converters.shared.tables import head, table, written
from caraval.core.beam import ParticleBeam
from caraval.core.errors import CaravalError, InputError
from caraval.core.reference import C_LIGHT, Species, as_species

ALIVE, LOST, PRE_BORN = 1, 2, 8
"""States by number: 2 to 7 are lost, to one side or another."""

STATES = {"alive": ALIVE, "pre_born": PRE_BORN}
"""States by name; all others are lost."""

PHASE_SPACE = ("x", "px", "y", "py", "z", "pz")

SAME_NAMES = {"s_position": "s", "time": "t"}

IN_EV = 10.0
"""Momenta over the reference's are below this; what is larger is in eV/c, of a bunch that is given with time."""

_HEADER = re.compile(r"#\s*(\w+)\s*=\s*([^!]*)")
_COLUMNS = re.compile(r"#!\s*(.*)")


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
    backend: str = "numpy",
    dtype: str = "float64",
    device: Any = None,
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
    backend, dtype, device
        Where the particles live.

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
        is_old = any(line.split("!")[0].strip().upper() == "BEGIN_BUNCH" for line in lines)
        said, values = (_old if is_old else _new)(lines, bunch)
        found = which or _species(said)
        particles, own = _bunch(said, values, found, asked)
        return beam_of(particles, found, asked, own, backend=backend, dtype=dtype, device=device)


# -------------------------------------------------------------------- the two formats


def _new(lines: list[str], which: int) -> tuple[dict[str, str], dict[str, Array]]:
    """Return what the header of a bunch says, and its columns."""
    starts = [i for i, line in enumerate(lines) if _COLUMNS.match(line)]
    if not 0 <= which < len(starts):
        raise InputError(f"there is no bunch {which}; there are {len(starts)}, counted from zero")
    start = starts[which]
    above = takewhile(lambda line: not line.strip() or line.startswith("#"), reversed(lines[:start]))
    pairs = (pair for line in above if (pair := _HEADER.match(line)) is not None)
    said = {pair[1].lower(): pair[2].strip().strip("\"'") for pair in pairs}
    names = lines[start][2:].lower().split()
    rows = list(takewhile(lambda line: not line.startswith("#"), lines[start + 1 :]))
    state = names.index("state") if "state" in names else None
    numbers = (_with_state_as_number(row, state) for row in rows)
    found = table(numbers, len(names), start + 2)
    return said, dict(zip(names, found.T, strict=True))


def _with_state_as_number(row: str, place: int | None) -> str:
    words = row.split()
    if place is None or place >= len(words) or words[place].lstrip("+-").isdigit():
        return row
    words[place] = str(STATES.get(words[place].lower(), LOST))
    return " ".join(words)


def _old(lines: list[str], which: int) -> tuple[dict[str, str], dict[str, Array]]:
    bare = [line.split("!")[0].strip() for line in lines]
    starts = [i for i, line in enumerate(bare) if line.upper() == "BEGIN_BUNCH"]
    if not 0 <= which < len(starts):
        raise InputError(f"there is no bunch {which}; there are {len(starts)}, counted from zero")
    start = starts[which] + 1
    if len(bare) < start + 4:
        raise InputError("the header of the bunch ends before its time: species, charge, z and t of the centre")
    species, charge, z, t = bare[start : start + 4]
    rows = list(takewhile(lambda line: line.upper() != "END_BUNCH", bare[start + 4 :]))
    found = table(rows, None, start + 5)
    names = (*PHASE_SPACE, "charge", "state", "spin_x", "spin_y", "spin_z")
    if found.shape[1] < len(PHASE_SPACE):
        raise InputError(f"the table has {found.shape[1]} columns, and a particle has six coordinates")
    values = dict(zip(names, found.T, strict=False))
    said = {"species": species, "charge_tot": charge, "old": "T"}
    for name, centre in (("z", z), ("t", t)):
        if _number(said | {name: centre}, name):
            raise InputError(f"{name}_center = {centre} is not understood; shift the bunch instead")
    return said, values


# -------------------------------------------------------------------- what they say


def _species(said: dict[str, str]) -> Species:
    name = said.get("species") or "positron"
    if "caraval_mass" in said:
        return Species(name, _number(said, "caraval_mass"), _number(said, "caraval_charge"))
    try:
        return as_species(name)
    except CaravalError:
        return as_species(name.lower())


def _number(said: dict[str, str], name: str) -> float:
    try:
        return float(said.get(name, "0").lower().replace("d", "e"))
    except ValueError:
        raise InputError(f"{name} must be a number, not {said[name]!r}") from None


def _bunch(said: dict[str, str], values: dict[str, Array], species: Species, asked: Said) -> tuple[Bunch, Said]:
    """Return the bunch, and what the file says of its reference."""
    count = len(next(iter(values.values())))
    values = {SAME_NAMES.get(name, name): column for name, column in values.items()}
    for name in ("s", "t", "p0c", *PHASE_SPACE, "charge"):
        if name not in values:
            header = next((key for key in (name, *(k for k, v in SAME_NAMES.items() if v == name)) if key in said), "")
            values[name] = np.full(count, _number(said, header) if header else 0.0)
    state = values.get("state", np.full(count, float(_state(said))))
    alive = (state == ALIVE) | (state == PRE_BORN)
    charge = _charges(values["charge"], _number(said, "charge_tot"), species)
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
    return values["direction"] if "direction" in values else _number(said, "direction") or 1.0


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
