"""Writes MAD-X lattice files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caraval.converters.shared.definitions import Definitions
from caraval.converters.shared.line import Language, Member, members
from caraval.converters.shared.plain import plain_reference
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from . import beams, spelling
from .building import geometry_of
from .functions import CONSTANTS
from .saying import SAYS, with_openings
from .vocabulary import CLASSES, COMMANDS

LANGUAGE = Language(SAYS, with_openings, drift="drift", marker="marker", length="l", has_negative_lengths=False)

RESERVED = CLASSES | COMMANDS | CONSTANTS.keys() | {"line", "sequence", "macro", "list", "const", "real", "int"}
"""Words that cannot be names."""


def write(lattice: Lattice, path: str | Path, *, losses: Losses | None = None) -> None:
    """Write a lattice, as a line with all its elements.

    MAD-X has no tracking methods, no reversed elements and openings at entrances alone: reversed elements are written as what
    they are to the beam, and openings at exits as collimators without length. Elements of one name that differ get names of
    their own.

    Parameters
    ----------
    lattice : Lattice
        Settings are plain numbers, or arrays of one.
    path : str or Path
    losses : Losses, optional
        Collects what MAD-X cannot say; left out: what changes the tracking is an error.

    Raises
    ------
    LatticeError
        If a setting is a batch or hidden by a trace; or if what cannot be carried changes the tracking and may not be lost.
    """
    Path(path).write_text(text(lattice, losses or Losses()), encoding="utf-8", newline="\n")


def text(lattice: Lattice, losses: Losses) -> str:
    """Return what :func:`write` writes."""
    name = spelling.name(lattice.name) if lattice.name else "lattice"
    parts = _without_ends(members(lattice, LANGUAGE, losses), lattice.name)
    taken = {*RESERVED, name}
    definitions = Definitions((part.name for part in parts), spelling.name, taken, losses)
    if any(part.name != part.name.lower() for part in parts):
        losses.note("lattice", "names", "capital letters", "small ones, which are the same to MAD-X")
    line = [definitions.name(n, said.keyword, spelling.statement(said.keyword, said.values)) for n, said in parts]
    if name in RESERVED or name in definitions.bodies:
        name = f"{name}_line"
    _report(lattice, losses)
    statements = [
        *_beam(lattice, losses),
        *(f"{key}: {body}" for key, body in definitions.bodies.items()),
        spelling.line(name, line),
        f"use, sequence = {name}",
    ]
    return "! Written by Caraval\n\n" + "".join(f"{statement};\n" for statement in statements)


def _without_ends(parts: Sequence[Member], name: str) -> Sequence[Member]:
    """Leave out the markers that MAD-X puts at the ends of a sequence by itself."""
    first = bool(parts) and parts[0].name == f"{name}$start" and not parts[0].said.values
    last = len(parts) > 2 and parts[-1].name == f"{name}$end" and not parts[-1].said.values
    return parts[first : len(parts) - last]


def _beam(lattice: Lattice, losses: Losses) -> list[str]:
    if lattice.reference is None:
        losses.physics("lattice", "reference", None, "MAD-X's own: positrons of 1 GeV")
        return []
    reference = plain_reference(lattice.reference)
    for name in ("s", "t"):
        if getattr(reference, name):
            losses.note("reference", name, getattr(reference, name))
    return [spelling.statement("beam", beams.said(reference, losses))]


def _report(lattice: Lattice, losses: Losses) -> None:
    """Report what is said of the lattice, and MAD-X has no place for."""
    found = geometry_of(list(lattice.elements))
    if lattice.geometry != found:
        losses.note("lattice", "geometry", lattice.geometry, f"{found}, as its bends add up")
    groups: tuple[tuple[str, Any], ...] = (("beginning", lattice.beginning), ("lattice", lattice.metadata))
    for group, values in groups:
        for name, value in values.items():
            losses.note(group, str(name), value)
