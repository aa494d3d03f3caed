"""Reads MAD-X lattice files."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Literal

from caraval.core.element import Element
from caraval.core.errors import LatticeError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.physics.multipole import Multipole
from caraval.physics.sbend import SBend

from . import errors, expansion, unrolling
from .definitions import Sequence, Used
from .elements import Converter
from .interpreter import Interpreter
from .names import Names
from .source import Place
from .values import Surroundings

ROUND = 1e-3
"""How well the bends of a ring must add up to a whole turn [rad]."""


def read(path: str | Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Lattice:
    """Read a lattice file.

    Parameters
    ----------
    path : str or Path
    line : str, optional
        Sequence or line to take; left out: the one used last, or the one defined last if none is.
    branch : str or int, optional
        The same by name, or by number among those that the file uses.
    losses : Losses, optional
        Takes what cannot be carried; left out: that is an error where it changes the tracking.

    Raises
    ------
    LatticeError
        If the file makes no sense, with file, line and column.
    UnknownNameError
        If there is no such sequence.
    """
    path = Path(path)
    state = Interpreter(losses or Losses())
    state.read(path, str(path))
    return lattice(state, chosen(state, line, branch, Place(str(path), 1, 1)))


def lattice(state: Interpreter, used: Used) -> Lattice:
    """Return a sequence or a line as a lattice."""
    sequence = sequence_of(state, used.name)
    beam = state.beam_of(used.name)
    numbers = beam.numbers()
    place = beam.place or used.place
    state.report("beam", "energy", beam.doubts, place)
    if numbers.get("radiate"):
        state.losses.note("beam", "radiate", "synchrotron radiation", place=place)
    for effect in used.effects:
        state.losses.physics(effect.command, "", effect.what, place=effect.place)
    row = _of_range(state, expansion.expand(state, sequence), used)
    length = sum(placed.length for placed in row)
    around = Surroundings(
        beam.reference(), -1.0 if numbers["bv"] < 0 else 1.0, beam.charge, numbers["npart"], length, state.thin_foc
    )
    converter = Converter(state, around)
    assigned = errors.of_row(state, used, row)
    elements = [e for number, placed in enumerate(row) for e in converter.elements(placed, assigned.get(number))]
    return Lattice(elements, name=used.name, geometry=geometry_of(elements), reference=around.reference)


def _last(state: Interpreter, known: list[str], place: Place) -> Used:
    """Return the last sequence or line that is complete: files may define parts for others."""
    if not known:
        raise place.error("the file defines no sequence and no line")
    for name in reversed(known):
        try:
            expansion.expand(state, sequence_of(state, name))
        except LatticeError:
            continue
        state.losses.note(name, "", "nothing is used", "the last one that is complete", place=place)
        return Used(name, place)
    return Used(known[-1], place)


def _of_range(state: Interpreter, row: list[expansion.Placed], used: Used) -> list[expansion.Placed]:
    """Return the part of a row that is used."""
    if not used.range:
        return row
    first, last = Names(used.name, (placed.element.name for placed in row)).range(used.range)
    if first > last:
        state.losses.physics(used.name, "range", f"{used.range!r}, which is not there", "the whole", place=used.place)
        return row
    return row[first : last + 1]


def geometry_of(elements: list[Element]) -> Literal["open", "closed"]:
    """Return what MAD-X leaves open: a lattice that bends once round is a ring."""
    plane = [element.angle for element in elements if isinstance(element, SBend) and element.ref_tilt == 0]
    thin = [element.k0l or 0.0 for element in elements if isinstance(element, Multipole)]
    return "closed" if abs(abs(sum(plane) + sum(thin)) - 2 * pi) < ROUND else "open"


def sequence_of(state: Interpreter, name: str) -> Sequence:
    """Return a sequence, or a line as one."""
    return state.sequences[name] if name in state.sequences else unrolling.unrolled(state, state.lines[name])


def chosen(state: Interpreter, line: str | None, branch: str | int | None, place: Place) -> Used:
    """Return the sequence to take."""
    named = line if line is not None else branch if isinstance(branch, str) else None
    known = list(state.order)
    if named is not None:
        name = named.lower()
        if name not in known:
            raise UnknownNameError(
                f"{place.file} has no sequence or line {named!r}{suggest(name, known)}; it has {', '.join(known)}"
            )
        return next((used for used in state.used if used.name == name), Used(name, place))
    used = state.used or [_last(state, known, place)]
    if branch is None:
        return used[-1]
    if not 0 <= int(branch) < len(used):
        raise UnknownNameError(
            f"{place.file} has no branch {branch}; it uses {', '.join(u.name for u in used)}, numbered from 0"
        )
    return used[int(branch)]
