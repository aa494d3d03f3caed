"""The reference particle where a branch begins."""

from __future__ import annotations

from math import cos, hypot, pi

from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.reference import Reference, Species, as_species

from .definitions import Element, Setting, Settings
from .positions import Place

SPECIES = "positron"
"""The reference species where the file names none."""

OF_GUNS = ("l", "voltage", "gradient", "phi0", "rf_frequency", "delta_e_ref")
"""Attributes of an electron gun that say its energy gain."""

GAMMA = 1000.0
"""The reference energy over the rest energy where the file gives none."""

ENERGIES = ("p0c", "e_tot")
"""Parameters, either of which says the reference energy."""

INSTEAD = {
    "p0c": {"e_tot"}, "e_tot": {"p0c"},
    "harmon": {"rf_frequency", "harmon_master"}, "rf_frequency": {"harmon", "harmon_master"},
}  # fmt: skip
"""Parameters and attributes that say the same as another, which no longer counts once they are set."""


def put(settings: Settings, name: str, setting: Setting) -> None:
    """Set a parameter or an attribute; of those that say the same, the last counts."""
    for other in INSTEAD.get(name, ()):
        settings.pop(other, None)
    settings[name] = setting


def with_mass(settings: Settings, losses: Losses) -> Settings:
    """Return what is said of a beginning, with particles of the same momentum in place of photons, which is a loss.

    Raises
    ------
    LatticeError
        If there are photons, and that may not be lost.
    """
    given = settings.get("particle")
    if given is None or given.word("particle") != "photon":
        return settings
    losses.physics("parameter", "particle", "photon", f"a {SPECIES} of that momentum", place=given.place)
    found = {**settings, "particle": given._replace(value=SPECIES)}
    if "e_tot" in found:
        found["p0c"] = found.pop("e_tot")
    return found


def species(settings: Settings, place: Place) -> Species:
    """Return the reference species.

    Raises
    ------
    LatticeError
        If Caraval does not have it.
    """
    given = settings.get("particle")
    try:
        return as_species(SPECIES if given is None else str(given.value))
    except CaravalError as error:
        raise (given.place if given is not None else place).error(str(error)) from None


def reference(settings: Settings, place: Place, gun: Element | None = None) -> Reference:
    """Return the reference particle at the beginning.

    Parameters
    ----------
    settings : mapping
        `particle`, `p0c` or `e_tot`, `s` and `ref_time`, all of which have defaults.
    place : Place
        To blame where nothing is given.
    gun : Element, optional
        An electron gun with which the branch begins: the reference has all of its energy from the start, as in Bmad, where it
        may have none without it.

    Raises
    ------
    LatticeError
        If the energy is impossible.
    """
    particle = species(settings, place)
    s, time = (settings[name].number(name) if name in settings else 0.0 for name in ("s", "ref_time"))
    given = next((name for name in ENERGIES if name in settings), None)
    if given is None:
        return Reference.from_energy(particle, GAMMA * particle.mass + _gain(gun, GAMMA * particle.mass), s, time)
    setting = settings[given]
    value = setting.number(given)
    try:
        if gun is not None:
            energy = hypot(value, particle.mass) if given == "p0c" else value
            return Reference.from_energy(particle, energy + _gain(gun, energy), s, time)
        if given == "p0c":
            return Reference(particle, value, s, time)
        return Reference.from_energy(particle, value, s, time)
    except CaravalError as error:
        raise setting.place.error(str(error)) from None


def _gain(gun: Element | None, energy: float) -> float:
    """Return by how much a gun changes the reference energy [eV] (Bmad manual, "E_Gun")."""
    if gun is None:
        return 0.0
    given = {name: gun.settings[name].number(name) for name in OF_GUNS if name in gun.settings}
    asked = given.get("delta_e_ref")
    if asked is not None and energy + asked >= 0:
        return asked
    voltage = given["voltage"] if "voltage" in given else given.get("gradient", 0.0) * given.get("l", 0.0)
    return voltage * cos(2 * pi * given.get("phi0", 0.0)) if given.get("rf_frequency") else voltage
