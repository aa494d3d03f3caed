"""Reads Bmad lattice files."""

from __future__ import annotations

from pathlib import Path

from caraval.core.lattice import Lattice
from caraval.core.losses import Losses

from . import branches, control, lattices, multipass
from .interpreter import Interpreter
from .positions import Place


def read(path: str | Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Lattice:
    """Read a lattice file.

    Parameters
    ----------
    path : str or Path
    line : str, optional
        Line to take; left out: the one that the file says to use.
    branch : str or int, optional
        Name or number of the branch to take, where the file uses several lines; left out: the first.
    losses : Losses, optional
        Collects what cannot be carried; left out: what changes the tracking is an error.

    Raises
    ------
    LatticeError
        If the file makes no sense, or says what Caraval does not understand; with file, line and column.
    UnknownNameError
        If there is no such branch.
    """
    path = Path(path)
    state = Interpreter(line, losses)
    state.run(path, str(path))
    lines = branches.used(state, Place(str(path), 1, 1))
    if not state.branches:
        state.branches = branches.expand(state, lines, separate=bool(control.controllers(state)))
    chosen = branches.choose([found.name for found in state.branches], branch)
    found = state.branches[chosen]
    branches.superimpose_others(state, state.branches)
    control.act(state)
    multipass.share(state.branches)
    branches.arrange(state.branches)
    return lattices.lattice(state, found, state.losses)
