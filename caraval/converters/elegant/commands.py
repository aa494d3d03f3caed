"""What a command file says of the lattice: which it is, its beamline, the beam's momentum, and settings of elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from caraval.converters.files import is_file
from caraval.core.errors import CaravalError, LatticeError
from caraval.core.losses import Losses
from caraval.core.reference import Reference, Species, as_species

from .namelists import MACRO, Namelist, namelists
from .positions import Place
from .rpn import Calculator
from .words import of_commands

MEV = 1e6

CHANGES = of_commands("changes")
"""Commands that change the lattice before anything is tracked."""

INERT = of_commands("inert")
"""Commands that do not concern it."""

PARTICLES = ("electron", "positron", "proton", "muon")
"""Species that elegant has a name for."""

_ONE_RUN = (["run_setup"], ["change_particle", "run_setup"])
"""Commands that say one reference."""

TWISS = {
    "beta_x": "beta_a", "alpha_x": "alpha_a", "eta_x": "eta_x", "etap_x": "etap_x", "beta_y": "beta_b", "alpha_y": "alpha_b",
    "eta_y": "eta_y", "etap_y": "etap_y",
}  # fmt: skip
"""What ``&twiss_output`` calls the parameters at the beginning where they are not matched, and what Bmad does."""


@dataclass
class Setup:
    """What a command file says.

    Attributes
    ----------
    lattice : Path
    line : str
        Name of the beamline; empty: as the lattice file says.
    reference : Reference, optional
    always_change_p0 : bool
        Whether every cavity changes the reference momentum.
    alterations : list of Namelist
        Settings to change, in order.
    beginning : dict
        Twiss parameters at the beginning, by Bmad's names.
    """

    place: Place
    lattice: Path
    line: str
    reference: Reference | None
    always_change_p0: bool = False
    alterations: list[Namelist] = field(default_factory=list)
    beginning: dict[str, float] = field(default_factory=dict)


def read(path: Path, calculator: Calculator, losses: Losses) -> Setup:
    """Read a command file as far as it is about the lattice.

    Raises
    ------
    LatticeError
        If it names no lattice, or makes no sense.
    """
    species = as_species("electron")
    setup: Setup | None = None
    for command in namelists(path, str(path), calculator):
        if command.command == "change_particle":
            species = _species(command, calculator)
        elif command.command == "run_setup":
            if setup is not None:
                losses.note("run_setup", "", "a second run", place=command.place)
                break
            setup = _setup(command, path, species, calculator, losses)
        elif command.command == "alter_elements" and setup is not None:
            setup.alterations.append(command)
        elif command.command == "twiss_output" and setup is not None and command.values.get("matched", "1").strip() == "0":
            setup.beginning.update(_beginning(command, calculator, losses))
        elif command.command in CHANGES:
            losses.physics(command.command, "", "a command that changes the lattice", place=command.place)
        elif command.command not in INERT:
            losses.note(command.command, "", "a command for elegant", place=command.place)
    if setup is None:
        raise Place(str(path), 1, 1).error("the file has no &run_setup, which says what the lattice is")
    return setup


def beside(path: Path) -> tuple[str, Reference | None]:
    """Return beamline and reference that the command files beside a lattice file agree on; whatever they do not: nothing."""
    lines, references = set(), []
    for other in sorted(path.parent.glob("*.ele")):
        calculator = Calculator()
        try:
            commands = [c for c in namelists(other, str(other), calculator) if c.command in ("run_setup", "change_particle")]
            *particle, setup = commands
            if [c.command for c in commands] not in _ONE_RUN or Path(setup.text("lattice")).name != path.name:
                continue
            species = _species(particle[0], calculator) if particle else as_species("electron")
            lines.add(setup.text("use_beamline"))
            references.append(_reference(setup, species, calculator))
        except (CaravalError, OSError, ValueError):  # also one without such commands
            continue
    agreed = references[0] if references and all(r == references[0] for r in references) else None
    return (lines.pop() if len(lines) == 1 else ""), agreed


def _beginning(command: Namelist, calculator: Calculator, losses: Losses) -> dict[str, float]:
    """Return the Twiss parameters at the beginning."""
    found = {}
    for name in TWISS.keys() & command.values.keys():
        try:
            found[TWISS[name]] = command.number(name, calculator)
        except LatticeError:
            losses.note(command.command, name, command.values[name], place=command.places[name])
    return found


def _setup(command: Namelist, path: Path, species: Species, calculator: Calculator, losses: Losses) -> Setup:
    name = command.text("lattice")
    if not name:
        raise command.place.error("&run_setup names no lattice")
    lattice = path.parent / name
    if not is_file(lattice):
        raise command.places["lattice"].error(f"there is no lattice file {name!r}")
    macros = [key for key in ("p_central", "p_central_mev") if MACRO.search(command.values.get(key, ""))]
    for key in macros:
        losses.note("run_setup", key, command.values[key], "a lattice without reference", place=command.places[key])
    return Setup(
        command.place,
        lattice,
        command.text("use_beamline"),
        None if macros else _reference(command, species, calculator),
        bool(command.number("always_change_p0", calculator)),
    )


def _reference(command: Namelist, species: Species, calculator: Calculator) -> Reference | None:
    """Return the reference at the beginning: ``p_central`` is in units of ``m c``, ``p_central_mev`` in MeV/c."""
    relative = command.number("p_central", calculator)
    momentum = command.number("p_central_mev", calculator)
    if relative and momentum:
        raise command.places["p_central_mev"].error("p_central and p_central_mev say the same; give one")
    p0c = relative * species.mass or momentum * MEV
    if p0c < 0:
        raise command.place.error(f"the momentum must be positive, not {p0c:g} eV/c")
    return Reference(species, p0c) if p0c else None


def _species(command: Namelist, calculator: Calculator) -> Species:
    name = command.text("name") or "electron"
    if name.lower() != "custom":
        try:
            return as_species(name)
        except CaravalError as error:
            raise command.place.error(str(error)) from None
    electron = as_species("electron")
    mass, charge = (command.number(f"{what}_ratio", calculator) for what in ("mass", "charge"))
    try:
        return Species("custom", electron.mass * mass, electron.charge * charge)
    except CaravalError as error:
        raise command.place.error(str(error)) from None


def particle(species: Species, losses: Losses) -> dict[str, str | float]:
    """Return what is given to ``change_particle``; nothing for electrons."""
    if as_species("electron") == species:
        return {}
    if species.name in PARTICLES and as_species(species.name) == species:
        return {"name": species.name}
    electron = as_species("electron")
    losses.note("reference", "species", species.name, "a custom particle of the same mass and charge")
    ratios = {"mass_ratio": species.mass / electron.mass, "charge_ratio": species.charge / electron.charge}
    return {"name": "custom", **ratios}
