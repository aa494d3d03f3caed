"""The reference particle: species, momentum, place and time at a point of the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import constants

from .arrays import expand, is_number, namespace, same
from .errors import InputError
from .species import Species, as_species
from .tree import tree

__all__ = ["C_LIGHT", "Reference", "Species", "as_species", "reference_from", "reference_given"]

C_LIGHT: float = constants.speed_of_light
"""Speed of light in vacuum [m/s]."""


@tree
@dataclass(frozen=True, eq=False)
class Reference:
    """The reference particle at a point of the line.

    Attributes
    ----------
    species : Species
        Or its name.
    p0c : number or array
        Momentum times the speed of light [eV].
    s : number or array
        Path length from the start of the line [m].
    t : number or array
        Time [s].
    """

    species: Species
    p0c: Any
    s: Any = 0.0
    t: Any = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "species", as_species(self.species))
        for name in ("p0c", "s", "t"):
            object.__setattr__(self, name, _quantity(name, getattr(self, name)))
        if isinstance(self.p0c, (float, np.ndarray)) and not np.all(np.asarray(self.p0c) > 0):
            raise InputError(f"p0c must be a positive momentum in eV, not {self.p0c!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reference):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in ("species", "p0c", "s", "t"))

    def __hash__(self) -> int:
        return hash((self.species, *(value for value in (self.p0c, self.s, self.t) if is_number(value))))

    @classmethod
    def from_energy(cls, species: Species | str, energy: Any, s: Any = 0.0, t: Any = 0.0) -> Reference:
        """Return the reference of a total energy [eV].

        Raises
        ------
        InputError
            If the energy is not above the rest energy of the species.
        """
        species = as_species(species)
        least = energy if is_number(energy) else np.min(energy) if isinstance(energy, np.ndarray) else None
        if least is not None and not least > species.mass:
            raise InputError(
                f"total energy {least:g} eV is not above the rest energy of the {species.name}, {species.mass:g} eV"
            )
        xp = namespace(energy)
        return cls(species, xp.sqrt((energy - species.mass) * (energy + species.mass)), s, t)

    @property
    def energy(self) -> Any:
        """Total energy [eV]."""
        return namespace(self.p0c).sqrt(self.p0c**2 + self.species.mass**2)

    @property
    def gamma(self) -> Any:
        """Lorentz factor."""
        return self.energy / self.species.mass

    @property
    def beta(self) -> Any:
        """Speed over the speed of light."""
        return self.p0c / self.energy

    @property
    def rigidity(self) -> Any:
        """Signed magnetic rigidity p0 / q [T m].

        Raises
        ------
        InputError
            If the particles are neutral.
        """
        if self.species.charge == 0:
            raise InputError(f"{self.species.name} is neutral and has no magnetic rigidity; an ion is written such as #12C+6")
        return self.p0c / (self.species.charge * C_LIGHT)

    def drifted(self, length: Any) -> Reference:
        """Return the reference after a field-free or purely magnetic length [m]."""
        if is_number(length) and length == 0:
            return self
        return replace(self, s=self.s + length, t=self.t + length / (self.beta * C_LIGHT))

    def with_energy(self, energy: Any) -> Reference:
        """Return the reference at the same place and time with another total energy [eV]."""
        return replace(Reference.from_energy(self.species, energy), s=self.s, t=self.t)

    def expanded(self) -> Reference:
        """Return the reference with a trailing axis of one on its arrays, for the particles."""
        return _reference(self.species, expand(self.p0c), expand(self.s), expand(self.t))

    def with_values(self, values: Mapping[str, Any]) -> Reference:
        """Return the reference with other values, unchecked: they may be traced, or not known yet."""
        return _reference(**{**self.__dict__, **values})

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Numbers and arrays; the species is fixed."""
        return (self.p0c, self.s, self.t), self.species

    @classmethod
    def tree_unflatten(cls, rest: Any, children: Any) -> Reference:
        """Put together again, unchecked."""
        return _reference(rest, *children)


def reference_from(species: Species | str, p0c: Any, energy: Any, s: Any, t: Any) -> Reference:
    """Return the reference from its momentum or its energy, one of which must be given."""
    if (p0c is None) == (energy is None):
        raise InputError("a beam needs its reference momentum p0c or its reference energy [eV], one of them")
    if energy is not None:
        return Reference.from_energy(species, energy, s, t)
    return Reference(as_species(species), p0c, s, t)


def reference_given(reference: Reference | None, species: Any, p0c: Any, energy: Any, s: Any, t: Any) -> Reference:
    """Return the reference, which is given whole or in parts, those left out being None.

    Raises
    ------
    InputError
        If it is given both ways.
    """
    if reference is None:
        return reference_from(species or "electron", p0c, energy, 0.0 if s is None else s, 0.0 if t is None else t)
    if any(value is not None for value in (species, p0c, energy, s, t)):
        raise InputError("give the reference, or species, p0c or energy, s and t, not both")
    return reference


def _reference(species: Species, p0c: Any, s: Any, t: Any) -> Reference:
    """Make a reference without any check: inside traces the values may be anything."""
    reference = object.__new__(Reference)
    for name, value in zip(("species", "p0c", "s", "t"), (species, p0c, s, t), strict=True):
        object.__setattr__(reference, name, value)
    return reference


def _quantity(name: str, value: Any) -> Any:
    """Return a plain number as a float and an array as it is; refuse what is neither, and what is not finite."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if is_number(value) or isinstance(value, (np.floating, np.integer)):
        value = float(value)
        if value - value != 0:
            raise InputError(f"{name} must be finite, not {value}")
        return value
    if not hasattr(value, "shape"):
        raise InputError(f"{name} must be a number or an array, not {value!r}")
    if isinstance(value, np.ndarray) and not np.isfinite(value).all():
        raise InputError(f"{name} must be finite")
    return value
