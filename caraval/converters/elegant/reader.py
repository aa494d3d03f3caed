"""Reads elegant's lattice files (``.lte``) and the command files that name them (``.ele``)."""

from __future__ import annotations

from pathlib import Path

from caraval.converters.files import contents
from caraval.core.errors import UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.core.reference import Reference, as_species

from . import alterations, commands
from .commands import Setup
from .conversion import converted
from .definitions import Beamline, Member
from .expansion import expanded
from .interpreter import Interpreter
from .namelists import RUN_SETUP
from .positions import Place
from .rpn import Calculator
from .setting import Surroundings


def read(path: str | Path, line: str | None = None, branch: str | int | None = None, losses: Losses | None = None) -> Lattice:
    """Read a lattice file, or the one that a command file names.

    Parameters
    ----------
    path : str or Path
        A lattice file; or a command file, which says beamline and momentum besides. Without one, command files beside the
        lattice file that name it say them, as far as they agree.
    line : str, optional
        Beamline to take; left out: as the command file says, then as ``USE`` says, then the last.
    branch : str or int, optional
        Files of elegant have one branch only.
    losses : Losses, optional
        Hears of what is not carried; left out: what changes the tracking is an error.

    Raises
    ------
    LatticeError
        If the file makes no sense, or says what Caraval does not understand; with file, line and column.
    UnknownNameError
        If there is no such branch.
    """
    path = Path(path)
    losses = losses or Losses()
    calculator = Calculator(losses)
    if is_command_file(path):
        said = commands.read(path, calculator, losses)
    else:
        name, reference = commands.beside(path)
        said = Setup(Place(str(path), 1, 1), path, name, reference)
    state = Interpreter(losses, calculator)
    state.run(said.lattice, str(said.lattice))
    beamline = _chosen(state, said, line)
    if branch not in (None, 0) and str(branch).upper() != beamline.name:
        raise UnknownNameError(f"no branch {branch!r}; there is 0: {beamline.name!r}")
    return _lattice(state, said, beamline, losses)


def is_command_file(path: Path) -> bool:
    """Whether a file is a command file rather than a lattice file."""
    suffix = path.suffix.lower()
    return suffix == ".ele" or (suffix != ".lte" and RUN_SETUP.search(contents(path, str(path))) is not None)


def _chosen(state: Interpreter, said: Setup, line: str | None) -> Beamline:
    """Return the line to take."""
    if not state.lines:
        raise Place(str(said.lattice), 1, 1).error("the file defines no line; a lattice is 'name: LINE=(member, ...)'")
    name, place = next(reversed(state.lines)), said.place
    if line is not None:
        name = line
    elif said.line:
        name = said.line
    elif state.used is not None:
        name, place = state.used
    for known in (name, name.upper()):
        if known in state.lines:
            return state.lines[known]
    raise place.error(f"no line {name!r} is defined{suggest(name, state.lines)}")


def _lattice(state: Interpreter, said: Setup, beamline: Beamline, losses: Losses) -> Lattice:
    members = expanded(beamline, state.elements, state.lines)
    if said.alterations:
        elements = {member.element.name: member.element for member in members}
        for command in said.alterations:
            alterations.alter(elements, command, state.calculator, losses)
        members = [Member(elements[element.name], turned) for element, turned in members]
    reference: Reference | None = said.reference
    species = as_species("electron") if reference is None else reference.species
    here = Surroundings(species, reference, always_change_p0=said.always_change_p0)
    elements_made = converted(members, here, losses)
    metadata = {"title": state.title} if state.title else {}
    return Lattice(elements_made, reference=reference, name=beamline.name, beginning=said.beginning, metadata=metadata)
