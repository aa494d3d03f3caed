"""Reads MAD-X lattice files."""

from __future__ import annotations

from pathlib import Path

from caraval.core.errors import LatticeError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from . import expansion
from .building import built, sequence_of
from .definitions import Used
from .interpreter import Interpreter
from .source import Place


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
    return built(state, chosen(state, line, branch, Place(str(path), 1, 1))).lattice


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
