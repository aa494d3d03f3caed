"""From a branch to a lattice."""

from __future__ import annotations

from typing import Any, Literal

from caraval.core.coordinates import Coordinates
from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError
from caraval.core.lattice import Lattice
from caraval.core.losses import Losses
from caraval.optics.upstream import arriving, named
from caraval.physics.shared.rf.cavity import Cavity

from . import cavities, directions, flexible, forks, girders, matches, overlaps, passes, radiation, start
from .arrivals import Arrivals, settings_of
from .definitions import LOGICALS, Branch, Lord, Setting, Settings
from .elements import Converter
from .parameters import BEGINNING
from .state import State

GEOMETRIES: dict[str, Literal["open", "closed"]] = {
    "open": "open", "closed": "closed", "linear_lattice": "open", "circular_lattice": "closed",
}  # fmt: skip
"""What the geometries are called, and were called."""

COLLECTIVE = (
    "radiation_fluctuations_on", "csr_and_space_charge_on", "high_energy_space_charge_on",
)  # fmt: skip
"""Switches for what is not part of tracking through the elements; a beam is tracked without it."""

DEFAULTS = {
    "default_ds_step": 0.2, "max_aperture_limit": 1000.0, "sad_amp_max": 0.05, "sad_eps_scale": 5e-3, "sad_n_div_max": 1000.0,
}  # fmt: skip
"""Settings that the elements count on."""


def lattice(state: State, branch: Branch, losses: Losses) -> Lattice:
    """Return the lattice of a branch.

    Raises
    ------
    LatticeError
        If it has something that Caraval has not.
    """
    settings = settings_of(state, branch)
    geometry = _geometry(branch, settings)
    arrivals = Arrivals(state, losses)
    reference = arrivals.at_start(branch, losses)
    _fill_bunches(state, branch)
    _note(state, branch, losses)
    convert = Converter(state.vocabulary, losses).element
    elements = directions.told(flexible.converted(branch, convert))
    elements, known = passes.told(branch, elements, reference, arrivals.first_pass, convert)
    absolute = _check_switches(state, elements, losses)
    elements = girders.told(state, branch, elements, reference)
    elements = cavities.told(branch, elements, reference, absolute, closed=geometry == "closed")
    elements = overlaps.told(branch, elements, reference, known, losses)
    elements = radiation.told(state.parameters["bmad_com"], elements, losses)
    at_start = {name: setting for name, setting in settings.items() if name in BEGINNING - {*start.ENERGIES, "s", "ref_time"}}
    optics, orbit = _inherited(state, branch, geometry, losses)
    lattice = Lattice(
        elements,
        reference=reference,
        geometry=geometry,
        name=branch.name,
        beginning={**_plain(at_start), **optics},
        metadata={**_metadata(state), **orbit},
    )
    return matches.told(lattice, branch)


def _inherited(state: State, branch: Branch, geometry: str, losses: Losses) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Twiss parameters and the orbit that come to an open branch from the fork where it begins."""
    if branch.origin is None or geometry == "closed" or not forks.inherits(state.lines[branch.name], branch.origin.fork):
        return {}, {}
    base, fork = branch.origin
    try:
        optics = arriving(lattice(state, base, Losses("drift")), forks.place_of(base, fork))
    except CaravalError as error:
        losses.note(fork.name, "to_line", branch.name, f"without optics and orbit of {base.name!r}: {error}", place=fork.place)
        return {}, {}
    orbit = dict(zip(Coordinates._fields, optics.orbit, strict=True))
    return named(optics), {"particle_start": orbit}


def _fill_bunches(state: State, branch: Branch) -> None:
    """Put `n_part` of the lattice in the place of a beambeam's `n_particle` where that is zero."""
    number = state.parameters["parameter"].get("n_part")
    if number is None:
        return
    for element in branch.elements:
        own = element.settings.get("n_particle")
        if element.keyword == "beambeam" and (own is None or own.value == 0):
            element.settings["n_particle"] = number


def _note(state: State, branch: Branch, losses: Losses) -> None:
    """Report what is not part of the tracking through a branch: rampers, and photons that leave it."""
    for lord in state.elements.values():
        if lord.keyword == "ramper":
            losses.note(lord.name, "", lord.keyword, "kept as metadata; it acts in programs that ramp", place=lord.place)
    tracked = state.parameters["parameter"].get("default_tracking_species")
    if tracked is not None and tracked.word("default_tracking_species") != "ref_particle":
        instead = "kept as metadata; beams say which particles they have"
        losses.note("parameter", "default_tracking_species", tracked.value, instead, place=tracked.place)
    for element in branch.elements:
        if element.keyword == "photon_fork" and "to_line" in element.settings:
            line = element.settings["to_line"]
            losses.note(element.name, "to_line", line.value, "a marker; photons are not tracked", place=line.place)


def _metadata(state: State) -> dict[str, Any]:
    """Return what a file says that no element and no reference has: its title, and parameters of Bmad's programs."""
    groups = {name: _plain(settings) for name, settings in state.parameters.items() if name != "beginning"}
    lords = {lord.name: _described(lord) for lord in state.elements.values() if isinstance(lord, Lord)}
    said = {"title": state.title, **groups, "controllers": lords}
    return {name: value for name, value in said.items() if value}


def _described(lord: Lord) -> dict[str, Any]:
    """Return what a file says of an overlay or another controller, whose effect is in the elements."""
    return {"class": lord.keyword, "controls": lord.entries(), **_plain(lord.settings)}


def _plain(settings: Settings) -> dict[str, Any]:
    values = {name: setting.value for name, setting in settings.items()}
    return {name: LOGICALS.get(value.lower(), value) if isinstance(value, str) else value for name, value in values.items()}


def _geometry(branch: Branch, settings: Settings) -> Literal["open", "closed"]:
    """Return the geometry: as it is said, else open where the energy changes or photons go, and closed where neither is."""
    for name in ("geometry", "lattice_type"):
        if name in settings:
            word = settings[name].word(name)
            if word not in GEOMETRIES:
                raise settings[name].place.error(f"{name} must be open or closed, not {word!r}")
            return GEOMETRIES[word]
    is_photons = "particle" in settings and settings["particle"].word("particle") == "photon"
    return "open" if is_photons or any(element.keyword == "lcavity" for element in branch.elements) else "closed"


def _check_switches(state: State, elements: list[CaravalElement], losses: Losses) -> Setting | None:
    """Report switches that change the tracking of the elements, and those for what is added to it.

    Returns
    -------
    Setting or None
        Whether time is absolute.
    """
    switches: Settings = {**state.parameters["parameter"], **state.parameters["bmad_com"]}
    for name in COLLECTIVE:
        if name in switches and switches[name].logical(name):
            losses.note("bmad_com", name, True, "not part of the lattice here", place=switches[name].place)
    for name, default in DEFAULTS.items():
        if name in switches and switches[name].number(name) != default:
            losses.physics("bmad_com", name, switches[name].value, f"{default:g}", place=switches[name].place)
    absolute = switches.get("absolute_time_tracking")
    if absolute is not None and absolute.logical("absolute_time_tracking"):
        timed = next((element for element in elements if _has_phase(element)), None)
        if timed is not None:
            instead = f"times relative to the reference's, as of {timed.label}"
            losses.physics("parameter", "absolute_time_tracking", absolute.value, instead, place=absolute.place)
    return absolute


def _has_phase(element: Any) -> bool:
    known = isinstance(element, Cavity)
    return not known and any(bool(getattr(element, name, False)) for name in ("rf_frequency", "frequencies", "amp_vs_time"))
