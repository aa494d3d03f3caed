"""Kinds of particles, by the names that Bmad and openPMD give them: leptons, hadrons, atoms, ions and molecules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from scipy import constants

from .errors import InputError, UnknownNameError, suggest

_MEV = 1e6


def _rest_energy(particle: str) -> float:
    """Rest energy [eV], CODATA by way of SciPy (2022 from SciPy 1.15 on)."""
    return constants.physical_constants[f"{particle} mass energy equivalent in MeV"][0] * _MEV


ELECTRON_MASS = _rest_energy("electron")
"""Rest energy of the electron [eV]."""

ATOMIC_MASS = constants.physical_constants["atomic mass constant energy equivalent in MeV"][0] * _MEV
"""Energy of one atomic mass unit [eV]."""

PION_MASS, NEUTRAL_PION_MASS = 139.57018e6, 134.9766e6
"""Rest energies of the pions [eV] (Bmad manual, "Units and Constants")."""


@dataclass(frozen=True)
class Species:
    """A kind of particle.

    Attributes
    ----------
    name : str
    mass : float
        Rest energy [eV].
    charge : float
        In units of the elementary charge.
    """

    name: str
    mass: float
    charge: float

    def __post_init__(self) -> None:
        if not (self.mass > 0 and self.mass < float("inf")):
            raise InputError(f"species {self.name!r}: mass must be a positive rest energy in eV, not {self.mass!r}")


KNOWN = {
    species.name: species
    for species in (
        Species("electron", ELECTRON_MASS, -1),
        Species("positron", ELECTRON_MASS, +1),
        Species("proton", _rest_energy("proton"), +1),
        Species("antiproton", _rest_energy("proton"), -1),
        Species("neutron", _rest_energy("neutron"), 0),
        Species("anti_neutron", _rest_energy("neutron"), 0),
        Species("muon", _rest_energy("muon"), -1),
        Species("antimuon", _rest_energy("muon"), +1),
        Species("pion+", PION_MASS, +1),
        Species("pion-", PION_MASS, -1),
        Species("pion0", NEUTRAL_PION_MASS, 0),
        Species("deuteron", _rest_energy("deuteron"), +1),
        Species("anti_deuteron", _rest_energy("deuteron"), -1),
        Species("triton", _rest_energy("triton"), +1),
        Species("helion", _rest_energy("helion"), +2),
        Species("anti_helion", _rest_energy("helion"), -2),
        Species("alpha", _rest_energy("alpha particle"), +2),
    )
}
"""Subatomic particles by name."""
_OTHER_NAMES = {
    "e-": "electron", "e+": "positron", "anti_electron": "positron", "antielectron": "positron",
    "pbar": "antiproton", "anti_proton": "antiproton", "antineutron": "anti_neutron",
    "mu-": "muon", "mu+": "antimuon", "muon-": "muon", "muon+": "antimuon", "anti_muon": "antimuon",
    "pi+": "pion+", "pi-": "pion-", "pi0": "pion0", "antideuteron": "anti_deuteron", "deuterium": "deuteron",
    "he3": "helion", "antihelion": "anti_helion",
}  # fmt: skip
"""Other names of particles, in any case of their letters."""

_EXACT_NAMES = {"p": "proton", "p+": "proton", "p-": "antiproton"}
"""Other names in which the case matters: ``P+`` is phosphorus."""


@cache
def _named(name: str) -> Species | None:
    lower = name.lower()
    known = _EXACT_NAMES.get(name) or _OTHER_NAMES.get(lower, lower)
    return KNOWN.get(known) or _composed(name)


def as_species(species: Species | str) -> Species:
    """Return the species of a name, or the one given.

    Subatomic particles have names (``"electron"``, ``"antiproton"``, ``"pion+"``, ``"deuteron"``, ``"mu+"``); the case of
    their letters does not matter. Atoms, ions and molecules are written as in Bmad (Bmad manual, "Particle Species Names"),
    and case matters: ``"#12C+6"`` is a bare nucleus of carbon 12, ``"He--"`` and ``"H2+"`` have the mass of the natural
    mixture, ``"antiAu-79"`` is of antimatter, ``"C2H3@M28.4+"`` and ``"@M37.54++"`` say the mass in atomic units. Their
    rest energy is that of the neutral atoms less the electrons that are missing; the electrons' binding is neglected.

    Raises
    ------
    UnknownNameError
        If no species has that name; make one with ``Species(name, mass=..., charge=...)``.
    """
    if isinstance(species, Species):
        return species
    name = re.sub(r"\s", "", str(species))
    found = _named(name)
    if found is None:
        raise UnknownNameError(
            f"unknown species {species!r}{suggest(name.lower(), KNOWN)}; known are {', '.join(KNOWN)}, ions such as "
            "#12C+6, Au+79 or H-, or give Species(name, mass=<rest energy in eV>, charge=<in e>)"
        )
    return found


# -------------------------------------------------------------------- atoms, ions and molecules


class Isotope(NamedTuple):
    """Mass of the neutral atom [u], and its share in the natural mixture."""

    mass: float
    abundance: float


class Atom(NamedTuple):
    """A chemical element: atomic number, standard atomic weight [u] if it is one number, isotopes by number of nucleons."""

    number: int
    weight: float | None
    isotopes: dict[int, Isotope]

    def average(self) -> float | None:
        """Return the mean mass in the natural mixture [u]; None for elements that nature does not have."""
        if self.weight is not None:
            return self.weight
        natural = [isotope for isotope in self.isotopes.values() if isotope.abundance]
        total = sum(isotope.abundance for isotope in natural)
        return sum(isotope.mass * isotope.abundance for isotope in natural) / total if natural else None


@cache
def atoms() -> dict[str, Atom]:
    """Return the chemical elements by symbol; sources are in the table."""
    found = {}
    for line in (files(__package__) / "isotopes.txt").read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        symbol, numbers, *isotopes = line.split()
        number, _, weight = numbers.partition("=")
        fields = (isotope.split(":") for isotope in isotopes)
        found[symbol] = Atom(
            int(number),
            float(weight) if weight else None,
            {int(a): Isotope(float(m), float(*share or "0")) for a, m, *share in fields},
        )
    return found


_COMPOSED = re.compile(
    r"(?P<anti>anti)?(?:\#(?P<nucleons>\d+))?(?P<formula>(?:[A-Z][a-z]?\d*)*)(?:@M(?P<mass>\d+\.?\d*))?(?P<charge>\++|-+|[+-]\d+)?"
)

_HEAVY_HYDROGEN = {"D": 2, "T": 3}
"""Symbols of hydrogen with more nucleons."""


def _composed(name: str) -> Species | None:
    """Return what a formula with a charge says, or None where it is none."""
    match = _COMPOSED.fullmatch(name)
    if match is None or not (match["formula"] or match["mass"]):
        return None
    parts = [(symbol, int(count or 1)) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", match["formula"])]
    if any(symbol not in atoms() and symbol not in _HEAVY_HYDROGEN for symbol, _ in parts):
        return None
    if match["nucleons"] and [count for _, count in parts] != [1]:
        raise UnknownNameError(f"species {name!r}: a number of nucleons goes with a single atom, such as #12C+6")
    charge = _charge(match["charge"] or "")
    removed = -charge if match["anti"] else charge
    electrons = sum(_atomic_number(symbol) * count for symbol, count in parts)
    if parts and removed > electrons:
        raise UnknownNameError(f"species {name!r}: there are only {electrons} electrons to take away")
    if match["mass"]:
        mass = float(match["mass"])
    else:
        nucleons = int(match["nucleons"]) if match["nucleons"] else None
        mass = sum(_mass(name, symbol, nucleons) * count for symbol, count in parts)
    stem = name.removesuffix(match["charge"]) if match["charge"] else name
    return Species(stem + _written(charge), mass * ATOMIC_MASS - removed * ELECTRON_MASS, charge)


def _atomic_number(symbol: str) -> int:
    return 1 if symbol in _HEAVY_HYDROGEN else atoms()[symbol].number


def _mass(name: str, symbol: str, nucleons: int | None) -> float:
    """Return the mass of a neutral atom [u]."""
    if symbol in _HEAVY_HYDROGEN:
        symbol, nucleons = "H", _HEAVY_HYDROGEN[symbol]
    atom = atoms()[symbol]
    if nucleons is None:
        average = atom.average()
        if average is None:
            least, most = min(atom.isotopes), max(atom.isotopes)
            raise UnknownNameError(
                f"species {name!r}: nature has no {symbol}; say which, from #{least}{symbol} to #{most}{symbol}"
            )
        return average
    if nucleons not in atom.isotopes:
        known = ", ".join(f"#{a}{symbol}" for a in atom.isotopes)
        raise UnknownNameError(f"species {name!r}: the mass of #{nucleons}{symbol} is not known; known are {known}")
    return atom.isotopes[nucleons].mass


def _charge(text: str) -> int:
    """Return the charge that ``+6``, ``++`` or ``-`` says."""
    if text[1:].isdigit():
        return int(text)
    return len(text) * (-1 if text.startswith("-") else 1)


def _written(charge: int) -> str:
    """Return how a charge is written."""
    return f"{charge:+d}" if abs(charge) > 1 else {1: "+", 0: "", -1: "-"}[charge]
