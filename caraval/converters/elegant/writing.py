"""Writes elegant's lattice files (``.lte``), and command files (``.ele``) that say beamline and momentum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caraval.converters.shared.definitions import Definitions
from caraval.converters.shared.line import Language, Member, members
from caraval.converters.shared.plain import plain_reference
from caraval.core.formats import Beside
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.reference import Reference

from . import commands, spelling
from .conversion import BENDS, PASSED
from .saying import SAYS, with_openings

LANGUAGE = Language(SAYS, with_openings, drift="EDRIFT", marker="MARK", length="L", has_negative_lengths=True)

COMMANDS = ".ele"
"""Suffix of command files."""

MARK = "! Written by Caraval\n"
"""How a file begins that may be written again."""


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None, beside: Beside | None = None) -> None:
    """Write a lattice.

    What elegant tracks by matrices is what we track by Bmad's closed forms; what is tracked by a symplectic integrator has the
    types with a K. Reversed elements are written as what they are to the beam, openings as collimators without length.
    Elements of one name that differ get names of their own.

    A lattice file of elegant's says no momentum: that goes into a command file beside it, with the beamline and the Twiss
    parameters at the beginning, unless there is one by that name that is not Caraval's.

    Parameters
    ----------
    lattice : Lattice
        Settings are plain numbers, or arrays of one.
    path : str or Path
    losses : Losses, optional
        Collects what elegant cannot say; left out: what changes the tracking is an error.
    beside : Beside, optional
        Takes the command file; left out: there is none.

    Raises
    ------
    LatticeError
        If a setting is a batch or hidden by a trace; or if what cannot be carried changes the tracking and may not be lost.
    """
    losses = losses or Losses()
    name = spelling.name(lattice.name) or "LATTICE"
    Path(path).write_text(text(lattice, name, losses), encoding="utf-8", newline="\n")
    _report(lattice, losses)
    reference = None if lattice.reference is None else plain_reference(lattice.reference)
    if reference is None:
        losses.note("lattice", "reference", None, "as the command file says")
    elif beside is None or not _is_own(beside):
        losses.note("lattice", "reference", reference, "as the command file says")
    else:
        beside.texts[COMMANDS] = MARK + command_file(lattice, reference, name, beside.name, losses)


def text(lattice: Lattice, name: str, losses: Losses) -> str:
    """Return the lattice file."""
    parts = members(lattice, LANGUAGE, losses)
    definitions = Definitions((part.name for part in parts), spelling.name, [name], losses)
    line = _line(parts, definitions, losses)
    bodies = (f"{spelling.quoted(key)}: {body}" for key, body in definitions.bodies.items())
    return MARK + "\n" + "".join(f"{statement}\n" for statement in (*bodies, spelling.line(name, line)))


def _line(parts: Sequence[Member], definitions: Definitions, losses: Losses) -> list[str]:
    """Return the names of the line. A bend that follows itself gets another one, for elegant leaves out the edges between."""
    line: list[str] = []
    last = ""
    for wanted, (type, values, _) in parts:
        body = spelling.statement(type, values)
        name = definitions.name(wanted, type, body)
        if type in BENDS and name == last:
            name = definitions.name(f"{wanted}_again", type, body)
            losses.note(wanted, "name", wanted, f"called {name} where it follows itself")
        if type not in PASSED and not (type == "LSCDRIFT" and not values.get("L")):
            last = name
        line.append(name)
    return line


def command_file(lattice: Lattice, reference: Reference, name: str, file: str, losses: Losses) -> str:
    """Return the commands that say what is known at the beginning of a lattice."""
    for attribute in ("s", "t"):
        if getattr(reference, attribute):
            losses.note("reference", attribute, getattr(reference, attribute))
    parts = []
    species = commands.particle(reference.species, losses)
    if species:
        parts.append(spelling.namelist("change_particle", species))
    setup: dict[str, Any] = {"lattice": file, "use_beamline": name, "p_central_mev": reference.p0c / commands.MEV}
    parts.append(spelling.namelist("run_setup", setup))
    twiss = {word: lattice.beginning[ours] for word, ours in commands.TWISS.items() if ours in lattice.beginning}
    if twiss:
        parts.append(spelling.namelist("twiss_output", {"matched": 0, **twiss}))
    return "\n" + "\n\n".join(parts) + "\n"


def _is_own(beside: Beside) -> bool:
    there = beside.path(COMMANDS)
    return not there.exists() or there.read_text(encoding="utf-8", errors="replace").startswith(MARK)


def _report(lattice: Lattice, losses: Losses) -> None:
    """Report what is said of the lattice, and elegant has no place for."""
    if lattice.geometry != "open":
        losses.note("lattice", "geometry", lattice.geometry)
    known = commands.TWISS.values()
    for name, value in lattice.beginning.items():
        if name not in known or not isinstance(value, (int, float)):
            losses.note("beginning", str(name), value)
    for name, value in lattice.metadata.items():
        losses.note("lattice", str(name), value)
