"""Beams (MAD-X manual, "Beam Handling Statements")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

from caraval.core.losses import Losses
from caraval.core.reference import Reference, Species, as_species

from .definitions import Doubt
from .functions import CONSTANTS
from .source import Place

_GEV = 1e9
_LIGHT = CONSTANTS["clight"] * 1e-9

_NAMES = {
    "positron": ("positron", "emass", 1.0),
    "electron": ("electron", "emass", -1.0),
    "proton": ("proton", "pmass", 1.0),
    "antiproton": ("antiproton", "pmass", -1.0),
    "posmuon": ("antimuon", "mumass", 1.0),
    "negmuon": ("muon", "mumass", -1.0),
    "ion": ("", "umass", 1.0),
}
"""Particles that MAD-X knows: what Caraval calls them, the constant that is their mass, and their charge."""

_NAMELESS = "default"
"""What MAD-X calls a particle of which the mass alone is said."""

_ENERGIES = ("energy", "pc", "gamma", "beta", "brho")
"""What may say the energy, in the order of precedence."""

SMALLEST = 1e-9
"""Charges must be larger in magnitude, and smaller than the inverse [elementary charges]."""

_SAME_MASS = 1e-6
"""Masses that differ relatively by less are values of one constant, from different years."""


@dataclass
class Beam:
    """A beam: energies in GeV, charge in elementary charges.

    Attributes
    ----------
    others : dict
        Numbers on which the lattice does not hang.
    """

    particle: str = "positron"
    mass: float = CONSTANTS["emass"]
    charge: float = 1.0
    energy: float = 1.0
    others: dict[str, float] = field(default_factory=dict)
    place: Place | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def pc(self) -> float:
        """Momentum times the speed of light [GeV]."""
        return sqrt(max(0.0, (self.energy - self.mass) * (self.energy + self.mass)))

    def numbers(self) -> dict[str, float]:
        """Return all numbers by name."""
        pc = self.pc
        return {
            "ex": 1.0, "ey": 1.0, "et": 1.0, "kbunch": 1.0, "npart": 0.0, "bcurrent": 0.0, "bv": 1.0, **self.others,
            "mass": self.mass, "charge": self.charge, "energy": self.energy, "pc": pc, "gamma": self.energy / self.mass,
            "beta": pc / self.energy, "brho": pc / (abs(self.charge) * _LIGHT),
        }  # fmt: skip

    def update(self, particle: str | None, numbers: dict[str, float], doubts: tuple[Doubt, ...], place: Place) -> None:
        """Change what is said, as MAD-X 5.09 does; the energy stays, unless it is said anew.

        A mass without a particle makes it one of no name. Mass and charge count for particles that MAD-X does not know, where
        they are named or weighed, and for ions.

        Raises
        ------
        LatticeError
            If the particle cannot have that energy.
        """
        self.place = place
        self.doubts = tuple(dict.fromkeys((*self.doubts, *doubts)))
        if particle is None and "mass" in numbers:
            particle = _NAMELESS
        if particle is not None:
            self.particle = particle
            _, constant, self.charge = _NAMES.get(particle, _NAMES["positron"])
            self.mass = CONSTANTS[constant]
        if self.particle == "ion" or (particle is not None and particle not in _NAMES):
            self.mass, self.charge = numbers.get("mass", self.mass), numbers.get("charge", self.charge)
        if not (self.mass > 0 and isfinite(self.mass) and SMALLEST < abs(self.charge) < 1 / SMALLEST):
            raise place.error(f"a particle of mass {self.mass} GeV and charge {self.charge} e makes no beam")
        said = next((name for name in _ENERGIES if name in numbers), None)
        if said is not None:
            self._set_energy(said, numbers[said], place)
        elif not self.energy > self.mass:
            raise place.error(f"the energy {self.energy} GeV is not above the mass {self.mass} GeV; give 'energy' or 'pc'")
        if not isfinite(_GEV * self.pc):
            raise place.error(f"the energy {self.energy} GeV is too large")
        known = {"mass", "charge", *_ENERGIES}
        self.others.update({name: value for name, value in numbers.items() if name not in known})

    def _set_energy(self, name: str, value: float, place: Place) -> None:
        least = {"energy": self.mass, "gamma": 1.0}.get(name, 0.0)
        if not value > least or (name == "beta" and value >= 1):
            raise place.error(f"{name} must be above {least}{' and below 1' * (name == 'beta')}, not {value}")
        if name == "energy":
            self.energy = value
        elif name == "gamma":
            self.energy = value * self.mass
        elif name == "beta":
            self.energy = self.mass / sqrt((1 - value) * (1 + value))
        else:
            pc = value if name == "pc" else value * abs(self.charge) * _LIGHT
            self.energy = sqrt(pc * pc + self.mass * self.mass)

    def reference(self) -> Reference:
        """Return the reference particle: of MAD-X's momentum, and Caraval's mass."""
        name, known = _NAMES.get(self.particle, ("", "", 0.0))[0], None
        if name:
            known = as_species(name)
            if abs(known.mass / (self.mass * _GEV) - 1) > _SAME_MASS or known.charge != self.charge:
                known = None
        return Reference(known or Species(self.particle, self.mass * _GEV, self.charge), self.pc * _GEV)


def said(reference: Reference, losses: Losses) -> dict[str, Any]:
    """Return the attributes of ``beam`` that say a reference particle."""
    species = reference.species
    pc = reference.p0c / _GEV
    name = next((word for word, (known, _, _) in _NAMES.items() if known == species.name), "")
    if name and as_species(species.name) == species:
        return {"particle": name, "pc": pc}
    word = re.sub(r"\W", "_", species.name.lower())
    if word != species.name or word in _NAMES:
        word = f"x{word}" if word in _NAMES or not word[:1].isalpha() else word
        losses.note("reference", "species", species.name, f"a particle called {word}")
    return {"particle": word, "mass": species.mass / _GEV, "charge": species.charge, "pc": pc}
